"""The receptive field of a network measured: which inputs turn an output NaN when they are NaN.

Only what an output reads can turn it NaN, and everything that it reads does, so NaN outside the predicted positions
must not show, and NaN at the first and the last of them must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convcalc.checks import Check
from convcalc.network.arrays import Arrays
from convcalc.network.execute import needed, run_layers
from convcalc.network.graph import Network
from convcalc.network.operators import Pad
from convcalc.network.receptive import Along, Fields
from convcalc.positions import Positions
from convcalc.stages import Axes

HOW = "NaN outside these inputs left output {at} of {layer} as it was, NaN at their ends did not"


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and last input position that an output depends on along one axis; None if on none."""

    first: int | None
    last: int | None

    def to_list(self) -> list[int] | None:
        return None if self.first is None or self.last is None else [self.first, self.last]


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

    def is_nan(self, holes: Sequence[np.ndarray | None]) -> np.ndarray:
        """Where the mapped layer's output is NaN after NaN went wherever one axis' flags say so, None for nowhere."""
        x = self.inputs[0].copy()
        for axis, flags in enumerate(holes):
            if flags is not None:
                x[(slice(None),) * (2 + axis) + (flags,)] = np.nan
        runs = run_layers(
            self.network, [x, *self.inputs[1:]], self.arrays, algorithm="direct", until=self.fields.mapped
        )
        for run in runs:
            out = run.out
        self.told()
        nan: np.ndarray = np.isnan(out)
        return nan

    def depends(self, axis: int, output: int, flags: np.ndarray) -> bool:
        """Whether outputs at a position along an axis change with the inputs flagged along it."""
        holes: list[np.ndarray | None] = [None] * len(self.sizes)
        holes[axis] = flags
        return bool(_at(self.is_nan(holes), self.axes[axis].axis, output).any())


def probe_count(probe: Probe) -> int:
    """The runs that `check_fields` takes where all is as predicted."""
    outputs = len(_outputs(probe))
    return outputs * (1 + 2 * len(probe.sizes))


def check_fields(probe: Probe) -> Iterator[Check]:
    """For the first and the last output, the ends of what it reads along every axis, predicted and measured.

    None for a network whose input has no spatial axes.
    Raises LayerError where the network cannot be run.
    """
    if not probe.sizes:
        return
    layer = probe.network.nodes[probe.fields.mapped].name
    outputs = _outputs(probe)
    if not outputs:
        yield Check(
            "receptive_field", None, None, True,
            f"not measured: the padding of {layer} shows inputs again, and no output is away from the border",
        )  # fmt: skip
    for at in outputs:
        predicted = [
            along.field.at(output).within(0, size)
            for along, output, size in zip(probe.axes, at, probe.sizes, strict=True)
        ]
        shown = [_ends(seen).to_list() for seen in predicted]
        wrong = _leaks(probe, at, predicted)
        if wrong is None:
            how = f"not measured: the output of {layer} is NaN whatever the input; its weights do not keep it finite"
            yield Check("receptive_field", shown, None, False, how)
            continue
        measured, ok, between = [], True, False
        for axis, seen in enumerate(predicted):
            ends = _measured(probe, axis, at[axis], seen, leaking=axis in wrong)
            loose = _loose(probe, axis, at[axis])
            inside = _inside(ends, _ends(seen), loose)
            between |= inside and axis in wrong
            ok &= inside and axis not in wrong
            measured.append(ends.to_list())
        how = HOW.format(at="x".join(map(str, at)), layer=layer)
        if between:
            how = f"output {at} of {layer} changes with inputs between these ends that it was predicted not to read"
        elif measured != shown:
            how = f"output {at} of {layer} changes with inputs from the first to the last"
            how += "; border pixels that no window reaches are no disagreement" if ok else ""
        yield Check("receptive_field", shown, measured, ok, how)


