"""The arithmetic of one axis solved for its unknowns, against the rule itself tried on every number nearby."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convcalc.axis.inverse import (
    crops,
    first_true,
    inputs_for,
    never_read,
    never_used,
    paddings,
    transposed_inputs_for,
)
from convcalc.axis.window import Window, output_size, transposed_size
from convcalc.errors import ShapeError
from convcalc.notation.spans import Span

small = st.integers(1, 7)
windows = st.builds(Window, small, small, small, st.integers(0, 5), st.integers(0, 5))


def size_of(size: int, window: Window) -> int:
    try:
        return output_size(size, window)
    except ShapeError:
        return 0


@given(windows, small)
def test_inputs_of_an_output(window: Window, output: int) -> None:
    alike = [size for size in range(1, 200) if size_of(size, window) == output]
    found = inputs_for(output, window)
    assert alike == list(range(found.first, found.last + 1))


@given(windows, st.integers(1, 60), st.integers(0, 6))
def test_the_input_of_a_transposed_output(window: Window, output: int, longer: int) -> None:
    full = {size: transposed_size(size, window._replace(before=0, after=0), longer) for size in range(1, 80)}
    alike = [size for size in full if full[size] - window.before - window.after == output]
    found = transposed_inputs_for(output, window, longer)
    assert alike == list(range(found.first, found.last + 1))


@given(windows, st.lists(st.integers(1, 20), min_size=1, max_size=3), small)
def test_paddings_of_all_sizes(window: Window, sizes: list[int], output: int) -> None:
    pairs = [(size, output) for size in sizes]
    found = paddings(pairs, window)
    right = [
        total
        for total in range(150)
        if all(size_of(size, window._replace(before=0, after=total)) == output for size in sizes)
    ]
    assert right == [total for total in range(found.first, found.last + 1) if total >= 0]


@given(windows, st.integers(1, 20), st.integers(0, 5))
def test_crops(window: Window, size: int, longer: int) -> None:
    output = transposed_size(size, window._replace(before=0, after=0), longer)
    for total in range(output):
        assert crops([(size, output - total)], window, longer) == (total, total)
    assert not crops([(size, output), (size + 1, output)], window, longer)


def test_the_first_number_for_which_a_test_holds() -> None:
    assert first_true(3, 9, lambda n: n >= 3) == 3
    assert first_true(3, 9, lambda n: n > 99) == 9


def test_nothing_read_and_nothing_used_by_hand() -> None:
    """Windows in the padding alone, and products that are all cropped."""
    assert never_read(3, 2, Window(1, before=5)) == (3, 0)
    assert never_read(3, 1, Window(1, before=0)) == (0, 2)
    assert never_read(7, 1, Window(2, dilation=3, before=1)) == (2, 4)  # taps at -1 and 2
    assert never_used(4, 2, Window(1, before=9)) == (4, 0)
    assert never_used(4, 1, Window(1, before=3)) == (3, 0)
    assert transposed_inputs_for(9, Window(4, stride=2)) == Span(1, 0)  # 8 and 10 have an input, 9 has none
    assert transposed_inputs_for(2, Window(4, stride=2)) == Span(1, 0)
    assert transposed_inputs_for(4, Window(4, stride=2)) == Span(1, 1)
