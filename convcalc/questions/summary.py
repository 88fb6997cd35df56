"""A network in few rows: a row for each block or named group, norms and activations with the layer before them.

Groups are parts of layers' names, separated by `/` or `.`: `layer1/2/conv1` lies in `layer1/2`, that in `layer1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias

from convcalc.axis.strands import AxisField
from convcalc.errors import NotationError, quoted
from convcalc.notation import Axes, whole_number
from convcalc.questions.cost import BYTES, Cost, Counted, total
from convcalc.questions.report import LayerReport, Report
from convcalc.questions.roofline import Bound

MAX_ROWS, MIN_ROWS = 40, 6
"""A summary has at most the one, and opens groups if it has fewer than the other."""
FOLDED = ("norm", "activation")
"""Kinds of layers that share a row with the layer before them."""
Path: TypeAlias = tuple[str, ...]
"""The groups that a layer lies in, from the outermost, and last the layer itself, each by its whole name."""
Depth: TypeAlias = int | Literal["all"] | None
"""How many levels of groups are opened; None for as many as make a good summary."""
_PART = re.compile(r"[^/.]+")


@dataclass(frozen=True)
class Row(Counted):
    """Layers that share a row: their sums; size and receptive field are those of the last of them."""

    name: str
    layers: tuple[LayerReport, ...]
    share: Fraction

    @cached_property
    def cost(self) -> Cost:  # type: ignore[override]  # worked out rather than given
        return self.layers[0].cost if len(self.layers) == 1 else total(layer.cost for layer in self.layers)

    @property
    def op(self) -> str:
        """The ops of its layers, each once."""
        return ", ".join(dict.fromkeys(layer.op for layer in self.layers))

    @property
    def counted(self) -> bool:
        return all(layer.counted for layer in self.layers)

    @property
    def output(self) -> Axes | None:
        return self.layers[-1].output

    @property
    def receptive_field(self) -> tuple[AxisField, ...]:
        return self.layers[-1].receptive_field

    @property
    def moved(self) -> int:
        return sum(layer.moved for layer in self.layers)

    @property
    def moved_unfused(self) -> int:
        return sum(layer.moved_unfused for layer in self.layers)

    @property
    def bound(self) -> Bound | None:
        """The least time of all its layers, and what bounds the larger part of it."""
        return _bound_of(layer.bound for layer in self.layers)

    @property
    def bound_unfused(self) -> Bound | None:
        return _bound_of(layer.bound_unfused for layer in self.layers)

    def intensity(self, dtype: str) -> float:
        """Floating-point operations per byte moved."""
        return self.flops / (self.moved * BYTES[dtype]) if self.moved else 0.0


def _bound_of(bounds: Iterable[Bound | None]) -> Bound | None:
    known = [bound for bound in bounds if bound is not None]
    if len(known) < 2:
        return known[0] if known else None
    seconds = {by: sum(bound.seconds for bound in known if bound.by == by) for by in ("compute", "memory")}
    return Bound("compute" if seconds["compute"] > seconds["memory"] else "memory", sum(b.seconds for b in known))


def parse_depth(text: str | None) -> Depth:
    """The depth that a text names. Raises NotationError unless it is a whole number above 0 or `all`."""
    if text is None:
        return None
    if text == "all":
        return "all"
    if not text.isdecimal() or text.strip("0") == "":
        raise NotationError(f"depth: must be a whole number from 1 on, or all, got {quoted(text)}")
    return whole_number(text, "depth")


def rows_of(report: Report, layers: Sequence[LayerReport], depth: Depth) -> tuple[Row, ...]:
    """Some layers of a report as rows, opened to a depth; `all` for a row a layer."""
    if depth == "all":
        return tuple(Row(layer.name, (layer,), layer.share) for layer in layers)
    paths = _paths([layer.name for layer in report.layers])
    if depth is None:
        return _summary(layers, paths)
    return _folded(layers, {name: path[:depth] for name, path in paths.items()})


def is_in(name: str, group: str) -> bool:
    """Whether a layer of this name lies in the group, or is it.

    >>> is_in("layer1/2/conv1", "layer1/2"), is_in("layer12/conv1", "layer1")
    (True, False)
    """
    return group in parts(name)


def parts(name: str) -> Path:
    """The name's beginnings up to each of its parts.

    >>> parts("layer1.0/conv1")
    ('layer1', 'layer1.0', 'layer1.0/conv1')
    """
    return tuple([name[: part.end()] for part in _PART.finditer(name)]) or (name,)


def _paths(names: Sequence[str]) -> dict[str, Path]:
    """The path of every layer, without the groups that all of them lie in.

    A layer with the name of a group lies in it, as nodes of ONNX files do that have no name of their own.
    """
    paths = {name: parts(name) for name in names}
    groups = {group for path in paths.values() for group in path[:-1]}
    paths = {name: (*path, name) if name in groups else path for name, path in paths.items()}
    common = 0
    while len({path[: common + 1] for path in paths.values()}) == 1 and all(
        len(path) > common + 1 for path in paths.values()
    ):
        common += 1
    return {name: path[common:] for name, path in paths.items()}


def _summary(layers: Sequence[LayerReport], paths: dict[str, Path]) -> tuple[Row, ...]:
    """A row for every block, the outermost group that has layers of its own; more or fewer if those are few or many."""
    with_layers = {path[-2] for path in paths.values() if len(path) > 1}
    blocks = {
        name: next((path[: i + 1] for i, group in enumerate(path[:-1]) if group in with_layers), path)
        for name, path in paths.items()
    }
    rows = _folded(layers, blocks)
    if len(rows) < MIN_ROWS:
        opened = _folded(layers, {name: paths[name][: len(block) + 1] for name, block in blocks.items()})
        return opened if len(rows) < len(opened) <= MAX_ROWS else rows
    for depth in range(max(map(len, blocks.values())) - 1, 0, -1):
        if len(rows) <= MAX_ROWS:
            break
        rows = _folded(layers, {name: block[:depth] for name, block in blocks.items()})
    return rows if len(rows) <= MAX_ROWS else _joined(rows)


def _folded(layers: Sequence[LayerReport], groups: dict[str, Path]) -> tuple[Row, ...]:
    """A row for every group, in the order of their first layers; norms and activations go with the row before.

    They do if they read nothing but that row and lie in the same group as it.
    """
    rows: dict[Path, list[LayerReport]] = {}
    for layer in layers:
        rows.setdefault(groups[layer.name], []).append(layer)
    kept: list[tuple[Path, list[LayerReport]]] = []
    names: set[str] = set()
    """Those of the layers of the last row."""
    for path, own in rows.items():
        follows = kept and path[:-1] == kept[-1][0][:-1] and all(layer.kind in FOLDED for layer in own)
        own_names = {layer.name for layer in own}
        if follows and all(name in names or name in own_names for layer in own for name in layer.inputs):
            kept[-1][1].extend(own)
            names |= own_names
        else:
            kept.append((path, own))
            names = own_names
    return tuple(_row(path[-1], own) for path, own in kept)


def _row(name: str, layers: Sequence[LayerReport]) -> Row:
    return Row(name, tuple(layers), sum((layer.share for layer in layers), Fraction(0)))


def _joined(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Neighbouring rows joined into at most MAX_ROWS, of outputs of the same size if there are few enough sizes."""
    ends = [i for i, (row, after) in enumerate(pairwise(rows), 1) if (row.output or ())[1:] != (after.output or ())[1:]]
    if len(ends) >= MAX_ROWS:
        ends = []
    runs = [rows[start:end] for start, end in pairwise((0, *ends, len(rows)))]
    longest = next(n for n in range(1, len(rows) + 1) if sum(-(-len(run) // n) for run in runs) <= MAX_ROWS)
    chunks = [run[i : i + longest] for run in runs for i in range(0, len(run), longest)]
    return tuple(
        _row(f"{part[0].name} .. {part[-1].name}", [layer for row in part for layer in row.layers])
        if len(part) > 1
        else part[0]
        for part in chunks
    )
