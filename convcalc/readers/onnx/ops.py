"""The operators of ONNX, each lowered to those of `operators.py` on the shapes that reach it.

Source: the ONNX operator specification, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import floor, prod
from typing import Protocol, TypeAlias

import numpy as np
from onnx import TensorProto

from convcalc.axis import sampling as resizing
from convcalc.axis.window import Window, transposed_size
from convcalc.graph.primitives import (
    Concat,
    Convolve,
    Elementwise,
    Expand,
    Linear,
    MatMul,
    Merge,
    Normalize,
    Operator,
    Pad,
    Reduce,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Take,
    Transpose,
    WithConstant,
)
from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Padding, Pool
from convcalc.readers.onnx.folding import (
    axes_of,
    flattened,
    integers,
    on_axes,
    on_axis,
    reshaped,
    shape_part,
    slices,
    squeezed,
    unsqueezed,
)
from convcalc.readers.onnx.values import Attributes, Known, MalformedError, UnsupportedError
from convcalc.recipes import recipe_named

Value: TypeAlias = int | Known
"""A tensor: the number of the layer that makes it, or an array that depends on no input."""

MOST_TAKEN = 1 << 16


class Place(Protocol):
    """A node at its place, as the reader offers it to the functions below."""

    op: str
    opset: int
    attributes: Attributes
    inputs: list[Value | None]
    outputs: int

    def tensor(self, place: int) -> int:
        """The layer that makes an input, a constant becoming one. Raises MalformedError where there is none."""

    def layer_of(self, value: Value) -> Value:
        """The layer that an array has become, or the tensor as it is."""

    def shape(self, value: Value) -> Axes:
        """The shape of a tensor. Raises UnsupportedError where it is not known."""

    def emit(
        self, op: str, operator: Operator, inputs: Sequence[int], weights: Sequence[Known] = (), suffix: str = ""
    ) -> int:
        """The number of a new layer; `weights` are its arrays in the order of `parameter_shapes`, then the others."""


Lower: TypeAlias = Callable[[Place], "list[Value]"]


def row_name(op: str) -> str:
    """What an operator is called in a row, where nothing else is said: its name in lower case.

    >>> row_name("NonMaxSuppression"), row_name("LSTM")
    ('non_max_suppression', 'lstm')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", op).lower()


def value_at(place: Place, number: int) -> Value | None:
    return place.inputs[number] if number < len(place.inputs) else None


def known_at(place: Place, number: int, what: str) -> Known:
    """An input that must be an array of the file."""
    value = value_at(place, number)
    if value is None:
        raise MalformedError(f"it has no {what}")
    if not isinstance(value, Known):
        raise UnsupportedError(f"another layer makes its {what}")
    return value


def numbers_at(place: Place, number: int, what: str) -> tuple[int, ...] | None:
    """Whole numbers that an input gives, None where it is left out."""
    if value_at(place, number) is None:
        return None
    known = known_at(place, number, what)
    array = known.small()
    if array is None:
        raise UnsupportedError(f"its {what} cannot be read")
    return integers(array)


def scalar_at(place: Place, number: int) -> float | None:
    """A single number that an input gives, None where it is left out or not known."""
    value = value_at(place, number)
    array = value.small() if isinstance(value, Known) else None
    return float(array.reshape(-1)[0]) if array is not None and array.size else None


def small_arrays(place: Place) -> list[np.ndarray | None]:
    return [value.small() if isinstance(value, Known) else None for value in place.inputs]


def spatial_shape(place: Place, data: int) -> Axes:
    shape = place.shape(data)
    if not 3 <= len(shape) <= 5:
        raise UnsupportedError(f"it takes 1 to 3 spatial axes, got {len(shape) - 2}")
    return shape


# Convolutions and pools


def per_axis(place: Place, name: str, dims: int) -> Axes:
    values = place.attributes.ints(name) or (1,) * dims
    if len(values) != dims or min(values) < 1:
        raise MalformedError(f"its {name} must be {dims} positive numbers, got {values}")
    return values


def pads_of(place: Place, dims: int) -> Padding:
    """Padding as a word or pairs, from auto_pad and pads."""
    word = place.attributes.text("auto_pad", "NOTSET")
    words = {"SAME_UPPER": "same", "SAME_LOWER": "same-lower", "VALID": "valid"}
    if word in words:
        return words[word]
    if word != "NOTSET":
        raise MalformedError(f"its auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {word}")
    pads = place.attributes.ints("pads") or (0,) * (2 * dims)
    if len(pads) != 2 * dims:
        raise MalformedError(f"its pads must be {2 * dims} numbers, got {len(pads)}")
    return tuple(zip(pads[:dims], pads[dims:], strict=True))


def cropped_first(place: Place, data: int, padding: Padding) -> tuple[int, Padding]:
    """Negative padding is a crop before the window."""
    if isinstance(padding, str) or min(n for pair in padding for n in pair) >= 0:
        return data, padding
    crops = tuple((min(before, 0), min(after, 0)) for before, after in padding)
    data = place.emit("crop", Pad(((0, 0), (0, 0), *crops)), [data], suffix="/crop")
    return data, tuple((max(before, 0), max(after, 0)) for before, after in padding)


def request(place: Place, type: str, shape: Axes, kernel: Axes, filters: int, groups: int, padding: Padding,
            bias: bool, output_padding: Axes | None = None) -> Convolve:  # fmt: skip
    dims = len(kernel)
    recipe = recipe_named(type)
    asked = Request(
        channels=shape[1], dims=dims, spatial=shape[2:], filters=filters, asked_filters=filters, kernel=kernel,
        stride=per_axis(place, "strides", dims), padding=padding, dilation=per_axis(place, "dilations", dims),
        groups=groups, multiplier=None, mid_channels=None, output_padding=output_padding or (0,) * dims,
        output_size=None, bias=bias,
    )  # fmt: skip
    return Convolve(recipe.name, asked, recipe.lower(asked))


