"""Which layers of a report to show, and in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TypeVar

from convcalc.errors import NotationError, quoted
from convcalc.notation import did_you_mean
from convcalc.questions.report import LayerReport, Report
from convcalc.questions.schema import counts_dict
from convcalc.questions.summary import Row, is_in, parts

SORTED = (
    "name", "parameters", "weights", "biases", "buffers", "multiplications", "multiplications_effective", "additions",
    "macs", "flops", "activations", "parameter_bytes", "activation_bytes", "bytes", "bytes_moved",
    "bytes_moved_unfused", "intensity", "share", "receptive_field", "least_seconds", "least_seconds_unfused",
)  # fmt: skip
"""The columns to sort rows by: the name, and every number that JSON has for all layers, by its key there."""

HEADINGS = {"least time": "least_seconds", "ops/byte": "intensity"}
"""Columns of the table that have another name in JSON."""
Item = TypeVar("Item", LayerReport, Row)


def chosen(report: Report, only: str | None) -> tuple[LayerReport, ...]:
    """The layers of these kinds, ops, names or groups, with commas between them. Raises NotationError for none."""
    if only is None:
        return report.layers
    wanted = only.split(",")
    for part in wanted:
        if not any(_is(layer, part) for layer in report.layers):
            known = dict.fromkeys(name for layer in report.layers for name in (layer.kind, layer.op))
            names = dict.fromkeys(name for layer in report.layers for name in parts(layer.name))
            hint = did_you_mean(part, [*known, *names]) or f"use --only {next(iter(known))}, or "
            raise NotationError(
                f"only: no layer is {quoted(part)}; {hint}use a layer's or a group's name or one of {', '.join(known)}"
            )
    return tuple(layer for layer in report.layers if any(_is(layer, part) for part in wanted))


def ordered(report: Report, items: Sequence[Item], sort: str | None) -> tuple[Item, ...]:
    """Layers or rows of a summary by a column, largest first. Raises NotationError for one that does not exist."""
    if sort is None:
        return tuple(items)
    asked, sort = sort, HEADINGS.get(sort, re.sub(r"[ -]", "_", sort))
    if sort not in SORTED:
        hint = did_you_mean(sort, SORTED)
        raise NotationError(f"sort: unknown column {quoted(asked)}; {hint}the columns: {', '.join(SORTED)}")
    if sort.startswith("least_seconds") and report.machine is None:
        raise NotationError(f"sort: {sort} is the time on a machine, got none; add --peak and --bandwidth")
    if sort == "name":
        return tuple(sorted(items, key=lambda item: item.name))
    return tuple(sorted(items, key=lambda item: _measure(item, sort, report.dtype), reverse=True))


def _measure(item: LayerReport | Row, column: str, dtype: str) -> float | Fraction:
    """The number in a column; unknown numbers come last."""
    match column:
        case "receptive_field":
            return max((axis.size for axis in item.receptive_field), default=0)
        case "share":
            return item.share
        case "buffers":
            return item.cost.buffers
        case "intensity":
            return item.intensity(dtype)
        case "bytes_moved":
            return item.moved
        case "bytes_moved_unfused":
            return item.moved_unfused
        case "least_seconds":
            return item.bound.seconds if item.bound else 0
        case "least_seconds_unfused":
            return item.bound_unfused.seconds if item.bound_unfused else 0
        case _:
            return counts_dict(item.cost, dtype)[column]


def _is(layer: LayerReport, wanted: str) -> bool:
    return wanted in (layer.kind, layer.op) or fnmatchcase(layer.name, wanted) or is_in(layer.name, wanted.lstrip("/"))
