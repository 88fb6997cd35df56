"""Convolution as networks mean it, by matrix products over blocks of window positions."""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.engine import blocks as cut
from convcalc.engine.arithmetic import Arithmetic
from convcalc.engine.blocks import LANES, block_shape, blocks, length, shaped, workspaces
from convcalc.engine.counter import Counter, multiply
from convcalc.engine.padded import PaddedAxis, columns, padded_axis
from convcalc.window import Window, output_size


def correlate(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    windows: tuple[Window, ...],
    groups: int,
    *,
    arithmetic: Arithmetic,
    padding_mode: str = "zeros",
    counter: Counter | None = None,
) -> np.ndarray:
    """Outputs (batch, out_channels, *positions) in `arithmetic.result`, C-contiguous.

    x: (batch, in_channels, *spatial); weight: (out_channels, in_channels / groups, *kernel); bias:
    (out_channels,); one window per spatial axis. Channels and groups must already fit together.
    Padding zeros are values and are multiplied. Takes less than 64 MiB beside input, weights and output.

    Raises ShapeError if a window does not fit or the padding mode cannot fill the padding.

    >>> from convcalc.engine.arithmetic import choose_arithmetic
    >>> x, weight = np.array([[[1, 2, 3, 4]]]), np.array([[[1, 10]]])
    >>> correlate(x, weight, None, (Window(2, stride=2),), 1, arithmetic=choose_arithmetic(x, weight, None))
    array([[[21, 43]]])
    """
    batch, channels, *spatial = x.shape
    filters = weight.shape[0]
    sizes = tuple(output_size(size, window) for size, window in zip(spatial, windows, strict=True))
    axes = tuple(padded_axis(size, window, padding_mode) for size, window in zip(spatial, windows, strict=True))
    out = np.empty((batch, filters, *sizes), arithmetic.result)

    compute = arithmetic.compute
    x = x.reshape(batch, groups, channels // groups, *spatial)
    weight = weight.reshape(groups, filters // groups, *weight.shape[1:])
    if weight.size * compute.itemsize <= 8 * cut.BUDGET:  # else converted block by block
        weight = np.ascontiguousarray(weight, compute)
    if bias is not None:
        bias = bias.reshape(groups, filters // groups, 1)

    in_place = x.dtype == weight.dtype == compute == out.dtype and x.flags.c_contiguous and weight.flags.c_contiguous
    plain = all(window == Window(kernel=1) for window in windows)
    with np.errstate(all="ignore"):  # overflow and NaN are results here, not accidents
        blocked = out.reshape(batch, groups, filters // groups, *sizes)
        if plain and in_place and (batch == 1 or prod(sizes) >= LANES):
            _pointwise(x, weight, bias, blocked, counter)
        else:  # the batch joins the positions, behind groups and channels
            _correlate_blocks(_batch_third(x), weight, bias, axes, compute, _batch_third(blocked), counter)
    return out


def _batch_third(array: np.ndarray) -> np.ndarray:
    """(batch, groups, channels, *spatial) seen as (groups, channels, batch, *spatial)."""
    return array.transpose(1, 2, 0, *range(3, array.ndim))


def _pointwise(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, out: np.ndarray, counter: Counter | None
) -> None:
    """Kernel 1, stride 1: one product with the data as it lies."""
    batch, groups, channels = x.shape[:3]
    target = out.reshape(*out.shape[:3], -1)
    multiply(weight.reshape(groups, -1, channels), x.reshape(batch, groups, channels, -1), target, counter)
    if bias is not None:
        target += bias.astype(out.dtype)


def _correlate_blocks(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    axes: tuple[PaddedAxis, ...],
    compute: np.dtype,
    out: np.ndarray,
    counter: Counter | None,
) -> None:
    """Any convolution of x (groups, channels, batch, *spatial) into out (groups, filters, batch, *positions).

    The windows of a block of positions become the columns of a matrix. Blocks are cut in three spaces: filters,
    positions, and the taps they sum over, the last only where a window is too large for LANES positions to fit.
    """
    (groups, filters, *_), positions, taps = out.shape, out.shape[2:], weight.shape[2:]
    item = compute.itemsize
    lanes = min(prod(positions), LANES)
    depth = min(prod(taps), block_shape((prod(taps),), lanes * item)[0])
    filter_block = block_shape((groups, filters), lanes * item * max(1.0, depth / filters))
    # A block of weights may need a copy in another dtype, hence filters/8: it takes 8 budgets at most.
    tap_block = block_shape(taps, filter_block[0] * item * max(lanes, filter_block[1] / 8))
    position_block = block_shape(positions, filter_block[0] * item * max(filter_block[1], prod(tap_block)))

    column_count = filter_block[0] * prod(position_block) * prod(tap_block)
    sum_count = prod(filter_block) * prod(position_block)
    partial_count = 0 if tap_block == taps else sum_count
    slab, matrix, sums, partial = workspaces(compute, column_count, column_count, sum_count, partial_count)
    for in_groups, in_filters in blocks((groups, filters), filter_block):
        stack = length(in_groups), length(in_filters)
        for in_batch, *at in blocks(positions, position_block):
            counts = length(in_batch), *map(length, at)
            total = shaped(sums, (*stack, prod(counts)))
            for number, (in_channels, *tap) in enumerate(blocks(taps, tap_block)):
                right = columns(x[in_groups, in_channels, in_batch], axes, tuple(at), tuple(tap), slab, matrix)
                left = weight[in_groups, in_filters, in_channels, *tap].reshape(*stack, -1).astype(compute, copy=False)
                if number == 0:
                    multiply(left, right, total, counter)
                else:
                    term = shaped(partial, total.shape)
                    multiply(left, right, term, counter)
                    total += term
            if bias is not None:
                total += bias[in_groups, in_filters].astype(compute)
            out[in_groups, in_filters, in_batch, *at] = total.reshape(*stack, *counts)
