"""Direct: the values under a block of windows become the columns of a matrix, and a matrix product sums them.

The definition, block by block: any axes, strides, dilations, groups and dtypes, and exactly its multiplications.

Memory: columns and sums of a block. Error: at most terms * eps * sum|products| (Higham 2002, section 3.1).
Source: Chellapilla, Puri & Simard 2006, High Performance Convolutional Neural Networks for Document Processing.
"""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine import tuning
from convcalc.engine.counter import Counter
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blas import is_in_place, rows_in_place
from convcalc.engine.work.blocks import block_shape, blocks, length, shaped, workspaces
from convcalc.engine.work.gather import columns
from convcalc.engine.work.products import multiply

POINT = Window(kernel=1)


def fits(problem: Problem) -> bool:
    """Always."""
    return problem.x.size > 0


def shared(problem: Problem) -> Cut | None:
    """Images, or rows if there are many. BLAS shares the one product of a pointwise kernel, and few large ones."""
    if is_pointwise(problem) or (problem.batch == 1 and problem.positions[0] < tuning.MIN_COLUMNS):
        return None
    return Cut("batch") if problem.batch > 1 else Cut("rows")


def is_pointwise(problem: Problem) -> bool:
    """Whether kernel and stride are 1, all positions are asked for, and the data can be multiplied as it lies."""
    if prod(problem.kernel) > 1 or any(window != POINT for window in problem.windows):
        return False
    if problem.x.shape[3:] != problem.positions or problem.compute.kind == "c":  # complex products need a check each
        return False
    in_place = problem.x.dtype == problem.weight.dtype == problem.compute
    as_it_lies = problem.x.flags.c_contiguous and problem.weight.flags.c_contiguous
    return in_place and as_it_lies and (problem.batch == 1 or prod(problem.positions) >= tuning.MIN_COLUMNS)


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    weight = problem.weight
    if weight.size * problem.compute.itemsize <= tuning.MAX_CONVERTED_BYTES:  # else converted block by block
        weight = np.ascontiguousarray(weight, problem.compute)
    bias = None if problem.bias is None else problem.bias[..., np.newaxis]
    if is_pointwise(problem) and out.dtype == problem.compute:
        _pointwise(problem.x, weight, bias, out, counter)
    else:  # the batch joins the positions, behind groups and channels
        _blocks(problem, batch_third(problem.x), weight, bias, batch_third(out), counter)


def batch_third(array: np.ndarray) -> np.ndarray:
    """(batch, groups, channels, *spatial) seen as (groups, channels, batch, *spatial)."""
    return array.transpose(1, 2, 0, *range(3, array.ndim))


def _pointwise(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, out: np.ndarray, counter: Counter) -> None:
    """Kernel 1, stride 1: one product with the data as it lies."""
    batch, groups, channels = x.shape[:3]
    source, target = x.reshape(batch, groups, channels, -1), out.reshape(*out.shape[:3], -1)
    multiply(weight.reshape(groups, -1, channels), source, target, counter)
    if bias is not None:
        target += bias.astype(out.dtype)


def _blocks(
    problem: Problem,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    out: np.ndarray,
    counter: Counter,
) -> None:
    """Any convolution of x (groups, channels, batch, *spatial) into out (groups, filters, batch, *positions).

    The windows of a block of positions become the columns of a matrix. Blocks are cut in three spaces: filters,
    positions, and the taps they sum over, the last only where a window is too large for MIN_COLUMNS positions to fit.
    """
    (groups, filters, *_), positions, taps = out.shape, out.shape[2:], weight.shape[2:]
    compute, item = problem.compute, problem.compute.itemsize
    lanes = min(prod(positions), tuning.MIN_COLUMNS)
    depth = min(prod(taps), block_shape((prod(taps),), lanes * item)[0])
    filter_block = block_shape((groups, filters), lanes * item * max(1.0, depth / filters))
    # A block of weights may need a copy in another dtype, hence filters/8: it takes 8 budgets at most.
    tap_block = block_shape(taps, filter_block[0] * item * max(lanes, filter_block[1] / 8))
    position_block = block_shape(positions, filter_block[0] * item * max(filter_block[1], prod(tap_block)))
    # Products of so many filters with so few columns may be spared BLAS's copies: copying takes longer beside them, so
    # half a block stays closer.
    part = rows_in_place(filters, prod(taps), tuning.PANEL)
    whole = filter_block[1] == filters > 1 and tap_block == taps and positions[-1] > tuning.PANEL
    panels = whole and part * prod(taps) >= tuning.MIN_PANEL_WEIGHTS and is_in_place(part, prod(taps), tuning.PANEL)
    if panels:
        position_block = (*position_block[:-1], max(1, position_block[-1] // 2 // tuning.PANEL) * tuning.PANEL)

    column_count = filter_block[0] * prod(position_block) * prod(tap_block)
    sum_count = prod(filter_block) * prod(position_block)
    partial_count = 0 if tap_block == taps else sum_count
    slab, matrix, sums, partial = workspaces(compute, column_count, column_count, sum_count, partial_count)
    tap_blocks = list(blocks(taps, tap_block))
    for in_groups, in_filters in blocks((groups, filters), filter_block):
        stack = length(in_groups), length(in_filters)
        for in_batch, *at in blocks(positions, position_block):
            target = out[in_groups, in_filters, in_batch, *at]
            in_panels = panels and length(at[-1]) % tuning.PANEL == 0
            in_place = out.dtype == compute and tap_block == taps and (in_panels or _is_matrix(target))
            total = target if in_place else shaped(sums, target.shape)
            made = _in_panels(total, part) if in_panels else total.reshape(*stack, -1)
            for number, (in_channels, *tap) in enumerate(tap_blocks):
                seen, panel = x[in_groups, in_channels, in_batch], tuning.PANEL if in_panels else None
                right = columns(seen, problem.axes, tuple(at), tuple(tap), slab, matrix, panel)
                left = weight[in_groups, in_filters, in_channels, *tap].reshape(*stack, -1).astype(compute, copy=False)
                if in_panels:
                    left = left.reshape(stack[0], *(1,) * (made.ndim - 4), -1, part, left.shape[-1])
                    right = right[..., np.newaxis, :, :]
                if number == 0:
                    multiply(left, right, made, counter)
                else:
                    term = shaped(partial, made.shape)
                    multiply(left, right, term, counter)
                    made += term
            if bias is not None:
                start = bias[in_groups, in_filters].reshape(*stack, *(1,) * len(positions)).astype(compute)
                total += start
            if not in_place:
                target[...] = total


def _in_panels(block: np.ndarray, part: int) -> np.ndarray:
    """(groups, filters, batch, *positions) seen as (groups, batch, *positions, parts of filters, part, PANEL)."""
    groups, _, *rows, _ = block.shape
    axes = 0, *range(3, block.ndim + 1), 1, 2, block.ndim + 1
    return block.reshape(groups, -1, part, *rows, block.shape[-1] // tuning.PANEL, tuning.PANEL).transpose(axes)


def _is_matrix(block: np.ndarray) -> bool:
    """Whether all axes of (groups, filters, batch, *positions) but the first two are one run of values."""
    run = block.itemsize
    for size, stride in zip(reversed(block.shape[2:]), reversed(block.strides[2:]), strict=True):
        if size > 1 and stride != run:
            return False
        run *= size
    return True
