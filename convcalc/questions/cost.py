"""The cost of every primitive: the only place with the counting rules.

multiplications: every tap of every window position, padding zeros included; transposed: every input value
meets each of its weights once. multiplications_effective: only the taps that touch real data; transposed: that
land inside the output. multiplications_zero_inserted: what the textbook picture of a transposed convolution
costs, a plain convolution over the input with zeros inserted and padded. additions: per output, one less than
the products it sums, and one more for a bias. Only convolutions, linear layers and matrix products multiply:
normalization folds into the layer before it, and pools, activations and merges are not counted, as in the tables
of the papers.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple, assert_never

from convcalc.axis.window import outputs_reached, pairs_inside
from convcalc.graph.graph import Node
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
    Convolution,
    Correlate,
    Elementwise,
    Expand,
    Input,
    Linear,
    MatMul,
    Merge,
    Normalize,
    Pad,
    Pool,
    Reduce,
    Reshape,
    Resize,
    ShuffleChannels,
    Slice,
    Softmax,
    Take,
    Transpose,
    TransposedCorrelate,
    Unknown,
    WithConstant,
    parameter_shapes,
    weight_count,
    windows,
)  # fmt: skip

RULES = (
    "multiplications count every tap of every window position, padding zeros included; transposed: every input "
    "value times each of its weights, once",
    "effective multiplications count only taps that touch data; transposed: that land inside the output",
    "additions: per output one less than its products, one more for a bias",
    "macs = multiplications; flops = 2 x macs",
)
"""The rules behind the numbers of a layer."""
NETWORK_RULE = (
    "multiplications and additions are those of convolutions, linear layers and matrix products; "
    "normalization, pooling, activations and merges count none"
)
BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "bool": 1, "complex64": 8, "complex128": 16,
}  # fmt: skip


class Cost(NamedTuple):
    """Exact counts of a node, or of several, for a whole batch; zero_inserted only of a transposed convolution.

    `buffers` are running statistics, which are no parameters.
    """

    weights: int
    biases: int
    multiplications: int
    multiplications_effective: int
    multiplications_zero_inserted: int | None
    additions: int
    activations: int
    buffers: int = 0

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        return self.multiplications

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def counts(self) -> dict[str, int]:
        """Every count by its name, in the one order that all answers have."""
        zero_inserted = self.multiplications_zero_inserted
        return {
            "parameters": self.parameters,
            "weights": self.weights,
            "biases": self.biases,
            **({"buffers": self.buffers} if self.buffers else {}),
            "multiplications": self.multiplications,
            "multiplications_effective": self.multiplications_effective,
            **({} if zero_inserted is None else {"multiplications_zero_inserted": zero_inserted}),
            "additions": self.additions,
            "macs": self.macs,
            "flops": self.flops,
            "activations": self.activations,
        }


class Counted:
    """The counts of an object with a `cost`, as attributes named like their JSON keys."""

    cost: Cost

    @property
    def weights(self) -> int:
        return self.cost.weights

    @property
    def biases(self) -> int:
        return self.cost.biases

    @property
    def parameters(self) -> int:
        return self.cost.parameters

    @property
    def buffers(self) -> int:
        return self.cost.buffers

    @property
    def multiplications(self) -> int:
        return self.cost.multiplications

    @property
    def multiplications_effective(self) -> int:
        return self.cost.multiplications_effective

    @property
    def multiplications_zero_inserted(self) -> int | None:
        return self.cost.multiplications_zero_inserted

    @property
    def additions(self) -> int:
        return self.cost.additions

    @property
    def macs(self) -> int:
        return self.cost.macs

    @property
    def flops(self) -> int:
        return self.cost.flops

    @property
    def activations(self) -> int:
        return self.cost.activations


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of several costs. Zero-inserted counts belong to single nodes and are not summed."""
    every = tuple(costs)
    return Cost(
        weights=sum(cost.weights for cost in every),
        biases=sum(cost.biases for cost in every),
        multiplications=sum(cost.multiplications for cost in every),
        multiplications_effective=sum(cost.multiplications_effective for cost in every),
        multiplications_zero_inserted=None,
        additions=sum(cost.additions for cost in every),
        activations=sum(cost.activations for cost in every),
        buffers=sum(cost.buffers for cost in every),
    )


