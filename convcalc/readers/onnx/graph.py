"""Networks from ONNX files: one walk over the nodes, each of which becomes layers on the shapes that reach it."""

from __future__ import annotations

import os
from contextlib import suppress

import numpy as np
from onnx import ModelProto, NodeProto

from convcalc.errors import ConvcalcError, DataError, NotationError, first_of, located, plural
from convcalc.graph import primitives
from convcalc.graph.graph import MAX_LAYERS, Graph, Node
from convcalc.notation import PerAxis, parse_features, show_size
from convcalc.readers.onnx.attributes import Attributes, names_read, outer_names
from convcalc.readers.onnx.errors import UnsupportedError, invalid_node
from convcalc.readers.onnx.folding import Folding
from convcalc.readers.onnx.inference import output_shapes, stated_by
from convcalc.readers.onnx.inputs import GraphInputs, fixed_channels, graph_inputs
from convcalc.readers.onnx.layers import Layers, Value
from convcalc.readers.onnx.model import OWN_DOMAINS, opset_of, read_model, source_of
from convcalc.readers.onnx.names import clean
from convcalc.readers.onnx.ops import OPS, Op, weight_inputs
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.order import in_order, title
from convcalc.readers.onnx.tensors import ConstantTensor, initializer, sparse_initializer
from convcalc.readers.onnx.valueless import valueless_weights
from convcalc.readers.onnx.weights import may_be_learned

MAX_NAMED = 3


def network_from_onnx(path: str, *, input: PerAxis | None = None, batch: int = 1) -> Graph:
    """The network in an ONNX file, on its own input or another, (channels, *spatial).

    Symbolic batches become `batch`; a batch that the file fixes is kept unless another than 1 is asked for. Only
    shapes are read, so that weights may be missing.
    Raises DataError, NotationError or ShapeError, naming the file and the layer.
    """
    walk = _walked(path, input, batch)
    return walk.network(clean(os.path.splitext(os.path.basename(path))[0]))


def weights_of(path: str, *, input: PerAxis | None = None, batch: int = 1) -> dict[str, tuple[np.ndarray, ...]]:
    """The arrays of every layer that has any, by the layer's name in the network of the same file and input.

    They come in the order of `parameter_shapes`, in its shapes, and after them further arrays that a run needs:

    - A convolution, transposed or not: weight, and bias if there is one. Linear: weight (out, in) with ONNX's transB
      and alpha put in, and bias with beta.
    - Normalize batch_norm: scale, shift, mean, variance. The others: scale and, if `bias`, shift; group_norm has one
      scale per channel, or one per group in files before opset 21.
    - WithConstant: its array, whether learned or not; prelu: the slopes. Constant: its array.

    Arrays that two layers share are given to both. Weights beside the file are read from its own directory only.
    Raises DataError if values are missing or do not have the shape that the file states.
    """
    walk = _walked(path, input, batch)
    with located(clean(path)):
        arrays = walk.layers.weights.of_layer
        return {layer: tuple(array.values() for array in given) for layer, given in arrays.items()}


def _walked(path: str, input: PerAxis | None, batch: int) -> _Walk:
    """The walk over the graph of a file, done.

    If the weights do not fit the input that is asked for, but fit it with other channels, the error says which.
    """
    model = read_model(path)
    with located(clean(path)):
        try:
            walk = _walked_on(model, path, input, batch)
        except ConvcalcError:
            _refuse_channels(model, path, input, batch)
            raise
        if any(_stretches_channels(node) for node in walk.layers.nodes):
            _refuse_channels(model, path, input, batch)
    return walk


def _refuse_channels(model: ModelProto, path: str, input: PerAxis | None, batch: int) -> None:
    """Raises NotationError if the file is read with other channels than the input's. Does nothing otherwise."""
    wanted = () if input is None else parse_features(input)
    for axis, channels in fixed_channels(model.graph, wanted):
        if channels < 1:
            continue
        other = (*wanted[:axis], channels, *wanted[axis + 1 :])
        with suppress(ConvcalcError):
            if not any(_stretches_channels(node) for node in _walked_on(model, path, other, batch).layers.nodes):
                break
    else:
        return
    count = plural(channels, "channel" if len(wanted) > 1 else "feature")
    raise NotationError(
        f"input: the weights in the file are for {count}, got {wanted[axis]} in {show_size(wanted)}; "
        f"write {show_size(other)}"
    )


def _stretches_channels(node: Node) -> bool:
    """Whether an array of the layer repeats one channel of its input, as the mean of an image in colour does."""
    before = node.input_shapes[0] if node.input_shapes else None
    stretched = isinstance(node.primitive, primitives.WithConstant) and before is not None and node.shape is not None
    return stretched and len(before or ()) > 2 and (before or ())[1:2] == (1,) != (node.shape or ())[1:2]


def _walked_on(model: ModelProto, path: str, input: PerAxis | None, batch: int) -> _Walk:
    """The walk over the graph of a model on this input, done."""
    folder = os.path.dirname(path)
    if len(model.graph.node) > MAX_LAYERS:
        raise DataError(f"the graph must have up to {MAX_LAYERS} nodes, got {len(model.graph.node)}")
    tensors: dict[str, Value] = {}
    for dense in model.graph.initializer:
        _define(tensors, dense.name, initializer(dense, folder))
    for sparse in model.graph.sparse_initializer:
        _define(tensors, sparse.values.name, sparse_initializer(sparse))
    unvalued = valueless_weights(model.graph, tensors.keys())
    for weight in unvalued:
        _define(tensors, weight.tensor, weight)
    inputs = graph_inputs(model.graph, tensors.keys(), input=input, batch=batch)
    walk = _Walk(model, folder, tensors, inputs)
    listed = {value.name for value in model.graph.input}
    if taken := [clean(weight.tensor) for weight in unvalued if weight.tensor in listed]:
        named = first_of(taken, MAX_NAMED)
        walk.notes.append(f"inputs that layers read as their weights alone are taken for weights: {named}")
    walk.run(inputs)
    return walk


