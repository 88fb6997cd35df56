"""The receptive field of every node on the graph's input, in one forward walk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import NamedTuple

from convcalc.axis.positions import Positions
from convcalc.axis.strands import AxisField, Field, centre, newest
from convcalc.errors import ShapeError
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Correlate,
    Merge,
    Pad,
    Pool,
    Reduce,
    Resize,
    Slice,
    Windowed,
    windows,
)
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes
from convcalc.questions.follow import Along, Cache, axis_after

MAX_NOTES = 4
"""Most merges of misaligned branches that are named; the others are counted."""

Seen = tuple[Along, ...]


class Misaligned(NamedTuple):
    """Branches that meet at a node but are misaligned along an axis of the input.

    `what` differs, the `jump` or the `centre` of output 0: its values in pixels, each with a node that has it.
    """

    node: int
    axis: int
    what: str
    branches: tuple[tuple[Fraction, int], ...]


class Fields(NamedTuple):
    """The receptive field of every node, and the node whose field stands for the whole graph.

    `bound` is a note that says from which node on fields are only upper bounds, and why; it is among the `notes`.
    `misaligned` has the merges of misaligned branches, each along the first axis on which they are.
    """

    fields: tuple[tuple[AxisField, ...], ...]
    seen: tuple[Seen, ...]
    mapped: int
    notes: tuple[str, ...]
    bound: str | None
    misaligned: tuple[Misaligned, ...] = ()


def receptive_fields(graph: Graph) -> Fields:
    """The receptive field of every node on the graph's first input, per spatial axis of it.

    The graph's own is that of its output or, if the output reads the whole image through a global pool or a flatten,
    that of the last map before.
    Source: by definition; agrees with Araujo, Norris & Sim 2019 wherever all windows are contiguous.
    """
    main = graph.inputs[0]
    assert main.shape is not None
    sizes = main.shape[2:]
    itself = Field.identity()  # one object for all axes, so that equal work is done once
    image = tuple(Along(axis + 2, itself) for axis in range(len(sizes)))
    seen: list[Seen] = []
    fields: list[tuple[AxisField, ...]] = []
    misaligned: list[Misaligned] = []
    bound: tuple[int, str] | None = None
    known, causal = Cache(), set[int]()
    for number, node in enumerate(graph.nodes):
        branches = [image] if node is main else [seen[i] for i in node.inputs]
        found, row, why = _all_after(node, branches, sizes, known)
        seen.append(found)
        fields.append(row)
        causal |= {a for a, along in enumerate(branches[0] if branches else ()) if _is_causal(node, along.axis)}
        if why and bound is None:
            bound = number, f"receptive field: an upper bound from {graph.labels[number]} on, because {why}"
        if isinstance(node.primitive, Merge | Concat) and len(branches) > 1:
            misaligned += _misaligned(graph, number, branches, causal)[:1]
    mapped = _last_map(graph, seen)
    notes = []
    if mapped != graph.output:
        notes.append(
            f"receptive field: given at {graph.labels[mapped]}, the last layer before the whole image is pooled"
        )
    from_here = next((n for n, axes in enumerate(seen[: mapped + 1]) if any(a.field.whole.runs for a in axes)), None)
    if bound is not None:
        notes.append(bound[1])
    if from_here not in (None, bound and bound[0]) and any(along.field.whole.runs for along in seen[mapped]):
        notes.append(f"receptive field: every output of {graph.labels[from_here]} depends on the whole image")
    notes += [misaligned_in_words(graph, each) for each in misaligned[:MAX_NOTES]]
    if len(misaligned) > MAX_NOTES:
        notes.append(f"{len(misaligned) - MAX_NOTES} more merges have misaligned branches")
    return Fields(tuple(fields), tuple(seen), mapped, tuple(notes), bound and bound[1], tuple(misaligned))


def _all_after(
    node: Node, branches: Sequence[Seen], sizes: Axes, known: Cache
) -> tuple[Seen, tuple[AxisField, ...], str]:
    """All axes after a node, their summaries, and why the field is only an upper bound, if it is."""
    found, fields, why = list[Along](), list[AxisField](), ""
    for a, size in enumerate(sizes):
        if found and found[-1].axis is not None and _is_alike(node, branches[0][a - 1], branches[0][a]):
            found.append(Along(branches[0][a].axis, found[-1].field))
            fields.append(fields[-1])
            continue
        along = [branch[a] for branch in branches]
        try:
            after = axis_after(node, along, size, known)
            known.enumerated.add(after.field)
            fields.append(_summary(after, node, size, known))
        except ShapeError as error:
            after = Along(None, Field((), Positions(0, 1, ((0, size - 1),))))
            fields.append(_summary(after, node, size, known))
            why = f"the whole {AXIS_NAMES[len(sizes)][a]} is taken: {error}"
        found.append(after)
        if isinstance(node.primitive, Concat) and any(
            branch.axis == node.primitive.axis and branch.field.strands for branch in along
        ):
            why = f"it joins maps along the {AXIS_NAMES[len(sizes)][a]}"
    return tuple(found), tuple(fields), why


def _is_alike(node: Node, last: Along, along: Along) -> bool:
    """Whether a node does to this axis what it did to the one before, whose field is the same and moves."""
    if along.field is not last.field or along.field.whole.runs:
        return False
    if last.axis is None or along.axis is None or min(last.axis, along.axis) < 2:
        return False
    if isinstance(node.primitive, Resize):
        steps, shape = list(node.primitive.along()), node.input_shapes[0] or ()
        before, after = ((shape[each], steps[each - len(shape)]) for each in (last.axis, along.axis))
        return before == after
    if not isinstance(node.primitive, Windowed):
        return False
    window = windows(node.primitive)
    return window[last.axis - 2] == window[along.axis - 2]


def _summary(along: Along, node: Node, size: int, known: Cache) -> AxisField:
    outputs = 1 if along.axis is None or node.shape is None else node.shape[along.axis]
    return known.summary(along.field, outputs, size)


def _last_map(graph: Graph, seen: Sequence[Seen]) -> int:
    """The number of the output node; or of the last map that moves over the input, if its reader is smaller or flat.

    A layer that reads a whole map and gives one as large, such as a normalization over pixels, does not count.
    """
    at: int | None = graph.output
    last = graph.output
    while at is not None and not all(along.field.strands for along in seen[at]):
        last = at
        inputs = graph.nodes[at].inputs  # constants among them read nothing
        at = next((i for i in inputs if any(along.field.strands or along.field.whole.runs for along in seen[i])), None)
    if at is None:
        return last
    before, after = graph.nodes[at], graph.nodes[last]
    keeps_the_map = (
        not isinstance(after.primitive, Reduce | AdaptivePool)  # which make no map smaller that has one pixel
        and after.elements >= before.elements
        and len(after.shape or ()) > 2
    )
    return graph.output if last != at and keeps_the_map else at


def _is_causal(node: Node, axis: int | None) -> bool:
    """Whether a node, along an axis of its input, has padding at the beginning alone or cuts off an end."""
    match node.primitive:
        case Correlate() | Pool() if axis is not None and axis >= 2:
            window = windows(node.primitive)[axis - 2]
            return window.before > window.after == 0
        case Pad() if axis is not None:
            before, after = node.primitive.pairs[axis]
            return before >= 0 >= after and before != after
        case Slice(axis=cut, first=0, length=length, step=1):
            return cut == axis and length < (node.input_shapes[0] or ())[cut]
        case _:
            return False


def misaligned_in_words(graph: Graph, found: Misaligned) -> str:
    """The branches and what differs, in one sentence."""
    axis = AXIS_NAMES[len(graph.inputs[0].shape or ()) - 2][found.axis]
    listed = ", ".join(f"{_shown(value, found.what)} for {graph.labels[i]}" for value, i in found.branches)
    what = "jump" if found.what == "jump" else "output 0 is centred on"
    return f"{graph.labels[found.node]}: branches misaligned along {axis}: {what} {listed}"


def _shown(value: Fraction, what: str) -> str:
    return str(value) if what == "jump" else f"{float(value):g}"


def _misaligned(graph: Graph, number: int, branches: Sequence[Seen], causal: Collection[int]) -> list[Misaligned]:
    """The axes on which the branches of a merge are misaligned.

    Along the axes on which a layer is `causal`, branches that read nothing ahead are aligned on their newest pixel.
    """
    found, node = [], graph.nodes[number]
    for a in range(len(branches[0])):
        moving = [(i, seen[a].field) for i, seen in zip(node.inputs, branches, strict=True) if seen[a].field.strands]
        if len({frozenset(strand.jump for strand in field.strands) for _, field in moving}) > 1:
            jumps = {strand.jump: i for i, field in moving for strand in field.strands}
            found.append(Misaligned(number, a, "jump", tuple(jumps.items())))
            continue
        latest = {newest(field) for _, field in moving} if a in causal else set()
        if len(latest) == 1 and None not in latest:
            continue
        centres = {middle: i for i, field in reversed(moving) if (middle := centre(field)) is not None}
        if len(centres) > 1:
            found.append(Misaligned(number, a, "centre", tuple(centres.items())))
    return found
