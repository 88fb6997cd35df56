"""Positions along axes, taken, joined or added: Concat, Split, Slice, Gather and Pad."""

from __future__ import annotations

from itertools import pairwise

from convcalc.graph import primitives
from convcalc.notation import Axes
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.shape_rules import all_from_front, cuts, from_front
from convcalc.readers.onnx.tensors import ConstantTensor
from convcalc.readers.onnx.weights import may_be_learned

MAX_TAKEN = 1 << 16
"""Most indices of a Gather that are listed one by one."""
PAD_MODES = ("constant", "reflect", "edge", "wrap")


def concat(node: NodeContext) -> list[Value]:
    numbers = [
        number for number, value in enumerate(node.inputs)
        if value is not None and not (isinstance(value, ConstantTensor) and not value.elements)
    ]  # fmt: skip
    layers = [node.layer(number) for number in numbers]
    if not layers:
        raise MalformedError("it has nothing to join")
    axis = from_front(node.attributes.integer("axis", 1 if node.opset < 4 else 0), len(node.shape(layers[0])))
    return [node.add("concat", primitives.Concat(axis), layers)]


def split(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    shape = node.shape(data)
    axis = from_front(node.attributes.integer("axis", 0), len(shape))
    length, outputs = shape[axis], len(node.outputs)
    sizes = node.attributes.integers("split")
    sizes = node.integers(1, "sizes") if sizes is None else sizes
    if sizes is None:
        sizes = _equal_parts(length, node.attributes.integer("num_outputs", outputs))
    if sum(sizes) != length or min(sizes) < 0 or len(sizes) < outputs:
        raise MalformedError(f"its parts {sizes} must sum up to {length}, one for each of {outputs} outputs")
    results: list[Value] = []
    for number, size in enumerate(sizes[:outputs]):
        part = primitives.Slice(axis, sum(sizes[:number]), size)
        results.append(node.add("split", part, [data], suffix=f"/{number + 1}"))
    return results


def _equal_parts(length: int, parts: int) -> Axes:
    """Sizes that are equal, except that the last may be smaller."""
    if not 0 < parts <= length:
        raise MalformedError(f"{length} positions do not go into {parts} parts")
    each = -(-length // parts)
    return (*(each,) * (parts - 1), length - each * (parts - 1))


def slice_(node: NodeContext) -> list[Value]:
    """One layer per axis that is really cut."""
    data = node.layer(0)
    shape = node.shape(data)
    for number in range(1, 5):
        node.integers(number, "starts and ends")
    found = cuts(shape, node.attributes, node.arrays())
    if found is None:
        raise MalformedError("it has no starts and ends")
    real = [cut for cut in found if (cut.first, cut.count, cut.step) != (0, shape[cut.axis], 1)]
    for number, cut in enumerate(real, 1):
        primitive = primitives.Slice(cut.axis, cut.first, cut.count, cut.step)
        suffix = "" if number == len(real) else f"/axis{cut.axis}"
        data = node.add("slice", primitive, [data], suffix=suffix)
    return [data]


def gather(node: NodeContext) -> list[Value]:
    """A slice if the indices are evenly spaced; a single index drops the axis. A table of rows is learned."""
    table = node.value(0)
    learned = isinstance(table, ConstantTensor) and len(table.shape) == 2 and may_be_learned(table)
    data = node.layer(0, learned=learned)
    indices_shape, shape = node.constant(1, "indices").shape, node.shape(data)
    axis = from_front(node.attributes.integer("axis", 0), len(shape))
    stated = node.integers(1, "indices")
    if not stated or len(stated) > MAX_TAKEN:
        raise UnsupportedError("its indices cannot be read")
    if any(not -shape[axis] <= index < shape[axis] for index in stated):
        raise MalformedError(f"its indices must be below {shape[axis]}")
    indices = tuple(index % shape[axis] for index in stated)
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    even = step != 0 and all(b - a == step for a, b in pairwise(indices))
    if len(indices_shape) > 1 or not even:
        return [node.add("gather", primitives.Take(axis, indices, indices_shape), [data])]
    part = primitives.Slice(axis, indices[0], len(indices), step)
    if indices_shape:
        return [node.add("gather", part, [data])]
    if shape[axis] > 1:
        data = node.add("slice", part, [data], suffix="/slice")
    return [node.add("gather", primitives.Reshape((*shape[:axis], *shape[axis + 1 :])), [data])]


def pad(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    rank = len(node.shape(data))
    pads = node.attributes.integers("pads")
    pads = node.integers(1, "pads") if pads is None else pads
    given = node.integers(3, "axes")
    axes = tuple(range(rank)) if given is None else all_from_front(given, rank)
    if pads is None or len(pads) != 2 * len(axes):
        raise MalformedError(f"its pads must be {2 * len(axes)} numbers, got {pads}")
    along = dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    mode = node.attributes.text("mode", "constant")
    if mode not in PAD_MODES:
        raise MalformedError(f"its mode must be constant, reflect, edge or wrap, got {mode}")
    value = node.scalar(2)
    if node.has(2) and value is None:
        raise UnsupportedError("another layer makes its value")
    value = node.attributes.number("value", 0.0) if value is None else value
    pairs = tuple(along.get(axis, (0, 0)) for axis in range(rank))
    return [node.add("pad", primitives.Pad(pairs, mode, value), [data])]
