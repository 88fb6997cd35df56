"""What the rules of `lint` work on, and what they find: problems at nodes, each with a change that removes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from convcalc.errors import ShapeError
from convcalc.graph.graph import Builder, Graph, Layer, Node
from convcalc.graph.primitives import Convolution, Primitive, Windowed
from convcalc.graph.shapes import AXIS_NAMES, place
from convcalc.notation import Axes
from convcalc.questions.receptive import Fields, receptive_fields

W = TypeVar("W", bound=Windowed)


class Change(NamedTuple):
    """Primitives that take the place of one node's; `own` says which of them is the node's, changed or not."""

    node: int
    stages: tuple[Primitive, ...]
    own: int = 0


class Problem(NamedTuple):
    """What a rule found: the nodes, a sentence with the numbers, and the changes that remove it.

    `input` is the remedy if that is another input, (channels, *spatial), and no change of layers; `effect` is what the
    remedy changes else.
    """

    nodes: tuple[int, ...]
    text: str
    changes: tuple[Change, ...] = ()
    input: Axes = ()
    effect: str = ""


@dataclass(frozen=True)
class Inspected:
    """A graph under inspection. `sized`: its input's size is known; `model`: it is a whole network, not a part.

    `at` places the layers on an input of (channels, *spatial).
    """

    graph: Graph
    sized: bool = True
    model: bool = False
    at: Callable[[Axes], Graph] | None = field(default=None, repr=False)

    @cached_property
    def fields(self) -> Fields:
        return receptive_fields(self.graph)

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """The nodes that read each node."""
        found: list[list[int]] = [[] for _ in self.graph.nodes]
        for number, node in enumerate(self.graph.nodes):
            for i in node.inputs:
                found[i].append(number)
        return tuple(map(tuple, found))

    def ancestors(self, number: int) -> list[int]:
        """The nodes that a node depends on, itself among them, in order."""
        seen, stack = {number}, [number]
        while stack:
            for i in self.graph.nodes[stack.pop()].inputs:
                if i not in seen:
                    seen.add(i)
                    stack.append(i)
        return sorted(seen)


def windowed(inspected: Inspected) -> list[tuple[int, Node]]:
    """The convolutions and pools whose sizes are known, by number."""
    nodes = enumerate(inspected.graph.nodes)
    return [(i, n) for i, n in nodes if isinstance(n.primitive, Windowed) and n.shape and n.input_shapes[0]]


def replaced_node(node: Node, primitive: Primitive) -> Node | None:
    """The node with another primitive on the same inputs; None if it does not fit them."""
    try:
        placed = place(primitive, [shape for shape in node.input_shapes if shape is not None])
    except ShapeError:
        return None
    return node._replace(primitive=placed.primitive, shape=placed.shape)


def changed(graph: Graph, changes: Sequence[Change]) -> Graph | None:
    """The graph with the changes made; None if what follows does not fit any more."""
    at = {change.node: change for change in changes}
    builder, moved = Builder(), dict[int, int]()
    try:
        for number, node in enumerate(graph.nodes):
            stages = at[number].stages if number in at else (node.primitive,)
            layer = Layer(tuple((f"{number}.{i}", stage) for i, stage in enumerate(stages)))
            moved[number] = builder.add("", node.stage, layer, [moved[i] for i in node.inputs])
    except ShapeError:
        return None
    return builder.graph(graph.name, moved[graph.output], others=[moved[i] for i in graph.others])


def spatial(node: Node) -> tuple[Axes, Axes]:
    """The input's and the output's spatial sizes."""
    assert node.shape is not None
    assert node.input_shapes[0] is not None
    return node.input_shapes[0][2:], node.shape[2:]


def repadded(node: Node, primitive: W) -> W:
    """The primitive with the node's padding word, if it has one: the same word means other numbers for it."""
    return primitive._replace(padding=node.padding_word) if node.padding_word else primitive  # type: ignore[return-value]


def axes_in_words(axes: Sequence[int], dims: int) -> str:
    """`along the height`, or of several axes `along each axis` if they are all.

    >>> axes_in_words([0], 2), axes_in_words([0, 1], 2)
    ('along the height', 'along each axis')
    """
    if len(axes) == dims > 1:
        return "along each axis"
    return f"along the {' and '.join(AXIS_NAMES[dims][a] for a in axes)}"


def is_depthwise(primitive: Primitive) -> bool:
    """Whether a convolution reads one channel per group."""
    return isinstance(primitive, Convolution) and primitive.groups == primitive.in_channels > 1
