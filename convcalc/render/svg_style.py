"""How SVG files look: sizes, colours in the light and in the dark, and text."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from convcalc.errors import one_line
from convcalc.scenes.scene import Role

WIDTH, NARROWEST = 720, 440
"""A page is as wide as its pictures need: the narrower, the larger is its text on a phone."""
MARGIN = 20
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
TEXT, SMALL, LINE = 14, 11, 20
INK, DARK_INK, PAPER, DARK_PAPER, FAINT, DARK_FAINT = "#111111", "#e6edf3", "#ffffff", "#0d1117", "#57606a", "#8b949e"


class Look(NamedTuple):
    """Fills, text colours and outline of a role, in the light and in the dark."""

    fill: str
    dark: str
    ink: str = INK
    dark_ink: str = "#ffffff"
    outline: str = "stroke-width='1'"


LOOKS = {
    Role.INPUT: Look("#9ccbf2", "#2b5f8c"),
    Role.PADDING: Look("#cccccc", "#3d444d", outline="stroke-width='1' stroke-dasharray='3 2'"),
    Role.INSERTED: Look("#ffffff", "#0d1117", outline="stroke-width='1' stroke-dasharray='1 2'"),
    Role.OUTPUT: Look("#f0b429", "#8a6410"),
    Role.CROPPED: Look("#cccccc", "#3d444d", outline="stroke-width='1' stroke-dasharray='3 2'"),
    Role.WEIGHT: Look("#0072b2", "#7cc4f8", "#ffffff", "#0d1117"),
    Role.NOTHING: Look("#ffffff", "#0d1117", outline="stroke-width='0.5'"),
    Role.TAP: Look("#0072b2", "#7cc4f8", "#ffffff", "#0d1117", "stroke-width='2'"),
    Role.HOLE: Look("#ffffff", "#0d1117", outline="stroke-width='2' stroke-dasharray='4 3'"),
    Role.MADE: Look("#d55e00", "#ff9e4a", "#ffffff", "#0d1117", "stroke-width='2.5'"),
}


def escaped(text: str) -> str:
    """Text in a file of markup, without characters that XML forbids or that have no glyph."""
    return escape(one_line(text))


def text_at(x: float, y: float, text: str, size: float, kind: str, anchor: str = "start", weight: str = "") -> str:
    fill = INK if kind == "ink" else FAINT
    bold = f" font-weight='{weight}'" if weight else ""
    at = "" if anchor == "start" else f" text-anchor='{anchor}'"
    place = f"x='{x:g}' y='{y:g}' font-size='{size:.3g}'"
    return f"<text class='{kind}' {place} fill='{fill}'{at}{bold}>{escaped(text)}</text>"


def dark_colours() -> str:
    """The colours in the dark."""
    roles = "".join(
        f".{role.value}{{fill:{look.dark}}}.on-{role.value}{{fill:{look.dark_ink}}}" for role, look in LOOKS.items()
    )
    return (
        f"@media (prefers-color-scheme:dark){{.paper{{fill:{DARK_PAPER}}}.ink{{fill:{DARK_INK}}}"
        f".faint{{fill:{DARK_FAINT}}}path{{stroke:{DARK_FAINT}}}.link{{stroke:{DARK_INK}}}.halo{{stroke:{DARK_PAPER}}}{roles}}}"
    )
