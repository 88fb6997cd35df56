"""Bands: where a group has one channel, a banded matrix makes several outputs at a time from the input as it lies.

Along one axis the kernel's taps become the diagonals of a matrix, of BAND outputs by the inputs under them, which takes
in that axis's stride, dilation and padding too: down the rows, or along the columns where these have a stride. Across
the other axis a tap is a shift of the input, which BLAS reads in place. So every tap of the other axis is one matrix
product, and their sum is the result; only another dtype or layout is copied. Zeros beside the diagonals are multiplied
too, which NaN and Inf would spoil: blocks that these are found in are computed directly instead.

Memory: the matrices, and one product of a block; its input and sums too where dtypes or layout differ.
Error: the direct sum's.
Source: Gray 2006, Toeplitz and Circulant Matrices: A Review, section 1, for a filter as a banded Toeplitz matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from convcalc.engine.algorithms import direct
from convcalc.engine.arithmetic import all_finite
from convcalc.engine.blocks import BUDGET, even_parts, length, shaped, strided, workspaces
from convcalc.engine.counter import Counter, multiply
from convcalc.engine.problem import Cut, Problem

BAND = 8
"""Outputs that a matrix makes at the most: with more, more zeros are multiplied; with fewer, products take longer."""
MOST_ZEROS = 8
"""Values under a band for each tap, at the most."""
SHORTEST = 7
"""Outputs across the bands, at the least."""
NOTHING = slice(0, 0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring bands of `size` outputs whose windows see the same columns of the matrices, those `taken`.

    Their outputs begin at row `first` of a block, the windows at input line `line`.
    """

    first: int
    count: int
    size: int
    line: int
    taken: slice

    def bands(self, out: np.ndarray) -> np.ndarray:
        """The outputs of each, (..., count, size, columns)."""
        rows = out[..., self.first : self.first + self.count * self.size, :]
        return rows.reshape(*rows.shape[:-2], self.count, self.size, rows.shape[-1])

    def windows(self, x: np.ndarray, step: int) -> np.ndarray:
        """The inputs of each, (..., count, lines, columns), every `step` lines of x."""
        seen = x[..., np.newaxis, self.line : self.line + length(self.taken), :]
        if self.count == 1:
            return seen
        *leading, _, down, across = seen.strides
        shape = (*seen.shape[:-3], self.count, *seen.shape[-2:])
        return strided(x, shape, (*leading, step * down, down, across), (0,) * (x.ndim - 2) + (self.line,))


def fits(problem: Problem) -> bool:
    """Whether there are two axes with zeros around, one channel a group, and room for matrices and one band.

    Weights must be finite, because they are not multiplied by the zeros around.
    """
    if len(problem.kernel) != 2 or problem.channels != 1 or any(len(axis.zones) != 1 for axis in problem.axes):
        return False
    turned = _turned(problem)
    diagonals = turned.kernel[0] * _band(turned) * _reach(turned)
    most = max(_matrix_values(turned), diagonals, *_band_values(turned))
    return most * problem.compute.itemsize <= 8 * BUDGET and all_finite(problem.weight)


def zeros_pay(problem: Problem) -> bool:
    """Whether few enough zeros are multiplied, in long enough rows, to take less time than copying."""
    turned = _turned(problem)
    return _reach(turned) <= MOST_ZEROS * turned.kernel[0] and turned.positions[1] >= SHORTEST


def shared(problem: Problem) -> Cut:
    """Groups, images, or whole bands of rows."""
    return problem.independent(1 if _is_along_columns(problem) else _band(problem))