def _define(tensors: dict[str, Value], name: str, value: Value) -> None:
    if not name:
        raise DataError("every tensor must have a name, got one without")
    if name in tensors:
        raise DataError(f"{clean(name)}: a tensor must be written once, got it twice")
    tensors[name] = value


class _Walk:
    """One pass over the nodes: what every tensor is, and the layers that are made."""

    def __init__(self, model: ModelProto, folder: str, tensors: dict[str, Value], inputs: GraphInputs) -> None:
        self.layers = Layers(inputs.batch)
        self.notes: list[str] = []
        self._model, self._folder, self._opset = model, folder, opset_of(model)
        self._tensors = tensors
        self._stated = stated_by(model, inputs)
        self._folding = Folding()
        read = {name for node in model.graph.node for name in names_read(node)}
        self._used = (read | {value.name for value in model.graph.output}) - {""}  # "" is an input left out

    def run(self, inputs: GraphInputs) -> None:
        """Adds the inputs, then the layers of every node. Raises DataError if the nodes have no order that runs."""
        for given in inputs.inputs:
            primitive = (
                primitives.Unknown("it is not a tensor") if given.shape is None else primitives.Input(given.shape)
            )
            layer = self.layers.add(clean(given.name) or "input", "input", primitive)
            _define(self._tensors, given.name, layer)
        for proto in in_order(self._model.graph.node, self._tensors.keys()):
            self._visit(proto)

    def network(self, name: str) -> Graph:
        """The network, once walked."""
        names = [value.name for value in self._model.graph.output]
        if not names:
            raise DataError(f"{name}: must have an output, got none")
        outputs = [self._output(name) for name in names]
        notes = list(self.notes)
        if len(outputs) > 1:
            first, *others = (self.layers.nodes[number].name for number in outputs)
            notes.append(f"{len(outputs)} outputs: the first is {first}; the others: {first_of(others, MAX_NAMED)}")
        notes += self.layers.weights.notes()
        if all(isinstance(node.primitive, primitives.Input) for node in self.layers.nodes):
            raise DataError("the graph must have at least one layer, got none")
        return self.layers.graph(name, outputs, notes, source_of(self._model))

    def _output(self, name: str) -> int:
        if name not in self._tensors:
            raise DataError(f"{clean(name) or 'an output'}: an output must be written by a node, got none that does")
        value = self._tensors[name]
        if isinstance(value, ConstantTensor) and not value.elements:
            raise DataError(f"{clean(name)}: an output must have elements, got shape {value.shape}")
        return self.layers.of(value)

    def _visit(self, proto: NodeProto) -> None:
        """Defines the outputs of one node; those that are not understood and read later become Unknown layers."""
        node = self._context(proto)
        results: list[Value] = []
        reason = f"the second output of {proto.op_type} is not understood"
        try:
            with invalid_node(node.name, proto.op_type):
                results = self._results(proto, node)
        except UnsupportedError as error:
            reason = str(error)
        wanted = [number for number, name in enumerate(proto.output) if name in self._used]
        if not results and not wanted:  # a node that nothing reads is still a layer
            wanted = [number for number, name in enumerate(proto.output) if name][:1]
        missing = [number for number in wanted if number >= len(results)]
        if missing:
            shapes = output_shapes(proto, node, self._model, self._stated)
            for number in missing:
                unknown = primitives.Unknown(reason, shapes[number])
                _define(self._tensors, proto.output[number], self._add_unknown(node, number, unknown))
        for name, value in zip(proto.output, results, strict=False):
            if name:
                _define(self._tensors, name, value)

    def _context(self, proto: NodeProto) -> NodeContext:
        return NodeContext(
            name=title(proto), op=proto.op_type, opset=self._opset, folder=self._folder, attributes=Attributes(proto),
            inputs=tuple(self._tensors[name] if name else None for name in proto.input), outputs=tuple(proto.output),
            layers=self.layers,
        )  # fmt: skip

    def _results(self, proto: NodeProto, node: NodeContext) -> list[Value]:
        """The outputs of a node. Raises UnsupportedError for one that is not understood."""
        if proto.domain not in OWN_DOMAINS:
            raise UnsupportedError(f"{clean(proto.domain)} is not ONNX's own set of operators")
        constants = self._folding.outputs(node)
        if constants is not None:
            return constants
        make = OPS.get(node.op, Op()).layers
        if make is None:
            raise UnsupportedError("the operator is not understood")
        return make(node)

    def _add_unknown(self, node: NodeContext, output: int, unknown: primitives.Unknown) -> int:
        """A layer under the operator's ONNX name; the arrays it may have learned become layers, so that they count."""
        outer = (self._tensors.get(name) for name in outer_names(node.attributes.graphs()))
        weights = weight_inputs(node.op) if OPS.get(node.op, Op()).layers is None else ()
        inputs = [
            self.layers.of(value, learned=True) for number, value in enumerate((*node.inputs, *outer))
            if isinstance(value, int)
            or (value is not None and (number in weights if weights else may_be_learned(value)))
        ]  # fmt: skip
        suffix = f"/{output + 1}" if len(node.outputs) > 1 else ""
        return self.layers.add(f"{node.name}{suffix}", clean(node.op), unknown, inputs)
