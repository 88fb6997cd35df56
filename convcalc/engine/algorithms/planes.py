"""Planes: where output rows are as long as input rows, what a tap meets is one run of a plane, copied without its rows.

Shifted by a tap's offset, a channel's plane is that tap's line of the matrix under the windows, which the direct
algorithm copies row by row. What the shift carries over the ends of rows, or in from outside, is zeroed afterwards.
Few filters are multiplied with copies for the kernel's columns alone, some of its rows at a time: a row further down is
a shift of the same copies, which BLAS reads in place. For short rows, where copying in small pieces takes longer than
multiplying.

Memory: the weights in order, matrix and sums of a block of groups, and of some kernel rows where these are added.
Error: the direct sum's.
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
    as_it_lies = _is_at_once(problem) and weight.dtype == problem.compute and weight.flags.c_contiguous
    most = max(_values(problem), 0 if as_it_lies else weight.size) * problem.compute.itemsize
    return most <= tuning.MAX_PLANES_BYTES and all(len(axis.zones) == 1 for axis in problem.axes)


def shared(problem: Problem) -> Cut | None:
    """Groups or images; BLAS shares the products of one."""
    return problem.independent() if problem.groups * problem.batch > 1 else None


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    down, (tall, broad), (high, wide) = problem.windows[0], problem.kernel, problem.positions
    channels, filters, size = problem.channels, problem.filters, high * wide
    weights = _weights(problem)
    copied, length = (tall, size) if len(weights) == 1 else (1, (high + down.extent - 1) * wide)
    budget = tuning.SHARED_CACHE * tuning.BUDGET / problem.compute.itemsize
    step = even_parts(problem.groups, int(budget / _values(problem)))
    room = int(budget / (step * filters * size))
    rows = max(1, min(len(weights) - 1, room))
    first, second, third = workspaces(
        problem.compute,
        step * channels * copied * broad * length,
        0 if out.dtype == problem.compute else step * filters * size,
        0 if len(weights) == 1 else rows * step * filters * size,
    )
    gathered = shaped(first, (step, channels, copied, broad, length))
    by_group, _, _, by_line, item = gathered.strides
    strides = down.dilation * wide * item, by_group, by_line, item
    windows = strided(gathered, (len(weights), step, channels * copied * broad, size), strides)
    copies = _copies(problem, gathered)
    further = cuts(len(weights) - 1, rows)
    for batch, groups in product(range(problem.batch), cuts(problem.groups, step)):
        x = problem.x[batch, groups]
        some, planes = len(x), x.reshape(len(x), channels, -1)
        for into, read, outside in copies:
            into[:some] = planes[..., read]
            for column in outside:
                column[:some] = 0
        target = out[batch, groups].reshape(some, filters, size)
        sums = target if target.dtype == problem.compute else shaped(second, target.shape)
        matrices = windows[:, :some]
        multiply(weights[0, groups], matrices[0], sums, counter)
        for below in further:
            left = weights[1:][below, groups]
            terms = shaped(third, (len(left), *target.shape))
            multiply(left, matrices[1:][below], terms, counter)
            for term in terms:
                sums += term
        if problem.bias is not None:
            sums += problem.bias[groups, :, np.newaxis].astype(sums.dtype)
        if sums is not target:
            target[...] = sums


def _copies(problem: Problem, gathered: np.ndarray) -> list[tuple[np.ndarray, slice, list[np.ndarray]]]:
    """For every tap, where a run of the planes goes, which, and what of it the ends of rows make stale.

    gathered: (groups, channels, rows, columns, length). What no run reaches is cleared at first, once for all blocks.
    """
    (down, across), wide, values = problem.windows, problem.positions[1], prod(problem.x.shape[-2:])
    *_, tall, broad, length = gathered.shape
    copies = []
    for row, column in product(range(tall), range(broad)):
        aside = column * across.dilation - across.before
        shift = (row * down.dilation - down.before) * wide + aside
        run = gathered[:, :, row, column]
        begin = min(max(0, -shift), length)
        end = max(begin, min(length, values - shift))
        if begin > 0:
            run[..., :begin] = 0
        if end < length:
            run[..., end:] = 0
        # What comes from the row above or below. One by one, because NumPy clears a column of all rows in one run.
        outside = range(min(wide, -aside)) if aside < 0 else range(max(0, wide - aside), wide)
        copies.append((run[..., begin:end], slice(begin + shift, end + shift), [run[..., i::wide] for i in outside]))
    return copies


def _weights(problem: Problem) -> np.ndarray:
    """The weights of every product, (products, groups, filters, taps): of all kernel rows, or of one.

    Of one they have to be brought in order; a row's taps at once, which takes a third of the time.
    """
    compute = problem.compute
    weight = problem.weight.astype(compute, copy=False)
    groups, filters, channels, tall, broad = weight.shape
    if _is_at_once(problem):
        return weight.reshape(1, groups, filters, -1)
    if compute.hasobject or not weight.flags.c_contiguous:
        ordered = np.ascontiguousarray(weight.transpose(3, 0, 1, 2, 4))
    else:
        rows = weight.view(np.dtype((np.void, broad * compute.itemsize)))[..., 0]
        ordered = np.ascontiguousarray(rows.transpose(3, 0, 1, 2)).view(compute)
    return ordered.reshape(tall, groups, filters, channels * broad)


def _is_at_once(problem: Problem) -> bool:
    """Whether all kernel rows are summed in one product.

    More values are copied for it, but no sums of rows are written and added, and no weights brought in order.
    """
    (tall, broad), size = problem.kernel, prod(problem.positions)
    copied = problem.channels * broad * (tall - 1) * size
    spared = 2 * problem.filters * ((tall - 1) * size + problem.terms)
    return copied <= spared


def _values(problem: Problem) -> int:
    """What one group holds: its matrix, input and sums."""
    (high, wide), (_, broad), channels = problem.positions, problem.kernel, problem.channels
    lines = high + problem.windows[0].extent - 1
    matrix = high * problem.terms if _is_at_once(problem) else lines * channels * broad
    return int(wide * (matrix + problem.x.shape[-2] * channels + 2 * high * problem.filters))
