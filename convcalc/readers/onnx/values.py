"""What an ONNX file holds: the model itself, its attributes and its arrays, all read without trusting the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from convcalc.errors import DataError, one_line, shortened
from convcalc.graph.stages import Axes
from convcalc.storage.memory import available_memory, check_memory

MOST_BYTES = 2**31 - 1
"""Of a model without its external data: protocol buffers hold no more."""
MOST_FOLDED = 1 << 18
"""Elements of arrays that are worked out on the way; weights are larger and only their shapes matter."""
MOST_ELEMENTS = 1 << 62
MOST_NAME = 120
FLOATING = {
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16,
    *(number for name, number in TensorProto.DataType.items() if name.startswith("FLOAT8") or name == "FLOAT4E2M1"),
}  # fmt: skip


class MalformedError(Exception):
    """A node that ONNX does not allow; the reader says which."""


class UnsupportedError(Exception):
    """A node that ONNX allows and that is not understood; it becomes Unknown with this reason."""


def read_model(path: str) -> ModelProto:
    """The model in a file, its external data left where it is.

    Raises DataError for what is not a regular file, is too large or is not ONNX.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: must be a file, got something else; name an .onnx file")
        if not 0 < status.st_size <= MOST_BYTES:
            raise DataError(f"{path}: must have from 1 to {MOST_BYTES} bytes, got {status.st_size}; export it again")
        available = available_memory()
        if available is not None and 2 * status.st_size > available:  # the bytes, and what they are parsed into
            raise DataError(f"{path}: must fit memory twice, got {status.st_size} bytes with {available} available")
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path}: must be a file that can be read, got {reason.lower()}; check the name") from None
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RecursionError, MemoryError, ValueError):
        raise DataError(f"{path}: must be an ONNX model, got bytes that are not one; export it again") from None
    if not model.HasField("graph"):
        raise DataError(f"{path}: must have a graph, got a model without one; export it again")
    if not all(isinstance(text, str) for text in _texts(model)):  # what is not UTF-8 is left as bytes
        raise DataError(f"{path}: must have names in UTF-8, got other bytes; export it again")
    return model


def _texts(model: ModelProto) -> Iterator[object]:
    """All names of a model and of the graphs inside it."""
    yield from (model.producer_name, model.producer_version, *(entry.domain for entry in model.opset_import))
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        tensors = [*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)]
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield value.name
            if value.type.HasField("tensor_type"):
                yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
        for node in graph.node:
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
            for attribute in node.attribute:
                yield attribute.name
                tensors.append(attribute.t)
                pending += [attribute.g] if attribute.HasField("g") else []
                pending += attribute.graphs
        for tensor in tensors:
            yield tensor.name
            for entry in tensor.external_data:
                yield from (entry.key, entry.value)


