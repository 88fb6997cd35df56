"""Winograd's minimal filtering, F(4x4, 3x3): 36 multiplications a tile of 16 outputs in place of 144.

An output tile Y of a 3x3 kernel g over a 6x6 input tile d is Y = A' [(G g G') * (B' d B)] A with constant matrices, *
element by element; over channels the middle becomes a matrix product at each of the 36 points. The transforms are
matrix products too, with Kronecker products of the constants. A depth axis is folded into the sum over channels, and
a dilation d makes d*d interleaved images, which are so many more tiles.

Memory: two arrays of 36 values a tile and channel, in blocks of tiles; the weights once more, and transformed 4 times.
Error: about ten times that of the direct sum, see `error_scale`.
Source: Lavin & Gray 2016, Fast Algorithms for Convolutional Neural Networks, section 4. The points follow Barabasz et
al. 2020, Error Analysis and Improving the Accuracy of Winograd Convolution: symmetric, and near 1.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import prod

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.counter import Counter
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blas import rows_in_place
from convcalc.engine.work.blocks import block_shape, blocks, even_parts, length, shaped, strided, workspaces
from convcalc.engine.work.channels_last import copy_channels_last, spare_values
from convcalc.engine.work.products import multiply

KERNEL = 3
TILE = 4
SPAN = TILE + KERNEL - 1
POINTS = tuple(Fraction(point, 8) for point in (0, 5, -5, 10, -10))
"""Where the polynomials are evaluated, beside infinity."""


def fits(problem: Problem) -> bool:
    """Whether numbers are real floats, the last two axes 3x3, without strides, and a depth axis is not dilated."""
    depth = problem.axes[:-2]
    return (
        problem.is_real
        and len(problem.kernel) >= 2
        and problem.kernel[-2:] == (KERNEL, KERNEL)
        and all(stride == 1 for stride in problem.stride)
        and all(axis.window.dilation == 1 for axis in depth)
        and SPAN**2 * prod(problem.dilation[-2:]) * _wide(problem) * problem.compute.itemsize <= tuning.MAX_TILES_BYTES
    )


def shared(problem: Problem) -> Cut:
    """Images, or whole tiles of rows, or where tiles are few filters."""
    if tile_count(problem) < 2 * tuning.MIN_COLUMNS:
        return Cut("filters")
    plane = len(problem.axes) == 2
    return Cut("batch") if problem.batch > 1 else Cut("rows", TILE * problem.dilation[0] if plane else 1)


def _wide(problem: Problem) -> int:
    """Values of all channels and depths at one point of a tile, or sums where those are more."""
    depth = prod(problem.positions[:-2])
    padded_depth = depth + prod(problem.kernel[:-2]) - 1
    return problem.groups * max(padded_depth * problem.channels, depth * problem.filters)


def tile_count(problem: Problem) -> int:
    """Tiles of the whole batch: the rows of every matrix product."""
    return problem.batch * prod(_tiles(problem)) * prod(problem.dilation[-2:])


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
def _matrices(compute: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A' and G of both axes at once, (16, 36) and (36, 9), and B' of one."""
    output, kernel, input = (matrix.astype(compute) for matrix in constants())
    return np.kron(output, output), np.kron(kernel, kernel), input


