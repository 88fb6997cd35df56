"""Convolutions of every type: the only place where a file's layer meets a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from convcalc.errors import NotationError, ShapeError
from convcalc.graph.shapes import shown
from convcalc.notation import Axes
from convcalc.readers.toml.keys import truth
from convcalc.readers.toml.ops.op import Keys, Lowered, filters_of, spatial_axes
from convcalc.recipes import named_dims, recipe_named
from convcalc.recipes.options import LayerOptions, request_for
from convcalc.recipes.options import convolution as convolution_layer

_OPTIONS = frozenset(field.name for field in fields(LayerOptions)) - {"input", "layout"}
CONVOLUTION_KEYS = _OPTIONS | {"out_channels"}


def convolution(op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """A convolution of the type `op`, with the keys as the options of the command line."""
    recipe, spatial = recipe_named(op), spatial_axes(shapes[0])
    if named_dims(op) not in (None, len(spatial)):
        raise ShapeError(f"op: {op} is for {named_dims(op)} spatial axes, got {shown(shapes[0])}")
    if "kernel" not in keys and recipe.default_kernel != 1:
        raise NotationError("kernel: must be given, as one number or one per axis")
    filters = filters_of(keys)
    if filters is None and recipe.name != "depthwise":
        raise NotationError("filters: must be given, the number of output channels")
    given = {name: value for name, value in keys.items() if name in _OPTIONS}
    options = LayerOptions(**{**given, "filters": filters, "bias": truth(keys, "bias", False)})
    request = request_for(recipe, options, channels=shapes[0][1], dims=len(spatial), spatial=spatial)
    return [("", convolution_layer(recipe, request))]
