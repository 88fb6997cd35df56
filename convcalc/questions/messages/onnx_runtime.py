"""The shape errors of ONNX Runtime."""

from __future__ import annotations

import re

from convcalc.questions.messages.known import Known, shape_of
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import (
    UNSTATED,
    Axes,
    Channels,
    Elements,
    Features,
    Fed,
    Groups,
    Padded,
    Rule,
    Sizes,
    TooSmall,
    Trouble,
)

_DIFFERENCE = re.compile(r"index: (\d{1,3}) Got: (\d{1,18}) Expected: (\d{1,18})")


def _fed(name: str, differences: str) -> Trouble | None:
    found = [tuple(map(int, match.groups())) for match in _DIFFERENCE.finditer(differences)]
    return Fed(name, tuple((axis, got, expected) for axis, got, expected in found)) if found else None


def _gemm(weight: Shape, got: int, out: int) -> Trouble | None:
    if len(weight) != 2 or None in weight:
        return None
    expected = weight[1] if weight[0] == out else weight[0]
    return Features(expected or 0, got, out=out)


MESSAGES = (
    Known(
        "ONNX Runtime", "Got invalid dimensions for input: x for the following indices index: 1 Got: 1 Expected: 3",
        r"Got invalid dimensions for input: (\S{1,200}) for the following indices "
        r"((?:index: \d{1,3} Got: \d{1,18} Expected: \d{1,18} ?){1,8})", _fed,
    ),
    Known(
        "ONNX Runtime", "Invalid rank for input: x Got: 3 Expected: 4",
        r"Invalid rank for input: (\S{1,200}) Got: <n> Expected: <n>",
        lambda name, got, needed: Axes((needed,), got, (), needed - 2 if needed > 2 else None, str(name)),
    ),
    Known(
        "ONNX Runtime", "Input channels C is not equal to kernel channels * group. C: 4 kernel channels: 3 group: 1",
        r"Input channels C is not equal to kernel channels \* group\. C: <n> kernel channels: <n> group: <n>",
        lambda got, each, groups: Channels(each * groups, got, groups=groups),
    ),
    Known(
        "ONNX Runtime", "filter number not equal to input channel number. filter_number: 3 num_input_channels: 4",
        r"filter_number: <n> num_input_channels: <n>",
        lambda expected, got: Channels(expected, got, layer="transposed"),
    ),
    Known(
        "ONNX Runtime", "Output channels M is not divisible by group. M: 8 group: 3",
        r"Output channels M is not divisible by group\. M: <n> group: <n>",
        lambda filters, groups: Groups(groups, filters=filters),
    ),
    Known(
        "ONNX Runtime", "Conv node .. Status Message: Invalid input shape: {5,32}",
        r"Invalid input shape: <shape>", lambda sizes: TooSmall(shape_of(sizes)),
    ),
    Known(
        "ONNX Runtime", "Non concat axis dimensions must match: Axis 2 has mismatched dimensions of 27 and 28",
        r"Non concat axis dimensions must match: Axis <n> has mismatched dimensions of <n> and <n>",
        lambda axis, left, right: Sizes(left, right, axis, joined=True),
    ),
    Known(
        "ONNX Runtime", "Attempting to broadcast an axis by a dimension other than 1. 27 by 28",
        r"Attempting to broadcast an axis by a dimension other than 1\. <n> by <n>", Sizes,
    ),
    Known(
        "ONNX Runtime", "Op (Concat) [ShapeInferenceError] .. Inferred=27 Declared=28 Dimension=2",
        r"Inferred=<n> Declared=<n> Dimension=<n>", lambda left, right, axis: Sizes(left, right, axis, joined=True),
    ),
    Known(
        "ONNX Runtime", "GEMM: Dimension mismatch, W: {120,400} K: 576 N:120",
        r"Dimension mismatch, W: ?<shape> K: ?<n> N: ?<n>", _gemm,
    ),
    Known(
        "ONNX Runtime", "[ShapeInferenceError] Dimension mismatch in unification between 400 and 576",
        r"Op \((?:Gemm|MatMul)\) \[ShapeInferenceError\] Dimension mismatch in unification between <n> and <n>",
        Features,
    ),
    Known(
        "ONNX Runtime", "The input tensor cannot be reshaped to the requested shape. Input shape:{..}, ..",
        r"cannot be reshaped to the requested shape\. Input shape: ?<shape>, requested shape: ?<shape>",
        lambda shape, target: _reshaped(shape_of(shape), shape_of(target)),
    ),
    Known(
        "ONNX Runtime", "BatchNormalization node .. Invalid input scale: 0th dimension != 32",
        r"Invalid input (?:scale|B|mean|var): 0th dimension != <n>", lambda got: Channels(UNSTATED, got, layer="norm"),
    ),
    Known(
        "ONNX Runtime", "Pad reflect: pre-pad (24) exceeds maximum allowed (17) for axis 2",
        r"Pad reflect: (?:pre|post)-pad \(<n>\) exceeds maximum allowed \(<n>\) for axis \d+\. Input shape: ?<shape>",
        lambda pad, most, shape: _reflected(pad, most, shape_of(shape)),
    ),
    Known(
        "ONNX Runtime", "Calculated output dimension is negative. Check kernel_shape, pads, strides and dilations",
        r"Calculated output dimension is negative()", lambda _: Rule(
            "the map is smaller than the pool's window.", "a larger image, or a model with a pool less"
        ),
    ),
    Known(
        "ONNX Runtime", "matmul_helper.h Compute MatMul dimension mismatch",
        r"(?:MatMul dimension mismatch|Incompatible dimensions for matrix multiplication)()", lambda _: Rule(
            "a linear layer gets other features than its weights are for, as with another image size.",
            "the image size that the model was exported with",
        ),
    ),
)  # fmt: skip


def _reshaped(shape: Shape, target: Shape) -> Trouble | None:
    elements = 1
    for length in shape:
        elements *= 1 if length is None else length
    return Elements(elements, tuple(None if length == -1 else length for length in target), shape)


def _reflected(pad: int, most: int, shape: Shape) -> Trouble:
    """Its numbers are those of flattened rows, 24 = 4 rows of 6: back to pixels of the axis where they divide."""
    inner = shape[-1] or 1
    rows = pad % inner == 0 and (most + 1) % inner == 0
    return Padded(pad // inner, (most + 1) // inner) if rows else Padded(pad, most + 1)
