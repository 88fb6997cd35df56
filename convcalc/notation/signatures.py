"""PyTorch's and Keras's constructors: their parameters in order, and what each of them is called here.

A signature is a line of words: `kernel_size:kernel` is a parameter and our option, `stride` is both, `activation:` is
accepted and ignored because it changes no number that is counted, `!` must be given, and what follows `*` must be
named.

Sources: PyTorch 2.13, torch.nn; Keras 3, keras.layers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from convcalc.notation import library_rules as rules

Finish: TypeAlias = Callable[[str, rules.Values, int], rules.Layers]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name in the library, our option (None if ignored), and how it may be given."""

    name: str
    option: str | None
    required: bool
    named: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """One constructor. `dims`: what its name states; `finish`: from the op and values to the layers it stands for."""

    op: str
    parameters: tuple[Parameter, ...]
    ignored: re.Pattern[str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    dims: int | None = None
    finish: Finish = rules.as_it_is

    def parameter(self, name: str) -> Parameter | None:
        return next((each for each in self.parameters if each.name == name), None)


TORCH_IGNORED = re.compile("device|dtype|inplace")
KERAS_IGNORED = re.compile(
    "name|dtype|trainable|autocast|seed|data_format|activation|input_shape|input_dim|batch_input_shape|batch_size"
    "|keepdims|synchronized|lora_rank|.*_(?:initializer|regularizer|constraint)"
)


def _parameters(text: str) -> tuple[Parameter, ...]:
    parameters, named = [], False
    for word in text.split():
        if word == "*":
            named = True
            continue
        name, renamed, option = word.rstrip("!").partition(":")
        parameters.append(Parameter(name, option or None if renamed else name, word.endswith("!"), named))
    return tuple(parameters)


def _torch(op: str, parameters: str, finish: Finish = rules.as_it_is, **defaults: Any) -> Signature:
    return Signature(op, _parameters(parameters), TORCH_IGNORED, defaults, finish=finish)


def _keras(op: str, parameters: str, finish: Finish = rules.as_it_is, **defaults: Any) -> Signature:
    return Signature(op, _parameters(parameters), KERAS_IGNORED, defaults, finish=finish)


_CONV = "out_channels:filters! kernel_size:kernel! stride padding dilation groups bias padding_mode: device: dtype:"
_TRANSPOSE = (
    "out_channels:filters! kernel_size:kernel! stride padding output_padding groups bias dilation padding_mode: "
    "device: dtype:"
)
_KERAS_CONV = "filters! kernel_size:kernel! strides:stride padding data_format: dilation_rate:dilation"
_KERAS_POOL = "pool_size:kernel strides:stride padding data_format: name:"
_NORM = "num_features:in_channels! eps: momentum: affine track_running_stats: device: dtype: bias:shift"

_BY_AXES = {
    "Conv{}d": _torch("standard", f"in_channels! {_CONV}", rules.torch_conv, bias=True),
    "LazyConv{}d": _torch("standard", _CONV, rules.torch_conv, bias=True),
    "ConvTranspose{}d": _torch("transposed", f"in_channels! {_TRANSPOSE}", rules.numbers_only, bias=True),
    "LazyConvTranspose{}d": _torch("transposed", _TRANSPOSE, rules.numbers_only, bias=True),
    "MaxPool{}d": _torch(
        "max_pool", "kernel_size:kernel! stride padding dilation return_indices: ceil_mode", rules.torch_pool
    ),
    "AvgPool{}d": _torch(
        "avg_pool",
        "kernel_size:kernel! stride padding ceil_mode count_include_pad divisor_override:",
        rules.torch_pool,
    ),
    "AdaptiveAvgPool{}d": _torch("adaptive_avg_pool", "output_size!", rules.adaptive_pool),
    "AdaptiveMaxPool{}d": _torch("adaptive_max_pool", "output_size! return_indices:", rules.adaptive_pool),
    "BatchNorm{}d": _torch("batch_norm", _NORM, rules.norm),
    "InstanceNorm{}d": _torch("instance_norm", _NORM, rules.norm),
    "Conv{}D": _keras("standard", f"{_KERAS_CONV} groups activation: use_bias:bias", rules.keras_conv, bias=True),
    "Conv{}DTranspose": _keras(
        "transposed", f"{_KERAS_CONV} activation: use_bias:bias * output_padding", rules.keras_transposed, bias=True
    ),
    "SeparableConv{}D": _keras(
        "depthwise-separable",
        f"{_KERAS_CONV} depth_multiplier:multiplier activation: use_bias:bias",
        rules.keras_separable,
        bias=True,
    ),
    "DepthwiseConv{}D": _keras(
        "depthwise",
        "kernel_size:kernel! strides:stride padding depth_multiplier:multiplier data_format: dilation_rate:dilation "
        "activation: use_bias:bias",
        rules.keras_conv,
        bias=True,
    ),
    "MaxPooling{}D": _keras("max_pool", _KERAS_POOL, rules.keras_pool, kernel=2),
    "AveragePooling{}D": _keras("avg_pool", _KERAS_POOL, rules.keras_pool, kernel=2, count_include_pad=False),
    "GlobalAveragePooling{}D": _keras("global_avg_pool", "data_format: keepdims:"),
    "GlobalMaxPooling{}D": _keras("global_max_pool", "data_format: keepdims:"),
    "ZeroPad{}d": _torch("pad", "padding!", rules.torch_pad),
    "ConstantPad{}d": _torch("pad", "padding! value:", rules.torch_pad),
    "ReflectionPad{}d": _torch("pad", "padding!", rules.torch_pad, mode="reflect"),
    "ReplicationPad{}d": _torch("pad", "padding!", rules.torch_pad, mode="replicate"),
    "CircularPad{}d": _torch("pad", "padding!", rules.torch_pad, mode="circular"),
    "ZeroPadding{}D": _keras("pad", "padding data_format:", rules.keras_pad, padding=1),
    "UpSampling{}D": _keras("upsample", "size:factor data_format: interpolation:mode", rules.upsample, factor=2),
}
_ALSO = {
    "Convolution{}D": "Conv{}D", "Convolution{}DTranspose": "Conv{}DTranspose", "MaxPool{}D": "MaxPooling{}D",
    "SeparableConvolution{}D": "SeparableConv{}D", "AvgPool{}D": "AveragePooling{}D",
    "GlobalAvgPool{}D": "GlobalAveragePooling{}D", "GlobalMaxPool{}D": "GlobalMaxPooling{}D",
}  # fmt: skip
_PLAIN = {
    "Linear": _torch("linear", "in_features! out_features:filters! bias device: dtype:", bias=True),
    "LazyLinear": _torch("linear", "out_features:filters! bias device: dtype:", bias=True),
    "Dense": _keras("linear", "units:filters! activation: use_bias:bias", bias=True),
    "GroupNorm": _torch(
        "group_norm", "num_groups:groups! num_channels:in_channels! eps: affine device: dtype: bias:shift", rules.norm
    ),
    "LayerNorm": _torch(
        "layer_norm",
        "normalized_shape:size! eps: elementwise_affine:affine bias:shift device: dtype:",
        rules.norm,
    ),
    "BatchNormalization": _keras("batch_norm", "axis: momentum: epsilon: center:shift scale", rules.norm),
    "LayerNormalization": _keras("layer_norm", "axis: epsilon: center:shift scale", rules.norm),
    "GroupNormalization": _keras("group_norm", "groups axis: epsilon: center:shift scale", rules.norm, groups=32),
    "Upsample": _torch(
        "upsample", "size scale_factor:factor mode align_corners recompute_scale_factor:", rules.upsample
    ),
    "UpsamplingNearest2d": _torch("upsample", "size scale_factor:factor", rules.upsample),
    "UpsamplingBilinear2d": _torch(
        "upsample", "size scale_factor:factor", rules.upsample, mode="bilinear", align_corners=True
    ),
    "PixelShuffle": _torch("pixel_shuffle", "upscale_factor:factor!", rules.pixels),
    "PixelUnshuffle": _torch("pixel_unshuffle", "downscale_factor:factor!", rules.pixels),
    "ChannelShuffle": _torch("channel_shuffle", "groups!"),
    "PReLU": _torch("prelu", "num_parameters:in_channels init: device: dtype:", rules.prelu),
    "Activation": _keras("identity", "activation!", rules.activation),
}


def _expanded() -> dict[str, Signature]:
    """Every constructor by name. BatchNorm1d states no axis: it also takes features without any."""
    by_axes = _BY_AXES | {other: _BY_AXES[name] for other, name in _ALSO.items()}
    stated = {
        pattern.format(dims): replace(signature, dims=None if pattern.format(dims) == "BatchNorm1d" else dims)
        for pattern, signature in by_axes.items()
        for dims in (1, 2, 3)
    }
    return stated | _PLAIN


SIGNATURES = _expanded()
