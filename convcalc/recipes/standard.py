"""The convolution of every framework: each output channel sums over all input channels of its group."""

from collections.abc import Sequence

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.notation import Axes
from convcalc.recipes.recipe import ImpliedOptions, Recipe


def lower(request: Request) -> Stages:
    conv = request.correlate(request.channels, request.filters, request.groups)
    return (("conv", conv),)


def options_from_kernels(shapes: Sequence[Axes], channels: int, groups: int | None) -> ImpliedOptions:
    """Options implied by one kernel (filters, channels/groups, *kernel)."""
    del channels, groups
    [shape] = shapes
    return {"filters": shape[0], "kernel": shape[2:]}


STANDARD = Recipe(
    name="standard",
    aliases=("conv", "1d", "2d", "3d"),
    summary="every filter sums over all channels and taps",
    multiplications="P*filters*channels*K",
    source="Dumoulin & Visin 2016, chapter 2",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups"}),
    ratio="1",
)
