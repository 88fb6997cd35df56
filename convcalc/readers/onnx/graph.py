"""Networks from ONNX files: the graph walked once, every node lowered on the shapes that reach it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import prod
from typing import cast

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

from convcalc.errors import ConvcalcError, DataError, NotationError, first_of
from convcalc.graph.graph import MOST_LAYERS, Assembly, Network, Node
from convcalc.graph.primitives import (
    Constant,
    Expand,
    Input,
    Operator,
    Reshape,
    Unknown,
    WithConstant,
    parameter_shapes,
)
from convcalc.graph.stages import Axes
from convcalc.notation import PerAxis, parse_size, show_size, whole_number
from convcalc.readers.onnx.folding import folded
from convcalc.readers.onnx.ops import LOWERED, Value, arranged_known, row_name
from convcalc.readers.onnx.values import (
    FLOATING,
    MOST_ELEMENTS,
    MOST_FOLDED,
    Attributes,
    Known,
    MalformedError,
    UnsupportedError,
    clean,
    constant,
    declared_shape,
    dimensions,
    inferred_shapes,
    initializer,
    outer_names,
    read_model,
)

MOST_FOLDED_IN_ALL = 1 << 26
MOST_NAMED = 3
WEIGHT_SLOTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "MatMul": (1,), "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2), "LayerNormalization": (1, 2), "GroupNormalization": (1, 2), "PRelu": (1,),
}  # fmt: skip
"""Which inputs of a layer are its weights, by position."""
ARRANGING = ("Identity", "Cast", "Reshape", "Transpose", "Squeeze", "Unsqueeze")


def network_from_onnx(path: str, *, input: PerAxis | None = None, batch: int = 1) -> Network:
    """The network in an ONNX file, on its own input or another, (channels, *spatial).

    Symbolic batches become `batch`; a batch that the file fixes is kept unless another than 1 is asked for. Only
    shapes are read, so that weights may be missing.
    Raises DataError, NotationError or ShapeError, naming the file and the layer.
    """
    return _read(path, input, batch).network()


def weights_of(path: str, *, input: PerAxis | None = None, batch: int = 1) -> dict[str, tuple[np.ndarray, ...]]:
    """The arrays of every layer that has any, by the layer's name in the network of the same file and input.

    They come in the order of `parameter_shapes`, in its shapes, and after them what an execution needs besides:

    - Convolve, transposed or not: weight, and bias if there is one. Linear: weight (out, in) with ONNX's transB and
      alpha put in, and bias with beta.
    - Normalize batch_norm: scale, shift, mean, variance. The others: scale and, if `bias`, shift; group_norm has one
      scale a channel, or one a group in files before opset 21.
    - WithConstant: its array, whether learned or not; prelu: the slopes. Constant: its array.

    Arrays that two layers share are given to both. Weights beside the file are read from its own directory only.
    Raises DataError where values are missing or not what their shape says.
    """
    reader = _read(path, input, batch)
    try:
        return {name: tuple(known.load() for known in arrays) for name, arrays in reader.weights.items()}
    except ConvcalcError as error:
        raise type(error)(f"{clean(path)}: {error}") from None


def _read(path: str, input: PerAxis | None, batch: int) -> _Reader:
    model = read_model(path)
    try:
        reader = _Reader(model, path, input, batch)
        reader.walk()
    except ConvcalcError as error:
        raise type(error)(f"{clean(path)}: {error}") from None
    return reader


class _Reader:
    """One pass over a graph."""

    def __init__(self, model: ModelProto, path: str, input: PerAxis | None, batch: int) -> None:
        self.model, self.graph, self.folder = model, model.graph, os.path.dirname(path)
        self.name = clean(os.path.splitext(os.path.basename(path))[0])
        self.asked, self.batch = _input_size(input), whole_number(batch, "batch")
        self.opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
        self.assembly = Assembly()
        self.values: dict[str, Value] = {}
        self.weights: dict[str, list[Known]] = {}
        self.counted: dict[str, str] = {}
        self.constants: dict[int, int] = {}
        self.kept: list[Known] = []  # so that no id in `constants` is used again
        self.names: set[str] = set()
        self.notes: list[str] = []
        self.again = 0
        """Parameters of layers that an earlier layer has as well, and that are counted all the same."""
        self.shared: list[str] = []
        self.settings = 0
        """Numbers of Constant nodes that are not counted as parameters."""
        self.forced: int | None = None
        """The batch that the file fixes, where another was asked for."""
        self.other_sizes = False
        self.folded = 0
        self.declared: dict[str, ValueInfoProto] = {}

    def network(self) -> Network:
        """The network, once walked."""
        outputs = [value.name for value in self.graph.output]
        if not outputs:
            raise DataError(f"{self.name}: must have an output, got none")
        numbers = [self._layer_of(name) for name in outputs]
        if len(outputs) > 1:
            first, *others = (self.assembly.nodes[number].name for number in numbers)
            self.notes.append(
                f"{len(outputs)} outputs: the first is {first}; besides it {first_of(others, MOST_NAMED)}"
            )
        if self.settings:
            self.notes.append(
                f"{self.settings:,} numbers of Constant nodes that are no layer's weights are taken for settings"
            )
        if self.again:
            self.notes.append(
                f"{self.again:,} parameters are in arrays filled with one number that several layers have, as "
                "exporters merge untrained ones; every layer counts its own"
            )
        if self.shared:
            named = first_of(self.shared, MOST_NAMED)
            self.notes.append(f"arrays that several layers have count in the first: {named}")
        if not any(not isinstance(node.operator, Input) for node in self.assembly.nodes):
            raise DataError("the graph must have at least one layer, got none")
        producer = " ".join(clean(part) for part in (self.model.producer_name, self.model.producer_version) if part)
        source = f"{producer}{', ' if producer else ''}opset {self.opset}"
        return Network(self.name, tuple(self.assembly.nodes), numbers[0], tuple(self.notes), source)

    def _layer_of(self, name: str) -> int:
        if name not in self.values:
            raise DataError(f"{clean(name) or 'an output'}: an output must be written by a node, got none that does")
        value = self.values[name]
        return value if isinstance(value, int) else self.materialized(value)

    def walk(self) -> None:
        """Every node in an order that runs. Raises DataError where there is none."""
        graph = self.graph
        if len(graph.node) > MOST_LAYERS:
            raise DataError(f"the graph must have up to {MOST_LAYERS} nodes, got {len(graph.node)}")
        for tensor in graph.initializer:
            self._define(tensor.name, initializer(tensor, self.folder))
        for sparse in graph.sparse_initializer:
            self._define(sparse.values.name, self._sparse(dimensions(sparse.dims, sparse.values.name), sparse.values))
        self._inputs()
        for value in (*graph.value_info, *graph.output):
            self.declared.setdefault(value.name, value)
        used = {name for node in graph.node for name in _reads(node)} | {value.name for value in graph.output}
        for node in self._ordered():
            self._node(node, used)

    def _define(self, name: str, value: Value) -> None:
        if not name:
            raise DataError("every tensor must have a name, got one without")
        if name in self.values:
            raise DataError(f"{clean(name)}: a tensor must be written once, got it twice")
        self.values[name] = value

    def _sparse(self, shape: Axes, values: TensorProto) -> Known:
        def unread() -> np.ndarray:
            raise DataError(f"{clean(values.name)}: is sparse, and its values are not read")

        return Known(shape, values.data_type, unread, learned=prod(shape) > 1, tensor=values.name)

    # Inputs

    def _inputs(self) -> None:
        """The inputs with all sizes as numbers, the image first."""
        unvalued = self._weights_without_values()
        given = {value.name for value in self.graph.input}
        if taken := [clean(value.name) for value, _ in unvalued if value.name in given]:
            named = first_of(taken, MOST_NAMED)
            self.notes.append(f"inputs that layers read as their weights alone are taken for weights: {named}")
        for value, dims in unvalued:
            floating = value.type.tensor_type.elem_type in FLOATING
            learned = floating and prod(dims) > 1
            known_shape = Known(
                dims, value.type.tensor_type.elem_type, _no_values(value.name), learned=learned, tensor=value.name
            )
            self._define(value.name, known_shape)
        images = [value for value in self.graph.input if value.name not in self.values]  # older files list the weights
        tensors = [value for value in images if value.type.HasField("tensor_type")]
        if not tensors:
            raise DataError("the graph must have an input that is a tensor, got none")
        main = max(tensors, key=_likeness)  # the first of the most alike
        known: dict[str, int] = {}
        shape = self._main_shape(main, known)
        self._add_input(main, shape)
        for value in images:
            if value is main:
                continue
            if value.type.HasField("tensor_type"):
                self._add_input(value, self._shape_of_input(value, known))
            else:
                name = self.unique(clean(value.name) or "input")
                self._define(value.name, self.assembly.add(name, "input", Unknown("it is not a tensor")))

    def _weights_without_values(self) -> list[tuple[ValueInfoProto, Axes]]:
        """Arrays of which the file has the shape alone: nothing writes them, and layers read them as weights only.

        A second input of a matrix product is one where the file has no layer's weights.
        """
        written = {name for node in self.graph.node for name in node.output} | self.values.keys()
        constants = {name for node in self.graph.node if node.op_type == "Constant" for name in node.output}
        inputs = {value.name for value in self.graph.input}
        read = [(node.op_type, slot, name) for node in self.graph.node for slot, name in enumerate(node.input)]
        weights = {(op, name) for op, slot, name in read if slot in WEIGHT_SLOTS.get(op, ())}
        otherwise = {name for op, slot, name in read if slot not in WEIGHT_SLOTS.get(op, ())} | written
        if any(name in constants or name in self.values for _, name in weights):
            otherwise |= {name for op, name in weights if op == "MatMul" and name in inputs}
        unvalued = {name for _, name in weights} - otherwise
        found = []
        for value in (*self.graph.input, *(value for value in self.graph.value_info if value.name not in inputs)):
            dims = _dims(value) if value.type.HasField("tensor_type") else None
            sizes = tuple(dim for dim in dims or () if isinstance(dim, int))
            if value.name in unvalued and sizes and len(sizes) == len(dims or ()):
                found.append((value, dimensions(sizes, value.name)))
        names = {value.name for value, _ in found}
        return found if inputs - names - self.values.keys() else []

    def _add_input(self, value: ValueInfoProto, shape: Axes) -> None:
        if 0 in shape or prod(shape) > MOST_ELEMENTS:
            raise DataError(f"{clean(value.name)}: an input must have from 1 to 2^62 elements, got shape {shape}")
        self.declared[value.name] = value
        name = self.unique(clean(value.name) or "input")
        self._define(value.name, self.assembly.add(name, "input", Input(shape)))

    def _main_shape(self, value: ValueInfoProto, known: dict[str, int]) -> Axes:
        dims = _dims(value)
        if dims is None:
            if self.asked is None:
                raise NotationError(f"input: the file does not say the size of {clean(value.name)}; give --input")
            return (self.batch, *self.asked)
        if not dims:
            return ()
        if self.asked is not None and len(self.asked) != len(dims) - 1:
            raise NotationError(
                f"input: {clean(value.name)} has {_shown_dims(dims[1:])} besides the batch, got {show_size(self.asked)}"
            )
        first = self._first_axis(dims[0])
        rest = self._filled(value, dims[1:], self.asked, known)
        self.other_sizes = any(isinstance(d, int) and d != n for d, n in zip(dims[1:], rest, strict=True))
        if isinstance(dims[0], str):
            known[dims[0]] = first
        return (first, *rest)

    def _first_axis(self, dim: int | str) -> int:
        if isinstance(dim, str):
            return self.batch
        if self.batch not in (1, dim):
            self.forced = dim
            return self.batch
        return dim

    def _shape_of_input(self, value: ValueInfoProto, known: dict[str, int]) -> Axes:
        dims = _dims(value)
        if dims is None:
            raise NotationError(f"input: the file does not say the size of {clean(value.name)}; export it with sizes")
        if not dims:
            return ()
        first = known[dims[0]] if isinstance(dims[0], str) and dims[0] in known else self._first_axis(dims[0])
        return (first, *self._filled(value, dims[1:], None, known))

    def _filled(
        self, value: ValueInfoProto, dims: Sequence[int | str], asked: Axes | None, known: dict[str, int]
    ) -> Axes:
        """Sizes behind the batch: as asked for, as the file has them, or as another input has them by that name."""
        if asked is not None:
            for dim, size in zip(dims, asked, strict=True):
                if isinstance(dim, str) and dim and known.setdefault(dim, size) != size:
                    raise NotationError(f"input: {clean(dim)} must be one size, got {known[dim]} and {size}")
            return asked
        sizes = [known.get(dim) if isinstance(dim, str) else dim for dim in dims]
        if None in sizes:
            lacking = ", ".join(dict.fromkeys(clean(str(d)) or "?" for d in dims if isinstance(d, str)))
            raise NotationError(
                f"input: {clean(value.name)} is {_shown_dims(dims)} besides the batch and leaves {lacking} open; "
                "give its size with --input, such as 3x224x224"
            )
        return tuple(size for size in sizes if size is not None)

    # Nodes

    def _ordered(self) -> Iterator[NodeProto]:
        """The nodes in the file's order, or in one that runs where that one does not."""
        nodes = list(self.graph.node)
        writer: dict[str, int] = {}
        for number, node in enumerate(nodes):
            for name in node.output:
                if name and (name in writer or name in self.values):
                    raise DataError(f"{clean(name)}: a tensor must be written once, got it twice")
                if name:
                    writer[name] = number
        waits: list[int] = []
        readers: dict[int, list[int]] = {}
        for number, node in enumerate(nodes):
            inner = outer_names(Attributes(node).graphs())
            missing = [n for n in node.input if n and n not in writer and n not in self.values]
            if missing:
                raise DataError(f"{_title(node)}: reads {clean(missing[0])}, which nothing writes; export it again")
            sources = {writer[name] for name in (*node.input, *inner) if name in writer}
            waits.append(len(sources))
            for source in sources:
                readers.setdefault(source, []).append(number)
        ready = [number for number, count in enumerate(waits) if count == 0]
        heapify(ready)
        done = 0
        while ready:
            number = heappop(ready)
            done += 1
            yield nodes[number]
            for reader in readers.get(number, ()):
                waits[reader] -= 1
                if waits[reader] == 0:
                    heappush(ready, reader)
        if done < len(nodes):
            stuck = next(number for number, count in enumerate(waits) if count > 0)
            raise DataError(f"{_title(nodes[stuck])}: nodes must not read one another in a circle, got one that does")

    def _node(self, node: NodeProto, used: set[str]) -> None:
        place = _Place(self, node)
        results: list[Value] = []
        reason = f"the second output of {node.op_type} is not understood"
        try:
            results = self._results(place, node)
        except UnsupportedError as error:
            reason = str(error)
        except MalformedError as error:
            raise DataError(f"{place.name}: a node {clean(node.op_type)} must be as ONNX has it; {error}") from None
        except ConvcalcError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
            # what NumPy and Python say of numbers that no exporter writes
            said = clean(str(error).split("\n", 1)[0])
            raise DataError(f"{place.name}: a node {clean(node.op_type)} must be as ONNX has it; {said}") from None
        wanted = [number for number, name in enumerate(node.output) if name in used]
        if len(results) < len(node.output) and any(number >= len(results) for number in wanted):
            shapes = self._shapes_of(place, node)
            for number in wanted:
                if number >= len(results):
                    self._define(node.output[number], self._unknown(place, node, number, shapes[number], reason))
        if not results and not wanted and node.output:  # an output that nobody reads, still a layer
            first = next((number for number, name in enumerate(node.output) if name), None)
            if first is not None:
                shapes = self._shapes_of(place, node)
                self._define(node.output[first], self._unknown(place, node, first, shapes[first], reason))
        for name, value in zip(node.output, results, strict=False):
            if name:
                self._define(name, value)

    def _results(self, place: _Place, node: NodeProto) -> list[Value]:
        if node.domain not in ("", "ai.onnx"):
            raise UnsupportedError(f"{clean(node.domain)} is not ONNX's own set of operators")
        if node.op_type == "Constant":
            return [self._constant(node)]
        known = [value for value in place.inputs if isinstance(value, Known)]
        if known and len(known) == sum(value is not None for value in place.inputs):
            result = self._worked_out(place, known)
            if result is not None:
                return result
        if node.op_type not in LOWERED:
            raise UnsupportedError("the operator is not understood")
        return LOWERED[node.op_type](place)

    def _constant(self, node: NodeProto) -> Known:
        attributes = Attributes(node)
        tensor = attributes.tensor("value")
        if tensor is not None:
            known = constant(tensor, self.folder)
            known.tensor = node.output[0] if node.output else ""
            known.fixed = known.floating and known.elements > 1
            return known
        for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
            if name in attributes:
                one = attributes.float(name, 0) if dtype is np.float32 else attributes.int(name, 0)
                return Known.of(np.array(one, dtype))
        floats, ints = attributes.floats("value_floats"), attributes.ints("value_ints")
        if floats is not None:
            return Known.of(np.array(floats, np.float32))
        if ints is not None:
            return Known.of(np.array(ints, np.int64))
        raise UnsupportedError("its value is not an array of numbers")

    def _worked_out(self, place: _Place, known: Sequence[Known]) -> list[Value] | None:
        """What a node makes of constants alone, None where it has to stay a layer."""
        if place.op == "ConstantOfShape":
            shape = known[0].small()
            sizes = () if shape is None else dimensions([int(n) for n in shape.reshape(-1)], place.name)
            if prod(sizes) > MOST_FOLDED:
                tensor = place.attributes.tensor("value")
                value = None if tensor is None else constant(tensor, self.folder)
                type = TensorProto.FLOAT if value is None else value.type
                return [Known(sizes, type, lambda: np.full(sizes, 0 if value is None else value.load().reshape(-1)[0]))]
        # What is written into an array of the file, as exporters do with masks, was not learned.
        learned = any(one.learned for one in known) and place.op != "ScatterND"
        arrays = [value.small() if isinstance(value, Known) else None for value in place.inputs]
        unread = any(array is None and value is not None for array, value in zip(arrays, place.inputs, strict=True))
        first = place.inputs[0]
        if learned or unread or place.op == "DequantizeLinear":
            arranged = arranged_known(place, first) if isinstance(first, Known) else None
            return None if arranged is None else [arranged]
        if place.op == "Split" and place.attributes.ints("split") is None and len(arrays) < 2:
            return None
        self.folded += sum(one.elements for one in known)
        if self.folded > MOST_FOLDED_IN_ALL:
            return None
        results = folded(place.op, place.attributes, arrays)
        if results is None:
            return None
        made = [Known.of(array) for array in results]
        if place.op in ARRANGING and isinstance(first, Known):
            for one in made:
                one.tensor = first.tensor
        return [*made]

    def _shapes_of(self, place: _Place, node: NodeProto) -> list[Axes | None]:
        """The shapes of a node's outputs, from ONNX's own inference or from what the file states."""
        shapes: list[Axes | None] = [None] * len(node.output)
        if node.domain in ("", "ai.onnx") and not Attributes(node).graphs():
            inputs: list[tuple[int, Axes | None, Known | None]] = []
            for name, value in zip(node.input, place.inputs, strict=True):
                if isinstance(value, Known):
                    inputs.append((value.type, value.shape, value))
                else:
                    shape = None if value is None else self.assembly.nodes[value].shape
                    stated = self.declared.get(name)
                    type = stated.type.tensor_type.elem_type if stated is not None else 0
                    inputs.append((type or TensorProto.FLOAT, shape, None))
            shapes = inferred_shapes(node, inputs, self.model.opset_import, self.model.ir_version)
        for number, name in enumerate(node.output):
            stated = self.declared.get(name)
            if shapes[number] is None and stated is not None and not (self.other_sizes or self.forced):
                shapes[number] = declared_shape(stated, self.batch)
            shape = shapes[number]
            if shape is not None and (0 in shape or prod(shape) > MOST_ELEMENTS):
                shapes[number] = None
        return shapes

    def _unknown(self, place: _Place, node: NodeProto, output: int, shape: Axes | None, reason: str) -> int:
        """A layer that is not understood, under ONNX's own name; what it has learned is counted as constants before."""
        layers = []
        for value in (*place.inputs, *(self.values.get(name) for name in outer_names(place.attributes.graphs()))):
            if isinstance(value, int):
                layers.append(value)
            elif value is not None and value.learned:
                layers.append(self.materialized(value))
        suffix = f"/{output + 1}" if len(node.output) > 1 else ""
        name = self.unique(f"{place.name}{suffix}")
        return self.assembly.add(name, clean(node.op_type), Unknown(reason, shape), layers)

    # Layers

    def unique(self, name: str) -> str:
        """The name, or the name with a number if it is taken."""
        found, number = name, 1
        while found in self.names:
            number += 1
            found = f"{name}_{number}"
        self.names.add(found)
        return found

    def materialized(self, known: Known) -> int:
        """A constant as a layer of its own."""
        if id(known) not in self.constants:
            if 0 in known.shape:
                raise MalformedError("it reads an array without elements")
            self.kept.append(known)
            name = readable(known.tensor, "constant")
            operator = Constant(known.shape, known.learned)
            self.constants[id(known)] = self.emitted(name, "constant", operator, (), [known])
        return self.constants[id(known)]

    def emitted(
        self, name: str, op: str, operator: Operator, inputs: Sequence[int], weights: Sequence[Known] = ()
    ) -> int:
        """The number of a new layer."""
        name = self.unique(name)
        shared = set()
        for (role, shape), known in zip(parameter_shapes(operator), weights, strict=False):
            if not known.tensor or self.counted.setdefault(known.tensor, name) == name:
                continue
            if known.is_fill():
                self.again += prod(shape)
            else:
                shared.add(role)
                self.shared += [] if known.tensor in self.shared else [clean(known.tensor)]
        number = self.assembly.add(name, op, operator, inputs, frozenset(shared))
        node = self.assembly.nodes[number]
        if node.shape is not None and 0 in node.shape:
            raise DataError(f"{name}: an output must have elements, got shape {node.shape}")
        if self.forced is not None:
            self._check_batch(node)
        if weights:
            self.weights[name] = list(weights)
        if isinstance(operator, WithConstant | Constant) and not operator.learned:
            self.settings += sum(known.elements for known in weights if known.fixed)
        return number

    def _check_batch(self, node: Node) -> None:
        """A file for one batch size may have it in its reshapes, where another would become something else."""
        if isinstance(node.operator, Reshape | Expand) and node.input_shapes[0] and node.shape:
            before, after = node.input_shapes[0][0], node.shape[0]
            if before == self.batch != after:
                raise DataError(
                    f"batch: the file is made for {self.forced} and {node.name} depends on it, got {self.batch}; "
                    "export it with a dynamic batch"
                )


