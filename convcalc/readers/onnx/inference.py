"""Output shapes of nodes that convcalc does not know: from ONNX's own inference, or as the file states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from convcalc.notation import Axes
from convcalc.readers.onnx.inputs import GraphInputs
from convcalc.readers.onnx.model import OWN_DOMAINS
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.tensors import FLOATING, MAX_ELEMENTS, MAX_FOLDED, ConstantTensor


@dataclass(frozen=True, slots=True)
class Stated:
    """What the file states about its tensors, and the inputs that the network is read with."""

    values: Mapping[str, ValueInfoProto]
    inputs: GraphInputs

    def type(self, name: str) -> int:
        """The element type of a tensor; float32 if the file does not say."""
        value = self.values.get(name)
        return TensorProto.FLOAT if value is None else value.type.tensor_type.elem_type or TensorProto.FLOAT

    def shape(self, name: str) -> Axes | None:
        """The shape of a tensor, if the file states all of it and the inputs have the sizes that the file states."""
        value, inputs = self.values.get(name), self.inputs
        if value is None or inputs.other_sizes or inputs.batch.replaced is not None:
            return None
        return stated_shape(value, inputs.batch.size)


def stated_by(model: ModelProto, inputs: GraphInputs) -> Stated:
    graph, values = model.graph, dict[str, ValueInfoProto]()
    for value in (*graph.input, *graph.value_info, *graph.output):
        values.setdefault(value.name, value)
    return Stated(values, inputs)


def output_shapes(proto: NodeProto, node: NodeContext, model: ModelProto, stated: Stated) -> list[Axes | None]:
    """The shapes of a node's outputs, None for a shape that is unknown or impossible."""
    shapes: list[Axes | None] = [None] * len(proto.output)
    if proto.domain in OWN_DOMAINS and not node.attributes.graphs():
        inputs = [_inference_input(node, name, number, stated) for number, name in enumerate(proto.input)]
        shapes = _inferred(proto, inputs, model)
    found = [stated.shape(name) if shape is None else shape for name, shape in zip(proto.output, shapes, strict=True)]
    return [None if shape is None or 0 in shape or prod(shape) > MAX_ELEMENTS else shape for shape in found]


@dataclass(frozen=True, slots=True)
class _InferenceInput:
    """An input as ONNX's inference takes it: the element type, the shape if it is known, and perhaps the values."""

    type: int
    shape: Axes | None
    constant: ConstantTensor | None = None


def _inference_input(node: NodeContext, name: str, number: int, stated: Stated) -> _InferenceInput:
    match node.value(number):
        case ConstantTensor() as constant:
            return _InferenceInput(constant.type, constant.shape, constant)
        case None:
            return _InferenceInput(stated.type(name), None)
        case int() as layer:
            return _InferenceInput(stated.type(name), node.layers.nodes[layer].shape)


def _inferred(node: NodeProto, inputs: Sequence[_InferenceInput], model: ModelProto) -> list[Axes | None]:
    """The shapes that ONNX infers for the outputs of one node from its inputs; None if it says nothing.

    Long integer inputs are not passed on: ONNX would take them for shapes and write them out.
    """
    unknown: list[Axes | None] = [None] * len(node.output)
    if any(each.type not in FLOATING and prod(each.shape or ()) > MAX_FOLDED for each in inputs):
        return unknown
    try:
        answer = onnx.shape_inference.infer_shapes(_alone(node, inputs, model), data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, TypeError, MemoryError):
        return unknown
    found = {value.name: stated_shape(value) for value in answer.graph.output}
    return [found.get(name) for name in node.output]


def _alone(node: NodeProto, inputs: Sequence[_InferenceInput], model: ModelProto) -> ModelProto:
    """A model of this one node."""
    values: dict[str, ValueInfoProto] = {}
    arrays: list[TensorProto] = []
    for name, each in zip(node.input, inputs, strict=True):
        if not name or name in values:
            continue
        array = None if each.constant is None else each.constant.small_values()
        if array is not None:
            arrays.append(numpy_helper.from_array(array, name))
        values[name] = helper.make_tensor_value_info(name, each.type, each.shape)
    results = [ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "one", list(values.values()), results, arrays)
    alone = helper.make_model(graph, ir_version=model.ir_version)
    del alone.opset_import[:]
    alone.opset_import.extend(model.opset_import)
    return alone


def stated_shape(value: ValueInfoProto, batch: int | None = None) -> Axes | None:
    """The shape that the file states for a tensor, if it states every size; an open first size is `batch`."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        return None
    shape: list[int] = []
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            shape.append(dim.dim_value)
        elif axis == 0 and batch is not None:
            shape.append(batch)
        else:
            return None
    return tuple(shape) if prod(shape) <= MAX_ELEMENTS else None
