"""Rows: the input is copied once per column of the kernel, and an output row is one matrix product over what is there.

A buffer [row][channel][kernel column][output column] holds every input row as many times as the kernel is wide, each
time shifted by a tap. The values under the windows of an output row are then (kernel rows * channels * kernel columns)
rows of the buffer, one after the other; windows further down share them, so that less is copied than for whole columns
by the kernel's height. Where a filter with one channel has many taps, a banded matrix makes several output rows at a
time: its zeros are multiplied too, but every value that was fetched is used more often.

Memory: the buffer, a block of rows at a time. Error: the direct sum's.
Source: Cho & Brand 2017, MEC: Memory-efficient Convolution for Deep Neural Network.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.engine.blocks import BUDGET, LINE, even_parts, shaped, workspaces
from convcalc.engine.counter import Counter, multiply
from convcalc.engine.padded import PaddedAxis, Pieces, clear_gaps, copy_pieces, padded_view
from convcalc.engine.problem import Cut, Problem
from convcalc.window import Window

BAND = 8
"""Output rows that a banded matrix makes."""
BAND_TAPS = 81
"""Taps from which a band is faster than rows one by one, zeros and all."""
FEW_TAPS = 4
WIDTH = 512
"""Output columns at a time."""


def fits(problem: Problem) -> bool:
    """Whether there are two axes, the first not dilated, so that the rows under a window are neighbours, and room."""
    if len(problem.kernel) != 2 or problem.dilation[0] != 1:
        return False
    band, reach = _band(problem)
    weights = problem.weight.size * (band * reach if band > 1 else 1)
    return max(_row_values(problem) * reach, weights) * problem.compute.itemsize <= 8 * BUDGET


def shared(problem: Problem) -> Cut:
    """Groups, images, or whole bands of rows."""
    return problem.independent(_band(problem)[0])


def is_banded(problem: Problem) -> bool:
    """Whether several output rows are made at a time, with zeros beside the taps."""
    return problem.filters == problem.channels == 1 and prod(problem.kernel) >= BAND_TAPS


def run(problem: Problem, out: np.ndarray, counter: Counter | None) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    (down, across), (high, wide), broad = problem.axes, problem.positions, problem.kernel[1]
    stride, (band, reach) = down.window.stride, _band(problem)
    weights = _weights(problem, band, reach)

    # A block is bands of rows, or all of them of several groups.
    bands, columns, item = -(-high // band), min(wide, WIDTH), problem.compute.itemsize
    room = 2 * BUDGET // (_row_values(problem) * item)
    every = (bands - 1) * band * stride + reach
    group_step = even_parts(problem.groups, room // every)
    band_step = bands if every <= room else even_parts(bands, (room - reach) // (band * stride) + 1)
    rows = (band_step - 1) * band * stride + reach
    lines = group_step * problem.channels * rows
    outputs = group_step * problem.filters * band * band_step * columns
    first, second, third = workspaces(
        problem.compute, lines * _span(problem), lines * broad * _in_lines(columns, item), outputs
    )

    for batch, group, left, top in product(
        range(problem.batch),
        range(0, problem.groups, group_step),
        range(0, wide, columns),
        range(0, bands, band_step),
    ):
        groups = slice(group, min(group + group_step, problem.groups))
        some, width = min(band_step, bands - top), min(columns, wide - left)
        rows = (some - 1) * band * stride + reach
        buffer = shaped(second, (groups.stop - group, rows, problem.channels, broad, _in_lines(width, item)))[
            ..., :width
        ]
        vertical = tuple(down.pieces(top * band * stride - down.window.before, rows))
        _fill(buffer, problem.x[batch, groups], vertical, across, left, first)

        by_group, by_row, _, by_tap, _ = buffer.strides
        windows = as_strided(
            buffer,
            (len(buffer), some, reach * problem.channels * broad, width),
            (by_group, band * stride * by_row, by_tap, item),
        )
        begin, end = top * band, min((top + some) * band, high)
        target = out[batch, groups, :, begin:end, left : left + width]
        if target.dtype != problem.compute or end - begin < some * band:
            sums = shaped(third, (len(buffer), problem.filters, some * band, width))
        else:
            sums = target
        multiply(weights[groups], windows, _by_band(sums, band), counter)
        if problem.bias is not None:
            sums += problem.bias[groups, :, np.newaxis, np.newaxis].astype(sums.dtype)
        if sums is not target:
            target[...] = sums[:, :, : end - begin]


def _in_lines(values: int, itemsize: int) -> int:
    """At least so many values, in whole lines of the cache: BLAS reads rows that begin with one faster."""
    return -(-values * itemsize // LINE) * LINE // itemsize


def _band(problem: Problem) -> tuple[int, int]:
    """Output rows made at a time, and the input rows under them."""
    band = BAND if is_banded(problem) else 1
    return band, (band - 1) * problem.stride[0] + problem.kernel[0]


def _span(problem: Problem) -> int:
    """Values of a padded row under one row of the buffer; none where the taps are copied from the input itself."""
    window, columns = problem.axes[1].window, min(problem.positions[1], WIDTH)
    return 0 if _is_tap_by_tap(window) else (columns - 1) * window.stride + window.extent


def _is_tap_by_tap(window: Window) -> bool:
    """Whether a few taps with a stride are copied one by one: value by value, from the input itself."""
    return window.stride > 1 and window.kernel <= FEW_TAPS


def _row_values(problem: Problem) -> int:
    """What one row of the buffer holds, or its padded rows or its outputs where those are more."""
    columns = _in_lines(min(problem.positions[1], WIDTH), problem.compute.itemsize)
    copied = max(columns * problem.kernel[1], _span(problem))
    return max(problem.channels * copied, columns * problem.filters)


def _fill(
    buffer: np.ndarray, x: np.ndarray, vertical: Pieces, across: PaddedAxis, left: int, space: np.ndarray
) -> None:
    """Writes rows of x (groups, channels, height, width) once per column of the kernel, from output column `left` on.

    All taps at once from the padded rows; a few taps with a stride, which copy value by value, from the input itself.
    """
    groups, rows, channels, broad, width = buffer.shape
    step, spread = across.window.stride, across.window.dilation
    first = left * step - across.window.before
    if _is_tap_by_tap(across.window):
        clear_gaps((vertical,), buffer.transpose(0, 2, 3, 4, 1))
        for tap in range(broad):
            horizontal = tuple(across.pieces(first + tap * spread, width, step=step))
            target = buffer[:, :, :, tap].swapaxes(1, 2)
            clear_gaps((horizontal,), target)
            copy_pieces(x, (vertical, horizontal), target)
        return
    span = (width - 1) * step + (broad - 1) * spread + 1
    slab = shaped(space, (groups, channels, rows, span))
    slab = padded_view(x, (vertical, tuple(across.pieces(first, span))), slab)
    by_group, by_channel, by_row, item = slab.strides
    buffer[...] = as_strided(slab, buffer.shape, (by_group, by_row, by_channel, spread * item, step * item))


def _weights(problem: Problem, band: int, reach: int) -> np.ndarray:
    """(groups, 1, filters or band, rows * channels * kernel columns)."""
    weight = problem.weight.swapaxes(2, 3)
    if band == 1:
        ordered = np.ascontiguousarray(weight, problem.compute)
        return ordered.reshape(problem.groups, 1, problem.filters, -1)
    (tall, broad), stride = problem.kernel, problem.stride[0]
    banded = np.zeros((problem.groups, band, reach, broad), problem.compute)
    by_group, by_band, by_row, item = banded.strides
    diagonal = as_strided(
        banded, (problem.groups, band, tall, broad), (by_group, by_band + stride * by_row, by_row, item)
    )
    diagonal[...] = weight[:, :, :, 0]
    return banded.reshape(problem.groups, 1, band, -1)


def _by_band(sums: np.ndarray, band: int) -> np.ndarray:
    """(groups, filters, rows, columns) as (groups, bands, filters or band, columns)."""
    if band == 1:
        return sums.swapaxes(1, 2)
    return sums.reshape(len(sums), -1, band, sums.shape[-1])
