"""A run's result as a picture on a terminal."""

from __future__ import annotations

from typing import TextIO

import numpy as np

from convcalc.notation import Layout
from convcalc.render.preview import preview_lines
from convcalc.render.table import terminal


def show_picture(out: np.ndarray, dims: int, layout: Layout, file: TextIO) -> None:
    """Print the picture of an array of `dims` spatial axes, as wide as the terminal and in its colours."""
    channel = out.ndim - dims - 1
    first = np.moveaxis(out, -1, channel) if layout == "channels-last" and channel >= 0 else out
    console = terminal(file)
    colour = console.color_system if file.isatty() else None
    unicode = (file.encoding or "ascii").lower().startswith("utf")
    for line in preview_lines(first, console.width, color=colour, unicode=unicode, dims=dims):
        print(line, file=file)