def clean(text: str) -> str:
    """A name from the file as it is shown: in one line, without controls, not too long.

    Characters that reorder text or have no glyph are written out, as no file may steer a terminal.
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in one_line(text))
    return shortened(shown, MOST_NAME)


class Known:
    """A tensor that depends on no input: an initializer, a constant, or what follows of them.

    `tensor` is the initializer that its values come from, "" for none; `learned` whether they count as parameters,
    `fixed` whether they are floats that the graph itself holds. The values are read when asked for.
    """

    __slots__ = ("_array", "_load", "fixed", "floating", "learned", "shape", "tensor", "type")

    def __init__(
        self, shape: Axes, type: int, load: Callable[[], np.ndarray], *, learned: bool = False, tensor: str = ""
    ) -> None:
        self.shape, self.type, self.learned, self.tensor = shape, type, learned, tensor
        self.floating, self.fixed = type in FLOATING, False
        self._load = load
        self._array: np.ndarray | None = None

    @staticmethod
    def of(array: np.ndarray) -> Known:
        """What was worked out."""
        return Known(array.shape, helper.np_dtype_to_tensor_dtype(array.dtype), lambda: array)

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def load(self) -> np.ndarray:
        """The values, of any size. Raises DataError where the file does not have them."""
        if self._array is not None:
            return self._array
        array = self._load()
        if self.elements <= MOST_FOLDED:
            self._array = array
        return array

    def small(self) -> np.ndarray | None:
        """The values if they are few and there."""
        if self.elements > MOST_FOLDED:
            return None
        try:
            return self.load()
        except DataError:
            return None

    def is_fill(self) -> bool:
        """Whether all values are one number; without values, an array of one axis is taken for it.

        Such are biases and scales before training, of which exporters keep equal ones once.
        """
        array = self.small()
        return len(self.shape) == 1 if array is None else bool((array == array.reshape(-1)[:1]).all())

    def through(self, function: Callable[[np.ndarray], np.ndarray], shape: Axes, type: int | None = None) -> Known:
        """The same values in another arrangement."""
        return Known(
            shape, self.type if type is None else type, lambda: function(self.load()),
            learned=self.learned, tensor=self.tensor,
        )  # fmt: skip


def initializer(tensor: TensorProto, folder: str) -> Known:
    """An array of the file. Float arrays of more than one element are what the network has learned."""
    shape = dimensions(tensor.dims, tensor.name)
    learned = tensor.data_type in FLOATING and prod(shape) > 1
    return Known(shape, tensor.data_type, lambda: _values(tensor, shape, folder), learned=learned, tensor=tensor.name)


def constant(tensor: TensorProto, folder: str) -> Known:
    """The value of a Constant node: a setting, unless it is the weight of a layer."""
    shape = dimensions(tensor.dims, tensor.name)
    return Known(shape, tensor.data_type, lambda: _values(tensor, shape, folder))


def dimensions(dims: Sequence[int], name: str) -> Axes:
    """The shape of an array, checked."""
    shape = tuple(int(n) for n in dims)
    if len(shape) > 32 or any(n < 0 for n in shape) or prod(shape) > MOST_ELEMENTS:
        raise DataError(f"{clean(name) or 'an array'}: must have sizes from 0 to 2^62 elements, got {_short(shape)}")
    return shape


def _short(shape: Axes) -> str:
    return f"{shape[:8]}..." if len(shape) > 8 else str(shape)


def _values(tensor: TensorProto, shape: Axes, folder: str) -> np.ndarray:
    """The values of an array, from the file or from the file beside it."""
    name = clean(tensor.name) or "an array"
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{name}: must have numbers, got elements of type {tensor.data_type}") from None
    if dtype.kind in "OUS":
        raise DataError(f"{name}: must have numbers, got text")
    if tensor.data_location == TensorProto.EXTERNAL:
        raw = _external(tensor, prod(shape) * dtype.itemsize, folder, name)
        return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError, IndexError) as error:
        raise DataError(f"{name}: must have the values of its shape {_short(shape)}, got {_first(error)}") from None
    if array.shape != shape:
        raise DataError(f"{name}: must have the values of its shape {_short(shape)}, got {_short(array.shape)}")
    return array


def _first(error: Exception) -> str:
    return clean(str(error).split("\n", 1)[0]).lower() or "others"


def _external(tensor: TensorProto, needed: int, folder: str, name: str) -> bytes:
    """The bytes of an array kept beside the model: inside the model's own directory, and as many as its shape needs."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    location = told.get("location", "")
    root = os.path.realpath(folder or ".")
    try:
        path = os.path.realpath(os.path.join(root, location))
        inside = bool(location) and not os.path.isabs(location) and os.path.commonpath([root, path]) == root
        offset, length = int(told.get("offset", "0")), int(told.get("length", str(needed)))
    except ValueError:
        raise DataError(f"{name}: its external data must have numbers for place and length, got others") from None
    if not inside or path == root:
        raise DataError(f"{name}: its external data must be in the model's directory, got {clean(location)!r}")
    if length != needed or offset < 0:
        raise DataError(f"{name}: its external data must have {needed} bytes, got {length} at {offset}")
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or offset + length > status.st_size:
            raise DataError(
                f"{name}: its external data must be {length} bytes at {offset} of {clean(location)}, "
                f"got a file of {status.st_size}"
            )
        check_memory(length, name)
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        raise DataError(
            f"{name}: its external data must be readable, got {(error.strerror or str(error)).lower()} "
            f"for {clean(location)}; put the file beside the model"
        ) from None
    if len(data) != length:
        raise DataError(f"{name}: its external data must have {length} bytes, got {len(data)}")
    return data


