"""The search: every reading alone, then two at once; and which of those that fit are one and the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from convcalc.diagnosing.evaluate import sampled
from convcalc.diagnosing.fits import fits
from convcalc.diagnosing.maps import map_readings
from convcalc.diagnosing.reading import Reading, then
from convcalc.diagnosing.setup import Setup, output_shape, stored_shape
from convcalc.diagnosing.target import Target, agrees, confirmed, first_values, target_of
from convcalc.errors import first_of

MAX_FOUND = 64
"""Readings that fit and are kept."""

LARGE = 1 << 18
"""Weights of kernels of which no more copies are made for pairs."""
COPYING = ("kernel-read", "kernel-written", "kernel-without", "channel-")
"""Parts of the ids of readings that copy the kernel: of a large one they are tried alone."""

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


def searched(
    setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None, error: float, *, pairs: bool
) -> Tried:
    """The simplest readings that give y, single ones or pairs: of the table before those that take numbers from y.

    `error` is the largest without any. What leaves more than half of it explains nothing: one output's rounding may
    hide another's, so that a reading which changes nothing seems to fit.
    """
    steps = (two_at_once, two_with_numbers) if pairs else (alone, with_numbers)
    if pairs and sum(stage.weight.size for stage in setup.stages) > LARGE:
        readings = [reading for reading in readings if not any(part in reading.id for part in COPYING)]
    tried = 0
    for step in steps:
        result = step(setup, target, readings, progress)
        tried += result.tried
        better = [f for f in result.found if f.reading.family == "rounding" or not f.error > error / 2]
        if better:
            least = min(found.reading.unknowns for found in better)
            return Tried(tuple(f for f in better if f.reading.unknowns == least), tried)
    return Tried((), tried)


def alone(setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None) -> Tried:
    """Every reading of the table alone."""
    return _kept(setup, target, _counted(readings, len(readings), progress))


def with_numbers(setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None) -> Tried:
    """Those whose numbers y tells."""
    del readings, progress
    values = first_values(target, setup)
    return _kept(setup, target, () if values is None else fits(setup, target, values))


def two_at_once(setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None) -> Tried:
    """Two readings at once: any with a function of every output alone, and those of families that meet."""
    last = [reading for reading in readings if reading.finish is not None]
    found: list[Found] = []
    tried = 0
    inner = _distinct(setup, target, readings)
    for reading, values in inner:
        for second in last if values is not None else ():
            assert second.finish is not None
            assert values is not None
            tried += 1
            finished = second.finish(values[:, np.newaxis], values)[:, 0]
            if agrees(target, target.first.places, finished):
                hit = fitting(setup, target, then(reading, second))
                found += [] if hit is None else [hit]
    both = [(one, two) for one in last for two in last if one.family != two.family]
    meeting = [*_meeting([reading for reading, _ in inner])]
    rest = _kept(setup, target, (then(*two) for two in both))
    found += rest.found
    for first, seconds in _counted(meeting, len(meeting), progress):
        changed = first.change(setup)  # once for all seconds: it may copy a large kernel or input
        tried += len(seconds)
        for second in seconds if changed is not None else ():
            assert changed is not None
            hit = fitting(changed, target, second)
            if hit is not None and len(found) < MAX_FOUND:
                found.append(hit._replace(reading=then(_reshaped(setup, first, second), second)))
    return Tried(tuple(found), tried + rest.tried)


def _reshaped(setup: Setup, first: Reading, second: Reading) -> Reading:
    """A mistake in the order of the output, with the fix for the shape that it has beside the second mistake."""
    other = second.change(setup) if first.family == "output" else None
    if other is None or output_shape(other) == output_shape(setup):
        return first
    return first._replace(fix=next((same.fix for same in map_readings(other) if same.id == first.id), ""))


def two_with_numbers(setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None) -> Tried:
    """A reading of the table, then one whose numbers y tells."""

    def candidates() -> Iterator[Reading]:
        inner = _distinct(setup, target, readings)
        for reading, values in _counted(inner, len(inner), progress):
            changed = reading.change(setup)
            if changed is not None and values is not None:
                yield from (then(reading, second) for second in fits(changed, target, values))

    return _kept(setup, target, candidates())


T = TypeVar("T")


def _counted(items: Iterable[T], count: int, progress: Progress | None) -> Iterator[T]:
    for number, item in enumerate(items):
        if progress is not None and not number % 64:
            progress(number, count)
        yield item


def _kept(setup: Setup, target: Target, readings: Iterable[Reading]) -> Tried:
    found, tried = [], 0
    for reading in readings:
        tried += 1
        hit = fitting(setup, target, reading)
        if hit is not None:
            found.append(hit)
            if len(found) >= MAX_FOUND:
                break
    return Tried(tuple(found), tried)


def _distinct(setup: Setup, target: Target, readings: Sequence[Reading]) -> list[tuple[Reading, np.ndarray | None]]:
    """The readings that are no function of every output alone, and their first sample if it has y's shape.

    Of readings that are the same there, the first stands for all.
    """
    kept: list[tuple[Reading, np.ndarray | None]] = []
    seen: set[bytes] = set()
    for reading in readings:
        if reading.finish is not None:
            continue
        values = first_values(target, reading.change(setup))
        key = b"" if values is None else values.tobytes()
        if not key or key not in seen:
            kept.append((reading, values))
        seen.add(key)
    return kept


def fitting(setup: Setup, target: Target, reading: Reading) -> Found | None:
    """The reading, if it gives y."""
    changed = reading.change(setup)
    values = first_values(target, changed)
    if values is None or not agrees(target, target.first.places, values):
        return None
    assert changed is not None
    error = confirmed(target, changed)
    return None if error is None else Found(reading, error)


MEETING = (
    ("kernel", "window"), ("input", "kernel"), ("input", "window"), ("output", "kernel"), ("output", "window"),
    ("channel", "window"), ("channel", "kernel"), ("bias", "kernel"), ("bias", "window"), ("bias", "input"),
    ("bias", "output"), ("bias", "channel"),
    ("window-dilation", "window-padding"), ("window-stride", "window-padding"), ("window-mode", "window-padding"),
    ("window-stride", "window-dilation"), ("window-stride", "window-phase"), ("sign", "kernel"), ("sign", "window"),
    ("input", "output"),
)  # fmt: skip
"""Families that are tried together; a family stands for those that begin with its name."""


def _meeting(readings: Sequence[Reading]) -> Iterator[tuple[Reading, list[Reading]]]:
    """Every first reading with all the second ones that it meets."""
    for one, other in MEETING:
        firsts = [reading for reading in readings if reading.family.startswith(one)]
        seconds = [reading for reading in readings if reading.family.startswith(other)]
        yield from ((first, seconds) for first in firsts)


def blind_spots(
    setup: Setup, target: Target, mistakes: Sequence[Reading], progress: Progress | None
) -> tuple[Reading, ...]:
    """The mistakes that these data cannot tell from the right result, though other data could; one of each class.

    Of a large output a sample is looked at.
    """
    spots = []
    for reading in _counted(mistakes, len(mistakes), progress):
        changed = reading.change(setup)
        if changed is None or stored_shape(changed) != target.shape:
            continue
        if all(agrees(target, s.places, sampled(changed, s)) for s in (target.first, target.second)):
            spots.append(Found(reading, 0.0))
    right = Found(Reading("", "", "", lambda setup: setup, ""), 0.0)
    _, *others = classes(setup, [right, *spots])
    return tuple(each.found[0].reading for each in others)


def shape_readings(setup: Setup, target: Target, readings: Sequence[Reading]) -> tuple[str, ...]:
    """Which mistakes give at least y's shape."""
    texts = [r.text for r in readings if (c := r.change(setup)) is not None and stored_shape(c) == target.shape]
    if not texts:
        return ("no single mistake gives y's shape",)
    return (f"y's shape would come about if {first_of(texts, 3, ', or if ')}",)


def classes(setup: Setup, found: Sequence[Found]) -> tuple[Class, ...]:
    """The readings that fit, in classes of those that agree on other, random inputs, kernels and biases too."""
    signed: list[tuple[list[np.ndarray], list[Found]]] = []
    drawn = [random_setup(setup, seed, scale) for seed, scale in ((0, 1.0), (1, 30.0))]
    for each in found:
        outputs = [signature(draw, each.reading) for draw in drawn]
        for others, members in signed:
            if all(_same(a, b) for a, b in zip(outputs, others, strict=True)):
                members.append(each)
                break
        else:
            signed.append((outputs, [each]))
    return tuple(Class(tuple(members)) for _, members in signed)


def signature(setup: Setup, reading: Reading | None) -> np.ndarray:
    """A sample of the outputs that a reading gives, with the shape of all."""
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
