"""Fourier: large kernels by products of spectra, over tiles that overlap by the kernel's extent (overlap-save).

The outputs whose whole window lies inside a tile are the inverse transform of the tile's spectrum times the conjugate
spectrum of the kernel, summed over channels. The cost hardly depends on the kernel, so large kernels gain most. Tiles
of 8 input values and a kernel of extent 3, which leaves 6 outputs per tile:

    input     0  1  2  3  4  5  6  7  8  9 10 11 12 13
    tile 0   [x  x  x  x  x  x  x  x]                       outputs 0 to 5
    tile 1                     [x  x  x  x  x  x  x  x]     outputs 6 to 11

Memory: a few tiles with their spectra, and the spectra of one group's kernels.
Error: the same for all outputs of a tile, relative to the largest values in it, see `error_scale`.
Source: Oppenheim & Schafer 2010, Discrete-Time Signal Processing, section 8.7.3, overlap-save.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, log2, prod

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine import tuning
from convcalc.engine.counter import Counter, StoppedError
from convcalc.engine.magnitudes import Mixing
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blocks import even_parts, shaped, workspaces
from convcalc.engine.work.gather import copy_padded


@dataclass(frozen=True, slots=True)
class Tiling:
    """One axis in `count` tiles of `size` input values and `step` positions."""

    size: int
    step: int
    count: int


def fits(problem: Problem) -> bool:
    """Whether numbers are real floats, and there is room for the spectra of one group's kernels and of a tile."""
    if problem.compute.kind != "f" or problem.exact:
        return False
    sizes = tuple(tiling.size for tiling in tilings(problem))
    tiles = problem.channels * prod(sizes)
    spectra = (problem.channels * (problem.filters + 1) + 2) * 2 * prod(_half(sizes))
    return (tiles + spectra) * problem.compute.itemsize <= tuning.MAX_SPECTRA_BYTES


def tilings(problem: Problem) -> tuple[Tiling, ...]:
    """How every axis is cut: so that the number of values to transform is smallest."""
    longest = tuning.MAX_TILE_SIDE[len(problem.axes)]
    return tuple(
        _tiling(axis.window, positions, longest)
        for axis, positions in zip(problem.axes, problem.positions, strict=True)
    )


def shared(problem: Problem) -> Cut:
    """Groups, images or rows."""
    return problem.independent()


def transformed_values(problem: Problem) -> int:
    """Values that are transformed for one group, in all tiles: of input, kernels and output."""
    cut, channels, filters = tilings(problem), problem.channels, problem.filters
    tiles = problem.batch * prod(tiling.count for tiling in cut)
    return prod(tiling.size for tiling in cut) * (tiles * (channels + filters) + channels * filters)


