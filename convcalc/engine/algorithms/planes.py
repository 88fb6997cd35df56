"""Planes: if output rows are as long as input rows, each tap reads one run of the plane, copied without its rows.

Shifted by a tap's offset, a channel's plane is that tap's line of the matrix under the windows, which the direct
algorithm copies row by row. A 3x3 kernel with padding 1 on a plane of 3 rows, here the tap at its lower right:

    plane         a0 a1 a2 b0 b1 b2 c0 c1 c2
                              \\__ shifted by one row and one column
    the tap's     b1 b2 c0 c1 c2  0  0  0  0      one copy, then zeros behind the end
    line          b1 b2  0 c1 c2  0  0  0  0      the last column cleared: its values came from the row below

With few filters only the kernel's columns are copied, one line each but longer by the rows above and below. The taps
of a kernel row further down are the same lines, read one row further on:

    line of a kernel column    [ 0 0 0 | a0 a1 a2 | b0 b1 b2 | c0 c1 c2 | 0 0 0 ]
    under kernel row 0         <----------------------------->
    under kernel row 1                 <-------------------------------->
    under kernel row 2                            <----------------------------->

For short rows, whose copying one by one takes longer than the products.

Memory: the weights with kernel rows first, matrix and sums of a block of groups, and the sums of some kernel rows if
these are added. Error: the direct sum's.
Source: the unrolled convolution of Chellapilla, Puri & Simard 2006, with the kernel's taps outermost.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.counter import Counter
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blocks import cuts, even_parts, shaped, strided, workspaces
from convcalc.engine.work.products import multiply


def fits(problem: Problem) -> bool:
    """Whether there are two axes, no strides, zeros around, rows as long as the input's, and room for one group."""
    if len(problem.kernel) != 2 or problem.stride != (1, 1) or problem.x.shape[-1] != problem.positions[-1]:
        return False
    weight = problem.weight
    in_place = _is_one_product(problem) and weight.dtype == problem.compute and weight.flags.c_contiguous
    most = max(_values(problem), 0 if in_place else weight.size) * problem.compute.itemsize
    return most <= tuning.MAX_PLANES_BYTES and all(len(axis.zones) == 1 for axis in problem.axes)


def shared(problem: Problem) -> Cut | None:
    """Groups or images; if there is one of each, BLAS's own threads share the products."""
    return problem.independent() if problem.groups * problem.batch > 1 else None


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    down, (kernel_height, kernel_width), (height, width) = problem.windows[0], problem.kernel, problem.positions
    channels, filters, size, compute = problem.channels, problem.filters, height * width, problem.compute
    weights = _weights(problem)  # (products, groups, filters, taps)
    one_product = len(weights) == 1
    lines, length = (kernel_height, size) if one_product else (1, (height + down.extent - 1) * width)
    budget = tuning.SHARED_CACHE * tuning.BUDGET / compute.itemsize
    group_step = even_parts(problem.groups, int(budget / _values(problem)))
    row_step = max(1, min(len(weights) - 1, int(budget / (group_step * filters * size))))
    gathered_space, sum_space, term_space = workspaces(
        compute,
        group_step * channels * lines * kernel_width * length,
        0 if out.dtype == compute else group_step * filters * size,
        0 if one_product else row_step * group_step * filters * size,
    )
    gathered = shaped(gathered_space, (group_step, channels, lines, kernel_width, length))
    by_group, _, _, by_line, item = gathered.strides
    matrices = strided(
        gathered,
        (len(weights), group_step, channels * lines * kernel_width, size),
        (down.dilation * width * item, by_group, by_line, item),
    )
    copies = _copies(problem, gathered)
    kernel_rows = cuts(len(weights) - 1, row_step)  # those after the first
    for image, groups in product(range(problem.batch), cuts(problem.groups, group_step)):
        x = problem.x[image, groups]
        count, planes = len(x), x.reshape(len(x), channels, -1)
        for line, read, stale in copies:
            line[:count] = planes[..., read]
            for column in stale:
                column[:count] = 0
        target = out[image, groups].reshape(count, filters, size)
        sums = target if target.dtype == compute else shaped(sum_space, target.shape)
        multiply(weights[0, groups], matrices[0, :count], sums, counter)
        for rows in kernel_rows:
            left = weights[1:][rows, groups]
            terms = shaped(term_space, (len(left), *target.shape))
            multiply(left, matrices[1:, :count][rows], terms, counter)
            for term in terms:
                sums += term
        if problem.bias is not None:
            sums += problem.bias[groups, :, np.newaxis].astype(compute)
        if sums is not target:
            target[...] = sums


def _copies(problem: Problem, gathered: np.ndarray) -> list[tuple[np.ndarray, slice, list[np.ndarray]]]:
    """For every tap: where its run of the planes goes, the run, and the columns to be cleared afterwards.

    gathered: (groups, channels, rows, columns, length). What lies before and behind the runs is cleared here, once for
    all blocks.
    """
    (down, across), width, values = problem.windows, problem.positions[1], prod(problem.x.shape[-2:])
    *_, kernel_height, kernel_width, length = gathered.shape
    copies = []
    for row, column in product(range(kernel_height), range(kernel_width)):
        aside = column * across.dilation - across.before
        shift = (row * down.dilation - down.before) * width + aside
        line = gathered[:, :, row, column]
        begin = min(max(0, -shift), length)
        end = max(begin, min(length, values - shift))
        if begin > 0:
            line[..., :begin] = 0
        if end < length:
            line[..., end:] = 0
        # Columns whose values come from the row above or below. Each is one run for NumPy to clear.
        stale = range(min(width, -aside)) if aside < 0 else range(max(0, width - aside), width)
        copies.append((line[..., begin:end], slice(begin + shift, end + shift), [line[..., i::width] for i in stale]))
    return copies


def _weights(problem: Problem) -> np.ndarray:
    """The weights of every product, (products, groups, filters, taps): one product, or one per kernel row.

    One per kernel row needs the kernel rows first; copying the taps of a row at once takes a third of the time.
    """
    compute = problem.compute
    weight = problem.weight.astype(compute, copy=False)
    groups, filters, channels, kernel_height, kernel_width = weight.shape
    if _is_one_product(problem):
        return weight.reshape(1, groups, filters, -1)
    if compute.hasobject or not weight.flags.c_contiguous:
        ordered = np.ascontiguousarray(weight.transpose(3, 0, 1, 2, 4))
    else:
        rows = weight.view(np.dtype((np.void, kernel_width * compute.itemsize)))[..., 0]
        ordered = np.ascontiguousarray(rows.transpose(3, 0, 1, 2)).view(compute)
    return ordered.reshape(kernel_height, groups, filters, channels * kernel_width)


def _is_one_product(problem: Problem) -> bool:
    """Whether all kernel rows are summed in one product.

    More values are copied for it, but no sums of rows are written and added, and no weights are reordered.
    """
    (kernel_height, kernel_width), size = problem.kernel, prod(problem.positions)
    copied = problem.channels * kernel_width * (kernel_height - 1) * size
    spared = 2 * problem.filters * ((kernel_height - 1) * size + problem.terms)
    return copied <= spared


def _values(problem: Problem) -> int:
    """Values that one group holds: its matrix, input and sums."""
    (height, width), (_, kernel_width), channels = problem.positions, problem.kernel, problem.channels
    lines = height + problem.windows[0].extent - 1
    matrix = height * problem.terms if _is_one_product(problem) else lines * channels * kernel_width
    return int(width * (matrix + problem.x.shape[-2] * channels + 2 * height * problem.filters))
