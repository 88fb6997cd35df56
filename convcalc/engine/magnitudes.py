"""Whether values of very different size meet in one sum of an algorithm that mixes values of several windows.

A direct sum rounds in proportion to the values under its own window. Winograd and FFT round in proportion to the
largest value that they mix in, so one huge pixel would drown the digits of outputs that never read it. Compared are
the largest magnitudes of blocks of half a window, since every window inside the input holds a whole block:

    blocks of 2 under a kernel of 3   | 1 .3 | .2 .1 | .4 .2 | 9e6 .1 |
    largest of each                     1      .2      .4      9e6
    largest within reach of each        1      .4      9e6     9e6        the third would lose its digits

Blocks of zeros are left out: a sum of zeros has no digits to lose, and the algorithms leave rounding noise there.
"""

from __future__ import annotations

from functools import reduce
from math import isfinite, prod
from typing import NamedTuple

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.problem import Problem
from convcalc.engine.work.blocks import Index, block_shape, blocks, even_parts

FACTOR, SHARE = 1000, 0.02
"""See `tolerated`."""


class Mixing(NamedTuple):
    """How an algorithm mixes windows.

    `error` is its bound as a multiple of max|x| * eps * sum|weight|, for weights of even size. Values up to `reach`
    pixels apart along each axis meet in one sum.
    """

    error: float
    reach: tuple[int, ...]


class Look(NamedTuple):
    """What is against mixing these values, "" if nothing is, and whether no result can overflow."""

    objection: str
    finite: bool = False


def tolerated(terms: np.ndarray | int, eps: float) -> np.ndarray:
    """The most that an output may be off if windows are mixed, relative to max|x| under its window * sum|weight|.

    1000 times the bound of the direct sum, terms * eps, but at most 2 %.
    """
    share: np.ndarray = np.minimum(FACTOR * terms * eps, SHARE)
    return share


def look(problem: Problem, mixing: Mixing) -> Look:
    """What is against computing the problem with an algorithm that mixes values as stated."""
    if problem.compute.kind != "f":
        return Look("")
    largest = _largest(problem.x)
    if not isfinite(largest):
        return Look("NaN or Inf would spread")
    eps = float(np.finfo(problem.compute).eps)
    most = float(tolerated(problem.terms, eps)) / (mixing.error * eps)
    if float(_sampled(problem).min()) * most < largest and not _near_in_size(problem, mixing, most):
        return Look("values far larger than their surroundings would drown the digits of these")
    return Look("", finite=problem.weight.size < problem.x.size and _surely_finite(problem, largest))


def _surely_finite(problem: Problem, largest: float) -> bool:
    """Whether max|x| * sum|weight| is so small that no transform can overflow."""
    weights = problem.weight.astype(problem.compute, copy=False).reshape(-1)
    sum_at_most = float(np.vdot(weights, weights)) ** 0.5 * weights.size**0.5
    return bool(largest * sum_at_most < tuning.SURELY_FINITE * float(np.finfo(problem.compute).max))


