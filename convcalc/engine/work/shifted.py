"""Every input row copied once per kernel column, each time shifted by one tap.

The buffer is [input row][channel][kernel column][output column]. The values under the windows of one output row are a
run of its lines, and the next output row's run begins one input row further down: they share lines instead of
copying them again. A 2x3 kernel on one channel, input rows a, b, c with 5 columns, 3 output columns:

    line    buffer        under output row 0    under output row 1
    0       a0 a1 a2      |
    1       a1 a2 a3      |
    2       a2 a3 a4      |  a matrix
    3       b0 b1 b2      |  of 6 x 3           |
    4       b1 b2 b3      |                     |
    5       b2 b3 b4      |                     |  a matrix
    6       c0 c1 c2                            |  of 6 x 3
    7       c1 c2 c3                            |
    8       c2 c3 c4                            |

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
    """The buffer under some output rows and columns, and the copies that fill it for up to `groups` groups.

    Padding is cleared here, once for all images and groups. `slab` and `space` are flat workspaces; `line_values`
    says how many values per input row and group they need.
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
        """Adds a place to copy input to, (groups, channels, rows, columns)."""
        clear_gaps((vertical, horizontal), target)
        for (to, read), (at, seen) in product(vertical, horizontal):
            self._copies.append((target[..., to, at], (..., read, seen)))

    def fill(self, x: np.ndarray) -> None:
        """Copies x, (groups, channels, *spatial), into the first groups of the buffer."""
        groups = len(x)
        for into, read in self._copies:
            into[:groups] = x[read]
        if self._windows is not None:
            self._values[:groups] = self._windows[:groups]

    def under(self, first: int, count: int, step: int, lines: int) -> np.ndarray:
        """Matrices of `lines` neighbouring input rows each: `count` of them, `step` rows apart, from row `first` on.

        Views of the buffer, (groups, count, lines * channels * kernel columns, columns).
        """
        groups, _, channels, broad, width = self._values.shape
        by_group, by_row, _, by_tap, item = self._buffer.strides
        shape = (groups, count, lines * channels * broad, width)
        return strided(self._buffer, shape, (by_group, step * by_row, by_tap, item), (0, first))


def lines_under(problem: Problem, rows: int) -> int:
    """Input rows from the first to the last that `rows` output rows read."""
    window = problem.windows[0]
    return (rows - 1) * window.stride + window.extent


def block_under(problem: Problem, room: int, multiple_of: int = 1) -> tuple[int, int]:
    """The block that reads at most `room` input rows: (groups, all output rows), or (1, some of the rows).

    At least one group and `multiple_of` rows. The rows are a multiple of that unless they are all.
    """
    high, window = problem.positions[0], problem.windows[0]
    if (every := lines_under(problem, high)) <= room:
        return even_parts(problem.groups, room // every), high
    rows = (room - window.extent) // window.stride + 1
    return 1, min(high, even_parts(-(-high // multiple_of), rows // multiple_of) * multiple_of)


def line_values(problem: Problem, columns: int) -> tuple[int, int]:
    """Values of one input row of a group under `columns` output columns: padded, and in the buffer."""
    window = problem.windows[1]
    padded = 0 if _is_tap_by_tap(window) else _span(window, columns)
    buffered = window.kernel * _in_cache_lines(columns, problem.compute.itemsize)
    return problem.channels * padded, problem.channels * buffered


def widest_line(problem: Problem, columns: int) -> int:
    """Values of the longest of these for one group: a padded input row, its lines in the buffer, an output row."""
    return max(*line_values(problem, columns), problem.filters * columns)


def _span(window: Window, columns: int) -> int:
    """Input columns from the first to the last that `columns` output columns read."""
    return (columns - 1) * window.stride + window.extent


def _is_tap_by_tap(window: Window) -> bool:
    """Whether taps with a stride are so few that each is copied from the input itself, without a padded copy."""
    return window.stride > 1 and window.kernel <= tuning.MAX_TAPS_APART


def _in_cache_lines(values: int, itemsize: int) -> int:
    """`values` rounded up to whole cache lines: BLAS reads rows faster that begin at one."""
    return -(-values * itemsize // tuning.CACHE_LINE) * tuning.CACHE_LINE // itemsize
