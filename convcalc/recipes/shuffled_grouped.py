"""The shuffled grouped convolution: a grouped one whose outputs are then shuffled among the groups."""

from convcalc.graph.primitives import ShuffleChannels, Stages
from convcalc.graph.request import Request
from convcalc.recipes.grouped import options_from_kernels
from convcalc.recipes.recipe import Recipe


def lower(request: Request) -> Stages:
    conv = request.correlate(request.channels, request.filters, request.groups)
    return (("grouped", conv), ("shuffle", ShuffleChannels(request.groups)))


SHUFFLED_GROUPED = Recipe(
    name="shuffled-grouped",
    aliases=("shuffled",),
    summary="grouped, then a channel shuffle over the groups (free)",
    multiplications="P*filters*(channels/groups)*K",
    source="Zhang et al. 2018, ShuffleNet, section 3.1",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups"}),
    ratio="1/g",
    default_groups=2,
)
