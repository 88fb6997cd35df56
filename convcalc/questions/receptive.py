"""The receptive field of every layer of a network on the network's input, in one forward walk.

Spatial axes of the input are followed through whatever a layer does with its own axes. Where a layer mixes a
whole axis, everything after reads all that was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, prod
from typing import assert_never

from convcalc.axis.positions import Positions
from convcalc.axis.sampling import coordinates, taps
from convcalc.axis.strands import Field, Reads, centre, check_phases, merged
from convcalc.errors import ShapeError
from convcalc.graph import primitives as operators
from convcalc.graph.graph import Network, Node, with_space
from convcalc.graph.stages import Axes, Correlate, Pool, ShuffleChannels, TransposedCorrelate, windows
from convcalc.graph.trace import AXIS_NAMES, Step
from convcalc.questions.layer_receptive import MOST_PHASES, AxisField

MOST_JOINED = 1 << 8
"""Positions that one is repeated for in a reshape; beyond, an axis counts as read whole."""
MOST_NOTES = 4
"""Merges of arms that are not aligned are named up to here, and counted beyond."""


@dataclass(frozen=True, slots=True)
class Along:
    """Where one spatial axis of the input lies in a layer's output (None: nowhere any more), and what is read of it."""

    axis: int | None
    field: Field


Seen = tuple[Along, ...]
Summaries = dict[tuple[Field, int, int], AxisField]


@dataclass(frozen=True, slots=True)
class Fields:
    """The receptive field of every node, the node whose field is the network's, and what is worth saying."""

    fields: tuple[tuple[AxisField, ...], ...]
    seen: tuple[Seen, ...]
    mapped: int
    notes: tuple[str, ...]


def receptive_fields(network: Network) -> Fields:
    """The receptive field of every layer on the network's first input, per spatial axis of it.

    The network's is that of its output, or where its output reads the whole image through a global pool or a
    flatten, of the last map before.
    """
    main = network.inputs[0]
    assert main.shape is not None
    sizes = main.shape[2:]
    image = tuple(Along(axis + 2, Field.identity()) for axis in range(len(sizes)))
    seen: list[Seen] = []
    fields: list[tuple[AxisField, ...]] = []
    unaligned: list[str] = []
    bound: tuple[int, str] | None = None
    summaries: Summaries = {}
    for number, node in enumerate(network.nodes):
        arms = [image] if node is main else [seen[i] for i in node.inputs]
        shown, row, why = _all_after(node, arms, sizes, summaries)
        seen.append(shown)
        fields.append(row)
        if why and bound is None:
            bound = number, f"receptive field: from {node.name} on an upper bound, {why}"
        if isinstance(node.operator, operators.Merge | operators.Concat) and len(arms) > 1:
            unaligned += _unaligned(network, node, arms)[:1]
    mapped = _last_map(network, seen)
    notes = []
    if mapped != network.output:
        notes.append(f"receptive field: of {network.nodes[mapped].name}, the last map before the whole image is read")
    from_here = next((n for n, axes in enumerate(seen[: mapped + 1]) if any(a.field.whole.runs for a in axes)), None)
    if bound is not None:
        notes.append(bound[1])
    if from_here not in (None, bound and bound[0]) and any(along.field.whole.runs for along in seen[mapped]):
        notes.append(
            f"receptive field: of what {network.nodes[from_here].name} gives, every output reads the whole image"
        )
    notes += unaligned[:MOST_NOTES]
    if len(unaligned) > MOST_NOTES:
        notes.append(f"{len(unaligned) - MOST_NOTES} more merges have arms that are not aligned")
    return Fields(tuple(fields), tuple(seen), mapped, tuple(notes))


def _all_after(
    node: Node, arms: Sequence[Seen], sizes: Axes, summaries: Summaries
) -> tuple[Seen, tuple[AxisField, ...], str]:
    """All axes after a layer, and why more than it reads is taken for its receptive field, if that is so."""
    shown, fields, why = list[Along](), list[AxisField](), ""
    for a, size in enumerate(sizes):
        along = [arm[a] for arm in arms]
        try:
            after = _after(node, along, size)
            fields.append(_summary(after, node, size, summaries))
        except ShapeError as error:
            after = Along(None, Field((), Positions(0, 1, ((0, size - 1),))))
            fields.append(_summary(after, node, size, summaries))
            why = f"the whole {AXIS_NAMES[len(sizes)][a]}, since {error}"
        shown.append(after)
        if isinstance(node.operator, operators.Concat) and any(
            arm.axis == node.operator.axis and arm.field.strands for arm in along
        ):
            why = f"since it joins maps along the {AXIS_NAMES[len(sizes)][a]}"
    return tuple(shown), tuple(fields), why


