"""The attributes of a node, each with the type that is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnx import AttributeProto, GraphProto, NodeProto, TensorProto

from convcalc.readers.onnx.errors import MalformedError
from convcalc.readers.onnx.names import clean


class Attributes:
    """The attributes of a node by name. Every method raises MalformedError if the file has another type there."""

    def __init__(self, node: NodeProto) -> None:
        self._by_name: dict[str, AttributeProto] = {attribute.name: attribute for attribute in node.attribute}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def _of(self, name: str, type: int) -> AttributeProto | None:
        attribute = self._by_name.get(name)
        if attribute is not None and attribute.type != type:
            raise MalformedError(f"its attribute {name} is of another type")
        return attribute

    def integer(self, name: str, default: int) -> int:
        attribute = self._of(name, AttributeProto.INT)
        return default if attribute is None else attribute.i

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no, which ONNX writes as an integer."""
        return bool(self.integer(name, default))

    def number(self, name: str, default: float) -> float:
        attribute = self._of(name, AttributeProto.FLOAT)
        return default if attribute is None else attribute.f

    def text(self, name: str, default: str) -> str:
        attribute = self._of(name, AttributeProto.STRING)
        return default if attribute is None else clean(attribute.s.decode("utf-8", "replace"))

    def integers(self, name: str) -> tuple[int, ...] | None:
        attribute = self._of(name, AttributeProto.INTS)
        return None if attribute is None else tuple(attribute.ints)

    def numbers(self, name: str) -> tuple[float, ...] | None:
        attribute = self._of(name, AttributeProto.FLOATS)
        return None if attribute is None else tuple(attribute.floats)

    def tensor(self, name: str) -> TensorProto | None:
        attribute = self._of(name, AttributeProto.TENSOR)
        return None if attribute is None else attribute.t

    def graphs(self) -> list[GraphProto]:
        """The graphs inside the node, such as the branches of an If."""
        every = self._by_name.values()
        single = [attribute.g for attribute in every if attribute.type == AttributeProto.GRAPH]
        lists = (attribute.graphs for attribute in every if attribute.type == AttributeProto.GRAPHS)
        return single + [graph for graphs in lists for graph in graphs]


def outer_names(graphs: Sequence[GraphProto]) -> list[str]:
    """The tensors that graphs inside a node may read from outside, in order."""
    names: dict[str, None] = {}
    pending = list(graphs)
    while pending:
        graph = pending.pop()
        names.update(dict.fromkeys(output.name for output in graph.output))
        for node in graph.node:
            names.update(dict.fromkeys(node.input))
            pending += Attributes(node).graphs()
    return list(names)


def names_read(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, those of the graphs inside it included."""
    yield from node.input
    yield from outer_names(Attributes(node).graphs())
