"""The receptive field of a network measured: which inputs turn an output NaN when they are NaN.

Only what an output reads can turn it NaN, and everything that it reads does, so NaN outside the predicted positions
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
from convcalc.graph.graph import Network, Node
from convcalc.graph.primitives import Pad, Resize
from convcalc.graph.stages import Axes, ShuffleChannels, TransposedCorrelate, windows
from convcalc.notation import show_axes
from convcalc.proof.arrays import Arrays
from convcalc.proof.checks import Check
from convcalc.proof.walk import LayerError, needed, run_layers
from convcalc.questions.receptive import Along, Fields

FEWEST = 32
"""Pixels that an axis is cut to at the least while another one is looked at."""
PARTS = 64
"""What it is cut by is a multiple of this, so that maps halved and doubled again still meet."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A network and what to run it on; `inputs` are finite, the first is the one that gets the NaNs.

    `shape` is the mapped layer's output as it really is.
    """

    network: Network
    fields: Fields
    inputs: Sequence[np.ndarray]
    arrays: Arrays
    shape: Axes
    told: Callable[[], None] = lambda: None
    """Called after every run."""

    @property
    def axes(self) -> tuple[Along, ...]:
        return self.fields.seen[self.fields.mapped]

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.inputs[0].shape[2:]

    def is_nan(self, x: np.ndarray) -> np.ndarray:
        """Where the mapped layer's output is NaN."""
        inputs, out = [x, *self.inputs[1:]], x  # which is the mapped layer where the first one reads everything
        for run in run_layers(self.network, inputs, self.arrays, algorithm="direct", until=self.fields.mapped):
            out = run.out
        self.told()
        nan: np.ndarray = np.isnan(out)
        return nan


@dataclass(frozen=True, slots=True)
class Line:
    """One axis of a probe. The axes are independent, so `x` may be cut along the others."""

    probe: Probe
    axis: int
    x: np.ndarray
    finite: bool
    """Whether the output is finite where no NaN goes in."""

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
        """Whether any output changes with the input: not if the others were cut to where only padding is read."""
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
    """The first and last input position that an output depends on along one axis; None if on none."""

    first: int | None
    last: int | None

    def to_list(self) -> list[int] | None:
        return None if self.first is None or self.last is None else [self.first, self.last]


Result: TypeAlias = tuple[Ends, Ends, bool]
"""The ends predicted, the ends measured, and whether they agree."""


def probe_count(probe: Probe) -> int:
    """The runs that `check_fields` takes, about, where all is as predicted."""
    return len(probe.sizes) * (1 + 3 * len(_outputs(probe)))


def check_fields(probe: Probe) -> Iterator[Check]:
    """For the first and the last output, the ends of what it reads along every axis, predicted and measured.

    None for a network whose input has no spatial axes. Raises LayerError where the network cannot be run.
    """
    if not probe.sizes:
        return
    layer = probe.network.nodes[probe.fields.mapped].name
    outputs = _outputs(probe)
    if not outputs:
        how = f"not measured: the padding of {layer} shows inputs again, and no output is away from the border"
        yield Check("receptive_field", None, None, True, how)
        return
    lines, results = _looked_along(probe, outputs)
    if not all(line.finite for line in lines):
        how = f"not measured: the output of {layer} is NaN whatever the input; its weights do not keep it finite"
        yield Check("receptive_field", None, None, False, how)
        return
    for at, found in zip(outputs, zip(*results, strict=True), strict=True):
        predicted, measured = [each[0].to_list() for each in found], [each[1].to_list() for each in found]
        ok = all(each[2] for each in found)
        where = f"output {show_axes(at)} of {layer}"
        how = f"NaN outside these inputs left {where} as it was, NaN at their ends did not"
        if predicted != measured:
            how = f"{where} changes with inputs from the first to the last"
            how += "; border pixels that no window reaches are no disagreement" if ok else ""
        elif not ok:
            how = f"{where} changes with inputs between these ends that it was predicted not to read"
        if any(line.x.shape != probe.inputs[0].shape for line in lines):
            how += "; the axes looked at one by one, the others cut short"
        yield Check("receptive_field", predicted, measured, ok, how)


def _looked_along(probe: Probe, outputs: Sequence[tuple[int, ...]]) -> tuple[list[Line], list[list[Result]]]:
    """Every axis, and what was found along it for its place in each of the outputs; none where nothing is finite."""
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
    """An axis to look along, the others cut as short as the network can be run on."""
    whole = probe.inputs[0]
    for step in (0, 1, 2, 4, 8, 16):
        cut = tuple(
            slice(size if other == axis or (few := size % PARTS + step * PARTS) < FEWEST else min(few, size))
            for other, size in enumerate(probe.sizes)
        )
        index: Index = (..., *cut)
        x = whole[index]
        if x.shape == whole.shape:
            break
        with suppress(LayerError):
            line = Line(probe, axis, x, not probe.is_nan(x).any())
            if not line.finite or line.shows():
                return line
    return Line(probe, axis, whole, not probe.is_nan(whole).any())


