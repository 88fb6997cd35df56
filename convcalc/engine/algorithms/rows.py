"""Rows: one matrix product per output row, over input rows that are copied once per kernel column.

All values under the windows of an output row lie next to each other in the buffer of `work.shifted`, which has the
drawing; the products of all rows of a block are one call. A 1-D problem is an image of one row.

Memory: the weights with kernel rows first, and padded input, buffer and sums of a block. Error: the direct sum's.
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
    """Whether there are one or two axes, and room for one output row at a time.

    Dilation of the first axis is not possible: the rows under a window would not be neighbours in the buffer.
    """
    problem = _as_image(problem)
    if len(problem.kernel) != 2 or problem.dilation[0] != 1:
        return False
    columns = _columns(problem)
    row = problem.kernel[0] * sum(line_values(problem, columns)) + columns * problem.filters
    return (problem.weight.size + row) * problem.compute.itemsize <= tuning.MAX_ROWS_BYTES


def shared(problem: Problem) -> Cut:
    """Groups, images or rows."""
    return problem.independent()


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    problem = _as_image(problem)
    out = out.reshape(*out.shape[:3], *problem.positions)
    filters, columns = problem.filters, _columns(problem)
    weights = np.ascontiguousarray(problem.weight.swapaxes(2, 3), problem.compute)
    weights = weights.reshape(problem.groups, 1, filters, -1)
    cached = filters <= tuning.MAX_CACHED_FILTERS and (problem.channels == 1 or problem.groups > 1)
    room = (tuning.SHARED_CACHE if cached else tuning.ROWS_BUDGETS) * tuning.BUDGET
    group_step, row_step = block_under(problem, int(room / (widest_line(problem, columns) * problem.compute.itemsize)))
    lines = group_step * lines_under(problem, row_step)
    padded, buffered = line_values(problem, columns)
    slab, buffer, sum_space = workspaces(
        problem.compute,
        lines * padded,
        lines * buffered,
        0 if out.dtype == problem.compute else group_step * filters * row_step * columns,
    )
    groups = cuts(problem.groups, group_step)
    for rows, across in blocks(problem.positions, (row_step, columns)):
        shifted = ShiftedRows(problem, group_step, rows, across, slab, buffer)
        windows = shifted.under(0, length(rows), problem.stride[0], problem.kernel[0])
        for some, image in product(groups, range(problem.batch)):
            shifted.fill(problem.x[image, some])
            target = out[image, some, :, rows, across]
            sums = target if target.dtype == problem.compute else shaped(sum_space, target.shape)
            multiply(weights[some], windows[: length(some)], sums.swapaxes(1, 2), counter)
            if problem.bias is not None:
                sums += problem.bias[some, :, np.newaxis, np.newaxis].astype(sums.dtype)
            if sums is not target:
                target[...] = sums


def _as_image(problem: Problem) -> Problem:
    """The problem, with a 1-D one as an image of one row."""
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
    width, filters, terms = problem.positions[1], problem.filters, problem.terms
    if problem.channels == 1 and filters <= tuning.MAX_CACHED_FILTERS:
        fitting_l1 = tuning.L1_BYTES // (terms * problem.compute.itemsize)
        return even_parts(width, max(tuning.PANEL, min(tuning.MAX_SIGNAL_COLUMNS, fitting_l1)))
    columns = min(width, tuning.MAX_ROW_COLUMNS)
    if is_in_place(filters, terms, tuning.PANEL) and not is_in_place(filters, terms, columns):
        return min(columns, tuning.PANEL)
    return columns
