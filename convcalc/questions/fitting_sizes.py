"""The sizes nearest to one that a network refuses: for its errors, and for `solve --sizes`."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.errors import ConvcalcError
from convcalc.graph.following import Rules, rules_of
from convcalc.graph.graph import Graph
from convcalc.graph.size_rules import UnfollowedError
from convcalc.notation import Axes, Layout, show_size
from convcalc.questions.accepted import Line, carried, modulus_of, most_at_once, smallest_along
from convcalc.questions.samples import Place, placed_samples


class Fitting(NamedTuple):
    """The nearest accepted inputs, smaller or larger along every axis that does not fit; None if there is none.

    `smallest` is the smallest of all, if no smaller one is accepted. `multiple` is the number that all accepted sizes
    are multiples of along every axis, 1 if there is no other.
    """

    rules: Rules
    below: Axes | None
    above: Axes | None
    smallest: Axes | None
    multiple: int

    def advice(self, layout: Layout = "channels-first") -> str:
        """What would work, in words; "" if nothing is known that does."""
        near = [show_size(each, layout) for each in (self.below, self.above) if each is not None]
        if not near:
            return ""
        if self.multiple > 1:
            return f"sizes must be multiples of {self.multiple}, the nearest: {' and '.join(near)}"
        if self.smallest is not None:
            return f"the smallest input that the whole network accepts is {show_size(self.smallest, layout)}"
        return f"the nearest that fit: {' and '.join(near)}"


def fitting(graph: Graph, at: Place, size: Axes) -> Fitting | None:
    """The inputs nearest to one of (channels, *spatial) that a network refuses; `graph` is it on one that it accepts.

    None if the channels or the number of axes are at fault, or if sizes follow no rule that is known here.
    """
    own = (graph.inputs[0].shape or ())[1:]
    if len(own) != len(size) or not 2 <= len(own) <= 4:
        return None
    try:
        if own[0] != size[0]:
            own = (size[0], *own[1:])
            graph = at(own)
        rules = rules_of(placed_samples(graph, at))
        lines = [Line(own, (axis,)) for axis in range(len(own) - 1)]
        multiples = {modulus_of(rules, line) for line in lines}
    except (ConvcalcError, UnfollowedError):
        return None
    below, above = (_near(rules, at, size, direction) for direction in (-1, 1))
    smallest = None if below else _confirmed(at, (size[0], *(smallest_along(rules, line) for line in lines)))
    return Fitting(rules, below, above, smallest, multiples.pop() if len(multiples) == 1 else 1)


def _near(rules: Rules, at: Place, size: Axes, direction: int) -> Axes | None:
    """The nearest accepted size in one direction, axis by axis, if the network confirms it."""
    near = _confirmed(at, (size[0], *(_nearest(rules, size, axis, direction) for axis in range(len(size) - 1))))
    return None if near == size else near


def _confirmed(at: Place, size: tuple[int | None, ...]) -> Axes | None:
    """The size if it is one that the network accepts."""
    whole = tuple(n for n in size if n is not None)
    if len(whole) < len(size):
        return None
    try:
        at(whole)
    except ConvcalcError:
        return None
    return whole


def _nearest(rules: Rules, size: Axes, axis: int, direction: int) -> int | None:
    """The size along an axis nearest to that of (channels, *spatial), up or down, that is accepted with the others.

    The other axes are as large as the network's own input has them. None if there is none near.
    """
    own = (rules.graph.inputs[0].shape or ())[1:]
    line, at = Line(own, (axis,)), size[1 + axis]
    count, most = 64, most_at_once(rules)
    while count <= most:
        first, last = (max(1, at - count), at) if direction < 0 else (at, at + count)
        places = carried(rules, line, first, last)[0].nonzero()[0]
        if len(places):
            return first + int(places[-1 if direction < 0 else 0])
        if first == 1 and direction < 0:
            return None
        count *= 4
    return None
