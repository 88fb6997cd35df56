"""Patterns of what outputs read, carried forward, against Python's own sets followed backwards."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest

from convcalc.axis import strands
from convcalc.axis.positions import Positions, gathered, singly
from convcalc.axis.sampling import coordinates, resize_reads, taps
from convcalc.axis.strands import (
    AxisField,
    Enumerated,
    Field,
    Reads,
    Strand,
    centre,
    check_phases,
    check_taps,
    merged,
    newest,
)
from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from tests.reference import read_back


@pytest.mark.parametrize("long_pattern", [1, 10**9])
def test_random_chains_read_what_they_read_backwards(long_pattern: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to list a pattern: as short runs, and set by set."""
    monkeypatch.setattr(strands, "LONG_PATTERN", long_pattern)
    random, longest = Random(5), 0
    for _ in range(120):
        field, windows = Field.identity(), []
        for _ in range(random.randint(1, 5)):
            window = Window(random.randint(1, 5), random.randint(1, 4), random.randint(1, 3), random.randint(0, 3), 0)
            transposed = random.random() < 0.6
            field = field.spread(window) if transposed else field.after(Reads.through(window))
            windows.append((transposed, *window[:4]))
        [strand] = field.strands
        longest = max(longest, len(strand.phases))
        for output in random.sample(range(-9, 300), 6):
            expected = {output}
            for window in reversed(windows):
                expected = read_back([window], expected)
            assert sorted(expected) == list(field.at(output))
    assert longest > 60


def test_runs_are_gathered_as_sets_are() -> None:
    random = Random(2)
    for _ in range(400):
        runs = [(first, first + random.choice((0, 0, 3))) for first in random.choices(range(-30, 40), k=4)]
        expected = sorted({at for first, last in runs for at in range(first, last + 1)})
        found = gathered(runs)
        assert list(found) == expected
        assert singly(found) is not None
        assert sorted(at for a, b in singly(found) or () for at in range(a, b + 1)) == expected
    assert singly(Positions(0, 3, ((0, 99),))) is None


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("kind", ["half_pixel", "align_corners", "asymmetric"])
def test_a_resize_reads_the_inputs_that_it_weighs(mode: str, kind: str) -> None:
    for before, after in ((7, 12), (12, 7), (5, 5), (9, 3)):
        reads, placed = resize_reads(before, after, kind, mode, "round_prefer_floor"), coordinates(kind, before, after)
        for output in range(3 * len(reads.taps)):
            first, step, count = reads.taps[output % len(reads.taps)]
            first += output // len(reads.taps) * reads.advance
            weighed = [at for at, _ in taps(placed.at(output), mode, "round_prefer_floor", -0.75)]
            assert weighed == [first + step * i for i in range(count)]


def test_many_long_patterns_are_refused_together() -> None:
    """A field counts once, and one that repeats at every output not at all."""
    enumerated, plain = Enumerated(), Field.identity()
    phases = (Positions.single(0),) * 32_768
    fields = [Field((Strand(phases, 1),), Positions.none()) for _ in range(5)]
    for field in (*fields[:4], *fields[:4], plain):
        enumerated.add(field)
    with pytest.raises(ShapeError, match="more than 131072 are not enumerated; use smaller strides"):
        enumerated.add(fields[4])


def at(*positions: int) -> Positions:
    return gathered([(position, position) for position in positions])


def strand(advance: int, *phases: Positions) -> Strand:
    return Strand(phases, advance)


def moving(*strands: Strand, whole: Positions = Positions.none()) -> Field:  # noqa: B008  # frozen
    return Field(strands, whole)


def test_as_many_phases_as_are_listed_and_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """6 phases: of one transposed layer, of two in a row, and of branches of 2 and 3 phases."""
    monkeypatch.setattr(strands, "MAX_PHASES", 6)
    refused = r"repeats only after {} outputs, more than 6 are not enumerated"
    assert len(Reads.spread(Window(4, 6)).taps) == 6
    with pytest.raises(ShapeError, match=refused.format(7)):
        Reads.spread(Window(4, 7))
    assert Field.identity().spread(Window(4, 6)).after(Reads.shifted(0)).strands[0].jump == Fraction(1, 6)
    twice = Field.identity().spread(Window(3, 2))
    assert len(twice.spread(Window(3, 3)).strands[0].phases) == 6
    with pytest.raises(ShapeError, match=refused.format(8)):
        twice.spread(Window(3, 4))
    pairs = strand(1, at(0), at(0))
    with pytest.raises(ShapeError, match=refused.format(8)):
        pairs.after(Reads(((0, 1, 1),) * 4, 1))
    assert len(pairs.after(Reads(((0, 1, 1),) * 6, 2)).phases) == 6
    triple = strand(3, at(0), at(1), at(2))
    [both] = merged([moving(strand(2, at(0), at(1))), moving(triple)]).strands
    assert len(both.phases) == 6
    with pytest.raises(ShapeError, match=refused.format(12)):
        merged([moving(strand(4, *map(at, range(4)))), moving(triple)])