def weights_of_window(place: Place, shape: Axes) -> tuple[Known, list[Known]]:
    """The weight of a convolution and, after it, its bias if it has one, checked against one another."""
    weight = known_at(place, 1, "weight")
    if len(weight.shape) != len(shape) or 0 in weight.shape:
        raise MalformedError(f"its weight must have {len(shape)} axes, got shape {weight.shape}")
    if place.attributes.ints("kernel_shape") not in (None, (), weight.shape[2:]):
        raise MalformedError(f"its kernel_shape must be that of its weight, got {weight.shape}")
    bias = [] if value_at(place, 2) is None else [known_at(place, 2, "bias")]
    if bias and not bias[0].tensor and (values := bias[0].small()) is not None and not values.any():
        bias = []  # zeros worked out on the way stand for no bias
    return weight, [weight, *bias]


def groups_of(place: Place) -> int:
    groups = place.attributes.int("group", 1)
    if groups < 1:
        raise MalformedError(f"its group must be positive, got {groups}")
    return groups


def check_bias(weights: Sequence[Known], filters: int) -> None:
    if len(weights) > 1 and weights[1].shape != (filters,):
        raise MalformedError(f"its bias must have shape ({filters},), got {weights[1].shape}")


def conv(place: Place) -> list[Value]:
    data, padding = place.tensor(0), pads_of(place, len(place.shape(place.tensor(0))) - 2)
    shape = spatial_shape(place, data)
    weight, weights = weights_of_window(place, shape)
    groups, filters = groups_of(place), weight.shape[0]
    if weight.shape[1] * groups != shape[1] or filters % groups:
        raise MalformedError(
            f"its weight {weight.shape} in {groups} groups takes {weight.shape[1] * groups} channels, got {shape[1]}"
        )
    check_bias(weights, filters)
    data, padding = cropped_first(place, data, padding)
    deep = groups == shape[1] > 1
    type = "depthwise" if deep else "grouped" if groups > 1 else "standard"
    operator = request(
        place, type, place.shape(data), weight.shape[2:], filters, groups, padding, len(weights) > 1
    )  # fmt: skip
    return [place.emit("conv", operator, [data], weights)]


