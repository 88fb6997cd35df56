"""Rows: the input is copied once per column of the kernel, and an output row is one matrix product over what is there.

A buffer [row][channel][kernel column][output column] holds every input row as many times as the kernel is wide, each
time shifted by a tap. The values under the windows of an output row are then (kernel rows * channels * kernel columns)
rows of the buffer, one after the other; windows further down share them, so that less is copied than for whole columns
by the kernel's height.

Memory: the buffer, a block of rows at a time. Error: the direct sum's.
Source: Cho & Brand 2017, MEC: Memory-efficient Convolution for Deep Neural Network.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from convcalc.engine.blas import UNPACKED, multiplies_small_matrices_in_place
from convcalc.engine.blocks import BUDGET, LINE, even_parts, shaped, strided, workspaces
from convcalc.engine.counter import Counter, multiply
from convcalc.engine.padded import PaddedAxis, Pieces, clear_gaps, copy_pieces, padded_view
from convcalc.engine.problem import Cut, Problem
from convcalc.window import Window

FEW_TAPS = 4
WIDTH = 512
"""Output columns at a time."""
SMALL_WIDTH = 64
"""The same where products of whole rows are too large to be spared BLAS's copies, and those of so few columns not."""


def fits(problem: Problem) -> bool:
    """Whether there are two axes, the first not dilated, so that the rows under a window are neighbours, and room."""
    if len(problem.kernel) != 2 or problem.dilation[0] != 1:
        return False
    return max(_row_values(problem) * problem.kernel[0], problem.weight.size) * problem.compute.itemsize <= 8 * BUDGET


def shared(problem: Problem) -> Cut:
    """Groups, images or rows."""
    return problem.independent()


def run(problem: Problem, out: np.ndarray, counter: Counter | None) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    (down, across), (high, wide), (tall, broad) = problem.axes, problem.positions, problem.kernel
    stride, columns, item = down.window.stride, _columns(problem), problem.compute.itemsize
    weights = np.ascontiguousarray(problem.weight.swapaxes(2, 3), problem.compute)
    weights = weights.reshape(problem.groups, 1, problem.filters, -1)

    # A block is some output rows, or all of them of several groups.
    room = 2 * BUDGET // (_row_values(problem) * item)
    every = (high - 1) * stride + tall
    group_step = even_parts(problem.groups, room // every)
    high_step = high if every <= room else even_parts(high, (room - tall) // stride + 1)
    lines = group_step * problem.channels * ((high_step - 1) * stride + tall)
    first, second, third = workspaces(
        problem.compute,
        lines * _span(problem),
        lines * broad * _in_lines(columns, item),
        0 if out.dtype == problem.compute else group_step * problem.filters * high_step * columns,
    )

    for batch, group, left, top in product(
        range(problem.batch),
        range(0, problem.groups, group_step),
        range(0, wide, columns),
        range(0, high, high_step),
    ):
        groups = slice(group, min(group + group_step, problem.groups))
        some, width = min(high_step, high - top), min(columns, wide - left)
        rows = (some - 1) * stride + tall
        buffer = shaped(second, (groups.stop - group, rows, problem.channels, broad, _in_lines(width, item)))[
            ..., :width
        ]
        vertical = tuple(down.pieces(top * stride - down.window.before, rows))
        _fill(buffer, problem.x[batch, groups], vertical, across, left, first)

        by_group, by_row, _, by_tap, _ = buffer.strides
        windows = strided(
            buffer,
            (len(buffer), some, tall * problem.channels * broad, width),
            (by_group, stride * by_row, by_tap, item),
        )
        target = out[batch, groups, :, top : top + some, left : left + width]
        sums = target if target.dtype == problem.compute else shaped(third, target.shape)
        multiply(weights[groups], windows, sums.swapaxes(1, 2), counter)
        if problem.bias is not None:
            sums += problem.bias[groups, :, np.newaxis, np.newaxis].astype(sums.dtype)
        if sums is not target:
            target[...] = sums


def _columns(problem: Problem) -> int:
    """Output columns at a time."""
    columns, products = min(problem.positions[1], WIDTH), problem.filters * problem.terms
    if products * columns > UNPACKED >= products * SMALL_WIDTH and multiplies_small_matrices_in_place():
        return min(columns, SMALL_WIDTH)
    return columns


def _in_lines(values: int, itemsize: int) -> int:
    """At least so many values, in whole lines of the cache: BLAS reads rows that begin with one faster."""
    return -(-values * itemsize // LINE) * LINE // itemsize


def _span(problem: Problem) -> int:
    """Values of a padded row under one row of the buffer; none where the taps are copied from the input itself."""
    window, columns = problem.axes[1].window, _columns(problem)
    return 0 if _is_tap_by_tap(window) else (columns - 1) * window.stride + window.extent


def _is_tap_by_tap(window: Window) -> bool:
    """Whether a few taps with a stride are copied one by one: value by value, from the input itself."""
    return window.stride > 1 and window.kernel <= FEW_TAPS


def _row_values(problem: Problem) -> int:
    """What one row of the buffer holds, or its padded rows or its outputs where those are more."""
    columns = _in_lines(_columns(problem), problem.compute.itemsize)
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
    buffer[...] = strided(slab, buffer.shape, (by_group, by_row, by_channel, spread * item, step * item))
