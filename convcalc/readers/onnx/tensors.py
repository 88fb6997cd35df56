"""Tensors that depend on no input: weights, settings, and arrays computed from these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from convcalc.errors import DataError
from convcalc.notation import Axes
from convcalc.readers.onnx.external import external_bytes
from convcalc.readers.onnx.names import clean

MAX_FOLDED = 1 << 18
"""Most elements of an array that is computed while reading; only the shapes of larger ones matter."""
MAX_ELEMENTS = 1 << 62
MAX_AXES = 32
FLOATING = {
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16,
    *(number for name, number in TensorProto.DataType.items() if name.startswith("FLOAT8") or name == "FLOAT4E2M1"),
}  # fmt: skip
QUANTIZED = {
    number for name, number in TensorProto.DataType.items()
    if name in ("INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16", "INT32")
}  # fmt: skip
"""Integers that weights are stored in; those of 64 bits are sizes and indices."""


@dataclass(eq=False, slots=True)
class ConstantTensor:
    """A tensor that depends on no input: an initializer, a constant, or an array computed from those.

    `type` is ONNX's number for the element type. `learned` says whether the values count as parameters; `tensor` is
    the name of the initializer or constant they come from, "" if there is none. Arrays that count only where a layer
    has them as weight or bias are marked: `setting` for floats in a Constant node, `quantized` for integers of the
    file and what is worked out from them. `scales` are further arrays worked into the values, by name, with their
    number of elements. The values are read when they are first asked for.
    """

    shape: Axes
    type: int
    read: Callable[[], np.ndarray]
    learned: bool = False
    tensor: str = ""
    setting: bool = False
    quantized: bool = False
    scales: frozenset[tuple[str, int]] = frozenset()
    _values: np.ndarray | None = field(default=None, init=False, repr=False)

    @property
    def floating(self) -> bool:
        return self.type in FLOATING

    @property
    def stored(self) -> bool:
        """Whether the values come from the file and may count as parameters."""
        return self.learned or self.setting or self.quantized

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def values(self) -> np.ndarray:
        """The values, even if there are many. Raises DataError if the file does not have them."""
        if self._values is not None:
            return self._values
        array = self.read()
        if self.elements <= MAX_FOLDED:
            self._values = array
        return array

    def small_values(self) -> np.ndarray | None:
        """The values, or None if they are many or missing."""
        if self.elements > MAX_FOLDED:
            return None
        try:
            return self.values()
        except DataError:
            return None

    def is_fill(self) -> bool:
        """Whether all values are one number; if the values are unknown, whether there is only one axis.

        Biases and scales are like that before training, and exporters merge equal ones.
        """
        array = self.small_values()
        return len(self.shape) == 1 if array is None else bool((array == array.reshape(-1)[:1]).all())

    def through(
        self, function: Callable[[np.ndarray], np.ndarray], shape: Axes | None = None, *, type: int | None = None,
        learned: bool | None = None, scales: Iterable[ConstantTensor | None] = (),
    ) -> ConstantTensor:  # fmt: skip
        """The same parameters after a function of their values, which are not read for this.

        `scales` are further arrays that the function works with.
        """
        new_type = self.type if type is None else type
        kept = new_type in FLOATING or new_type in QUANTIZED  # other numbers are sizes
        more = {(scale.tensor, scale.elements) for scale in scales if scale is not None and scale.elements > 1}
        return ConstantTensor(
            self.shape if shape is None else shape,
            new_type,
            lambda: function(self.values()),
            self.learned if learned is None else learned,
            self.tensor,
            self.setting and kept,
            self.quantized and kept,
            self.scales | more,
        )


def computed(array: np.ndarray, tensor: str = "", *, setting: bool = False) -> ConstantTensor:
    """An array that was worked out while reading; a `setting` if it was from arrays of the file, and has floats."""
    type = helper.np_dtype_to_tensor_dtype(array.dtype)
    return ConstantTensor(array.shape, type, lambda: array, tensor=tensor, setting=setting and type in FLOATING)


def initializer(proto: TensorProto, folder: str) -> ConstantTensor:
    """An array of the file. Floats count as learned if there are several."""
    shape = dimensions(proto.dims, proto.name)
    learned = proto.data_type in FLOATING and prod(shape) > 1
    return ConstantTensor(
        shape, proto.data_type, lambda: _numbers(proto, shape, folder), learned, proto.name,
        quantized=proto.data_type in QUANTIZED and prod(shape) > 1,
    )  # fmt: skip


def attribute_tensor(proto: TensorProto, folder: str, tensor: str = "") -> ConstantTensor:
    """An array inside a node: a setting, unless a layer has it as weight or bias."""
    shape = dimensions(proto.dims, proto.name)
    several = bool(tensor) and prod(shape) > 1
    return ConstantTensor(
        shape, proto.data_type, lambda: _numbers(proto, shape, folder), tensor=tensor,
        setting=several and proto.data_type in FLOATING, quantized=several and proto.data_type in QUANTIZED,
    )  # fmt: skip


def sparse_initializer(proto: SparseTensorProto) -> ConstantTensor:
    """A sparse array of the file; only its shape is read."""
    name = proto.values.name
    shape = dimensions(proto.dims, name)

    def unreadable() -> np.ndarray:
        raise DataError(f"{clean(name)}: is sparse, and its values are not read")

    return ConstantTensor(shape, proto.values.data_type, unreadable, prod(shape) > 1, name)


def valueless(name: str, shape: Axes, type: int) -> ConstantTensor:
    """An array whose shape alone is in the file."""

    def missing() -> np.ndarray:
        raise DataError(f"{clean(name)}: must have values, got its shape alone")

    return ConstantTensor(shape, type, missing, type in FLOATING and prod(shape) > 1, name)


def dimensions(dims: Sequence[int], name: str) -> Axes:
    """The shape of an array. Raises DataError for negative sizes, too many axes or too many elements."""
    shape = tuple(int(n) for n in dims)
    if len(shape) > MAX_AXES or any(n < 0 for n in shape) or prod(shape) > MAX_ELEMENTS:
        raise DataError(f"{clean(name) or 'an array'}: must have sizes from 0 to 2^62 elements, got {_short(shape)}")
    return shape


def _short(shape: Axes) -> str:
    return f"{shape[:8]}..." if len(shape) > 8 else str(shape)


def _numbers(proto: TensorProto, shape: Axes, folder: str) -> np.ndarray:
    """The values of an array, from the model or from a file next to it."""
    name = clean(proto.name) or "an array"
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(proto.data_type))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{name}: must have numbers, got elements of type {proto.data_type}") from None
    if dtype.kind in "OUS":
        raise DataError(f"{name}: must have numbers, got text")
    if proto.data_location == TensorProto.EXTERNAL:
        raw = external_bytes(proto, prod(shape) * dtype.itemsize, folder, name)
        return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
    try:
        array = numpy_helper.to_array(proto)
    except (ValueError, TypeError, KeyError, OverflowError, IndexError) as error:
        reason = clean(str(error).split("\n", 1)[0]).lower() or "others"
        raise DataError(f"{name}: must have the values of its shape {_short(shape)}, got {reason}") from None
    if array.shape != shape:
        raise DataError(f"{name}: must have the values of its shape {_short(shape)}, got {_short(array.shape)}")
    return array
