"""The inputs of a graph: which of them is the image, and numbers for sizes that the file leaves open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias, cast

from onnx import GraphProto, TensorProto, ValueInfoProto

from convcalc.errors import DataError, NotationError
from convcalc.notation import Axes, PerAxis, parse_size, show_size, whole_number, with_axes
from convcalc.readers.onnx.names import clean
from convcalc.readers.onnx.tensors import MAX_AXES, MAX_ELEMENTS

Dims: TypeAlias = "list[int | str]"
"""The sizes of an input; a symbolic one is its name, which may be empty."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch to read the network with, and the different one that the file fixes, if it does."""

    size: int
    replaced: int | None = None


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of the network; `shape` is None if it is not a tensor."""

    name: str
    shape: Axes | None


@dataclass(frozen=True, slots=True)
class GraphInputs:
    """The inputs of a graph with all sizes as numbers, the image first.

    `other_sizes` says whether the image has other sizes than the file states, so that its stated shapes do not hold.
    """

    inputs: tuple[GraphInput, ...]
    batch: Batch
    other_sizes: bool


def graph_inputs(graph: GraphProto, weights: Collection[str], *, input: PerAxis | None, batch: int) -> GraphInputs:
    """The inputs of a graph that are not among the weights, which older files list as inputs too.

    Raises DataError if no input is a tensor, NotationError for sizes that are open or do not fit.
    """
    sizes = _Sizes(_input_size(input), whole_number(batch, "batch"))
    images = [value for value in graph.input if value.name not in weights]
    tensors = [value for value in images if is_tensor(value)]
    if not tensors:
        raise DataError("the graph must have an input that is a tensor, got none")
    main = max(tensors, key=_likeness)  # the first, if several are equally like an image
    found = [GraphInput(main.name, _checked(main, sizes.of_image(main)))]
    for value in images:
        if value is not main:
            shape = _checked(value, sizes.of_other(value)) if is_tensor(value) else None
            found.append(GraphInput(value.name, shape))
    return GraphInputs(tuple(found), Batch(sizes.batch, sizes.replaced_batch), sizes.differ_from_file)


def fixed_channels(graph: GraphProto, wanted: Axes) -> Iterator[tuple[int, int]]:
    """Channels that the weights may be for instead of the wanted ones, each with the axis of the wanted size.

    They are what the file states of its image, channels first or last, and what its first convolution takes.
    """
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in shapes and is_tensor(value)]
    stated = (dims_of(max(images, key=_likeness)) if images else None) or []
    for axis in (0, len(wanted) - 1):
        if len(stated) == len(wanted) + 1 and isinstance(channels := stated[axis + 1], int):
            yield axis, channels
    for node in graph.node:
        shape = shapes.get(node.input[1], ()) if node.op_type == "Conv" and len(node.input) > 1 else ()
        if len(shape) > 2 and wanted:
            yield 0, shape[1] * next((each.i for each in node.attribute if each.name == "group"), 1)
            return


def likely_size(graph: GraphProto) -> Axes | None:
    """The size of the image as far as the file states it, open sizes made up; None if it is not even a map."""
    weights = {tensor.name for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in weights and is_tensor(value)]
    dims = (dims_of(max(images, key=_likeness)) if images else None) or []
    if not 3 <= len(dims) <= 5:
        return None
    channels = next((count for axis, count in fixed_channels(graph, (1,) * (len(dims) - 1)) if axis == 0), 3)
    open_sizes = (channels, *(224,) * (len(dims) - 2))
    return tuple(dim if isinstance(dim, int) else size for dim, size in zip(dims[1:], open_sizes, strict=True))


class _Sizes:
    """Sizes for the inputs, in order: a symbol that one input settles has the same value in the next."""

    def __init__(self, wanted: Axes | None, batch: int) -> None:
        self.wanted, self.batch = wanted, batch
        self.replaced_batch: int | None = None
        self.differ_from_file = False
        self._symbols: dict[str, int] = {}

    def of_image(self, value: ValueInfoProto) -> Axes:
        """The shape of the main input, with the requested sizes."""
        dims, wanted = dims_of(value), self.wanted
        if dims is None:
            if wanted is None:
                raise NotationError(f"input: the file does not say the size of {clean(value.name)}; give --input")
            return (self.batch, *wanted)
        if not dims:
            return ()
        if wanted is not None and len(wanted) != len(dims) - 1:
            open_sizes = (3, *(224,) * len(dims))
            own = tuple(dim if isinstance(dim, int) else size for dim, size in zip(dims[1:], open_sizes, strict=False))
            raise NotationError(
                f"input: {clean(value.name)} has {_shown(dims[1:])} besides the batch, got {show_size(wanted)}; "
                + (f"write {show_size(with_axes(wanted, own))}" if own else "leave --input out")
            )
        first = self._first(dims[0])
        rest = self._stated(value, dims[1:]) if wanted is None else self._settled(dims[1:], wanted)
        self.differ_from_file = any(isinstance(d, int) and d != n for d, n in zip(dims[1:], rest, strict=True))
        if isinstance(dims[0], str):
            self._symbols[dims[0]] = first
        return (first, *rest)

    def of_other(self, value: ValueInfoProto) -> Axes:
        """The shape of another input, as the file states it."""
        dims = dims_of(value)
        if dims is None:
            raise NotationError(f"input: the file does not say the size of {clean(value.name)}; export it with sizes")
        if not dims:
            return ()
        first = self._symbols.get(dims[0]) if isinstance(dims[0], str) else None
        return (self._first(dims[0]) if first is None else first, *self._stated(value, dims[1:]))

    def _first(self, dim: int | str) -> int:
        """The batch: the file's, unless that is open or a batch other than 1 is requested."""
        if isinstance(dim, int) and self.batch in (1, dim):
            return dim
        if isinstance(dim, int):
            self.replaced_batch = dim
        return self.batch

    def _settled(self, dims: Dims, wanted: Axes) -> Axes:
        """The requested sizes, which settle the symbols."""
        for dim, size in zip(dims, wanted, strict=True):
            if isinstance(dim, str) and dim and self._symbols.setdefault(dim, size) != size:
                raise NotationError(f"input: {clean(dim)} must be one size, got {self._symbols[dim]} and {size}")
        return wanted

    def _stated(self, value: ValueInfoProto, dims: Dims) -> Axes:
        """The sizes after the batch, from the file or from the symbols that another input settled."""
        sizes = [self._symbols.get(dim) if isinstance(dim, str) else dim for dim in dims]
        if None in sizes:
            lacking = ", ".join(dict.fromkeys(clean(d) or "?" for d in dims if isinstance(d, str)))
            raise NotationError(
                f"input: {clean(value.name)} is {_shown(dims)} besides the batch and leaves {lacking} open; "
                "give its size with --input, such as 3x224x224"
            )
        return tuple(size for size in sizes if size is not None)


