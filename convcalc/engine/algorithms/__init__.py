"""The algorithms, and which one a convolution is given: a type says what is computed, an algorithm how.

Every module has `fits(problem)`, whether it can, `run(problem, out, counter)`, which fills the output,
and `shared(problem)`, how it is cut for several threads. Winograd and Fourier, which do not sum the products
themselves, have `error_scale(problem)` too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from convcalc.engine.algorithms import bands, direct, fourier, planes, rows, winograd
from convcalc.engine.counter import Choice, Counter
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.blas import multiplies_small_matrices_in_place
from convcalc.engine.work.threads import run_all, thread_count


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to compute a convolution.

    `own_count` says that it multiplies other numbers than the definition does, and `mixes` that NaN and Inf spoil
    outputs whose windows they are not in.
    `shared` says what of a problem is cut into a part for every thread, or None where BLAS's own threads do better;
    with less than `worth` times WORTH multiplications none is, because threads wait for each other at every NumPy call.
    `error_scale` gives, times eps * max|x|, what the error may be where products are not summed directly.
    """

    name: str
    fits: Callable[[Problem], bool]
    run: Callable[[Problem, np.ndarray, Counter], None]
    shared: Callable[[Problem], Cut | None]
    own_count: bool = False
    mixes: bool = False
    error_scale: Callable[[Problem], np.ndarray] | None = None
    worth: int = 8


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("direct", direct.fits, direct.run, direct.shared),
        Algorithm("rows", rows.fits, rows.run, rows.shared, worth=12),
        Algorithm("bands", bands.fits, bands.run, bands.shared, own_count=True, worth=16),
        Algorithm("planes", planes.fits, planes.run, planes.shared),
        Algorithm(
            "winograd", winograd.fits, winograd.run, winograd.shared,
            own_count=True, mixes=True, error_scale=winograd.error_scale, worth=128,
        ),
        Algorithm(
            "fft", fourier.fits, fourier.run, fourier.shared,
            own_count=True, mixes=True, error_scale=fourier.error_scale,
        ),
    )
}  # fmt: skip
WORTH = 10**6
"""Multiplications that the algorithms' `worth` is counted in."""
SHORTEST_BUFFER = 16
"""Values, the least that NumPy allows."""
CACHED = 24 * 2**20
"""Bytes of Winograd's weights up to which transforming and reading them is fast."""
READ_AGAIN = 700
"""Values of an output row under all taps from which reading planes again for every kernel row takes long."""
AXES = ("batch", "groups", "filters", "rows")
"""The first axes of an output, as problems are cut along them."""
AUTO = "auto"
NAMES = (AUTO, *ALGORITHMS)


def _settings() -> Context:
    """NumPy set as the engine wants it.

    Overflow and NaN are results. Views are computed on in place: ufuncs copy operands to a buffer where their runs are
    shorter than it, 8192 values unless told, which takes three times as long as adding.
    """
    settings = Context()
    settings.run(partial(np.seterr, all="ignore"))
    settings.run(np.setbufsize, SHORTEST_BUFFER)
    return settings


SETTINGS = _settings()
"""Run in copies, since no two threads may be in one context: a tenth of the time that errstate takes."""

# What was measured to be fastest, on x86 with OpenBLAS: docs/BENCHMARKS.md.
RULES: tuple[tuple[str, Callable[[Problem], bool], str], ...] = (
    ("direct", direct.is_pointwise, "a pointwise kernel is one matrix product with the data as it lies"),
    ("winograd", lambda p: _tiles_pay(p), "3x3 over enough tiles and channels: a quarter of the multiplications"),
    ("fft", lambda p: _spectra_pay(p), "many taps a filter: transforms cost the same for any kernel"),
    ("planes", lambda p: _has_short_rows(p), "short rows: their copying is saved, whole planes are copied"),
    ("bands", lambda p: _bands_pay(p), "one channel, many taps or dilated rows: several output rows at a time"),
    ("rows", lambda p: _is_narrow(p), "few channels or filters: copied once per kernel column, not per tap"),
    ("direct", lambda _: True, "one matrix product over the values under the windows"),
)


def choose(problem: Problem, asked: str = AUTO) -> Choice:
    """The algorithm for a problem: the one asked for where it fits, else the first rule that holds.

    The rules are tried in order; they compare what the algorithms were measured to take.
    """
    if asked != AUTO:
        if ALGORITHMS[asked].fits(problem):
            return Choice(asked, "asked for")
        return Choice("direct", f"{asked} was asked for and does not fit")
    for name, applies, reason in RULES:
        if applies(problem) and ALGORITHMS[name].fits(problem):
            return Choice(name, reason)
    raise AssertionError("the last rule always holds")


