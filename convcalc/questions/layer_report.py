"""The answers to the four questions for one layer: `analyze` returns them whole, as plain numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, assert_never

from convcalc.errors import NotationError, ShapeError, quoted
from convcalc.graph.stages import Axes, Correlate, Pool, ShuffleChannels, Stage, TransposedCorrelate
from convcalc.graph.trace import Step, trace
from convcalc.notation import Number, PaddingValue, PerAxis, whole_number
from convcalc.questions.cost import BYTES, RULES, Cost, cost, total
from convcalc.questions.layer_receptive import AxisField, receptive_field
from convcalc.recipes.options import Layer, LayerOptions, layer

SCHEMA = 1


class Counted:
    """The counts of whatever has a cost, as attributes named like their JSON keys."""

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
    def multiplications(self) -> int:
        return self.cost.multiplications

    @property
    def multiplications_effective(self) -> int:
        return self.cost.multiplications_effective

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


@dataclass(frozen=True)
class StageReport(Counted):
    """One stage: its place in the forward walk, its cost, and the receptive field on the layer's input after it."""

    step: Step
    cost: Cost
    receptive_field: tuple[AxisField, ...]

    @property
    def name(self) -> str:
        return self.step.path

    @property
    def input(self) -> Axes:
        return self.step.input

    @property
    def output(self) -> Axes:
        return self.step.output

    @property
    def multiplications_zero_inserted(self) -> int | None:
        return self.cost.multiplications_zero_inserted

    def to_dict(self, dtype: str) -> dict[str, Any]:
        return {
            "name": self.name,
            **geometry_dict(self.step),
            **counts_dict(self.cost, dtype),
            "receptive_field": field_dict(self.receptive_field),
        }


@dataclass(frozen=True)
class Report(Counted):
    """All answers for one layer. Sizes are channels first and without the batch, counts for the whole batch."""

    type: str
    batch: int
    dtype: str
    input: Axes
    cost: Cost
    stages: tuple[StageReport, ...]
    notes: tuple[str, ...]

    @property
    def output(self) -> Axes:
        return self.stages[-1].output

    @property
    def receptive_field(self) -> tuple[AxisField, ...]:
        return self.stages[-1].receptive_field

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, schema 1."""
        return {
            "schema": SCHEMA,
            "type": self.type,
            "batch": self.batch,
            "dtype": self.dtype,
            "input": list(self.input),
            "output": list(self.output),
            **counts_dict(self.cost, self.dtype),
            "receptive_field": field_dict(self.receptive_field),
            "stages": [stage.to_dict(self.dtype) for stage in self.stages],
            "notes": list(self.notes),
        }


def analyze(
    type: str = "standard",
    *,
    input: PerAxis | None = None,
    kernel: PerAxis | None = None,
    filters: Number | None = None,
    stride: PerAxis | None = None,
    padding: PaddingValue | None = None,
    dilation: PerAxis | None = None,
    groups: Number | None = None,
    multiplier: Number | None = None,
    mid_channels: Number | None = None,
    output_padding: PerAxis | None = None,
    output_size: PerAxis | None = None,
    bias: bool = False,
    batch: Number = 1,
    layout: str = "channels-first",
    dtype: str = "float32",
) -> Report:
    """Shape, parameters, costs and receptive field of one layer of a convolution type.

    input is (channels, *spatial), 1 to 3 spatial axes; kernel, stride, dilation, output_padding and output_size
    are one number or one per spatial axis; padding also ((begin, end), ...) or a word. Strings in the command
    line's notation do as well. What is left out takes the type's default or the worked example's value.

    Raises ConvcalcError (a ValueError), naming the option, for values that cannot be read or do not fit together.

    >>> analyze("depthwise-separable", input=(3, 7, 7), kernel=3, filters=128).multiplications
    10275
    """
    options = LayerOptions(
        input, kernel, filters, stride, padding, dilation, groups, multiplier, mid_channels,
        output_padding, output_size, bias, layout,
    )  # fmt: skip
    return report(layer(type, options), batch=whole_number(batch, "batch"), dtype=dtype)


def report(layer: Layer, *, batch: int = 1, dtype: str = "float32") -> Report:
    """The report of a lowered layer. Raises ShapeError where its stages do not fit its input."""
    check_dtype(dtype)
    steps = trace(layer.chain, layer.input)
    dims = len(layer.input) - 1
    walked = [step.stage for step in steps]
    stages = tuple(
        StageReport(step, cost(step, batch), receptive_field(walked[: index + 1], dims))
        for index, step in enumerate(steps)
    )
    whole = total(stage.cost for stage in stages)
    return Report(layer.recipe.name, batch, dtype, layer.input, whole, stages, (*layer.notes, *RULES))


def check_dtype(dtype: str) -> None:
    """Raises NotationError unless it is the name of an element type whose size is known."""
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise NotationError(f"dtype: unknown element type {quoted(dtype)}; use one of {', '.join(BYTES)}")


def field_dict(fields: Sequence[AxisField]) -> dict[str, list[Any]]:
    """A receptive field as JSON values, one entry per axis."""
    return {
        "size": [field.size for field in fields],
        "jump": [number(field.jump) for field in fields],
        "start": [field.start for field in fields],
        "coverage": [field.coverage for field in fields],
    }


def number(value: Fraction) -> int | float:
    """An int where the fraction is whole, else the nearest float. Raises ShapeError if there is none so large."""
    if value.denominator > 1 and value > sys.float_info.max:
        raise ShapeError("stride: a fractional jump must fit a float, got one beyond 1e308; use smaller strides")
    return value.numerator if value.denominator == 1 else float(value)


def memory(cost: Cost, dtype: str) -> dict[str, int]:
    """Bytes of the parameters, of the outputs, and of both, at `dtype`'s size."""
    parameters, activations = cost.parameters * BYTES[dtype], cost.activations * BYTES[dtype]
    return {"parameter_bytes": parameters, "activation_bytes": activations, "bytes": parameters + activations}


