"""Predictions against reality: every measured value comes from doing, never from the formula that predicted it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import ceil
from typing import Any

import numpy as np

from convcalc.engine.algorithms import ALGORITHMS
from convcalc.engine.counter import Counter
from convcalc.engine.primitive import run_stage
from convcalc.errors import ShapeError
from convcalc.graph.stages import Chain, Correlate, ShuffleChannels, Stage, TransposedCorrelate
from convcalc.graph.trace import Step, trace
from convcalc.proof.direct import WIDE, DirectSums, direct_sums
from convcalc.proof.factor import eps_of, tolerance
from convcalc.questions.layer_receptive import AxisField, axis_links, phase_count, positions_seen
from convcalc.questions.layer_report import Report, field_dict

EVERYTHING = 1 << 16
"""Outputs up to which every one is summed directly, if that takes no more than SUMMED_PRODUCTS."""
SUMMED_PRODUCTS = 1 << 21
"""Products of the direct sums of one step, about; larger arrays are sampled."""
SAMPLED_POSITIONS, SAMPLED_GROUPS = 200, 64
"""Random positions, beside corners and edges, and groups of channels, at the most, in a sample."""
PRODUCTS_AT_ONCE = 1 << 16
PROBED_SIGNAL = 1 << 24
"""Pixels of a signal to probe the receptive field on at the most, or four times the input's."""
PROBED_PIXELS, PROBED_PRODUCTS = 1 << 20, 1 << 25
"""What probing may hold at once, and about what it may cost before only some inputs are probed."""
MARGIN_PRODUCTS = 1 << 21
"""What the pixels on one side of the watched windows, which must not matter, may cost every probe, about."""


@dataclass(frozen=True, slots=True)
class Check:
    """One number predicted and measured; `how` says what was measured, `layer` of which layer of a network."""

    name: str
    predicted: Any
    measured: Any
    ok: bool
    how: str = ""
    layer: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **({"layer": self.layer} if self.layer else {}),
            "predicted": self.predicted,
            "measured": self.measured,
            "ok": self.ok,
            "how": self.how,
        }


@dataclass(frozen=True, slots=True)
class Executed:
    """One step as it was run: its input, its arrays if it has any, and its output, all in full form."""

    step: Step
    x: np.ndarray
    weight: np.ndarray | None
    bias: np.ndarray | None
    out: np.ndarray
    padding_mode: str
    counter: Counter


def check_output_shape(report: Report, out: np.ndarray) -> Check:
    """The predicted output size against the shape of the array, (channels, *spatial)."""
    return _equal("output_shape", list(report.output), list(out.shape[1:]), "the output array's shape")


def check_parameters(report: Report, executed: Sequence[Executed]) -> Check:
    """The predicted parameters against the sizes of the arrays that were multiplied and added."""
    arrays = [a for run in executed for a in (run.weight, run.bias) if a is not None]
    return _equal("parameters", report.parameters, sum(a.size for a in arrays), "the sizes of the kernels and biases")


def check_multiplications(report: Report, executed: Sequence[Executed]) -> Check:
    """The predicted multiplications against those that the engine counted as it executed them.

    Where an algorithm executed others than the definition has, the definition is executed along every axis on its own,
    with one channel; positions and taps of the axes are independent, so their products are the whole layer's.
    """
    measured = sum(counted_multiplications(run) for run in executed)
    how = "counted as the engine executed them"
    if not all(run.counter.as_defined for run in executed):
        how = "counted along every axis with one channel, times the channel pairs; the algorithm executes others"
    return _equal("multiplications", report.multiplications, measured, how)


def counted_multiplications(run: Executed) -> int:
    """The multiplications of a step by its definition, as executed, or where others were, executed axis by axis."""
    if run.counter.as_defined:
        return run.counter.multiplications
    assert run.weight is not None
    dims = run.x.ndim - 2
    total: int = len(run.x) * run.weight.shape[0] * run.weight.shape[1]
    for axis in range(dims):
        stage, counter = _along(run, axis), Counter()
        signal = np.ones((1, 1, run.x.shape[2 + axis]), np.float32)
        run_stage(stage, signal, np.ones((1, 1, *stage.kernel), np.float32), algorithm="direct", counter=counter)
        total *= counter.multiplications
    return total


