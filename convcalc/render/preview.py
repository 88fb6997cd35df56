"""Pictures of arrays in a terminal: half-block pixels, characters from light to dark, bar charts of signals.

Several channels are small pictures side by side, on one scale. The caption says what was left out or scaled.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convcalc.render.pixels import (
    ENLARGED_VALUE,
    MISSING,
    Array,
    Floats,
    Mask,
    characters,
    color_codes,
    fitted,
    half_blocks,
    shades,
)

ASCII_RAMP = " .:-=+*#%@"
SHADE_RAMP = " ░▒▓█"
ASCII_BARS = " #"
BLOCK_BARS = " ▁▂▃▄▅▆▇█"

MOST_PICTURES, MOST_CHARTS = 16, 6
"""Channels that are shown together."""
SMALL = 18
"""Fewest columns of a small picture, if the terminal has as many."""
GAP = 2
"""Columns between small pictures."""
CHART_ROWS, SMALL_CHART_ROWS = 8, 4
LABEL_WIDTH = 10  # the longest label is -1.23e+300
HUGE, HUGE_UNIT = 1e290, 2.0**128  # sums of larger float64 values could overflow, so these are divided first


@dataclass(frozen=True, slots=True)
class Preview:
    """The lines of a picture, all of one width, and the sentence that describes it."""

    lines: list[str]
    caption: str


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Real numbers to show, in multiples of `unit`, 0 if not `finite`; complex ones by their magnitude."""

    values: Array
    finite: Mask
    unit: float
    symbol: str


def preview_lines(
    array: Array,
    columns: int,
    *,
    color: str | None = None,
    unicode: bool = True,
    dims: int | None = None,
    rows: int | None = None,
    channel: int | None = None,
    rgb: bool = False,
) -> list[str]:
    """The picture and under it the caption, folded to `columns`: lines ready to print. Arguments as of `preview`.

    >>> for line in preview_lines(np.array([[0, 0, 9], [0, 6, 9]]), 24, unicode=False, rows=2):
    ...     print(f"|{line}")
    |    @@
    |  **@@
    |2x3 int64, values 0 to
    |9; blank is 0, '@' is 9
    """
    shown = preview(array, columns, color=color, unicode=unicode, dims=dims, rows=rows, channel=channel, rgb=rgb)
    return shown.lines + textwrap.wrap(shown.caption, max(1, columns))


