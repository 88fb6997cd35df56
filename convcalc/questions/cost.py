"""What a stage costs: the counting rules have their one home here.

multiplications: every tap of every window position, padding zeros included; transposed: every input value
meets each of its weights once. multiplications_effective: only the taps that touch real data; transposed: that
land inside the output. multiplications_zero_inserted: what the textbook picture of a transposed convolution
costs, a plain convolution over the input with zeros inserted and padded. additions: per output, one less than
the products it sums, and one more for a bias.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import assert_never

from convcalc.axis.window import outputs_reached, pairs_inside
from convcalc.graph.stages import Correlate, Pool, ShuffleChannels, TransposedCorrelate, weight_count, windows
from convcalc.graph.trace import Step

RULES = (
    "multiplications count every tap of every window position, padding zeros included; transposed: every input "
    "value times each of its weights, once",
    "effective multiplications count only taps that touch data; transposed: that land inside the output",
    "additions: per output one less than its products, one more for a bias",
    "macs = multiplications; flops = 2 x macs",
)
BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "bool": 1, "complex64": 8, "complex128": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """Exact counts of a step, or of several, for a whole batch; zero_inserted is None without transposed stages."""

    weights: int
    biases: int
    multiplications: int
    multiplications_effective: int
    multiplications_zero_inserted: int | None
    additions: int
    activations: int

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        return self.multiplications

    @property
    def flops(self) -> int:
        return 2 * self.macs


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of several costs. Zero-inserted counts belong to single stages and are not summed."""
    every = tuple(costs)
    return Cost(
        weights=sum(cost.weights for cost in every),
        biases=sum(cost.biases for cost in every),
        multiplications=sum(cost.multiplications for cost in every),
        multiplications_effective=sum(cost.multiplications_effective for cost in every),
        multiplications_zero_inserted=None,
        additions=sum(cost.additions for cost in every),
        activations=sum(cost.activations for cost in every),
    )


def cost(step: Step, batch: int) -> Cost:
    """The counts of one step of the forward walk."""
    stage, outputs = step.stage, batch * prod(step.output)
    match stage:
        case Correlate():
            weights = weight_count(stage)
            products_per_output = weights // stage.out_channels
            bias = stage.out_channels if stage.bias else 0
            return Cost(
                weights=weights,
                biases=bias,
                multiplications=outputs * products_per_output,
                multiplications_effective=batch * channel_pairs(stage) * prod(taps_on_data(step)),
                multiplications_zero_inserted=None,
                additions=outputs * (products_per_output - 1) + (outputs if bias else 0),
                activations=outputs,
            )
        case TransposedCorrelate():
            weights = weight_count(stage)
            bias = stage.out_channels if stage.bias else 0
            effective = batch * channel_pairs(stage) * prod(taps_on_data(step))
            reached = batch * stage.out_channels * prod(reached_outputs(step))
            return Cost(
                weights=weights,
                biases=bias,
                multiplications=batch * prod(step.input[1:]) * weights,
                multiplications_effective=effective,
                multiplications_zero_inserted=outputs * (weights // stage.out_channels),
                additions=effective - reached + (outputs if bias else 0),
                activations=outputs,
            )
        case ShuffleChannels() | Pool():
            return Cost(0, 0, 0, 0, None, 0, outputs)
        case _:
            assert_never(stage)


def channel_pairs(stage: Correlate | TransposedCorrelate) -> int:
    """Pairs of an input and an output channel that share weights."""
    return stage.in_channels * stage.out_channels // stage.groups


def taps_on_data(step: Step) -> tuple[int, ...]:
    """Per axis, the (window position, tap) pairs that touch data; transposed: that land inside the output."""
    stage = step.stage
    assert isinstance(stage, Correlate | TransposedCorrelate)
    positions, sizes = step.output[1:], step.input[1:]
    if isinstance(stage, TransposedCorrelate):
        positions, sizes = sizes, positions
    return tuple(pairs_inside(*axis) for axis in zip(positions, sizes, windows(stage), strict=True))


def reached_outputs(step: Step) -> tuple[int, ...]:
    """Per axis of a transposed stage, the outputs that receive at least one product."""
    stage = step.stage
    assert isinstance(stage, TransposedCorrelate)
    return tuple(outputs_reached(*axis) for axis in zip(step.input[1:], step.output[1:], windows(stage), strict=True))