def is_tensor(value: ValueInfoProto) -> bool:
    return bool(value.type.HasField("tensor_type"))


def _checked(value: ValueInfoProto, shape: Axes) -> Axes:
    if 0 in shape or prod(shape) > MAX_ELEMENTS:
        raise DataError(f"{clean(value.name)}: an input must have from 1 to 2^62 elements, got shape {shape}")
    return shape


def _likeness(value: ValueInfoProto) -> int:
    """How much an input looks like an image: floats or bytes, with channels and two spatial axes or one."""
    rank = len(dims_of(value) or ())
    numbers = value.type.tensor_type.elem_type not in (TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING)
    return 2 * ((rank in (4, 5)) * 2 + (rank == 3)) + numbers


def dims_of(value: ValueInfoProto) -> Dims | None:
    """The sizes of an input; None if the file does not even say how many there are."""
    if not value.type.tensor_type.HasField("shape"):
        return None
    dims: Dims = []
    for dim in value.type.tensor_type.shape.dim:
        if not dim.HasField("dim_value"):
            dims.append(dim.dim_param)
        elif dim.dim_value < 0:  # some exporters write -1 for an open size
            dims.append("")
        else:
            dims.append(dim.dim_value)
    if len(dims) > MAX_AXES:
        raise DataError(f"{clean(value.name)}: must have up to {MAX_AXES} axes, got {len(dims)}")
    return dims


def _shown(dims: Sequence[int | str]) -> str:
    return "x".join(clean(str(dim)) or "?" for dim in dims) or "no sizes"


def _input_size(value: PerAxis | None) -> Axes | None:
    """(channels, *spatial), or (features,) alone."""
    if value is None:
        return None
    if isinstance(value, int):
        return (whole_number(value, "input"),)
    if isinstance(value, str):
        return (whole_number(value, "input"),) if value.isdecimal() else parse_size(value)
    return tuple(whole_number(size, "input") for size in cast("Sequence[int]", value))
