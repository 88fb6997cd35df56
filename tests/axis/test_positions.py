"""Compact sets of positions against Python's own sets."""

from __future__ import annotations

from random import Random

import pytest

from convcalc.axis.positions import MAX_RUNS, Positions, spread, spread_from
from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from tests.reference import read_back


def read_by(outputs: Positions, window: Window) -> Positions:
    """What a convolution reads: the outputs scaled by the stride, and every tap added."""
    scaled = Positions(outputs.offset * window.stride - window.before, outputs.step * window.stride, outputs.runs)
    return spread(scaled, window.kernel, window.dilation)


def check(positions: Positions, expected: set[int]) -> None:
    listed = list(positions)
    assert listed == sorted(expected)
    assert positions.count == len(expected)
    assert positions.span == (max(expected) - min(expected) + 1 if expected else 0)
    if expected:
        assert (positions.first, positions.last) == (min(expected), max(expected))
    for (_, last), (first, _) in zip(positions.runs, positions.runs[1:], strict=False):
        assert last + 1 < first, "runs are apart"


def test_a_single_position() -> None:
    check(Positions.single(-3), {-3})


def test_nothing_reads_nothing() -> None:
    nothing = spread_from(Positions.single(1), Window(kernel=1, stride=2))
    check(nothing, set())
    check(read_by(nothing, Window(kernel=3)), set())
    check(spread_from(nothing, Window(kernel=3)), set())


def test_random_chains_of_windows() -> None:
    random = Random(11)
    emptied = holes = 0
    for _ in range(3000):
        start = random.randint(-5, 5)
        positions, expected = Positions.single(start), {start}
        for _ in range(random.randint(1, 5)):
            window = Window(random.randint(1, 6), random.randint(1, 5), random.randint(1, 5), random.randint(0, 4), 0)
            transposed = random.random() >= 0.5
            positions = spread_from(positions, window) if transposed else read_by(positions, window)
            expected = read_back([(transposed, *window[:4])], expected)
            if len(expected) > 3000:
                break
            check(positions, expected)
            emptied += not expected
            holes += len(expected) < positions.span
    assert emptied > 100
    assert holes > 1000


def test_enormous_windows_stay_compact() -> None:
    """A dense window of 10^30 taps, stride 10^20: one run, whose ends follow from the definition."""
    seen = read_by(Positions.single(7), Window(10**30, 10**20, 1, 5))
    assert (seen.first, seen.last, seen.count) == (7 * 10**20 - 5, 7 * 10**20 - 5 + 10**30 - 1, 10**30)


def test_too_many_pieces_are_refused() -> None:
    far = read_by(Positions.single(0), Window(10**9, dilation=10**6))
    with pytest.raises(ShapeError, match=rf"more than {MAX_RUNS} separate pieces is not enumerated"):
        read_by(far, Window(3, dilation=10**6 - 1))
