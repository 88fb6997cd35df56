"""What a reading must reproduce: y, how exactly, and which of its outputs are looked at first."""

from __future__ import annotations

from math import log2, prod
from typing import NamedTuple

import numpy as np

from convcalc.diagnosing.evaluate import Sample, sampled, whole
from convcalc.diagnosing.setup import Setup, stored_shape
from convcalc.notation import Axes

FIRST, SECOND = 48, 4096
"""Outputs that every reading is tried on, and those that the readings that pass are tried on before all are."""

MARGIN = 12
"""Bits that y must have beyond what the number of tried readings makes likely by chance."""


class Target(NamedTuple):
    """y, flat, the shape it has, the error that rounding explains at every output, and two samples of it."""

    y: np.ndarray
    shape: Axes
    tolerance: np.ndarray
    first: Sample
    second: Sample

    @property
    def bits(self) -> float:
        """How many yes-or-no questions y answers: chance agrees with it with a probability of about 2^-bits.

        A value counts by the spread of all over the error that is accepted, one that y repeats by how often it does.
        """
        finite = self.y[np.isfinite(self.y)]
        if not finite.size:
            return 0.0
        spread = float(np.abs(finite - finite.mean()).mean())
        whole = bool(np.all(finite == np.round(finite)))
        step = max(2 * float(self.tolerance.max()), 1.0 if whole else 0.0, 1e-300)
        counts = np.unique(finite, return_counts=True)[1]
        each = np.where(counts == 1, np.inf, np.log2(finite.size / counts))
        return float((counts * np.minimum(each, log2(1 + 4 * spread / step))).sum())


def certain(bits: float, tried: int) -> bool:
    """Whether a y of so many bits is no chance, after so many readings have been tried."""
    return bits >= log2(tried + 1) + MARGIN


def target_of(y: np.ndarray, shape: Axes, tolerance: np.ndarray, differs: np.ndarray | None) -> Target:
    """`differs`, flat, are the outputs that are wrong if nothing is mistaken; the first sample has some of them."""
    size, random = prod(shape), np.random.default_rng(0)
    chosen = np.arange(size) if size <= FIRST else _first(shape, differs, random)
    more = np.arange(size) if size <= SECOND else np.unique(np.concatenate([chosen, random.integers(0, size, SECOND)]))
    return Target(y, shape, tolerance, Sample(chosen, shape), Sample(more, shape))


def _first(shape: Axes, differs: np.ndarray | None, random: np.random.Generator) -> np.ndarray:
    """About FIRST outputs: a few channels at a few positions, corners and differing ones among them."""
    wrong = np.zeros(0, int) if differs is None else np.flatnonzero(differs)
    at = np.stack(np.unravel_index(wrong[random.integers(0, len(wrong), 4)], shape), 1) if len(wrong) else None
    own = [] if at is None else [*at[:, 1]]
    channels = (
        [*dict.fromkeys([0, shape[1] - 1, *own, *random.integers(0, shape[1], 2)])][:4] if len(shape) > 1 else [0]
    )
    count = FIRST // len(channels)
    spots = random.integers(0, shape, (count, len(shape)))
    ends = random.integers(0, 2, (count // 2, len(shape))) * (np.array(shape) - 1)
    spots[: len(ends)] = ends
    if at is not None:
        spots[-len(at) :] = at
    every = np.repeat(spots, len(channels), axis=0)
    if len(shape) > 1:
        every[:, 1] = np.tile(channels, count)
    return np.unique(np.ravel_multi_index(tuple(every.T), shape))


def agrees(target: Target, places: np.ndarray | None, values: np.ndarray) -> bool:
    """Whether values are y at these places, or everywhere, within rounding; NaN is where NaN is."""
    wanted = target.y if places is None else target.y[places]
    tolerance = target.tolerance if places is None or target.tolerance.size == 1 else target.tolerance[places]
    with np.errstate(all="ignore"):
        near = np.abs(values - wanted) <= tolerance
    return bool(np.all(near | (values == wanted) | (np.isnan(values) & np.isnan(wanted))))


def first_values(target: Target, setup: Setup | None) -> np.ndarray | None:
    """A changed setup's outputs on the first sample, None if its outputs have another shape than y."""
    if setup is None or stored_shape(setup) != target.shape:
        return None
    return sampled(setup, target.first)


def confirmed(target: Target, setup: Setup) -> float | None:
    """The largest error of a setup that passed the first sample, over all outputs; None if it is not y after all."""
    if len(target.second.places) > len(target.first.places) and not agrees(
        target, target.second.places, sampled(setup, target.second)
    ):
        return None
    values = whole(setup).ravel()
    if not agrees(target, None, values):
        return None
    with np.errstate(all="ignore"):
        errors = np.abs(values - target.y)
    return float(np.max(errors[np.isfinite(errors)], initial=0.0))
