"""How the sizes of every layer follow from the size of the input, without placing the network again.

A walk carries one size, or an array of sizes at once, through all nodes: `+`, `//` and comparisons do the same on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Input
from convcalc.graph.size_algebra import Fits, Sizes
from convcalc.graph.size_rules import Shapes, SizeRule, Step, UnfollowedError
from convcalc.notation import Axes

MAX_BITS = 330
"""Binary digits of the largest sizes that are tried: all that can be written."""
MAX_TRIED = 1 << 16
"""Most nodes to walk through, all in all, if sizes can only be tried one after the other."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A network whose sizes can be followed: one step per node.

    `monotone` says that a larger input is accepted if a smaller one is. `divisors` are the numbers that sizes are
    divided by on the way. `last_read` has for every node those that no later node reads.
    """

    graph: Graph
    steps: tuple[Step, ...]
    monotone: bool
    divisors: tuple[int, ...]
    last_read: tuple[tuple[int, ...], ...]


class Walked(NamedTuple):
    """Whether the input is accepted, the output's shape, and for a single size the first node that refuses it."""

    fits: Fits
    output: Sizes | None
    refused: int | None


def walked(rules: Rules, size: Sizes) -> Walked:
    """The network on an input of (channels, *spatial), where each size may be an array of sizes to try at once."""
    shapes: Shapes = [None] * len(rules.steps)
    first = _image(rules.graph)
    fits: Fits = True
    for number, step in enumerate(rules.steps):
        if number == first:
            shapes[number], here = ((rules.graph.inputs[0].shape or ())[0], *size), True
        else:
            shapes[number], here = step(shapes)
        if here is not True:
            fits = fits & here
            if fits is False:
                return Walked(False, None, number)
        for done in rules.last_read[number]:
            shapes[done] = None
    return Walked(fits, shapes[rules.graph.output], None)


def all_shapes(rules: Rules, size: Sizes) -> Shapes:
    """The shape of every node on this input, as if everything fitted."""
    shapes: Shapes = [None] * len(rules.steps)
    first = _image(rules.graph)
    for number, step in enumerate(rules.steps):
        shapes[number] = (1, *size) if number == first else step(shapes)[0]
    return shapes


def _image(graph: Graph) -> int:
    """The number of the first input, whose size is varied."""
    return next(number for number, node in enumerate(graph.nodes) if isinstance(node.primitive, Input))


def rules_of(graphs: Sequence[Graph], fixed: bool = False) -> Rules:
    """The rules behind one network that is placed on different inputs. Raises UnfollowedError.

    A size that is the same on all of them is taken for fixed, if `fixed`, rather than for one that follows the input.
    """
    first = graphs[0]
    if any(len(graph.nodes) != len(first.nodes) for graph in graphs):
        raise UnfollowedError("the number of layers changes with the size")
    seen: dict[Axes, tuple[int, int]] = {}
    steps: list[Step] = []
    monotone, divisors, reads = True, list[int](), [set(node.inputs) for node in first.nodes]
    for number, nodes in enumerate(zip(*(graph.nodes for graph in graphs), strict=True)):
        rule = SizeRule(nodes, seen, reads[number], fixed)
        steps.append(rule.step())
        monotone &= rule.monotone
        divisors += rule.divisors
        if all(node.shape is not None for node in nodes) and len({len(node.shape or ()) for node in nodes}) == 1:
            for axis, values in enumerate(zip(*(node.shape or () for node in nodes), strict=True)):
                if len(set(values)) > 1:
                    seen.setdefault(values, (number, axis))
    last = {read: number for number, several in enumerate(reads) for read in several}
    ends: list[list[int]] = [[] for _ in steps]
    for read, number in last.items():
        if read not in (first.output, number):
            ends[number].append(read)
    return Rules(first, tuple(steps), monotone, tuple(divisors), tuple(tuple(each) for each in ends))


def smallest_size(rules: Rules, size: Sizes, axis: int) -> int | None:
    """The smallest accepted size along an axis of (channels, *spatial), the other axes as in `size`.

    None if there is none that can be found.
    """

    def accepts(n: int) -> bool:
        return walked(rules, (*size[:axis], n, *size[axis + 1 :])).fits is not False

    if not rules.monotone:  # few sizes are tried, for an error must not take long
        return next((n for n in range(1, max(64, MAX_TRIED // len(rules.steps))) if accepts(n)), None)
    low = high = 1
    while not accepts(high):
        low, high = high + 1, high * 2
        if high.bit_length() > MAX_BITS:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if accepts(middle) else (middle + 1, high)
    return low
