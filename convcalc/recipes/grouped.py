"""The grouped convolution: channels in groups that do not see each other."""

from collections.abc import Sequence

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.notation import Axes
from convcalc.recipes.recipe import ImpliedOptions, Recipe


def lower(request: Request) -> Stages:
    conv = request.correlate(request.channels, request.filters, request.groups)
    return (("grouped", conv),)


def options_from_kernels(shapes: Sequence[Axes], channels: int, groups: int | None) -> ImpliedOptions:
    """Options implied by one kernel (filters, channels/groups, *kernel), the groups among them."""
    [shape] = shapes
    return {"filters": shape[0], "kernel": shape[2:], "groups": groups or max(1, channels // shape[1])}


GROUPED = Recipe(
    name="grouped",
    aliases=(),
    summary="channels in groups (2 unless given) that do not see each other",
    multiplications="P*filters*(channels/groups)*K",
    source="Krizhevsky, Sutskever & Hinton 2012, section 3.5; Xie et al. 2017",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups"}),
    ratio="1/g",
    default_groups=2,
)
