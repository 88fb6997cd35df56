"""The network under construction. The reader adds every layer through `Layers.add`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from convcalc.errors import DataError
from convcalc.graph import primitives
from convcalc.graph.graph import Builder, Graph, Layer, Node
from convcalc.notation import Axes
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.inputs import Batch
from convcalc.readers.onnx.names import readable
from convcalc.readers.onnx.tensors import ConstantTensor
from convcalc.readers.onnx.weights import Weights, behind

Value: TypeAlias = int | ConstantTensor
"""A tensor: the number of the layer that makes it, or an array that depends on no input."""


class Layers:
    """The layers of the network under construction, their names and their arrays."""

    def __init__(self, batch: Batch) -> None:
        self.weights = Weights()
        self._builder = Builder()
        self._batch = batch
        self._names: set[str] = set()
        self._constants: dict[ConstantTensor, int] = {}

    @property
    def nodes(self) -> list[Node]:
        return self._builder.nodes

    def add(
        self, name: str, op: str, layer: Layer | primitives.Primitive, inputs: Sequence[int] = (),
        arrays: Sequence[ConstantTensor] = (),
    ) -> int:  # fmt: skip
        """The number of a new layer, whose name gets a number if it is taken.

        `arrays` come in the order of `parameter_shapes`, then those that are no parameters.
        """
        name = self._unique(name)
        [(_, primitive)] = layer.stages if isinstance(layer, Layer) else (("", layer),)  # in ONNX, one each
        shared = self.weights.assign(name, primitive, arrays, after=self._weighted(inputs))
        number = self._builder.add(name, op, layer, inputs, shared)
        node = self.nodes[number]
        if node.shape is not None and 0 in node.shape:
            raise DataError(f"{name}: an output must have elements, got shape {node.shape}")
        self._check_batch(node)
        return number

    def graph(self, name: str, outputs: Sequence[int], notes: Sequence[str], source: str) -> Graph:
        """The network that has been built."""
        return self._builder.graph(name, outputs[0], notes, source, outputs[1:])

    def of(self, value: Value, *, learned: bool = False) -> int:
        """The layer that makes a tensor. A constant becomes a layer when it is first needed as one.

        `learned` says that it counts as parameters whatever else is known of it.
        """
        if isinstance(value, int):
            return value
        if value not in self._constants:
            if 0 in value.shape:
                raise MalformedError("it reads an array without elements")
            primitive = primitives.Constant(value.shape, value.learned or learned)
            self._constants[value] = self.add(readable(value.tensor, "constant"), "constant", primitive, (), [value])
        return self._constants[value]

    def found(self, value: Value) -> Value:
        """The layer that a constant has become, or the tensor as it is."""
        return value if isinstance(value, int) else self._constants.get(value, value)

    def shape(self, value: Value) -> Axes:
        """The shape of a tensor. Raises UnsupportedError if it is not known."""
        shape = value.shape if isinstance(value, ConstantTensor) else self.nodes[value].shape
        if shape is None:
            raise UnsupportedError("the shape of its input is not known")
        return shape

    def _weighted(self, inputs: Sequence[int]) -> str:
        """The name of the layer that a new one follows, activations aside; "" if it reads none or several."""
        return behind(self.nodes, inputs[0]).name if len(inputs) == 1 else ""

    def _unique(self, name: str) -> str:
        unique, number = name, 1
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        self._names.add(unique)
        return unique

    def _check_batch(self, node: Node) -> None:
        """Raises for a layer that depends on the batch that the file is made for, e.g. in a target shape."""
        if self._batch.replaced is None or not isinstance(node.primitive, primitives.Reshape | primitives.Expand):
            return
        if node.input_shapes[0] and node.shape:
            before, after = node.input_shapes[0][0], node.shape[0]
            if before == self._batch.size != after:
                raise DataError(
                    f"batch: the file is made for {self._batch.replaced} and {node.name} depends on it, "
                    f"got {self._batch.size}; export it with a dynamic batch"
                )
