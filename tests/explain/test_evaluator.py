"""The evaluator that the other tests trust: arithmetic as shown to users, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests import formula


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("floor((7 + 2 - 3) / 4) + 1", 2),
        ("ceil(7 / 2) * max(0, -3, 2)", 8),
        ("1/128 + 1/9", Fraction(137, 1152)),
        ("count(-4, 0, 4)", 3),
        ("count(1, 1, 2)", 2),
        ("count(-2..3, 7..15 step 4)", 9),
        ("count(0 <= p*2 + t - 1 < 5 for p in range(3) for t in range(3))", 7),
        ("1/2 * 3 / 4", Fraction(3, 8)),
        ("5 - -3 + 1", 9),
        ("2·3² - 2³", 10),
    ],
)
def test_the_evaluator_knows_arithmetic(text: str, expected: Fraction) -> None:
    assert formula.value(text) == expected


@pytest.mark.parametrize("text", ["__import__('os')", "1.5", "open(1)", "[1][0]", "1 if 1 else 2", "lambda: 1"])
def test_the_evaluator_knows_nothing_else(text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        formula.value(text)
