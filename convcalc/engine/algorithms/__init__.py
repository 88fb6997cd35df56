"""The table of algorithms, and a problem run in parts: a type says what is computed, an algorithm how.

Each algorithm is a module with three functions: `fits(problem)`, whether it can compute it; `run(problem, out,
counter)`, which fills the output; and `shared(problem)`, how it is cut for several threads. Winograd and FFT, which do
not sum the definition's products, also have `mixing(problem)` and `error_scale(problem)`. Which one is taken is decided
in `engine.choice`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.algorithms import bands, direct, fourier, planes, rows, winograd
from convcalc.engine.counter import Counter
from convcalc.engine.magnitudes import Mixing
from convcalc.engine.problem import Cut, Problem
from convcalc.engine.work.threads import run_all, thread_count


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to compute a convolution.

    `shared` gives the axis to split across threads, None if BLAS's own threads do better. A problem with fewer than
    MIN_SHARED_MULTIPLICATIONS is not split. `own_count`: it multiplies other numbers than the definition does.
    `mixing`: how values reach outputs whose windows do not contain them, None if they do not. `error_scale`: the bound
    of the error as a multiple of max|x| * eps, if products are not summed as defined.
    """

    name: str
    fits: Callable[[Problem], bool]
    run: Callable[[Problem, np.ndarray, Counter], None]
    shared: Callable[[Problem], Cut | None]
    own_count: bool = False
    mixing: Callable[[Problem], Mixing] | None = None
    error_scale: Callable[[Problem], np.ndarray] | None = None


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("direct", direct.fits, direct.run, direct.shared),
        Algorithm("rows", rows.fits, rows.run, rows.shared),
        Algorithm("bands", bands.fits, bands.run, bands.shared, own_count=True),
        Algorithm("planes", planes.fits, planes.run, planes.shared),
        Algorithm(
            "winograd", winograd.fits, winograd.run, winograd.shared,
            own_count=True, mixing=winograd.mixing, error_scale=winograd.error_scale,
        ),
        Algorithm(
            "fft", fourier.fits, fourier.run, fourier.shared,
            own_count=True, mixing=fourier.mixing, error_scale=fourier.error_scale,
        ),
    )
}  # fmt: skip
AXES = ("batch", "groups", "filters", "rows")
"""The first axes of an output; a problem can be cut along each."""
AUTO = "auto"
NAMES = (AUTO, *ALGORITHMS)


def _settings() -> Context:
    """NumPy's settings for the engine: overflow and NaN are results, and ufuncs work in place (UFUNC_BUFFER)."""
    settings = Context()
    settings.run(partial(np.seterr, all="ignore"))
    settings.run(np.setbufsize, tuning.UFUNC_BUFFER)
    return settings


SETTINGS = _settings()
"""Entered as a copy, since no two threads may be in one context. Takes a tenth of the time of np.errstate."""


def execute(algorithm: Algorithm, problem: Problem, out: np.ndarray, counter: Counter | None) -> None:
    """Runs the algorithm on the problem, or on parts of it in as many threads as may work."""
    cut = _cut(algorithm, problem)
    parts = [(problem, out)] if cut is None else _parts(cut, problem, out)
    counters = [Counter() for _ in parts]
    tasks = [partial(_compute, algorithm.run, *part, own) for part, own in zip(parts, counters, strict=True)]
    if cut is None:
        tasks[0]()
    else:  # one task too: OpenBLAS with several threads sums in another order
        run_all(tasks, stop=partial(_stop, counters))
    if counter is not None:
        counter.multiplications += sum(own.multiplications for own in counters)
        counter.spoiled = counter.spoiled or any(own.spoiled for own in counters)


def _stop(counters: Sequence[Counter]) -> None:
    for counter in counters:
        counter.stopped = True


def _compute(
    run: Callable[[Problem, np.ndarray, Counter], None], problem: Problem, out: np.ndarray, counter: Counter
) -> None:
    """Runs an algorithm with NumPy's settings for the engine, whatever the caller's settings are."""
    SETTINGS.copy().run(run, problem, out, counter)


def _cut(algorithm: Algorithm, problem: Problem) -> Cut | None:
    """How the problem is cut for several threads; None if the whole that it belongs to is not."""
    multiplications = prod(problem.whole) * problem.groups * problem.filters * problem.terms
    if multiplications < tuning.MIN_SHARED_MULTIPLICATIONS[algorithm.name] or thread_count() == 1:
        return None
    return algorithm.shared(problem)


def _parts(cut: Cut, problem: Problem, out: np.ndarray) -> list[tuple[Problem, np.ndarray]]:
    """The problem as parts of about the same size, one per thread, with their outputs."""
    count = thread_count()
    whole = dict(zip(AXES, out.shape, strict=False))
    step = -(-whole[cut.axis] // (count * cut.multiple_of)) * cut.multiple_of
    parts = []
    for start in range(0, whole[cut.axis], step):
        ranges = whole | {cut.axis: min(start + step, whole[cut.axis])}
        some = tuple(slice(start if axis == cut.axis else 0, stop) for axis, stop in ranges.items())
        parts.append((problem.part(*some), out[some]))
    return parts
