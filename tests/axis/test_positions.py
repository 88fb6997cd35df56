"""Compact sets of positions against Python's own sets."""

from __future__ import annotations

from random import Random

import pytest

from convcalc.axis import positions
from convcalc.axis.positions import Positions, gathered, singly, spread, spread_from, union
from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from tests.reference import read_back


def read_by(outputs: Positions, window: Window) -> Positions:
    """What a convolution reads: the outputs scaled by the stride, and every tap added."""
    scaled = Positions(outputs.offset * window.stride - window.before, outputs.step * window.stride, outputs.runs)
    return spread(scaled, window.kernel, window.dilation)


def check(found: Positions, expected: set[int]) -> None:
    listed = list(found)
    assert listed == sorted(expected)
    assert found.count == len(expected)
    assert found.span == (max(expected) - min(expected) + 1 if expected else 0)
    if expected:
        assert (found.first, found.last) == (min(expected), max(expected))
    for (_, last), (first, _) in zip(found.runs, found.runs[1:], strict=False):
        assert last + 1 < first, "runs are apart"


def test_a_single_position() -> None:
    check(Positions.single(-3), {-3})
    assert Positions.single(-3) == Positions(-3, 1, ((0, 0),))


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
        seen, expected = Positions.single(start), {start}
        for _ in range(random.randint(1, 5)):
            window = Window(random.randint(1, 6), random.randint(1, 5), random.randint(1, 5), random.randint(0, 4), 0)
            transposed = random.random() >= 0.5
            seen = spread_from(seen, window) if transposed else read_by(seen, window)
            expected = read_back([(transposed, *window[:4])], expected)
            if len(expected) > 3000:
                break
            check(seen, expected)
            emptied += not expected
            holes += len(expected) < seen.span
    assert emptied > 100
    assert holes > 1000


def test_enormous_windows_stay_compact() -> None:
    """A dense window of 10^30 taps, stride 10^20: one run, whose ends follow from the definition."""
    seen = read_by(Positions.single(7), Window(10**30, 10**20, 1, 5))
    assert (seen.first, seen.last, seen.count) == (7 * 10**20 - 5, 7 * 10**20 - 5 + 10**30 - 1, 10**30)


def test_too_many_pieces_are_refused() -> None:
    far = read_by(Positions.single(0), Window(10**9, dilation=10**6))
    with pytest.raises(ShapeError, match="more than 65536 separate pieces is not enumerated"):
        read_by(far, Window(3, dilation=10**6 - 1))


def scattered(count: int, apart: int = 3) -> Positions:
    """So many single positions on a spacing that keeps them runs of their own."""
    return Positions(0, 1, tuple((apart * i, apart * i) for i in range(count)))


def test_as_many_pieces_as_are_listed_and_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_RUNS", 6)
    assert union(scattered(3), scattered(3).shifted(100)).count == 6
    with pytest.raises(ShapeError, match="more than 6 separate pieces is not enumerated, got 7"):
        union(scattered(4), scattered(3).shifted(100))
    assert list(spread(scattered(3, 10), 2, 3)) == [0, 3, 10, 13, 20, 23]
    with pytest.raises(ShapeError, match="got 8"):
        spread(scattered(4, 10), 2, 3)
    spaced = Positions(0, 3, ((0, 1), (5, 8)))  # 0 3 15 18 21 24, refined to steps of 1 as the taps are 4 apart
    assert list(spread(spaced, 1, 4)) == list(spaced)
    assert list(union(spaced, Positions(1, 3, ()))) == list(spaced)
    with pytest.raises(ShapeError, match="got 7"):
        spread(Positions(0, 3, ((0, 1), (5, 9))), 2, 4)


def test_no_tap_is_counted_twice_and_none_is_lost() -> None:
    """Kernels that are no power of two, holes that close, and runs that touch or overlap."""
    for kernel, dilation, apart in ((5, 2, 7), (7, 4, 6), (3, 5, 2), (6, 6, 3), (4, 3, 12)):
        for step in (1, 2, 3, 6):
            given = Positions(-4, step, ((0, 0), (apart, apart + 1)))
            expected = {-4 + step * i + t * dilation for i in (0, apart, apart + 1) for t in range(kernel)}
            check(spread(given, kernel, dilation), expected)


def test_backward_taps() -> None:
    check(spread(Positions.single(10), 4, -3), {10, 7, 4, 1})
    check(spread(Positions.single(10), 4, 0), {10})
    check(spread(Positions(1, 1, ((0, 1), (8, 8))), 2, -5), {1, 2, 9, -4, -3, 4})


def test_positions_within_bounds() -> None:
    given = Positions(-7, 3, ((0, 2), (5, 9)))  # -7 -4 -1 8 11 14 17 20
    for low, high in ((-7, 21), (-6, 20), (-4, 8), (-3, 9), (-1, -1), (0, 8), (8, 8), (21, 30), (20, 21)):
        check(given.within(low, high), {at for at in given if low <= at < high})
    assert given.shifted(0) is given


def test_positions_listed_one_by_one_as_long_as_they_are_few() -> None:
    """16 runs, or 16 separate positions, count as few."""
    dense = [Positions(5, 1, tuple((10 * i, 10 * i + 3) for i in range(count))) for count in (16, 17)]
    assert singly(dense[0]) == tuple((5 + 10 * i, 8 + 10 * i) for i in range(16))
    assert singly(dense[1]) is None
    assert singly(Positions(5, 4, ((0, 10), (20, 24)))) == tuple((5 + 4 * i,) * 2 for i in (*range(11), *range(20, 25)))
    assert singly(Positions(5, 4, ((0, 10), (20, 25)))) is None
    assert singly(Positions(5, 4, ((2, 2),))) == ((13, 13),)
    assert singly(Positions.none()) == ()


def test_gathered_runs_have_the_widest_spacing() -> None:
    assert gathered([]) == Positions.none()
    assert gathered([(7, 7)]) == Positions(7, 1, ((0, 0),))
    assert gathered([(7, 7), (1, 1), (7, 7), (10, 10)]) == Positions(1, 3, ((0, 0), (2, 3)))
    assert gathered([(1, 2), (3, 5), (8, 8)]) == Positions(1, 1, ((0, 4), (7, 7)))
    assert gathered([(0, 4), (1, 2)]) == Positions(0, 1, ((0, 4),))


def test_unions_by_hand() -> None:
    some = Positions(3, 6, ((0, 2),))  # 3 9 15
    assert union(some, Positions.none()) is some
    assert union(Positions.none(), some) is some
    assert union(some, Positions(3, 6, ((0, 2),))) is some
    check(union(some, Positions(7, 4, ((0, 2),))), {3, 9, 15, 7, 11})
    check(union(some, Positions.single(4)), {3, 4, 9, 15})
    check(union(Positions.single(4), some), {3, 4, 9, 15})
    check(union(Positions.single(4), Positions.single(-2)), {-2, 4})
    assert Positions(3, 6, ((0, 0), (2, 2))).is_single is False
    assert Positions(3, 6, ((0, 1),)).is_single is False
