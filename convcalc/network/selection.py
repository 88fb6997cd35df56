"""Which layers of a report to show, and in which order."""

from __future__ import annotations

from fnmatch import fnmatchcase

from convcalc.errors import NotationError
from convcalc.network.report import LayerReport, NetworkReport
from convcalc.report import memory

SORTED = (
    "parameters", "multiplications", "macs", "flops", "activations", "share", "bytes", "intensity", "receptive_field",
    "seconds",
)  # fmt: skip
"""The columns that rows can be ordered by."""


def _measure(layer: LayerReport, column: str, dtype: str) -> float:
    match column:
        case "bytes":
            return memory(layer.cost, dtype)["bytes"]
        case "intensity":
            return layer.intensity(dtype)
        case "receptive_field":
            return max((axis.size for axis in layer.receptive_field), default=0)
        case "seconds":
            return layer.bound.seconds if layer.bound else 0.0
        case _:
            return float(getattr(layer, column))


def chosen(report: NetworkReport, only: str | None, sort: str | None) -> tuple[LayerReport, ...]:
    """The layers to show, in their order. Raises NotationError for a column or a choice that there is not."""
    layers = report.layers
    if only is not None:
        wanted = only.split(",")
        layers = tuple(layer for layer in layers if any(_is(layer, part) for part in wanted))
        if not layers:
            known = dict.fromkeys(name for layer in report.layers for name in (layer.kind, layer.op))
            raise NotationError(f"only: no layer is {only!r}; use a layer's name or one of {', '.join(known)}")
    if sort is not None:
        if sort not in SORTED:
            raise NotationError(f"sort: unknown column {sort!r}; use one of {', '.join(SORTED)}")
        layers = tuple(sorted(layers, key=lambda layer: -_measure(layer, sort, report.dtype)))
    return layers


def _is(layer: LayerReport, wanted: str) -> bool:
    return wanted in (layer.kind, layer.op) or fnmatchcase(layer.name, wanted)
