"""The ops of a network file: which keys each takes, and the operators it becomes on the inputs at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import accumulate
from math import floor, prod
from typing import Any, TypeAlias

from convcalc.errors import NotationError, ShapeError, quoted
from convcalc.graph.graph import MOST_LAYERS, shown
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Convolve,
    Elementwise,
    Linear,
    Merge,
    Normalize,
    Operator,
    Pad,
    Reduce,
    Reshape,
    Resize,
    Slice,
    Softmax,
    WithConstant,
)
from convcalc.graph.stages import Axes, ShuffleChannels
from convcalc.notation import parse_axes, parse_padding, parse_size, show_axes, show_size, whole_number
from convcalc.recipes import BY_NAME, named_dims, recipe_named
from convcalc.recipes.options import LayerOptions, request_for
from convcalc.recipes.pool import pool_stage

Keys: TypeAlias = Mapping[str, Any]
Steps: TypeAlias = list[tuple[str, Operator]]
"""What a layer becomes: one operator, or one for each part of a split, with what it adds to the layer's name."""

ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "sigmoid", "tanh",
    "softplus", "softsign", "hard_sigmoid", "hard_swish", "hard_tanh", "log_sigmoid", "exp", "sqrt", "abs", "square",
    "dropout", "identity",
)  # fmt: skip
FILTERS = ("filters", "out_channels", "out_features")
FACTORS = ("factor", "scale", "scale_factor")
MOST_FACTOR = 10**6
CONVOLUTION_KEYS = frozenset(field.name for field in fields(LayerOptions)) - {"input", "layout"} | {"out_channels"}


@dataclass(frozen=True, slots=True)
class Op:
    """The keys an op takes beside the common ones, how many inputs, and what it becomes on their shapes."""

    keys: frozenset[str]
    lower: Callable[[str, Keys, Sequence[Axes]], Steps]
    inputs: tuple[int, int | None] = (1, 1)


def filters_of(keys: Keys) -> Any:
    """The filters under whichever name. Raises NotationError where they are missing or given twice."""
    given = [name for name in FILTERS if name in keys]
    if len(given) > 1:
        raise NotationError(f"{given[1]}: is another name for {given[0]}, got both; give one")
    return keys[given[0]] if given else None


def _spatial(shape: Axes) -> Axes:
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"takes channels and 1 to 3 spatial axes, got {shown(shape)}")
    return shape[2:]