def _summary(along: Along, node: Node, size: int, summaries: Summaries) -> AxisField:
    """The summary of an axis, worked out once for all that are alike. Raises ShapeError for too many pieces."""
    outputs = 1 if along.axis is None or node.shape is None else node.shape[along.axis]
    key = along.field, outputs if len(along.field.strands) > 1 or along.field.whole.runs else 0, size
    if key not in summaries:
        summaries[key] = along.field.summary(outputs, size)
    return summaries[key]


def _last_map(network: Network, seen: Sequence[Seen]) -> int:
    """The output; or the last map that moves over the input, where what reads it is smaller or flat.

    What reads a whole map and gives as large a one, as a normalization over pixels does, leaves the output's.
    """
    at: int | None = network.output
    last = network.output
    while at is not None and not all(along.field.strands for along in seen[at]):
        last = at
        inputs = network.nodes[at].inputs  # of which constants see nothing
        at = next((i for i in inputs if any(along.field.strands or along.field.whole.runs for along in seen[i])), None)
    if at is None:
        return last
    before, after = network.nodes[at], network.nodes[last]
    keeps_the_map = after.elements >= before.elements and len(after.shape or ()) > 2
    return network.output if last != at and keeps_the_map else at


def _after(node: Node, arms: Sequence[Along], size: int) -> Along:
    """One axis after a layer; `size` is the input's along it."""
    operator = node.operator
    shapes = [shape or () for shape in node.input_shapes]
    first = arms[0] if arms else Along(None, Field.nothing())
    match operator:
        case operators.Input() | operators.Constant():
            return first  # the image itself, which the main input stands for, or nothing
        case operators.Convolve() | Pool() | ShuffleChannels():
            return _through_steps(node.steps, first, shapes[0], size)
        case operators.Elementwise() | operators.WithConstant():
            return _shifted_axis(first, len(node.shape or ()) - len(shapes[0]))
        case operators.Normalize():
            return _mixed(first, shapes[0], operator.over, size)
        case operators.Softmax():
            return _mixed(first, shapes[0], (operator.axis,), size)
        case operators.Linear():
            if operator.flatten:
                return _everything(arms, shapes, size)
            return _gone(first, shapes[0], (len(shapes[0]) - 1,), size)
        case operators.MatMul():
            return _product(arms, shapes, len(node.shape or ()), size)
        case operators.Merge():
            rank = len(node.shape or ())
            shapes = [with_space(shape, rank) if operator.flat else shape for shape in shapes]
            moved = [_stretched(arm, shape, node.shape or (), size) for arm, shape in zip(arms, shapes, strict=True)]
            return _merged([_shifted_axis(a, rank - len(s)) for a, s in zip(moved, shapes, strict=True)], node, size)
        case operators.Concat():
            return _merged([_gone(a, s, (operator.axis,), size) for a, s in zip(arms, shapes, strict=True)], node, size)
        case operators.Reduce():
            kept = _gone(first, shapes[0], operator.axes, size)
            if operator.keep or kept.axis is None:
                return kept
            if kept.axis in operator.axes:
                return Along(None, kept.field)
            return Along(kept.axis - sum(axis < kept.axis for axis in operator.axes), kept.field)
        case operators.Slice():
            if first.axis != operator.axis:
                return first
            return Along(first.axis, first.field.after(Reads.shifted(operator.first, operator.step)))
        case operators.Take():
            return _taken(first, shapes[0], operator, size)
        case operators.Pad():
            if first.axis is None or operator.pairs[first.axis] == (0, 0):
                return first
            return Along(first.axis, first.field.after(Reads.shifted(-operator.pairs[first.axis][0])))
        case operators.Reshape():
            return _reshaped(first, shapes[0], operator.shape, size)
        case operators.Transpose():
            return first if first.axis is None else Along(operator.order.index(first.axis), first.field)
        case operators.Expand():
            stretched = _stretched(first, shapes[0], node.shape or (), size)
            return _shifted_axis(stretched, len(node.shape or ()) - len(shapes[0]))
        case operators.Resize() | operators.AdaptivePool():
            return _resized(first, shapes[0], operator, size)
        case operators.Unknown():
            return _everything(arms, shapes, size)
        case _:
            assert_never(operator)


