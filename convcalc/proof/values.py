"""Values against the definition, summed directly, with a bound on the rounding error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from convcalc.engine.algorithms import ALGORITHMS
from convcalc.engine.magnitudes import tolerated
from convcalc.graph.primitives import Correlate, ShuffleChannels
from convcalc.proof.direct import WIDE, DirectSums, direct_sums
from convcalc.proof.executed import Check, Convolved, Executed, convolved, skipped
from convcalc.proof.factor import eps_of, tolerance

EVERYTHING = 1 << 16
"""Up to this many outputs, all are summed directly, if that takes no more than SUMMED_PRODUCTS."""
SUMMED_PRODUCTS = 1 << 21
"""Approximate limit on the products of one convolution's direct sums; larger arrays are sampled."""
SAMPLED_POSITIONS, SAMPLED_GROUPS = 200, 64
"""Most random positions, in addition to corners and edges, and most groups of channels in a sample."""
SAMPLED_PRODUCTS, MIN_POSITIONS = 1 << 22, 6
"""Approximate limit on one filter's products at all positions of a sample, and fewest positions all the same."""
PRODUCTS_AT_ONCE = 1 << 16


class Compared(NamedTuple):
    """Outputs that were compared with the definition: how many, how many more could not be, of how many.

    `worst` is the error that is largest for its bound: as a fraction of it, itself, and the bound. `sample` says which
    positions are in a sample, `mixing` which algorithms were used that mix the values of several windows.
    """

    checked: int
    passed: int
    of: int
    largest: float
    worst: tuple[float, float, float]
    sample: str
    mixing: str


def compared(executed: Sequence[Executed], whole: Convolved | None = None) -> Compared:
    """The output of every convolution and shuffle compared with its definition.

    `whole` is the same result as one convolution with a full kernel, if that was factored; it is compared too.
    An error is within bounds if rounding explains it: terms * eps * sum|products|, Higham 2002, section 3.1.
    """
    checked, passed, of, largest, worst = 0, 0, 0, 0.0, (0.0, 0.0, 0.0)
    every = [(run.out, _errors_of(run)) for run in executed]
    if whole is not None:
        every.append((whole.out, _errors(whole, len(executed))))
    for out, errors in every:
        for error, bound, count, left_out in errors:
            checked, passed = checked + count, passed + left_out
            share = error / bound if bound else float("inf") if error else 0.0
            worst = max(worst, (share, error, bound))
            largest = max(largest, error)
        of += out.size
    sample = _always_among([*filter(None, map(convolved, executed)), whole])
    return Compared(checked, passed, of, largest, worst, sample, _mixing(executed))


def check_values(executed: Sequence[Executed], whole: Convolved | None = None) -> tuple[Check, float]:
    """The check that `compared` has outputs of a run in one piece equal, and the largest error."""
    return check_compared([compared(executed, whole)])


def check_compared(parts: Sequence[Compared], of: int | None = None) -> tuple[Check, float]:
    """The check of an output of which these parts were compared, and the largest error; `of` if it has more values."""
    checked, passed = sum(part.checked for part in parts), sum(part.passed for part in parts)
    total = sum(part.of for part in parts) if of is None else of
    if not checked:
        return skipped("values", "every output may overflow on its way, and the order of its terms decides"), float(
            "nan"
        )
    note = "" if checked + passed == total else f", {parts[0].sample}"
    if len(parts) > 1:
        note += f", in {len(parts)} slabs"
    detail = f"{checked:,} of {total:,} outputs against the direct sum{note}"
    if passed:
        detail += f"; {passed:,} more may overflow on their way and are not compared"
    share, error, bound = max(part.worst for part in parts)
    predicted = f"error <= {bound:.3g}" if share and bound else "error 0"
    if share > 1 and (mixing := " and ".join(dict.fromkeys(part.mixing for part in parts if part.mixing))):
        detail += f"; {mixing} rounds by the size of far larger values nearby, --algorithm direct does not"
    largest = max(part.largest for part in parts)
    return Check("values", predicted, f"error {error:.3g}", share <= 1, detail), largest


def _mixing(executed: Sequence[Executed]) -> str:
    """The algorithms among those used that mix the values of several windows."""
    used = [run.counter.choice.algorithm for run in executed if run.counter.choice is not None]
    return " and ".join(dict.fromkeys(name for name in used if ALGORITHMS[name].mixing is not None))


