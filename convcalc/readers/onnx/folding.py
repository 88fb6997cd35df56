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

        Learned and large arrays are not computed with: they stay parameters, rearranged but unread.
        """
        given = [value for value in node.inputs if value is not None]
        constants = [value for value in given if isinstance(value, ConstantTensor)]
        if not constants or len(constants) < len(given):
            return None
        op, arrays, first = OPS.get(node.op, Op()), node.arrays(), node.inputs[0]
        learned = any(constant.learned for constant in constants) and not op.unlearned
        unread = any(array is None and value is not None for array, value in zip(arrays, node.inputs, strict=True))
        if learned or unread or op.fold is None:
            if op.rearrange is None or not isinstance(first, ConstantTensor):
                return None
            constant = op.rearrange(node, first)
            return None if constant is None else [constant]
        self._elements += sum(constant.elements for constant in constants)
        if self._elements > MAX_FOLDED_TOTAL or first is None:
            return None
        with np.errstate(all="ignore"):
            result = op.fold(node.attributes, arrays)
        results = result if isinstance(result, list) else [] if result is None else [np.asarray(result)]
        if not results or any(array.size > MAX_FOLDED for array in results):
            return None
        tensor = first.tensor if op.same_array and isinstance(first, ConstantTensor) else ""
        return [computed(array, tensor) for array in results]
