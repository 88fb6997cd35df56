"""Bands: where a group has one channel, a banded matrix makes several rows of outputs at a time in one product.

What is under neighbouring rows of outputs are neighbouring rows of the buffer that the rows algorithm fills too. A
matrix that holds the kernel once for each of these output rows, each time further along, makes them all. Zeros beside
the bands are multiplied as well, which NaN and Inf would spoil: blocks that these are found in are computed directly
instead.

Memory: the matrices, and buffer and sums of some groups or rows. Error: the direct sum's.
Source: Gray 2006, Toeplitz and Circulant Matrices: A Review, section 1, for a filter as a banded Toeplitz matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.algorithms import direct
from convcalc.engine.arithmetic import all_finite
from convcalc.engine.counter import Counter
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blocks import blocks, cuts, even_parts, length, shaped, strided, workspaces
from convcalc.engine.work.products import multiply
from convcalc.engine.work.shifted import ShiftedRows, block_under, line_values, lines_under, widest_line


def fits(problem: Problem) -> bool:
    """Whether there are two axes, one channel a group, and room for the matrices and what is under one of them."""
    if len(problem.kernel) != 2 or problem.channels != 1:
        return False
    size, columns = _band(problem), _columns(problem)
    one = lines_under(problem, size) * sum(line_values(problem, columns)) + size * columns * problem.filters
    return (problem.groups * _matrix_values(problem) + one) * problem.compute.itemsize <= tuning.MAX_ROWS_BYTES


def zeros_pay(problem: Problem) -> bool:
    """Whether few enough zeros are multiplied to take less time than copying more."""
    return lines_under(problem, _band(problem)) <= tuning.MAX_ZEROS_PER_TAP * problem.kernel[0]


def shared(problem: Problem) -> Cut:
    """Groups, images, or whole bands of rows."""
    return problem.independent(_band(problem))


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    filters, stride, compute = problem.filters, problem.stride[0], problem.compute
    size, columns = _band(problem), _columns(problem)
    padded, buffered = line_values(problem, columns)
    room = int(tuning.SHARED_CACHE * tuning.BUDGET / (compute.itemsize * widest_line(problem, columns)))
    group_step, row_step = block_under(problem, room, size)
    lines = group_step * lines_under(problem, row_step)
    first, second, third, fourth = workspaces(
        compute,
        problem.groups * _matrix_values(problem),
        lines * padded,
        lines * buffered,
        0 if out.dtype == compute else group_step * filters * row_step * columns,
    )
    matrices = _matrices(problem, first)
    groups = cuts(problem.groups, group_step)
    for rows, across in blocks(problem.positions, (row_step, columns)):
        shifted = ShiftedRows(problem, group_step, rows, across, second, third)
        bands = [
            (band, shifted.under(band.start * stride, count, size * stride, lines_under(problem, made)))
            for band, count, made in _bands(length(rows), size)
        ]
        for some, image in product(groups, range(problem.batch)):
            shifted.fill(problem.x[image, some])
            target = out[image, some, :, rows, across]
            sums = target if out.dtype == compute else shaped(fourth, target.shape)
            for band, windows in bands:
                _, count, depth, width = windows.shape
                made = sums[:, :, band].reshape(-1, filters, count, length(band) // count, width)
                matrix = matrices[some, :, np.newaxis, : made.shape[3], :depth]
                multiply(matrix, windows[: length(some), np.newaxis], made, counter)
            if problem.bias is not None:
                sums += problem.bias[some, :, np.newaxis, np.newaxis].astype(compute)
            if sums is not target:
                target[...] = sums
    parts = product(groups, range(problem.batch), cuts(problem.positions[0], row_step))
    _compute_spoiled(problem, out, parts, counter)


def _compute_spoiled(
    problem: Problem, out: np.ndarray, parts: Iterator[tuple[slice, int, slice]], counter: Counter
) -> None:
    """Computes directly which parts, (groups, image, rows), are not finite."""
    if all_finite(out):
        return
    for some, image, rows in parts:
        outputs = slice(image, image + 1), some, slice(0, problem.filters), rows
        if not all_finite(out[outputs]):
            direct.run(problem.part(*outputs), out[outputs], counter)
    counter.spoiled = True


def _band(problem: Problem) -> int:
    """Rows of outputs that one matrix makes, whose windows begin within MAX_BAND_ROWS input rows."""
    return even_parts(problem.positions[0], tuning.MAX_BAND_ROWS // problem.stride[0])


def _matrix_values(problem: Problem) -> int:
    """Values in the matrices of one group."""
    size = _band(problem)
    return problem.filters * size * lines_under(problem, size) * problem.kernel[1]


def _columns(problem: Problem) -> int:
    """Output columns at a time."""
    return even_parts(problem.positions[1], tuning.MAX_BAND_COLUMNS)


def _matrices(problem: Problem, space: np.ndarray) -> np.ndarray:
    """The matrix of every filter, (groups, filters, output rows, values under them)."""
    size, window = _band(problem), problem.windows[0]
    reach = lines_under(problem, size)
    matrices = shaped(space, (problem.groups, problem.filters, size, reach, problem.kernel[1]))
    matrices[...] = 0
    by_group, by_filter, by_output, by_row, by_tap = matrices.strides
    shape = (*matrices.shape[:3], *problem.kernel)
    strides = (by_group, by_filter, by_output + window.stride * by_row, window.dilation * by_row, by_tap)
    strided(matrices, shape, strides)[...] = problem.weight
    return matrices.reshape(*matrices.shape[:3], -1)


def _bands(rows: int, size: int) -> Iterator[tuple[slice, int, int]]:
    """Rows of outputs as bands: all whole ones, then what is left; which rows, how many bands, of how many rows."""
    whole, rest = divmod(rows, size)
    if whole:
        yield slice(0, whole * size), whole, size
    if rest:
        yield slice(whole * size, rows), 1, rest
