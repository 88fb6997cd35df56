"""Values brought to the pixels of a terminal: scaled, averaged or enlarged, as characters or in colours.

The only arithmetic is for display: a mean over the values that share a pixel, and a linear scale from the lowest
to the highest shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

HALF_BLOCK = "▀"
MISSING = "?"
RESET = "\x1b[0m"
ENLARGED_SIDE = 32  # a small array grows by a whole even factor, to at most this many pixels
ENLARGED_VALUE = 8  # and one value to at most this many
FLAT = 1e-9  # a smaller spread, relative to the largest value, is rounding in the means

# The 256-colour palette from 16 on: a 6 x 6 x 6 cube with these levels, then 24 grays.
CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
GRAY_LEVELS = np.arange(8, 248, 10)


@dataclass(frozen=True, slots=True)
class Shades:
    """0 to 1 for every pixel, from `low` to `high`; `missing` marks those with a value that is not finite."""

    level: Floats
    missing: Mask
    low: float
    high: float
    even: bool


def fitted(height: int, width: int, columns: int, rows: int) -> tuple[int, int]:
    """(height, width) in pixels, of the same proportions as far as a side of one pixel allows.

    >>> fitted(192, 256, columns=80, rows=40)
    (60, 80)
    >>> fitted(3, 5, columns=80, rows=40)
    (18, 30)
    """
    fit = min(columns / width, 2 * rows / height)
    if fit < 1:
        return max(1, round(height * fit)), max(1, round(width * fit))
    factor = min(int(fit), ENLARGED_VALUE, ENLARGED_SIDE // max(height, width))
    factor = max(1, factor - factor % 2)  # even, so that a character holds one value
    return height * factor, width * factor


def shades(
    values: Array,
    finite: Mask,
    size: tuple[int, ...],
    *,
    low: float | None = None,
    high: float | None = None,
    robust: bool = True,
) -> Shades:
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
    return Shades(level, missing, bottom, top, even)


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


def characters(level: Floats, missing: Mask, ramp: str) -> list[str]:
    """A line for every row of pixels, a character of the ramp for every pixel."""
    steps = np.rint(level * (len(ramp) - 1)).astype(np.int64)
    return [
        "".join(MISSING if mark else ramp[step] for step, mark in zip(row, marks, strict=True))
        for row, marks in zip(steps.tolist(), missing.tolist(), strict=True)
    ]


def half_blocks(codes: list[list[str]], missing: Mask) -> list[str]:
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


def color_codes(pixels: npt.NDArray[np.int64], palette: bool) -> list[list[str]]:
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
