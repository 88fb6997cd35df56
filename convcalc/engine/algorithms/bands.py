"""Bands: one channel per group, and a banded matrix that computes several output rows in one product.

The values under neighbouring output rows are neighbouring lines of the buffer of `work.shifted`. A matrix holds the
kernel once per output row, each time one input row further on (a stride apart, with a stride), so that every line is
read once for all these rows. A kernel of 3 rows k0 k1 k2, four output rows:

    input row       0  1  2  3  4  5
    output row 0   k0 k1 k2  .  .  .
    output row 1    . k0 k1 k2  .  .        each k is a kernel row, each . as many zeros
    output row 2    .  . k0 k1 k2  .
    output row 3    .  .  . k0 k1 k2

The zeros are multiplied as well, and would spread NaN and Inf: blocks that are not finite are computed directly
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
    """Whether there are two axes and one channel per group, and room for the matrices and the lines under one."""
    if len(problem.kernel) != 2 or problem.channels != 1:
        return False
    rows, columns = _band_rows(problem), _columns(problem)
    band = lines_under(problem, rows) * sum(line_values(problem, columns)) + rows * columns * problem.filters
    return (problem.groups * _matrix_values(problem) + band) * problem.compute.itemsize <= tuning.MAX_ROWS_BYTES


def zeros_pay(problem: Problem) -> bool:
    """Whether few enough zeros are multiplied to take less time than copying more."""
    return lines_under(problem, _band_rows(problem)) <= tuning.MAX_ZEROS_PER_TAP * problem.kernel[0]


def shared(problem: Problem) -> Cut:
    """Groups, images or whole bands of rows."""
    return problem.independent(multiple_of=_band_rows(problem))


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    filters, stride, compute = problem.filters, problem.stride[0], problem.compute
    band_rows, columns = _band_rows(problem), _columns(problem)
    padded, buffered = line_values(problem, columns)
    room = int(tuning.SHARED_CACHE * tuning.BUDGET / (compute.itemsize * widest_line(problem, columns)))
    group_step, row_step = block_under(problem, room, multiple_of=band_rows)
    lines = group_step * lines_under(problem, row_step)
    matrix_space, slab, buffer, sum_space = workspaces(
        compute,
        problem.groups * _matrix_values(problem),
        lines * padded,
        lines * buffered,
        0 if out.dtype == compute else group_step * filters * row_step * columns,
    )
    matrices = _matrices(problem, matrix_space)
    groups = cuts(problem.groups, group_step)
    for rows, across in blocks(problem.positions, (row_step, columns)):
        shifted = ShiftedRows(problem, group_step, rows, across, slab, buffer)
        bands = [
            (band, shifted.under(band.start * stride, count, band_rows * stride, lines_under(problem, height)))
            for band, count, height in _bands(length(rows), band_rows)
        ]
        for some, image in product(groups, range(problem.batch)):
            shifted.fill(problem.x[image, some])
            target = out[image, some, :, rows, across]
            sums = target if out.dtype == compute else shaped(sum_space, target.shape)
            for band, windows in bands:
                _, count, depth, width = windows.shape
                products = sums[:, :, band].reshape(-1, filters, count, length(band) // count, width)
                matrix = matrices[some, :, np.newaxis, : products.shape[3], :depth]
                multiply(matrix, windows[: length(some), np.newaxis], products, counter)
            if problem.bias is not None:
                sums += problem.bias[some, :, np.newaxis, np.newaxis].astype(compute)
            if sums is not target:
                target[...] = sums
    if not all_finite(out):
        parts = product(groups, range(problem.batch), cuts(problem.positions[0], row_step))
        _compute_spoiled(problem, out, parts, counter)


def _compute_spoiled(
    problem: Problem, out: np.ndarray, parts: Iterator[tuple[slice, int, slice]], counter: Counter
) -> None:
    """Computes directly those parts, (groups, image, rows), that are not finite."""
    for some, image, rows in parts:
        outputs = slice(image, image + 1), some, slice(0, problem.filters), rows
        if not all_finite(out[outputs]):
            direct.run(problem.part(*outputs), out[outputs], counter)
    counter.spoiled = True


def _band_rows(problem: Problem) -> int:
    """Output rows that one matrix computes: their windows begin within MAX_BAND_ROWS input rows."""
    return even_parts(problem.positions[0], tuning.MAX_BAND_ROWS // problem.stride[0])


def _matrix_values(problem: Problem) -> int:
    """Values in the matrices of one group."""
    rows = _band_rows(problem)
    return problem.filters * rows * lines_under(problem, rows) * problem.kernel[1]


def _columns(problem: Problem) -> int:
    """Output columns at a time."""
    return even_parts(problem.positions[1], tuning.MAX_BAND_COLUMNS)


def _matrices(problem: Problem, space: np.ndarray) -> np.ndarray:
    """The matrix of every filter, (groups, filters, output rows, values under them)."""
    rows, window = _band_rows(problem), problem.windows[0]
    matrices = shaped(space, (problem.groups, problem.filters, rows, lines_under(problem, rows), problem.kernel[1]))
    matrices[...] = 0
    by_group, by_filter, by_output, by_row, by_tap = matrices.strides
    diagonal = strided(
        matrices,
        (*matrices.shape[:3], *problem.kernel),
        (by_group, by_filter, by_output + window.stride * by_row, window.dilation * by_row, by_tap),
    )
    diagonal[...] = problem.weight
    return matrices.reshape(*matrices.shape[:3], -1)


def _bands(rows: int, band_rows: int) -> Iterator[tuple[slice, int, int]]:
    """Output rows as bands, all whole ones and then the rest: which rows, how many bands, rows per band."""
    whole, rest = divmod(rows, band_rows)
    if whole:
        yield slice(0, whole * band_rows), whole, band_rows
    if rest:
        yield slice(whole * band_rows, rows), 1, rest
