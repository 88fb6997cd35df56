"""Rows: an output row is one matrix product over input rows that are copied once per column of the kernel.

The rows under a window are neighbours in the buffer of `shifted`, and so are all values under a row of outputs. One
axis is an image of one row.

Memory: the weights in order, and padded input, buffer and sums of a block of rows. Error: the direct sum's.
Source: Cho & Brand 2017, MEC: Memory-efficient Convolution for Deep Neural Network.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine import tuning
from convcalc.engine.counter import Counter
from convcalc.engine.padded import padded_axis
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blas import is_in_place
from convcalc.engine.work.blocks import blocks, cuts, even_parts, length, shaped, workspaces
from convcalc.engine.work.products import multiply
from convcalc.engine.work.shifted import ShiftedRows, block_under, line_values, lines_under, widest_line


def fits(problem: Problem) -> bool:
    """Whether there are two axes, the first not dilated, so that the rows under a window are neighbours, and room.

    One axis is one row.
    """
    problem = _plane(problem)
    if len(problem.kernel) != 2 or problem.dilation[0] != 1:
        return False
    columns, tall = _columns(problem), problem.kernel[0]
    most = problem.weight.size + tall * sum(line_values(problem, columns)) + columns * problem.filters
    return most * problem.compute.itemsize <= tuning.MAX_ROWS_BYTES


def shared(problem: Problem) -> Cut:
    """Groups, images or rows."""
    return problem.independent()


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    problem = _plane(problem)
    out = out.reshape(*out.shape[:3], *problem.positions)
    (tall, _), filters, columns = problem.kernel, problem.filters, _columns(problem)
    weights = np.ascontiguousarray(problem.weight.swapaxes(2, 3), problem.compute)
    weights = weights.reshape(problem.groups, 1, filters, -1)
    near = filters <= tuning.MAX_CACHED_FILTERS and (problem.channels == 1 or problem.groups > 1)
    room = (tuning.SHARED_CACHE if near else tuning.ROWS_BUDGETS) * tuning.BUDGET
    group_step, row_step = block_under(problem, int(room / (widest_line(problem, columns) * problem.compute.itemsize)))
    lines = group_step * lines_under(problem, row_step)
    padded, buffered = line_values(problem, columns)
    first, second, third = workspaces(
        problem.compute,
        lines * padded,
        lines * buffered,
        0 if out.dtype == problem.compute else group_step * filters * row_step * columns,
    )
    groups = cuts(problem.groups, group_step)
    for rows, across in blocks(problem.positions, (row_step, columns)):
        shifted = ShiftedRows(problem, group_step, rows, across, first, second)
        windows = shifted.under(0, length(rows), problem.stride[0], tall)
        for some, image in product(groups, range(problem.batch)):
            shifted.fill(problem.x[image, some])
            target = out[image, some, :, rows, across]
            sums = target if target.dtype == problem.compute else shaped(third, target.shape)
            multiply(weights[some], windows[: length(some)], sums.swapaxes(1, 2), counter)
            if problem.bias is not None:
                sums += problem.bias[some, :, np.newaxis, np.newaxis].astype(sums.dtype)
            if sums is not target:
                target[...] = sums


def _plane(problem: Problem) -> Problem:
    """The problem, of one axis as the columns of a row."""
    if len(problem.kernel) != 1:
        return problem
    return replace(
        problem,
        x=problem.x[..., np.newaxis, :],
        weight=problem.weight[..., np.newaxis, :],
        axes=(padded_axis(1, Window(kernel=1), "zeros"), *problem.axes),
        positions=(1, *problem.positions),
    )


def _columns(problem: Problem) -> int:
    """Output columns at a time."""
    wide, filters, terms = problem.positions[1], problem.filters, problem.terms
    if problem.channels == 1 and filters <= tuning.MAX_CACHED_FILTERS:  # a row's values then fit into the nearest cache
        most = max(tuning.PANEL, min(tuning.MAX_SIGNAL_COLUMNS, tuning.L1_BYTES // (terms * problem.compute.itemsize)))
        return even_parts(wide, most)
    columns = min(wide, tuning.MAX_ROW_COLUMNS)
    if is_in_place(filters, terms, tuning.PANEL) and not is_in_place(filters, terms, columns):
        return min(columns, tuning.PANEL)
    return columns