def check_receptive_field(report: Report, executed: Sequence[Executed]) -> Check:
    """The predicted receptive field against the inputs that change an output when they become NaN.

    Axis by axis, the steps run on a signal long enough that the border is far, with one NaN at every position in
    turn, and kernels of ones as long as the arrays' own (a zero weight would hide its tap).
    """
    measured = field_dict([_probed(executed, axis) for axis in range(len(report.receptive_field))])
    predicted = field_dict(report.receptive_field)
    return _equal("receptive_field", predicted, measured, "inputs that turned an output NaN, one by one")


def check_values(executed: Sequence[Executed], whole: Executed | None = None) -> tuple[Check, float]:
    """Every step's output against the direct sum, and the largest error.

    `whole` is the same result as one step, with a full kernel, where it was factored; it is checked too.
    An error is within bounds if rounding explains it: terms * eps * sum|products|, Higham 2002, section 3.1.
    """
    largest, checked, of = 0.0, 0, 0
    worst = 0.0, 0.0, 0.0  # the error nearest its bound or furthest beyond: its share, itself, its bound
    for run in [*executed, *([whole] if whole else [])]:
        for error, bound, count in _errors(run, len(executed) if run is whole else 0):
            checked += count
            share = error / bound if bound else float("inf") if error else 0.0
            worst = max(worst, (share, error, bound))
            largest = max(largest, error)
        of += run.out.size
    sampled = "" if checked == of else ", corners and edges among them"
    detail = f"{checked:,} of {of:,} outputs against the direct sum{sampled}"
    share, error, bound = worst
    predicted = f"error <= {bound:.3g}" if share and bound else "error 0"
    return Check("values", predicted, f"error {error:.3g}", share <= 1, detail), largest


def _equal(name: str, predicted: Any, measured: Any, how: str) -> Check:
    return Check(name, predicted, measured, predicted == measured, how)


