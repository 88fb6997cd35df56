"""Whole numbers as ranges of equal steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Range(NamedTuple):
    """The sizes first, first + step, ..., last."""

    first: int
    last: int
    step: int


def ranges_of(places: Sequence[int], step: int) -> tuple[Range, ...]:
    """The numbers as few ranges: runs of equal steps, or a run for each remainder on division by the step."""
    runs = _runs(places)
    if step > 1 and len(runs) > 1:
        by_remainder: dict[int, list[int]] = {}
        for place in places:
            by_remainder.setdefault(place % step, []).append(place)
        apart = sorted(run for several in by_remainder.values() for run in _runs(several))
        runs = min(runs, apart, key=len)
    return tuple(runs)


def _runs(places: Sequence[int]) -> list[Range]:
    """Runs of equal steps, each as long as possible from its beginning."""
    runs: list[Range] = []
    i = 0
    while i < len(places):
        j = i + 1
        step = places[j] - places[i] if j < len(places) else 1
        while j < len(places) and places[j] - places[j - 1] == step:
            j += 1
        if j - i == 2 and step > 1:  # two numbers alone are no run
            j -= 1
        runs.append(Range(places[i], places[j - 1], step if j - i > 1 else 1))
        i = j
    return runs


def continued(
    ranges: Sequence[Range], directly: int, last: int, modulus: int, mask: Sequence[bool]
) -> tuple[Range, ...]:
    """Ranges that were found up to `directly`, continued by the pattern up to `last`."""
    result: list[Range] = []
    for first, end, step in ranges:
        whole = modulus % step == 0 and all(mask[(end + i) % modulus] for i in range(0, modulus, step))
        if end + step > directly and whole:
            end += (last - end) // step * step
        elif end + modulus > directly and mask[end % modulus]:
            step = modulus if first == end else step
            end += (last - end) // modulus * modulus
        before = result[-1] if result else None
        if before is not None and before.first == before.last == first - step:
            first = result.pop().first
        result.append(Range(first, end, step))
    return tuple(result)


def in_ranges(ranges: Iterable[Range], size: int) -> bool:
    return any(first <= size <= last and (size - first) % step == 0 for first, last, step in ranges)
