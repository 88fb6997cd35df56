"""The arrays of every layer, which of them are parameters, and the layer that a shared array counts in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from onnx import TensorProto

from convcalc.errors import first_of
from convcalc.graph import primitives
from convcalc.graph.graph import Node
from convcalc.readers.onnx.names import clean
from convcalc.readers.onnx.tensors import ConstantTensor

MAX_NAMED = 3
PASSED = ("identity", "dropout", "quantize", "dequantize", "cast", "float16", "float32", "float64")
"""Elementwise operations that a layer's bias may follow."""
OWNERS = (
    primitives.Correlate, primitives.TransposedCorrelate, primitives.Linear, primitives.MatMul, primitives.Normalize,
    primitives.Merge, primitives.Concat, primitives.Pool, primitives.Reshape, primitives.Transpose,
)  # fmt: skip
"""Layers that may have a bias or scale of their own; merges, because a normalization may end with one."""
_Key = tuple[str, tuple[str, ...]]


class Weights:
    """The arrays of every layer by its name, and notes about them."""

    def __init__(self) -> None:
        self.of_layer: dict[str, tuple[ConstantTensor, ...]] = {}
        self._counted_in: dict[str, str] = {}  # tensor -> the first layer that has it as a parameter
        self._first_after: dict[_Key, str] = {}  # (a layer, tensors) -> the first layer of these tensors to follow it
        self._same_as: dict[str, str] = {}  # a layer -> the earlier layer that it is another call of
        self._shared: dict[str, None] = {}
        self._scales: set[tuple[str, int]] = set()
        self._counted_again = 0
        self._settings = 0

    def assign(
        self, layer: str, primitive: primitives.Primitive, arrays: Sequence[ConstantTensor], *, after: str = ""
    ) -> frozenset[str]:
        """Gives a layer its arrays; returns the roles of those that an earlier layer counts.

        An array filled with one number counts in every layer, because exporters merge equal biases and scales before
        training: unless the layer is another call of an earlier one. It is if they share another array, or if they
        follow calls of the same layer; `after` names the layer that it follows.
        """
        learned = list(zip(primitives.parameter_shapes(primitive), arrays, strict=False))
        earlier = self._earlier_call(layer, [array for _, array in learned], after)
        again = {array.tensor for array in self.of_layer.get(earlier, ())}
        roles = set()
        for (role, shape), array in learned:
            self._scales |= array.scales
            if not array.tensor or self._counted_in.setdefault(array.tensor, layer) == layer:
                continue
            if array.tensor not in again and array.is_fill():
                self._counted_again += prod(shape)
            else:
                roles.add(role)
                self._shared[array.tensor] = None
        if arrays:
            self.of_layer[layer] = tuple(arrays)
        if isinstance(primitive, primitives.WithConstant | primitives.Constant) and not primitive.learned:
            self._settings += sum(array.elements for array in arrays if array.setting or array.quantized)
        return frozenset(roles)

    def _earlier_call(self, layer: str, arrays: Sequence[ConstantTensor], after: str) -> str:
        """The earlier layer that a layer with these parameters is another call of, "" if there is none."""
        tensors = tuple(array.tensor for array in arrays)
        if not any(tensors):
            return ""
        owners = [(array, self._counted_in[array.tensor]) for array in arrays if array.tensor in self._counted_in]
        first = next((owner for array, owner in owners if not array.is_fill()), "")
        if after in self._same_as:
            first = first or self._first_after.get((self._same_as[after], tensors), "")
        self._first_after.setdefault((self._same_as.get(after, after), tensors), layer)
        if first:
            self._same_as[layer] = first
        return first

    def notes(self) -> list[str]:
        """Notes for readers of the counts."""
        notes = []
        if self._settings:
            notes.append(
                f"{self._settings:,} values in Constant nodes or of whole numbers are treated as settings, "
                "not parameters"
            )
        if self._scales:
            count = sum(elements for _, elements in self._scales)
            notes.append(f"{count:,} scales and zero points of stored weights are not counted as parameters")
        if self._counted_again:
            notes.append(
                f"{self._counted_again:,} parameters are in constant-filled arrays that the exporter shared between "
                "layers; each layer counts its own"
            )
        if self._shared:
            named = first_of([clean(name) for name in self._shared], MAX_NAMED)
            notes.append(f"shared arrays, counted once in the first layer that uses them: {named}")
        return notes


def behind(nodes: Sequence[Node], number: int, kinds: Collection[str] | None = None) -> Node:
    """The node, or the one before it if it is element-wise, of one of these kinds if they are given; and so on."""
    node = nodes[number]
    while isinstance(node.primitive, primitives.Elementwise) and (kinds is None or node.primitive.kind in kinds):
        node = nodes[node.inputs[0]]
    return node


def may_be_learned(array: ConstantTensor) -> bool:
    """Whether an array that is read as a whole, by an unknown layer or as a table, counts as parameters.

    Of whole numbers, only those of less than 32 bits with several axes do, because others may be sizes.
    """
    small = array.quantized and array.type != TensorProto.INT32
    return array.learned or array.setting or (small and len(array.shape) > 1)


def is_weight_by_place(kind: str, array: ConstantTensor, nodes: Sequence[Node], number: int) -> bool:
    """Whether an array that an element-wise operation joins with a layer is that layer's bias or scale.

    It has one number per channel, or one per feature along the last axis, and the layer computes them: what scales an
    image before its first layer, or boxes after their last, is a setting.
    """
    before = behind(nodes, number, PASSED)
    shape, primitive = before.shape, before.primitive
    if kind not in ("add", "subtract", "multiply", "divide") or not array.floating or shape is None or not array.shape:
        return False
    if array.elements == 1:  # a single float of the file is a setting, such as an epsilon, unless there is one filter
        filters = (shape[1] if isinstance(primitive, primitives.Convolution) else shape[-1]) if len(shape) > 1 else 0
        weighted = isinstance(primitive, primitives.Convolution | primitives.Linear)
        return kind == "add" and bool(array.tensor) and weighted and filters == 1
    own = isinstance(primitive, OWNERS) or (isinstance(primitive, primitives.WithConstant) and primitive.learned)
    varying = [axis for axis, size in enumerate(array.shape, len(shape) - len(array.shape)) if size > 1]
    return own and (array.setting or array.quantized) and varying in ([1], [len(shape) - 1])
