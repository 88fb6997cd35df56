"""The pieces of every JSON answer: geometry, counts, bytes, receptive fields."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, assert_never

from convcalc.axis.strands import AxisField
from convcalc.errors import NotationError, ShapeError, quoted
from convcalc.graph.graph import Node
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
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
    Primitive,
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
)  # fmt: skip
from convcalc.notation import Axes, parse_dtype_name
from convcalc.questions.cost import BYTES, Cost

SCHEMA = 1
KINDS = ("conv", "linear", "matmul", "pool", "norm", "activation", "merge", "resize", "reshape", "constant", "unknown")


def element_type(dtype: str) -> str:
    """The name of an element type whose size is known, from that or an everyday spelling such as fp16.

    Raises NotationError for any other.
    """
    name = parse_dtype_name(dtype) if isinstance(dtype, str) else ""
    if name not in BYTES:
        raise NotationError(f"dtype: unknown element type {quoted(dtype)}; use one of {', '.join(BYTES)}")
    return name


def number(value: Fraction) -> int | float:
    """An int if the fraction is whole, else the nearest float. Raises ShapeError if there is none so large."""
    if value.denominator > 1 and value > sys.float_info.max:
        raise ShapeError("stride: a fractional jump must fit a float, got one beyond 1e308; use smaller strides")
    return value.numerator if value.denominator == 1 else float(value)


def field_dict(fields: Sequence[AxisField]) -> dict[str, list[Any]]:
    """A receptive field as JSON values, one entry per axis."""
    return {
        "size": [field.size for field in fields],
        "jump": [number(field.jump) for field in fields],
        "start": [field.start for field in fields],
        "coverage": [field.coverage for field in fields],
    }


def memory(cost: Cost, dtype: str, read: int | None = None) -> dict[str, int]:
    """Bytes of the `read` elements of the input if they are given, of parameters, of outputs, and of the last two."""
    parameters, activations = cost.parameters * BYTES[dtype], cost.activations * BYTES[dtype]
    return {
        **({} if read is None else {"input_bytes": read * BYTES[dtype]}),
        "parameter_bytes": parameters,
        "activation_bytes": activations,
        "bytes": parameters + activations,
    }


def counts_dict(cost: Cost, dtype: str, read: int | None = None) -> dict[str, int]:
    """Every count of a cost, and the bytes at `dtype`'s size."""
    return {**cost.counts(), **memory(cost, dtype, read)}


def geometry_dict(node: Node) -> dict[str, Any]:
    """Op, sizes without the batch, and the window; a primitive that moves no pixel has the neutral window."""
    primitive, input, output = node.primitive, without_batch(node.input_shapes[0]), without_batch(node.shape)
    neutral = [1] * (len(input or (1,)) - 1)
    window: dict[str, Any] = {
        "kernel": neutral,
        "stride": neutral,
        "padding": [[0, 0] for _ in neutral],
        "dilation": neutral,
        "groups": 1,
        "output_padding": [0 for _ in neutral],
    }
    if isinstance(primitive, Correlate | TransposedCorrelate | Pool):
        window |= {
            "kernel": list(primitive.kernel),
            "stride": list(primitive.stride),
            "padding": [list(pair) for pair in primitive.padding],
            "dilation": list(primitive.dilation),
        }
    if isinstance(primitive, Correlate | TransposedCorrelate | ShuffleChannels):
        window["groups"] = primitive.groups
    if isinstance(primitive, TransposedCorrelate):
        window["output_padding"] = list(primitive.output_padding)
    return {
        "op": op_of(primitive),
        "input": None if input is None else list(input),
        "output": None if output is None else list(output),
        "in_channels": input[0] if input else None,
        "out_channels": output[0] if output else None,
        **window,
    }


def without_batch(shape: Axes | None) -> Axes | None:
    """A whole shape as sizes are shown; None if it is not known."""
    return None if shape is None else shape[1:]


def op_of(primitive: Primitive) -> str:
    """The name of a primitive in JSON: a convolution's own, else its kind."""
    match primitive:
        case Correlate():
            return "conv"
        case TransposedCorrelate():
            return "conv_transpose"
        case ShuffleChannels():
            return "channel_shuffle"
        case _:
            return kind_of(primitive)


def kind_of(primitive: Primitive) -> str:
    """The kind of layer, for totals and `--only`."""
    match primitive:
        case Correlate() | TransposedCorrelate():
            return "conv"
        case Linear():
            return "linear"
        case MatMul():
            return "matmul"
        case Pool() | Reduce() | AdaptivePool():
            return "pool"
        case Normalize():
            return "norm"
        case Elementwise() | WithConstant() | Softmax():
            return "activation"
        case Merge() | Concat():
            return "merge"
        case Resize():
            return "resize"
        case (
            ShuffleChannels() | Slice() | Take() | Pad() | Reshape() | Transpose() | Expand() | Input()
        ):  # fmt: skip
            return "reshape"
        case Constant():
            return "constant"
        case Unknown():
            return "unknown"
        case _:
            assert_never(primitive)
