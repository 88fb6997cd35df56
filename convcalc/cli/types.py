"""`convcalc types`: the table of convolution types."""

from __future__ import annotations

from convcalc.cli.answer import print_json
from convcalc.cli.options import JSON
from convcalc.questions.schema import SCHEMA
from convcalc.recipes import RECIPES
from convcalc.render.table import show
from convcalc.render.views import types_view


def command(json: JSON = False) -> int:
    """The convolution types: names, what they do, their cost as a formula, where they come from.

    Examples:
      convcalc types
      convcalc types --json
    """
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
