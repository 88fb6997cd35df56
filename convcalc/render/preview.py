"""Pictures of arrays in a terminal: half-block pixels, characters from light to dark, bar charts of signals.

The only arithmetic is for display: a mean over the values that share a pixel, and a linear scale from the lowest
to the highest shown. The caption under the picture says what was left out or scaled.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import zip_longest
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ASCII_RAMP = " .:-=+*#%@"
SHADE_RAMP = " ░▒▓█"
ASCII_BARS = " #"
BLOCK_BARS = " ▁▂▃▄▅▆▇█"
HALF_BLOCK = "▀"
MISSING = "?"
RESET = "\x1b[0m"

CHART_ROWS = 8
LABEL_WIDTH = 10  # the longest label is -1.23e+300
ENLARGED_SIDE = 32  # a small array grows by a whole even factor, to at most this many pixels
ENLARGED_VALUE = 8  # and one value to at most this many
HUGE, HUGE_UNIT = 1e290, 2.0**128  # sums of larger float64 values could overflow, so these are divided first
FLAT = 1e-9  # a smaller spread, relative to the largest value, is rounding in the means

# The 256-colour palette from 16 on: a 6 x 6 x 6 cube with these levels, then 24 grays.
CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
GRAY_LEVELS = np.arange(8, 248, 10)


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


@dataclass(frozen=True, slots=True)
class _Shades:
    """0 to 1 for every pixel, from `low` to `high`; `missing` marks those with a value that is not finite."""

    level: Floats
    missing: Mask
    low: float
    high: float
    even: bool


def preview_lines(
    array: Array,
    columns: int,
    *,
    color: str | None = None,
    unicode: bool = True,
    dims: int | None = None,
    rows: int | None = None,
) -> list[str]:
    """The picture and under it the caption, folded to `columns`: lines ready to print. Arguments as of `preview`.

    >>> for line in preview_lines(np.array([[0, 0, 9], [0, 6, 9]]), 24, unicode=False, rows=2):
    ...     print(f"|{line}")
    |    @@
    |  **@@
    |2x3 int64, values 0 to
    |9; blank is 0, '@' is 9
    """
    shown = preview(array, columns, color=color, unicode=unicode, dims=dims, rows=rows)
    return shown.lines + textwrap.wrap(shown.caption, max(1, columns))


def preview(
    array: Array,
    columns: int,
    *,
    color: str | None = None,
    unicode: bool = True,
    dims: int | None = None,
    rows: int | None = None,
) -> Preview:
    """A picture of `array` made of characters, and its caption.

    array: `(*spatial)`, `(channels, *spatial)` or `(batch, channels, *spatial)`, of any real or complex dtype.
    dims: how many of the axes are spatial; by default 1 for an array of one axis and else 2. Shown are the first
    image of a batch, the middle slice of a volume, and the first channel; three channels are red, green and blue.

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
    values, words = _first(array.reshape(1) if array.ndim == 0 else array, dims)
    numbers = _numbers(values)
    if values.ndim == 1:
        lines, scale = _chart(numbers, columns, rows, unicode)
    else:
        lines, scale = _image(numbers, columns, rows, color if unicode else None, unicode)
    what = f"{_size_text(values.shape)} {array.dtype}, {_range_text(numbers)}"
    return Preview(lines, "; ".join([*words, what, *scale]))


def _first(array: Array, dims: int | None) -> tuple[Array, list[str]]:
    """The part that fits a screen, `(length)`, `(height, width)` or `(3, height, width)`, and words for the choice."""
    dims = min(dims or (1 if array.ndim == 1 else 2), array.ndim)
    leading, spatial = array.shape[: array.ndim - dims], array.shape[array.ndim - dims :]
    channels = leading[-1] if leading else 1
    values = array.reshape(-1, channels, *spatial)[0]
    words = [f"the first of {prod(leading[:-1])}"] if prod(leading[:-1]) > 1 else []
    if channels != 3 or dims == 1:
        values = values[0]
        words += [f"channel 1 of {channels}"] if channels > 1 else []
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