def run(problem: Problem, out: np.ndarray, counter: Counter | None) -> None:
    """Fills `out`, (batch, groups, filters, *positions)."""
    in_place = problem.x.dtype == problem.compute and problem.x.flags.c_contiguous
    if turned := _is_along_columns(problem):
        out = out.swapaxes(-1, -2)
    problem = _turned(problem)
    compute, size, (outputs, width) = problem.compute, _band(problem), problem.positions
    # A block is some bands, or all of them of several groups.
    bands, room, (inputs, sums) = -(-outputs // size), BUDGET // compute.itemsize, _band_values(problem)
    band_step = even_parts(bands, room // (inputs + 2 * sums))
    group_step = even_parts(problem.groups, room // (band_step * (inputs + 2 * sums)))
    block = group_step * band_step
    space, first, second, third = workspaces(
        compute,
        _matrix_values(problem),
        block * sums,
        0 if out.dtype == compute else block * sums,
        0 if in_place else block * inputs,
    )
    matrices, shifts = _matrices(problem, space, turned, counter), _shifts(problem)
    done: list[tuple[slice, slice, slice, slice]] = []
    for top in range(0, bands, band_step):
        rows, step = slice(top * size, min((top + band_step) * size, outputs)), size * problem.stride[0]
        lines, stretches = _stretches(problem, rows)
        x, y = problem.x[..., lines, :], out[..., rows, :]
        seen, made = [one.windows(x, step) for one in stretches], [one.bands(y) for one in stretches]
        for start, batch in product(range(0, problem.groups, group_step), range(problem.batch)):
            some = batch, slice(start, min(start + group_step, problem.groups))
            target = total = y[some]
            windows, totals = [view[some] for view in seen], [view[some] for view in made]
            if not in_place:
                copy = _workspace(third, x[some].shape, turned)
                copy[...] = x[some]
                windows = [one.windows(copy, step) for one in stretches]
            if out.dtype != compute:
                total = _workspace(second, target.shape, turned)
                totals = [one.bands(total) for one in stretches]
            term = _workspace(first, target.shape, turned)
            terms = [one.bands(term) for one in stretches]
            for tap, (to, read) in enumerate(shifts):
                goal, goals = (term, terms) if tap else (total, totals)
                matrix = matrices[tap, some[1], :, np.newaxis]
                for one, window, made_of_one in zip(stretches, windows, goals, strict=True):
                    multiply(matrix[..., : one.size, one.taken], window[..., read], made_of_one[..., to], counter)
                # What this tap does not reach and the one before did, if one was here before. NumPy clears a single
                # column in one run.
                stale = shifts[tap - 1][0] if tap > 1 else slice(0, width)
                for column in (*range(stale.start, to.start), *range(to.stop, stale.stop)):
                    goal[..., column] = 0
                if tap:
                    total += term
            if problem.bias is not None:
                total += problem.bias[some[1], :, np.newaxis, np.newaxis].astype(compute)
            done.append((slice(batch, batch + 1), some[1], slice(0, problem.filters), rows))
            if total is not target:
                target[...] = total
    if all_finite(out.swapaxes(-1, -2) if turned else out):
        return
    for some_outputs in done:
        if not all_finite(out[some_outputs]):
            direct.run(problem.part(*some_outputs), out[some_outputs], counter)
    if counter is not None:
        counter.spoiled = True


def _is_along_columns(problem: Problem) -> bool:
    """Whether the matrices are banded along columns, because BLAS does not read every other column."""
    return problem.stride[1] > 1


def _turned(problem: Problem) -> Problem:
    """The problem with the axis first along which matrices are banded."""
    if not _is_along_columns(problem):
        return problem
    return replace(
        problem,
        x=problem.x.swapaxes(-1, -2),
        weight=problem.weight.swapaxes(-1, -2),
        axes=problem.axes[::-1],
        positions=problem.positions[::-1],
    )


# Of a turned problem.


def _band(problem: Problem) -> int:
    """Outputs that one matrix makes."""
    return even_parts(problem.positions[0], BAND)


def _reach(problem: Problem) -> int:
    """Inputs under them."""
    window = problem.windows[0]
    return (_band(problem) - 1) * window.stride + window.extent


def _matrix_values(problem: Problem) -> int:
    """Values of all matrices."""
    return problem.kernel[1] * problem.groups * problem.filters * _band(problem) * _reach(problem)


def _band_values(problem: Problem) -> tuple[int, int]:
    """Of one band of one group, how many inputs it takes (with those it skips, under a long stride) and its outputs."""
    size, width = _band(problem), problem.positions[1]
    lines = max(size * problem.stride[0], _reach(problem))
    return lines * int(problem.x.shape[-1]), problem.filters * size * width


def _stretches(problem: Problem, rows: slice) -> tuple[slice, list[Stretch]]:
    """The input lines under some rows, and their bands: those whose windows lie inside, and each that reaches out."""
    axis, size, reach, outputs = problem.axes[0], _band(problem), _reach(problem), length(rows)
    step, bands = size * axis.window.stride, -(-outputs // size)
    first = rows.start * axis.window.stride - axis.window.before
    seen, lines = next(axis.pieces(first, (bands - 1) * step + reach), (NOTHING, NOTHING))
    begin = -(-seen.start // step)
    end = max(begin, min((seen.stop - reach) // step + 1, outputs // size))
    stretches = (
        [Stretch(begin * size, end - begin, size, begin * step - seen.start, slice(0, reach))] if end > begin else []
    )
    for band in (*range(min(begin, bands)), *range(end, bands)):
        top = max(band * step, seen.start)
        taken = slice(top - band * step, max(top, min(band * step + reach, seen.stop)) - band * step)
        stretches.append(Stretch(band * size, 1, min(size, outputs - band * size), top - seen.start, taken))
    return lines, stretches


def _shifts(problem: Problem) -> list[tuple[slice, slice]]:
    """Of every tap of the second axis, where the positions are that see input, and which."""
    axis, width = problem.axes[1], problem.positions[1]
    before, dilation, stride = axis.window.before, axis.window.dilation, axis.window.stride
    return [
        next(axis.pieces(tap * dilation - before, width, step=stride), (NOTHING, NOTHING))
        for tap in range(axis.window.kernel)
    ]


def _matrices(problem: Problem, space: np.ndarray, turned: bool, counter: Counter | None) -> np.ndarray:
    """The banded matrix of every tap of the second axis, (taps, groups, filters, outputs, inputs).

    As sums of diagonals of ones, which BLAS makes sooner than NumPy copies so few values at a time.
    """
    weight = np.ascontiguousarray(problem.weight[:, :, 0].transpose(3, 0, 1, 2), problem.compute)
    size, reach, window = _band(problem), _reach(problem), problem.windows[0]
    by_output, by_input = (1, size) if turned else (reach, 1)
    step = by_output + window.stride * by_input
    diagonals = np.zeros((window.kernel, size * reach), problem.compute)
    for tap, diagonal in enumerate(diagonals):
        start = tap * window.dilation * by_input
        diagonal[start : start + (size - 1) * step + 1 : step] = 1
    matrices = shaped(space, (weight.size // window.kernel, size * reach))
    multiply(weight.reshape(-1, window.kernel), diagonals, matrices, counter)
    return _workspace(space, (*weight.shape[:3], size, reach), turned)


def _workspace(space: np.ndarray, shape: tuple[int, ...], turned: bool) -> np.ndarray:
    """The beginning of a flat workspace as an array of `shape`, whose last two axes may be turned in memory."""
    if turned:
        return shaped(space, (*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)
    return shaped(space, shape)
