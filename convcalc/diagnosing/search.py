"""The search: every reading alone, then two at once; and which of those that fit are one and the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from convcalc.diagnosing.evaluate import sampled
from convcalc.diagnosing.reading import Reading, then
from convcalc.diagnosing.setup import Setup, output_shape
from convcalc.diagnosing.target import Target, agrees, confirmed, first_values

MAX_FOUND = 64
"""Readings that fit and are kept."""

Progress = Callable[[int, int], None]


class Found(NamedTuple):
    """A reading that gives y, and its largest error."""

    reading: Reading
    error: float


class Class(NamedTuple):
    """Readings that are the same function of input, kernel and bias for this layer, the simplest first."""

    found: tuple[Found, ...]


class Tried(NamedTuple):
    """The readings that fit, and how many were tried."""

    found: tuple[Found, ...]
    tried: int


def singles(setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None = None) -> Tried:
    """Every reading alone."""
    found: list[Found] = []
    for number, reading in enumerate(readings):
        if progress is not None:
            progress(number, len(readings))
        fits = fitting(setup, target, reading)
        if fits is not None and len(found) < MAX_FOUND:
            found.append(fits)
    return Tried(tuple(found), len(readings))


def fitting(setup: Setup, target: Target, reading: Reading) -> Found | None:
    """The reading, if it gives y."""
    changed = reading.change(setup)
    values = first_values(target, changed)
    if values is None or not agrees(target, target.first.places, values):
        return None
    assert changed is not None
    error = confirmed(target, changed)
    return None if error is None else Found(reading, error)


def pairs(setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None = None) -> Tried:
    """Two readings of different families at once: all with those of every output alone, and each other two."""
    last = [reading for reading in readings if reading.finish is not None]
    inner = [reading for reading in readings if reading.finish is None]
    found: list[Found] = []
    tried = 0
    alone: list[Reading] = []
    seen: set[bytes] = set()
    for number, reading in enumerate(inner):
        if progress is not None:
            progress(number, 2 * len(inner))
        values = first_values(target, reading.change(setup))
        if values is not None:
            key = values.tobytes()
            if key in seen:  # the same on these outputs as one before, which stands for it
                continue
            seen.add(key)
            for second in last:
                tried += 1
                assert second.finish is not None
                finished = second.finish(values[:, np.newaxis], values)[:, 0]
                if agrees(target, target.first.places, finished) and (
                    fits := fitting(setup, target, then(reading, second))
                ):
                    found.append(fits)
        alone.append(reading)
    for first, second in combinations(last, 2):
        if first.family != second.family:
            for both in (then(first, second), then(second, first)):
                tried += 1
                if fits := fitting(setup, target, both):
                    found.append(fits)
    for number, (first, second) in enumerate(_meeting(alone)):
        if progress is not None and not number % 64:
            progress(len(inner) + min(number // 64, len(inner)), 2 * len(inner))
        tried += 1
        if fits := fitting(setup, target, then(first, second)):
            found.append(fits)
        if len(found) >= MAX_FOUND:
            break
    return Tried(tuple(found), tried)


MEETING = (
    ("kernel", "window"), ("input", "kernel"), ("input", "window"), ("output", "kernel"), ("output", "window"),
    ("channel", "window"), ("channel", "kernel"), ("bias", "kernel"), ("bias", "window"), ("bias", "input"),
    ("bias", "output"), ("bias", "channel"),
    ("window-dilation", "window-padding"), ("window-stride", "window-padding"), ("window-mode", "window-padding"),
    ("window-stride", "window-dilation"), ("window-stride", "window-phase"), ("sign", "kernel"), ("sign", "window"),
    ("input", "output"),
)  # fmt: skip
"""Families that are tried together; a family stands for those that begin with its name."""


def _meeting(readings: Sequence[Reading]) -> Iterator[tuple[Reading, Reading]]:
    for one, other in MEETING:
        firsts = [reading for reading in readings if reading.family.startswith(one)]
        seconds = [reading for reading in readings if reading.family.startswith(other)]
        for second in seconds:
            yield from ((first, second) for first in firsts)


def classes(setup: Setup, found: Sequence[Found]) -> tuple[Class, ...]:
    """The readings that fit, in classes of those that agree on other, random inputs, kernels and biases too."""
    signed: list[tuple[list[np.ndarray], list[Found]]] = []
    drawn = [random_setup(setup, seed, scale) for seed, scale in ((0, 1.0), (1, 30.0))]
    for fits in found:
        outputs = [signature(draw, fits.reading) for draw in drawn]
        for others, members in signed:
            if all(_same(a, b) for a, b in zip(outputs, others, strict=True)):
                members.append(fits)
                break
        else:
            signed.append((outputs, [fits]))
    return tuple(Class(tuple(members)) for _, members in signed)


def signature(setup: Setup, reading: Reading | None) -> np.ndarray:
    """A sample of the outputs that a reading gives, with the shape of all."""
    from convcalc.diagnosing.setup import stored_shape
    from convcalc.diagnosing.target import target_of

    changed = setup if reading is None else reading.change(setup)
    shape = None if changed is None else stored_shape(changed)
    if changed is None or shape is None:
        return np.zeros(0)
    sample = target_of(np.zeros(1), shape, np.zeros(1), None).second
    return sampled(changed, sample)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True))


def random_setup(setup: Setup, seed: int, scale: float) -> Setup:
    """The setup on other values: random ones, in whole numbers if these are whole, `scale` times as large."""
    random = np.random.default_rng(seed)

    def drawn(array: np.ndarray, scale: float) -> np.ndarray:
        values = random.standard_normal(array.shape) * scale
        if np.iscomplexobj(array):
            values = values + 1j * random.standard_normal(array.shape) * scale
        whole = array.dtype.kind == "i" or (not np.iscomplexobj(array) and bool(np.all(array == np.round(array))))
        return np.round(values * 5).astype(array.dtype) if whole else values.astype(array.dtype)

    stages = tuple(
        stage._replace(weight=drawn(stage.weight, 1.0), bias=None if stage.bias is None else drawn(stage.bias, scale))
        for stage in setup.stages
    )
    changed = setup._replace(x=drawn(setup.x, scale), stages=stages)
    assert output_shape(changed) == output_shape(setup)
    return changed