def cost(node: Node) -> Cost:
    """The counts of a node for the whole batch; arrays shared with an earlier node are not among its parameters.

    For an unknown primitive only the activations are counted, if its shape is known.
    """
    own = {role: prod(shape) for role, shape in parameter_shapes(node.primitive) if role not in node.shared}
    weights, biases = own.get("weight", 0), own.get("bias", 0)
    outputs, primitive = node.elements, node.primitive
    effective, zero_inserted = None, None
    match primitive:
        case Correlate():
            per_output = weight_count(primitive) // primitive.out_channels
            products = outputs * per_output
            effective = _effective(node, primitive)
            additions = outputs * (per_output - 1) + (outputs if primitive.bias else 0)
        case TransposedCorrelate():
            weight, (batch, _, *positions) = weight_count(primitive), _known(node.input_shapes[0])
            products = batch * prod(positions) * weight
            effective = _effective(node, primitive)
            zero_inserted = outputs * (weight // primitive.out_channels)
            reached = batch * primitive.out_channels * prod(reached_outputs(node))
            additions = effective - reached + (outputs if primitive.bias else 0)
        case Linear():
            products = outputs * primitive.in_features
            additions = products - outputs + (outputs if primitive.bias else 0)
        case MatMul():
            summed = _known(node.input_shapes[0])[-1]
            products, additions = outputs * summed, outputs * (summed - 1)
        case (
            Input() | Constant() | ShuffleChannels() | Pool() | Normalize() | Elementwise() | WithConstant() | Merge()
            | Softmax() | Concat() | Reduce() | AdaptivePool() | Slice() | Take() | Pad() | Reshape() | Transpose()
            | Expand() | Resize() | Unknown()
        ):  # fmt: skip
            products = additions = 0
        case _:
            assert_never(primitive)
    return Cost(
        weights, biases, products, products if effective is None else effective, zero_inserted, additions, outputs,
        buffers(node),
    )  # fmt: skip


def buffers(node: Node) -> int:
    """The running statistics of a batch norm: a mean and a variance per channel, none if they count elsewhere.

    The number of batches seen, which PyTorch keeps too, is not counted. Other norms keep no statistics.
    """
    primitive = node.primitive
    if not isinstance(primitive, Normalize) or node.shape is None or node.shared:
        return 0
    of_batches = primitive.kind == "batch_norm" or (primitive.kind == "instance_norm" and 0 in primitive.over)
    channels = node.shape[1] if len(node.shape) > 1 else 1
    return 2 * channels if of_batches else 0


def channel_pairs(primitive: Convolution) -> int:
    """Pairs of an input and an output channel that share weights."""
    return primitive.in_channels * primitive.out_channels // primitive.groups


def taps_on_data(node: Node) -> tuple[int, ...]:
    """Per axis, the (window position, tap) pairs that touch data; transposed: that land inside the output."""
    primitive = node.primitive
    assert isinstance(primitive, Convolution)
    positions, sizes = _known(node.shape)[2:], _known(node.input_shapes[0])[2:]
    if isinstance(primitive, TransposedCorrelate):
        positions, sizes = sizes, positions
    return tuple(pairs_inside(*axis) for axis in zip(positions, sizes, windows(primitive), strict=True))


def reached_outputs(node: Node) -> tuple[int, ...]:
    """Per axis of a transposed convolution, the outputs that receive at least one product."""
    primitive = node.primitive
    assert isinstance(primitive, TransposedCorrelate)
    sizes = _known(node.input_shapes[0])[2:], _known(node.shape)[2:]
    return tuple(outputs_reached(*axis) for axis in zip(*sizes, windows(primitive), strict=True))


def _effective(node: Node, primitive: Convolution) -> int:
    return _known(node.shape)[0] * channel_pairs(primitive) * prod(taps_on_data(node))


def _known(shape: tuple[int, ...] | None) -> tuple[int, ...]:
    assert shape is not None
    return shape
