"""`convcalc why` as it is typed: a message from the command line or stdin, as text, rows or JSON."""

from __future__ import annotations

import json
import subprocess

import pytest

from convcalc.questions.messages import KNOWN
from tests.commands import CONVCALC, OnTerminal, Run

MESSAGE = "mat1 and mat2 shapes cannot be multiplied (32x400 and 120x84)"
LENET = ("3x32x32", "k5f6", "max:k2", "k5f16", "max:k2")


def test_the_json_is_whole(output: Run) -> None:
    alone = json.loads(output("why", MESSAGE, "--json"))
    assert list(alone) == [
        "schema", "message", "framework", "kind", "numbers", "cause", "fix", "evidence", "others", "where",
    ]  # fmt: skip
    assert (alone["schema"], alone["message"], alone["where"]) == (1, MESSAGE, None)
    placed = json.loads(output("why", MESSAGE, *LENET, "--json"))
    assert list(placed["where"]) == ["layer", "text", "input", "output", "fix"]
    assert placed["where"]["output"] == [16, 5, 5]


def test_the_size_may_be_an_option_and_channels_last(output: Run) -> None:
    first, *words = LENET
    expected = output("why", MESSAGE, *LENET)
    assert output("why", MESSAGE, *words, "--input", first) == expected
    assert output("why", MESSAGE, *words, "--input", "32x32x3", "--layout", "channels-last") == expected


def test_rows_have_what_and_text(output: Run) -> None:
    header, *rows = (line.split("\t") for line in output("why", MESSAGE, *LENET).splitlines())
    assert header == ["what", "text"]
    assert [row[0] for row in rows[:4]] == ["cause", "fix", "where", "read"]


def test_a_terminal_shows_cause_and_fix_first_in_its_width(on_terminal: OnTerminal) -> None:
    lines = on_terminal(60, "why", MESSAGE, *LENET)
    assert lines[0].startswith("cause")
    assert lines[1] == "fix      nn.Linear(400, 84)"
    assert max(map(len, lines)) <= 60


def test_the_list_fits_a_screen_and_is_whole_elsewhere(on_terminal: OnTerminal, output: Run) -> None:
    assert len(on_terminal(80, "why")) < 24
    assert len(output("why").splitlines()) == len(KNOWN) + 1
    assert len(json.loads(output("why", "--json"))["messages"]) == len(KNOWN)


def test_a_traceback_comes_from_stdin() -> None:
    text = f"Traceback (most recent call last):\n  File 'a.py', line 1\nRuntimeError: {MESSAGE}\n".encode()
    done = subprocess.run([*CONVCALC, "why", "-"], input=text + b"\xff\xfe", capture_output=True, check=True)
    assert b"fix\tnn.Linear(400, 84)\n" in done.stdout


def test_the_end_of_a_long_log_counts() -> None:
    log = b"epoch 1: loss 0.5\n" * 150_000 + f"RuntimeError: {MESSAGE}\n".encode()
    done = subprocess.run([*CONVCALC, "why", "-"], input=log, capture_output=True, check=True)
    assert b"fix\tnn.Linear(400, 84)\n" in done.stdout


def test_a_closed_stdin_is_one_line(monkeypatch: pytest.MonkeyPatch, refusal: Run) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert "stdin must be open" in refusal("why", "-")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no shape error",), "paste it whole and in quotes"),
        ((MESSAGE, "3x32x32"), "write the layers after it"),
        ((MESSAGE, "3x32x32", "k3", "--input", "3x9x9"), "given twice"),
        ((MESSAGE, "k3q"), "k3q"),
        ((MESSAGE, "nothing.onnx"), "nothing.onnx"),
    ],
)
def test_what_cannot_be_answered_is_one_line(arguments: tuple[str, ...], said: str, refusal: Run) -> None:
    assert said in refusal("why", *arguments)
