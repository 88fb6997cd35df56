"""The depthwise convolution: every channel has filters of its own and sees no other channel."""

from convcalc.errors import ShapeError
from convcalc.graph.primitives import Correlate, Stages
from convcalc.graph.request import Request
from convcalc.recipes.recipe import Recipe
from convcalc.recipes.standard import options_from_kernels


def lower(request: Request) -> Stages:
    if request.groups not in (1, request.channels):
        raise ShapeError(
            f"groups: a depthwise convolution has as many as channels, got groups={request.groups} "
            f"and channels={request.channels}; leave --groups out"
        )
    return (("depthwise", per_channel(request, _multiplier(request))),)


def per_channel(request: Request, multiplier: int) -> Correlate:
    """A convolution whose every channel has `multiplier` filters of its own."""
    return request.correlate(request.channels, request.channels * multiplier, request.channels)


def _multiplier(request: Request) -> int:
    """The multiplier that was set, or the one that the filters imply."""
    filters, channels = request.explicit_filters, request.channels
    if filters is None:
        return request.multiplier or 1
    if filters % channels or request.multiplier not in (None, filters // channels):
        raise ShapeError(
            f"filters: a depthwise convolution has channels*multiplier, got filters={filters}, channels={channels}, "
            f"multiplier={request.multiplier or 1}; "
            f"use --filters {channels * (request.multiplier or 1)} or leave it out"
        )
    return filters // channels


DEPTHWISE = Recipe(
    name="depthwise",
    aliases=("dw",),
    summary="every channel alone, with multiplier filters of its own",
    multiplications="P*channels*multiplier*K",
    source="Chollet 2017, Xception, section 1.2; Howard et al. 2017, MobileNets, section 3.1",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups", "multiplier"}),
)