def _outputs(probe: Probe) -> list[tuple[int, ...]]:
    """Positions of the mapped layer to look at: the first and the last, or where the border is mirrored, the middle."""
    counts = [1 if along.axis is None else probe.shape[along.axis] for along in probe.axes]
    last = tuple(count - 1 for count in counts)
    if not _shows_again(probe):
        return list(dict.fromkeys([(0,) * len(counts), last]))
    middle = tuple(count // 2 for count in counts)
    reads = [along.field.at(output) for along, output in zip(probe.axes, middle, strict=True)]
    away = all(
        seen.runs and seen.first >= 0 and seen.last < size for seen, size in zip(reads, probe.sizes, strict=True)
    )
    return [middle] if away else []


def _shows_again(probe: Probe) -> bool:
    """Whether padding is anything but a constant, so that outputs at the border read more than is said of others."""
    wanted = needed(probe.network, probe.fields.mapped)
    pads = (probe.network.nodes[i].operator for i in wanted)
    return any(isinstance(pad, Pad) and pad.mode != "constant" for pad in pads)


def _leaks(probe: Probe, at: tuple[int, ...], predicted: Sequence[Positions]) -> set[int] | None:
    """The axes along which inputs that were not predicted change the output; None if it is NaN without any."""
    outside = [_flags(seen, size, False) for seen, size in zip(predicted, probe.sizes, strict=True)]
    if not any(flags.any() for flags in outside):
        return set()
    nan = probe.is_nan(outside)
    # from the last axis, so that the others keep their places
    places = sorted(((a.axis, p) for a, p in zip(probe.axes, at, strict=True) if a.axis is not None), reverse=True)
    for axis, position in places:
        nan = _at(nan, axis, position)
    if not nan.any():
        return set()
    if probe.is_nan([None] * len(outside)).any():
        return None
    return {axis for axis, flags in enumerate(outside) if flags.any() and probe.depends(axis, at[axis], flags)}


def _measured(probe: Probe, axis: int, output: int, seen: Positions, *, leaking: bool) -> Ends:
    """The ends as predicted if NaN there shows and none leaks in from outside, or else as found by halving."""
    size, ends = probe.sizes[axis], _ends(seen)

    def single(position: int) -> np.ndarray:
        flags: np.ndarray = np.arange(size) == position
        return flags

    def first() -> int:
        return _halved(size, lambda n: probe.depends(axis, output, np.arange(size) < n)) - 1

    def last() -> int:
        return size - _halved(size, lambda n: probe.depends(axis, output, np.arange(size) >= size - n))

    if leaking or ends.first is None or ends.last is None:
        if not probe.depends(axis, output, np.ones(size, bool)):
            return Ends(None, None)
        return Ends(first(), last())
    low, high = (probe.depends(axis, output, single(position)) for position in (ends.first, ends.last))
    if not (low or high) and not probe.depends(axis, output, np.ones(size, bool)):
        return Ends(None, None)
    return Ends(ends.first if low else first(), ends.last if high else last())


def _halved(size: int, holds: Callable[[int], bool]) -> int:
    """The least n from 1 to `size` for which it holds; it holds for `size`, and from the least on."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _loose(probe: Probe, axis: int, output: int) -> tuple[bool, bool]:
    """Whether the ends may lie further in than predicted, because the prediction ignores the border.

    It does so at an end that the border cuts off, and everywhere if somewhere on the way the padding of a map stands
    where it would still have seen the input, because the map was cropped.
    """
    along, size = probe.axes[axis], probe.sizes[axis]
    seen = along.field.at(output)
    at_first, at_last = not seen.runs or seen.first < 0, not seen.runs or seen.last >= size
    if seen.runs and along.field.whole.runs:  # which is known inside the input only
        at_first, at_last = at_first or seen.first == 0, at_last or seen.last == size - 1
    for number in needed(probe.network, probe.fields.mapped):
        node, passed = probe.network.nodes[number], probe.fields.seen[number][axis]
        if passed.axis is not None and node.shape is not None and passed.field.strands:
            before, behind = passed.field.at(-1), passed.field.at(node.shape[passed.axis])
            at_first |= bool(before.runs) and before.first >= 0
            at_last |= bool(behind.runs) and behind.last < size
    return at_first, at_last


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


def _ends(seen: Positions) -> Ends:
    return Ends(seen.first, seen.last) if seen.runs else Ends(None, None)


def _flags(seen: Positions, size: int, value: bool) -> np.ndarray:
    """`value` at these positions of an axis, its opposite elsewhere."""
    flags = np.full(size, not value)
    for first, last in seen.runs:
        flags[seen.offset + seen.step * first : seen.offset + seen.step * last + 1 : seen.step] = value
    return flags


def _at(array: np.ndarray, axis: int | None, position: int) -> np.ndarray:
    """The part of an array at a position along an axis; all of it if there is no such axis."""
    return array if axis is None else array[(slice(None),) * axis + (position,)]