def counts_dict(cost: Cost, dtype: str) -> dict[str, int]:
    """Every count of a cost as JSON values, and the bytes at `dtype`'s size."""
    zero_inserted = cost.multiplications_zero_inserted
    return {
        "parameters": cost.parameters,
        "weights": cost.weights,
        "biases": cost.biases,
        "multiplications": cost.multiplications,
        "multiplications_effective": cost.multiplications_effective,
        **({} if zero_inserted is None else {"multiplications_zero_inserted": zero_inserted}),
        "additions": cost.additions,
        "macs": cost.macs,
        "flops": cost.flops,
        "activations": cost.activations,
        **memory(cost, dtype),
    }


OPS: dict[type[Stage], str] = {
    Correlate: "conv",
    TransposedCorrelate: "conv_transpose",
    ShuffleChannels: "channel_shuffle",
    Pool: "pool",
}


def geometry_dict(step: Step) -> dict[str, Any]:
    """Every stage has every key; what moves no pixel has the neutral window."""
    stage, neutral = step.stage, [1] * (len(step.input) - 1)
    windowed: dict[str, Any] = {
        "kernel": neutral,
        "stride": neutral,
        "padding": [[0, 0] for _ in neutral],
        "dilation": neutral,
        "groups": 1,
        "output_padding": [0 for _ in neutral],
    }
    match stage:
        case Correlate() | TransposedCorrelate() | Pool():
            windowed |= {
                "kernel": list(stage.kernel),
                "stride": list(stage.stride),
                "padding": [list(pair) for pair in stage.padding],
                "dilation": list(stage.dilation),
            }
        case ShuffleChannels():
            pass
        case _:
            assert_never(stage)
    if not isinstance(stage, Pool):
        windowed["groups"] = stage.groups
    if isinstance(stage, TransposedCorrelate):
        windowed["output_padding"] = list(stage.output_padding)
    return {
        "op": OPS[type(stage)],
        "input": list(step.input),
        "output": list(step.output),
        "in_channels": step.input[0],
        "out_channels": step.output[0],
        **windowed,
    }
