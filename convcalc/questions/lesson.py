"""A convolution type explained by an example: its numbers, and the standard convolution's for the same map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convcalc.notation import show_size
from convcalc.questions.chain import chain_fields
from convcalc.questions.compare import compare
from convcalc.questions.layer import analyze
from convcalc.questions.report import Report
from convcalc.readers.words import row_graph
from convcalc.recipes import recipe_named
from convcalc.recipes.lessons import LESSONS, Lesson
from convcalc.recipes.options import LayerOptions
from convcalc.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Taught:
    """A type's lesson with the numbers of its example, and sentences worked out from them."""

    recipe: Recipe
    lesson: Lesson
    report: Report
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        recipe, lesson = self.recipe, self.lesson
        return {
            "name": recipe.name,
            "aliases": list(recipe.aliases),
            "summary": recipe.summary,
            "purpose": lesson.purpose,
            "saves": lesson.saves,
            "costs": lesson.costs,
            "multiplications": recipe.multiplications,
            "source": recipe.source,
            "example": self.report.to_dict(),
            "sentences": list(self.sentences),
        }


def taught(name: str) -> Taught:
    """The lesson of a type, by its name or alias. Raises NotationError for an unknown name."""
    recipe = recipe_named(name)
    lesson = LESSONS[recipe.name]
    report = analyze(recipe.name, **lesson.example)
    return Taught(recipe, lesson, report, tuple(_sentences(recipe, lesson, report)))


def _sentences(recipe: Recipe, lesson: Lesson, report: Report) -> list[str]:
    """The example in numbers."""
    found = [f"{show_size(report.input)} -> {show_size(report.output or ())}: {_sum(report)} multiplications"]
    if lesson.compared:
        example = LayerOptions(**lesson.example)
        [standard] = compare(recipe.name, example, ["standard"], batch=1, dtype="float32").compared
        found[0] += f"; the standard convolution {standard.report.multiplications:,}"
    for words, options in lesson.beside:
        other = analyze(recipe.name, **options)
        found.append(f"{words}: {show_size(other.input[1:])} becomes {show_size((other.output or ())[1:])}")
    if lesson.fields:
        fields = chain_fields(row_graph(list(lesson.fields)), sized=False)
        sizes = [layer["receptive_field"]["size"][0] for layer in fields.to_dict()["layers"]]
        found.append(f"receptive fields along {' '.join(lesson.fields)}: {', '.join(map(str, sizes))}")
    return found


def _sum(report: Report) -> str:
    """The multiplications, as a sum over the stages if there are several that multiply."""
    parts = [stage.multiplications for stage in report.stages if stage.multiplications]
    total = f"{report.multiplications:,}"
    return total if len(parts) == 1 else f"{' + '.join(f'{part:,}' for part in parts)} = {total}"
