"""Checks as rows: one a check, what is equal once, what differs twice, and only at 80 columns what fits there."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from convcalc.proof.executed import Check, skipped
from convcalc.proof.statistics import output_of
from convcalc.render.checks import both_cell, checks_table, output_line
from convcalc.render.table import duration, show
from tests.commands import OnTerminal

FIELD = {"size": [11, 3], "jump": [2, 2], "start": [-5, 0], "coverage": [9, 3]}


@pytest.mark.parametrize(
    ("predicted", "measured", "shown"),
    [
        ([3, 5, 5], [3, 5, 5], "3x5x5"),
        ([3, 5, 5], [3, 5, 6], "3x5x6 (predicted 3x5x5)"),
        (12345, 12345, 12345),
        (12345, 12346, "12,346 (predicted 12,345)"),
        (FIELD, FIELD, "11x3, jump 2, start -5x0, coverage 9x3"),
        (FIELD, FIELD | {"coverage": [7, 3]}, "coverage 7x3 (predicted 9x3)"),
        ("error <= 1e-6", "error 2e-7", "error 2e-7 (predicted error <= 1e-6)"),
        ([[0, 8], None], [[0, 9], None], "0..9xnone (predicted 0..8xnone)"),
        ([3, 5, 5], None, "none (predicted 3x5x5)"),
    ],
)
def test_equal_values_are_shown_once(predicted: Any, measured: Any, shown: str) -> None:
    assert both_cell(Check("a", predicted, measured, predicted == measured)) == shown


def test_a_check_is_one_row_of_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """What differs in two respects fits; if it differs in all, the prediction is on a line of its own."""
    wrong = {"size": [111, 113], "jump": [2, 4], "start": [-5, 0], "coverage": [9, 3]}
    checks = [
        Check("output_shape", [128, 112, 112], [128, 112, 113], False, "how shapes are seen"),
        Check("receptive_field", FIELD, wrong, False, "how fields are seen"),
        Check("values", "error <= 1.23e-05", "error 7.85e-06", True, "how values are seen"),
        skipped("parameters", "nobody counted"),
    ]
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    def shown() -> list[str]:
        show(checks_table("title", checks, "verdict", good=False, aside=("note",)))
        lines: list[str] = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        return lines

    lines = shown()
    assert [line.split()[0] for line in lines[3:7]] == [check.name for check in checks]
    assert [line.split()[-1] for line in lines[3:7]] == ["NO", "NO", "yes", "skipped"]
    assert [line.strip() for line in lines[7:]] == ["parameters skipped: nobody counted", "note", "verdict"]
    wrong |= {"start": [-55, -57], "coverage": [99, 97]}
    assert [line.split()[0] for line in shown()[3:8]] == [
        "output_shape",
        "receptive_field",
        "(predicted",
        "values",
        "parameters",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (4.1234, "4.1 s"), (0.0123, "12 ms"), (0.00123, "1.2 ms"), (1, "1 s"), (0.9951, "1 s"), (0.9949, "995 ms"),
        (61.7, "62 s"), (432.1, "432 s"), (86400, "86400 s"), (3.21e-6, "0.0032 ms"), (0, "0 ms"),
    ],
)  # fmt: skip
def test_times_are_said_as_people_do(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
    number, unit = shown.split()
    assert abs(Fraction(number) * (1 if unit == "s" else Fraction(1, 1000)) - Fraction(seconds)) <= seconds * 0.05


@pytest.mark.parametrize(
    ("out", "line"),
    [
        (np.array([1.0, 2, 6]), "output 3 float64: min 1, max 6, mean 3"),
        (np.array([[3 + 4j, 0]]), "output 1x2 complex128: min |x| 0, max |x| 5, mean |x| 2.5"),
        (
            np.array([1, np.nan, np.inf, -np.inf], "f4"),
            "output 4 float32: 1 NaN, 2 Inf; the rest: min 1, max 1, mean 1",
        ),
        (np.full(1234, np.nan), "output 1234 float64: 1,234 NaN"),
        (np.array([1, 5], np.uint8), "output 2 uint8: min 1, max 5, mean 3"),
    ],
)
def test_an_output_is_described_in_a_line(out: np.ndarray, line: str) -> None:
    assert output_line(output_of(out), None) == line
    assert output_line(output_of(out), "-") == f"{line}; written to stdout"


def test_how_checks_were_made_is_told_on_request(on_terminal: OnTerminal) -> None:
    asked = ("run", "examples/sunspots.npy", "examples/eleven-years.npy")
    brief, full = on_terminal(80, *asked), on_terminal(80, *asked, "--explain")
    assert len(brief) == 2 + 1 + 5 + 2 + 1  # title and heading, rule, checks, values and output, verdict
    assert "multiplications: counted as the engine executed them" in full
    assert any(line.startswith("direct: ") for line in full)
    assert "    = 1 * 1 * 299 * (1 / 1) * 11" in full  # filters, positions and taps: 3,289 multiplications
    assert "    = 3,289" in full