def conv_transpose(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape = spatial_shape(place, data)
    weight, weights = weights_of_window(place, shape)
    groups, kernel = groups_of(place), weight.shape[2:]
    filters, dims = weight.shape[1] * groups, len(kernel)
    if weight.shape[0] != shape[1] or shape[1] % groups:
        raise MalformedError(f"its weight {weight.shape} takes {weight.shape[0]} channels, got {shape[1]}")
    check_bias(weights, filters)
    padding = pads_of(place, dims)
    added = place.attributes.ints("output_padding") or (0,) * dims
    if len(added) != dims or min(added) < 0:
        raise MalformedError(f"its output_padding must be {dims} numbers, got {added}")
    sizes = place.attributes.ints("output_shape")
    strides = per_axis(place, "strides", dims)
    if sizes is not None or padding in ("same", "same-lower"):
        wanted = sizes[-dims:] if sizes else tuple(n * s for n, s in zip(shape[2:], strides, strict=True))
        padding, added = crops_for(wanted, shape[2:], kernel, strides, per_axis(place, "dilations", dims), added,
                                   upper=padding == "same")  # fmt: skip
    elif padding == "valid":
        padding = ((0, 0),) * dims
    if min(n for pair in padding for n in pair if isinstance(n, int)) < 0:
        raise UnsupportedError("its padding is negative, which lengthens the output on both sides")
    operator = request(place, "transposed", shape, kernel, filters, groups, padding, len(weights) > 1, added)
    return [place.emit("transposed", operator, [data], weights)]


def crops_for(wanted: Axes, sizes: Axes, kernel: Axes, strides: Axes, dilations: Axes, added: Axes,
              *, upper: bool) -> tuple[tuple[tuple[int, int], ...], Axes]:  # fmt: skip
    """The crops, and the output padding, that make an output of the sizes wanted.

    Source: ONNX operator ConvTranspose, output_shape: the odd pixel is cropped at the end with SAME_UPPER and at the
    beginning otherwise.
    """
    if len(wanted) != len(sizes) or min(wanted) < 1:
        raise MalformedError(f"its output_shape must be {len(sizes)} positive numbers, got {wanted}")
    pairs, lengthened = [], []
    for want, size, window, more in zip(
        wanted, sizes, map(Window, kernel, strides, dilations), added, strict=True
    ):  # fmt: skip
        spare = transposed_size(size, window) + more - want
        small = max(0, spare) // 2
        large = max(0, spare) - small
        pairs.append((small, large) if upper else (large, small))
        lengthened.append(more + max(0, -spare))
    return tuple(pairs), tuple(lengthened)


def pool(kind: str, op: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        data = place.tensor(0)
        dims = len(spatial_shape(place, data)) - 2
        if place.attributes.ints("kernel_shape") is None:
            raise MalformedError("it has no kernel_shape")
        data, padding = cropped_first(place, data, pads_of(place, dims))
        kernel = per_axis(place, "kernel_shape", dims)
        dilations = per_axis(place, "dilations", dims)
        extents = [Window(taps, dilation=apart).extent for taps, apart in zip(kernel, dilations, strict=True)]
        if not isinstance(padding, str) and any(max(p) >= e for p, e in zip(padding, extents, strict=True)):
            raise MalformedError(f"its pads must be smaller than its kernel, got {padding} for {kernel}")
        lp = place.attributes.int("p", 2)
        operator = Pool(
            f"l{lp}" if kind == "lp" else kind, kernel, per_axis(place, "strides", dims), padding, dilations,
            bool(place.attributes.int("ceil_mode", 0)), bool(place.attributes.int("count_include_pad", 0)),
        )  # fmt: skip
        return [place.emit(op, operator, [data])]

    return lower


def global_pool(kind: str, op: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        data = place.tensor(0)
        name = f"l{place.attributes.int('p', 2)}" if kind == "lp" else kind
        return [place.emit(op, Reduce(name, tuple(range(2, len(place.shape(data))))), [data])]

    return lower


def reduce(kind: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        data = place.tensor(0)
        rank = len(place.shape(data))
        axes = place.attributes.ints("axes")
        axes = numbers_at(place, 1, "axes") if axes is None else axes
        if not axes and place.attributes.int("noop_with_empty_axes", 0):
            return [place.inputs[0] or data]
        operator = Reduce(
            kind, on_axes(axes, rank) if axes else tuple(range(rank)), bool(place.attributes.int("keepdims", 1))
        )
        return [place.emit(f"reduce_{kind}", operator, [data])]

    return lower


def arg_reduce(kind: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        data = place.tensor(0)
        axis = on_axis(place.attributes.int("axis", 0), len(place.shape(data)))
        return [place.emit(kind, Reduce(kind, (axis,), bool(place.attributes.int("keepdims", 1))), [data])]

    return lower


# Linear layers and matrix products


def scaled_by(known: Known, factor: float) -> Known:
    return known if factor == 1 else known.through(lambda array: array * array.dtype.type(factor), known.shape)


def turned(known: Known) -> Known:
    return known.through(lambda array: array.T, known.shape[::-1])


def swapped(place: Place, data: int, suffix: str) -> int:
    """The last two axes exchanged."""
    rank = len(place.shape(data))
    if rank < 2:
        raise MalformedError(f"a matrix must have two axes, got {rank}")
    return place.emit("transpose", Transpose((*range(rank - 2), rank - 1, rank - 2)), [data], suffix=suffix)


def linear(place: Place, data: int, weight: Known, bias: Known | None = None, suffix: str = "") -> int:
    """Rows times a matrix (out_features, in_features)."""
    outputs, inputs = weight.shape
    weights = [weight] if bias is None else [weight, bias]
    return place.emit("linear", Linear(inputs, outputs, bias is not None), [data], weights, suffix)


def gemm(place: Place) -> list[Value]:
    attributes = place.attributes
    alpha, beta = attributes.float("alpha", 1.0), attributes.float("beta", 1.0)
    left, right, third = value_at(place, 0), value_at(place, 1), value_at(place, 2)
    if left is None or right is None or len(place.shape(left)) != 2 or len(place.shape(right)) != 2:
        raise MalformedError("it takes two matrices")
    columns = place.shape(right)[0 if attributes.int("transB", 0) else 1]
    more = third is not None
    if isinstance(right, Known):
        data = place.tensor(0)
        if attributes.int("transA", 0):
            data = swapped(place, data, "/transpose")
        weight = scaled_by(right if attributes.int("transB", 0) else turned(right), alpha)
        if isinstance(third, Known) and third.shape in ((columns,), (1, columns)):
            bias = scaled_by(third.through(lambda array: array.reshape(-1), (columns,)), beta)
            return [linear(place, data, weight, bias)]
        product = linear(place, data, weight, suffix="/linear" if more else "")
    else:
        sides = [place.tensor(0), place.tensor(1)]
        for side, name in enumerate(("transA", "transB")):
            if attributes.int(name, 0):
                sides[side] = swapped(place, sides[side], f"/transpose{side + 1}")
        product = place.emit("matmul", MatMul(), sides, suffix="/matmul" if more or alpha != 1 else "")
        if alpha != 1:
            product = times(place, product, alpha, "/alpha" if more else "")
    if third is None:
        return [product]
    if isinstance(third, Known):
        third = scaled_by(third, beta)
        operator = WithConstant("add", third.shape, third.elements > 1 and third.floating)
        return [place.emit("add", operator, [product], [third])]
    added = place.tensor(2) if beta == 1 else times(place, place.tensor(2), beta, "/beta")
    return [place.emit("add", Merge("add"), [product, added])]


def times(place: Place, data: int, factor: float, suffix: str) -> int:
    """A layer times a number."""
    known = Known.of(np.array(factor, np.float32))
    return place.emit("multiply", WithConstant("multiply", (), learned=False), [data], [known], suffix)


def matmul(place: Place) -> list[Value]:
    left, right = value_at(place, 0), value_at(place, 1)
    if left is None or right is None:
        raise MalformedError("it takes two inputs")
    above, below = place.shape(left), place.shape(right)
    if isinstance(right, Known) and len(below) == 2 and not isinstance(left, Known):
        return [linear(place, place.tensor(0), turned(right))]
    if isinstance(left, Known) and len(above) == 2 and len(below) >= 2 and not isinstance(right, Known):
        data = linear(place, swapped(place, place.tensor(1), "/transpose"), left, suffix="/linear")
        return [swapped(place, data, "")]
    if not above or not below:
        raise MalformedError("it takes vectors or matrices, got one number")
    sides = [place.tensor(0), place.tensor(1)]
    if len(above) == 1:
        sides[0] = place.emit("reshape", Reshape((1, *above)), [sides[0]], suffix="/row")
    if len(below) == 1:
        sides[1] = place.emit("reshape", Reshape((*below, 1)), [sides[1]], suffix="/column")
    flat = len(above) == 1 or len(below) == 1
    product = place.emit("matmul", MatMul(), sides, suffix="/matmul" if flat else "")
    if not flat:
        return [product]
    sizes = list(place.shape(product))
    if len(above) == 1:
        del sizes[-2]
    if len(below) == 1:
        del sizes[-1]
    return [place.emit("reshape", Reshape(tuple(sizes)), [product])]


def einsum(place: Place) -> list[Value]:
    """A product of two tensors summed over indices, as a matrix product between transposes and reshapes."""
    written = place.attributes.text("equation", "").replace(" ", "")
    found = re.fullmatch(r"([a-zA-Z]+),([a-zA-Z]+)(?:->([a-zA-Z]*))?", written)
    sides = [place.tensor(number) for number in range(len(place.inputs))]
    if not found or any(len(set(part)) < len(part) for part in found.groups() if part):
        raise UnsupportedError(f"its equation {written!r} is not a product of two tensors without repeated indices")
    left, right, out = found.groups()
    if out is None:  # what is in one of them alone, in alphabetical order
        out = "".join(sorted(set(left) ^ set(right)))
    shapes = [place.shape(side) for side in sides]
    if len(sides) != 2 or [len(shape) for shape in shapes] != [len(left), len(right)] or not {*out} <= {*left, *right}:
        raise MalformedError(f"its equation {written!r} must fit its inputs, got {shapes}")
    sizes = dict(zip(left + right, shapes[0] + shapes[1], strict=True))
    if any(sizes[index] != size for index, size in zip(left, shapes[0], strict=True)):
        raise MalformedError(f"its equation {written!r} must have one size for every index, got {shapes}")
    if any((index in left) != (index in right) and index not in out for index in sizes):
        raise UnsupportedError(f"its equation {written!r} sums an index of one tensor alone")
    stack, summed = [i for i in left if i in right and i in out], [i for i in left if i in right and i not in out]
    rows, columns = [i for i in left if i not in right], [i for i in right if i not in left]
    product = place.emit(
        "matmul", MatMul(),
        [
            _grouped(place, sides[0], left, (stack, rows, summed), sizes, "/left"),
            _grouped(place, sides[1], right, (stack, summed, columns), sizes, "/right"),
        ],
        suffix="/matmul",
    )  # fmt: skip
    apart = place.emit("reshape", Reshape(tuple(sizes[i] for i in stack + rows + columns)), [product], suffix="/apart")
    order = tuple((stack + rows + columns).index(i) for i in out)
    return [place.emit("einsum", Transpose(order), [apart])]


def _grouped(
    place: Place, data: int, indices: str, groups: Sequence[Sequence[str]], sizes: dict[str, int], suffix: str
) -> int:
    """A tensor as (stack, matrix rows, matrix columns), each of the sizes of several indices together."""
    order = tuple(indices.index(i) for group in groups for i in group)
    data = place.emit("transpose", Transpose(order), [data], suffix=f"{suffix}/transpose")
    shape = tuple(prod(sizes[i] for i in group) for group in groups)
    return place.emit("reshape", Reshape(shape), [data], suffix=f"{suffix}/reshape")


# Normalizations


def scale_and_shift(place: Place, shape: Axes, *, needed: bool) -> list[Known]:
    found = [known_at(place, number, "scale") for number in (1, 2) if value_at(place, number) is not None]
    if (needed and len(found) < 2) or any(known.shape != shape for known in found):
        raise MalformedError(f"its scale and shift must have shape {shape}, got {[k.shape for k in found]}")
    return found


def batch_norm(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape = place.shape(data)
    channels = (shape[1] if len(shape) > 1 else 1,)
    weights = scale_and_shift(place, channels, needed=True)
    if place.attributes.int("training_mode", 0):  # statistics of the batch in place of those kept
        over = (0, *range(2, len(shape)))
        operator = Normalize("instance_norm", channels, over, epsilon=place.attributes.float("epsilon", 1e-5))
        return [place.emit("batch_norm", operator, [data], weights)]
    weights += [known_at(place, 3, "mean"), known_at(place, 4, "variance")]
    operator = Normalize("batch_norm", channels, epsilon=place.attributes.float("epsilon", 1e-5))
    return [place.emit("batch_norm", operator, [data], weights)]


def instance_norm(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape = place.shape(data)
    weights = scale_and_shift(place, (shape[1] if len(shape) > 1 else 1,), needed=True)
    epsilon, over = place.attributes.float("epsilon", 1e-5), tuple(range(2, len(shape)))
    if not any(known.learned for known in weights):
        scale, shift = (known.small() for known in weights)
        if scale is not None and shift is not None and np.all(scale == 1) and not np.any(shift):
            # constants of the exporter, who writes a group normalization with them
            return [place.emit("instance_norm", Normalize("instance_norm", (), over, epsilon=epsilon), [data])]
    operator = Normalize("instance_norm", weights[0].shape, over, epsilon=epsilon)
    return [place.emit("instance_norm", operator, [data], weights)]


def layer_norm(kind: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        data = place.tensor(0)
        shape = place.shape(data)
        axis = on_axis(place.attributes.int("axis", -1), len(shape))
        scale = known_at(place, 1, "scale")
        weights = scale_and_shift(place, scale.shape, needed=False)
        operator = Normalize(
            kind, scale.shape, tuple(range(axis, len(shape))), epsilon=place.attributes.float("epsilon", 1e-5),
            bias=len(weights) > 1,
        )  # fmt: skip
        return [place.emit(kind, operator, [data], weights)]

    return lower


def group_norm(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape, groups = place.shape(data), place.attributes.int("num_groups", 0)
    if len(shape) < 2 or groups < 1 or shape[1] % groups:
        raise MalformedError(f"its num_groups must divide the channels, got {groups} and shape {shape}")
    # one scale a group until opset 21, one a channel since
    weights = scale_and_shift(place, (shape[1] if place.opset >= 21 else groups,), needed=True)
    operator = Normalize(
        "group_norm", weights[0].shape, (1, *range(2, len(shape))), groups, place.attributes.float("epsilon", 1e-5)
    )
    return [place.emit("group_norm", operator, [data], weights)]


def lrn(place: Place) -> list[Value]:
    settings = tuple((name, place.attributes.float(name, default))
                     for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))  # fmt: skip
    settings += (("size", float(place.attributes.int("size", 1))),)
    return [place.emit("lrn", Normalize("lrn", (), (1,), settings=settings), [place.tensor(0)])]


def lp_norm(place: Place) -> list[Value]:
    data = place.tensor(0)
    axis = on_axis(place.attributes.int("axis", -1), len(place.shape(data)))
    settings = (("p", float(place.attributes.int("p", 2))),)
    return [place.emit("lp_norm", Normalize("lp_norm", (), (axis,), settings=settings), [data])]


def mean_variance_norm(place: Place) -> list[Value]:
    data = place.tensor(0)
    axes = on_axes(place.attributes.ints("axes") or (0, 2, 3), len(place.shape(data)))
    return [place.emit("mean_variance_norm", Normalize("mean_variance_norm", (), axes, epsilon=1e-9), [data])]


def softmax(log: bool) -> Lower:
    def lower(place: Place) -> list[Value]:
        data, op = place.tensor(0), "log_softmax" if log else "softmax"
        shape = place.shape(data)
        axis = on_axis(place.attributes.int("axis", -1 if place.opset >= 13 else 1), len(shape))
        if place.opset >= 13 or prod(shape[axis + 1 :]) == 1:
            return [place.emit(op, Softmax(axis, log), [data])]
        flat = place.emit("flatten", Reshape(flattened(shape, axis)), [data], suffix="/flatten")
        return [place.emit("reshape", Reshape(shape), [place.emit(op, Softmax(1, log), [flat], suffix=f"/{op}")])]

    return lower


# Element by element


def activation(kind: str, **settings: float) -> Lower:
    def lower(place: Place) -> list[Value]:
        told = tuple((name, place.attributes.float(name, default)) for name, default in settings.items())
        return [place.emit(kind, Elementwise(kind, told), [place.tensor(0)])]

    return lower


FLOATS: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64"}


def cast(place: Place) -> list[Value]:
    kind = FLOATS.get(place.attributes.int("to", 0), "cast")
    return [place.emit("cast", Elementwise(kind), [place.tensor(0)])]


def cast_like(place: Place) -> list[Value]:
    value = value_at(place, 0)
    if isinstance(value, Known):  # the type of a layer is of no matter for what is counted
        return [value]
    return [place.emit("cast", Elementwise("cast"), [place.tensor(0)])]


def gelu(place: Place) -> list[Value]:
    kind = "gelu_tanh" if place.attributes.text("approximate", "none") == "tanh" else "gelu"
    return [place.emit(kind, Elementwise(kind), [place.tensor(0)])]


def swish(place: Place) -> list[Value]:
    alpha = place.attributes.float("alpha", 1.0)
    settings = (("alpha", alpha),) if alpha != 1 else ()
    return [place.emit("silu", Elementwise("silu", settings), [place.tensor(0)])]


def clip(place: Place) -> list[Value]:
    data, attributes = place.tensor(0), place.attributes
    if any(value_at(place, number) is not None and scalar_at(place, number) is None for number in (1, 2)):
        raise UnsupportedError("another layer makes its limits")
    least = attributes.float("min", 0) if "min" in attributes else scalar_at(place, 1)
    most = attributes.float("max", 0) if "max" in attributes else scalar_at(place, 2)
    if (least, most) == (0, 6):
        return [place.emit("relu6", Elementwise("relu6"), [data])]
    if (least, most) == (0, None):
        return [place.emit("relu", Elementwise("relu"), [data])]
    settings = tuple((name, limit) for name, limit in (("min", least), ("max", most)) if limit is not None)
    return [place.emit("clip", Elementwise("clip", settings), [data])]


def arithmetic(kind: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        values = [place.layer_of(value) for value in place.inputs if value is not None]
        layers = [value for value in values if isinstance(value, int)]
        if len(values) == 1 and kind in ("add", "maximum", "minimum", "mean"):
            return [place.emit("identity", Elementwise("identity"), [place.tensor(0)])]
        if len(values) < 2:
            raise MalformedError("it takes two inputs")
        if len(values) == 2 and len(layers) == 1:
            known = next(value for value in values if isinstance(value, Known))
            operator = WithConstant(kind, known.shape, known.learned, first=values[0] is known)
            return [place.emit(kind, operator, layers, [known])]
        return [place.emit(kind, Merge(kind), [place.tensor(number) for number in range(len(place.inputs))])]

    return lower


def prelu(place: Place) -> list[Value]:
    slope = known_at(place, 1, "slope")
    return [place.emit("prelu", WithConstant("prelu", slope.shape, learned=True), [place.tensor(0)], [slope])]


def quantize(kind: str) -> Lower:
    def lower(place: Place) -> list[Value]:
        scale, zero = scalar_at(place, 1), scalar_at(place, 2)
        settings = tuple((name, n) for name, n in (("scale", scale), ("zero_point", zero)) if n is not None)
        return [place.emit(kind, Elementwise(kind, settings), [place.tensor(0)])]

    return lower


# Shapes


def concat(place: Place) -> list[Value]:
    numbers = [
        number for number, value in enumerate(place.inputs)
        if value is not None and not (isinstance(value, Known) and not value.elements)
    ]  # fmt: skip
    layers = [place.tensor(number) for number in numbers]
    if not layers:
        raise MalformedError("it has nothing to join")
    rank = len(place.shape(layers[0]))
    axis = on_axis(place.attributes.int("axis", 1 if place.opset < 4 else 0), rank)
    return [place.emit("concat", Concat(axis), layers)]


def split(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape = place.shape(data)
    axis = on_axis(place.attributes.int("axis", 0), len(shape))
    sizes = place.attributes.ints("split")
    sizes = numbers_at(place, 1, "sizes") if sizes is None else sizes
    if sizes is None:
        parts = place.attributes.int("num_outputs", place.outputs)
        if not 0 < parts <= shape[axis]:
            raise MalformedError(f"{shape[axis]} positions do not go into {parts} parts")
        each = -(-shape[axis] // parts)
        sizes = (*(each,) * (parts - 1), shape[axis] - each * (parts - 1))
    if sum(sizes) != shape[axis] or min(sizes) < 0 or len(sizes) < place.outputs:
        raise MalformedError(f"its parts {sizes} must sum up to {shape[axis]}, one for each of {place.outputs} outputs")
    results: list[Value] = []
    for number, size in enumerate(sizes[: place.outputs]):
        operator = Slice(axis, sum(sizes[:number]), size)
        results.append(place.emit("split", operator, [data], suffix=f"/{number + 1}"))
    return results


def slice_(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape = place.shape(data)
    for number in range(1, 5):
        numbers_at(place, number, "starts and ends")
    parts = slices(shape, place.attributes, small_arrays(place))
    if parts is None:
        raise MalformedError("it has no starts and ends")
    cuts = [part for part in parts if part[1:] != (0, shape[part[0]], 1)]
    for left, (axis, first, count, step) in enumerate(cuts, 1 - len(cuts)):
        data = place.emit("slice", Slice(axis, first, count, step), [data], suffix=f"/axis{axis}" if left else "")
    return [data]


def gather(place: Place) -> list[Value]:
    data = place.tensor(0)
    known, shape = known_at(place, 1, "indices"), place.shape(data)
    axis = on_axis(place.attributes.int("axis", 0), len(shape))
    told = numbers_at(place, 1, "indices")
    if not told or len(told) > MOST_TAKEN:
        raise UnsupportedError("its indices cannot be read")
    if any(not -shape[axis] <= index < shape[axis] for index in told):
        raise MalformedError(f"its indices must be below {shape[axis]}")
    indices = tuple(index % shape[axis] for index in told)
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    even = step != 0 and all(b - a == step for a, b in pairwise(indices))
    if len(known.shape) <= 1 and even:
        squeeze = not known.shape
        operator = Slice(axis, indices[0], len(indices), step)
        if not squeeze:
            return [place.emit("gather", operator, [data])]
        if shape[axis] > 1:
            data = place.emit("slice", operator, [data], suffix="/slice")
        return [place.emit("gather", Reshape((*shape[:axis], *shape[axis + 1 :])), [data])]
    return [place.emit("gather", Take(axis, indices, known.shape), [data])]


def arranged(place: Place, shape: Axes) -> Axes:
    """The shape after an operator that only arranges elements: Reshape, Flatten, Squeeze or Unsqueeze."""
    match place.op:
        case "Reshape":
            target = place.attributes.ints("shape")
            target = numbers_at(place, 1, "shape") if target is None else target
            if target is None:
                raise MalformedError("it has no shape")
            return reshaped(shape, target, bool(place.attributes.int("allowzero", 0)))
        case "Flatten":
            return flattened(shape, place.attributes.int("axis", 1))
        case _:
            numbers_at(place, 1, "axes")
            axes = axes_of(place.attributes, small_arrays(place))
            return squeezed(shape, axes) if place.op == "Squeeze" else unsqueezed(shape, axes or ())


def reshape(place: Place) -> list[Value]:
    data = place.tensor(0)
    return [place.emit(row_name(place.op), Reshape(arranged(place, place.shape(data))), [data])]


def order_of(place: Place, rank: int) -> Axes:
    order = place.attributes.ints("perm") or tuple(range(rank))[::-1]
    if sorted(order) != list(range(rank)):
        raise MalformedError(f"its perm must order {rank} axes, got {order}")
    return order


def transpose(place: Place) -> list[Value]:
    data = place.tensor(0)
    return [place.emit("transpose", Transpose(order_of(place, len(place.shape(data)))), [data])]


def expand(place: Place) -> list[Value]:
    wanted = numbers_at(place, 1, "shape") or ()
    if min(wanted, default=1) < 1:
        raise MalformedError(f"its shape must have sizes, got {wanted}")
    return [place.emit("expand", Expand(wanted), [place.tensor(0)])]


def tile(place: Place) -> list[Value]:
    data, repeats = place.tensor(0), numbers_at(place, 1, "repeats")
    shape = place.shape(data)
    if repeats is None or len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise MalformedError(f"its repeats must be {len(shape)} positive numbers, got {repeats}")
    if all(size == 1 or times == 1 for size, times in zip(shape, repeats, strict=True)):
        wanted = tuple(size * times for size, times in zip(shape, repeats, strict=True))
        return [place.emit("tile", Expand(wanted), [data])]
    apart = place.emit("reshape", Reshape(tuple(n for size in shape for n in (1, size))), [data], suffix="/apart")
    wanted = tuple(n for pair in zip(repeats, shape, strict=True) for n in pair)
    repeated = place.emit("expand", Expand(wanted), [apart], suffix="/repeated")
    return [place.emit("tile", Reshape(tuple(map(prod, zip(repeats, shape, strict=True)))), [repeated])]


def depth_to_space(place: Place) -> list[Value]:
    data, block = place.tensor(0), place.attributes.int("blocksize", 0)
    shape = place.shape(data)
    if len(shape) != 4 or block < 1 or shape[1] % block**2:
        raise MalformedError(f"its blocksize {block} must divide the channels of (batch, channels, h, w), got {shape}")
    batch, channels, height, width = shape
    if place.attributes.text("mode", "DCR") == "CRD":
        apart, order = (batch, channels // block**2, block, block, height, width), (0, 1, 4, 2, 5, 3)
    else:
        apart, order = (batch, block, block, channels // block**2, height, width), (0, 3, 4, 1, 5, 2)
    joined = (batch, channels // block**2, height * block, width * block)
    return rearranged(place, data, "depth_to_space", apart, order, joined)


def space_to_depth(place: Place) -> list[Value]:
    data, block = place.tensor(0), place.attributes.int("blocksize", 0)
    shape = place.shape(data)
    if len(shape) != 4 or block < 1 or shape[2] % block or shape[3] % block:
        raise MalformedError(f"its blocksize {block} must divide height and width, got {shape}")
    batch, channels, height, width = shape
    apart = (batch, channels, height // block, block, width // block, block)
    joined = (batch, channels * block**2, height // block, width // block)
    return rearranged(place, data, "space_to_depth", apart, (0, 3, 5, 1, 2, 4), joined)


def rearranged(place: Place, data: int, op: str, apart: Axes, order: Axes, joined: Axes) -> list[Value]:
    data = place.emit("reshape", Reshape(apart), [data], suffix="/apart")
    data = place.emit("transpose", Transpose(order), [data], suffix="/transpose")
    return [place.emit(op, Reshape(joined), [data])]


def pad(place: Place) -> list[Value]:
    data = place.tensor(0)
    rank = len(place.shape(data))
    pads = place.attributes.ints("pads")
    pads = numbers_at(place, 1, "pads") if pads is None else pads
    axes = numbers_at(place, 3, "axes")
    placed = tuple(range(rank)) if axes is None else on_axes(axes, rank)
    if pads is None or len(pads) != 2 * len(placed):
        raise MalformedError(f"its pads must be {2 * len(placed)} numbers, got {pads}")
    pairs = {axis: (pads[i], pads[i + len(placed)]) for i, axis in enumerate(placed)}
    mode = place.attributes.text("mode", "constant")
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise MalformedError(f"its mode must be constant, reflect, edge or wrap, got {mode}")
    value = scalar_at(place, 2)
    if value_at(place, 2) is not None and value is None:
        raise UnsupportedError("another layer makes its value")
    value = place.attributes.float("value", 0.0) if value is None else value
    return [place.emit("pad", Pad(tuple(pairs.get(axis, (0, 0)) for axis in range(rank)), mode, value), [data])]


ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(place: Place) -> list[Value]:
    data = place.tensor(0)
    shape, attributes = place.shape(data), place.attributes
    old = place.op == "Upsample" or place.opset < 11  # of these years, Resize has no roi, and no coordinates either
    mode = attributes.text("mode", "nearest")
    mode = "linear" if mode == "bilinear" else mode
    coordinates = "asymmetric" if old else attributes.text("coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else attributes.text("nearest_mode", "round_prefer_floor")
    if coordinates == "tf_crop_and_resize":
        raise UnsupportedError("it crops by a region of interest")
    if attributes.int("antialias", 0):
        raise UnsupportedError("it smooths before it shrinks (antialias)")
    if mode not in ("nearest", "linear", "cubic") or coordinates not in resizing.KINDS or rounding not in ROUNDINGS:
        raise MalformedError(f"its mode must be one of ONNX's, got {mode}, {coordinates}, {rounding}")
    given = attributes.ints("axes")
    axes = on_axes(range(len(shape)) if given is None else given, len(shape))
    sizes = None if old else numbers_at(place, 3, "sizes")
    scales: dict[int, Fraction] = {}
    if sizes:
        sizes = kept_ratio(attributes.text("keep_aspect_ratio_policy", "stretch"), sizes, [shape[a] for a in axes])
    else:
        factors = scales_of(place, 1 if old else 2)
        if len(factors) != len(axes):
            raise MalformedError(f"its scales must be {len(axes)} numbers, got {len(factors)}")
        # in float32, as runtimes have it: 0.1 of 10 is 1
        sizes = tuple(floor(np.float32(n) * np.float32(shape[a])) for n, a in zip(factors, axes, strict=True))
        exact = {a: Fraction(str(np.float32(n))) for n, a in zip(factors, axes, strict=True)}
        scales = {a: n for a, n in exact.items() if n * shape[a] != floor(n * shape[a])}
    if len(sizes) != len(axes) or min(sizes) < 1:
        raise MalformedError(f"its sizes must be {len(axes)} positive numbers, got {sizes}")
    whole = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        whole[axis] = size
    first = next((axis for axis in range(len(shape)) if whole[axis] != shape[axis]), len(shape) - 1)
    resized = range(min(first, 2), len(shape))
    given_scales = tuple(scales.get(axis, Fraction(whole[axis], shape[axis])) for axis in resized) if scales else ()
    operator = Resize(
        tuple(whole[axis] for axis in resized),
        mode,
        coordinates,
        rounding if mode == "nearest" else "floor",
        given_scales,
        attributes.float("cubic_coeff_a", -0.75),
        bool(attributes.int("exclude_outside", 0)) and mode != "nearest",
    )
    return [place.emit(row_name(place.op), operator, [data])]


def scales_of(place: Place, number: int) -> tuple[float, ...]:
    told = place.attributes.floats("scales")
    if told is not None:
        return told
    if place.op == "Upsample" and "height_scale" in place.attributes:
        return (1.0, 1.0, place.attributes.float("height_scale", 1.0), place.attributes.float("width_scale", 1.0))
    array = known_at(place, number, "scales").small()
    if array is None:
        raise UnsupportedError("its scales cannot be read")
    factors = tuple(float(n) for n in array.reshape(-1))
    if not all(0 < n < 2**31 for n in factors):
        raise MalformedError(f"its scales must be positive, got {factors}")
    return factors


def kept_ratio(policy: str, sizes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """The sizes where one scale is to hold for all axes: the smallest or largest that the sizes wanted ask for."""
    if policy == "stretch" or len(sizes) != len(shape):
        return tuple(sizes)
    ratios = [size / have for size, have in zip(sizes, shape, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return tuple(floor(scale * have + 0.5) for have in shape)


# What is known of a tensor without its values


def shape_of(place: Place) -> list[Value]:
    value = place.inputs[0]
    if value is None:
        raise MalformedError("it has no input")
    return [Known.of(shape_part(place.shape(value), place.attributes))]


def size_of(place: Place) -> list[Value]:
    value = place.inputs[0]
    if value is None:
        raise MalformedError("it has no input")
    return [Known.of(np.array(prod(place.shape(value)), np.int64))]


def arranged_known(place: Place, known: Known) -> Known | None:
    """A constant in another arrangement, its values still unread; None for other operators."""
    match place.op:
        case "Identity" | "Dropout":
            return known
        case "Cast":
            type = place.attributes.int("to", known.type)
            return known.through(lambda array: array, known.shape, type)
        case "CastLike":
            return known.through(lambda array: array, known.shape, known_at(place, 1, "type").type)
        case "DequantizeLinear":
            return dequantized(place, known)
        case "Transpose":
            order = order_of(place, len(known.shape))
            return known.through(lambda array: array.transpose(order), tuple(known.shape[axis] for axis in order))
        case "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze":
            shape = arranged(place, known.shape)
            if prod(shape) != known.elements:
                raise MalformedError(f"it must keep the elements, got {known.shape} as {shape}")
            return known.through(lambda array: array.reshape(shape), shape)
        case "Mul" | "Div" | "Add" | "Sub":
            other = known_at(place, 1, "operand")
            if other.learned or np.broadcast_shapes(known.shape, other.shape) != known.shape:
                return None
            function = {"Mul": np.multiply, "Div": np.divide, "Add": np.add, "Sub": np.subtract}[place.op]
            return known.through(lambda array: function(array, other.load()), known.shape)
        case _:
            return None


def dequantized(place: Place, known: Known) -> Known:
    """Weights kept as small integers: (integer - zero point) * scale, along an axis where there are several scales."""
    if place.attributes.int("block_size", 0):
        raise UnsupportedError("it has a scale for every block")
    scale, zero = known_at(place, 1, "scale"), None if value_at(place, 2) is None else known_at(place, 2, "zero point")
    shape = (1,) * len(known.shape)
    if scale.elements != 1:
        axis = on_axis(place.attributes.int("axis", 1), len(known.shape))
        shape = (*shape[:axis], known.shape[axis], *shape[axis + 1 :])
    if scale.elements != prod(shape) or (zero is not None and zero.elements != scale.elements):
        raise MalformedError(f"its scale and zero point must have {prod(shape)} numbers, got {scale.elements}")

    def values(array: np.ndarray) -> np.ndarray:
        shift = 0 if zero is None else zero.load().astype(np.float32).reshape(shape)
        return np.asarray((array.astype(np.float32) - shift) * scale.load().reshape(shape))

    result = known.through(values, known.shape, scale.type)
    result.learned = known.elements > 1
    return result


LOWERED: dict[str, Lower] = {
    "Conv": conv, "ConvTranspose": conv_transpose,
    "MaxPool": pool("max", "max_pool"), "AveragePool": pool("avg", "avg_pool"), "LpPool": pool("lp", "lp_pool"),
    "GlobalAveragePool": global_pool("mean", "global_avg_pool"),
    "GlobalMaxPool": global_pool("max", "global_max_pool"), "GlobalLpPool": global_pool("lp", "global_lp_pool"),
    **{f"Reduce{name}": reduce(kind) for name, kind in {
        "Mean": "mean", "Max": "max", "Min": "min", "Sum": "sum", "Prod": "prod", "L1": "l1", "L2": "l2",
        "LogSum": "log_sum", "LogSumExp": "log_sum_exp", "SumSquare": "sum_square",
    }.items()},
    "ArgMax": arg_reduce("arg_max"), "ArgMin": arg_reduce("arg_min"),
    "Gemm": gemm, "MatMul": matmul, "Einsum": einsum,
    "BatchNormalization": batch_norm, "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm("layer_norm"), "RMSNormalization": layer_norm("rms_norm"),
    "GroupNormalization": group_norm, "LRN": lrn, "LpNormalization": lp_norm,
    "MeanVarianceNormalization": mean_variance_norm, "Softmax": softmax(False), "LogSoftmax": softmax(True),
    **{name: activation(kind) for name, kind in {
        "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign",
        "HardSwish": "hard_swish", "Mish": "mish", "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Abs": "abs",
        "Neg": "negative", "Reciprocal": "reciprocal", "Floor": "floor", "Ceil": "ceil", "Round": "round",
        "Sign": "sign", "Erf": "erf", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos",
        "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh", "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh",
        "Not": "not", "IsNaN": "is_nan", "IsInf": "is_inf", "Identity": "identity", "Dropout": "dropout",
        "BitwiseNot": "bitwise_not",
    }.items()},
    "LeakyRelu": activation("leaky_relu", alpha=0.01), "Elu": activation("elu", alpha=1.0),
    "Selu": activation("selu", alpha=1.67326319217681884765625, gamma=1.05070102214813232421875),
    "Celu": activation("celu", alpha=1.0), "HardSigmoid": activation("hard_sigmoid", alpha=0.2, beta=0.5),
    "ThresholdedRelu": activation("thresholded_relu", alpha=1.0), "Shrink": activation("shrink", bias=0.0, lambd=0.5),
    "Cast": cast, "CastLike": cast_like, "Gelu": gelu, "Swish": swish, "Clip": clip, "PRelu": prelu,
    "QuantizeLinear": quantize("quantize"), "DequantizeLinear": quantize("dequantize"),
    **{name: arithmetic(kind) for name, kind in {
        "Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Pow": "power", "Max": "maximum",
        "Min": "minimum", "Sum": "add", "Mean": "mean", "Mod": "mod", "Equal": "equal", "Less": "less",
        "Greater": "greater", "LessOrEqual": "less_or_equal", "GreaterOrEqual": "greater_or_equal", "And": "and",
        "Or": "or", "Xor": "xor", "Where": "where",
    }.items()},
    "Concat": concat, "Split": split, "Slice": slice_, "Gather": gather, "Reshape": reshape, "Flatten": reshape,
    "Squeeze": reshape, "Unsqueeze": reshape, "Transpose": transpose, "Expand": expand, "Tile": tile,
    "DepthToSpace": depth_to_space, "SpaceToDepth": space_to_depth, "Pad": pad, "Resize": resize, "Upsample": resize,
    "Shape": shape_of, "Size": size_of,
}  # fmt: skip
