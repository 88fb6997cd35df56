"""Convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.axis.window import Window, transposed_size
from convcalc.graph import primitives
from convcalc.graph.graph import Layer
from convcalc.graph.primitives import Pool
from convcalc.graph.request import Request
from convcalc.notation import Axes, Padding, Pairs
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.ops.node import MakeLayers, NodeContext
from convcalc.readers.onnx.tensors import ConstantTensor
from convcalc.recipes import recipe_named
from convcalc.recipes.options import convolution as convolution_layer

AUTO_PADS = {"SAME_UPPER": "same", "SAME_LOWER": "same-lower", "VALID": "valid"}


def conv(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    padding = padding_of(node, len(node.shape(data)) - 2)
    shape = spatial_shape(node, data)
    weight, arrays = weight_and_bias(node, len(shape))
    groups, filters = groups_of(node), weight.shape[0]
    if weight.shape[1] * groups != shape[1] or filters % groups:
        raise MalformedError(
            f"its weight {weight.shape} in {groups} groups takes {weight.shape[1] * groups} channels, got {shape[1]}"
        )
    check_bias(arrays, filters)
    data, padding = cropped_first(node, data, padding)
    primitive = convolution(
        node, node.shape(data), filters, weight.shape[2:], padding, groups, bias=len(arrays) > 1
    )  # fmt: skip
    return [node.add("conv", primitive, [data], arrays)]


def conv_transpose(node: NodeContext) -> list[Value]:
    data = node.layer(0)
    shape = spatial_shape(node, data)
    weight, arrays = weight_and_bias(node, len(shape))
    groups, kernel = groups_of(node), weight.shape[2:]
    filters = weight.shape[1] * groups
    if weight.shape[0] != shape[1] or shape[1] % groups:
        raise MalformedError(f"its weight {weight.shape} takes {weight.shape[0]} channels, got {shape[1]}")
    check_bias(arrays, filters)
    crops, added = transposed_padding(node, shape[2:], kernel)
    if min(n for pair in crops for n in pair) < 0:
        raise UnsupportedError("its padding is negative, which lengthens the output on both sides")
    primitive = convolution(
        node, shape, filters, kernel, crops, groups, bias=len(arrays) > 1, output_padding=added
    )  # fmt: skip
    return [node.add("transposed", primitive, [data], arrays)]


def convolution(
    node: NodeContext, shape: Axes, filters: int, kernel: Axes, padding: Padding, groups: int, *, bias: bool,
    output_padding: Axes | None = None,
) -> Layer:  # fmt: skip
    """The layer of a Conv on `shape`, or of a ConvTranspose if there is an output padding."""
    dims, channels = len(kernel), shape[1]
    if output_padding is not None:
        type = "transposed"
    else:
        type = "depthwise" if groups == channels > 1 else "grouped" if groups > 1 else "standard"
    recipe = recipe_named(type)
    request = Request(
        channels=channels, dims=dims, spatial=shape[2:], filters=filters, explicit_filters=filters, kernel=kernel,
        stride=per_axis(node, "strides", dims), padding=padding, dilation=per_axis(node, "dilations", dims),
        groups=groups, multiplier=None, mid_channels=None, output_padding=output_padding or (0,) * dims,
        output_size=None, bias=bias,
    )  # fmt: skip
    return convolution_layer(recipe, request)


def pool(kind: str, op: str) -> MakeLayers:
    def make(node: NodeContext) -> list[Value]:
        data = node.layer(0)
        dims = len(spatial_shape(node, data)) - 2
        if node.attributes.integers("kernel_shape") is None:
            raise MalformedError("it has no kernel_shape")
        data, padding = cropped_first(node, data, padding_of(node, dims))
        kernel = per_axis(node, "kernel_shape", dims)
        dilations = per_axis(node, "dilations", dims)
        extents = [Window(taps, dilation=apart).extent for taps, apart in zip(kernel, dilations, strict=True)]
        if not isinstance(padding, str) and any(max(p) >= e for p, e in zip(padding, extents, strict=True)):
            raise MalformedError(f"its pads must be smaller than its kernel, got {padding} for {kernel}")
        primitive = Pool(
            f"l{node.attributes.integer('p', 2)}" if kind == "lp" else kind, kernel,
            per_axis(node, "strides", dims), padding, dilations,
            node.attributes.flag("ceil_mode"), node.attributes.flag("count_include_pad"),
        )  # fmt: skip
        return [node.add(op, primitive, [data])]

    return make


def spatial_shape(node: NodeContext, data: int) -> Axes:
    shape = node.shape(data)
    if not 3 <= len(shape) <= 5:
        raise UnsupportedError(f"it takes 1 to 3 spatial axes, got {len(shape) - 2}")
    return shape


def per_axis(node: NodeContext, name: str, dims: int) -> Axes:
    """One positive number for each spatial axis, by default 1."""
    values = node.attributes.integers(name) or (1,) * dims
    if len(values) != dims or min(values) < 1:
        raise MalformedError(f"its {name} must be {dims} positive numbers, got {values}")
    return values


def groups_of(node: NodeContext) -> int:
    groups = node.attributes.integer("group", 1)
    if groups < 1:
        raise MalformedError(f"its group must be positive, got {groups}")
    return groups


def weight_and_bias(node: NodeContext, rank: int) -> tuple[ConstantTensor, list[ConstantTensor]]:
    """The weight of a convolution; and in a list the weight again, followed by the bias if there is one."""
    weight = node.constant(1, "weight")
    if len(weight.shape) != rank or 0 in weight.shape:
        raise MalformedError(f"its weight must have {rank} axes, got shape {weight.shape}")
    if node.attributes.integers("kernel_shape") not in (None, (), weight.shape[2:]):
        raise MalformedError(f"its kernel_shape must be that of its weight, got {weight.shape}")
    bias = node.constant(2, "bias") if node.has(2) else None
    if bias is None or _is_no_bias(bias):
        return weight, [weight]
    return weight, [weight, bias]


def _is_no_bias(bias: ConstantTensor) -> bool:
    """Whether the bias is computed zeros, which exporters write for a convolution without bias."""
    values = None if bias.tensor or bias.setting else bias.small_values()
    return values is not None and not values.any()


def check_bias(arrays: Sequence[ConstantTensor], filters: int) -> None:
    if len(arrays) > 1 and arrays[1].shape != (filters,):
        raise MalformedError(f"its bias must have shape ({filters},), got {arrays[1].shape}")


def padding_of(node: NodeContext, dims: int) -> Padding:
    """Padding as a word or as pairs, from auto_pad or pads."""
    word = node.attributes.text("auto_pad", "NOTSET")
    if word in AUTO_PADS:
        return AUTO_PADS[word]
    if word != "NOTSET":
        raise MalformedError(f"its auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {word}")
    pads = node.attributes.integers("pads") or (0,) * (2 * dims)
    if len(pads) != 2 * dims:
        raise MalformedError(f"its pads must be {2 * dims} numbers, got {len(pads)}")
    return tuple(zip(pads[:dims], pads[dims:], strict=True))


def cropped_first(node: NodeContext, data: int, padding: Padding) -> tuple[int, Padding]:
    """Negative padding as a crop before the window; the input after it, and the padding that is left."""
    if isinstance(padding, str) or min(n for pair in padding for n in pair) >= 0:
        return data, padding
    crops = tuple((min(before, 0), min(after, 0)) for before, after in padding)
    data = node.add("crop", primitives.Pad(((0, 0), (0, 0), *crops)), [data], suffix="/crop")
    return data, tuple((max(before, 0), max(after, 0)) for before, after in padding)


def transposed_padding(node: NodeContext, sizes: Axes, kernel: Axes) -> tuple[Pairs, Axes]:
    """The crops and the output padding of a ConvTranspose.

    With SAME_UPPER or SAME_LOWER and no output_shape, an output is stride times as long as its input.
    """
    dims, padding = len(kernel), padding_of(node, len(kernel))
    added = node.attributes.integers("output_padding") or (0,) * dims
    if len(added) != dims or min(added) < 0:
        raise MalformedError(f"its output_padding must be {dims} numbers, got {added}")
    output = node.attributes.integers("output_shape")
    strides = per_axis(node, "strides", dims)
    if output is None and not isinstance(padding, str):
        return padding, added
    if output is None and padding == "valid":
        return ((0, 0),) * dims, added
    target = output[-dims:] if output else tuple(n * s for n, s in zip(sizes, strides, strict=True))
    windows = [Window(*along) for along in zip(kernel, strides, per_axis(node, "dilations", dims), strict=True)]
    return crops_to(target, sizes, windows, added, upper=padding == "same")


def crops_to(target: Axes, sizes: Axes, windows: Sequence[Window], added: Axes, *, upper: bool) -> tuple[Pairs, Axes]:
    """The crops and the output padding that make an output of the sizes in `target`.

    Source: ONNX operator ConvTranspose, output_shape: the odd pixel is cropped at the end with SAME_UPPER and at the
    beginning otherwise.
    """
    if len(target) != len(sizes) or min(target) < 1:
        raise MalformedError(f"its output_shape must be {len(sizes)} positive numbers, got {target}")
    pairs, lengthened = [], []
    for wanted, size, window, more in zip(target, sizes, windows, added, strict=True):
        excess = transposed_size(size, window) + more - wanted
        small = max(0, excess) // 2
        large = max(0, excess) - small
        pairs.append((small, large) if upper else (large, small))
        lengthened.append(more + max(0, -excess))
    return tuple(pairs), tuple(lengthened)
