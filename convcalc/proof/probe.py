"""The receptive field of a network measured: which inputs turn an output NaN when they are NaN.

Only what an output reads can turn it NaN, and everything that it reads does. So NaN outside the predicted positions
must not show, and NaN at the first and the last of them must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from convcalc.axis.positions import Positions
from convcalc.engine.work.blocks import Index
from convcalc.engine.work.threads import run_all, thread_count
from convcalc.graph.graph import Graph, ancestors
from convcalc.notation import Axes, show_axes
from convcalc.proof.arrays import Arrays
from convcalc.proof.borders import Sides, loose_ends, mirrored, padding_alone
from convcalc.proof.executed import Check, skipped
from convcalc.proof.walk import NodeError, executed
from convcalc.questions.follow import Along
from convcalc.questions.receptive import Fields

MIN_CUT = 32
"""Fewest pixels that an axis is cut to while another one is probed."""
CUT_MULTIPLE = 64
"""An axis is shortened by a multiple of this, so that maps halved and doubled again still meet."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A graph and what to run it on; `inputs` are finite, and the first of them gets the NaNs.

    `shape` is the actual shape of the mapped node's output; `ran` is called after every run.
    """

    graph: Graph
    fields: Fields
    inputs: Sequence[np.ndarray]
    arrays: Arrays
    shape: Axes
    ran: Callable[[], None] = lambda: None

    @property
    def axes(self) -> tuple[Along, ...]:
        """Every spatial axis of the input in the mapped node's output."""
        return self.fields.seen[self.fields.mapped]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The input's spatial sizes."""
        return self.inputs[0].shape[2:]

    @property
    def label(self) -> str:
        """The mapped node's name."""
        return self.graph.labels[self.fields.mapped]

    def is_nan(self, x: np.ndarray) -> np.ndarray:
        """Where the mapped node's output is NaN."""
        inputs, out = [x, *self.inputs[1:]], x  # if the first layer reads all of the input, that is mapped
        for run in executed(self.graph, inputs, self.arrays, algorithm="direct", until=self.fields.mapped):
            out = run.out
        self.ran()
        nan: np.ndarray = np.isnan(out)
        return nan


@dataclass(frozen=True, slots=True)
class Line:
    """One axis of a probe. The axes are independent, so `x` may be cut along the others.

    `finite` says whether the output is finite if no NaN goes in.
    """

    probe: Probe
    axis: int
    x: np.ndarray
    finite: bool

    @property
    def size(self) -> int:
        return self.probe.sizes[self.axis]

    @property
    def along(self) -> Along:
        return self.probe.axes[self.axis]

    def depends(self, output: int, flags: np.ndarray) -> bool:
        """Whether outputs at a position change with the inputs flagged."""
        x = self.x.copy()
        x[(slice(None),) * (2 + self.axis) + (flags,)] = np.nan
        nan = self.probe.is_nan(x)
        return bool(nan.any() if self.along.axis is None else nan.take(output, self.along.axis).any())

    def shows(self) -> bool:
        """Whether any output changes with the input; none does if the other axes were cut to padding only."""
        return bool(self.probe.is_nan(np.full_like(self.x, np.nan)).any())

    def ends(self, output: int) -> Ends:
        """The first and the last input that a position depends on, found by halving."""

        def least(flags: Callable[[np.ndarray, int], np.ndarray]) -> int:
            low, high = 0, self.size
            while high - low > 1:
                middle = (low + high) // 2
                shows = self.depends(output, flags(np.arange(self.size), middle))
                low, high = (low, middle) if shows else (middle, high)
            return high

        if not self.depends(output, np.ones(self.size, bool)):
            return Ends(None, None)
        return Ends(least(lambda at, n: at < n) - 1, self.size - least(lambda at, n: at >= self.size - n))


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and last input position that an output depends on along one axis; None if it depends on none."""

    first: int | None
    last: int | None

    def to_list(self) -> list[int] | None:
        return None if self.first is None or self.last is None else [self.first, self.last]


Result: TypeAlias = tuple[Ends, Ends, bool]
"""The ends predicted, the ends measured, and whether they agree."""


def probe_count(probe: Probe) -> int:
    """The approximate number of runs that `check_fields` takes if every prediction is right."""
    return len(probe.sizes) * (1 + 3 * len(_outputs(probe)))


def check_fields(probe: Probe) -> Iterator[Check]:
    """For the first and the last output, the ends of what it reads along every axis, predicted and measured.

    No check for a graph whose input has no spatial axes. Raises NodeError if the graph cannot be run.
    """
    if not probe.sizes:
        return
    outputs = _outputs(probe)
    if not outputs:
        why = f"the padding of {probe.label} shows inputs again, and no output is away from the border"
        yield skipped("receptive_field", why)
        return
    lines, results = _looked_along(probe, outputs)
    if not all(line.finite for line in lines):
        why = f"the output of {probe.label} is NaN whatever the input; its weights do not keep it finite"
        yield skipped("receptive_field", why)
        return
    cut_short = any(line.x.shape != probe.inputs[0].shape for line in lines)
    for at, found in zip(outputs, zip(*results, strict=True), strict=True):
        predicted, measured = [each[0].to_list() for each in found], [each[1].to_list() for each in found]
        ok = all(each[2] for each in found)
        how = _how(f"output {show_axes(at)} of {probe.label}", ok, predicted == measured)
        if cut_short:
            how += "; the axes looked at one by one, the others cut short"
        yield Check("receptive_field", predicted, measured, ok, how)


def _how(output: str, ok: bool, same_ends: bool) -> str:
    """How an output's ends were measured, and an explanation if they are not those predicted."""
    if not same_ends:
        how = f"{output} changes with inputs from the first to the last"
        return how + ("; border pixels that no window reaches are no disagreement" if ok else "")
    if not ok:
        return f"{output} changes with inputs between these ends that it was predicted not to read"
    return f"NaN outside these inputs left {output} as it was, NaN at their ends did not"