def _through_steps(steps: Sequence[Step], along: Along, shape: Axes, size: int) -> Along:
    if along.axis is None:
        return along
    if along.axis < 2:  # channels are summed over, a batch never moves
        return _gone(along, shape, (1,), size)
    field = along.field
    for step in steps:
        match step.stage:
            case Correlate() | Pool():
                field = field.after(Reads.through(windows(step.stage)[along.axis - 2]))
            case TransposedCorrelate():
                field = field.after(Reads.spread(windows(step.stage)[along.axis - 2]))
            case ShuffleChannels():
                pass
            case _:
                assert_never(step.stage)
    return Along(along.axis, field)


def _mixed(along: Along, shape: Axes, axes: Axes, size: int) -> Along:
    """After every output along these axes reads all of them, the axes staying as they are."""
    gone = _gone(along, shape, axes, size)
    return along if gone is along else Along(along.axis, gone.field)


def _gone(along: Along, shape: Axes, axes: Axes, size: int) -> Along:
    """After these axes are summed up to one value, whichever way."""
    if along.axis is None or along.axis not in axes:
        return along
    return Along(along.axis, along.field.all_of(shape[along.axis], size))


def _shifted_axis(along: Along, more: int) -> Along:
    """After `more` axes came in front."""
    return along if along.axis is None or more == 0 else Along(along.axis + more, along.field)


def _stretched(along: Along, shape: Axes, wanted: Axes, size: int) -> Along:
    """After an axis of length 1 is repeated: its one position is what all read."""
    if along.axis is None:
        return along
    if shape[along.axis] == 1 < wanted[along.axis + len(wanted) - len(shape)]:
        return Along(along.axis, along.field.all_of(1, size))
    return along


def _merged(arms: Sequence[Along], node: Node, size: int) -> Along:
    """The union of arms. Arms that have the axis elsewhere, or no longer, count as a whole."""
    moving = [arm.axis for arm in arms if arm.axis is not None and arm.field.strands]
    axis = moving[0] if moving else next((arm.axis for arm in arms if arm.axis is not None), None)
    shape = node.shape or ()
    fields = [
        arm.field if arm.axis == axis or not arm.field.strands else arm.field.all_of(shape[arm.axis or 0], size)
        for arm in arms
    ]
    return Along(axis, merged(fields))


def _everything(arms: Sequence[Along], shapes: Sequence[Axes], size: int) -> Along:
    """After a layer that may do anything with its inputs."""
    fields = [
        arm.field if arm.axis is None else arm.field.all_of(shape[arm.axis] if shape else size, size)
        for arm, shape in zip(arms, shapes, strict=True)
    ]
    return Along(None, merged(fields))


def _product(arms: Sequence[Along], shapes: Sequence[Axes], rank: int, size: int) -> Along:
    """A matrix product sums over the last axis of the left and the last but one of the right."""
    (left, right), (above, below) = arms, shapes
    left = _shifted_axis(left, rank - len(above))
    right = _shifted_axis(right, rank - len(below))
    above, below = (1,) * (rank - len(above)) + above, (1,) * (rank - len(below)) + below
    summed = [_gone(left, above, (rank - 1,), size), _gone(right, below, (rank - 2,), size)]
    moving = {arm.axis for arm in summed if arm.field.strands}
    if len(moving) < 2:
        return Along(moving.pop() if moving else None, merged([arm.field for arm in summed]))
    return _everything(summed, [above, below], size)


