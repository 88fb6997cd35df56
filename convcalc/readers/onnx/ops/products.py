"""Linear layers and matrix products."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

import numpy as np

from convcalc.graph import primitives
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.tensors import ConstantTensor, computed


def gemm(node: NodeContext) -> list[Value]:
    """alpha * A * B + beta * C: a linear layer if B is a constant, and C its bias if it is a constant vector."""
    left, right, third = node.value(0), node.value(1), node.value(2)
    if left is None or right is None or len(node.shape(left)) != 2 or len(node.shape(right)) != 2:
        raise MalformedError("it takes two matrices")
    beta = node.attributes.number("beta", 1.0)
    if not isinstance(right, ConstantTensor):
        product = _product_of_layers(node, last=third is None)
    else:
        weight, data = _gemm_weight(node, right), node.layer(0)
        if node.attributes.flag("transA"):
            data = swapped(node, data, "/transpose")
        if isinstance(third, ConstantTensor) and third.shape in (weight.shape[:1], (1, weight.shape[0])):
            bias = scaled(third.through(lambda array: array.reshape(-1), weight.shape[:1]), beta)
            return [linear(node, data, weight, bias)]
        product = linear(node, data, weight, suffix="" if third is None else "/linear")
    if third is None:
        return [product]
    if isinstance(third, ConstantTensor):
        third = scaled(third, beta)
        primitive = primitives.WithConstant("add", third.shape, third.elements > 1 and third.floating)
        return [node.add("add", primitive, [product], [third])]
    added = node.layer(2) if beta == 1 else times(node, node.layer(2), beta, "/beta")
    return [node.add("add", primitives.Merge("add"), [product, added])]


def _gemm_weight(node: NodeContext, right: ConstantTensor) -> ConstantTensor:
    """The second matrix of a Gemm as (out_features, in_features), with alpha multiplied in."""
    weight = right if node.attributes.flag("transB") else transposed(right)
    return scaled(weight, node.attributes.number("alpha", 1.0))


def _product_of_layers(node: NodeContext, *, last: bool) -> int:
    """alpha * A * B of two layers; the node's own name goes to the `last` layer of the node."""
    alpha = node.attributes.number("alpha", 1.0)
    sides = [node.layer(0), node.layer(1)]
    for side, name in enumerate(("transA", "transB")):
        if node.attributes.flag(name):
            sides[side] = swapped(node, sides[side], f"/transpose{side + 1}")
    product = node.add("matmul", primitives.MatMul(), sides, suffix="" if last and alpha == 1 else "/matmul")
    return product if alpha == 1 else times(node, product, alpha, "" if last else "/alpha")


def matmul(node: NodeContext) -> list[Value]:
    """A linear layer if one side is a constant matrix; vectors become matrices on the way."""
    left, right = node.value(0), node.value(1)
    if left is None or right is None:
        raise MalformedError("it takes two inputs")
    above, below = node.shape(left), node.shape(right)
    if isinstance(right, ConstantTensor) and len(below) == 2 and not isinstance(left, ConstantTensor):
        return [linear(node, node.layer(0), transposed(right))]
    if isinstance(left, ConstantTensor) and len(above) == 2 <= len(below) and not isinstance(right, ConstantTensor):
        data = linear(node, swapped(node, node.layer(1), "/transpose"), left, suffix="/linear")
        return [swapped(node, data, "")]
    if not above or not below:
        raise MalformedError("it takes vectors or matrices, got one number")
    sides = [node.layer(0), node.layer(1)]
    if len(above) == 1:
        sides[0] = node.add("reshape", primitives.Reshape((1, *above)), [sides[0]], suffix="/row")
    if len(below) == 1:
        sides[1] = node.add("reshape", primitives.Reshape((*below, 1)), [sides[1]], suffix="/column")
    vectors = len(above) == 1 or len(below) == 1
    product = node.add("matmul", primitives.MatMul(), sides, suffix="/matmul" if vectors else "")
    if not vectors:
        return [product]
    sizes = list(node.shape(product))
    if len(above) == 1:
        del sizes[-2]
    if len(below) == 1:
        del sizes[-1]
    return [node.add("reshape", primitives.Reshape(tuple(sizes)), [product])]


