"""The table of convolution types. A new type is one short file and one line here."""

from __future__ import annotations

from convcalc.errors import NotationError, quoted
from convcalc.notation import did_you_mean, relative, stated_dims, type_spelling
from convcalc.recipes.depthwise import DEPTHWISE
from convcalc.recipes.depthwise_separable import DEPTHWISE_SEPARABLE
from convcalc.recipes.dilated import DILATED
from convcalc.recipes.flattened import FLATTENED
from convcalc.recipes.grouped import GROUPED
from convcalc.recipes.pointwise import POINTWISE
from convcalc.recipes.pointwise_grouped import POINTWISE_GROUPED
from convcalc.recipes.recipe import Recipe
from convcalc.recipes.shuffled_grouped import SHUFFLED_GROUPED
from convcalc.recipes.spatially_separable import SPATIALLY_SEPARABLE
from convcalc.recipes.standard import STANDARD
from convcalc.recipes.transposed import TRANSPOSED

RECIPES = (
    STANDARD,
    POINTWISE,
    DILATED,
    TRANSPOSED,
    GROUPED,
    DEPTHWISE,
    DEPTHWISE_SEPARABLE,
    SPATIALLY_SEPARABLE,
    FLATTENED,
    POINTWISE_GROUPED,
    SHUFFLED_GROUPED,
)
BY_NAME = {name: recipe for recipe in RECIPES for name in (recipe.name, *recipe.aliases)}


def recipe_named(name: str) -> Recipe:
    """The convolution type of that name or alias. Raises NotationError with the nearest names otherwise."""
    if not isinstance(name, str):
        raise NotationError(f"type: must be the name of a convolution type, got {quoted(name)}")
    recipe = BY_NAME.get(name) or BY_NAME.get(type_spelling(name))
    if recipe is None:
        raise NotationError(_unknown(name))
    return recipe


def _unknown(name: str) -> str:
    """Why a name is no type, and what answers instead."""
    known = relative(name)
    if known is None:
        hint = did_you_mean(name, BY_NAME)
        return f"type: unknown convolution type {quoted(name)}; {hint}the types: {', '.join(r.name for r in RECIPES)}"
    instead = f"use --type {known.type}, {known.what}" if known.type else known.what
    return f"type: {quoted(name)} is no type here: {known.why}; {instead}"


def named_dims(name: str) -> int | None:
    """The number of spatial axes that a type's name states, if it does.

    >>> named_dims("3d"), named_dims("ConvTranspose1d"), named_dims("depthwise")
    (3, 1, None)
    """
    if name in BY_NAME:
        return int(name[0]) if name in ("1d", "2d", "3d") else None
    return stated_dims(name)
