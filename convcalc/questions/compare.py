"""A layer or a row of layer words compared with other types, and networks with each other, with exact ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd
from typing import Any

from convcalc.errors import ConvcalcError, NotationError, ShapeError
from convcalc.graph.graph import Graph, Group
from convcalc.graph.primitives import Correlate
from convcalc.notation import show_size
from convcalc.questions.fitting import STAND_INS, fitting_options, stand_in
from convcalc.questions.replace import with_type
from convcalc.questions.report import Report, layer_report
from convcalc.questions.schema import SCHEMA
from convcalc.recipes import RECIPES, named_dims, recipe_named
from convcalc.recipes.options import LayerOptions, layer_graph
from convcalc.recipes.recipe import Recipe

RATIOS = ("parameters", "multiplications", "activations", "peak_activation_bytes")
"""The totals of networks that are compared by ratio."""
MAX_TRIED = 64
"""The largest groups that are tried for a type whose own do not divide the channels."""
_SUPERSCRIPT = {1: "k", 2: "k²", 3: "k³"}


@dataclass(frozen=True, slots=True)
class Compared:
    """Another type's report and its ratios to the base, None if the base's number is 0.

    `name` is the type's. ratio_formula: the ratio of multiplications as a sum of one fraction per stage
    (`1/128 + 1/9`), if the base is one ungrouped convolution; closed_form: the same in symbols (`1/N + 1/k²`), if the
    type states one.
    """

    name: str
    report: Report
    ratio_multiplications: Fraction | None
    ratio_parameters: Fraction | None
    ratio_formula: str | None = None
    closed_form: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.report.to_dict(),
            **({"compared_type": self.name} if self.name != self.report.type else {}),
            "ratio_multiplications": _float(self.ratio_multiplications),
            "ratio_parameters": _float(self.ratio_parameters),
            "ratio_formula": self.ratio_formula,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The base, the types compared with it, and those that cannot map the same sizes, each with the reason."""

    base: Report
    compared: tuple[Compared, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for each type that is left out."""
        return tuple(f"{name} is left out: {why}" for name, why in self.left_out)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "base": self.base.to_dict(),
            "compared": [row.to_dict() for row in self.compared],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class NetworkComparison:
    """A base and the networks it is compared with."""

    base: Report
    compared: tuple[Report, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """A note about the receptive fields, if they are not of one kind."""
        return field_notes((self.base, *self.compared))

    def to_dict(self) -> dict[str, Any]:
        compared = []
        for report in self.compared:
            ratios = {f"ratio_{total}": _float(ratio_of(report, self.base, total)) for total in RATIOS}
            compared.append({**report.to_dict(), **ratios})
        return {"schema": SCHEMA, "base": self.base.to_dict(), "compared": compared, "notes": list(self.notes)}


def field_notes(reports: Sequence[Report]) -> tuple[str, ...]:
    """A note that says of which layer the receptive field of each network is, and which of them are the whole image.

    None if all are of one kind, such as that of the last layer before a global pool.
    """
    kinds, said = set(), []
    for report in reports:
        fields, output = report.fields, report.graph.output
        whole = any(along.field.whole.runs for along in fields.seen[fields.mapped])
        kinds.add((fields.mapped == output, whole))
        if whole:
            said.append(f"{report.name}'s is the whole image")
        elif fields.mapped == output:
            said.append(f"{report.name}'s is of its output")
        else:
            said.append(f"{report.name}'s is of {report.graph.labels[fields.mapped]}, before the whole image is read")
    return (f"receptive fields: {'; '.join(dict.fromkeys(said))}",) if len(kinds) > 1 else ()


def ratio_of(report: Report, base: Report, total: str) -> Fraction | None:
    """A total over the base's, None if the base's is 0."""
    ours, theirs = report.total(total), base.total(total)
    return Fraction(ours, theirs) if theirs else None


def compare(type: str, options: LayerOptions, types: Iterable[str], *, batch: int, dtype: str) -> Comparison:
    """A layer of one type compared with each of the types; `all` means those that map its input to its output.

    Options that the layer's own type does not have apply to the compared types; so do the groups, if only a compared
    type is grouped by its nature.

    Raises ShapeError, with the reason, for a named type that cannot map the same sizes.
    """
    names = _asked(types)
    base = layer_report(layer_graph(type, _own_options(type, options, names), batch), dtype=dtype)

    def remedy(recipe: Recipe) -> str:
        """The option with which the type maps the same sizes, if there is one."""
        common = gcd(base.input[0], (base.output or (1,))[0])
        groups = [divisor for divisor in range(2, min(common, MAX_TRIED) + 1) if common % divisor == 0][:1]
        for name, value in (("padding", "same"), *(("groups", str(each)) for each in groups)):
            changes: dict[str, Any] = {name: value}
            try:
                changed = replace(options, **changes)
                own = layer_graph(type, _own_options(type, changed, [recipe.name]), batch)
                _compared(layer_report(own, dtype=dtype), changed, recipe)
            except ConvcalcError:
                continue
            return f"use --{name} {value}"
        return f"leave {recipe.name} out"

    return _beside(base, names, recipe_named(type), lambda recipe: _compared(base, options, recipe), remedy)


def compare_chain(graph: Graph, types: Iterable[str], *, dtype: str) -> Comparison:
    """A row of layer words compared with itself, its convolutions replaced by each of the types in turn.

    Transposed convolutions stay, unless the type is transposed. Raises ShapeError, with the reason, for a named type
    that cannot map the same sizes.
    """
    names, base = _asked(types), layer_report(graph, dtype=dtype)

    def compared(recipe: Recipe) -> Compared:
        chosen = {
            number: group
            for number, group in enumerate(graph.groups)
            if group.type is not None and (group.type == "transposed") == (recipe.name == "transposed")
        }
        if not chosen:
            raise ShapeError(f"{recipe.name}: the row has no layer that it could stand for")
        try:
            changed = with_type(graph, chosen, recipe)
        except ConvcalcError as error:  # which names the layer by its number alone
            number, _, why = str(error).partition(": ")
            word = next(group.op for group in graph.groups if group.name == number)
            raise type(error)(f"layer {number}, {word}: {why.removeprefix(f'{recipe.name}: ')}") from None
        other = layer_report(changed, dtype=dtype)
        ratios = ratio_of(other, base, "multiplications"), ratio_of(other, base, "parameters")
        return Compared(recipe.name, replace(other, notes=()), *ratios)

    return _beside(base, names, None, compared, lambda recipe: f"leave {recipe.name} out")


def _asked(types: Iterable[str]) -> list[str]:
    """The names once each; `all` in any case, as the types' own names."""
    names = list(dict.fromkeys("all" if name.lower() == "all" else name for name in types))
    for name in names:
        try:
            name == "all" or recipe_named(name)
        except NotationError as error:
            message = str(error).replace("--type", "--compare")
            if "is no type here" in message and "--compare" not in message:
                message = f"{message.partition('; ')[0]}; leave {name} out"
            raise NotationError(message) from None
    return names


def _beside(
    base: Report,
    names: Sequence[str],
    own: Recipe | None,
    compared: Callable[[Recipe], Compared],
    remedy: Callable[[Recipe], str],
) -> Comparison:
    """The base compared with every named type; with `all`, types that cannot map the same sizes are listed in notes."""
    dims = len(base.input) - 1
    for name in names:
        if name != "all" and named_dims(name) not in (None, dims):
            raise ShapeError(
                f"compare: {name} is for {named_dims(name)}-D data, got a {dims}-D input; use --compare standard"
            )
    every = "all" in names
    recipes = [r for r in RECIPES if r is not own and r.name not in STAND_INS] if every else []
    recipes += [recipe for name in names if name != "all" and (recipe := stand_in(name)) not in recipes]
    rows, left_out = [], []
    for recipe in dict.fromkeys(recipes):
        try:
            rows.append(compared(recipe))
        except ConvcalcError as error:
            why = str(error).removeprefix(f"{recipe.name}: ")
            if not every:
                raise ShapeError(f"compare: {recipe.name}: {why.partition('; ')[0]}; {remedy(recipe)}") from None
            left_out.append((recipe.name, why))
    return Comparison(base, tuple(rows), tuple(left_out))


def _own_options(type: str, options: LayerOptions, names: Iterable[str]) -> LayerOptions:
    own = recipe_named(type)
    grouped = any(name == "all" or recipe_named(name).default_groups > 1 for name in names)
    return replace(
        options,
        groups=None if grouped and own.default_groups == 1 and "groups" in own.options else options.groups,
        multiplier=options.multiplier if "multiplier" in own.options else None,
        mid_channels=options.mid_channels if "mid_channels" in own.options else None,
    )


def _compared(base: Report, options: LayerOptions, recipe: Recipe) -> Compared:
    group = base.graph.groups[-1]
    options = _options_for(base, group, options, recipe)
    other = replace(layer_report(layer_graph(recipe.name, options, base.batch), dtype=base.dtype), notes=())
    if other.output != base.output:
        raise ShapeError(f"it gives {show_size(other.output or ())}, not {show_size(base.output or ())}")
    formula = _fractions(base, other)
    return Compared(
        recipe.name,
        other,
        Fraction(other.multiplications, base.multiplications),
        Fraction(other.parameters, base.parameters),
        formula,
        _symbols(recipe, group, other.graph.groups[-1]) if formula else None,
    )


def _options_for(base: Report, group: Group, options: LayerOptions, recipe: Recipe) -> LayerOptions:
    """The base's geometry, and those of the other options that the compared type has."""
    assert group.request is not None
    assert base.output is not None
    return replace(
        fitting_options(group.request, recipe, base.output[0], options.bias),
        input=base.input,
        groups=options.groups if recipe.default_groups > 1 else None,
        multiplier=options.multiplier if "multiplier" in recipe.options else None,
        mid_channels=options.mid_channels if "mid_channels" in recipe.options else None,
    )


def _fractions(base: Report, other: Report) -> str | None:
    """One fraction per stage, of the base's multiplications."""
    primitive = base.stages[0].node.primitive
    if len(base.stages) != 1 or not isinstance(primitive, Correlate) or primitive.groups != 1:
        return None
    terms = [Fraction(s.multiplications, base.multiplications) for s in other.stages if s.multiplications]
    return " + ".join(map(str, terms))


def _symbols(recipe: Recipe, base: Group, other: Group) -> str | None:
    """The type's closed form, in N filters, k the base's kernel, m multiplier and g groups."""
    assert base.request is not None
    assert other.request is not None
    if recipe.ratio is None:
        return None
    kernel, multiplier = base.request.kernel, other.request.multiplier or 1
    unequal = "·".join(f"k{axis}" for axis in range(1, len(kernel) + 1))
    taps = _SUPERSCRIPT[len(kernel)] if len(set(kernel)) == 1 else f"({unequal})"
    return recipe.ratio.replace("m/", "1/" if multiplier == 1 else "m/").replace("K", taps)


def _float(ratio: Fraction | None) -> float | None:
    return None if ratio is None else float(ratio)
