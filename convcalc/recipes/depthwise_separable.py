"""The depthwise separable convolution: space first, channel by channel, then channels, pixel by pixel."""

from collections.abc import Sequence

from convcalc.graph.primitives import Correlate, Stages
from convcalc.graph.request import Request
from convcalc.notation import Axes
from convcalc.recipes.depthwise import per_channel
from convcalc.recipes.recipe import ImpliedOptions, Recipe


def lower(request: Request) -> Stages:
    multiplier = request.multiplier or 1
    return (
        ("depthwise", per_channel(request, multiplier)),
        ("pointwise", across_channels(request, request.channels * multiplier)),
    )


def across_channels(request: Request, in_channels: int) -> Correlate:
    """A 1x1 convolution to the request's filters that moves no pixel."""
    unit = (1,) * request.dims
    return Correlate(in_channels, request.filters, unit, unit, ((0, 0),) * request.dims, unit, bias=request.bias)


def options_from_kernels(shapes: Sequence[Axes], channels: int, groups: int | None) -> ImpliedOptions:
    """Options implied by a depthwise kernel (channels*multiplier, 1, *kernel) and a pointwise one (filters, ...)."""
    del groups
    depthwise, pointwise = shapes
    return {"filters": pointwise[0], "kernel": depthwise[2:], "multiplier": max(1, depthwise[0] // channels)}


DEPTHWISE_SEPARABLE = Recipe(
    name="depthwise-separable",
    aliases=("ds", "separable"),
    summary="depthwise (stride, padding, dilation here), then pointwise to the filters",
    multiplications="P*channels*multiplier*(K + filters)",
    source="Howard et al. 2017, MobileNets, section 3.1",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"multiplier"}),
    ratio="m/N + m/K",
)
