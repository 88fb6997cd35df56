"""The convolution of every framework: each output channel sums over all input channels of its group."""

from collections.abc import Sequence

from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Chain
from convcalc.recipes.recipe import Recipe, Told


def lower(request: Request) -> Chain:
    conv = request.correlate(request.channels, request.filters, request.groups)
    return Chain((("conv", conv),))


def told_by(shapes: Sequence[Axes], channels: int, groups: int | None) -> Told:
    """Of one kernel (filters, channels/groups, *kernel)."""
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
    told_by=told_by,
    options=frozenset({"groups"}),
    ratio="1",
)
