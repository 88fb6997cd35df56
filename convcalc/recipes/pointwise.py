"""The 1x1 convolution: a linear map across channels at every position."""

from convcalc.errors import ShapeError
from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.notation import show_axes
from convcalc.recipes.recipe import Recipe
from convcalc.recipes.standard import options_from_kernels


def lower(request: Request) -> Stages:
    check_unit_kernel(request)
    conv = request.correlate(request.channels, request.filters, request.groups)
    return (("pointwise", conv),)


def check_unit_kernel(request: Request) -> None:
    """Raises ShapeError unless the kernel is 1 on every axis."""
    if set(request.kernel) != {1}:
        raise ShapeError(
            f"kernel: is 1 on every axis for this type, got {show_axes(request.kernel)}; leave --kernel out"
        )


POINTWISE = Recipe(
    name="pointwise",
    aliases=("1x1",),
    summary="kernel 1 on every axis: mixes channels, sees one pixel",
    multiplications="P*filters*channels",
    source="Lin, Chen & Yan 2014, Network in Network, section 3",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups"}),
    ratio="1/K",
    default_kernel=1,
)
