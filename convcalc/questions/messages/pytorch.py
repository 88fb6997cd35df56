"""The shape errors of PyTorch, those of older releases too."""

from __future__ import annotations

from typing import Any

from convcalc.errors import plural
from convcalc.questions.messages.idioms import shown
from convcalc.questions.messages.known import Known, shape_of
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import (
    Axes,
    Channels,
    Elements,
    Features,
    Groups,
    OneValue,
    OutputPadding,
    OutputSize,
    Padded,
    Rule,
    Samples,
    Sizes,
    TooSmall,
    Trouble,
    Weights,
)

_AXES_OF = {"BatchNorm1d": (2, 3), "BatchNorm2d": (4,), "BatchNorm3d": (5,)}


def _channels(how: str | None, groups: int | None, weight: Shape, shape: Shape, expected: int, got: Any) -> Trouble:
    layer = "transposed" if how == "transposed" else "conv"
    came = got if isinstance(got, int) else shape[1] if len(shape) > 1 else None
    number = groups if groups and layer == "conv" else 1
    return Channels(expected, came or 0, shape, weight, number, layer)


def _axes(least: int, most: int, dims: int, shape: Shape) -> Trouble:
    return Axes((least, most), len(shape), shape, dims, f"conv{dims}d")


def _old_axes(needed: int, weight: Shape, got: int, shape: Shape) -> Trouble:
    return Axes((needed,), got, shape, len(weight) - 2, f"conv{len(weight) - 2}d")


def _bare_axes(first: int, second: int | None, got: int) -> Trouble:
    allowed = (first,) if second is None else (first, second)
    dims = next((len(k) and k[-1] - 2 for k in _AXES_OF.values() if k == allowed), None)
    return Axes(allowed, got, (), dims, f"BatchNorm{dims}d" if dims else "")


def _too_small(sizes: Shape, extents: Shape) -> Trouble:
    return TooSmall(sizes, extents)


def _pool_small(given: Shape, gives: Shape) -> Trouble:
    return TooSmall(given[1:], shape=(None, *given), pool=True, gives=gives[1:])


