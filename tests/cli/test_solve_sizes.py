"""`convcalc solve --sizes`: as people, pipes and programs see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import OnTerminal, exit_code

UNET = str(Path(__file__).parents[2] / "examples" / "unet.toml")


def answered(capsys: Any, *arguments: str) -> dict[str, Any]:
    assert exit_code("solve", "--sizes", *arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1
    return dict(found)


def test_the_json(capsys: Any) -> None:
    found = answered(capsys, UNET, "--from", "20", "--to", "100")
    assert [found[key] for key in ("smallest", "accepted", "returns", "modulus", "from", "to")] == [
        32, [[32, 96, 32]], [[32, 96, 32]], 32, 20, 100,
    ]  # fmt: skip
    assert [axis["axis"] for axis in found["axes"]] == ["height", "width"]
    assert found["asked"] is None
    found = answered(capsys, "k10s5", "k8s4", "k4s2*3")
    assert (found["smallest"], found["accepted"], found["returns"]) == (465, [[465, 512, 1]], [])
    found = answered(capsys, "1x400", "k10s5", "k8s4", "k4s2*3")
    assert (found["asked"]["accepted"], found["asked"]["above"]) == (False, [1, 465])
    assert [axis["axis"] for axis in found["axes"]] == ["length"]


def test_a_size_that_is_refused(capsys: Any) -> None:
    """100 halves to 50, 25, 12, 6 and 3; 12 comes back as 24."""
    asked = answered(capsys, UNET, "-i", "3x100x128")["asked"]
    assert (asked["below"], asked["above"]) == ([3, 96, 128], [3, 128, 128])
    [skip] = asked["skips"]
    assert (skip["layer"], skip["sizes"]) == ("up3/concat", [[25, 32], [24, 32]])
    assert (skip["pad"], skip["crop"]) == ([[0, 0], [1, 0]], [[1, 0], [0, 0]])


def test_rows_for_a_pipe(capsys: Any) -> None:
    assert exit_code("solve", "--sizes", "k3s2p1", "t:k4s2p1", "--to", "9") == 0
    assert capsys.readouterr().out.splitlines() == [
        "axis\tsizes\tfirst\tlast\tstep",
        "every axis\tsmallest\t1\t1\t1",
        "every axis\taccepted\t1\t9\t1",
        "every axis\treturns\t2\t8\t2",
    ]


def test_the_working_out_is_that_of_the_smallest_input(capsys: Any) -> None:
    rows = answered(capsys, "k10s5", "k8s4", "k4s2*3", "--explain")["explanations"]
    outputs = [row for row in rows if row["quantity"].startswith("output height")]
    assert [row["result"] for row in outputs] == [92, 22, 10, 4, 1]
    assert outputs[0]["numbers"] == "floor((465 + 0 + 0 - 10) / 5) + 1"


def test_weights_that_grow_are_said_to(capsys: Any) -> None:
    [note] = answered(capsys, "k3s2", "fc10")["notes"]
    assert note.startswith("2: its weights grow with the input")
    assert answered(capsys, "k3s2", "gap", "fc10")["notes"] == []


def test_words_for_people(on_terminal: OnTerminal) -> None:
    text = "\n".join(on_terminal(80, "solve", "--sizes", UNET))
    for words in ("multiples of 32", "32, 64, ..., 512", "all that are accepted"):
        assert words in text
    text = "\n".join(on_terminal(80, "solve", "--sizes", "k3x5s2", "k3s2"))
    for words in ("height alone", "width alone", "all from 7 on", "all from 9 on"):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "solve: --sizes needs layer words or a model, got none; write for example"),
        (["k3", "--from", "9", "--to", "3"], "from: must be up to --to, got 9 and 3; exchange them"),
        (["k3", "--to", "none"], "to: must be a whole number"),
        (["k3", "-i", "9"], "input: a size has channels and 1 to 3 spatial axes, got 9; write 3x9x9 for 2-D"),
        (["3x9x9", "k3", "-i", "3x9x9"], "solve: the input is given twice"),
        (["k3", "Linear(99,10)"], "layer 2 of 2, Linear(99,10): takes in_features=99"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered(arguments: list[str], message: str, capsys: Any) -> None:
    assert exit_code("solve", "--sizes", *arguments) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert message in shown.err