def test_as_many_taps_as_are_listed_and_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 3 phases, a window of 5 taps goes through 3 families for each of 3 outputs: 9 taps."""
    given = strand(1, at(0), at(0, 1), at(1))
    reads = Reads.through(Window(5))
    assert given.taps(reads) == 9
    assert given.taps(Reads.through(Window(2))) == 6
    assert given.taps(Reads.through(Window(5, dilation=3))) == 3
    assert given.taps(Reads.through(Window(5, stride=3))) == 3
    monkeypatch.setattr(strands, "MAX_TAPS", 9)
    given.after(reads)
    enumerated = Enumerated()
    enumerated.read(moving(given), Reads.through(Window(5, stride=3)))
    enumerated.read(moving(strand(1, at(0))), reads)  # one phase costs nothing
    enumerated.read(moving(given), Reads.through(Window(2)))
    with pytest.raises(ShapeError, match="patterns of 12 taps would be listed, more than 9 are not enumerated"):
        enumerated.read(moving(given), Reads.through(Window(5, dilation=3)))
    monkeypatch.setattr(strands, "MAX_TAPS", 8)
    with pytest.raises(ShapeError, match="patterns of 9 taps"):
        given.after(reads)


def test_patterns_with_many_runs_cost_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phase counts as one output, and as one more for each 32 runs of it."""
    runs = [Positions(0, 1, tuple((3 * i, 3 * i) for i in range(count))) for count in (31, 32, 64)]
    enumerated = Enumerated()
    enumerated.add(moving(strand(1, runs[0], runs[1])))
    assert enumerated.outputs == 3
    enumerated.add(moving(strand(1, runs[2], at(0)), strand(1, runs[2])))
    assert enumerated.outputs == 7
    monkeypatch.setattr(strands, "MAX_ENUMERATED", 1)
    pair = strand(2, at(0), at(1))
    listed = pair.after(Reads(((0, 2, 16), (0, 2, 16)), 2))  # every other pixel: one run for each of two phases
    assert [seen.count for seen in listed.phases] == [16, 16]
    wide = strand(100, Positions(0, 1, tuple((3 * i, 3 * i) for i in range(17))), at(0))
    with pytest.raises(ShapeError, match=r"its pattern of 2 outputs has more than 32 separate pieces"):
        wide.after(Reads(((0, 1, 1), (2, 1, 1)), 2))
    assert len(strand(100, Positions(0, 1, wide.phases[0].runs[:16]), at(0)).after(
        Reads(((0, 1, 1), (2, 1, 1)), 2)).phases) == 2  # fmt: skip


def test_centres_by_hand() -> None:
    assert centre(moving(strand(2, at(3, 6)))) == Fraction(9, 2)
    assert centre(moving(strand(3, at(0, 1), at(4)))) == (Fraction(1, 2) + 4 - Fraction(3, 2)) / 2
    assert centre(moving(strand(1, at(0)), strand(2, at(0)))) is None
    assert centre(moving(strand(1, at(0), Positions.none()))) is None
    assert centre(Field.nothing()) is None


def test_newest_pixels_by_hand() -> None:
    """The place of an output is as wide as the jump, from p*jump on; reading beyond it is reading ahead."""
    assert newest(moving(strand(1, at(-2, -1, 0)))) == 0
    assert newest(moving(strand(1, at(0, 1)))) is None
    assert newest(moving(strand(3, at(0, 2)))) == 2
    assert newest(moving(strand(3, at(0, 3)))) is None
    assert newest(moving(strand(1, at(-4, 0), at(-3)))) == Fraction(0 - 3 - Fraction(1, 2), 2)
    assert newest(moving(strand(1, at(0), at(1)))) is None  # output 1 lies half a pixel on, and reads pixel 1
    assert newest(moving(strand(2, at(0)), strand(1, at(0)))) is None


def test_branches_that_meet_by_hand() -> None:
    """Branches of equal jumps read together; of unequal jumps they stay apart; what all outputs read is joined."""
    slow, fast = strand(2, at(0, 4), at(1)), strand(1, at(5))
    [both] = merged([moving(slow), moving(fast)]).strands
    assert both == strand(2, at(0, 4, 5), at(1, 6))
    apart = merged([moving(slow, whole=at(7)), moving(strand(3, at(0)), whole=at(9))])
    assert [each.jump for each in apart.strands] == [1, 3]
    assert list(apart.whole) == [7, 9]
    assert merged([moving(slow), moving(slow)]).strands == (slow,)
    assert list(apart.at(2)) == [2, 6, 7, 9]


