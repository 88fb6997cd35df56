"""Makes terminal.png, the README's picture: two commands run on a terminal of 80 columns in colour.

Run: python docs/make_picture.py, with Pillow installed and a DejaVu Sans Mono font on the system.
"""

from __future__ import annotations

import io
import os
import shlex
from contextlib import redirect_stdout
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.color import ColorTriplet
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from convcalc.cli import exit_code

COLUMNS = 80
CELL = (9, 18)
MARGIN = 12
COMMANDS = (
    "convcalc cost --compare depthwise",
    "convcalc run examples/photo.npy examples/sobel.npy --preview",
)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def screen() -> list[Text]:
    """The lines on the screen after the commands, with their colours."""
    os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    lines: list[Text] = []
    for command in COMMANDS:
        output = Terminal()
        with redirect_stdout(output):
            exit_code(shlex.split(command)[1:])
        lines.append(Text.assemble(("$ ", "bold green"), (command, "bold")))
        lines += [Text.from_ansi(line) for line in output.getvalue().splitlines()]
    return lines


def draw(lines: list[Text], path: Path) -> None:
    """One cell per character; half blocks as two pixels, so that no font leaves gaps."""
    width, height = CELL
    background = tuple(MONOKAI.background_color)
    picture = Image.new("RGB", (COLUMNS * width + 2 * MARGIN, len(lines) * height + 2 * MARGIN), background)
    pen = ImageDraw.Draw(picture)
    fonts = {bold: ImageFont.truetype(f"DejaVuSansMono{'-Bold' if bold else ''}.ttf", 15) for bold in (False, True)}
    console = Console(width=COLUMNS)
    for row, line in enumerate(lines):
        column = 0
        for segment in line.render(console):
            style = segment.style
            colour = style.color.get_truecolor(MONOKAI) if style and style.color else MONOKAI.foreground_color
            behind = style.bgcolor.get_truecolor(MONOKAI) if style and style.bgcolor else None
            if style and style.dim:
                colour = ColorTriplet(*(value * 2 // 3 for value in colour))
            for character in segment.text.rstrip("\n"):
                left, top = MARGIN + column * width, MARGIN + row * height
                if behind:
                    pen.rectangle((left, top, left + width - 1, top + height - 1), fill=tuple(behind))
                if character == "▀":
                    pen.rectangle((left, top, left + width - 1, top + height // 2 - 1), fill=tuple(colour))
                elif character == "─":
                    pen.line((left, top + height // 2, left + width, top + height // 2), fill=tuple(colour))
                else:
                    pen.text((left, top), character, font=fonts[bool(style and style.bold)], fill=tuple(colour))
                column += 1
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    draw(screen(), Path(__file__).parent / "terminal.png")