def _polynomial(roots: tuple[Fraction, ...] | list[Fraction]) -> list[Fraction]:
    """Coefficients of the product of (x - root), lowest power first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [high - root * low for high, low in zip(shifted, scaled, strict=True)]
    return coefficients


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions), with many weights some filters at a time."""
    step = even_parts(problem.filters, tuning.MAX_CONVERTED_BYTES // (weight_bytes(problem) // problem.filters))
    for start in range(0, problem.filters, step):
        some = slice(start, min(start + step, problem.filters))
        bias = None if problem.bias is None else problem.bias[:, some]
        _some_filters(replace(problem, weight=problem.weight[:, some], bias=bias), out[:, :, some], counter)


def weight_bytes(problem: Problem) -> int:
    """Bytes of the transformed weights."""
    return SPAN**2 * problem.weight.size // KERNEL**2 * problem.compute.itemsize


def _some_filters(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    compute = problem.compute
    output, kernel, input = _matrices(compute)
    groups, filters, channels = problem.groups, problem.filters, problem.channels
    tiles, dilation = _tiles(problem), problem.dilation[-2:]
    depth = prod(problem.positions[:-2])
    padded_depth = depth + prod(problem.kernel[:-2]) - 1
    phases = prod(dilation)
    wide = _wide(problem)
    tile_bytes = SPAN**2 * phases * wide * compute.itemsize
    most = max(1, min(tuning.MAX_TILES_BYTES, max(tuning.TILES_BYTES, tuning.MIN_COLUMNS * tile_bytes)) // tile_bytes)
    unpacked = tuning.MAX_UNPACKED // (filters * channels * prod(problem.kernel[:-2]) * phases)
    if unpacked * phases >= tuning.MIN_COLUMNS:
        most = min(most, unpacked)
    block = block_shape((problem.batch, *tiles), 1, most)
    most = SPAN**2 * prod(block) * phases * wide
    area = block[0] * prod(step * (TILE * count + KERNEL - 1) for step, count in zip(dilation, block[1:], strict=True))
    planes = groups * channels * block[0]
    spare_size = spare_values(planes, area // block[0] * padded_depth, compute.itemsize)
    points = SPAN**2 * groups * filters * channels * prod(problem.kernel[:-2])
    spare_size = max(spare_size, problem.weight.size)
    space, first, second, image, spare = workspaces(compute, points, most, most, area * wide, spare_size)
    weights = _transformed(problem, kernel, space, spare, counter)
    for batch, *at in blocks((problem.batch, *tiles), block):
        shape = (length(batch), dilation[0], length(at[0]), dilation[1], length(at[1]))
        inner = (groups, padded_depth, channels)
        slab = _slab(problem, batch, at, image, spare)
        rows = shaped(second, (SPAN, *shape[:3], slab.shape[2], *inner))
        _transform_rows(input, slab, rows, counter)
        transformed = shaped(first, (SPAN, SPAN, *shape, prod(inner)))
        _transform_columns(input, rows, transformed, counter)
        sums = shaped(second, (SPAN**2, groups, depth, filters, prod(shape)))
        _at_points(transformed.reshape(SPAN**2, prod(shape), *inner), weights, sums, counter)
        results = shaped(first, (TILE, TILE, *sums.shape[1:-1], *shape))
        _multiply_wide(output, sums.reshape(SPAN**2, -1), results.reshape(TILE**2, -1), counter)
        _place(results, problem, batch, at, image, out)


def _tiles(problem: Problem) -> tuple[int, int]:
    """Tiles along height and width, of each of the interleaved images."""
    down, across = (
        -(-size // (TILE * step)) for size, step in zip(problem.positions[-2:], problem.dilation[-2:], strict=True)
    )
    return down, across


def _transformed(
    problem: Problem, kernel: np.ndarray, space: np.ndarray, spare: np.ndarray, counter: Counter
) -> np.ndarray:
    """Weights at every point, (36, groups, filters, depth taps * channels), the filters side by side.

    Side by side before they are transformed, which BLAS then does as they lie, in `spare`.
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


def _slab(problem: Problem, batch: slice, at: list[slice], image: np.ndarray, spare: np.ndarray) -> np.ndarray:
    """The padded input under a block of tiles, (batch, height, width, groups, depth, channels).

    Channels last, so that tiles are gathered in long runs.
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


def _transform_rows(input: np.ndarray, slab: np.ndarray, rows: np.ndarray, counter: Counter) -> None:
    """B' down every column of tiles: rows (6, batch, phase, down, width, ...) of a slab (batch, height, width, ...).

    Six rows of a tile are a matrix as they lie, and the tiles share rows.
    """
    _, batch, phases, down = rows.shape[:4]
    by_batch, high, item = slab.strides[0], slab.strides[1], slab.itemsize
    windows = strided(
        slab,
        (batch, phases, down, SPAN, prod(slab.shape[2:])),
        (by_batch, high, TILE * phases * high, phases * high, item),
    )
    target = rows.reshape(SPAN, batch, phases, down, -1)
    multiply(input, windows, target.transpose(1, 2, 3, 0, 4), counter)


def _transform_columns(input: np.ndarray, rows: np.ndarray, out: np.ndarray, counter: Counter) -> None:
    """B' along every row of tiles: out (6, 6, batch, phase, down, phase, across, values) of rows as transformed.

    Six columns of a tile in all channels are a matrix as they lie.
    """
    phases, across = out.shape[5:7]
    *outer, wide = rows.strides[:5]
    windows = strided(
        rows,
        (*rows.shape[:4], phases, across, SPAN, out.shape[-1]),
        (*outer, wide, TILE * phases * wide, phases * wide, rows.itemsize),
    )
    multiply(input, windows, out.transpose(0, 2, 3, 4, 5, 6, 1, 7), counter)


def _multiply_wide(left: np.ndarray, right: np.ndarray, out: np.ndarray, counter: Counter) -> None:
    """left @ right, in even pieces of columns that BLAS multiplies as they lie."""
    columns = right.shape[-1]
    pieces = -(-columns * left.size // tuning.MAX_UNPACKED)
    pieces = next((count for count in range(pieces, 4 * pieces) if columns % count == 0), 1)
    right, out = (matrix.reshape(len(matrix), pieces, -1).swapaxes(0, 1) for matrix in (right, out))
    multiply(left, right, out, counter)


def _at_points(transformed: np.ndarray, weights: np.ndarray, sums: np.ndarray, counter: Counter) -> None:
    """The matrix product of every point, group and depth, (filters, taps * channels) by (taps * channels, tiles).

    Of so many filters at a time that BLAS multiplies them as they lie.
    """
    points, groups, depth, filters, tiles = sums.shape
    terms = weights.shape[-1]
    point, tile, group, layer, item = transformed.strides
    windows = strided(transformed, (points, groups, depth, 1, terms, tiles), (point, group, layer, 0, item, tile))
    some = rows_in_place(filters, terms, tiles)
    multiply(
        weights.reshape(points, groups, 1, filters // some, some, terms),
        windows,
        sums.reshape(points, groups, depth, filters // some, some, tiles),
        counter,
    )


def _place(
    results: np.ndarray,
    problem: Problem,
    batch: slice,
    at: list[slice],
    image: np.ndarray,
    out: np.ndarray,
) -> None:
    """Puts tiles (4, 4, groups, depth, filters, batch, phase, down, phase, across) side by side, and into `out`."""
    (groups, depth, filters, batches, *_), dilation = results.shape[2:], problem.dilation[-2:]
    starts = [step * TILE * part.start for step, part in zip(dilation, at, strict=True)]
    sizes = [step * TILE * length(part) for step, part in zip(dilation, at, strict=True)]
    ends = [min(start + size, end) for start, size, end in zip(starts, sizes, problem.positions[-2:], strict=True)]
    counts = [end - start for start, end in zip(starts, ends, strict=True)]
    target = out[batch, ..., slice(starts[0], ends[0]), slice(starts[1], ends[1])]
    target = target.reshape(batches, groups, filters, depth, *counts)
    whole = target if counts == sizes and target.dtype == results.dtype else shaped(image, (*target.shape[:4], *sizes))
    by_batch, by_group, by_filter, by_depth, high, wide = whole.strides
    (down, across), (rows, columns) = dilation, map(length, at)
    tiles = strided(
        whole,
        (TILE, TILE, groups, depth, filters, batches, down, rows, across, columns),
        (
            down * high,
            across * wide,
            by_group,
            by_depth,
            by_filter,
            by_batch,
            high,
            TILE * down * high,
            wide,
            TILE * across * wide,
        ),
    )
    for column in range(TILE):  # one by one, or NumPy would run along the 4 columns of every tile
        tiles[:, column] = results[:, column]
    if problem.bias is not None:
        whole += problem.bias.astype(whole.dtype)[:, :, np.newaxis, np.newaxis, np.newaxis]
    if whole is not target:
        target[...] = whole[..., : counts[0], : counts[1]]


def error_scale(problem: Problem) -> np.ndarray:
    """What max|x| times eps is to be multiplied by to bound the error, (groups, filters).

    Roundings add up over channels as if all pointed the same way, and within a tile and along a sum as if each had its
    own (Higham & Mary 2019, A New Approach to Probabilistic Rounding Error Analysis): the algorithm on squares gives
    the size of what is rounded, and a sum of n terms is rounded about sqrt(n) times.
    """
    a, g, b = constants()
    weight = problem.weight.reshape(*problem.weight.shape[:3], -1, KERNEL, KERNEL).astype(np.float64)
    rows = (b**2).sum(axis=1)
    points = np.einsum("au,gncduv,bv->gncdab", g, weight, g, optimize=True) ** 2 * np.outer(rows, rows)
    tiles = np.einsum("ia,gncdab,jb->gncdij", a**2, points, a**2, optimize=True)
    largest = np.sqrt(tiles.max(axis=(-1, -2))).sum(axis=(2, 3))
    terms = problem.channels * prod(problem.kernel[:-2])
    scale: np.ndarray = tuning.MAX_WINOGRAD_ERROR * (terms**0.5 + 3 * SPAN) * largest
    return scale