def test_what_all_outputs_read_together() -> None:
    field = moving(strand(4, at(-1, 1), at(2)), whole=at(20))
    assert list(field.all_of(1, 30).whole) == [1, 20]
    assert list(field.all_of(2, 30).whole) == [1, 2, 20]
    assert list(field.all_of(5, 30).whole) == sorted({1, 3, 5, 7, 9, 2, 6} | {20})
    assert list(field.all_of(5, 6).whole) == [1, 2, 3, 5]
    assert field.all_of(5, 6).strands == ()
    assert list(moving(strand(4, at(0), at(-1, 3))).all_of(1, 9).whole) == [0]


def test_summaries_by_hand() -> None:
    """The widest output, and of several that wide the one that reads most."""
    plain = moving(strand(3, at(0, 4), at(1, 2, 5), at(7)))
    assert plain.summary(9, 99) == AxisField(5, Fraction(1), 0, 3)
    gone = moving(strand(1, Positions.none(), at(-2, 3)))
    assert gone.summary(9, 99) == AxisField(6, Fraction(1, 2), None, 2)
    assert moving(strand(2, at(-1, 0, 5))).summary(1, 3) == AxisField(7, Fraction(2), -1, 3)
    fixed = moving(strand(2, at(-1, 0, 5)), whole=at(4))
    assert fixed.summary(1, 5) == AxisField(5, Fraction(2), 0, 2)  # 0 and 4: -1 and 5 are outside of 5 pixels
    assert fixed.summary(2, 8) == AxisField(7, Fraction(2), 0, 4)  # 1 2 4 7 of output 1, or 0 4 5 of output 0
    assert moving(whole=at(2, 6)).summary(5, 9) == AxisField(5, Fraction(0), 2, 2)
    two = moving(strand(1, at(0)), strand(2, at(0)))
    assert two.summary(5, 99).size == 5  # output 4 reads 4 and 8


def test_only_so_many_outputs_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    field = moving(strand(1, at(0)), strand(2, at(0)))
    assert field.summary(9_999, 99_999).size == 4_096  # output 4,095 reads itself and 8,190
    monkeypatch.setattr(strands, "MAX_OUTPUTS", 3)
    assert field.summary(5, 99).size == 3  # output 2 reads 2 and 4


def test_the_limits_as_they_are() -> None:
    check_phases(65_536)
    check_taps(524_288)
    with pytest.raises(ShapeError, match="more than 65536 are not"):
        check_phases(65_537)
    with pytest.raises(ShapeError, match="more than 524288 are not"):
        check_taps(524_289)


def test_a_stride_too_long_to_list_has_the_same_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last layer, from the outputs that its first tap reaches, of which the widest is one."""
    fields = [Field.identity().after(Reads.through(Window(3, 2, 2, before=1)))]
    fields.append(fields[0].spread(Window(3, 2)))
    windows = [Window(7, 3, before=1), Window(8, 4, 3, before=2), Window(2, 5, before=4), Window(9, 5, 2)]
    listed = [[field.spread(window) for window in windows] for field in fields]
    monkeypatch.setattr(strands, "MAX_PHASES", 2)
    for field, wanted in zip(fields, listed, strict=True):
        for window, known in zip(windows, wanted, strict=True):
            found = field.spread(window)
            assert found.summary(99, 999) == known.summary(99, 999), (field, window)
            assert found.widest(99, 999).count == known.widest(99, 999).count
            for output in range(-3, 9):
                assert list(found.seen(output, 999)) == list(found.at(output)) == list(known.at(output))
            with pytest.raises(ShapeError, match=f"repeats only after {window.stride} outputs"):
                found.spread(Window(1))
            with pytest.raises(ShapeError, match=f"repeats only after {window.stride} outputs"):
                found.after(Reads.shifted(0))
    with pytest.raises(ShapeError, match="repeats only after 3 outputs"):
        moving(strand(1, at(0)), strand(2, at(0))).spread(Window(4, 3))
    with pytest.raises(ShapeError, match="repeats only after 3 outputs"):
        moving(strand(1, at(0)), whole=at(5)).spread(Window(4, 3))


def test_cropped_and_every_other_output() -> None:
    given = strand(3, at(0), at(1, 5))
    assert [list(given.after(Reads.shifted(-1)).at(output)) for output in (0, 1, 2)] == [[-2, 2], [0], [1, 5]]
    assert [list(given.after(Reads.shifted(1, 3)).at(output)) for output in (0, 1)] == [[1, 5], [6]]
    pairs = Enumerated()
    pairs.read(moving(given), Reads.through(Window(2)))
    assert pairs.taps == 4
