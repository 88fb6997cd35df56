"""The options with which another convolution type maps the same sizes: for comparing and replacing."""

from __future__ import annotations

from convcalc.axis.window import Window
from convcalc.graph.request import Request
from convcalc.notation import Axes, Padding
from convcalc.recipes import recipe_named
from convcalc.recipes.options import LayerOptions
from convcalc.recipes.recipe import Recipe

STAND_INS = {"depthwise": "depthwise-separable"}
"""A depthwise convolution alone cannot map C to N channels, so it is compared with its pointwise stage."""


def stand_in(name: str) -> Recipe:
    """The type of that name, or the one that replaces it if it cannot map the channels alone."""
    recipe = recipe_named(name)
    return recipe_named(STAND_INS.get(recipe.name, recipe.name))


def fitting_options(request: Request, recipe: Recipe, filters: int, bias: bool) -> LayerOptions:
    """The options with which a type maps the request's input to an output of the same size, if it can."""
    keeps_dilation = recipe.default_dilation == 1 or set(request.dilation) != {1}
    kernel = (1,) * request.dims if recipe.default_kernel == 1 else request.kernel
    dilation = request.dilation if keeps_dilation else (recipe.default_dilation,) * request.dims
    return LayerOptions(
        kernel=kernel,
        filters=filters,
        stride=request.stride,
        padding=_fitting_padding(request, kernel, dilation),
        dilation=dilation,
        output_padding=request.output_padding if "output_padding" in recipe.options else None,
        bias=bias,
    )


def _fitting_padding(request: Request, kernel: Axes, dilation: Axes) -> Padding:
    """The padding that gives a window of another extent as many positions; the base's if it would be negative."""
    if isinstance(request.padding, str):
        return request.padding
    pairs = []
    for axis, (before, after) in enumerate(request.padding):
        own = Window(request.kernel[axis], dilation=request.dilation[axis]).extent
        more = Window(kernel[axis], dilation=dilation[axis]).extent - own
        if before + after + more < 0:
            return request.padding
        first = min(max(0, before + more // 2), before + after + more)
        pairs.append((first, before + after + more - first))
    return tuple(pairs)
