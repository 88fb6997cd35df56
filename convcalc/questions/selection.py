"""Which layers of a report to show, and in which order."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase

from convcalc.errors import NotationError, quoted
from convcalc.questions.report import LayerReport, Report

SORTED = (
    "name", "parameters", "weights", "biases", "multiplications", "multiplications_effective", "additions", "macs",
    "flops", "activations", "parameter_bytes", "activation_bytes", "bytes", "bytes_moved",
    "bytes_moved_unfused", "intensity", "share", "receptive_field", "least_seconds", "least_seconds_unfused",
)  # fmt: skip
"""The columns to sort rows by: the name, and every number that JSON has for all layers, by its key there."""


def chosen(report: Report, only: str | None, sort: str | None) -> tuple[LayerReport, ...]:
    """The layers to show, in their order. Raises NotationError for a column or a choice that does not exist."""
    layers = report.layers
    if only is not None:
        wanted = only.split(",")
        for part in wanted:
            if not any(_is(layer, part) for layer in layers):
                known = dict.fromkeys(name for layer in layers for name in (layer.kind, layer.op))
                raise NotationError(
                    f"only: no layer is {quoted(part)}; use a layer's name or one of {', '.join(known)}"
                )
        layers = tuple(layer for layer in layers if any(_is(layer, part) for part in wanted))
    if sort is not None:
        if sort not in SORTED:
            near = get_close_matches(sort, SORTED, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise NotationError(f"sort: unknown column {quoted(sort)}; {hint}the columns: {', '.join(SORTED)}")
        if sort.startswith("least_seconds") and report.machine is None:
            raise NotationError(f"sort: {sort} is the time on a machine, got none; add --peak and --bandwidth")
        if sort == "name":
            return tuple(sorted(layers, key=lambda layer: layer.name))
        layers = tuple(sorted(layers, key=lambda layer: _measure(layer, sort, report.dtype), reverse=True))
    return layers


def _measure(layer: LayerReport, column: str, dtype: str) -> float:
    """The number in a column; unknown numbers come last."""
    if column == "receptive_field":
        return max((axis.size for axis in layer.receptive_field), default=0)
    number: float | None = layer.to_dict(dtype)[column]
    return 0 if number is None else number


def _is(layer: LayerReport, wanted: str) -> bool:
    return wanted in (layer.kind, layer.op) or fnmatchcase(layer.name, wanted)
