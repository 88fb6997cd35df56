"""The libraries' own rules: what a constructor of PyTorch or Keras means beyond its arguments.

Every rule takes the op, the values by our option names, and the spatial axes that the constructor's name states (0
if none), and returns the layers that the constructor stands for. Raises WordError for arguments that the
library itself refuses and for those without a counterpart here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from convcalc.notation.layer_word import WordError
from convcalc.notation.spellings import did_you_mean, padding_spelling
from convcalc.notation.values import parse_axes, parse_padding
from convcalc.notation.vocabulary import WORDS, plain_op

Values: TypeAlias = dict[str, Any]
Layers: TypeAlias = tuple[tuple[str, Values], ...]

MODES = ("nearest", "linear", "bilinear", "trilinear", "cubic", "bicubic")


def as_it_is(op: str, values: Values, dims: int) -> Layers:
    del dims
    return ((op, values),)


def torch_conv(op: str, values: Values, dims: int) -> Layers:
    """`padding` may be a word, and `same` only without a stride. Source: PyTorch, torch.nn.Conv2d."""
    given = values.get("padding", 0)
    padding = padding_spelling(given) if isinstance(given, str) else None
    if padding not in ("same", "valid"):
        return numbers_only(op, values, dims, " or padding='same'")
    values = {**values, "padding": padding}
    stride = parse_axes(values.get("stride", 1), "stride", dims)
    if padding == "same" and set(stride) != {1}:
        raise WordError(
            f"PyTorch has padding='same' for stride 1 only, got stride={values['stride']}", "give padding as a number"
        )
    return ((op, values),)


def numbers_only(op: str, values: Values, dims: int, words: str = "") -> Layers:
    if isinstance(values.get("padding"), str):
        raise WordError(
            f"padding must be numbers here, got {values['padding']!r}", f"write for example padding=1{words}"
        )
    if "padding" in values:
        parse_axes(values["padding"], "padding", dims, 0)  # per axis; PyTorch has no begin and end
    return ((op, values),)


def torch_pool(op: str, values: Values, dims: int) -> Layers:
    return numbers_only(op, {"stride": values["kernel"], **values}, dims)


def keras_pool(op: str, values: Values, dims: int) -> Layers:
    return keras_conv(op, {"stride": values["kernel"], **values}, dims)


def keras_conv(op: str, values: Values, dims: int) -> Layers:
    """`padding` is a word, in any case. Source: Keras, layers.Conv2D; `causal`: layers.Conv1D."""
    words = ("valid", "same", "causal") if op == "standard" and dims == 1 else ("valid", "same")
    given = values.get("padding", "valid")
    word = padding_spelling(given) if isinstance(given, str) else None
    if word not in words:
        raise WordError(
            f"padding must be one of {', '.join(words)} in Keras, got {given!r}",
            "PyTorch's constructors, which take numbers, end in a small d, such as Conv2d",
        )
    return ((op, {**values, "padding": word}),)


def keras_separable(op: str, values: Values, dims: int) -> Layers:
    """Keras has one bias, after the pointwise convolution; the type of that name has one after both."""
    [(op, values)] = keras_conv(op, values, dims)
    if not values["bias"]:
        return ((op, values),)
    depthwise = {name: value for name, value in values.items() if name != "filters"}
    return ("depthwise", {**depthwise, "bias": False}), ("pointwise", {"filters": values["filters"], "bias": True})


def keras_transposed(op: str, values: Values, dims: int) -> Layers:
    """Keras's crop as ours: `same` gives input*stride and `valid` at least that, unless output_padding is given.

    Source: Keras 3, backend_utils._convert_conv_transpose_padding_args_from_keras_to_jax.
    """
    [(op, values)] = keras_conv(op, values, dims)
    kernel, stride, dilation = (parse_axes(values.get(n, 1), n, dims) for n in ("kernel", "stride", "dilation"))
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    given = values.pop("output_padding", None)
    if given is None:
        missing = tuple(max(0, s - e) for s, e in zip(stride, extent, strict=True))
        if values["padding"] == "valid" and any(missing):
            values["output_padding"] = missing
        return ((op, values),)
    extra = parse_axes(given, "output_padding", dims, 0)
    if any(more >= s for more, s in zip(extra, stride, strict=True)):
        raise WordError(f"output_padding must be less than strides in Keras, got {given} for {values['stride']}")
    if values["padding"] == "valid":
        return ((op, {**values, "output_padding": extra}),)
    crops = [_same_crop(e, more) for e, more in zip(extent, extra, strict=True)]
    values["padding"] = tuple((before, max(0, after)) for before, after in crops)
    return ((op, {**values, "output_padding": tuple(max(0, -after) for _, after in crops)}),)


def _same_crop(extent: int, output_padding: int) -> tuple[int, int]:
    """The crop at begin and end, so that (input - 1)*stride + extent % 2 + output_padding remain.

    The end may be negative: it is lengthened.
    """
    total = extent + extent % 2 - 2 + output_padding
    begin = min((total + 1) // 2, extent - 1)
    return extent - 1 - begin, extent - 1 - (total - begin)


def adaptive_pool(op: str, values: Values, dims: int) -> Layers:
    sizes = parse_axes(values["output_size"], "output_size", dims)
    return ((op.replace("adaptive", "global"), {}) if set(sizes) == {1} else (op, values),)


def norm(op: str, values: Values, dims: int) -> Layers:
    """Scale and shift are learned, or one of the two, or neither."""
    del dims
    if not values.get("affine", True):
        return ((op, {name: value for name, value in values.items() if name not in ("scale", "shift")}),)
    return ((op, {name: v for name, v in values.items() if not (name in ("scale", "shift", "affine") and v)}),)


def torch_pad(op: str, values: Values, dims: int) -> Layers:
    """PyTorch's order of the padding: begin and end of the last axis, then of the one before."""
    padding = values["padding"]
    numbers = padding if isinstance(padding, tuple) else (padding,) * (2 * dims)
    if len(numbers) != 2 * dims or any(type(number) is not int or number < 0 for number in numbers):
        raise WordError(
            f"padding must be one number or {2 * dims}, not negative, got {padding!r}",
            "the order is left, right" + ", top, bottom" * (dims > 1) + ", front, back" * (dims > 2),
        )
    pairs = [list(numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
    return ((op, {**values, "padding": pairs[::-1]}),)


def keras_pad(op: str, values: Values, dims: int) -> Layers:
    """Keras's padding: one number, one for each axis, or a pair for each; in 1-D the pair itself."""
    padding = values["padding"]
    if dims == 1 and isinstance(padding, tuple) and len(padding) == 2:
        padding = (padding,)
    parsed = parse_padding(padding, dims)
    return ((op, {"padding": [list(pair) for pair in parsed]}),)


def pixels(op: str, values: Values, dims: int) -> Layers:
    del dims
    factor = values["factor"]
    if not isinstance(factor, int):
        raise WordError(f"the factor must be one whole number, got {factor!r}", "write for example PixelShuffle(2)")
    return ((op, values),)


def prelu(op: str, values: Values, dims: int) -> Layers:
    """One slope for all channels, or one per channel. Source: PyTorch, torch.nn.PReLU."""
    del dims
    return ((op, {} if values.get("in_channels", 1) == 1 else {**values, "per_channel": True}),)


def upsample(op: str, values: Values, dims: int) -> Layers:
    del dims
    if ("size" in values) == ("factor" in values):
        raise WordError("must have one of size and scale_factor", "write for example Upsample(scale_factor=2)")
    if values.get("mode", "nearest") not in MODES:
        del values["mode"]  # it changes no size and no count
    if not values.get("align_corners", True) or values.get("mode", "nearest") == "nearest":
        values.pop("align_corners", None)
    return ((op, values),)


def activation(op: str, values: Values, dims: int) -> Layers:
    """Source: Keras, layers.Activation, whose `linear` does nothing."""
    del dims
    name = values["activation"]
    op = op if name == "linear" else plain_op(name) or ""
    if not op:
        raise WordError(f"unknown activation {name!r}", f"{did_you_mean(name, WORDS)}for example 'relu'")
    return ((op, {}),)