def _image(numbers: _Numbers, columns: int, rows: int, color: str | None, unicode: bool) -> tuple[list[str], list[str]]:
    values = numbers.values
    folded = bool(values.min() < 0 < values.max())
    if folded:
        values = np.abs(values.astype(np.float64))  # int8 has no 128
    height, width = _pixels(values.shape[-2], values.shape[-1], columns, rows)
    blocks = color in ("truecolor", "256")
    size = (height if blocks else -(-height // 2), width)
    pictured = values.ndim == 3 and values.dtype == np.uint8
    shades = _shades(
        values,
        numbers.finite,
        size,
        low=0.0 if folded or pictured or numbers.symbol else None,
        high=255.0 if pictured else None,
    )
    low, high = (_number_text(bound * numbers.unit) for bound in (shades.low, shades.high))
    scale = ["|x| shown"] if folded else []
    level, missing = shades.level, shades.missing
    if values.ndim == 3:
        missing = np.logical_or.reduce(missing, axis=0)
        level = np.moveaxis(level, 0, -1) if blocks else level.mean(axis=0)
        scale.append("red, green, blue" if blocks else "mean of red, green, blue")
    else:
        level = np.stack([level] * 3, axis=-1) if blocks else level
    if blocks:
        lines = _half_blocks(_color_codes(np.rint(level * 255).astype(np.int64), color == "256"), missing)
        dark, light = "black", "white" if values.ndim == 2 else "full"
    else:
        ramp = SHADE_RAMP if unicode else ASCII_RAMP
        lines = _characters(level, missing, ramp)
        dark, light = "blank", f"'{ramp[-1]}'"
    scale.append("all shown alike" if shades.even else f"{dark} is {low}, {light} is {high}")
    return lines, scale


def _chart(numbers: _Numbers, columns: int, rows: int, unicode: bool) -> tuple[list[str], list[str]]:
    """Bars that rise from the lowest value shown, which still has the smallest bar."""
    bars, edge = (BLOCK_BARS, "│") if unicode else (ASCII_BARS, "|")
    labelled = columns >= 2 * LABEL_WIDTH
    room = columns - LABEL_WIDTH - 2 if labelled else columns
    length = numbers.values.size
    width = room if length > room else length * min(ENLARGED_VALUE, room // length)
    shades = _shades(numbers.values, numbers.finite, (width,), robust=False)

    rows = min(CHART_ROWS, rows)
    steps = len(bars) - 1
    heights = np.where(shades.missing, 0, 1 + np.rint(shades.level * (rows * steps - 1)).astype(np.int64))
    lines = []
    for row in range(rows):
        filled = np.clip(heights - (rows - 1 - row) * steps, 0, steps)
        marks = shades.missing if row == rows - 1 else np.zeros_like(shades.missing)
        lines.append("".join(MISSING if mark else bars[step] for step, mark in zip(filled, marks, strict=True)))
    if labelled:
        labels = [""] * rows
        labels[-1] = f"{shades.low * numbers.unit:.3g}"
        labels[0] = f"{shades.high * numbers.unit:.3g}"
        lines = [f"{label:>{LABEL_WIDTH}} {edge}{line}" for label, line in zip(labels, lines, strict=True)]
    return lines, [f"a column is the mean of {length / width:.3g} values"] if length > width else []


def _pixels(height: int, width: int, columns: int, rows: int) -> tuple[int, int]:
    """(height, width) in pixels, of the same proportions as far as a side of one pixel allows.

    >>> _pixels(192, 256, columns=80, rows=40)
    (60, 80)
    >>> _pixels(3, 5, columns=80, rows=40)
    (18, 30)
    """
    fit = min(columns / width, 2 * rows / height)
    if fit < 1:
        return max(1, round(height * fit)), max(1, round(width * fit))
    factor = min(int(fit), ENLARGED_VALUE, ENLARGED_SIDE // max(height, width))
    factor = max(1, factor - factor % 2)  # even, so that a character holds one value
    return height * factor, width * factor


def _shades(
    values: Array,
    finite: Mask,
    size: tuple[int, ...],
    *,
    low: float | None = None,
    high: float | None = None,
    robust: bool = True,
) -> _Shades:
    """The last axes brought to `size` and scaled, from `low` or else the lowest value to `high` or else the highest.

    A robust scale ignores the outermost hundredth at either end, because a few glaring pixels would leave the rest
    dark; with fewer than a hundred pixels it ignores none.
    """
    peak = max(abs(float(values.min())), abs(float(values.max())))
    missing = ~finite
    axes = range(values.ndim - len(size), values.ndim)
    for axis, cells in zip(axes, size, strict=True):
        values, missing = _averaged(values, cells, axis), _any(missing, cells, axis)
    level = values.astype(np.float64)
    seen = level[~missing] if not missing.all() else np.zeros(1)

    lowest, highest = float(seen.min()), float(seen.max())
    bottom = lowest if low is None else low
    top = highest if high is None else high
    if robust:
        trimmed_bottom = float(np.percentile(seen, 1, method="lower")) if low is None else low
        trimmed_top = float(np.percentile(seen, 99, method="higher")) if high is None else high
        if trimmed_top - trimmed_bottom > FLAT * peak:
            bottom, top = trimmed_bottom, trimmed_top
    even = top - bottom <= FLAT * peak
    level = np.full_like(level, 0.5) if even else np.clip((level - bottom) / (top - bottom), 0, 1)
    return _Shades(level, missing, bottom, top, even)


def _averaged(values: Array, cells: int, axis: int) -> Array:
    """`cells` means over equal stretches of `axis`, a pixel on a border shared in proportion; or pixels repeated.

    >>> _averaged(np.array([0, 3, 6]), 2, axis=0)  # (0 + 3/2) / 1.5 and (3/2 + 6) / 1.5
    array([1., 5.])
    """
    size = values.shape[axis]
    if cells >= size:
        return np.repeat(values, cells // size, axis=axis)
    values = np.moveaxis(values, axis, 0)
    borders = np.arange(cells + 1) * size  # in units of 1/cells pixel
    starts = borders // cells
    before = (borders % cells / cells).reshape(-1, *[1] * (values.ndim - 1))  # of a border's pixel, the part before it
    shared = values[np.minimum(starts, size - 1)] * before
    sums = np.add.reduceat(values, starts[:-1], axis=0, dtype=np.float64) - shared[:-1] + shared[1:]
    return np.moveaxis(sums * (cells / size), 0, axis)


def _any(mask: Mask, cells: int, axis: int) -> Mask:
    """Whether any pixel of a stretch is marked, the stretches being those of `_averaged`."""
    size = mask.shape[axis]
    if cells >= size:
        return np.repeat(mask, cells // size, axis=axis)
    borders = np.arange(cells + 1) * size
    pairs = np.stack([borders[:-1] // cells, -(-borders[1:] // cells)], axis=1).ravel()
    result: Mask = np.logical_or.reduceat(mask, pairs[:-1], axis=axis)  # the last end is the array's own
    return result.take(range(0, 2 * cells, 2), axis=axis)


def _characters(level: Floats, missing: Mask, ramp: str) -> list[str]:
    steps = np.rint(level * (len(ramp) - 1)).astype(np.int64)
    return [
        "".join(MISSING if mark else ramp[step] for step, mark in zip(row, marks, strict=True))
        for row, marks in zip(steps.tolist(), missing.tolist(), strict=True)
    ]


def _half_blocks(codes: list[list[str]], missing: Mask) -> list[str]:
    """A line for every two rows of pixels: the upper is the ink of the half block, the lower its background."""
    lines = []
    for top in range(0, len(codes), 2):
        lower_row = codes[top + 1] if top + 1 < len(codes) else []
        marks: list[bool] = np.logical_or.reduce(missing[top : top + 2], axis=0).tolist()
        line = pen = ""
        for upper, lower, mark in zip_longest(codes[top], lower_row, marks):
            background = f"48;{lower}" if lower else "49"
            wanted = RESET if mark else f"\x1b[38;{upper};{background}m"
            if wanted != pen:
                line, pen = line + wanted, wanted
            line += MISSING if mark else HALF_BLOCK
        lines.append(line + RESET)
    return lines


def _color_codes(pixels: npt.NDArray[np.int64], palette: bool) -> list[list[str]]:
    """The colour part of an escape code for each of `(height, width, 3)` pixels from 0 to 255."""
    if not palette:
        return [[f"2;{red};{green};{blue}" for red, green, blue in row] for row in pixels.tolist()]
    cube = _nearest(pixels, CUBE_LEVELS)
    gray = _nearest(pixels.mean(axis=-1), GRAY_LEVELS)
    cube_error = ((CUBE_LEVELS[cube] - pixels) ** 2).sum(axis=-1)
    gray_error = ((GRAY_LEVELS[gray][..., np.newaxis] - pixels) ** 2).sum(axis=-1)
    codes = np.where(cube_error <= gray_error, 16 + cube @ np.array([36, 6, 1]), 232 + gray)
    return [[f"5;{code}" for code in row] for row in codes.tolist()]


def _nearest(values: Array, levels: Array) -> npt.NDArray[np.intp]:
    """Index of the nearest of the ascending `levels`."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values)


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
