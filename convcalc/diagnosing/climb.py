"""An input changed, number by number, until its sums tell apart all that is done to single outputs.

Rounding up or to even differ only for a sum that lies exactly between, a cut at 255 shows only in a larger one: chance
has few of them, and choosing among changed inputs soon finds the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from convcalc.diagnosing.evaluate import whole
from convcalc.diagnosing.separation import digest, mistakes, telling_sums
from convcalc.diagnosing.setup import Finish, Setup, by_filter

SHOWN = 256
"""Outputs of at least this size show sums that do not fit 8 bits, signed or not."""
CHANGED, LIKELY, GENERATIONS = 64, 6, 150
"""Changed inputs among which the best is chosen, those of them that are looked at closely, and how often."""
ENOUGH, MORE = 6, 20
"""Sums as large as the largest shift, without which its outputs are mostly zeros and prove little, and how often inputs
are changed for them alone."""
COPIED = 4
"""Numbers of the input that take as long to copy as a product takes."""
MAX_VALUES, PRODUCTS = 1 << 14, 1 << 27
"""Outputs of all changed inputs together, and products of all that is tried: a larger output has many sums as it is."""


def climbed(setup: Setup, kinds: tuple[np.dtype, ...], most: int, seed: int) -> np.ndarray:
    """The input with some of its numbers changed, within -most..most, so that more mistakes show.

    They are those that are a function of every output alone, with outputs up to the power of two that is next.
    """
    y = whole(setup)
    count = min(CHANGED, MAX_VALUES // y.size)
    each = y.size * sum(prod(by_filter(stage).shape[2:]) for stage in setup.stages)
    each += setup.x.size // COPIED
    generations = min(GENERATIONS, PRODUCTS // (count * each)) if count > 1 else 0
    largest = float(np.abs(y).max())
    # just below the sums with which another cut at 127 after a shift begins to show
    limit = (127 << (max(2 * SHOWN - 1, int(largest)).bit_length() - 7)) - 1
    finishes = [finish for each in mistakes(setup, kinds, limit) if (finish := each.finish) is not None]
    values = telling_sums(limit)
    wanted = len({digest(values), *(digest(finish(values, values)) for finish in finishes)})
    random = np.random.default_rng((seed, 2))
    direction = random.standard_normal(y.size)
    more, top = MORE, 1 << (limit.bit_length() - 1)
    x, told, large = setup.x, _told(finishes, y.reshape(1, -1), direction), _large(y.reshape(1, -1), top)[0]
    for _ in range(generations):
        if told.different[0] == wanted:
            more -= 1
            if large == ENOUGH or more < 0:
                break
        changed = np.repeat(x[np.newaxis], count, axis=0)
        flat = changed.reshape(count, -1)
        at = random.integers(0, flat.shape[1], (count, 3))
        for number in range(3):
            some = random.random(count) < 0.6**number
            some[0] = False  # the first stays as it is, to compare with
            flat[some, at[some, number]] = random.integers(-most, most + 1, int(some.sum()))
        sums = whole(setup._replace(x=changed.reshape(-1, *x.shape[1:]))).reshape(count, -1)
        # Those that are told apart by now probably stay so: only the likely inputs are tried on all.
        many = _large(sums, top)
        likely = many + _told([finishes[number] for number in told.alike], sums, direction).different
        fit = (likely >= likely[0]) & (np.abs(sums).max(axis=1) <= limit)
        fit[0] = False
        chosen = np.flatnonzero(fit)[np.argsort(-likely[fit], kind="stable")[:LIKELY]]
        if not len(chosen):
            continue
        every = _told(finishes, sums[chosen], direction)
        score = every.different + many[chosen]
        best = int(score.argmax())
        if score[best] >= told.different[0] + large:
            x, large = changed[chosen[best]], many[chosen[best]]
            told = Told(every.different[best:], _alike(every.values[:, best]), every.values)
    return x


def _large(sums: np.ndarray, least: int) -> np.ndarray:
    """(inputs,): how many sums are at least so large, up to ENOUGH."""
    many: np.ndarray = np.minimum(ENOUGH, np.count_nonzero(sums >= least, axis=1))
    return many


class Told(NamedTuple):
    """(inputs,): how many functions give different values; which of them, on the first input, give the same as another.

    `values` (functions, inputs) stand for what every function gives on every input.
    """

    different: np.ndarray
    alike: tuple[int, ...]
    values: np.ndarray


def _told(finishes: Sequence[Finish], sums: np.ndarray, direction: np.ndarray) -> Told:
    """The functions, no change among them, on the sums (inputs, outputs)."""
    flat = sums.reshape(-1, 1)
    with np.errstate(all="ignore"):
        given = [flat, *(finish(flat, flat) for finish in finishes)]
        values = np.clip(np.stack(given).reshape(len(given), *sums.shape), -1e12, 1e12) @ direction
    return Told(1 + _apart(np.sort(values, axis=0)).sum(axis=0), _alike(values[:, 0]), values)


def _apart(values: np.ndarray) -> np.ndarray:
    """Which of the sorted values differ from the one before."""
    apart: np.ndarray = np.diff(values, axis=0) > 1e-9 * np.maximum(1, np.abs(values[1:]))
    return apart


def _alike(values: np.ndarray) -> tuple[int, ...]:
    """The functions whose value, on one input, another one has; the first value is that without a function."""
    order = np.argsort(values, kind="stable")
    apart = [True, *_apart(values[order]), True]
    return tuple(int(n) - 1 for at, n in enumerate(order) if n and not (apart[at] and apart[at + 1]))