def execute(algorithm: Algorithm, problem: Problem, out: np.ndarray, counter: Counter | None) -> None:
    """Runs the algorithm on the problem, or on parts of it in as many threads as may work."""
    parts = _parts(algorithm, problem, out)
    counters = [Counter() for _ in parts]
    tasks = [partial(_compute, algorithm.run, *part, own) for part, own in zip(parts, counters, strict=True)]
    if len(tasks) == 1:
        tasks[0]()
    else:
        run_all(tasks)
    if counter is not None:
        counter.multiplications += sum(own.multiplications for own in counters)
        counter.spoiled = counter.spoiled or any(own.spoiled for own in counters)


def _compute(
    run: Callable[[Problem, np.ndarray, Counter], None], problem: Problem, out: np.ndarray, counter: Counter
) -> None:
    """Runs an algorithm with NumPy set as the engine wants it, whatever it is set to elsewhere."""
    SETTINGS.copy().run(run, problem, out, counter)


def _parts(algorithm: Algorithm, problem: Problem, out: np.ndarray) -> list[tuple[Problem, np.ndarray]]:
    """The problem as parts of about the same size, one a thread, with their outputs."""
    if out.size * problem.terms < algorithm.worth * WORTH or (count := thread_count()) == 1:
        return [(problem, out)]
    if (cut := algorithm.shared(problem)) is None:
        return [(problem, out)]
    whole = dict(zip(AXES, out.shape, strict=False))
    step = -(-whole[cut.axis] // (count * cut.grain)) * cut.grain
    parts = []
    for start in range(0, whole[cut.axis], step):
        ranges = whole | {cut.axis: min(start + step, whole[cut.axis])}
        some = tuple(slice(start if axis == cut.axis else 0, stop) for axis, stop in ranges.items())
        parts.append((problem.part(*some), out[some]))
    return parts


def _tiles_pay(problem: Problem) -> bool:
    """Whether the products that Winograd saves are worth its transforms, of input, output and weights.

    In units of the direct products' time. Weights take a share per output, more where they outgrow the caches, and
    products one that counts tiles which reach beyond the output.
    """
    share = 22 / problem.filters + 12 / problem.channels
    if share > 0.8 or problem.kernel[-2:] != (winograd.KERNEL, winograd.KERNEL):
        return False
    tiles, outputs = winograd.tile_count(problem), problem.batch * prod(problem.positions)
    if len(problem.kernel) > 2 and tiles < 32:  # every depth reads all weights again
        return False
    products = 4 * tiles * prod(problem.positions[:-2])
    weights = 128 if winograd.weight_bytes(problem) <= CACHED else 300
    return share + (weights + products) / outputs < 1.05


def _spectra_pay(problem: Problem) -> bool:
    """Whether transforming the tiles of a group takes less time than multiplying the values under its windows.

    In nanoseconds, as measured: 6 for a value transformed, and `each` for a value under a window. Where that is copied
    for every tap, the copy counts, else its products with the filters, as fast as BLAS multiplies small matrices.
    """
    if prod(problem.kernel) < 64:
        return False
    filters, under = problem.filters, problem.batch * prod(problem.positions) * problem.terms
    small, spread = multiplies_small_matrices_in_place(), problem.dilation[0]
    if len(problem.kernel) != 2 or (spread > 1 and (problem.channels > 1 or filters > 4)):
        each = 0.35 + filters / (60 if small else 45)
    elif spread > 1:
        each = 0.06 * filters * spread
    elif filters <= 4 and problem.terms >= 2048:
        each = 0.3 * problem.stride[1]
    elif filters == 1:
        each = 0.06
    else:
        each = 0.05 + filters / 80 if small else 0.2 + filters / 60
    return 40_000 + 6 * fourier.transformed_values(problem) < each * under


def _has_short_rows(problem: Problem) -> bool:
    """Whether rows are short, and either alone or not worth joining with those of other images.

    Of few taps too where the rows algorithm is another choice.
    """
    width = problem.positions[-1]
    few = width * prod(problem.kernel) < READ_AGAIN or not _is_narrow(problem)
    return few and width < 32 and (problem.batch == 1 or problem.filters <= 16)


def _bands_pay(problem: Problem) -> bool:
    """Whether reading values once for several rows is worth the zeros: where they outgrow the nearest cache.

    Or where no other algorithm spares copies, because rows are dilated.
    """
    if problem.channels > 1 or len(problem.kernel) != 2 or problem.filters > 4 or not bands.zeros_pay(problem):
        return False
    if problem.dilation[0] > 1:
        return True
    if problem.filters > 1 or problem.positions[-1] < 64:
        return False
    return prod(problem.kernel) >= (81 if multiplies_small_matrices_in_place() else 169)


def _is_narrow(problem: Problem) -> bool:
    """Whether copying the values under the windows takes long beside multiplying them.

    On one axis with one channel a group, of so many groups that a block is worth its calls.
    """
    if len(problem.kernel) == 1:
        few = problem.channels == 1 and problem.filters <= 4
        return few and problem.groups * min(problem.positions[0], rows.LONGEST) >= 20_000
    return problem.filters <= 16 or problem.terms < 256
