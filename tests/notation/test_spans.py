"""Ranges, outputs that depend on the input, and paddings to be searched."""

from __future__ import annotations

import pytest

from convcalc.errors import NotationError
from convcalc.notation.spans import Span, Target, parse_sides, parse_spans, parse_targets


def test_ranges() -> None:
    assert parse_spans("3..7x5", "kernel", 2) == (Span(3, 7), Span(5, 5))
    assert parse_spans(4, "kernel", 3) == parse_spans("4", "kernel", 3) == (Span(4, 4),) * 3
    assert parse_spans((2, 6), "stride") == (Span(2, 6),)
    assert [str(span) for span in parse_spans("2..6×7", "stride")] == ["2..6", "7"]
    assert not Span(3, 2)
    assert Span(3, 2).size == 0
    assert Span(1, 5).within(Span(4, 9)) == Span(4, 5)


@pytest.mark.parametrize(
    ("text", "of_7"),
    [("5n", 35), ("x5", 35), ("5*n", 35), ("n", 7), ("n/2", 4), ("n//2", 3), ("n / 3", 3), ("112", 112)],
)
def test_outputs(text: str, of_7: int) -> None:
    [target] = parse_targets(text)
    assert target.of(7) == of_7
    assert parse_targets(str(target)) == (target,)


def test_outputs_per_axis() -> None:
    assert parse_targets("2nx112") == (Target("times", 2), Target("size", 112))


def test_paddings() -> None:
    [both] = parse_sides("0..5")
    assert not isinstance(both, str)
    assert (both.begin, both.end, both.free) == (Span(0, 5), Span(0, 5), False)
    [apart, alike] = parse_sides("0:1..2x3", "padding", 2)
    assert (str(apart), str(alike)) == ("0:1..2", "3")
    assert parse_sides("SAME") == "same"


@pytest.mark.parametrize("text", ["", "..", "3..", "..7", "3...7", "-1", "3..7..9", "a", "3-7", "1x2x3x4", "0"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(NotationError, match="kernel: "):
        parse_spans(text, "kernel")


@pytest.mark.parametrize(("text", "instead"), [("3-7", "3..7"), ("3 – 7", "3..7"), ("3,5,7", "3..7"), ("3x5", "3")])
def test_what_to_write_for_other_ways_to_say_a_range(text: str, instead: str) -> None:
    with pytest.raises(NotationError, match=f"; write {instead}$"):
        parse_spans(text, "kernel", 1)


@pytest.mark.parametrize("text", ["0n", "n/0", "n*5", "5", "n/", "n//", "5m", "0", "-5", "x"])
def test_what_is_no_output(text: str) -> None:
    if text == "5":
        assert parse_targets(text) == (Target("size", 5),)
        return
    with pytest.raises(NotationError, match="output: "):
        parse_targets(text)
