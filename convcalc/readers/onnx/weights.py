"""The arrays of every layer, and the layer that a shared array counts in."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convcalc.errors import first_of
from convcalc.graph import primitives
from convcalc.readers.onnx.names import clean
from convcalc.readers.onnx.tensors import ConstantTensor

MAX_NAMED = 3


class Weights:
    """The arrays of every layer by its name, and notes about them."""

    def __init__(self) -> None:
        self.of_layer: dict[str, tuple[ConstantTensor, ...]] = {}
        self._counted_in: dict[str, str] = {}  # tensor -> the first layer that has it as a parameter
        self._shared: dict[str, None] = {}
        self._counted_again = 0
        self._settings = 0

    def assign(self, layer: str, primitive: primitives.Primitive, arrays: Sequence[ConstantTensor]) -> frozenset[str]:
        """Gives a layer its arrays; returns the roles of those that an earlier layer counts.

        An array filled with one number counts in every layer: exporters merge equal biases and scales before training.
        """
        roles = set()
        for (role, shape), array in zip(primitives.parameter_shapes(primitive), arrays, strict=False):
            if not array.tensor or self._counted_in.setdefault(array.tensor, layer) == layer:
                continue
            if array.is_fill():
                self._counted_again += prod(shape)
            else:
                roles.add(role)
                self._shared[array.tensor] = None
        if arrays:
            self.of_layer[layer] = tuple(arrays)
        if isinstance(primitive, primitives.WithConstant | primitives.Constant) and not primitive.learned:
            self._settings += sum(array.elements for array in arrays if array.setting)
        return frozenset(roles)

    def notes(self) -> list[str]:
        """Notes for readers of the counts."""
        notes = []
        if self._settings:
            notes.append(f"{self._settings:,} values in Constant nodes are treated as settings, not parameters")
        if self._counted_again:
            notes.append(
                f"{self._counted_again:,} parameters are in constant-filled arrays that the exporter shared between "
                "layers; each layer counts its own"
            )
        if self._shared:
            named = first_of([clean(name) for name in self._shared], MAX_NAMED)
            notes.append(f"shared arrays, counted once in the first layer that uses them: {named}")
        return notes
