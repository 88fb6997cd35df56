"""A node as the functions of this room see it: its typed inputs and attributes, and a way to add layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from convcalc.graph import primitives
from convcalc.graph.graph import Layer
from convcalc.notation import Axes
from convcalc.readers.onnx.attributes import Attributes
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Layers, Value
from convcalc.readers.onnx.shape_rules import whole_numbers
from convcalc.readers.onnx.tensors import ConstantTensor


@dataclass(frozen=True, slots=True)
class NodeContext:
    """A node at its place in the graph: `inputs` has None for those left out, `outputs` are names.

    `folder` is the model's directory, for arrays outside the model.
    """

    name: str
    op: str
    opset: int
    folder: str
    attributes: Attributes
    inputs: tuple[Value | None, ...]
    outputs: tuple[str, ...]
    layers: Layers

    def value(self, number: int) -> Value | None:
        """An input, None if it is left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def has(self, number: int) -> bool:
        """Whether the file gives this input."""
        return self.value(number) is not None

    def layer(self, number: int, *, learned: bool = False) -> int:
        """The layer that makes an input; a constant becomes a layer, and counts as parameters if it is `learned`.

        Raises MalformedError if it is left out.
        """
        value = self.value(number)
        if value is None:
            raise MalformedError(f"it has no input {number + 1}")
        return self.layers.of(value, learned=learned)

    def constant(self, number: int, what: str) -> ConstantTensor:
        """An input that must not come from a layer; `what` names it in the error."""
        value = self.value(number)
        if value is None:
            raise MalformedError(f"it has no {what}")
        if not isinstance(value, ConstantTensor):
            raise UnsupportedError(f"another layer makes its {what}")
        return value

    def integers(self, number: int, what: str) -> tuple[int, ...] | None:
        """The whole numbers of an input, None if it is left out."""
        if not self.has(number):
            return None
        array = self.constant(number, what).small_values()
        if array is None:
            raise UnsupportedError(f"its {what} cannot be read")
        return whole_numbers(array)

    def scalar(self, number: int) -> float | None:
        """The single number of an input, None if it is left out or not known."""
        value = self.value(number)
        array = value.small_values() if isinstance(value, ConstantTensor) else None
        return float(array.reshape(-1)[0]) if array is not None and array.size else None

    def arrays(self) -> list[np.ndarray | None]:
        """The values of all inputs, None for those that are left out, large or not known."""
        return [value.small_values() if isinstance(value, ConstantTensor) else None for value in self.inputs]

    def shape(self, value: Value) -> Axes:
        """The shape of a tensor. Raises UnsupportedError if it is not known."""
        return self.layers.shape(value)

    def add(
        self, op: str, layer: Layer | primitives.Primitive, inputs: Sequence[int],
        arrays: Sequence[ConstantTensor] = (), suffix: str = "",
    ) -> int:  # fmt: skip
        """The number of a new layer under the node's name; `op` is its name in a table.

        `arrays` come in the order of `parameter_shapes`, then those that are no parameters.
        """
        return self.layers.add(f"{self.name}{suffix}", op, layer, inputs, arrays)


MakeLayers: TypeAlias = Callable[[NodeContext], "list[Value]"]
"""Adds the layers of a node; returns its outputs."""
Rearrange: TypeAlias = Callable[[NodeContext, ConstantTensor], "ConstantTensor | None"]
"""The output of a node whose first input is a constant, without reading its values; None if that takes a layer."""
