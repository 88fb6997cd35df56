"""Weights whose shape alone is in the file, as in exports without parameters."""

from __future__ import annotations

from collections.abc import Collection

from onnx import GraphProto

from convcalc.readers.onnx.inputs import dims_of, is_tensor
from convcalc.readers.onnx.ops import weight_inputs
from convcalc.readers.onnx.tensors import ConstantTensor, dimensions, valueless


def valueless_weights(graph: GraphProto, arrays: Collection[str]) -> list[ConstantTensor]:
    """Tensors that nothing writes and that layers read only as their weights; `arrays` are those in the file.

    The second input of a MatMul counts as a weight only if the file has no weights of other layers.
    """
    inputs = {value.name for value in graph.input}
    candidates = _read_as_weights_only(graph, inputs, arrays)
    found = []
    for value in (*graph.input, *(value for value in graph.value_info if value.name not in inputs)):
        dims = (dims_of(value) if is_tensor(value) else None) or []
        sizes = tuple(dim for dim in dims if isinstance(dim, int))
        if value.name in candidates and sizes and len(sizes) == len(dims):
            shape = dimensions(sizes, value.name)
            found.append(valueless(value.name, shape, value.type.tensor_type.elem_type))
    images = inputs - {weight.tensor for weight in found} - set(arrays)
    return found if images else []


def _read_as_weights_only(graph: GraphProto, inputs: Collection[str], arrays: Collection[str]) -> set[str]:
    constants = {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    weights: set[tuple[str, str]] = set()  # (operator, tensor)
    others = {*arrays, *(name for node in graph.node for name in node.output)}
    for node in graph.node:
        for number, name in enumerate(node.input):
            if number in weight_inputs(node.op_type):
                weights.add((node.op_type, name))
            else:
                others.add(name)
    if any(name in constants or name in arrays for _, name in weights):
        others |= {name for op, name in weights if op == "MatMul" and name in inputs}
    return {name for _, name in weights} - others