def _convolution(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    recipe, spatial = recipe_named(op), _spatial(shapes[0])
    if named_dims(op) not in (None, len(spatial)):
        raise ShapeError(f"op: {op} is for {op[0]} spatial axes, got {shown(shapes[0])}")
    if "kernel" not in keys and recipe.default_kernel != 1:
        raise NotationError("kernel: must be given, as one number or one per axis")
    filters = filters_of(keys)
    if filters is None and recipe.name != "depthwise":
        raise NotationError("filters: must be given, the number of output channels")
    bias = truth(keys, "bias", False)
    described = {name: value for name, value in keys.items() if name in CONVOLUTION_KEYS - {"out_channels"}}
    options = LayerOptions(**{**described, "filters": filters, "bias": bias})
    request = request_for(recipe, options, channels=shapes[0][1], dims=len(spatial), spatial=spatial)
    return [("", Convolve(recipe.name, request, recipe.lower(request)))]


def _pool(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    told = {**keys, "ceil_mode": truth(keys, "ceil_mode", False)}
    if op == "avg_pool":
        told["count_include_pad"] = truth(keys, "count_include_pad", True)
    return [("", pool_stage(op.removesuffix("_pool"), told, len(_spatial(shapes[0]))))]


def _global_pool(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del keys
    spatial = _spatial(shapes[0])
    kind = "mean" if op == "global_avg_pool" else "max"
    return [("", Reduce(kind, tuple(range(2, 2 + len(spatial)))))]


def _adaptive_pool(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    sizes = parse_axes(_needed(keys, "output_size"), "output_size", len(_spatial(shapes[0])))
    return [("", AdaptivePool("avg" if op == "adaptive_avg_pool" else "max", sizes))]


def _linear(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op
    [shape], filters = shapes, filters_of(keys)
    if filters is None:
        raise NotationError("filters: must be given, the number of output features")
    outputs, bias = whole_number(filters, "filters"), truth(keys, "bias", False)
    return [("", Linear(prod(shape[1:]), outputs, bias, flatten=len(shape) > 2))]


def _flatten(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op, keys
    return [("", Reshape((shapes[0][0], prod(shapes[0][1:]))))]


def _reshape(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op
    size = parse_size(_needed(keys, "size"), "size")
    if prod(size) != prod(shapes[0][1:]):
        raise ShapeError(f"size: must keep the elements, got {show_size(size)} of {shown(shapes[0])}")
    return [("", Reshape((shapes[0][0], *size)))]


def _normalize(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    shape, affine = shapes[0], truth(keys, "affine", op != "instance_norm")
    channels = (shape[1],) if affine else ()
    spatial = tuple(range(2, len(shape)))
    if op == "layer_norm":
        return [("", Normalize(op, channels, (1,), epsilon=1e-6))]
    if op == "group_norm":
        groups = whole_number(_needed(keys, "groups"), "groups")
        if shape[1] % groups:
            raise ShapeError(f"groups: must divide the channels, got {groups} and {shape[1]}")
        return [("", Normalize(op, channels, (1, *spatial), groups))]
    return [("", Normalize(op, channels, spatial if op == "instance_norm" else ()))]


def _activation(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del shapes
    settings = (("alpha", _number(keys["alpha"], "alpha")),) if "alpha" in keys else ()
    return [("", Elementwise("silu" if op == "swish" else op, settings))]


def _prelu(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    shared = not truth(keys, "per_channel", False)
    return [("", WithConstant(op, (1,) if shared else _per_channel(shapes[0]), learned=True))]


def _scale(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op, keys
    return [("", WithConstant("multiply", _per_channel(shapes[0]), learned=True))]


def _per_channel(shape: Axes) -> Axes:
    return (shape[1], *(1,) * (len(shape) - 2))


def _softmax(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del keys, shapes
    return [("", Softmax(1, log=op == "log_softmax"))]


def _merge(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    """Maps of one size, with one pixel stretching over a map; features alone stretch over the map of each channel."""
    del keys
    _check_axes(shape for shape in shapes if len(shape) > 2)
    return [("", Merge(op, flat=any(len(shape) > 2 for shape in shapes)))]


def _check_axes(shapes: Iterable[Axes]) -> None:
    different = {len(shape): shown(shape) for shape in shapes}
    if len(different) > 1:
        raise ShapeError(f"its inputs must have as many spatial axes, got {' and '.join(different.values())}")


def _concat(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op
    axis, last = whole_number(keys.get("axis", 0), "axis", 0), len(shapes[0]) - 2
    if axis > last:
        raise ShapeError(f"axis: must be from 0, the channels, to {last}, got {axis}")
    return [("", Concat(1 + axis))]


def _split(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    """One operator for each part; they are read as NAME/1, NAME/2 and so on."""
    del op
    channels = shapes[0][1]
    if ("parts" in keys) == ("sizes" in keys):
        raise NotationError("parts: give either parts, how many equal ones, or sizes, a list of channels")
    if "parts" in keys:
        parts = whole_number(keys["parts"], "parts")
        if parts > MOST_LAYERS:
            raise ShapeError(f"parts: a network may have {MOST_LAYERS} layers, got {parts} parts")
        if channels % parts:
            raise ShapeError(f"parts: must divide the channels, got {parts} and {channels}")
        sizes = [channels // parts] * parts
    else:
        given = keys["sizes"] if isinstance(keys["sizes"], list) else [keys["sizes"]]
        sizes = [whole_number(size, "sizes") for size in given]
        if sum(sizes) != channels:
            raise ShapeError(f"sizes: must sum up to the channels, got {sum(sizes)} and {channels}")
    starts = accumulate(sizes, initial=0)
    return [(f"/{i}", Slice(1, first, size)) for i, (first, size) in enumerate(zip(starts, sizes, strict=False), 1)]


def _upsample(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op
    spatial = _spatial(shapes[0])
    _check_axes(shapes)
    factor = [name for name in FACTORS if name in keys]
    ways = [*factor, *(["size"] if "size" in keys else [])] + (["from"] if len(shapes) > 1 else [])
    if len(ways) != 1:
        raise NotationError(
            "factor: give one of factor, size, or a second layer in from whose size to take, "
            f"got {' and '.join(ways) or 'none'}"
        )
    scales: tuple[Fraction, ...] = ()
    if factor:
        factors = _factors(keys[factor[0]], factor[0], len(spatial))
        sizes = tuple(floor(n * each) for n, each in zip(spatial, factors, strict=True))
        if min(sizes) < 1:
            told = show_axes(factors)
            raise ShapeError(f"{factor[0]}: must leave at least one pixel an axis, got {told} of {shown(shapes[0])}")
        if any(isinstance(each, float) for each in factors):
            scales = tuple(Fraction(str(each)) for each in factors)
    elif ways == ["size"]:
        sizes = parse_axes(keys["size"], "size", len(spatial))
    else:
        sizes = _spatial(shapes[1])
    modes = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear", "cubic": "cubic",
             "bicubic": "cubic"}  # fmt: skip
    mode = keys.get("mode", "nearest")
    if mode not in modes:
        raise NotationError(f"mode: must be one of {', '.join(modes)}, got {quoted(mode)}")
    corners = truth(keys, "align_corners", False)
    if corners and mode == "nearest":
        raise NotationError(
            "align_corners: is for the modes linear and cubic, got nearest; leave it out or give a mode"
        )
    coordinates = "asymmetric" if mode == "nearest" else "align_corners" if corners else "half_pixel"
    return [("", Resize(sizes, modes[mode], coordinates, scales=scales))]


def _factors(value: Any, name: str, dims: int) -> tuple[int | float, ...]:
    """Factors for every axis, which may be fractions. Source: PyTorch, torch.nn.Upsample, scale_factor."""
    given = value if isinstance(value, list) else [value]
    if not any(isinstance(each, float) for each in given):
        return parse_axes(value, name, dims)
    factors = [int(each) if each.is_integer() else each for each in (_number(each, name) for each in given)]
    if len(factors) not in (1, dims) or not all(0 < factor < MOST_FACTOR for factor in factors):
        raise NotationError(
            f"{name}: takes one number for all axes or {dims}, above 0 and below {MOST_FACTOR}, got {quoted(value)}"
        )
    return tuple(factors) * (dims if len(factors) == 1 else 1)


def _pad(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op
    pairs = parse_padding(_needed(keys, "padding"), len(_spatial(shapes[0])))
    if isinstance(pairs, str):
        raise NotationError(f"padding: must be numbers here, got {quoted(pairs)}")
    modes = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    mode = keys.get("mode", "zeros")
    if mode not in modes:
        raise NotationError(f"mode: must be one of {', '.join(modes)}, got {quoted(mode)}")
    return [("", Pad(((0, 0), (0, 0), *pairs), modes[mode]))]


def _crop(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    """To the size of a second layer, from the middle, or by so much on every side."""
    del op
    spatial = _spatial(shapes[0])
    _check_axes(shapes)
    if (len(shapes) > 1) == ("padding" in keys):
        raise NotationError("from: give a second layer whose size to take, or padding, what to cut off on each side")
    if "padding" in keys:
        pairs = parse_padding(keys["padding"], len(spatial))
        if isinstance(pairs, str):
            raise NotationError(f"padding: must be numbers here, got {quoted(pairs)}")
        for size, (before, after) in zip(spatial, pairs, strict=True):
            if before + after >= size:
                raise ShapeError(
                    f"padding: what is cut off must leave at least one pixel, got {before} + {after} of {size}"
                )
    else:
        spare = [have - want for have, want in zip(spatial, _spatial(shapes[1]), strict=True)]
        if min(spare) < 0:
            raise ShapeError(f"cannot crop {shown(shapes[0])} to the larger {shown(shapes[1])}; exchange the two")
        pairs = tuple((each // 2, each - each // 2) for each in spare)
    return [("", Pad(((0, 0), (0, 0), *((-before, -after) for before, after in pairs))))]


def _shuffle(op: str, keys: Keys, shapes: Sequence[Axes]) -> Steps:
    del op, shapes
    return [("", ShuffleChannels(whole_number(_needed(keys, "groups"), "groups")))]


def _needed(keys: Keys, name: str) -> Any:
    if name not in keys:
        raise NotationError(f"{name}: must be given")
    return keys[name]


def truth(keys: Keys, name: str, default: bool) -> bool:
    value = keys.get(name, default)
    if not isinstance(value, bool):
        raise NotationError(f"{name}: must be true or false, got {quoted(value)}")
    return value


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < sys.float_info.max:
        raise NotationError(f"{name}: must be a number that a float holds, got {quoted(value)}")
    return float(value)


def _op(lower: Callable[[str, Keys, Sequence[Axes]], Steps], *keys: str, inputs: tuple[int, int | None] = (1, 1)) -> Op:
    return Op(frozenset(keys), lower, inputs)


IGNORED = {"dropout": ("p", "rate")}
"""Keys that say nothing about what is counted, but may stand."""
WINDOW = ("kernel", "stride", "padding", "ceil_mode")
OPS: dict[str, Op] = {
    **{name: Op(CONVOLUTION_KEYS, _convolution) for name in BY_NAME},
    "max_pool": _op(_pool, *WINDOW, "dilation"),
    "avg_pool": _op(_pool, *WINDOW, "count_include_pad"),
    "global_avg_pool": _op(_global_pool),
    "global_max_pool": _op(_global_pool),
    "adaptive_avg_pool": _op(_adaptive_pool, "output_size"),
    "adaptive_max_pool": _op(_adaptive_pool, "output_size"),
    "linear": _op(_linear, *FILTERS, "bias"),
    "flatten": _op(_flatten),
    "reshape": _op(_reshape, "size"),
    "batch_norm": _op(_normalize, "affine"),
    "layer_norm": _op(_normalize, "affine"),
    "group_norm": _op(_normalize, "affine", "groups"),
    "instance_norm": _op(_normalize, "affine"),
    **{name: _op(_activation, *IGNORED.get(name, ())) for name in ACTIVATIONS},
    **{name: _op(_activation, "alpha") for name in ("leaky_relu", "elu", "celu")},
    "prelu": _op(_prelu, "per_channel"),
    "softmax": _op(_softmax),
    "log_softmax": _op(_softmax),
    "scale": _op(_scale),
    **{name: _op(_merge, inputs=(2, None)) for name in ("add", "subtract", "multiply", "maximum")},
    "concat": _op(_concat, "axis", inputs=(2, None)),
    "split": _op(_split, "parts", "sizes"),
    "upsample": _op(_upsample, *FACTORS, "size", "mode", "align_corners", inputs=(1, 2)),
    "pad": _op(_pad, "padding", "mode"),
    "crop": _op(_crop, "padding", inputs=(1, 2)),
    "channel_shuffle": _op(_shuffle, "groups"),
}
SPELLED = {name.replace("-", "_"): name for name in BY_NAME} | {
    "relu_6": "relu6", "hardswish": "hard_swish", "hardsigmoid": "hard_sigmoid", "hardtanh": "hard_tanh",
    "leakyrelu": "leaky_relu", "batchnorm": "batch_norm", "layernorm": "layer_norm", "maxpool": "max_pool",
    "avgpool": "avg_pool", "fc": "linear", "dense": "linear", "mul": "multiply", "shuffle": "channel_shuffle",
    "channel_split": "split", "conv1d": "1d", "conv2d": "2d", "conv3d": "3d", "conv_transpose": "transposed",
}  # fmt: skip
"""Other spellings of ops that are understood."""