def _axis_check(line: Line, output: int) -> Result:
    """What an output was predicted to read and what it reads, and whether that agrees."""
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
    return predicted, measured, not leaks and _inside(measured, predicted, _loose(line, output))


def _outputs(probe: Probe) -> list[tuple[int, ...]]:
    """Positions of the mapped layer to look at: the first, the last, and the middle if the border is unusual there.

    Where the border shows inputs again, the middle alone; and the middle only if it sees nothing of the border.
    """
    counts = [1 if along.axis is None else probe.shape[along.axis] for along in probe.axes]
    ends = [(0,) * len(counts), tuple(count - 1 for count in counts)]
    middle = tuple(count // 2 for count in counts)
    reads = [along.field.at(output) for along, output in zip(probe.axes, middle, strict=True)]
    away = all(
        seen.runs and seen.first >= 0 and seen.last < size for seen, size in zip(reads, probe.sizes, strict=True)
    )
    wanted = [probe.network.nodes[i] for i in needed(probe.network, probe.fields.mapped)]
    if any(_shows_again(node) for node in wanted):
        return [middle] if away else []
    usual = all(
        all(_reached(node, along.axis))
        for node, seen in zip(probe.network.nodes, probe.fields.seen, strict=True)
        for along in seen
        if along.axis is not None and along.field.strands
    )
    return list(dict.fromkeys([*ends, middle] if away and not usual else ends))


def _shows_again(node: Node) -> bool:
    """Whether a layer's border reads inputs that lie elsewhere than where its outputs move to."""
    match node.operator:
        case Pad(mode=mode):
            return mode != "constant"
        case Resize(rounding=rounding):
            return rounding == "ceil"
        case _:
            return False


def _loose(line: Line, output: int) -> tuple[bool, bool]:
    """Whether the ends may lie further in than predicted, because the prediction ignores the border.

    It does so at an end that the border cuts off. It does everywhere, if on the way an output of some layer reads
    padding alone, unless all that is predicted lies inside; and if the padding of a map stands where it would still
    have seen the input, because the map was cropped.
    """
    probe, along, size = line.probe, line.along, line.size
    seen = along.field.at(output)
    at_first, at_last = not seen.runs or seen.first < 0, not seen.runs or seen.last >= size
    if seen.runs and along.field.whole.runs:  # which is known inside the input only
        at_first, at_last = at_first or seen.first == 0, at_last or seen.last == size - 1
    inside = not (at_first or at_last)
    cropped_first = cropped_last = alone = False
    for number in needed(probe.network, probe.fields.mapped):
        node, passed = probe.network.nodes[number], probe.fields.seen[number][line.axis]
        if passed.axis is None or node.shape is None or not passed.field.strands:
            continue
        before, behind = passed.field.at(-1), passed.field.at(node.shape[passed.axis])
        cropped_first |= bool(before.runs) and before.first >= 0
        cropped_last |= bool(behind.runs) and behind.last < size
        alone |= not all(_reached(node, passed.axis))
    if alone and (cropped_first or cropped_last or not inside):
        return True, True
    return at_first or cropped_first, at_last or cropped_last


def _reached(node: Node, axis: int) -> tuple[bool, bool]:
    """Whether the first and the last output of every stage of a layer read anything but padding along an axis."""
    if isinstance(node.operator, Pad):
        before, after = node.operator.pairs[axis]
        return before <= 0, after <= 0
    first = last = True
    for step in node.steps:
        if isinstance(step.stage, ShuffleChannels):
            continue
        window, size, outputs = windows(step.stage)[axis - 2], step.input[axis - 1], step.output[axis - 1]
        if isinstance(step.stage, TransposedCorrelate):
            gapless = window.dilation == 1 and window.kernel >= window.stride
            first &= gapless
            last &= gapless and outputs - 1 + window.before <= (size - 1) * window.stride + window.extent - 1
        else:
            first &= window.before < window.extent
            last &= (outputs - 1) * window.stride - window.before < size
    return first, last


def _inside(measured: Ends, predicted: Ends, loose: tuple[bool, bool]) -> bool:
    """Whether the ends are the predicted ones, or where they are loose, not beyond them."""
    if None in (measured.first, measured.last, predicted.first, predicted.last):
        return measured == predicted or (measured.first is None and all(loose))
    assert measured.first is not None
    assert measured.last is not None
    assert predicted.first is not None
    assert predicted.last is not None
    first = measured.first >= predicted.first if loose[0] else measured.first == predicted.first
    return first and (measured.last <= predicted.last if loose[1] else measured.last == predicted.last)


def _flags(seen: Positions, size: int) -> np.ndarray:
    """True at these positions of an axis."""
    flags = np.zeros(size, bool)
    for first, last in seen.runs:
        flags[seen.offset + seen.step * first : seen.offset + seen.step * last + 1 : seen.step] = True
    return flags
