"""The dilated (atrous) convolution: taps `dilation` pixels apart."""

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.recipes.recipe import Recipe
from convcalc.recipes.standard import options_from_kernels


def lower(request: Request) -> Stages:
    conv = request.correlate(request.channels, request.filters, request.groups)
    return (("dilated", conv),)


DILATED = Recipe(
    name="dilated",
    aliases=("atrous",),
    summary="taps dilation pixels apart (2 unless given): sees further at the same cost",
    multiplications="P*filters*channels*K",
    source="Yu & Koltun 2016, section 2; Dumoulin & Visin 2016, relationship 15",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups"}),
    ratio="1",
    default_dilation=2,
)