def _probed(executed: Sequence[Executed], axis: int) -> AxisField:
    """The field along one axis as the engine's outputs depend on it.

    Two periods of outputs are watched, far enough in that their windows meet no border of the signal. Around them lie
    as many pixels again as they reach, or of a kernel too long for that as many as are cheap to run it over.
    Raises ShapeError where strides make that signal too long to hold.
    """
    stages = [_along(run, axis) for run in executed if run.weight is not None]
    links = axis_links(stages, 0)
    period = phase_count(links)
    reach, spread, begin, end, jump = 1, 0, 1, 0, Fraction(1)
    for link in links:
        after = jump / link.window.stride if link.transposed else jump * link.window.stride
        pixel = after if link.transposed else jump  # of the window, in pixels of the signal
        reach += ceil(link.window.extent * pixel)
        begin += ceil(link.window.before * pixel)
        if link.transposed:
            spread += ceil(link.window.extent * pixel)  # the first outputs have fewer inputs
            end += ceil(link.window.after * pixel)  # cropped away, so more is needed
        jump = after
    kernel = max(link.window.kernel for link in links)
    margin = min(reach, max(1 + spread, MARGIN_PRODUCTS // kernel))
    first = period * ceil((margin + begin) / jump / period)
    watched = slice(first, first + 2 * period)
    longest = ceil(watched.stop * max(jump, Fraction(1))) + reach + end
    if longest > max(PROBED_SIGNAL, *(4 * size for size in executed[0].x.shape)):
        raise ShapeError(
            f"stride: a receptive field is measured on a signal long enough, got strides that take {longest} pixels; "
            "run it without checks"
        )
    expected = [set(positions_seen(links, output)) for output in range(watched.start, watched.stop)]
    size = max(max(seen) for seen in expected if seen) + margin + end
    while trace(_chain(stages), (1, size))[-1].output[1] < watched.stop:
        size *= 2
    probes = _probes(size, expected, kernel)
    depends = _dependencies(stages, size, probes, watched)
    seen = [probes[depends[:, o]] for o in range(2 * period)]
    missed = [len(expected[o] - set(probes.tolist())) for o in range(2 * period)]  # not probed: taken as predicted
    widest = max(range(period), key=lambda o: (seen[o][-1] - seen[o][0] if len(seen[o]) else -1, len(seen[o])))
    low, ahead = seen[widest], seen[widest + period]
    step = Fraction(int(ahead[0] - low[0]), period) if len(low) and len(ahead) else Fraction(0)
    start = int(seen[0][0] - first * step) if len(seen[0]) else None
    return AxisField(int(low[-1] - low[0] + 1) if len(low) else 0, step, start, len(low) + missed[widest])


def _probes(size: int, expected: Sequence[set[int]], kernel: int) -> np.ndarray:
    """Where to put the NaNs: everywhere, or on a very long signal at the ends predicted, their neighbours and a few."""
    some = max(16, PROBED_PRODUCTS // (size * kernel))
    if size <= some:
        return np.arange(size)
    ends = {end + d for seen in expected if seen for end in (min(seen), max(seen)) for d in (-1, 0, 1)}
    random = np.random.default_rng(0)
    inside = random.permutation(sorted(set().union(*expected)))[:some]
    chosen = {*ends, *inside.tolist(), *random.integers(0, size, some).tolist()}
    return np.array(sorted(i for i in chosen if 0 <= i < size))


def _along(run: Executed, axis: int) -> Correlate | TransposedCorrelate:
    """The step along one axis with one channel; its kernel is as long as the array's."""
    stage = run.step.stage
    assert isinstance(stage, Correlate | TransposedCorrelate)
    assert run.weight is not None
    assert not isinstance(stage.padding, str)
    alone = replace(
        stage,
        in_channels=1,
        out_channels=1,
        groups=1,
        bias=False,
        kernel=(run.weight.shape[2 + axis],),
        stride=(stage.stride[axis],),
        padding=(stage.padding[axis],),
        dilation=(stage.dilation[axis],),
    )
    if isinstance(alone, TransposedCorrelate):
        return replace(alone, output_padding=(alone.output_padding[axis],))
    return alone


def _chain(stages: Sequence[Stage]) -> Chain:
    return Chain(tuple((f"stage {i}", stage) for i, stage in enumerate(stages, 1)))


def _dependencies(stages: Sequence[Stage], size: int, probes: np.ndarray, watched: slice) -> np.ndarray:
    """Which probed inputs (rows) turn which of the watched outputs (columns) NaN."""
    steps = trace(_chain(stages), (1, size))
    at_once = max(1, PROBED_PIXELS // max(size, *(step.output[1] for step in steps)))
    depends = np.zeros((len(probes), watched.stop - watched.start), bool)
    for some in np.split(np.arange(len(probes)), range(at_once, len(probes), at_once)):
        x = np.ones((len(some), 1, size), np.float32)
        x[np.arange(len(some)), 0, probes[some]] = np.nan
        for step in steps:
            assert isinstance(step.stage, Correlate | TransposedCorrelate)
            x = run_stage(step.stage, x, np.ones((1, 1, *step.stage.kernel), np.float32), algorithm="direct")
        found = np.isnan(x[:, 0, watched])
        depends[some, : found.shape[1]] = found  # an engine at fault may have fewer outputs than expected
    return depends


def _errors(run: Executed, factors: int) -> Iterator[tuple[float, float, int]]:
    """(largest error for its bound, that bound, outputs compared), part by part of the outputs checked.

    `factors` is the number of steps that were really run instead of this one, if it was factored, else 0.
    """
    stage, result = run.step.stage, run.out.dtype
    if isinstance(stage, ShuffleChannels):
        yield 0.0 if _is_shuffled(run, stage.groups) else float("inf"), 0.0, run.out.size
        return
    assert isinstance(stage, Correlate | TransposedCorrelate)
    assert run.weight is not None
    for positions, filters in _sample(run):
        direct = direct_sums(stage, run.x, run.weight, run.bias, positions, filters, WIDE[result], run.padding_mode)
        ours = run.out[(positions[:, :1], filters, *(at[:, np.newaxis] for at in positions[:, 1:].T))]
        if result.kind == "i":
            yield float(np.abs(ours - direct.values).max()), 0.0, ours.size
            continue
        factored = _factoring(run, direct, positions, filters, factors) if factors else 0.0
        yield *_float_error(ours, direct, factored, _algorithm_error(run, filters)), ours.size


def _float_error(
    ours: np.ndarray, direct: DirectSums, factored: np.ndarray | float, algorithm: np.ndarray | None
) -> tuple[float, float]:
    """The largest error for its bound, and the bound; where direct arithmetic gives NaN or Inf, the same is wanted.

    `algorithm` bounds the rounding, by filter, where products are not summed directly.
    Where a sum may pass the largest number on its way, the order of the terms decides and nothing is wanted.
    """
    compute, last = np.finfo(np.float32 if ours.dtype == np.float16 else ours.dtype), np.finfo(ours.dtype)
    with np.errstate(all="ignore"):
        overflowing = (direct.magnitudes >= float(compute.max)) & ~np.isnan(direct.values)
        excused = overflowing | (np.isnan(ours) & np.isnan(direct.values))
        rounding = (4 if ours.dtype.kind == "c" else 1) * direct.terms * float(compute.eps) * direct.magnitudes
        if algorithm is not None:
            rounding = np.broadcast_to(algorithm, direct.magnitudes.shape)
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
    return float(errors.flat[worst]), float(bounds.flat[worst])


def _parts(values: np.ndarray) -> np.ndarray:
    """Real and, of complex numbers, imaginary parts, side by side on a new last axis."""
    return np.stack([values.real, values.imag] if values.dtype.kind == "c" else [values], axis=-1)


def _factoring(
    run: Executed, direct: DirectSums, positions: np.ndarray, filters: np.ndarray, factors: int
) -> np.ndarray:
    """What factoring may add to the error: a rounding in every factor and step, and what the kernel is off its rank.

    A kernel passes for one of rank 1 if |kernel - factored| is at most tolerance * |kernel|, in Frobenius norm; so no
    tap is off by more than that, and what so much at every tap makes of |x| is the sum of its magnitudes.
    """
    stage, weight = run.step.stage, run.weight
    assert isinstance(stage, Correlate)
    assert weight is not None
    eps = max(float(np.finfo(run.out.dtype).eps), eps_of(weight.dtype))
    off = np.full(weight.shape, tolerance(weight) * float(np.linalg.norm(weight.astype(WIDE[run.out.dtype]))))
    pixels = direct_sums(stage, run.x, off, None, positions, filters, WIDE[run.out.dtype], run.padding_mode)
    error: np.ndarray = 4 * factors * direct.terms * eps * direct.magnitudes + pixels.magnitudes
    return error


def _algorithm_error(run: Executed, filters: np.ndarray) -> np.ndarray | None:
    """The algorithm's own bound for these filters, relative to max|x|; None if it is the direct sum's."""
    problem, choice = run.counter.problem, run.counter.choice
    scale = None if problem is None or choice is None else ALGORITHMS[choice.algorithm].error_scale
    if scale is None or problem is None:
        return None
    some = replace(problem, weight=problem.weight[filters // problem.filters, filters % problem.filters][np.newaxis])
    numbers = np.finfo(problem.compute)
    # Below the smallest normal number rounding is absolute, and eps times that number is its step.
    largest = max(float(np.abs(run.x).max()), float(numbers.smallest_normal))
    error: np.ndarray = scale(some)[0] * float(numbers.eps) * largest
    return error


def _is_shuffled(run: Executed, groups: int) -> bool:
    """Whether output channel n*groups + g is input channel g*(channels / groups) + n, for all of them."""
    each = run.x.shape[1] // groups
    return all(
        np.array_equal(run.out[:, n * groups + g], run.x[:, g * each + n], equal_nan=True)
        for g in range(groups)
        for n in range(each)
    )


def _sample(run: Executed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """((batch, *position) rows, filters of one group), part by part: all of them on small arrays.

    On larger ones corners, edges and random positions, and other groups and filters in every part if there are many.
    """
    stage, sizes = run.step.stage, (run.out.shape[0], *run.out.shape[2:])
    assert isinstance(stage, Correlate | TransposedCorrelate)
    assert run.weight is not None
    per_group, products = stage.out_channels // stage.groups, run.weight.size // stage.out_channels
    random = np.random.default_rng(0)
    if run.out.size <= EVERYTHING and run.out.size * products <= SUMMED_PRODUCTS:
        positions = np.indices(sizes).reshape(len(sizes), -1).T
        groups, most = list(range(stage.groups)), per_group
    else:
        marks = [{0, sizes[0] - 1}, *({0, size // 2, size - 1} for size in sizes[1:])]
        chosen = [*product(*marks), *random.integers(0, sizes, (SAMPLED_POSITIONS, len(sizes))).tolist()]
        positions = np.unique(chosen, axis=0)
        at_each = max(1, SUMMED_PRODUCTS // (len(positions) * products))
        groups = _spread(stage.groups, min(at_each, SAMPLED_GROUPS))
        most = min(per_group, max(1, at_each // len(groups)))
    together = max(1, PRODUCTS_AT_ONCE // (most * products))
    spread = np.array(_spread(per_group, most))
    for number, start in enumerate(range(0, len(positions), together)):
        for group in groups:
            first, shift = (group + number) % stage.groups * per_group, random.integers(per_group)
            yield positions[start : start + together], first + (spread + shift) % per_group


def _spread(count: int, most: int) -> list[int]:
    """Up to `most` of range(count), evenly spread from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})
