"""The spatially separable convolution: one axis after the other, through `mid_channels` channels."""

from collections.abc import Sequence

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.notation import Axes
from convcalc.recipes.recipe import ImpliedOptions, Recipe

STAGE_NAMES = {1: ("row",), 2: ("column", "row"), 3: ("depth", "column", "row")}


def lower(request: Request) -> Stages:
    mid = request.mid_channels or request.filters
    channels = (request.channels, *(mid,) * (request.dims - 1), request.filters)
    return tuple(
        (name, request.correlate_along(axis, channels[axis], channels[axis + 1]))
        for axis, name in enumerate(STAGE_NAMES[request.dims])
    )


def options_from_kernels(shapes: Sequence[Axes], channels: int, groups: int | None) -> ImpliedOptions:
    """Options implied by one kernel per axis, the first (mid-channels, ...), the last (filters, ...)."""
    del channels, groups
    kernel = tuple(shape[2 + axis] for axis, shape in enumerate(shapes))
    return {"filters": shapes[-1][0], "kernel": kernel, "mid_channels": shapes[0][0]}


SPATIALLY_SEPARABLE = Recipe(
    name="spatially-separable",
    aliases=("spatial",),
    summary="kx1 to mid-channels (filters unless given), then 1xk to the filters",
    multiplications="H'*W*M*channels*kh + H'*W'*filters*M*kw, M mid-channels, H'xW' output",
    source="Jaderberg, Vedaldi & Zisserman 2014, section 2.1, scheme 2",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"mid_channels"}),
)
