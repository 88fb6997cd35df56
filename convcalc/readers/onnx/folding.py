"""Nodes whose inputs are all constants: their outputs are constants too, unless they must stay layers."""

from __future__ import annotations

import numpy as np

from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops import OPS, Op
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.tensors import MAX_FOLDED, ConstantTensor, computed

MAX_FOLDED_TOTAL = 1 << 26
"""Most elements to compute in one file, so that no file keeps the reader busy for ever."""


class Folding:
    """Works out constants; remembers how much it has done."""

    def __init__(self) -> None:
        self._elements = 0

    def outputs(self, node: NodeContext) -> list[Value] | None:
        """The outputs as constants; None if an input is no constant or the node must stay a layer.

        Arrays that may be parameters are rearranged and keep their names. Learned and large ones are not computed with.
        """
        given = [value for value in node.inputs if value is not None]
        constants = [value for value in given if isinstance(value, ConstantTensor)]
        if not constants or len(constants) < len(given):
            return None
        op, arrays, first = OPS.get(node.op, Op()), node.arrays(), node.inputs[0]
        stored = any(constant.stored for constant in constants) and not op.unlearned
        unread = any(array is None and value is not None for array, value in zip(arrays, node.inputs, strict=True))
        if (stored or unread or op.fold is None) and op.rearrange is not None and isinstance(first, ConstantTensor):
            constant = op.rearrange(node, first)
            if constant is not None:
                return [self._read_now(constant)]
        learned = any(constant.learned for constant in constants) and not op.unlearned
        if learned or unread or op.fold is None:
            return None
        self._elements += sum(constant.elements for constant in constants)
        if self._elements > MAX_FOLDED_TOTAL or first is None:
            return None
        with np.errstate(all="ignore"):
            result = op.fold(node.attributes, arrays)
        results = result if isinstance(result, list) else [] if result is None else [np.asarray(result)]
        if not results or any(array.size > MAX_FOLDED for array in results):
            return None
        tensor = first.tensor if op.same_array and isinstance(first, ConstantTensor) else ""
        return [computed(array, tensor, setting=stored and array.size > 1) for array in results]

    def _read_now(self, constant: ConstantTensor) -> ConstantTensor:
        """A constant, its values worked out if it may be a setting, so that long chains are no deep recursion."""
        if not constant.learned and self._elements + constant.elements <= MAX_FOLDED_TOTAL:
            self._elements += constant.elements
            with np.errstate(all="ignore"):
                constant.small_values()
        return constant
