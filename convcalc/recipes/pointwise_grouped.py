"""The pointwise grouped convolution: 1x1, within groups of channels."""

from convcalc.graph.request import Request
from convcalc.graph.stages import Chain
from convcalc.recipes.grouped import told_by
from convcalc.recipes.pointwise import check_unit_kernel
from convcalc.recipes.recipe import Recipe


def lower(request: Request) -> Chain:
    check_unit_kernel(request)
    conv = request.correlate(request.channels, request.filters, request.groups)
    return Chain((("pointwise-grouped", conv),))


POINTWISE_GROUPED = Recipe(
    name="pointwise-grouped",
    aliases=(),
    summary="kernel 1 within groups of channels (2 unless given)",
    multiplications="P*filters*channels/groups",
    source="Zhang et al. 2018, ShuffleNet, section 3.1",
    lower=lower,
    told_by=told_by,
    options=frozenset({"groups"}),
    ratio="1/(g·K)",
    default_kernel=1,
    default_groups=2,
)
