"""The steps of Winograd's algorithm on one block of tiles; `winograd` draws how they follow each other."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import prod

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.counter import Counter
from convcalc.engine.problem import Problem
from convcalc.engine.work.blas import rows_in_place
from convcalc.engine.work.blocks import length, shaped, strided
from convcalc.engine.work.channels_last import copy_channels_last
from convcalc.engine.work.products import multiply

KERNEL = 3
TILE = 4
SPAN = TILE + KERNEL - 1
POINTS = tuple(Fraction(point, 8) for point in (0, 5, -5, 10, -10))
"""Where the polynomials are evaluated, in addition to infinity: symmetric, and near 1.

Source: Barabasz et al. 2020, Error Analysis and Improving the Accuracy of Winograd Convolution.
"""


@cache
def constants() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A' (4, 6), G (6, 3) and B' (6, 6) of one axis, in float64.

    The result is a product of two polynomials, read backwards: evaluate both at the points, multiply, interpolate,
    and transpose the whole (Lavin & Gray 2016, section 4.1; Blahut 2010, chapter 5).
    """
    last = SPAN - 1
    output = [[point**i for point in POINTS] + [Fraction(i == TILE - 1)] for i in range(TILE)]
    kernel, input = [], []
    for point in POINTS:
        others = [other for other in POINTS if other != point]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        kernel.append([point**i / scale for i in range(KERNEL)])
        input.append([*_polynomial(others), Fraction(0)])
    kernel.append([Fraction(i == KERNEL - 1) for i in range(KERNEL)])
    input.append(_polynomial(POINTS))
    assert all(len(row) == last + 1 for row in input)
    a, g, b = (np.array(rows, dtype=np.float64) for rows in (output, kernel, input))
    return a, g, b