def _outputs(probe: Probe) -> list[tuple[int, ...]]:
    """Positions of the mapped node to look at: the first and the last.

    If some border reads only padding, the first and last prove little, so the middle one is added. If a border repeats
    inputs, only the middle one is used. It is used only if its field does not touch the input's border.
    """
    counts = [1 if along.axis is None else probe.shape[along.axis] for along in probe.axes]
    middle = tuple(count // 2 for count in counts)
    reads = [along.field.at(output) for along, output in zip(probe.axes, middle, strict=True)]
    inside = [seen.runs and seen.first >= 0 and seen.last < size for seen, size in zip(reads, probe.sizes, strict=True)]
    away = [middle] if all(inside) else []
    nodes = probe.graph.nodes
    if any(mirrored(nodes[number]) for number in ancestors(probe.graph, probe.fields.mapped)):
        return away
    alone = any(
        any(padding_alone(node, along.axis))
        for node, seen in zip(nodes, probe.fields.seen, strict=True)
        for along in seen
        if along.axis is not None and along.field.strands
    )
    ends = [(0,) * len(counts), tuple(count - 1 for count in counts)]
    return list(dict.fromkeys([*ends, *away] if alone else ends))


def _looked_along(probe: Probe, outputs: Sequence[tuple[int, ...]]) -> tuple[list[Line], list[list[Result]]]:
    """Every axis, and along it the result for each of the outputs; empty if no output is finite."""
    lines, results = dict[int, Line](), dict[int, list[Result]]()

    def look(axis: int) -> None:
        line = lines[axis] = _line(probe, axis)
        results[axis] = [_axis_check(line, at[axis]) for at in outputs] if line.finite else []

    axes = range(len(probe.sizes))
    if thread_count() > 1:  # products of a narrow map are too small for BLAS to share
        run_all([partial(look, axis) for axis in axes])
    else:
        for axis in axes:
            look(axis)
    return [lines[axis] for axis in axes], [results[axis] for axis in axes]


def _line(probe: Probe, axis: int) -> Line:
    """An axis to probe, with the others cut as short as the graph allows."""
    whole = probe.inputs[0]
    for step in (0, 1, 2, 4, 8, 16):
        cut = tuple(
            slice(size if other == axis or (few := size % CUT_MULTIPLE + step * CUT_MULTIPLE) < MIN_CUT else few)
            for other, size in enumerate(probe.sizes)
        )
        index: Index = (..., *cut)
        x = whole[index]
        if x.shape == whole.shape:
            break
        with suppress(NodeError):
            line = Line(probe, axis, x, not probe.is_nan(x).any())
            if not line.finite or line.shows():
                return line
    return Line(probe, axis, whole, not probe.is_nan(whole).any())


def _axis_check(line: Line, output: int) -> Result:
    """The predicted and the measured ends of an output, and whether they agree."""
    seen = line.along.field.at(output).within(0, line.size)
    predicted = Ends(seen.first, seen.last) if seen.runs else Ends(None, None)
    flags = _flags(seen, line.size)
    leaks = not flags.all() and line.depends(output, ~flags)
    measured = predicted
    if leaks or any(
        end is not None and not line.depends(output, np.arange(line.size) == end)
        for end in dict.fromkeys((predicted.first, predicted.last))
    ):
        measured = line.ends(output)
    graph, fields = line.probe.graph, line.probe.fields
    loose = loose_ends(graph, fields, ancestors(graph, fields.mapped), line.axis, output, line.size)
    return predicted, measured, not leaks and _within(measured, predicted, loose)


def _within(measured: Ends, predicted: Ends, loose: Sides) -> bool:
    """Whether the ends are those predicted or, if they are loose, not beyond them."""
    if measured.first is None or measured.last is None or predicted.first is None or predicted.last is None:
        return measured == predicted or (measured.first is None and all(loose))
    first = measured.first >= predicted.first if loose.first else measured.first == predicted.first
    return first and (measured.last <= predicted.last if loose.last else measured.last == predicted.last)


def _flags(seen: Positions, size: int) -> np.ndarray:
    """True at these positions of an axis."""
    flags = np.zeros(size, bool)
    for first, last in seen.runs:
        flags[seen.offset + seen.step * first : seen.offset + seen.step * last + 1 : seen.step] = True
    return flags
