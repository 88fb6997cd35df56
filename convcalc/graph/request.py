"""A layer as requested, checked and complete: one value per axis, and no text but a padding word."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.graph.primitives import Correlate
from convcalc.notation import Axes, Padding


class Request(NamedTuple):
    """A requested layer, which a recipe turns into primitives. None means: not set."""

    channels: int
    dims: int
    spatial: Axes | None
    """Input size per spatial axis; None in a row of words on an unknown input."""
    filters: int
    explicit_filters: int | None
    """The filters if they were set; a depthwise convolution otherwise has channels * multiplier."""
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    groups: int
    multiplier: int | None
    mid_channels: int | None
    output_padding: Axes
    output_size: Axes | None
    bias: bool

    def correlate(self, in_channels: int, out_channels: int, groups: int) -> Correlate:
        """One convolution with the request's kernel, stride, padding and dilation on every axis."""
        return Correlate(
            in_channels,
            out_channels,
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            groups,
            self.bias,
        )

    def correlate_along(self, axis: int, in_channels: int, out_channels: int, groups: int = 1) -> Correlate:
        """One convolution along a single axis, with that axis's kernel, stride, padding and dilation."""

        def alone(values: Axes, neutral: int) -> Axes:
            return tuple(value if a == axis else neutral for a, value in enumerate(values))

        padding = self.padding
        if not isinstance(padding, str):
            padding = tuple(pair if a == axis else (0, 0) for a, pair in enumerate(padding))
        return Correlate(
            in_channels,
            out_channels,
            alone(self.kernel, 1),
            alone(self.stride, 1),
            padding,
            alone(self.dilation, 1),
            groups,
            self.bias,
        )
