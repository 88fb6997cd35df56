"""`convcalc types`: the table of convolution types, and each on one screen."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.answer import print_json
from convcalc.cli.options import JSON, complete_type
from convcalc.errors import NotationError, shortened
from convcalc.questions.schema import SCHEMA
from convcalc.recipes import BY_NAME, RECIPES
from convcalc.render.table import show
from convcalc.render.views import types_view

NAME = Annotated[
    list[str] | None,
    typer.Argument(metavar="TYPE", help="One type, explained.", autocompletion=complete_type, show_default=False),
]


def command(type: NAME = None, json: JSON = False) -> int:
    """The convolution types; with a name, what one is for, its picture, its numbers, what it saves and costs.

    Examples:
      convcalc types
      convcalc types depthwise-separable
      convcalc types --json
    """
    if type:
        return _lesson(_one(type), json)
    if json:
        types = [
            {
                "name": recipe.name,
                "aliases": list(recipe.aliases),
                "summary": recipe.summary,
                "multiplications": recipe.multiplications,
                "source": recipe.source,
            }
            for recipe in RECIPES
        ]
        print_json({"schema": SCHEMA, "types": types})
    else:
        show(types_view())
    return 0


def _one(words: list[str]) -> str:
    """The type that the words name, perhaps in two words as in `depthwise separable`."""
    joined = "-".join(words)
    if len(words) > 1 and joined.lower() not in BY_NAME:
        raise NotationError(f"types: takes one type, got {shortened(' '.join(words))}; use convcalc types {words[0]}")
    return joined


def _lesson(type: str, json: bool) -> int:
    from convcalc.questions.lesson import taught
    from convcalc.render.drawing import fitted
    from convcalc.render.lesson import show_lesson
    from convcalc.scenes import scenes_of
    from convcalc.scenes.view import View

    lesson = taught(type)
    if json:
        print_json({"schema": SCHEMA, **lesson.to_dict()})
        return 0
    graph, picture = lesson.report.graph, lesson.lesson.picture
    show_lesson(lesson, fitted(lambda rows, columns: scenes_of(graph, View(None, rows, columns), picture)))
    return 0