@cache
def matrices(compute: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A' and G of both axes at once, (16, 36) and (36, 9), and B' of one."""
    output, kernel, input = (matrix.astype(compute) for matrix in constants())
    return np.kron(output, output), np.kron(kernel, kernel), input


@cache
def mean_amplification() -> float:
    """By how much a tile's transforms enlarge what is rounded, relative to |x| * |weight|, on average over the taps."""
    a, g, b = constants()
    taps = np.sqrt(np.einsum("ia,au,a->iu", a**2, g**2, (b**2).sum(axis=1)))  # of one axis, by output and tap
    return float(taps.mean(axis=1).max() ** 2)


def _polynomial(roots: tuple[Fraction, ...] | list[Fraction]) -> list[Fraction]:
    """Coefficients of the product of (x - root), lowest power first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [high - root * low for high, low in zip(shifted, scaled, strict=True)]
    return coefficients


def weights_at_points(
    problem: Problem, kernel: np.ndarray, space: np.ndarray, spare: np.ndarray, counter: Counter
) -> np.ndarray:
    """Weights at every point, (36, groups, filters, depth taps * channels), the filters side by side in `space`.

    They are copied side by side to `spare` first, so that BLAS transforms them in place.
    """
    groups, filters, channels = problem.weight.shape[:3]
    weight = problem.weight.reshape(groups, filters, -1).swapaxes(1, 2)
    taps = shaped(spare, weight.shape)
    for start in range(0, filters, tuning.FILTERS_TOGETHER):
        some = slice(start, start + tuning.FILTERS_TOGETHER)
        taps[..., some] = weight[..., some]
    taps = taps.reshape(groups, channels, -1, KERNEL**2, filters).swapaxes(1, 2)
    out = shaped(space, (SPAN**2, groups, *taps.shape[1:3], filters))
    multiply(kernel, taps, out.transpose(1, 2, 3, 0, 4), counter)
    return out.reshape(SPAN**2, groups, -1, filters).swapaxes(2, 3)


def padded_image(problem: Problem, batch: slice, at: list[slice], image: np.ndarray, spare: np.ndarray) -> np.ndarray:
    """The padded input under a block of tiles, (batch, height, width, groups, depth, channels).

    Channels last, so that tiles are read in long runs.
    """
    x, leading = problem.x[batch], (length(batch), problem.groups, problem.channels)
    sizes, pieces = [], []
    for axis, positions in zip(problem.axes[:-2], problem.positions[:-2], strict=True):
        sizes.append(positions + axis.window.kernel - 1)
        pieces.append(tuple(axis.pieces(-axis.window.before, sizes[-1])))
    for axis, part in zip(problem.axes[-2:], at, strict=True):
        step = axis.window.dilation
        sizes.append(step * (TILE * length(part) + KERNEL - 1))
        pieces.append(tuple(axis.pieces(step * TILE * part.start - axis.window.before, sizes[-1])))
    *depth, height, width = sizes
    last = shaped(image, (leading[0], height, width, leading[1], *depth, leading[2]))
    order = (0, 3, last.ndim - 1, *range(4, 4 + len(depth)), 1, 2)
    copy_channels_last(x, tuple(pieces), last.transpose(order), spare)
    return last.reshape(*last.shape[:4], -1, leading[2])


def transform_rows(input: np.ndarray, slab: np.ndarray, rows: np.ndarray, counter: Counter) -> None:
    """B' down every column of tiles: rows (6, batch, phase, down, width, ...) of a slab (batch, height, width, ...).

    Six rows of a tile are a matrix without copying, and neighbouring tiles share two of them.
    """
    _, batch, phases, down = rows.shape[:4]
    by_batch, by_row, item = slab.strides[0], slab.strides[1], slab.itemsize
    windows = strided(
        slab,
        (batch, phases, down, SPAN, prod(slab.shape[2:])),
        (by_batch, by_row, TILE * phases * by_row, phases * by_row, item),
    )
    target = rows.reshape(SPAN, batch, phases, down, -1)
    multiply(input, windows, target.transpose(1, 2, 3, 0, 4), counter)


def transform_columns(input: np.ndarray, rows: np.ndarray, out: np.ndarray, counter: Counter) -> None:
    """B' along every row of tiles: out (6, 6, batch, phase, down, phase, across, values) of the rows transformed.

    Six columns of a tile, in all channels, are a matrix without copying.
    """
    phases, across = out.shape[5:7]
    *outer, by_column = rows.strides[:5]
    windows = strided(
        rows,
        (*rows.shape[:4], phases, across, SPAN, out.shape[-1]),
        (*outer, by_column, TILE * phases * by_column, phases * by_column, rows.itemsize),
    )
    multiply(input, windows, out.transpose(0, 2, 3, 4, 5, 6, 1, 7), counter)


def multiply_at_points(transformed: np.ndarray, weights: np.ndarray, sums: np.ndarray, counter: Counter) -> None:
    """The matrix product of every point, group and depth: (filters, taps * channels) by (taps * channels, tiles).

    Some filters at a time, so that BLAS multiplies in place.
    """
    points, groups, depth, filters, tiles = sums.shape
    terms = weights.shape[-1]
    by_point, by_tile, by_group, by_depth, item = transformed.strides
    windows = strided(
        transformed, (points, groups, depth, 1, terms, tiles), (by_point, by_group, by_depth, 0, item, by_tile)
    )
    some = rows_in_place(filters, terms, tiles)
    multiply(
        weights.reshape(points, groups, 1, filters // some, some, terms),
        windows,
        sums.reshape(points, groups, depth, filters // some, some, tiles),
        counter,
    )


def multiply_wide(left: np.ndarray, right: np.ndarray, out: np.ndarray, counter: Counter) -> None:
    """left @ right, in even pieces of columns that BLAS multiplies in place."""
    columns = right.shape[-1]
    pieces = -(-columns * left.size // tuning.MAX_UNPACKED)
    pieces = next((count for count in range(pieces, 4 * pieces) if columns % count == 0), 1)
    right, out = (matrix.reshape(len(matrix), pieces, -1).swapaxes(0, 1) for matrix in (right, out))
    multiply(left, right, out, counter)


def place(
    results: np.ndarray, problem: Problem, batch: slice, at: list[slice], image: np.ndarray, out: np.ndarray
) -> None:
    """Puts tiles (4, 4, groups, depth, filters, batch, phase, down, phase, across) side by side, and into `out`.

    Output row r of a dilated layer is row i of tile t in phase p: r = p + d * (i + 4 * t), and columns likewise.
    Tiles that reach beyond the output are put together in `image` first.
    """
    (groups, depth, filters, batches, *_), dilation = results.shape[2:], problem.dilation[-2:]
    starts = [step * TILE * part.start for step, part in zip(dilation, at, strict=True)]
    sizes = [step * TILE * length(part) for step, part in zip(dilation, at, strict=True)]
    ends = [min(start + size, end) for start, size, end in zip(starts, sizes, problem.positions[-2:], strict=True)]
    counts = [end - start for start, end in zip(starts, ends, strict=True)]
    target = out[batch, ..., slice(starts[0], ends[0]), slice(starts[1], ends[1])]
    target = target.reshape(batches, groups, filters, depth, *counts)
    whole = target if counts == sizes and target.dtype == results.dtype else shaped(image, (*target.shape[:4], *sizes))
    by_batch, by_group, by_filter, by_depth, by_row, by_column = whole.strides
    (down, across), (rows, columns) = dilation, map(length, at)
    inside = down * by_row, across * by_column, by_group, by_depth, by_filter, by_batch
    tiles = strided(
        whole,
        (TILE, TILE, groups, depth, filters, batches, down, rows, across, columns),
        (*inside, by_row, TILE * down * by_row, by_column, TILE * across * by_column),
    )
    for column in range(TILE):  # one by one, or NumPy would run along the 4 columns of every tile
        tiles[:, column] = results[:, column]
    if problem.bias is not None:
        whole += problem.bias.astype(whole.dtype)[:, :, np.newaxis, np.newaxis, np.newaxis]
    if whole is not target:
        target[...] = whole[..., : counts[0], : counts[1]]
