"""Rich's console, with every text written out that could steer the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from convcalc.errors import clean_lines
from convcalc.render.streams import styled


class CleanConsole(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(clean_lines(text), style)


def console(file: TextIO) -> Console:
    """A console that styles by NO_COLOR's rule alone and never takes data for markup."""
    return CleanConsole(
        file=styled(file),
        force_terminal=True,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        markup=False,
        highlight=False,
        emoji=False,
    )
