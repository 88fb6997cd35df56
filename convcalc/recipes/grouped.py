"""The grouped convolution: channels in groups that do not see each other."""

from collections.abc import Sequence

from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Chain
from convcalc.recipes.recipe import Recipe, Told


def lower(request: Request) -> Chain:
    conv = request.correlate(request.channels, request.filters, request.groups)
    return Chain((("grouped", conv),))


def told_by(shapes: Sequence[Axes], channels: int, groups: int | None) -> Told:
    """Of one kernel (filters, channels/groups, *kernel), which also tells the groups."""
    [shape] = shapes
    return {"filters": shape[0], "kernel": shape[2:], "groups": groups or max(1, channels // shape[1])}


GROUPED = Recipe(
    name="grouped",
    aliases=(),
    summary="channels in groups (2 unless given) that do not see each other",
    multiplications="P*filters*(channels/groups)*K",
    source="Krizhevsky, Sutskever & Hinton 2012, section 3.5; Xie et al. 2017",
    lower=lower,
    told_by=told_by,
    options=frozenset({"groups"}),
    ratio="1/g",
    default_groups=2,
)