def _unfold_small(sizes: Shape, kernel: Shape, dilation: Shape, padding: Shape) -> Trouble | None:
    if not len(sizes) == len(kernel) == len(dilation) == len(padding):
        return None
    extents = tuple((d or 1) * ((k or 1) - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    return TooSmall(tuple((s or 0) + 2 * (p or 0) for s, p in zip(sizes, padding, strict=True)), extents)


def _joined_at(_: int, left: int, right: int, axis: int | None) -> Trouble:
    return Sizes(left, right, axis, joined=True)


def _pool1d(size: int) -> Trouble | None:
    return None if size > 0 else Rule("the map is shorter than the pool's window.", "a longer input, or a pool less")


def sizes_of(left: Shape, right: Shape, joined: bool = False, skipped: int | None = None) -> Trouble | None:
    """The first axis, counted from the end, along which two shapes of as many axes differ; None if they do not."""
    if len(left) != len(right):
        return None
    for axis, (a, b) in enumerate(zip(left, right, strict=True)):
        if a != b and axis != skipped and None not in (a, b) and (joined or 1 not in (a, b)):
            return Sizes(a or 0, b or 0, axis, joined, (left, right))
    return None


def _elements(target: Shape, elements: int) -> Trouble:
    return Elements(elements, target)


def _groups_weight(groups: int, weight: Shape) -> Trouble | None:
    return Groups(groups, filters=weight[0]) if weight else None


def _group_norm(shape: Shape, groups: int) -> Trouble | None:
    return Groups(groups, channels=shape[1], layer="norm") if len(shape) > 1 else None


def _norm(got: int, expected: int) -> Trouble:
    return Channels(expected, got, layer="norm")


def _layer_norm(normalized: Shape, shape: Shape) -> Trouble | None:
    tail = shape[-len(normalized) :] if normalized else ()
    if len(tail) != len(normalized) or not tail:
        return None
    return Channels(normalized[-1] or 0, tail[-1] or 0, shape, normalized, layer="norm")


def _affine(expected: Shape, shape: Shape) -> Trouble | None:
    return Channels(expected[0] or 0, shape[1] or 0, shape, layer="norm") if len(shape) > 1 and expected else None


def _output_padding(*values: int) -> Trouble:
    third = len(values) // 3
    return OutputPadding(values[:third], values[third : 2 * third], values[2 * third :])


def _output_size(wanted: Shape, least: Shape, most: Shape, sizes: Shape) -> Trouble | None:
    same = len(wanted) == len(least) == len(most) == len(sizes)
    return OutputSize(wanted, least, most, sizes) if same else None


def _reflect(pads: Shape, axis: int, shape: Shape) -> Trouble | None:
    return Padded(max(p or 0 for p in pads), shape[axis] or 0) if 0 <= axis < len(shape) and pads else None


def _recurrent(expected: int, got: int) -> Trouble:
    return Features(expected, got, layer="recurrent")


def _ranks(left: int, right: int) -> Trouble | None:
    low, high = sorted((left, right))
    return None if low == high else Rule(
        f"a tensor of {high} axes is joined to one of {low}: one of them lacks its batch or its channels.",
        f"x = x[None] on the one of {low} if its batch is missing, x = x[:, None] if its channels are",
    )  # fmt: skip


def _shuffled(channels: int, square: int) -> Trouble | None:
    below = channels // square * square if square > 0 else 0
    return Rule(
        f"{channels} channels make no whole number of maps: each takes {square}, one for every pixel that it becomes.",
        f"{f'{below} or ' if below else ''}{below + square} filters in the layer before it",
    ) if square > 0 and channels % square else None  # fmt: skip


def _expanded(wanted: int, own: int, axis: int) -> Trouble | None:
    return Rule(
        f"axis {axis} has {own} values, and only one value can be repeated to {wanted}.",
        f"{own} in place of {wanted} there, or a tensor with a 1 there",
    ) if wanted != own else None  # fmt: skip


def _bmm(wanted: Shape, got: Shape) -> Trouble | None:
    if len(wanted) != 2 or len(got) != 2 or wanted[1] == got[1]:
        return None
    return Rule(
        f"every row of the first has {wanted[1]} values, and the second has {got[1]} rows.",
        "y.transpose(1, 2) in place of y, if its columns are as many, as in attention: q @ k.transpose(1, 2)",
    )


def _bias(_: Shape, expected: int, got: Shape) -> Trouble:
    return Rule(f"{plural(expected, 'filter')} take {expected} biases, and {shown(got)} is given.", "a bias per filter")


def _cropped(sizes: Shape, gives: Shape) -> Trouble:
    lacking = 1 - min((n or 0 for n in gives), default=0)
    cause = f"the padding of the transposed convolution crops all of {shown(sizes)}: {shown(gives)} would be left."
    return Rule(cause, f"padding smaller by {max(1, -(-lacking // 2))}, or an input that is larger")


MESSAGES = (
    Known(
        "PyTorch", "Given groups=1, weight of size [..], expected input[..] to have C channels, but got ..",
        r"(?:[Gg]iven (groups|transposed)=<n>, ?)?weight(?: of size)? ?<shape>, ?(?:so )?expected input ?<shape> ?"
        r"to have <n> channels(?:, but got <n>)?", _channels,
    ),
    Known(
        "PyTorch", "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [..]",
        r"Expected <n>D \(unbatched\) or <n>D \(batched\) input to conv(?:_transpose)?<n>d, but got input of size: ?"
        r"<shape>", _axes,
    ),
    Known(
        "PyTorch", "Expected 4-dimensional input for 4-dimensional weight [..], but got 3-dimensional input of size",
        r"Expected <n>-dimensional input for \d-dimensional weight ?<shape>, but got <n>-dimensional input of size ?"
        r"<shape>", _old_axes,
    ),
    Known(
        "PyTorch", "expected 4D input (got 3D input)",
        r"expected <n>D(?: or <n>D)? input \(got <n>D input\)", _bare_axes,
    ),
    Known(
        "PyTorch", "Calculated padded input size per channel: (6 x 32). Kernel size: (7 x 7)",
        r"Calculated (?:padded )?input size per channel: ?<shape>\. ?Kernel size: ?<shape>", _too_small,
    ),
    Known(
        "PyTorch", "Given input size: (CxHxW). Calculated output size: (CxHxW). Output size is too small",
        r"Given input size: ?<shape>\. ?Calculated output size: ?<shape>", _pool_small,
    ),
    Known(
        "PyTorch", "Given input with spatial size (..), kernel_size=(..), dilation=(..), padding=(..)",
        r"Given input with spatial size <shape>, kernel_size=<shape>, dilation=<shape>, padding=<shape>",
        _unfold_small,
    ),
    Known(
        "PyTorch", "mat1 and mat2 shapes cannot be multiplied (32x400 and 120x84)",
        r"(?:mat1 and mat2 )?shapes cannot be multiplied \(<n>x<n> and <n>x<n>\)",
        lambda rows, got, expected, out: Features(expected, got, rows, out),
    ),
    Known(
        "PyTorch", "size mismatch, m1: [32 x 400], m2: [120 x 84]",
        r"size mismatch, m1: ?\[<n> x <n>\], ?m2: ?\[<n> x <n>\]",
        lambda rows, got, expected, out: Features(expected, got, rows, out),
    ),
    Known(
        "PyTorch", "input.size(-1) must be equal to input_size. Expected 10, got 11",
        r"must be equal to input_size\. Expected <n>, got <n>", _recurrent,
    ),
    Known(
        "PyTorch", "Sizes of tensors must match except in dimension 1. Expected size 28 but got size 27",
        r"(?:Sizes of tensors )?must match except in dimension <n>\. Expected size <n> but got size <n>",
        lambda _, left, right: Sizes(left, right, joined=True),
    ),
    Known(
        "PyTorch", "Sizes of tensors must match except in dimension 1. Got 28 and 27 in dimension 2",
        r"(?:Sizes of tensors )?must match except in dimension <n>\. Got <n> and <n>(?: in dimension <n>)?", _joined_at,
    ),
    Known(
        "PyTorch", "The size of tensor a (28) must match the size of tensor b (27) at non-singleton dimension 3",
        r"(?:The )?size of tensor a \(<n>\) must match the size of tensor b \(<n>\) at non-singleton dimension <n>",
        lambda left, right, axis: Sizes(left, right, axis),
    ),
    Known(
        "PyTorch", "stack expects each tensor to be equal size, but got [..] at entry 0 and [..] at entry 1",
        r"stack expects each tensor to be equal size, but got <shape> at entry \d+ and <shape> at entry \d+", Samples,
    ),
    Known(
        "PyTorch", "shape '[-1, 400]' is invalid for input of size 2304",
        r"shape '?<shape>'? is invalid for input of size <n>", _elements,
    ),
    Known(
        "PyTorch", "Given groups=3, expected weight to be divisible by 3 at dimension 0, but got weight of size [..]",
        r"Given groups=<n>, expected weight to be (?:divisible by|at least) \d+ at dimension 0, but got weight of "
        r"size <shape>", _groups_weight,
    ),
    Known(
        "PyTorch", "num_channels (64) must be divisible by num_groups (5)",
        r"num_channels \(<n>\) must be divisible by num_groups \(<n>\)",
        lambda channels, groups: Groups(groups, channels=channels, layer="norm"),
    ),
    Known(
        "PyTorch", "Expected number of channels in input to be divisible by num_groups, but got input of shape [..]",
        r"divisible by num_groups, but got input of shape <shape> and num_groups=<n>", _group_norm,
    ),
    Known(
        "PyTorch", "running_mean should contain 32 elements not 64",
        r"(?:running_mean|running_var|weight|bias) should contain <n> elements not <n>", _norm,
    ),
    Known(
        "PyTorch", "Given normalized_shape=[64], expected input with shape [*, 64], but got input of size[..]",
        r"Given normalized_shape=<shape>, expected input with shape \[\*[^\]]{0,80}\], but got input of size ?<shape>",
        _layer_norm,
    ),
    Known(
        "PyTorch", "Expected weight to be a vector of size equal to the number of channels in input, but got ..",
        r"number of channels in input, but got weight of shape <shape> and input of shape <shape>", _affine,
    ),
    Known(
        "PyTorch", "Mismatch of parameter numbers and input channel size. Found parameter numbers = 64 and ..",
        r"Found parameter numbers = <n> and channel size = <n>",
        lambda expected, got: Channels(expected, got, layer="norm"),
    ),
    Known(
        "PyTorch", "Expected more than 1 value per channel when training, got input size [1, 64]",
        r"Expected more than 1 (?:value per channel|spatial element) when training, got input size "
        r"(?:torch\.Size\()?<shape>", lambda shape: OneValue(shape_of(shape)),
    ),
    Known(
        "PyTorch", "requested an output size of (12, 12), but valid sizes range from [9, 11] to [10, 12]",
        r"requested an output size of (?:torch\.Size\()?<shape>\)?, but valid sizes range from <shape> to <shape> "
        r"\(for an input of (?:torch\.Size\()?<shape>", _output_size,
    ),
    Known(
        "PyTorch", "output padding must be smaller than either stride or dilation, but got ..",
        r"output padding must be smaller than either stride or dilation, but got output_padding_height: <n> "
        r"output_padding_width: <n> stride_height: <n> stride_width: <n> dilation_height: <n> dilation_width: <n>",
        _output_padding,
    ),
    Known(
        "PyTorch", "Padding size should be less than the corresponding input dimension, but got: padding (4, 4)",
        r"Padding size should be less than the corresponding input dimension, but got: padding <shape> at dimension "
        r"<n> of input <shape>", _reflect,
    ),
    Known(
        "PyTorch", "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2",
        r"pad should be at most half of (?:effective )?kernel size, but got pad=<n>,? (?:and )?kernel_size=<n>"
        r"(?: and dilation=<n>)?",
        lambda pad, kernel, dilation: Padded(pad, (dilation or 1) * (kernel - 1) + 1, "pool"),
    ),
    Known(
        "PyTorch", "size mismatch for fc.weight: copying a param with shape [..] from checkpoint, ..",
        r"size mismatch for ([\w.]{0,200}weight): copying a param with shape (?:torch\.Size\()?<shape>\)? from "
        r"checkpoint, the shape in current model is (?:torch\.Size\()?<shape>",
        lambda name, file, model: Weights(name, shape_of(file), shape_of(model)),
    ),
    Known(
        "PyTorch", "Tensors must have same number of dimensions: got 4 and 3",
        r"Tensors must have same number of dimensions: got <n> and <n>", _ranks,
    ),
    Known(
        "PyTorch", "The expanded size of the tensor (5) must match the existing size (4) at non-singleton dimension 1",
        r"expanded size of the tensor \(<n>\) must match the existing size \(<n>\) at non-singleton dimension <n>",
        _expanded,
    ),
    Known(
        "PyTorch", "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 5]",
        r"Expected size for first two dimensions of batch2 tensor to be: <shape> but got: <shape>", _bmm,
    ),
    Known(
        "PyTorch", "pixel_shuffle expects .. divisible by the square of upscale_factor, but input.size(-3)=6 is not",
        r"pixel_shuffle expects [^=]{0,200}input\.size\(-3\)=<n> is not divisible by <n>", _shuffled,
    ),
    Known(
        "PyTorch", "Given weight of size [..], expected bias to be 1-dimensional with 8 elements, but got bias of size",
        r"Given weight of size <shape>, expected bias to be 1-dimensional with <n> elements, but got bias of size "
        r"<shape>", _bias,
    ),
    Known(
        "PyTorch", "Expected 3D or 4D tensor, but got [3]",
        r"Expected <n>D or <n>D (?:\(batch mode\) )?tensor(?: with optional 0 dim batch size for input)?, but got:? ?"
        r"<shape>", lambda least, most, shape: Axes((least, most), len(shape), shape, most - 2, ""),
    ),
    Known(
        "PyTorch", "Given input size per channel: (2 x 2). Calculated output size per channel: (-3 x -3)",
        r"Given input size per channel: <shape>\. ?Calculated output size per channel: <shape>", _cropped,
    ),
    Known(
        "PyTorch", "max_pool1d() Invalid computed output size: 0",
        r"_pool1d\(\) Invalid computed output size: <n>", _pool1d,
    ),
    Known(
        "PyTorch", "in_channels must be divisible by groups",
        r"(in_channels|out_channels) must be divisible by groups", lambda what: Rule(
            f"groups do not divide {what}.", "groups that divide both in_channels and out_channels, or 1"
        ),
    ),
    Known(
        "PyTorch", "padding='same' is not supported for strided convolutions",
        r"padding='same' is not supported for strided convolutions()", lambda _: Rule(
            "PyTorch has padding='same' for stride 1 only.",
            "padding=(kernel - 1) // 2, which gives ceil(size / stride) for odd kernels",
        ),
    ),
    Known(
        "PyTorch", "view size is not compatible with input tensor's size and stride",
        r"view size is not compatible with input tensor's size and stride()", lambda _: Rule(
            "the tensor was permuted or cut, so its rows do not lie one after the other.",
            "x = x.reshape(...), which copies where it must, in place of x.view(...)",
        ),
    ),
)  # fmt: skip