def _errors_of(run: Executed) -> Iterator[tuple[float, float, int, int]]:
    """As `_errors`, of a node: a shuffle's outputs are all compared, without any error allowed."""
    if isinstance(run.node.primitive, ShuffleChannels):
        moved = _is_shuffled(run.inputs[0], run.out, run.node.primitive.groups)
        yield 0.0 if moved else float("inf"), 0.0, run.out.size, 0
        return
    convolution = convolved(run)
    assert convolution is not None, "the recipes have convolutions and shuffles alone"
    yield from _errors(convolution)


def _errors(run: Convolved, factors: int = 0) -> Iterator[tuple[float, float, int, int]]:
    """(largest error for its bound, that bound, outputs compared, and not comparable), part by part of those checked.

    `factors` is the number of convolutions that were really run instead of this one, if it was factored, else 0.
    """
    result = run.out.dtype
    for positions, filters in sampled(run):
        direct = _direct(run, run.weight, run.bias, positions, filters)
        ours = run.out[(positions[:, :1], filters, *(at[:, np.newaxis] for at in positions[:, 1:].T))]
        if result.kind == "i":
            yield float(np.abs(ours - direct.values).max()), 0.0, ours.size, 0
            continue
        factored = _factoring(run, direct, positions, filters, factors) if factors else 0.0
        yield _float_error(ours, direct, factored, _algorithm_error(run, direct, filters))


def _direct(
    run: Convolved, weight: np.ndarray, bias: np.ndarray | None, positions: np.ndarray, filters: np.ndarray
) -> DirectSums:
    wide = WIDE[run.out.dtype]
    return direct_sums(run.primitive, run.x, weight, bias, positions, filters, wide, run.padding_mode)


def _float_error(
    ours: np.ndarray, direct: DirectSums, factored: np.ndarray | float, algorithm: np.ndarray | None
) -> tuple[float, float, int, int]:
    """The largest error for its bound, the bound, and how many outputs could be compared and how many not.

    If direct arithmetic gives NaN or Inf, so must the engine.

    `algorithm` bounds the rounding if products are not summed directly.
    If a sum may pass the largest number on its way, the order of the terms decides whether it does: then Inf or NaN
    cannot be compared. A finite result has not passed it, and must be right.
    """
    compute, last = np.finfo(np.float32 if ours.dtype == np.float16 else ours.dtype), np.finfo(ours.dtype)
    with np.errstate(all="ignore"):
        overflowing = (direct.magnitudes >= float(compute.max)) & ~np.isnan(direct.values)
        passed = overflowing & ~np.isfinite(ours) & (ours != direct.values.astype(ours.dtype))
        excused = passed | (np.isnan(ours) & np.isnan(direct.values))
        rounding = (4 if ours.dtype.kind == "c" else 1) * direct.terms * float(compute.eps) * direct.magnitudes
        if algorithm is not None:
            rounding = algorithm
        small = direct.terms * float(last.smallest_subnormal)
        bounds = (rounding + factored + float(last.eps) * np.abs(direct.values) + small)[..., np.newaxis]
        measured, wanted = _parts(ours), _parts(direct.values)
        target = wanted.astype(measured.dtype)
        finite = np.isfinite(target)
        errors = np.where(
            finite, np.abs(measured.astype(wanted.dtype) - wanted), np.where(measured == target, 0, np.inf)
        )
        errors = np.where(excused[..., np.newaxis], 0, np.where(np.isnan(errors), np.inf, errors))
        bounds = np.where(finite, bounds, 0)
        worst = np.argmax(np.where(errors > 0, errors / np.maximum(bounds, np.finfo(bounds.dtype).tiny), 0))
    left_out = int(np.count_nonzero(passed))
    return float(errors.flat[worst]), float(bounds.flat[worst]), ours.size - left_out, left_out


def _parts(values: np.ndarray) -> np.ndarray:
    """Real and, of complex numbers, imaginary parts, side by side on a new last axis."""
    return np.stack([values.real, values.imag] if values.dtype.kind == "c" else [values], axis=-1)


def _factoring(
    run: Convolved, direct: DirectSums, positions: np.ndarray, filters: np.ndarray, factors: int
) -> np.ndarray:
    """What factoring may add to the error: a rounding in every factor and convolution, and the kernel's own distance.

    A kernel passes for one of rank 1 if |kernel - factored| is at most tolerance * |kernel|, in Frobenius norm. So no
    tap is off by more than that, and the error is at most that bound convolved with |x|.
    """
    assert isinstance(run.primitive, Correlate)
    weight, wide = run.weight, WIDE[run.out.dtype]
    eps = max(float(np.finfo(run.out.dtype).eps), eps_of(weight.dtype))
    off = np.full(weight.shape, tolerance(weight) * float(np.linalg.norm(weight.astype(wide))))
    pixels = _direct(run, off, None, positions, filters)
    error: np.ndarray = 4 * factors * direct.terms * eps * direct.magnitudes + pixels.magnitudes
    return error


