"""A convolution type on one screen: what it is for, its picture, its numbers, what it saves and costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from textwrap import wrap

from convcalc.questions.lesson import Taught
from convcalc.render.drawing import room, show_scenes
from convcalc.render.table import terminal
from convcalc.scenes.scene import Scene

WIDEST = 100
"""Columns of running text."""


def show_lesson(taught: Taught, scenes: Sequence[Scene], ascii: bool = False) -> None:
    """Print the lesson, with its picture in the middle."""
    recipe, lesson = taught.recipe, taught.lesson
    names = f" ({', '.join(recipe.aliases)})" if recipe.aliases else ""
    _print(f"{recipe.name}{names}", "bold")
    _paragraph(lesson.purpose)
    print()
    show_scenes(scenes, ascii)
    print()
    for sentence in taught.sentences:
        _paragraph(sentence)
    _paragraph(f"Multiplications: {recipe.multiplications}")
    _paragraph(f"Saves: {lesson.saves}")
    _paragraph(f"Costs: {lesson.costs}")
    _paragraph(f"Source: {recipe.source}")


def _paragraph(text: str) -> None:
    for line in wrap(text, min(WIDEST, room()[0])):
        _print(line)


def _print(text: str, style: str = "") -> None:
    if sys.stdout.isatty():
        terminal(sys.stdout).print(text, style=style)
    else:
        print(text)
