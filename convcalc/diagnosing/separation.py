"""Which mistakes an input and its kernels tell apart: every one is applied, and those that give one output compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple, TypeVar

import numpy as np

from convcalc.diagnosing.evaluate import Sample, sampled, whole
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.setup import Finish, Setup, stored_shape
from convcalc.diagnosing.table import readings_of
from convcalc.diagnosing.target import certain, target_of
from convcalc.notation import Axes

MIN_OUTPUTS, MAX_OUTPUTS, PRODUCTS = 64, 4096, 1 << 23
"""Outputs on which mistakes are compared, fewer if they take more products than the last."""
DECIMALS = 6
"""Outputs are whole numbers, or whole numbers times a factor: closer ones are the same."""
COPIES = 64
"""Random inputs, each as large as the probe's, on which functions are compared."""
SMALL = 512
"""Sums up to which functions of single outputs are compared one by one."""
EXPECTED = np.dtype(np.float64)
"""Outputs in this dtype have the most mistakes: all of those in integers, and activations that are no integers."""

Members = tuple[Reading, ...]
"""Readings that are the same function of input, kernels and bias for a layer."""


class Separation(NamedTuple):
    """What one input, its kernels and biases tell apart.

    `separated` are the classes whose output nothing else gives, `plain` those among them whose output is so plain that
    it may be chance, `mixed` sets of classes that give one output though they differ on other data, `hidden` those that
    give the right output here, and `idle` the readings that always do.
    """

    separated: tuple[Members, ...]
    plain: tuple[Members, ...]
    mixed: tuple[tuple[Members, ...], ...]
    hidden: tuple[Members, ...]
    idle: Members

    @property
    def classes(self) -> int:
        return len(self.all_classes)

    @property
    def all_classes(self) -> tuple[Members, ...]:
        """Every class, told apart or not; the right result, with what is no mistake for this layer, is none."""
        return (*self.separated, *(members for group in self.mixed for members in group), *self.hidden)

    @property
    def mistakes(self) -> int:
        return sum(map(len, self.all_classes)) + len(self.idle)


def mistakes(setup: Setup, kinds: tuple[np.dtype, ...], largest: float) -> list[Reading]:
    """Every reading of the table but those that are no mistakes; `kinds` and `largest` are those of `readings_of`."""
    return [each for each in readings_of(setup, EXPECTED, kinds, largest) if each.family != "rounding"]


def separation(setup: Setup, kinds: tuple[np.dtype, ...]) -> Separation:
    """What this input and these kernels, of dtypes `kinds`, tell apart; any two outputs that differ are told apart."""
    largest = float(np.abs(whole(setup)).max())
    readings: list[Reading | None] = [None, *mistakes(setup, kinds, largest)]
    groups = grouped(range(len(readings)), outputs(setup, readings))
    together = [number for group in groups for number in group if len(group) > 1]
    keys = _keys(setup, kinds, together, largest) if together else {}
    separated, mixed = list[Members](), list[tuple[Members, ...]]()
    hidden, idle = tuple[Members, ...](), tuple[Reading, ...]()
    for group in groups:
        found = _classes(group, readings, keys, largest) if len(group) > 1 else [group]
        members = [tuple(each for number in numbers if (each := readings[number]) is not None) for numbers in found]
        if group[0] == 0:
            idle, hidden = members[0], tuple(members[1:])
        elif len(members) == 1:
            separated.append(members[0])
        else:
            mixed.append(tuple(members))
    plain = tuple(members for members in separated if _is_plain(setup, members[0], len(readings)))
    return Separation(tuple(separated), plain, tuple(mixed), hidden, idle)


def _is_plain(setup: Setup, reading: Reading, tried: int) -> bool:
    """Whether the output that a reading gives is too plain for `expect` to name it: most of it zeros, for example."""
    changed = reading.change(setup)
    shape = None if changed is None else stored_shape(changed)
    if changed is None or shape is None or prod(shape) > MAX_OUTPUTS:
        return False
    with np.errstate(all="ignore"):
        y = whole(changed).ravel()
        tolerance = np.full(1, 1e-10 * np.abs(y[np.isfinite(y)]).max(initial=0))
        return not certain(target_of(y, shape, tolerance, None).bits, tried)