def _reshaped(along: Along, shape: Axes, wanted: Axes, size: int) -> Along:
    """An axis stays itself where as much lies before and behind it as did, else everything of it is read."""
    if along.axis is None:
        return along
    length, behind = shape[along.axis], prod(shape[along.axis + 1 :])
    for axis, other in enumerate(wanted):
        if other == length and prod(wanted[axis + 1 :]) == behind and (length > 1 or axis == along.axis):
            return Along(axis, along.field)
    for axis, other in enumerate(wanted):
        after = prod(wanted[axis + 1 :])
        more, fewer = other // length, length // max(1, other)
        if length > 1 < more <= MOST_JOINED and other == length * more and after * more == behind:
            # joined with what lies behind it: as many outputs read each position
            return Along(axis, along.field.after(Reads(((0, 1, 1),) * more, 1)))
        if other > 1 < fewer and length == other * fewer and after == behind * fewer:
            # taken apart, the rest lying behind: each output reads as many positions
            return Along(axis, along.field.after(Reads(((0, 1, fewer),), fewer)))
    return Along(None, along.field.all_of(length, size))


def _taken(along: Along, shape: Axes, operator: operators.Take, size: int) -> Along:
    """An axis taken apart by number: positions in any order count as all of them."""
    if along.axis is None or along.axis < operator.axis:
        return along
    if along.axis == operator.axis:
        return Along(None, along.field.all_of(shape[along.axis], size))
    return _shifted_axis(along, len(operator.shape) - 1)


def _resized(along: Along, shape: Axes, operator: operators.Resize | operators.AdaptivePool, size: int) -> Along:
    spatial = len(shape) - len(operator.sizes)
    if along.axis is None or along.axis < spatial:
        return along
    before, after = shape[along.axis], operator.sizes[along.axis - spatial]
    if before == after:
        return along
    if isinstance(operator, operators.Resize):
        _, scale = list(operator.along())[along.axis - spatial]
        return Along(along.axis, along.field.after(resize_reads(before, after, operator, scale)))
    if after == 1:
        return Along(along.axis, along.field.all_of(before, size))
    return Along(along.axis, along.field.after(adaptive_reads(before, after)))


def adaptive_reads(before: int, after: int) -> Reads:
    """Which inputs each output of an adaptive pool reads."""
    common = gcd(before, after)
    period, advance = after // common, before // common
    check_phases(period)
    firsts = [output * before // after for output in range(period)]
    ends = [-(-(output + 1) * before // after) for output in range(period)]
    return Reads(tuple((first, 1, end - first) for first, end in zip(firsts, ends, strict=True)), advance)


def resize_reads(before: int, after: int, operator: operators.Resize, scale: Fraction | None = None) -> Reads:
    """Which inputs each output of a resize reads, borders ignored; they repeat with the denominator of its step.

    A scale of so many digits that they hardly ever do is taken for the ratio of the sizes.
    """
    placed = coordinates(operator.coordinates, before, after, scale)
    if scale is not None and placed.step.denominator > MOST_PHASES:
        placed = coordinates(operator.coordinates, before, after)
    check_phases(placed.step.denominator)
    read = []
    for output in range(placed.step.denominator):
        inputs = taps(placed.at(output), operator)
        read.append((inputs[0][0], 1, len(inputs)))
    return Reads(tuple(read), placed.step.numerator)


def _unaligned(network: Network, node: Node, arms: Sequence[Seen]) -> list[str]:
    """What to say of a merge whose arms' outputs are not over one another, axis by axis."""
    notes = []
    for a in range(len(arms[0])):
        name = AXIS_NAMES[len(arms[0])][a]
        moving = [(i, arm[a].field) for i, arm in zip(node.inputs, arms, strict=True) if arm[a].field.strands]
        jumps = {strand.jump: i for i, field in moving for strand in field.strands}
        if len({frozenset(strand.jump for strand in field.strands) for _, field in moving}) > 1:
            told = " and ".join(f"{jump} of {network.nodes[i].name}" for jump, i in jumps.items())
            notes.append(
                f"{node.name}: its arms are not aligned along the {name}: they move by {told} pixels an output"
            )
            continue
        centres = {middle: i for i, field in reversed(moving) if (middle := centre(field)) is not None}
        if len(centres) > 1:
            told = " and ".join(f"{float(middle):g} ({network.nodes[i].name})" for middle, i in centres.items())
            notes.append(f"{node.name}: its arms are not aligned along the {name}: output 0 is centred on {told}")
    return notes
