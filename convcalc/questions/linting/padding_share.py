"""Convolutions that multiply more padding than pixels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from math import prod

from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, windows
from convcalc.notation import show_axes, show_padding, show_size
from convcalc.questions.cost import taps_on_data
from convcalc.questions.linting.problem import (
    Change,
    Inspected,
    Problem,
    changed,
    repadded,
    replaced_node,
    spatial,
    windowed,
)

MAX_SHARE = Fraction(1, 2)
"""A layer is named from here on: more of its products are with padding than with pixels. 3x3 on 7x7 has 18 %, 3x3 on
2x2 has 56 %."""


def padding_share(inspected: Inspected) -> Iterator[Problem]:
    """Convolutions of which more than MAX_SHARE of the products are with padding."""
    for number, node in windowed(inspected):
        primitive = node.primitive
        if not isinstance(primitive, Correlate):
            continue
        share = share_of_padding(node)
        if share <= MAX_SHARE:
            continue
        dilated = f", dilation {show_axes(primitive.dilation)}" if set(primitive.dilation) != {1} else ""
        assert not isinstance(primitive.padding, str)
        text = (
            f"kernel {show_axes(primitive.kernel)}{dilated}, padding {show_padding(primitive.padding)} on "
            f"{show_size(spatial(node)[0])}: {float(share):.0%} of its products are with padding"
        )
        own = _less(node, primitive) or _unpadded(inspected, number, primitive)
        after = None if own is None else replaced_node(node, own)
        if own is None or after is None:
            yield Problem((number,), text)
            continue
        before, output = spatial(node)[1], spatial(after)[1]
        effect = "" if output == before else f"output {show_size(output)} instead of {show_size(before)}"
        yield Problem((number,), text, (Change(number, (own,)),), effect=effect)


def share_of_padding(node: Node) -> Fraction:
    """The share of a convolution's products whose tap lies on padding.

    Exact: the taps on data factor over the axes.
    """
    assert isinstance(node.primitive, Correlate)
    taps = prod(spatial(node)[1]) * prod(node.primitive.kernel)
    return 1 - Fraction(prod(taps_on_data(node)), taps)


def _less(node: Node, primitive: Correlate) -> Correlate | None:
    """The largest smaller dilation, else the largest smaller kernel, with which the share is no longer large."""
    for name in ("dilation", "kernel"):
        largest = max(getattr(primitive, name))
        step = 1 if name == "dilation" else 2
        smaller = range(-(largest - step), 0, step)  # negated, so that what fits begins somewhere and goes on

        def other(negated: int, name: str = name) -> Node | None:
            return _smaller(node, primitive, name, -negated)

        def fits(negated: int) -> bool:
            found = other(negated)
            return found is not None and share_of_padding(found) <= MAX_SHARE

        at = bisect_left(smaller, True, key=fits)
        found = other(smaller[at]) if at < len(smaller) else None
        if found is not None and found.shape == node.shape and isinstance(found.primitive, Correlate):
            return repadded(node, found.primitive)
    return None


def _unpadded(inspected: Inspected, number: int, primitive: Correlate) -> Correlate | None:
    """Less padding, if the network takes the smaller output: no more than keeps the size, or none, or a kernel of 1."""
    node, none = inspected.graph.nodes[number], tuple((0, 0) for _ in primitive.kernel)
    half = tuple((min(w.before, w.extent // 2), min(w.after, (w.extent - 1) // 2)) for w in windows(primitive))
    ones = (1,) * len(primitive.kernel)
    for own in (
        primitive._replace(padding=half),
        primitive._replace(padding=none),
        primitive._replace(padding=none, kernel=ones, dilation=ones),
    ):
        other = replaced_node(node, own)
        if other is None or share_of_padding(other) > MAX_SHARE:
            continue
        if other.shape == node.shape or changed(inspected.graph, [Change(number, (own,))]) is not None:
            return own
    return None


def _smaller(node: Node, primitive: Correlate, name: str, limit: int) -> Node | None:
    """The node with at most `limit` as its kernel or dilation on every axis, and that much less padding."""
    values = tuple(min(value, limit) for value in getattr(primitive, name))
    own = primitive._replace(dilation=values) if name == "dilation" else primitive._replace(kernel=values)
    if node.padding_word:
        return replaced_node(node, repadded(node, own))
    pairs = []
    for before, after in zip(windows(primitive), windows(own), strict=True):
        less, padded = before.extent - after.extent, before.before + before.after
        begin = less * before.before // padded if padded else 0
        pairs.append((before.before - begin, before.after - (less - begin)))
    if any(side < 0 for pair in pairs for side in pair):
        return None
    return replaced_node(node, own._replace(padding=tuple(pairs)))
