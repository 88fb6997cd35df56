"""Patterns of what outputs read, carried forward, against Python's own sets followed backwards."""

from __future__ import annotations

from random import Random

import pytest

from convcalc.axis import strands
from convcalc.axis.positions import Positions, gathered, singly
from convcalc.axis.sampling import coordinates, resize_reads, taps
from convcalc.axis.strands import MAX_ENUMERATED, Enumerated, Field, Reads, Strand
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
    phases = (Positions.single(0),) * (MAX_ENUMERATED // 4)
    fields = [Field((Strand(phases, 1),), Positions.none()) for _ in range(5)]
    for field in (*fields[:4], *fields[:4], plain):
        enumerated.add(field)
    with pytest.raises(ShapeError, match=rf"more than {MAX_ENUMERATED} are not enumerated; use smaller strides"):
        enumerated.add(fields[4])