def _no_values(name: str) -> Callable[[], np.ndarray]:
    def unread() -> np.ndarray:
        raise DataError(f"{clean(name)}: must have values, got its shape alone")

    return unread


class _Place:
    """A node at its place in the graph."""

    def __init__(self, reader: _Reader, node: NodeProto) -> None:
        self._reader = reader
        self.op, self.opset, self.attributes = node.op_type, reader.opset, Attributes(node)
        self.name = readable(node.name or next((name for name in node.output if name), ""), node.op_type)
        self.inputs: list[Value | None] = [reader.values[name] if name else None for name in node.input]
        self.outputs = len(node.output)

    def tensor(self, place: int) -> int:
        value = self.inputs[place] if place < len(self.inputs) else None
        if value is None:
            raise MalformedError(f"it has no input {place + 1}")
        return value if isinstance(value, int) else self._reader.materialized(value)

    def layer_of(self, value: Value) -> Value:
        return value if isinstance(value, int) else self._reader.constants.get(id(value), value)

    def shape(self, value: Value) -> Axes:
        if isinstance(value, Known):
            return value.shape
        shape = self._reader.assembly.nodes[value].shape
        if shape is None:
            raise UnsupportedError("the shape of its input is not known")
        return shape

    def emit(
        self, op: str, operator: Operator, inputs: Sequence[int], weights: Sequence[Known] = (), suffix: str = ""
    ) -> int:
        return self._reader.emitted(f"{self.name}{suffix}", op, operator, inputs, weights)