def preview(
    array: Array,
    columns: int,
    *,
    color: str | None = None,
    unicode: bool = True,
    dims: int | None = None,
    rows: int | None = None,
    channel: int | None = None,
    rgb: bool = False,
) -> Preview:
    """A picture of `array` made of characters, and its caption.

    array: `(*spatial)`, `(channels, *spatial)` or `(batch, channels, *spatial)`, of any real or complex dtype.
    dims: how many of the axes are spatial; by default 1 for an array of one axis and else 2. Shown are the first
    image of a batch and the middle slice of a volume; of several channels, each as a small picture, up to a number of
    them, or the one that `channel` names, counted from 1. With `rgb`, three channels are red, green and blue.

    columns, rows: characters that the picture may take; by default half as many rows as columns, the room of
    a square picture. One character is 1 x 2 pixels. A larger array is averaged down, a small one enlarged.

    color: "truecolor" or "256", in the words of `rich.console.Console.color_system`; anything else means no escape
    codes. Without `unicode` every character is ASCII and there is no colour.

    A picture of values of both signs shows their magnitudes, as an edge is an edge either way; a chart keeps the
    sign. A `?` marks a value that is NaN or infinite.

    >>> preview(np.array([0, 1, 2, 4]), 4, unicode=False, rows=3)
    Preview(lines=['   #', '  ##', '####'], caption='4 int64, values 0 to 4')
    """
    columns = max(1, columns)
    rows = max(1, columns // 2 if rows is None else rows)
    if array.size == 0:
        return Preview([], f"{_size_text(array.shape)} {array.dtype}, nothing to show")
    values, words = _chosen(array.reshape(1) if array.ndim == 0 else array, dims, channel, rgb)
    numbers = _numbers(values)
    if values.ndim == 2:
        lines, scale = _charts(numbers, columns, rows, unicode)
    else:
        lines, scale = _image(numbers, columns, rows, color if unicode else None, unicode, rgb=rgb)
    what = f"{_size_text(values.shape if len(values) > 1 else values.shape[1:])} {array.dtype}, {_range_text(numbers)}"
    return Preview(lines, "; ".join([*words, what, *scale]))


def _chosen(array: Array, dims: int | None, channel: int | None, rgb: bool) -> tuple[Array, list[str]]:
    """The part that fits a screen, `(channels, length)` or `(channels, height, width)`, and words for the choice."""
    dims = min(dims or (1 if array.ndim == 1 else 2), array.ndim)
    leading, spatial = array.shape[: array.ndim - dims], array.shape[array.ndim - dims :]
    channels = leading[-1] if leading else 1
    values = array.reshape(-1, channels, *spatial)[0]
    words = [f"the first of {prod(leading[:-1])}"] if prod(leading[:-1]) > 1 else []
    most = MOST_CHARTS if dims == 1 else MOST_PICTURES
    if channel is not None:
        values = values[channel - 1 : channel]
        words.append(f"channel {channel} of {channels}")
    elif channels > most:
        values = values[:most]
        words.append(f"channels 1 to {most} of {channels}, on one scale")
    elif channels > 1 and not rgb:
        words.append(f"{channels} channels, on one scale")
    if dims == 3:
        depth = spatial[0]
        values = values[..., depth // 2, :, :]
        words.append(f"slice {depth // 2 + 1} of {depth}")
    return values, words


def _numbers(values: Array) -> _Numbers:
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, np.zeros((), values.dtype))
    unit = 1.0
    if values.dtype.kind in "fc" and float(max(abs(values.real).max(), abs(values.imag).max())) > HUGE:
        values, unit = values / HUGE_UNIT, HUGE_UNIT
    if values.dtype.kind == "c":
        # hypot in float64: the magnitude of a complex64 at the end of its range is beyond float32
        return _Numbers(np.hypot(values.real, values.imag, dtype=np.float64), finite, unit, "|z|")
    return _Numbers(values, finite, unit, "")


def _image(
    numbers: _Numbers, columns: int, rows: int, color: str | None, unicode: bool, *, rgb: bool
) -> tuple[list[str], list[str]]:
    """The channels side by side, or as one picture in colours; and words for the scale."""
    values = numbers.values
    folded = bool(values.min() < 0 < values.max())
    if folded:
        values = np.abs(values.astype(np.float64))  # int8 has no 128
    across = 1 if rgb else max(1, min(len(values), (columns + GAP) // (SMALL + GAP)))
    room = max(1, (columns - GAP * (across - 1)) // across)
    height, width = fitted(values.shape[-2], values.shape[-1], room, rows if across == 1 else min(rows, room // 2 or 1))
    blocks = color in ("truecolor", "256")
    pictured = rgb and values.dtype == np.uint8
    scaled = shades(
        values,
        numbers.finite,
        (height if blocks else -(-height // 2), width),
        low=0.0 if folded or pictured or numbers.symbol else None,
        high=255.0 if pictured else None,
    )
    low, high = (_number_text(bound * numbers.unit) for bound in (scaled.low, scaled.high))
    ramp = SHADE_RAMP if unicode else ASCII_RAMP

    def drawn(level: Floats, missing: Mask) -> list[str]:
        if not blocks:
            return characters(level if level.ndim == 2 else level.mean(axis=-1), missing, ramp)
        coloured = level if level.ndim == 3 else np.stack([level] * 3, axis=-1)
        return half_blocks(color_codes(np.rint(coloured * 255).astype(np.int64), color == "256"), missing)

    scale = ["|x| shown"] if folded else []
    if rgb:
        lines = drawn(np.moveaxis(scaled.level, 0, -1), np.logical_or.reduce(scaled.missing, axis=0))
        scale.append("channels 1, 2, 3 are red, green, blue" if blocks else "mean of red, green, blue")
    else:
        pictures = [drawn(level, missing) for level, missing in zip(scaled.level, scaled.missing, strict=True)]
        lines = pictures[0] if len(pictures) == 1 else _side_by_side(pictures, width, across)
    dark, light = ("black", "full" if rgb else "white") if blocks else ("blank", f"'{ramp[-1]}'")
    scale.append("all shown alike" if scaled.even else f"{dark} is {low}, {light} is {high}")
    return lines, scale


def _side_by_side(pictures: Sequence[list[str]], width: int, across: int) -> list[str]:
    """Pictures of one width in rows, each under its number; lines of one width."""
    gap, lines = " " * GAP, []
    for first in range(0, len(pictures), across):
        row = pictures[first : first + across]
        numbers = gap.join(f"{first + i + 1:<{width}}"[:width] for i in range(len(row)))
        blank = (width + GAP) * (across - len(row) if len(pictures) > across else 0) * " "
        lines += [text + blank for text in (numbers, *map(gap.join, zip(*row, strict=True)))]
    return lines


def _charts(numbers: _Numbers, columns: int, rows: int, unicode: bool) -> tuple[list[str], list[str]]:
    """Bars that rise from the lowest value shown, which still has the smallest bar; each channel under its number."""
    bars, edge = (BLOCK_BARS, "│") if unicode else (ASCII_BARS, "|")
    labelled = columns >= 2 * LABEL_WIDTH
    room = columns - LABEL_WIDTH - 2 if labelled else columns
    several, length = len(numbers.values) > 1, numbers.values.shape[-1]
    width = room if length > room else length * min(ENLARGED_VALUE, room // length)
    scaled = shades(numbers.values, numbers.finite, (width,), robust=False)
    rows = min(SMALL_CHART_ROWS if several else CHART_ROWS, rows)
    labels = [""] * rows
    labels[-1] = f"{scaled.low * numbers.unit:.3g}"
    labels[0] = f"{scaled.high * numbers.unit:.3g}"
    lines = []
    for number, (level, missing) in enumerate(zip(scaled.level, scaled.missing, strict=True), 1):
        chart = _bars(level, missing, rows, bars)
        if labelled:
            chart = [f"{label:>{LABEL_WIDTH}} {edge}{line}" for label, line in zip(labels, chart, strict=True)]
        lines += [f"{number:<{len(chart[0])}}"[: len(chart[0])], *chart] if several else chart
    return lines, [f"a column is the mean of {length / width:.3g} values"] if length > width else []


def _bars(level: Floats, missing: Mask, rows: int, bars: str) -> list[str]:
    steps = len(bars) - 1
    heights = np.where(missing, 0, 1 + np.rint(level * (rows * steps - 1)).astype(np.int64))
    lines = []
    for row in range(rows):
        filled = np.clip(heights - (rows - 1 - row) * steps, 0, steps)
        marks = missing if row == rows - 1 else np.zeros_like(missing)
        lines.append("".join(MISSING if mark else bars[step] for step, mark in zip(filled, marks, strict=True)))
    return lines


def _size_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _range_text(numbers: _Numbers) -> str:
    """The extremes of the finite values, and how many are not."""
    finite = numbers.values[numbers.finite]
    if not finite.size:
        return f"no value is finite, marked '{MISSING}'"
    low, high = finite.min(), finite.max()
    if numbers.unit != 1:
        low, high = float(low) * numbers.unit, float(high) * numbers.unit
    if low == high:
        text = f"every {numbers.symbol or 'value'} is {_number_text(low)}"
    else:
        text = f"{numbers.symbol or 'values'} {_number_text(low)} to {_number_text(high)}"
    missing = numbers.finite.size - finite.size
    return f"{text}, {missing} not finite marked '{MISSING}'" if missing else text


def _number_text(value: Any) -> str:
    """An integer in full, a float with four digits."""
    return f"{float(value):.4g}" if isinstance(value, (float, np.floating)) else str(int(value))
