"""One layer against other types that map the same input to the same output, with exact ratios."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from convcalc.axis.window import Window
from convcalc.errors import ConvcalcError, ShapeError
from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Padding
from convcalc.notation import show_size
from convcalc.questions.layer_report import SCHEMA, Report, report
from convcalc.recipes import RECIPES, named_dims, recipe_named
from convcalc.recipes.options import Layer, LayerOptions, layer
from convcalc.recipes.recipe import Recipe

STAND_INS = {"depthwise": "depthwise-separable"}
"""A depthwise convolution alone cannot map C to N channels, so it is compared with its pointwise stage."""

_SUPERSCRIPT = {1: "k", 2: "k²", 3: "k³"}


@dataclass(frozen=True, slots=True)
class Compared:
    """Another type's report and its ratios to the base.

    ratio_formula: the ratio of multiplications as a sum of one fraction per stage (`1/128 + 1/9`), where the base
    is one ungrouped convolution; closed_form: the same in symbols (`1/N + 1/k²`), where the type states one.
    """

    report: Report
    ratio_multiplications: Fraction
    ratio_parameters: Fraction
    ratio_formula: str | None
    closed_form: str | None

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.report.to_dict(),
            "ratio_multiplications": float(self.ratio_multiplications),
            "ratio_parameters": float(self.ratio_parameters),
            "ratio_formula": self.ratio_formula,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The base, the types compared with it, and a note for each that has no such map."""

    base: Report
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "base": self.base.to_dict(),
            "compared": [row.to_dict() for row in self.compared],
            "notes": list(self.notes),
        }


def compare(type: str, options: LayerOptions, types: Iterable[str], *, batch: int, dtype: str) -> Comparison:
    """A layer of one type beside each of the types, or beside `all` of them that map its input to its output.

    Options that the layer's own type does not have are for the types it is compared with; so are groups, beside
    a grouped type, for a type that is not grouped by its nature.

    Raises ShapeError, saying why, for a type named one by one that cannot.
    """
    names = list(dict.fromkeys(types))
    base = layer(type, _own_options(type, options, names))
    base_report = report(base, batch=batch, dtype=dtype)
    for name in names:
        if named_dims(name) not in (None, base.request.dims):
            raise ShapeError(
                f"compare: {name} is for {name[0]}-D data, got a {base.request.dims}-D input; use standard"
            )
    every = "all" in names
    recipes = [r for r in RECIPES if r is not base.recipe and r.name not in STAND_INS] if every else []
    recipes += [recipe for name in names if name != "all" and (recipe := stand_in(name)) not in recipes]
    compared, notes = [], []
    for recipe in dict.fromkeys(recipes):
        try:
            compared.append(_compared(base, base_report, options, recipe))
        except ConvcalcError as error:
            why = str(error).removeprefix(f"{recipe.name}: ")
            if not every:
                raise ShapeError(f"compare: {recipe.name}: {why}") from None
            notes.append(f"{recipe.name} is left out: {why}")
    return Comparison(base_report, tuple(compared), tuple(notes))


def _own_options(type: str, options: LayerOptions, names: Iterable[str]) -> LayerOptions:
    own = recipe_named(type)
    grouped = any(name == "all" or recipe_named(name).default_groups > 1 for name in names)
    return replace(
        options,
        groups=None if grouped and own.default_groups == 1 and "groups" in own.options else options.groups,
        multiplier=options.multiplier if "multiplier" in own.options else None,
        mid_channels=options.mid_channels if "mid_channels" in own.options else None,
    )


def stand_in(name: str) -> Recipe:
    """The type of that name, or the one that stands for it where it alone cannot map the channels."""
    recipe = recipe_named(name)
    return recipe_named(STAND_INS.get(recipe.name, recipe.name))


def _compared(base: Layer, base_report: Report, options: LayerOptions, recipe: Recipe) -> Compared:
    other = layer(recipe.name, _options_for(base, base_report, options, recipe))
    result = replace(report(other, batch=base_report.batch, dtype=base_report.dtype), notes=())
    if result.output != base_report.output:
        raise ShapeError(
            f"it gives {show_size(result.output)}, not {show_size(base_report.output)}; "
            "with padding 'same' their sizes agree"
        )
    formula = _fractions(base_report, result)
    return Compared(
        result,
        Fraction(result.multiplications, base_report.multiplications),
        Fraction(result.parameters, base_report.parameters),
        formula,
        _symbols(recipe, base, other) if formula else None,
    )


def _options_for(base: Layer, base_report: Report, options: LayerOptions, recipe: Recipe) -> LayerOptions:
    """The base's geometry, and of its other options those that the compared type has."""
    fitted = fitting_options(base.request, recipe, base_report.output[0], options.bias)
    return replace(
        fitted,
        input=base.input,
        groups=options.groups if recipe.default_groups > 1 else None,
        multiplier=options.multiplier if "multiplier" in recipe.options else None,
        mid_channels=options.mid_channels if "mid_channels" in recipe.options else None,
    )


def fitting_options(request: Request, recipe: Recipe, filters: int, bias: bool) -> LayerOptions:
    """The options with which a type maps what the request's does to as many positions, as far as it can."""
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
    """The padding that gives a window of another extent as many positions; the base's where it would be negative."""
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


def _fractions(base: Report, other: Report) -> str | None:
    """One fraction per stage, of the base's multiplications."""
    first = base.stages[0].to_dict(base.dtype)
    if len(base.stages) != 1 or first["op"] != "conv" or first["groups"] != 1:
        return None
    terms = [Fraction(s.multiplications, base.multiplications) for s in other.stages if s.multiplications]
    return " + ".join(map(str, terms))


def _symbols(recipe: Recipe, base: Layer, other: Layer) -> str | None:
    """The type's closed form, in N filters, k the base's kernel, m multiplier and g groups."""
    if recipe.ratio is None:
        return None
    kernel, multiplier = base.request.kernel, other.request.multiplier or 1
    unequal = "·".join(f"k{axis}" for axis in range(1, len(kernel) + 1))
    taps = _SUPERSCRIPT[len(kernel)] if len(set(kernel)) == 1 else f"({unequal})"
    return recipe.ratio.replace("m/", "1/" if multiplier == 1 else "m/").replace("K", taps)
