"""Winograd's minimal filtering, F(4x4, 3x3): 36 multiplications per tile of 16 outputs instead of 144.

An output tile Y of a 3x3 kernel g over a 6x6 input tile d is Y = A' [(G g G') * (B' d B)] A with constant matrices, *
element by element. Summed over channels, the middle becomes a matrix product at each of the 36 points. Tiles overlap:

    input column     0  1  2  3  4  5  6  7  8  9
    tile 0           [d  d  d  d  d  d]                gives outputs 0 to 3
    tile 1                       [d  d  d  d  d  d]    gives outputs 4 to 7

A depth axis is folded into the sum over channels. A dilation d makes d*d interleaved images, the phases, each with
tiles of its own. A block of tiles passes through four arrays:

    image    padded input under the tiles    (batch, height, width, groups, depth, channels)
               |  B' down every column of tiles
    second   rows of tiles                   (6, batch, phase, down, width, groups, depth, channels)
               |  B' along every row of tiles
    first    tiles at every point            (6, 6, tiles, groups, depth, channels)
               |  one matrix product per point with the weights, (36, groups, filters, depth taps * channels)
    second   sums                            (36, groups, depth, filters, tiles)
               |  A' of both axes
    first    results                         (4, 4, groups, depth, filters, tiles)
               |  put side by side
    output, through `image` if tiles reach beyond it

Memory: these, in blocks of tiles; the weights once more, and transformed, 4 times their size.
Error: about ten times that of the direct sum, see `error_scale`.
Source: Lavin & Gray 2016, Fast Algorithms for Convolutional Neural Networks, section 4.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.algorithms import winograd_steps as steps
from convcalc.engine.algorithms.winograd_steps import KERNEL, SPAN, TILE
from convcalc.engine.counter import Counter
from convcalc.engine.magnitudes import Mixing
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blocks import block_shape, blocks, even_parts, length, shaped, workspaces
from convcalc.engine.work.channels_last import spare_values


def fits(problem: Problem) -> bool:
    """Whether numbers are real floats, the last two axes 3x3 without strides, and a depth axis is not dilated."""
    depth = problem.axes[:-2]
    return (
        problem.is_real
        and len(problem.kernel) >= 2
        and problem.kernel[-2:] == (KERNEL, KERNEL)
        and all(stride == 1 for stride in problem.stride)
        and all(axis.window.dilation == 1 for axis in depth)
        and _tile_bytes(problem) <= tuning.MAX_TILES_BYTES
    )


def shared(problem: Problem) -> Cut:
    """Images or whole tiles of rows; with few tiles the filters."""
    if tile_count(problem) < 2 * tuning.MIN_COLUMNS:
        return Cut("filters")
    if problem.batch > 1:
        return Cut("batch")
    return Cut("rows", multiple_of=TILE * problem.dilation[0] if len(problem.axes) == 2 else 1)


def tile_count(problem: Problem) -> int:
    """Tiles of the whole batch: the columns of every matrix product."""
    return problem.batch * prod(_tiles(problem)) * prod(problem.dilation[-2:])


def weight_bytes(problem: Problem) -> int:
    """Bytes of the transformed weights."""
    return SPAN**2 * problem.weight.size // KERNEL**2 * problem.compute.itemsize


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions); with many weights some filters at a time."""
    step = even_parts(problem.filters, tuning.MAX_CONVERTED_BYTES // (weight_bytes(problem) // problem.filters))
    for start in range(0, problem.filters, step):
        some = slice(start, min(start + step, problem.filters))
        bias = None if problem.bias is None else problem.bias[:, some]
        _some_filters(replace(problem, weight=problem.weight[:, some], bias=bias), out[:, :, some], counter)


def _some_filters(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out` for filters whose transformed weights fit the memory together."""
    output, kernel, input = steps.matrices(problem.compute)
    groups, filters, channels = problem.groups, problem.filters, problem.channels
    dilation, tiles = problem.dilation[-2:], _tiles(problem)
    depth, padded_depth = _depths(problem)
    inner = (groups, padded_depth, channels)
    block = _block(problem)

    phases, wide = prod(dilation), _wide(problem)
    point_values = SPAN**2 * prod(block) * phases * wide
    height, width = (step * (TILE * count + KERNEL - 1) for step, count in zip(dilation, block[1:], strict=True))
    weight_space, first, second, image, spare = workspaces(
        problem.compute,
        SPAN**2 * groups * filters * channels * prod(problem.kernel[:-2]),
        point_values,
        point_values,
        block[0] * height * width * wide,
        max(
            problem.weight.size,
            spare_values(groups * channels * block[0], height * width * padded_depth, problem.compute.itemsize),
        ),
    )
    weights = steps.weights_at_points(problem, kernel, weight_space, spare, counter)
    for batch, *at in blocks((problem.batch, *tiles), block):
        shape = (length(batch), dilation[0], length(at[0]), dilation[1], length(at[1]))  # tiles of the block
        slab = steps.padded_image(problem, batch, at, image, spare)
        rows = shaped(second, (SPAN, *shape[:3], slab.shape[2], *inner))
        steps.transform_rows(input, slab, rows, counter)
        points = shaped(first, (SPAN, SPAN, *shape, prod(inner)))
        steps.transform_columns(input, rows, points, counter)
        sums = shaped(second, (SPAN**2, groups, depth, filters, prod(shape)))
        steps.multiply_at_points(points.reshape(SPAN**2, prod(shape), *inner), weights, sums, counter)
        results = shaped(first, (TILE, TILE, *sums.shape[1:-1], *shape))
        steps.multiply_wide(output, sums.reshape(SPAN**2, -1), results.reshape(TILE**2, -1), counter)
        steps.place(results, problem, batch, at, image, out)


def _tiles(problem: Problem) -> tuple[int, int]:
    """Tiles along height and width, of each of the interleaved images."""
    down, across = (
        -(-size // (TILE * step)) for size, step in zip(problem.positions[-2:], problem.dilation[-2:], strict=True)
    )
    return down, across


def _depths(problem: Problem) -> tuple[int, int]:
    """Output positions along the depth axis and padded inputs under them; 1 and 1 without such an axis."""
    depth = prod(problem.positions[:-2])
    return depth, depth + prod(problem.kernel[:-2]) - 1


def _wide(problem: Problem) -> int:
    """Values at one point of a tile: those of all channels and depths, or the sums if these are more."""
    depth, padded_depth = _depths(problem)
    return problem.groups * max(padded_depth * problem.channels, depth * problem.filters)


def _tile_bytes(problem: Problem) -> int:
    """Bytes of one tile in all phases, at every point."""
    return SPAN**2 * prod(problem.dilation[-2:]) * _wide(problem) * problem.compute.itemsize


def _block(problem: Problem) -> tuple[int, ...]:
    """Images and tiles along height and width of a block, each tile in all phases."""
    each, phases = _tile_bytes(problem), prod(problem.dilation[-2:])
    room = min(tuning.MAX_TILES_BYTES, max(tuning.TILES_BYTES, tuning.MIN_COLUMNS * each))
    most = max(1, room // each)
    # Few enough tiles that the product at a point skips BLAS's packing, unless that leaves too few columns.
    unpacked = tuning.MAX_UNPACKED // (problem.filters * problem.channels * prod(problem.kernel[:-2]) * phases)
    if unpacked * phases >= tuning.MIN_COLUMNS:
        most = min(most, unpacked)
    return block_shape((problem.batch, *_tiles(problem)), 1, most)


def mixing(problem: Problem) -> Mixing:
    """The values of a tile are transformed together, and those of all depths under a window are summed."""
    apart = (*problem.kernel[:-2], SPAN, SPAN)
    reach = tuple((count - 1) * step for count, step in zip(apart, problem.dilation, strict=True))
    return Mixing(_rounding(problem) * steps.mean_amplification(), reach)


def error_scale(problem: Problem) -> np.ndarray:
    """The bound of the error as a multiple of max|x| * eps, (groups, filters).

    Roundings add up over channels as if all pointed the same way, and within a tile and along a sum as if each had its
    own direction (Higham & Mary 2019, A New Approach to Probabilistic Rounding Error Analysis): the algorithm on
    squares gives the size of what is rounded, and a sum of n terms is rounded about sqrt(n) times.
    """
    a, g, b = steps.constants()
    weight = problem.weight.reshape(*problem.weight.shape[:3], -1, KERNEL, KERNEL).astype(np.float64)
    rows = (b**2).sum(axis=1)
    points = np.einsum("au,gncduv,bv->gncdab", g, weight, g, optimize=True) ** 2 * np.outer(rows, rows)
    tiles = np.einsum("ia,gncdab,jb->gncdij", a**2, points, a**2, optimize=True)
    largest = np.sqrt(tiles.max(axis=(-1, -2))).sum(axis=(2, 3))
    scale: np.ndarray = _rounding(problem) * largest
    return scale


def _rounding(problem: Problem) -> float:
    """By how many eps the sums and the three transforms may round together."""
    terms = problem.channels * prod(problem.kernel[:-2])
    return float(tuning.MAX_WINOGRAD_ERROR * (terms**0.5 + 3 * SPAN))