def _algorithm_error(run: Convolved, direct: DirectSums, filters: np.ndarray) -> np.ndarray | None:
    """What the algorithm may round, (positions, filters); None if it sums directly.

    It states a bound relative to max|x|, and an output must keep digits of its own too: see `tolerated`. Outputs whose
    windows hold zeros alone have none, so the first bound is all that they must keep.
    """
    problem, choice = run.counter.problem, run.counter.choice
    scale = None if problem is None or choice is None else ALGORITHMS[choice.algorithm].error_scale
    if scale is None or problem is None:
        return None
    weight = problem.weight[filters // problem.filters, filters % problem.filters]
    numbers = np.finfo(problem.compute)
    eps, normal = float(numbers.eps), float(numbers.smallest_normal)
    # Below the smallest normal number rounding is absolute, and eps times that number is its step.
    stated = scale(replace(problem, weight=weight[np.newaxis]))[0] * eps * max(float(np.abs(run.x).max()), normal)
    weights = np.abs(weight.astype(np.float64)).reshape(len(filters), -1).sum(axis=1)
    own = tolerated(problem.terms, eps) * np.maximum(direct.largest, normal) * weights
    error: np.ndarray = np.where(direct.largest == 0, stated, np.minimum(stated, own))
    return error


def _is_shuffled(x: np.ndarray, out: np.ndarray, groups: int) -> bool:
    """Whether output channel n*groups + g is input channel g*(channels / groups) + n, for all of them."""
    each = x.shape[1] // groups
    return all(
        np.array_equal(out[:, n * groups + g], x[:, g * each + n], equal_nan=True)
        for g in range(groups)
        for n in range(each)
    )


def sampled(run: Convolved) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """((batch, *position) rows, filters of one group) to check, part by part: all on small arrays.

    On larger ones the positions of `_spots`; with many groups or filters, each part checks other ones.
    """
    primitive, sizes = run.primitive, (run.out.shape[0], *run.out.shape[2:])
    per_group, products = primitive.out_channels // primitive.groups, run.weight.size // primitive.out_channels
    random = np.random.default_rng(0)
    if run.out.size <= EVERYTHING and run.out.size * products <= SUMMED_PRODUCTS:
        positions = np.indices(sizes).reshape(len(sizes), -1).T
        groups, most = list(range(primitive.groups)), per_group
    else:
        positions = _spots(sizes, _most_positions(run), random)
        at_each = max(1, SUMMED_PRODUCTS // (len(positions) * products))
        groups = spread(primitive.groups, min(at_each, SAMPLED_GROUPS))
        most = min(per_group, max(1, at_each // len(groups)))
    together = max(1, PRODUCTS_AT_ONCE // (most * products))
    filters = np.array(spread(per_group, most))
    for number, start in enumerate(range(0, len(positions), together)):
        for group in groups:
            first, shift = (group + number) % primitive.groups * per_group, random.integers(per_group)
            yield positions[start : start + together], first + (filters + shift) % per_group


def _spots(sizes: tuple[int, ...], most: int, random: np.random.Generator) -> np.ndarray:
    """Up to `most` positions, batch first: the marked ones, then random ones."""
    more = random.integers(0, sizes, (SAMPLED_POSITIONS, len(sizes))).tolist()
    return np.unique([*_marked(sizes), *more][:most], axis=0)


def _most_positions(run: Convolved) -> int:
    """How many positions a sample has, the fewer the more products an output takes."""
    return max(MIN_POSITIONS, SAMPLED_PRODUCTS * run.primitive.out_channels // run.weight.size)


def _always_among(runs: Sequence[Convolved | None]) -> str:
    """Which positions are in the samples of all of these, in words."""
    given = [run for run in runs if run is not None]
    whole = all(len(_marked((run.out.shape[0], *run.out.shape[2:]))) <= _most_positions(run) for run in given)
    return f"{'corners and edges' if whole else 'the first and the last'} among them"


def _marked(sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The positions that a sample begins with: the first, the last, the centre, other corners, then edges."""
    ends = [dict.fromkeys((0, size - 1)) for size in sizes]
    middles = [{0: None, sizes[0] - 1: None}, *(dict.fromkeys((0, size - 1, size // 2)) for size in sizes[1:])]
    last = tuple(size - 1 for size in sizes)
    centre = (0, *(size // 2 for size in sizes[1:]))
    return [*dict.fromkeys(((0,) * len(sizes), last, centre, *product(*ends), *product(*middles)))]


def spread(count: int, most: int) -> list[int]:
    """Up to `most` of range(count), evenly spread from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})
