"""The input at which layers have the sizes of a message, found on many inputs at once by the rules of sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.errors import ShapeError
from convcalc.graph.following import Rules, all_shapes, rules_of
from convcalc.graph.size_rules import UnfollowedError
from convcalc.notation import Axes
from convcalc.questions.messages.laid import Laid, anywhere
from convcalc.questions.samples import placed_samples

if TYPE_CHECKING:
    import numpy as np

MAX_SIDE = 1 << 12
"""Longest side of an input that is tried."""
MAX_SHAPES = 1 << 22
"""Most shapes that are computed at once: inputs times nodes."""

Holds = Callable[[Any], Any]
"""Whether the shapes of all nodes are those that are looked for; each size a number, or an array of them."""


class Sides(NamedTuple):
    """The layers on many inputs of one proportion at once: `sides` are the longest sides.

    `shapes` are those of every node, `reached` whether everything before a node has an output.
    """

    rules: Rules
    size: Axes
    sides: np.ndarray
    shapes: Any
    reached: list[np.ndarray]

    def input(self, side: Any) -> Any:
        """The input, (channels, *spatial), of this longest side."""
        longest = max(self.size[1:])
        return (self.size[0], *(-(-n * side // longest) for n in self.size[1:]))


def sides_of(laid: Laid) -> Sides | None:
    """The layers on inputs of many sizes, square ones if none is given; None if the rules of sizes are not known."""
    import numpy as np

    subject = anywhere(laid)
    shape = None if subject is None else subject.graph.inputs[0].shape
    if subject is None or shape is None or len(shape) < 3:
        return None
    asked = laid.size or (shape[1], *(1,) * len(shape[2:]))
    try:
        rules = rules_of(placed_samples(subject.graph, subject.at))
    except (UnfollowedError, ShapeError):
        return None
    sides = np.arange(1, max(2, min(MAX_SIDE, MAX_SHAPES // len(rules.steps))))
    empty = Sides(rules, asked, sides, None, [])
    shapes = all_shapes(rules, empty.input(sides))
    reached, so_far = [], np.ones(len(sides), bool)
    for shape in shapes:
        reached.append(so_far)
        for size in shape or ():
            so_far = so_far & (size > 0)
    return empty._replace(shapes=shapes, reached=reached)


def first_input(sides: Sides, number: int, holds: Holds) -> Axes | None:
    """The smallest input that reaches a node and for which the shapes hold; None if none that is tried does.

    What the arrays say is computed again in exact integers.
    """
    import numpy as np

    found = np.flatnonzero(holds(sides.shapes) & sides.reached[number])
    if not len(found):
        return None
    size: Axes = sides.input(int(sides.sides[found[0]]))
    return size if bool(holds(all_shapes(sides.rules, size))) else None
