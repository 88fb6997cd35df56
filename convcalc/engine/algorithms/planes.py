"""Planes: where output rows are as long as input rows, what a tap meets is one run of a plane, copied without its rows.

Shifted by a tap's offset, a channel's plane is that tap's line of the matrix under the windows, which the direct
algorithm copies row by row. What the shift carries over the ends of rows, or in from outside, is zeroed afterwards. Few
filters are summed one kernel row after the other, over copies for its columns alone: a row further down is a shift of
the same copies, which BLAS reads in place. For short rows, where copying in small pieces takes longer than multiplying.

Memory: input, matrix and sums of a block of groups. Error: the direct sum's.
Source: the unrolled convolution of Chellapilla, Puri & Simard 2006, with the kernel's taps outermost.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.engine.blocks import BUDGET, even_parts, shaped, workspaces
from convcalc.engine.counter import Counter, multiply
from convcalc.engine.padded import copy_padded
from convcalc.engine.problem import Cut, Problem


def fits(problem: Problem) -> bool:
    """Whether there are two axes, no strides, zeros around, rows as long as the input's, and room for one group."""
    return (
        len(problem.kernel) == 2
        and problem.stride == (1, 1)
        and problem.x.shape[-1] == problem.positions[-1]
        and all(len(axis.zones) == 1 for axis in problem.axes)
        and _values(problem) * problem.compute.itemsize <= 8 * BUDGET
    )


def shared(problem: Problem) -> Cut | None:
    """Groups or images; BLAS shares the products of one."""
    return problem.independent() if problem.groups * problem.batch > 1 else None


def run(problem: Problem, out: np.ndarray, counter: Counter | None) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    (down, across), (tall, broad) = problem.windows, problem.kernel
    (high, wide), channels, filters = problem.positions, problem.channels, problem.filters
    lines = high + down.extent - 1
    plane, before = lines * wide, across.before  # a shifted plane begins so much outside
    copied, weights = _weights(problem)
    length = high * wide if copied == tall else plane
    step = even_parts(problem.groups, BUDGET // (_values(problem) * problem.compute.itemsize))
    sums_size = step * filters * high * wide
    first, second, third, fourth = workspaces(
        problem.compute,
        before + step * channels * plane + across.after,
        step * channels * copied * broad * length,
        0 if out.dtype == problem.compute else sums_size,
        0 if len(weights) == 1 else sums_size,
    )
    item = problem.compute.itemsize
    strides = (channels * plane * item, plane * item, down.dilation * wide * item, across.dilation * item, item)
    vertical, horizontal = tuple(problem.axes[0].pieces(-down.before, lines)), ((slice(0, wide), slice(0, wide)),)
    for batch, start in product(range(problem.batch), range(0, problem.groups, step)):
        groups = slice(start, min(start + step, problem.groups))
        x, amount = problem.x[batch, groups], groups.stop - start
        copy_padded(x, (vertical, horizontal), shaped(first[before:], (amount, channels, lines, wide)))
        gathered = shaped(second, (amount, channels, copied, broad, length))
        gathered[...] = as_strided(first, gathered.shape, strides)
        _clear(problem, gathered)
        target = out[batch, groups].reshape(amount, filters, high * wide)
        sums = target if target.dtype == problem.compute else shaped(third, target.shape)
        matrix = gathered.reshape(amount, -1, length)
        for row, weight in enumerate(weights):
            seen = matrix[..., row * down.dilation * wide :][..., : high * wide]
            term = shaped(fourth, target.shape) if row else sums
            multiply(weight[groups], seen, term, counter)
            if row:
                sums += term
        if problem.bias is not None:
            sums += problem.bias[groups, :, np.newaxis].astype(sums.dtype)
        if sums is not target:
            target[...] = sums


def _weights(problem: Problem) -> tuple[int, np.ndarray]:
    """How many kernel rows the matrix has copies for, all or one, and the weights of each product.

    Row by row they have to be brought in order, which many filters do not make up for.
    """
    weight = problem.weight.astype(problem.compute, copy=False)
    groups, filters, channels, tall, broad = weight.shape
    if _is_at_once(problem):
        return tall, weight.reshape(1, groups, filters, -1)
    return 1, np.ascontiguousarray(weight.transpose(3, 0, 1, 2, 4)).reshape(tall, groups, filters, channels * broad)


def _is_at_once(problem: Problem) -> bool:
    """Whether all kernel rows are summed in one product."""
    return problem.filters >= prod(problem.positions)


def _clear(problem: Problem, gathered: np.ndarray) -> None:
    """Zeroes what is padding beside the rows in (groups, channels, kernel rows, kernel columns, lines * width)."""
    across, wide = problem.windows[1], problem.positions[1]
    for tap in range(across.kernel):
        shift = tap * across.dilation - across.before
        # One by one, because NumPy clears a column of all rows in one run.
        for column in range(min(wide, -shift)) if shift < 0 else range(max(0, wide - shift), wide):
            gathered[:, :, :, tap, column::wide] = 0


def _values(problem: Problem) -> int:
    """What one group holds: its input, matrix and sums."""
    (high, wide), lines = problem.positions, problem.positions[0] + problem.windows[0].extent - 1
    matrix = high * problem.terms if _is_at_once(problem) else lines * problem.channels * problem.kernel[1]
    return int(wide * (lines * problem.channels + matrix + 2 * high * problem.filters))
