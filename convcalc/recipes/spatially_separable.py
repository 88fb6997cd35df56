"""The spatially separable convolution: one axis after the other, through `mid_channels` channels."""

from collections.abc import Sequence

from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Chain
from convcalc.recipes.recipe import Recipe, Told

STAGE_NAMES = {1: ("row",), 2: ("column", "row"), 3: ("depth", "column", "row")}


def lower(request: Request) -> Chain:
    mid = request.mid_channels or request.filters
    channels = (request.channels, *(mid,) * (request.dims - 1), request.filters)
    return Chain(
        tuple(
            (name, request.correlate_along(axis, channels[axis], channels[axis + 1]))
            for axis, name in enumerate(STAGE_NAMES[request.dims])
        )
    )


def told_by(shapes: Sequence[Axes], channels: int, groups: int | None) -> Told:
    """Of one kernel per axis, the first (mid-channels, ...), the last (filters, ...)."""
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
    told_by=told_by,
    options=frozenset({"mid_channels"}),
)
