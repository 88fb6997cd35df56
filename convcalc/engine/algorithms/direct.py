"""Direct: the values under a block of windows become the columns of a matrix, and a matrix product sums them.

The definition, block by block: any axes, strides, dilations, groups and dtypes, and exactly its multiplications. For
one channel, a 3x3 kernel and a block of 4 positions:

    weights                  columns, copied from the input       sums
    filters x (channels *    (channels * kernel) x positions      filters x positions
    kernel)
                             w/tap  position 0  1  2  3
    filter 0  [w0 ... w8]    0           x0 x1 x2 x3              [ . . . . ]
    filter 1  [w0 ... w8]  @ 1           x1 x2 x3 x4         =    [ . . . . ]
    filter 2  [w0 ... w8]    ...                                  [ . . . . ]
                             8

If OpenBLAS multiplies small matrices in place, columns are copied in panels of PANEL positions, each a matrix of its
own that is multiplied by some filters at a time: such products skip BLAS's own copies.

    columns  [ panel 0 ][ panel 1 ][ panel 2 ]     each (channels * kernel) x PANEL, one after the other in memory

Memory: columns and sums of a block. Error: at most terms * eps * sum|products| (Higham 2002, section 3.1).
Source: Chellapilla, Puri & Simard 2006, High Performance Convolutional Neural Networks for Document Processing.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine import tuning
from convcalc.engine.counter import Counter
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blas import is_in_place, rows_in_place
from convcalc.engine.work.blocks import block_shape, blocks, cuts, length, shaped, strided, workspaces
from convcalc.engine.work.gather import columns
from convcalc.engine.work.products import multiply

POINT = Window(kernel=1)


def fits(problem: Problem) -> bool:
    """Always."""
    return problem.x.size > 0


def shared(problem: Problem) -> Cut | None:
    """Images, or rows if there are many. BLAS's own threads share few large products, such as a pointwise kernel's."""
    if is_pointwise(problem) or (problem.batch == 1 and problem.whole[1] < tuning.MIN_COLUMNS):
        return None
    images, rows = parts(problem)
    return Cut("batch", images) if problem.batch > 1 else Cut("rows", rows)


def parts(problem: Problem) -> tuple[int, int]:
    """Multiples of images and of rows at which parts of the problem may end so that no sum has other bits.

    BLAS sums in another order at the edges of a product, so that parts must have the blocks of the whole. If that is
    a single block, equal parts for the threads are worth more.
    """
    if is_pointwise(problem):
        return 1, _pointwise_rows(problem.whole)
    batch, all_rows, *_ = problem.whole
    images, rows, *_ = _cut(problem, problem.weight.shape[:2], problem.weight.shape[2:]).positions
    return images if images < batch else 1, rows if rows < all_rows else 1


def _pointwise_rows(whole: tuple[int, ...]) -> int:
    """Rows of a pointwise problem that are multiplied at once: all, unless they are very many."""
    rows, inner = whole[1], prod(whole[2:])
    some = max(1, tuning.POINTWISE_COLUMNS // inner)
    return min(rows, some)


def is_pointwise(problem: Problem) -> bool:
    """Whether kernel and stride are 1, all positions are asked for, and the data can be multiplied in place."""
    if prod(problem.kernel) > 1 or any(window != POINT for window in problem.windows):
        return False
    if problem.x.shape[3:] != problem.positions or problem.compute.kind == "c":  # complex products need a check each
        return False
    same_dtype = problem.x.dtype == problem.weight.dtype == problem.compute
    contiguous = problem.x.flags.c_contiguous and problem.weight.flags.c_contiguous
    return same_dtype and contiguous and (problem.batch == 1 or prod(problem.positions) >= tuning.MIN_COLUMNS)


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    weight = problem.weight
    if weight.size * problem.compute.itemsize <= tuning.MAX_CONVERTED_BYTES:  # else converted block by block
        weight = np.ascontiguousarray(weight, problem.compute)
    bias = None if problem.bias is None else problem.bias[..., np.newaxis]
    if is_pointwise(problem) and out.dtype == problem.compute:
        rows = _pointwise_rows(problem.whole)
        for part in cuts(problem.positions[0], rows):
            _pointwise(problem.x[:, :, :, part], weight, bias, out[:, :, :, part], counter)
    else:  # the batch joins the positions, behind groups and channels
        _in_blocks(problem, batch_third(problem.x), weight, bias, batch_third(out), counter)


def batch_third(array: np.ndarray) -> np.ndarray:
    """(batch, groups, channels, *spatial) seen as (groups, channels, batch, *spatial)."""
    return array.transpose(1, 2, 0, *range(3, array.ndim))


def _pointwise(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, out: np.ndarray, counter: Counter) -> None:
    """Kernel 1, stride 1: one product, in which input and output stay where they are."""
    groups, channels = x.shape[1:3]
    source, target = _flat(x), _flat(out)
    multiply(weight.reshape(groups, -1, channels), source, target, counter)
    if bias is not None:
        target += bias.astype(out.dtype)


def _flat(array: np.ndarray) -> np.ndarray:
    """(batch, groups, channels, *spatial) seen as (batch, groups, channels, positions); rows cut out stay in place."""
    shape = (*array.shape[:3], prod(array.shape[3:]))
    return strided(array, shape, (*array.strides[:3], array.itemsize))


class _Blocks(NamedTuple):
    """How a problem is cut: indices per axis of a block, and filters per product with a panel (0: no panels)."""

    filters: tuple[int, ...]
    positions: tuple[int, ...]
    taps: tuple[int, ...]
    panel_filters: int


def _cut(problem: Problem, filters: tuple[int, ...], taps: tuple[int, ...]) -> _Blocks:
    """Blocks in three spaces: (groups, filters), (batch, *positions), and the (channels, *kernel) that are summed over.

    Positions are those of the whole problem.

    The last is cut only if a window is too large for MIN_COLUMNS positions to fit.
    """
    item, kernel, positions = problem.compute.itemsize, prod(taps), problem.whole
    lanes = min(prod(positions), tuning.MIN_COLUMNS)
    depth = min(kernel, block_shape((kernel,), lanes * item)[0])
    filter_block = block_shape(filters, lanes * item * max(1.0, depth / filters[1]))
    # A block of weights may need a copy in another dtype, hence filters/8: it takes 8 budgets at most.
    tap_block = block_shape(taps, filter_block[0] * item * max(lanes, filter_block[1] / 8))
    position_block = _even(
        positions, block_shape(positions, filter_block[0] * item * max(filter_block[1], prod(tap_block)))
    )

    some = rows_in_place(filters[1], kernel, tuning.PANEL)
    whole = filter_block[1] == filters[1] > 1 and tap_block == taps and positions[-1] > tuning.PANEL
    if not whole or some * kernel < tuning.MIN_PANEL_WEIGHTS or not is_in_place(some, kernel, tuning.PANEL):
        return _Blocks(filter_block, position_block, tap_block, 0)
    # Products this small skip BLAS's packing; our own copy then dominates, so use half a block to stay in cache.
    last = max(1, position_block[-1] // 2 // tuning.PANEL) * tuning.PANEL
    return _Blocks(filter_block, (*position_block[:-1], last), tap_block, some)


def _even(positions: tuple[int, ...], block: tuple[int, ...]) -> tuple[int, ...]:
    """The block made smaller, so that images or rows are a multiple of EVEN_BLOCKS blocks if they are several."""
    for axis in (0, 1):
        if 1 < block[axis] < positions[axis]:
            count = -(-positions[axis] // block[axis])
            count = -(-count // tuning.EVEN_BLOCKS) * tuning.EVEN_BLOCKS
            return (*block[:axis], -(-positions[axis] // count), *block[axis + 1 :])
    return block


def _in_blocks(
    problem: Problem,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    out: np.ndarray,
    counter: Counter,
) -> None:
    """Any convolution of x (groups, channels, batch, *spatial) into out (groups, filters, batch, *positions)."""
    (groups, filters, *_), positions, taps = out.shape, out.shape[2:], weight.shape[2:]
    compute, panel = problem.compute, tuning.PANEL
    cut = _cut(problem, (groups, filters), taps)
    whole_sums = cut.taps == taps  # one product sums all terms

    column_count = cut.filters[0] * prod(cut.positions) * prod(cut.taps)
    sum_count = prod(cut.filters) * prod(cut.positions)
    slab, matrix, sums, term_space = workspaces(
        compute, column_count, column_count, sum_count, 0 if whole_sums else sum_count
    )
    tap_blocks = list(blocks(taps, cut.taps))
    for in_groups, in_filters in blocks((groups, filters), cut.filters):
        stack = length(in_groups), length(in_filters)
        for in_batch, *at in blocks(positions, cut.positions):
            target = out[in_groups, in_filters, in_batch, *at]
            in_panels = cut.panel_filters > 0 and length(at[-1]) % panel == 0
            in_place = out.dtype == compute and whole_sums and (in_panels or _is_matrix(target))
            total = target if in_place else shaped(sums, target.shape)
            product = _in_panels(total, cut.panel_filters) if in_panels else total.reshape(*stack, -1)
            for number, (in_channels, *tap) in enumerate(tap_blocks):
                source = x[in_groups, in_channels, in_batch]
                right = columns(source, problem.axes, tuple(at), tuple(tap), slab, matrix, panel if in_panels else None)
                left = weight[in_groups, in_filters, in_channels, *tap].reshape(*stack, -1).astype(compute, copy=False)
                if in_panels:
                    ones = (1,) * (product.ndim - 4)
                    left = left.reshape(stack[0], *ones, -1, cut.panel_filters, left.shape[-1])
                    right = right[..., np.newaxis, :, :]
                if number == 0:
                    multiply(left, right, product, counter)
                else:
                    term = shaped(term_space, product.shape)
                    multiply(left, right, term, counter)
                    product += term
            if bias is not None:
                total += bias[in_groups, in_filters].reshape(*stack, *(1,) * len(positions)).astype(compute)
            if not in_place:
                target[...] = total


def _in_panels(block: np.ndarray, some: int) -> np.ndarray:
    """(groups, filters, batch, *positions) seen as (groups, batch, *positions, filters / some, some, PANEL)."""
    groups, _, *rows, _ = block.shape
    axes = 0, *range(3, block.ndim + 1), 1, 2, block.ndim + 1
    return block.reshape(groups, -1, some, *rows, block.shape[-1] // tuning.PANEL, tuning.PANEL).transpose(axes)


def _is_matrix(block: np.ndarray) -> bool:
    """Whether all axes of (groups, filters, batch, *positions) but the first two are one run of values."""
    run = block.itemsize
    for size, stride in zip(reversed(block.shape[2:]), reversed(block.strides[2:]), strict=True):
        if size > 1 and stride != run:
            return False
        run *= size
    return True
