"""Every type on one screen, with the numbers of the article that many students read."""

from __future__ import annotations

import json

import pytest

from convcalc.recipes import RECIPES
from tests.commands import OnTerminal, Run

ARTICLE = {
    "standard": ["86,400"],  # 128 filters of 3x3x3 at 5x5 places
    "depthwise-separable": ["675 + 9,600 = 10,275", "86,400"],
    "spatially-separable": ["45 + 27 = 72", "81"],
    "transposed": ["2x2 becomes 4x4", "2x2 becomes 5x5"],
    "dilated": ["3, 7, 15"],
}
"""Source: Bai 2019, A Comprehensive Introduction to Different Types of Convolutions in Deep Learning."""
NAMES = [recipe.name for recipe in RECIPES]


@pytest.mark.parametrize("name", NAMES)
def test_a_type_is_explained_on_one_screen(name: str, output: Run) -> None:
    text = output("types", name)
    assert text.startswith(name)
    for heading in ("Multiplications: ", "Saves: ", "Costs: ", "Source: "):
        assert f"\n{heading}" in text
    for number in ARTICLE.get(name, ()):
        assert number in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("recipe", RECIPES, ids=NAMES)
def test_the_json_has_the_example_s_report(recipe, output: Run) -> None:
    told = json.loads(output("types", recipe.aliases[0] if recipe.aliases else recipe.name, "--json"))
    assert told["name"] == told["example"]["type"] == recipe.name
    assert all(told[key] for key in ("purpose", "saves", "costs", "source", "sentences"))


def test_on_a_terminal(on_terminal: OnTerminal) -> None:
    lines = on_terminal(80, "types", "ds")
    assert lines[0].startswith("depthwise-separable")


def test_an_unknown_type(refusal: Run) -> None:
    assert refusal("types", "depthwize").startswith("type: unknown convolution type 'depthwize'; did you mean")