def readable(name: str, op: str) -> str:
    """A node's name as rows have it: without the operator at its end, nor a path's parts that the next one repeats.

    >>> readable("/layer1/layer1.0/conv1/Conv", "Conv")
    'layer1.0/conv1'
    """
    parts = [part for part in clean(name).split("/") if part]
    if len(parts) > 1 and parts[-1] == op:
        parts.pop()
    kept = [part for part, after in pairwise([*parts, ""]) if not after.startswith(f"{part}.")]
    return "/".join(kept) or row_name(clean(op)) or "node"


def _title(node: NodeProto) -> str:
    return readable(node.name or next(iter(node.output), ""), node.op_type)


def _reads(node: NodeProto) -> list[str]:
    return [*node.input, *outer_names(Attributes(node).graphs())]


def _likeness(value: ValueInfoProto) -> int:
    """How much an input is like an image: floats or bytes of channels and two axes, or one."""
    rank = len(_dims(value) or ())
    numbers = value.type.tensor_type.elem_type not in (TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING)
    return 2 * ((rank in (4, 5)) * 2 + (rank == 3)) + numbers


def _dims(value: ValueInfoProto) -> list[int | str] | None:
    """The sizes of an input, symbolic ones by name, perhaps the empty one; None if not even their number is told."""
    if not value.type.tensor_type.HasField("shape"):
        return None
    dims: list[int | str] = []
    for dim in value.type.tensor_type.shape.dim:
        if not dim.HasField("dim_value"):
            dims.append(dim.dim_param)
        elif dim.dim_value < 0:  # some exporters write -1 for any
            dims.append("")
        else:
            dims.append(dim.dim_value)
    if len(dims) > 32:
        raise DataError(f"{clean(value.name)}: must have up to 32 axes, got {len(dims)}")
    return dims


def _shown_dims(dims: Sequence[int | str]) -> str:
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
