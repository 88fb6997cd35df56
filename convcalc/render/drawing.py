"""Scenes on a terminal or a pipe, still or moving."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import TextIO

from convcalc.render.scene_text import ASCII, UNICODE, Line, Signs, scene_lines
from convcalc.render.streams import HIDE_CURSOR, show_now, styled, with_cursor_back
from convcalc.render.table import terminal
from convcalc.scenes.scene import Scene

PIPED = 80, 30
LEAST = 4
"""Rows and columns of a grid that are shown however small the terminal is."""
UP, CLEAR_REST, CLEAR_LINE = "\x1b[{}F", "\x1b[J", "\x1b[K"


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


def fitted(scenes_at: Callable[[int, int], list[Scene]], ascii: bool = False) -> list[Scene]:
    """The pictures with as many rows and columns per grid as fit the terminal; those that never do may be higher.

    scenes_at: makes them, given the most rows and columns.
    """
    width, height = room()
    signs = signs_for(sys.stdout, ascii)

    def fits(scenes: Sequence[Scene], lines: float) -> bool:
        drawn = [[*scene_lines(scene, _longest(scene), width, signs)] for scene in scenes]
        wide = max(sum(len(text) for text, _ in line) for lines in drawn for line in lines)
        return wide <= width and max(map(len, drawn)) < lines

    most = max(LEAST, height - 6), max(LEAST, (width - 12) // 4)
    found = _largest(scenes_at, lambda scenes: fits(scenes, height), most) if sys.stdout.isatty() else None
    return found or _largest(scenes_at, lambda scenes: fits(scenes, inf), most) or scenes_at(LEAST, LEAST // 2)


def _largest(
    scenes_at: Callable[[int, int], list[Scene]], fits: Callable[[list[Scene]], bool], most: tuple[int, int]
) -> list[Scene] | None:
    """The scenes with the most rows times columns of those that fit; fewer columns may put grids side by side."""
    best, area = None, 0
    for columns in sorted({LEAST // 2, *(most[1] * sixths // 6 for sixths in range(1, 7))}, reverse=True):
        rows, low, high = most[0], LEAST, most[0]
        if rows * columns <= area:
            break
        if not fits(scenes_at(LEAST, columns)):
            continue
        while low <= high:
            scenes = scenes_at(rows, columns)
            if not fits(scenes):
                high = rows - 1
            else:
                low = rows + 1
                if rows * columns > area:
                    best, area = scenes, rows * columns
            rows = (low + high) // 2
    return best


def _longest(scene: Scene) -> int:
    """The step that has the most to say."""
    return max(range(len(scene.steps)), key=lambda step: sum(map(len, scene.steps[step].lines)))


def play(scenes: Sequence[Scene], steps_per_second: float, ascii: bool = False) -> None:
    """Show one step after the other in place; the last one stays. An interrupt leaves the cursor visible."""
    with with_cursor_back(sys.stdout):
        styled(sys.stdout).write(HIDE_CURSOR)
        for scene in scenes:
            _play(scene, steps_per_second, signs_for(sys.stdout, ascii))


def _play(scene: Scene, steps_per_second: float, signs: Signs) -> None:
    drawn = 0
    for number in range(len(scene.steps)):
        began = time.monotonic()
        width, height = room()
        lines = list(scene_lines(scene, number, width, signs))
        if len(lines) >= height:  # what has left the screen cannot be redrawn
            missing = len(lines) - height + 2
            lines[height - 2 :] = [[(f"{missing} more lines need a higher terminal", "dim")]]
        out = styled(sys.stdout)
        out.write(UP.format(drawn) if drawn else "")
        for line in lines:
            _print(line, cleared=True)
        out.write(CLEAR_REST)
        show_now(sys.stdout)
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
        styled(sys.stdout).write(CLEAR_LINE)
    console.print(text)
