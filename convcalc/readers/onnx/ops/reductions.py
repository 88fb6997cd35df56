"""Reductions of some axes to one value: global pools, Reduce... and ArgMax."""

from __future__ import annotations

from convcalc.graph import primitives
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext
from convcalc.readers.onnx.shape_rules import all_from_front, from_front


def global_pool(kind: str, op: str) -> MakeLayers:
    """Over all spatial axes, which stay with length 1."""

    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        name = f"l{node.attributes.integer('p', 2)}" if kind == "lp" else kind
        return [node.add(op, primitives.Reduce(name, tuple(range(2, len(node.shape(data))))), [data])]

    return make


def reduce(kind: str) -> MakeLayers:
    """Over the axes given as an attribute or an input, or over all."""

    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        rank = len(node.shape(data))
        axes = node.attributes.integers("axes")
        axes = node.integers(1, "axes") if axes is None else axes
        if not axes and node.attributes.flag("noop_with_empty_axes"):
            return [node.inputs[0] or data]
        over = all_from_front(axes, rank) if axes else tuple(range(rank))
        primitive = primitives.Reduce(kind, over, node.attributes.flag("keepdims", True))
        return [node.add(f"reduce_{kind}", primitive, [data])]

    return make


def arg_reduce(kind: str) -> MakeLayers:
    """The position of the largest or smallest value along one axis."""

    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        axis = from_front(node.attributes.integer("axis", 0), len(node.shape(data)))
        return [node.add(kind, primitives.Reduce(kind, (axis,), node.attributes.flag("keepdims", True)), [data])]

    return make
