"""Scenes on a terminal or a pipe, still or moving."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from convcalc.render.scene_text import ASCII, UNICODE, Line, Signs, scene_lines
from convcalc.render.table import terminal
from convcalc.scenes.scene import Scene

PIPED = 80, 36
HIDE_CURSOR, SHOW_CURSOR, UP, CLEAR_REST, CLEAR_LINE = "\x1b[?25l", "\x1b[?25h", "\x1b[{}F", "\x1b[J", "\x1b[K"


def signs_for(file: TextIO, ascii: bool) -> Signs:
    """Unicode where the output can show it, unless ASCII is asked for."""
    return UNICODE if not ascii and (file.encoding or "ascii").lower().startswith("utf") else ASCII


def room() -> tuple[int, int]:
    """(columns, lines) of the terminal; without one, those of a page."""
    if not sys.stdout.isatty():
        return PIPED
    console = terminal(sys.stdout)
    return console.width, console.height


def show_scenes(scenes: Sequence[Scene], ascii: bool = False) -> None:
    """Print the pictures below one another, each at the step it is about."""
    width, _ = room()
    signs = signs_for(sys.stdout, ascii)
    for number, scene in enumerate(scenes):
        if number:
            print()
        for line in scene_lines(scene, scene.shown, width, signs):
            _print(line)


def play(scenes: Sequence[Scene], steps_per_second: float, ascii: bool = False) -> None:
    """Show one step after the other in place; the last one stays. An interrupt leaves the cursor visible."""
    sys.stdout.write(HIDE_CURSOR)
    try:
        for scene in scenes:
            _play(scene, steps_per_second, signs_for(sys.stdout, ascii))
    finally:
        sys.stdout.write(SHOW_CURSOR)
        sys.stdout.flush()


def _play(scene: Scene, steps_per_second: float, signs: Signs) -> None:
    drawn = 0
    for number in range(len(scene.steps)):
        began = time.monotonic()
        lines = list(scene_lines(scene, number, room()[0], signs))
        sys.stdout.write(UP.format(drawn) if drawn else "")
        for line in lines:
            _print(line, cleared=True)
        sys.stdout.write(CLEAR_REST)
        sys.stdout.flush()
        drawn = len(lines)
        if number + 1 < len(scene.steps):
            time.sleep(max(0.0, 1 / steps_per_second - (time.monotonic() - began)))


def _print(line: Line, cleared: bool = False) -> None:
    if not sys.stdout.isatty():
        print("".join(text for text, _ in line).rstrip())
        return
    from rich.text import Text

    console = terminal(sys.stdout)
    text = Text.assemble(*line)
    if cleared:
        text.truncate(console.width)
        sys.stdout.write(CLEAR_LINE)
    console.print(text)
