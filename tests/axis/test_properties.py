"""The arithmetic of one axis against plain loops, and sets of positions against Python's own, on any windows."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from convcalc.axis.inverse import never_read, never_used
from convcalc.axis.padding import cropped, padded
from convcalc.axis.positions import Positions, gathered, singly, spread, spread_from, union
from convcalc.axis.strands import Field, Reads, merged
from convcalc.axis.window import (
    Window,
    ceiled_size,
    output_size,
    outputs_reached,
    pairs_inside,
    smallest_input,
    transposed_size,
)
from convcalc.errors import ShapeError
from tests.reference import read_back, slid
from tests.reference import spread as spread_out
from tests.strategies import SMALL, WINDOWS

SIZES = st.integers(1, 40)
NUMBERS = st.integers(-12, 12)


@st.composite
def positions(draw: st.DrawFn) -> Positions:
    """Any set in its compact form: runs that are apart."""
    at, runs = draw(NUMBERS), []
    for gap, length in draw(st.lists(st.tuples(st.integers(2, 5), st.integers(0, 4)), max_size=4)):
        runs.append((at, at + length))
        at += length + gap
    return Positions(draw(NUMBERS), draw(SMALL), tuple(runs))


@given(SIZES, WINDOWS)
def test_sizes(size: int, window: Window) -> None:
    expected = slid(size, *window)
    try:
        assert output_size(size, window) == expected
    except ShapeError:
        assert expected == 0
        assert size < smallest_input(window)
    else:
        assert size >= smallest_input(window)


@given(SIZES, WINDOWS)
def test_sizes_rounded_up(size: int, window: Window) -> None:
    """One window more if pixels are left over, and the last is left out if it begins beyond the data."""
    kernel, stride, dilation, before, after = window
    starts = list(range(-before, size + after - dilation * (kernel - 1), stride))
    if starts:
        if starts[-1] + dilation * (kernel - 1) < size + after - 1:
            starts.append(starts[-1] + stride)
        assert ceiled_size(size, window) == len(starts) - (starts[-1] >= size)


@given(SIZES, WINDOWS, st.integers(0, 6))
def test_transposed_sizes(size: int, window: Window, longer: int) -> None:
    expected = spread_out(size, *window, longer)
    try:
        assert transposed_size(size, window, longer) == expected
    except ShapeError:
        assert expected < 1


def met(places: int, size: int, window: Window) -> list[tuple[int, int]]:
    """(position of the window, pixel inside) of every tap."""
    pairs = product(range(places), range(window.kernel))
    ends = [(place, place * window.stride + tap * window.dilation - window.before) for place, tap in pairs]
    return [(place, at) for place, at in ends if 0 <= at < size]


def unmet(among: int, those: set[int]) -> tuple[int, int]:
    """How many numbers below `among` are none of those, at the beginning and at the end."""
    return (min(those), among - 1 - max(those)) if those else (among, 0)


@given(st.integers(1, 12), SIZES, WINDOWS)
def test_pairs_that_meet(places: int, size: int, window: Window) -> None:
    pairs = met(places, size, window)
    assert pairs_inside(places, size, window) == len(pairs)
    assert outputs_reached(places, size, window) == len({at for _, at in pairs})


@example(1, Window(kernel=2, dilation=4, before=1, after=1))  # taps 0 and 4 of 5 outputs, of which 1 to 3 are left
@given(SIZES, WINDOWS)
def test_pixels_left_over(size: int, window: Window) -> None:
    places, made = slid(size, *window), spread_out(size, *window, 0)
    if places:
        assert never_read(size, places, window) == unmet(size, {at for _, at in met(places, size, window)})
    if made > 0:
        assert never_used(size, made, window) == unmet(size, {place for place, _ in met(size, made, window)})


@given(SIZES, WINDOWS)
def test_padding_words(size: int, window: Window) -> None:
    for word in ("same", "same-lower"):
        before, after = padded(word, size, window)
        assert slid(size, *window[:3], before, after) == -(-size // window.stride)
        assert before + after == 0 or slid(size, *window[:3], before, after - 1) < -(-size // window.stride)
        assert after - before in ((0, 1) if word == "same" else (0, -1))
        before, after, longer = cropped(word, window)
        assert spread_out(size, *window[:3], before, after, longer) == size * window.stride


@given(positions(), positions(), NUMBERS, NUMBERS, SMALL)
def test_sets(left: Positions, right: Positions, low: int, high: int, taps: int) -> None:
    here, there = set(left), set(right)
    assert list(left) == sorted(here)
    assert list(union(left, right)) == sorted(here | there)
    assert list(left.within(low, high)) == sorted(at for at in here if low <= at < high)
    assert list(left.shifted(high)) == sorted(at + high for at in here)
    assert list(spread(left, taps, high)) == sorted({at + tap * high for at in here for tap in range(taps)})
    assert (left.count, left.is_single) == (len(here), len(here) == 1)
    runs = singly(left)
    if runs is not None:
        assert list(gathered(runs)) == sorted(here)


@given(positions(), WINDOWS)
def test_sets_pulled_back(outputs: Positions, window: Window) -> None:
    assert list(spread_from(outputs, window)) == sorted(read_back([(True, *window[:4])], outputs))


CHAINS = st.lists(st.tuples(st.booleans(), SMALL, st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)), max_size=4)


def through(chain: list[tuple[bool, int, int, int, int]]) -> Field:
    field = Field.identity()
    for transposed, *window in chain:
        field = field.spread(Window(*window)) if transposed else field.after(Reads.through(Window(*window)))
    return field


@given(CHAINS, st.integers(-20, 200))
def test_chains(chain: list[tuple[bool, int, int, int, int]], output: int) -> None:
    assert list(through(chain).at(output)) == sorted(read_back(chain, [output]))


@given(CHAINS, CHAINS, st.integers(-20, 60))
def test_branches_that_meet(
    left: list[tuple[bool, int, int, int, int]], right: list[tuple[bool, int, int, int, int]], output: int
) -> None:
    both = merged([through(left), through(right)])
    assert list(both.at(output)) == sorted(read_back(left, [output]) | read_back(right, [output]))
    jump = Fraction(1)
    for transposed, _, stride, *_ in left:
        jump = jump / stride if transposed else jump * stride
    assert jump in {strand.jump for strand in both.strands}
