"""The pointwise grouped convolution: 1x1, within groups of channels."""

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.recipes.grouped import options_from_kernels
from convcalc.recipes.pointwise import check_unit_kernel
from convcalc.recipes.recipe import Recipe


def lower(request: Request) -> Stages:
    check_unit_kernel(request)
    conv = request.correlate(request.channels, request.filters, request.groups)
    return (("pointwise-grouped", conv),)


POINTWISE_GROUPED = Recipe(
    name="pointwise-grouped",
    aliases=(),
    summary="kernel 1 within groups of channels (2 unless given)",
    multiplications="P*filters*channels/groups",
    source="Zhang et al. 2018, ShuffleNet, section 3.1",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups"}),
    ratio="1/(g·K)",
    default_kernel=1,
    default_groups=2,
)
