"""The flattened convolution: a filter of rank one, first across channels and then along each axis."""

from collections.abc import Sequence

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.notation import Axes
from convcalc.recipes.depthwise_separable import across_channels
from convcalc.recipes.recipe import ImpliedOptions, Recipe

STAGE_NAMES = {1: ("horizontal",), 2: ("vertical", "horizontal"), 3: ("depth", "vertical", "horizontal")}


def lower(request: Request) -> Stages:
    filters = request.filters
    along = tuple(
        (name, request.correlate_along(axis, filters, filters, groups=filters))
        for axis, name in enumerate(STAGE_NAMES[request.dims])
    )
    return (("lateral", across_channels(request, request.channels)), *along)


def options_from_kernels(shapes: Sequence[Axes], channels: int, groups: int | None) -> ImpliedOptions:
    """Options implied by a pointwise kernel (filters, ...) and one kernel per axis."""
    del channels, groups
    lateral, *along = shapes
    return {"filters": lateral[0], "kernel": tuple(shape[2 + axis] for axis, shape in enumerate(along))}


FLATTENED = Recipe(
    name="flattened",
    aliases=(),
    summary="pointwise to the filters (lateral), then every filter's channel along each axis alone",
    multiplications="H*W*filters*channels + H'*W*filters*kh + H'*W'*filters*kw, H'xW' output",
    source="Jin, Dundar & Culurciello 2014, Flattened Convolutional Neural Networks, section 3.2",
    lower=lower,
    options_from_kernels=options_from_kernels,
)