class Attributes:
    """The attributes of a node, by name and with the type wanted."""

    def __init__(self, node: NodeProto) -> None:
        self.all: dict[str, AttributeProto] = {attribute.name: attribute for attribute in node.attribute}

    def __contains__(self, name: str) -> bool:
        return name in self.all

    def _of(self, name: str, type: int) -> AttributeProto | None:
        attribute = self.all.get(name)
        if attribute is not None and attribute.type != type:
            raise MalformedError(f"its attribute {name} is of another type")
        return attribute

    def int(self, name: str, default: int) -> int:
        attribute = self._of(name, AttributeProto.INT)
        return default if attribute is None else attribute.i

    def float(self, name: str, default: float) -> float:
        attribute = self._of(name, AttributeProto.FLOAT)
        return default if attribute is None else attribute.f

    def text(self, name: str, default: str) -> str:
        attribute = self._of(name, AttributeProto.STRING)
        return default if attribute is None else clean(attribute.s.decode("utf-8", "replace"))

    def ints(self, name: str) -> tuple[Any, ...] | None:
        attribute = self._of(name, AttributeProto.INTS)
        return None if attribute is None else tuple(attribute.ints)

    def floats(self, name: str) -> tuple[Any, ...] | None:
        attribute = self._of(name, AttributeProto.FLOATS)
        return None if attribute is None else tuple(attribute.floats)

    def tensor(self, name: str) -> TensorProto | None:
        attribute = self._of(name, AttributeProto.TENSOR)
        return None if attribute is None else attribute.t

    def graphs(self) -> list[GraphProto]:
        """The graphs inside the node, as If and Loop have them."""
        graphs = [a.g for a in self.all.values() if a.type == AttributeProto.GRAPH]
        return graphs + [g for a in self.all.values() if a.type == AttributeProto.GRAPHS for g in a.graphs]


def outer_names(graphs: Sequence[GraphProto]) -> list[str]:
    """The tensors that graphs inside a node may read from outside, in order."""
    names: dict[str, None] = {}
    pending = list(graphs)
    while pending:
        graph = pending.pop()
        names.update(dict.fromkeys(output.name for output in graph.output))
        for node in graph.node:
            names.update(dict.fromkeys(node.input))
            pending += Attributes(node).graphs()
    return list(names)


def inferred_shapes(
    node: NodeProto, inputs: Sequence[tuple[int, Axes | None, Known | None]], opsets: Sequence[Message], version: int
) -> list[Axes | None]:
    """The shapes that ONNX itself infers for one node's outputs from its inputs alone, None for what it does not say.

    `inputs` are (element type, shape, the value where it is known) in order. Nothing is said where long lists of
    whole numbers come in, which ONNX takes for shapes and writes out.
    """
    if any(type not in FLOATING and prod(shape or ()) > MOST_FOLDED for type, shape, _ in inputs):
        return [None] * len(node.output)
    values: list[onnx.ValueInfoProto] = []
    arrays: list[TensorProto] = []
    for name, (type, shape, known) in zip(node.input, inputs, strict=True):
        if not name or any(value.name == name for value in values):
            continue
        array = None if known is None else known.small()
        if array is not None:
            arrays.append(numpy_helper.from_array(array, name))
        values.append(helper.make_tensor_value_info(name, type, shape))
    results = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "one", values, results, arrays)
    model = helper.make_model(graph, ir_version=version)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    try:
        answer = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, TypeError, MemoryError):
        return [None] * len(node.output)
    found = {value.name: declared_shape(value) for value in answer.graph.output}
    return [found.get(name) for name in node.output]


def declared_shape(value: onnx.ValueInfoProto, batch: int | None = None) -> Axes | None:
    """The shape that the file states for a tensor, where it states all of it; a first size left open is `batch`."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        return None
    shape: list[int] = []
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value >= 0:
            shape.append(dim.dim_value)
        elif axis == 0 and batch is not None:
            shape.append(batch)
        else:
            return None
    return tuple(shape) if prod(shape) <= MOST_ELEMENTS else None
