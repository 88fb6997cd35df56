"""The one model: primitives at their places, in the order they run, and the layers that they make up.

A layer asked for by options, a row of layer words, a TOML file and an ONNX file all become a Graph. A *node* is one
primitive; a *group* is a layer as the user knows it: one node, or several that a convolution type is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import NamedTuple

from convcalc.errors import ShapeError, located
from convcalc.graph.primitives import Input, Primitive, Stages, Unknown, Windowed
from convcalc.graph.request import Request
from convcalc.graph.shapes import place
from convcalc.notation import Axes

MAX_LAYERS = 20_000
"""Layers of a network, so that an absurd file is refused before it fills the memory."""


class Layer(NamedTuple):
    """A layer before it is placed: its primitives in order, each named.

    A convolution type also records its name and its request.
    """

    stages: Stages
    type: str | None = None
    request: Request | None = None


class Node(NamedTuple):
    """One primitive at its place: its inputs by number, and whole shapes, the batch included.

    `stage` is its name within the layer, `padding_word` the word that its padding was given as, if any. `shape` is None
    if it cannot be known. `shared` are the roles of arrays that an earlier node has too; they count there.
    """

    name: str
    stage: str
    primitive: Primitive
    inputs: tuple[int, ...]
    input_shapes: tuple[Axes | None, ...]
    shape: Axes | None
    padding_word: str | None = None
    shared: frozenset[str] = frozenset()

    @property
    def elements(self) -> int:
        """Elements of the output, 0 if its shape is not known."""
        return 0 if self.shape is None else prod(self.shape)

    @property
    def counted(self) -> bool:
        """Whether everything about the node is known."""
        return not isinstance(self.primitive, Unknown)


class Group(NamedTuple):
    """A layer at its place: its name, what the file calls it, and its nodes, which follow one another."""

    name: str
    op: str
    nodes: range
    type: str | None = None
    request: Request | None = None

    @property
    def last(self) -> int:
        """The number of the node whose output is the layer's."""
        return self.nodes[-1]


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order, the groups that they form in the same order, and which node is the output.

    If the model has further outputs, `others` are their nodes, in its order.
    """

    name: str
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    output: int
    notes: tuple[str, ...] = ()
    source: str = ""
    labels: tuple[str, ...] = ()
    """What to call each node's output: by the layer's name if it is the layer's output, else by the node's own."""
    remarks: tuple[str, ...] = ()
    """The notes that are in the file itself; all others say what was found in it."""
    others: tuple[int, ...] = ()

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if isinstance(node.primitive, Input))

    @cached_property
    def layers(self) -> tuple[Group, ...]:
        """The groups with a row in tables: all but the inputs."""
        return tuple(group for group in self.groups if not isinstance(self.nodes[group.last].primitive, Input))

    @cached_property
    def group_of(self) -> tuple[int, ...]:
        """The number of each node's group."""
        return tuple(number for number, group in enumerate(self.groups) for _ in group.nodes)

    def stages(self, group: Group) -> tuple[Node, ...]:
        """The nodes of a group."""
        return self.nodes[group.nodes.start : group.nodes.stop]


def ancestors(graph: Graph, number: int) -> set[int]:
    """A node and all nodes that it depends on, by their numbers."""
    found, ahead = {number}, [number]
    while ahead:
        new = {*graph.nodes[ahead.pop()].inputs} - found
        found |= new
        ahead += new
    return found


def until(graph: Graph, name: str) -> Graph:
    """The graph up to the layer of this name, which becomes its only output."""
    number, group = next((number, group) for number, group in enumerate(graph.groups) if group.name == name)
    return replace(
        graph, nodes=graph.nodes[: group.last + 1], groups=graph.groups[: number + 1], output=group.last,
        labels=graph.labels[: group.last + 1], others=(),
    )  # fmt: skip


class _ReachedError(Exception):
    """The layer after which building stops is there; `graph` is what has been built."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph


_LAST: ContextVar[str | None] = ContextVar("last", default=None)


def built_until(name: str, build: Callable[[], Graph]) -> Graph:
    """The graph that `build` gives, up to the layer of this name. What comes after it is not built and need not fit."""
    token = _LAST.set(name)
    try:
        return until(build(), name)
    except _ReachedError as reached:
        return reached.graph
    finally:
        _LAST.reset(token)


class Builder:
    """A graph under construction: every node is placed, and its shape known, as soon as it is added."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.groups: list[Group] = []
        self.labels: list[str] = []
        """What to call each node's output in messages."""
        self._names: set[str] = set()

    def input(self, shape: Axes, name: str = "input") -> int:
        """The number of a new input of this whole shape."""
        return self.add(name, "input", Input(shape))

    def add(
        self, name: str, op: str, layer: Layer | Primitive, inputs: Sequence[int] = (),
        shared: frozenset[str] = frozenset(),
    ) -> int:  # fmt: skip
        """The number of the last node of a new layer: one primitive, named by its op, or several.

        Raises ShapeError, naming the layer, if its inputs do not fit or if there are too many layers. A layer without
        a name is named by its stages.
        """
        if not isinstance(layer, Layer):
            layer = Layer(((op, layer),))
        if len(self.groups) > MAX_LAYERS:
            raise ShapeError(f"layers: a network may have {MAX_LAYERS} layers, got more")
        first = len(self.nodes)
        for stage, primitive in layer.stages:
            path = (f"{name}/{stage}" if len(layer.stages) > 1 else name) if name else stage
            if path in self._names:
                raise ShapeError(f"{path}: a name must be different from all others, got it twice; give it another")
            self._names.add(path)
            with located(path if not name or len(layer.stages) == 1 else f"{name}: {stage}"):
                self.nodes.append(self._placed(path, stage, primitive, inputs, shared))
            self.labels.append(path)
            inputs = (len(self.nodes) - 1,)
        self.labels[-1] = name or self.labels[-1]
        self.groups.append(Group(name, op, range(first, len(self.nodes)), layer.type, layer.request))
        if name and name == _LAST.get():
            raise _ReachedError(self.graph(name, len(self.nodes) - 1))
        return len(self.nodes) - 1

    def graph(
        self, name: str, output: int, notes: Sequence[str] = (), source: str = "", others: Sequence[int] = ()
    ) -> Graph:
        """What has been built."""
        return Graph(
            name, tuple(self.nodes), tuple(self.groups), output, tuple(notes), source, tuple(self.labels),
            others=tuple(others),
        )  # fmt: skip

    def _placed(
        self, path: str, stage: str, primitive: Primitive, inputs: Sequence[int], shared: frozenset[str]
    ) -> Node:
        shapes = tuple([self.nodes[i].shape for i in inputs])
        known = [shape for shape in shapes if shape is not None]
        if len(known) < len(shapes) and not isinstance(primitive, Unknown):
            primitive = Unknown("the shape of its input is not known")
        placed = place(primitive, known, [self.labels[i] for i in inputs])
        word = primitive.padding if isinstance(primitive, Windowed) and isinstance(primitive.padding, str) else None
        return Node(
            path, stage, placed.primitive, tuple(inputs), shapes, placed.shape, word, shared
        )  # fmt: skip