def outputs(setup: Setup, readings: Sequence[Reading | None]) -> list[object]:
    """For every reading what tells its outputs from others, None for one that cannot be made here."""
    samples: dict[Axes, Sample] = {}
    # all filters are computed at a position
    each = sum(stage.weight.size for stage in setup.stages)
    most = min(MAX_OUTPUTS, max(MIN_OUTPUTS, PRODUCTS // each))
    found = list[object]()
    for reading in readings:
        changed = setup if reading is None else reading.change(setup)
        shape = None if changed is None else stored_shape(changed)
        if changed is None or shape is None:
            found.append(None)
            continue
        if shape not in samples:
            size = prod(shape)
            random = np.random.default_rng(0)
            chosen = np.arange(size) if size <= most else np.unique(random.integers(0, size, most))
            samples[shape] = Sample(chosen, shape)
        found.append((shape, digest(sampled(changed, samples[shape]))))
    return found


def digest(values: np.ndarray) -> bytes:
    """Values as bytes, the same for values that are the same but for rounding."""
    with np.errstate(all="ignore"):
        return (np.round(values, DECIMALS) + 0.0).tobytes()


T = TypeVar("T")


def grouped(items: Iterable[T], keys: Iterable[object]) -> list[list[T]]:
    """The items by their keys, in the order of the first of each; without those whose key is None."""
    groups: dict[object, list[T]] = {}
    for item, key in zip(items, keys, strict=True):
        if key is not None:
            groups.setdefault(key, []).append(item)
    return list(groups.values())


def _keys(
    setup: Setup, kinds: tuple[np.dtype, ...], chosen: Sequence[int], largest: float
) -> dict[int, tuple[object, ...]]:
    """What the chosen readings give on much other data, of small numbers, of such as these, and of larger ones."""
    keys: dict[int, tuple[object, ...]] = dict.fromkeys(chosen, ())
    size = max(1, *(int(np.abs(stage.weight).max()) for stage in setup.stages))
    for seed, most in enumerate((1, size, 3 * size + 2)):
        drawn = redrawn(setup, seed, most)
        again: list[Reading | None] = [None, *mistakes(drawn, kinds, largest)]
        for number, key in zip(chosen, outputs(drawn, [again[number] for number in chosen]), strict=True):
            keys[number] += (key,)
    return keys


def _classes(
    group: Sequence[int], readings: Sequence[Reading | None], keys: dict[int, tuple[object, ...]], largest: float
) -> list[list[int]]:
    """A group whose members give one output, in classes that are one function.

    What is a function of every output alone is compared on the sums that tell, too: random data may lack them.
    """
    classes: list[list[int]] = []
    values = telling_sums(4 * largest)
    for alike in grouped(group, [keys[number] for number in group]):
        plain = [number for number in alike if number and _finish(readings[number]) is None]
        rest = [number for number in alike if number not in plain]
        exact = [digest(values if (f := _finish(readings[number])) is None else f(values, values)) for number in rest]
        first, *others = grouped(rest, exact) or [[]]
        classes += [sorted([*first, *plain]), *others]
    return classes


def _finish(reading: Reading | None) -> Finish | None:
    return None if reading is None else reading.finish


def telling_sums(largest: float) -> np.ndarray:
    """(sums, 1): whole numbers up to this size, small ones and those next to multiples of a power of two, of any sign.

    What integers do, round, wrap or be cut off, changes there and nowhere else.
    """
    limit = int(largest)
    powers = 1 << np.arange(limit.bit_length())
    near = powers[:, np.newaxis, np.newaxis] * np.arange(-16, 17)[:, np.newaxis] + np.arange(-1, 2)
    small = np.arange(-SMALL, SMALL + 1)
    sums = np.unique(np.concatenate([small, near.ravel()]))
    kept: np.ndarray = sums[np.abs(sums) <= limit].astype(np.float64)
    return kept[:, np.newaxis]


def redrawn(setup: Setup, seed: int, most: int, copies: int = COPIES) -> Setup:
    """The layer on `copies` times as many random inputs, with other kernels and biases: whole numbers up to `most`."""
    random = np.random.default_rng((seed, 1))

    def drawn(shape: Axes) -> np.ndarray:
        return random.integers(-most, most + 1, shape).astype(setup.x.dtype)

    stages = tuple(
        stage._replace(weight=drawn(stage.weight.shape), bias=None if stage.bias is None else drawn(stage.bias.shape))
        for stage in setup.stages
    )
    return setup._replace(x=drawn((copies * len(setup.x), *setup.x.shape[1:])), stages=stages)