def einsum(node: NodeContext) -> list[Value]:
    """A product of two tensors summed over indices, as a matrix product between transposes and reshapes."""
    written = node.attributes.text("equation", "").replace(" ", "")
    found = re.fullmatch(r"([a-zA-Z]+),([a-zA-Z]+)(?:->([a-zA-Z]*))?", written)
    sides = [node.layer(number) for number in range(len(node.inputs))]
    if not found or any(len(set(part)) < len(part) for part in found.groups() if part):
        raise UnsupportedError(f"its equation {written!r} is not a product of two tensors without repeated indices")
    left, right, out = found.groups()
    if out is None:  # the indices that only one of them has, in alphabetical order
        out = "".join(sorted(set(left) ^ set(right)))
    shapes = [node.shape(side) for side in sides]
    if len(sides) != 2 or [len(shape) for shape in shapes] != [len(left), len(right)] or not {*out} <= {*left, *right}:
        raise MalformedError(f"its equation {written!r} must fit its inputs, got {shapes}")
    sizes = dict(zip(left + right, shapes[0] + shapes[1], strict=True))
    if any(sizes[index] != size for index, size in zip(left, shapes[0], strict=True)):
        raise MalformedError(f"its equation {written!r} must have one size for every index, got {shapes}")
    if any((index in left) != (index in right) and index not in out for index in sizes):
        raise UnsupportedError(f"its equation {written!r} sums an index of one tensor alone")
    stack, summed = [i for i in left if i in right and i in out], [i for i in left if i in right and i not in out]
    rows, columns = [i for i in left if i not in right], [i for i in right if i not in left]
    matrices = [
        _grouped(node, sides[0], left, (stack, rows, summed), sizes, "/left"),
        _grouped(node, sides[1], right, (stack, summed, columns), sizes, "/right"),
    ]
    product = node.add("matmul", primitives.MatMul(), matrices, suffix="/matmul")
    indices = stack + rows + columns
    apart = primitives.Reshape(tuple(sizes[i] for i in indices))
    data = node.add("reshape", apart, [product], suffix="/apart")
    return [node.add("einsum", primitives.Transpose(tuple(indices.index(i) for i in out)), [data])]


def _grouped(
    node: NodeContext, data: int, indices: str, groups: Sequence[Sequence[str]], sizes: dict[str, int], suffix: str
) -> int:
    """A tensor as (stack, matrix rows, matrix columns): each axis has the elements of a group of indices."""
    order = tuple(indices.index(i) for group in groups for i in group)
    data = node.add("transpose", primitives.Transpose(order), [data], suffix=f"{suffix}/transpose")
    shape = tuple(prod(sizes[i] for i in group) for group in groups)
    return node.add("reshape", primitives.Reshape(shape), [data], suffix=f"{suffix}/reshape")


def linear(
    node: NodeContext, data: int, weight: ConstantTensor, bias: ConstantTensor | None = None, suffix: str = ""
) -> int:
    """Rows times a matrix (out_features, in_features)."""
    outputs, inputs = weight.shape
    primitive = primitives.Linear(inputs, outputs, bias is not None)
    return node.add("linear", primitive, [data], [weight] if bias is None else [weight, bias], suffix)


def times(node: NodeContext, data: int, factor: float, suffix: str) -> int:
    """A layer times a number."""
    primitive = primitives.WithConstant("multiply", (), learned=False)
    return node.add("multiply", primitive, [data], [computed(np.array(factor, np.float32))], suffix)


def swapped(node: NodeContext, data: int, suffix: str) -> int:
    """The last two axes of a layer exchanged."""
    rank = len(node.shape(data))
    if rank < 2:
        raise MalformedError(f"a matrix must have two axes, got {rank}")
    primitive = primitives.Transpose((*range(rank - 2), rank - 1, rank - 2))
    return node.add("transpose", primitive, [data], suffix=suffix)


def scaled(array: ConstantTensor, factor: float) -> ConstantTensor:
    return array if factor == 1 else array.through(lambda values: values * values.dtype.type(factor))


def transposed(matrix: ConstantTensor) -> ConstantTensor:
    return matrix.through(lambda values: values.T, matrix.shape[::-1])
