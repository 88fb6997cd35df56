"""Input rows side by side as often as the kernel is wide, each time shifted by a tap.

In a buffer [row][channel][kernel column][output column] the values under the windows of a row of outputs are (kernel
rows * channels * kernel columns) rows of the buffer, one after the other. Windows further down share them, so that less
is copied than for whole columns, by the kernel's height.

Source: Cho & Brand 2017, MEC: Memory-efficient Convolution for Deep Neural Network.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine import tuning
from convcalc.engine.padded import Pieces
from convcalc.engine.problem import Problem
from convcalc.engine.work.blocks import Index, even_parts, length, shaped, strided
from convcalc.engine.work.gather import clear_gaps


class ShiftedRows:
    """The buffer under some rows and columns of outputs, and how the input of up to `groups` groups comes there.

    Padding is cleared at first, once for all images and groups. `slab` and `space` are flat workspaces of as many
    values a line and group as `line_values` says.
    """

    def __init__(
        self,
        problem: Problem,
        groups: int,
        rows: slice,
        columns: slice,
        slab: np.ndarray,
        space: np.ndarray,
    ):
        (down, across), (_, broad), channels = problem.axes, problem.kernel, problem.channels
        step, spread, item = across.window.stride, across.window.dilation, space.itemsize
        lines, width = lines_under(problem, length(rows)), length(columns)
        self._buffer = shaped(space, (groups, lines, channels, broad, _in_cache_lines(width, item)))
        self._values = self._buffer[..., :width]
        self._copies: list[tuple[np.ndarray, Index]] = []
        self._windows: np.ndarray | None = None
        first = columns.start * step - across.window.before
        vertical = tuple(down.pieces(rows.start * down.window.stride - down.window.before, lines))
        if _is_tap_by_tap(across.window):
            for tap in range(broad):
                horizontal = tuple(across.pieces(first + tap * spread, width, step=step))
                self._add(self._values[:, :, :, tap].swapaxes(1, 2), vertical, horizontal)
        else:
            span = _span(across.window, width)
            padded = shaped(slab, (groups, channels, lines, span))
            self._add(padded, vertical, tuple(across.pieces(first, span)))
            by_group, by_channel, by_row, _ = padded.strides
            strides = by_group, by_row, by_channel, spread * item, step * item
            self._windows = strided(padded, self._values.shape, strides)

    def _add(self, target: np.ndarray, vertical: Pieces, horizontal: Pieces) -> None:
        """One more place to copy input to, (groups, channels, rows, columns)."""
        clear_gaps((vertical, horizontal), target)
        for (to, read), (at, seen) in product(vertical, horizontal):
            self._copies.append((target[..., to, at], (..., read, seen)))

    def fill(self, x: np.ndarray) -> None:
        """Copies x, (groups, channels, *spatial), for the first groups of the buffer."""
        groups = len(x)
        for into, read in self._copies:
            into[:groups] = x[read]
        if self._windows is not None:
            self._values[:groups] = self._windows[:groups]

    def under(self, first: int, count: int, step: int, lines: int) -> np.ndarray:
        """Some neighbouring lines as matrices, `count` times, `step` lines apart, from line `first` on.

        Views of the buffer, (groups, count, lines * channels * kernel columns, columns).
        """
        groups, _, channels, broad, width = self._values.shape
        by_group, by_row, _, by_tap, item = self._buffer.strides
        shape = (groups, count, lines * channels * broad, width)
        return strided(self._buffer, shape, (by_group, step * by_row, by_tap, item), (0, first))


def lines_under(problem: Problem, rows: int) -> int:
    """Input rows under so many rows of outputs, with those between them."""
    window = problem.windows[0]
    return (rows - 1) * window.stride + window.extent


def block_under(problem: Problem, room: int, grain: int = 1) -> tuple[int, int]:
    """All rows of outputs of how many groups, or how many rows of one group, have at most `room` input rows under them.

    At least one group and `grain` rows, and a multiple of that but for all rows.
    """
    high, window = problem.positions[0], problem.windows[0]
    if (every := lines_under(problem, high)) <= room:
        return even_parts(problem.groups, room // every), high
    rows = (room - window.extent) // window.stride + 1
    return 1, min(high, even_parts(-(-high // grain), rows // grain) * grain)


def line_values(problem: Problem, columns: int) -> tuple[int, int]:
    """Values of one input row of a group, padded under so many output columns, and in the buffer."""
    window = problem.windows[1]
    padded = 0 if _is_tap_by_tap(window) else _span(window, columns)
    buffered = window.kernel * _in_cache_lines(columns, problem.compute.itemsize)
    return problem.channels * padded, problem.channels * buffered


def widest_line(problem: Problem, columns: int) -> int:
    """The most of what one input row of a group takes, padded or in the buffer, and one row of its outputs."""
    return max(*line_values(problem, columns), problem.filters * columns)


def _span(window: Window, columns: int) -> int:
    """Input columns under so many output columns."""
    return (columns - 1) * window.stride + window.extent


def _is_tap_by_tap(window: Window) -> bool:
    """Whether a few taps with a stride are copied one by one: value by value, from the input itself."""
    return window.stride > 1 and window.kernel <= tuning.MAX_TAPS_APART


def _in_cache_lines(values: int, itemsize: int) -> int:
    """At least so many values, in whole lines of the cache: BLAS reads rows that begin with one faster."""
    return -(-values * itemsize // tuning.CACHE_LINE) * tuning.CACHE_LINE // itemsize
