"""Planes: where output rows are as long as input rows, what a tap meets is one run of a plane, copied without its rows.

Shifted by a tap's offset, a channel's plane is that tap's line of the matrix under the windows, which the direct
algorithm copies row by row. What the shift carries over the ends of rows, or in from outside, is zeroed afterwards. For
few filters a group and short rows, where copying in small pieces takes longer than multiplying.

Memory: input and matrix of a block of groups. Error: the direct sum's.
Source: the unrolled convolution of Chellapilla, Puri & Simard 2006, with the kernel's taps outermost.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.engine.blocks import BUDGET, even_parts, shaped, workspaces
from convcalc.engine.counter import Counter, multiply
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
    (down, across), (tall, broad) = (axis.window for axis in problem.axes), problem.kernel
    (high, wide), channels, filters = problem.positions, problem.channels, problem.filters
    plane = problem.x.shape[-2] * wide
    before = down.before * wide + across.before  # a shifted plane begins and ends so much outside
    behind = down.after * wide + across.after
    step = even_parts(problem.groups, 2 * BUDGET // (_values(problem) * problem.compute.itemsize))
    first, second, third = workspaces(
        problem.compute,
        before + step * channels * plane + behind,
        step * problem.terms * high * wide,
        0 if out.dtype == problem.compute else step * filters * high * wide,
    )
    item = problem.compute.itemsize
    strides = (channels * plane * item, plane * item, down.dilation * wide * item, across.dilation * item, item)
    weight = np.ascontiguousarray(problem.weight, problem.compute).reshape(problem.groups, filters, -1)
    for batch, start in product(range(problem.batch), range(0, problem.groups, step)):
        groups = slice(start, min(start + step, problem.groups))
        x, amount = problem.x[batch, groups], groups.stop - start
        shaped(first[before:], x.shape)[...] = x
        gathered = shaped(second, (amount, channels, tall, broad, high * wide))
        gathered[...] = as_strided(first, gathered.shape, strides)
        _clear(problem, gathered.reshape(*gathered.shape[:4], high, wide))
        target = out[batch, groups].reshape(amount, filters, high * wide)
        sums = target if target.dtype == problem.compute else shaped(third, target.shape)
        multiply(weight[groups], gathered.reshape(amount, -1, high * wide), sums, counter)
        if problem.bias is not None:
            sums += problem.bias[groups, :, np.newaxis].astype(sums.dtype)
        if sums is not target:
            target[...] = sums


def _clear(problem: Problem, gathered: np.ndarray) -> None:
    """Zeroes what is padding in (groups, channels, kernel rows, kernel columns, height, width)."""
    (down, across), (high, wide), bottom = problem.windows, problem.positions, problem.x.shape[-2]
    for tap in range(down.kernel):
        shift = tap * down.dilation - down.before
        if shift < 0:
            gathered[:, :, tap, :, :-shift] = 0
        if shift + high > bottom:
            gathered[:, :, tap, :, max(0, bottom - shift) :] = 0
    for tap in range(across.kernel):
        shift = tap * across.dilation - across.before
        # One by one, because NumPy clears a column of all rows in one run.
        for column in range(min(wide, -shift)) if shift < 0 else range(max(0, wide - shift), wide):
            gathered[:, :, :, tap, :, column] = 0


def _values(problem: Problem) -> int:
    """What the matrix of one group holds, or its input or sums where those are more."""
    high, wide = problem.positions
    return int(wide * max(high * problem.terms, problem.x.shape[-2] * problem.channels, high * problem.filters))