def _near_in_size(problem: Problem, mixing: Mixing, most: float) -> bool:
    """Whether no block's largest value is more than `most` times that of a block within its reach, unless all zeros."""
    sides = [_side(problem, axis) for axis in range(len(problem.kernel))]
    own = _block_maxima(problem.x, problem.compute, sides, problem.dilation)
    near = own
    for axis, (side, step, reach) in enumerate(zip(sides, problem.dilation, mixing.reach, strict=True)):
        near = near.max(axis=3 + 2 * axis, keepdims=True)
        wraps = len(problem.axes[axis].zones) > 1  # padding may show pixels of the other end
        near = _spread(near, 2 + 2 * axis, near.shape[2 + 2 * axis] if wraps else -(-reach // (side * step)))
    return bool(((own == 0) | (near / most <= own)).all())


def _sampled(problem: Problem) -> np.ndarray:
    """For every block, a magnitude that its largest is not below: the largest of some of its rows and channels."""
    *sides, last = (_side(problem, axis) for axis in range(len(problem.kernel)))
    channels = min(problem.channels, -(-tuning.VALUES_SAMPLED // last))
    every = [
        1 if step > 1 else _largest_divisor(side, side * last * channels // tuning.VALUES_SAMPLED)
        for side, step in zip(sides, problem.dilation, strict=False)
    ]
    x = problem.x[(slice(None), slice(None), slice(channels), *(slice(None, None, step) for step in every))]
    left = [side // step for side, step in zip(sides, every, strict=True)]
    return _block_maxima(x, problem.compute, [*left, last], problem.dilation)


def _largest_divisor(number: int, most: int) -> int:
    """The largest divisor of a number up to `most`, or 1."""
    return next(divisor for divisor in range(max(1, min(number, most)), 0, -1) if number % divisor == 0)


def _side(problem: Problem, axis: int) -> int:
    """The side of a block along an axis, in taps: half a window."""
    return (problem.kernel[axis] + 1) // 2


def _largest(x: np.ndarray) -> float:
    """max|x|; NaN if there is one."""
    largest = 0.0
    for block in blocks(x.shape, block_shape(x.shape, x.itemsize, tuning.LOOK_BYTES)):
        part = x[block]
        largest = float(np.maximum(largest, max(float(part.max()), -float(part.min()))))
    return largest


def _block_maxima(x: np.ndarray, dtype: np.dtype, sides: list[int], steps: tuple[int, ...]) -> np.ndarray:
    """max|x| over channels and blocks, (batch, groups, then blocks and phases of each axis).

    Along an axis a block is `side` pixels a `step` apart; its phase is the first of them, below the step.
    """
    units = [side * step for side, step in zip(sides, steps, strict=True)]
    counts = [-(-size // unit) for size, unit in zip(x.shape[3:], units, strict=True)]
    out = np.empty((*x.shape[:2], *(number for pair in zip(counts, steps, strict=True) for number in pair)), dtype)
    lines, channels = (*x.shape[:2], counts[0]), x.shape[2]
    cost = units[0] * prod(x.shape[4:]) * dtype.itemsize
    together = even_parts(channels, tuning.LOOK_BYTES // cost)
    for images, groups, at in blocks(lines, block_shape(lines, cost * together, tuning.LOOK_BYTES)):
        part = x[images, groups, :, at.start * units[0] : at.stop * units[0]]
        some = (part[:, :, start : start + together] for start in range(0, channels, together))
        largest = reduce(np.maximum, (np.abs(values.astype(dtype, copy=False)).max(axis=2) for values in some))
        for axis, (side, step, unit) in enumerate(zip(sides, steps, units, strict=True)):
            largest = _folded(largest, 2 + 2 * axis, side, step, unit)
        out[images, groups, at] = largest
    return out


def _folded(values: np.ndarray, axis: int, side: int, step: int, unit: int) -> np.ndarray:
    """The axis as two, blocks and phases, with the largest value of each; zeros fill up the last block."""
    before, size, after = values.shape[:axis], values.shape[axis], values.shape[axis + 1 :]
    if unit == 1:
        return values.reshape(*before, size, 1, *after)
    if side > tuning.MAX_FOLDED_SIDE and step == 1 and not after:
        return np.maximum.reduceat(values, np.arange(0, size, side), axis)[..., np.newaxis]
    if missing := -size % unit:
        values = np.concatenate([values, np.zeros((*before, missing, *after), values.dtype)], axis)
    apart = values.reshape(*before, -1, side, step, *after)
    if side > tuning.MAX_FOLDED_SIDE:
        largest: np.ndarray = apart.max(axis=axis + 1)
        return largest
    places: list[Index] = [(*(slice(None),) * (axis + 1), place) for place in range(side)]
    return reduce(np.maximum, (apart[place] for place in places))


def _spread(values: np.ndarray, axis: int, radius: int) -> np.ndarray:
    """The largest of every value and its neighbours up to `radius` along an axis: shifts of 1, 3, 9, ... add up."""
    radius, done = min(radius, values.shape[axis] - 1), 0
    values = np.moveaxis(values, axis, 0)
    while done < radius:
        shift = min(2 * done + 1, radius - done)
        wider = values.copy()
        np.maximum(wider[shift:], values[:-shift], out=wider[shift:])
        np.maximum(wider[:-shift], values[shift:], out=wider[:-shift])
        values, done = wider, done + shift
    return np.moveaxis(values, 0, axis)