def run(problem: Problem, out: np.ndarray, counter: Counter) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    cut, compute = tilings(problem), problem.compute
    sizes = tuple(tiling.size for tiling in cut)
    half, pair = _half(sizes), np.result_type(compute, np.complex64)
    values, waves = prod(sizes), 2 * prod(half)
    side_by_side = even_parts(cut[-1].count, tuning.BUDGET // (problem.channels * values * compute.itemsize))
    tiles, spectra, kernels, sums, terms = workspaces(
        compute,
        side_by_side * problem.channels * values,
        side_by_side * problem.channels * waves,
        problem.filters * problem.channels * waves,
        side_by_side * waves,
        side_by_side * waves,
    )
    inside = tuple(
        slice(0, (tiling.step - 1) * axis.window.stride + 1, axis.window.stride)
        for tiling, axis in zip(cut, problem.axes, strict=True)
    )
    corners = tuple(product(*(range(tiling.count) for tiling in cut[:-1]), range(0, cut[-1].count, side_by_side)))
    for group in range(problem.groups):
        kernel = shaped(kernels.view(pair), (problem.filters, problem.channels, *half))
        _kernel_spectra(problem, group, shaped(tiles, sizes), kernel, counter)
        for batch, corner in product(range(problem.batch), corners):
            amount = min(side_by_side, cut[-1].count - corner[-1])
            tile = shaped(tiles, (amount, problem.channels, *sizes))
            for number in range(amount):
                at = (*corner[:-1], corner[-1] + number)
                copy_padded(problem.x[batch, group], _pieces(problem, cut, at), tile[number])
            spectrum = shaped(spectra.view(pair), (amount, problem.channels, *half))
            _transform(tile, spectrum, len(sizes), counter)
            result = shaped(tiles, (amount, *sizes))  # the tiles have been transformed, their memory is free
            total, term = (shaped(space.view(pair), (amount, *half)) for space in (sums, terms))
            for filter in range(problem.filters):
                np.multiply(spectrum[:, 0], kernel[filter, 0], total)
                for channel in range(1, problem.channels):
                    np.multiply(spectrum[:, channel], kernel[filter, channel], term)
                    total += term
                counter.multiplications += 4 * total.size * problem.channels
                _invert(total, result, counter)
                if problem.bias is not None:
                    result += problem.bias[group, filter].astype(compute)
                for number in range(amount):
                    at = (*corner[:-1], corner[-1] + number)
                    target = out[batch, group, filter][_positions(cut, at)]
                    target[...] = result[number][inside][tuple(map(slice, target.shape))]


def mixing(problem: Problem) -> Mixing:
    """All values of a tile meet in one transform."""
    return Mixing(_error(problem), tuple(tiling.size - 1 for tiling in tilings(problem)))


def error_scale(problem: Problem) -> np.ndarray:
    """The bound of the error as a multiple of max|x| * eps, (groups, filters).

    A transform's error is at most about log2(n)*eps of its 2-norm (Higham 2002, theorem 24.2) and spreads evenly over
    the n values of a tile; no frequency of a kernel is larger than the sum of its weights' magnitudes.
    """
    weight = problem.weight.reshape(*problem.weight.shape[:2], -1).astype(np.float64)
    scale: np.ndarray = _error(problem) * np.abs(weight).sum(axis=-1)
    return scale


def _error(problem: Problem) -> float:
    """The bound as a multiple of max|x| * eps * sum|weight|."""
    values = prod(tiling.size for tiling in tilings(problem))
    return float(tuning.MAX_FFT_ERROR * (log2(values) + problem.channels**0.5))


@lru_cache(1024)  # asked for several times per convolution, and networks repeat their layers
def _tiling(window: Window, positions: int, longest: int) -> Tiling:
    whole = (positions - 1) * window.stride + window.extent
    most = min(max(longest, 2 * window.extent), 2 * whole)
    best = None
    for size in _smooth_numbers(most):
        if size >= window.extent:
            step = min((size - window.extent) // window.stride + 1, positions)
            tiling = Tiling(size, step, -(-positions // step))
            if best is None or tiling.size * tiling.count < best.size * best.count:
                best = tiling
    assert best is not None
    return best


def _smooth_numbers(most: int) -> list[int]:
    """Sizes up to `most` with fast transforms: 2^a, and 3, 5 or 9 times that."""
    powers = [1 << power for power in range(most.bit_length())]
    return sorted(factor * power for factor in (1, 3, 5, 9) for power in powers if factor * power <= most)


def _half(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Complex numbers that the spectrum of a real tile has, per axis."""
    return (*sizes[:-1], sizes[-1] // 2 + 1)


def _kernel_spectra(problem: Problem, group: int, tile: np.ndarray, spectra: np.ndarray, counter: Counter) -> None:
    """The conjugate spectra of one group's kernels, (filters, channels, *half); `tile` is a workspace."""
    taps = tuple(slice(0, axis.window.extent, axis.window.dilation) for axis in problem.axes)
    tile[...] = 0
    for filter, channel in np.ndindex(spectra.shape[:2]):
        tile[taps] = problem.weight[group, filter, channel]
        _transform(tile, spectra[filter, channel], tile.ndim, counter)
    np.conjugate(spectra, spectra)


def _pieces(problem: Problem, cut: tuple[Tiling, ...], at: tuple[int, ...]) -> list[tuple[tuple[slice, slice], ...]]:
    """The pieces of the input that make up the padded input under a tile."""
    return [
        tuple(axis.pieces(index * tiling.step * axis.window.stride - axis.window.before, tiling.size))
        for axis, tiling, index in zip(problem.axes, cut, at, strict=True)
    ]


def _positions(cut: tuple[Tiling, ...], at: tuple[int, ...]) -> tuple[slice, ...]:
    """The output positions of a tile; slices may end behind the output."""
    return tuple(slice(i * tiling.step, (i + 1) * tiling.step) for i, tiling in zip(at, cut, strict=True))


def _transform(values: np.ndarray, spectrum: np.ndarray, dims: int, counter: Counter) -> None:
    """The real transform along the last `dims` axes."""
    np.fft.rfft(values, axis=-1, out=spectrum)
    for axis in range(-dims, -1):
        np.fft.fft(spectrum, axis=axis, out=spectrum)
    _count(values, dims, counter)


def _invert(spectrum: np.ndarray, values: np.ndarray, counter: Counter) -> None:
    """The inverse of `_transform`, along all axes but the first; the spectrum is overwritten."""
    for axis in range(1, spectrum.ndim - 1):
        np.fft.ifft(spectrum, axis=axis, out=spectrum)
    np.fft.irfft(spectrum, values.shape[-1], axis=-1, out=values)
    _count(values, values.ndim - 1, counter)


def _count(values: np.ndarray, dims: int, counter: Counter) -> None:
    """Adds a real transform's multiplications by the textbook: n*log2(n), half of a complex one's 4*n/2*log2(n)."""
    counter.multiplications += ceil(values.size * log2(max(2, prod(values.shape[-dims:]))))
    if counter.stopped:
        raise StoppedError
