"""Branches that meet, but look at different places of the input."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from convcalc.graph.primitives import Correlate, Pool, Windowed, windows
from convcalc.questions.linting.problem import Change, Inspected, Problem, changed
from convcalc.questions.receptive import Misaligned, misaligned_in_words, receptive_fields


def misaligned_branches(inspected: Inspected) -> Iterator[Problem]:
    """Merges whose branches have unequal jumps, or outputs centred on different pixels."""
    for found in inspected.fields.misaligned:
        text = misaligned_in_words(inspected.graph, found)
        yield Problem((found.node,), text, _aligned(inspected, found))


def _aligned(inspected: Inspected, found: Misaligned) -> tuple[Change, ...]:
    """One convolution of one branch with its padding moved to the other side, or with an odd kernel."""
    graph = inspected.graph
    if found.what != "centre":
        return ()
    for branch, (_, at) in enumerate(found.branches):
        value, others = found.branches[branch][0], [b for i, b in enumerate(found.branches) if i != branch]
        shared = {number for _, end in others for number in inspected.ancestors(end)}
        for change in _shifts(inspected, at, found.axis, others[0][0] - value):
            if change.node in shared:
                continue
            other = changed(graph, [change])
            if other is not None and all(each.node != found.node for each in receptive_fields(other).misaligned):
                return (change,)
    return ()


def _shifts(inspected: Inspected, at: int, axis: int, distance: Fraction) -> Iterator[Change]:
    """Changes to the last windowed layer at or before a node that may move its centre so far along the input."""
    nodes = inspected.graph.nodes
    while not isinstance(nodes[at].primitive, Windowed):
        if len(nodes[at].inputs) != 1:
            return
        [at] = nodes[at].inputs
    primitive = nodes[at].primitive
    before = inspected.fields.seen[nodes[at].inputs[0]][axis]
    if not isinstance(primitive, Correlate | Pool) or before.axis is None or len(before.field.strands) != 1:
        return
    own, jump = before.axis - 2, before.field.strands[0].jump
    pairs = [(w.before, w.after) for w in windows(primitive)]
    alike = [w == windows(primitive)[own] for w in windows(primitive)]  # these axes are misaligned by as much
    for more in (0, 1):
        kernel = tuple(k + more * same for k, same in zip(primitive.kernel, alike, strict=True))
        wider = more * primitive.dilation[own]
        moved = -distance / jump + Fraction(wider, 2)
        if moved.denominator > 1:
            continue
        begin, end = pairs[own][0] + int(moved), pairs[own][1] + wider - int(moved)
        if begin < 0 or end < 0:
            continue
        padding = tuple((begin, end) if same else pair for pair, same in zip(pairs, alike, strict=True))
        yield Change(at, (primitive._replace(kernel=kernel, padding=padding),))
