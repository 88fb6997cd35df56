"""Questions about one layer by its options; analyze()."""

from __future__ import annotations

from typing import Any

from convcalc.errors import NotationError
from convcalc.notation import Number, PaddingValue, PerAxis, whole_number
from convcalc.questions.report import Report, layer_report
from convcalc.recipes.options import LayerOptions, layer_graph


def analyze(
    type: str = "standard",
    *,
    input: PerAxis | None = None,
    kernel: PerAxis | None = None,
    kernel_size: PerAxis | None = None,
    filters: Number | None = None,
    out_channels: Number | None = None,
    in_channels: Number | None = None,
    stride: PerAxis | None = None,
    padding: PaddingValue | None = None,
    padding_mode: str | None = None,
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
    line's notation do as well. Missing options take the type's default or the worked example's value.
    kernel_size and out_channels are PyTorch's names of kernel and filters; in_channels is checked against the input;
    padding_mode changes no size and no count.

    Raises ConvcalcError (a ValueError), naming the option, for values that cannot be read or do not fit together.

    >>> analyze("depthwise-separable", input=(3, 7, 7), kernel=3, filters=128).multiplications
    10275
    """
    options = LayerOptions(
        input, _one_of(kernel=kernel, kernel_size=kernel_size), _one_of(filters=filters, out_channels=out_channels),
        stride, padding, dilation, groups, multiplier, mid_channels, output_padding, output_size, bias, in_channels,
        padding_mode, layout,
    )  # fmt: skip
    return layer_report(layer_graph(type, options, whole_number(batch, "batch")), dtype=dtype)


def _one_of(**values: Any) -> Any:
    """The value that is given under one of two names. Raises NotationError if both are."""
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) > 1:
        first, second = given
        raise NotationError(f"{second}: is another name for {first}, got both; give one")
    return next(iter(given.values()), None)
