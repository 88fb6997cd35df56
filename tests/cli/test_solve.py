"""`convcalc solve`: what people see in a pipe, on a terminal and as JSON, and what it refuses."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from tests import formula
from tests.commands import OnTerminal, Run


def answered(output: Run, line: str) -> dict[str, Any]:
    answer = json.loads(output("solve", *shlex.split(line), "--json"))
    assert answer["schema"] == 1
    return dict(answer)


def test_json_of_one_layer(output: Run) -> None:
    answer = answered(output, "--input 224 --output 112 -k 3 -s 2")
    assert answer["searched"]["kernel"] == [3, 3]
    assert answer["solutions"][0] == {
        "kernel": 3, "stride": 2, "padding": [1, 1], "dilation": 1, "output_padding": 0, "extent": 3, "input": 224,
        "output": 112, "never_read": [0, 0], "holes": 0, "same_output": [223, 224],
    }  # fmt: skip
    assert [solution["padding"] for solution in answer["solutions"]] == [[1, 1], [0, 1], [1, 0]]
    [first, *_] = answered(output, "--input 224x320 --output 112x160 -k 3 -s 2")["solutions"]
    assert (first["kernel"], first["padding"], first["same_output"]) == ([3, 3], [[1, 1]] * 2, [[223, 224], [319, 320]])
    axes = answered(output, "-i 9x20 -o 5x10 -k 3..4 -p 0..1")["axes"]
    alone = [answered(output, f"-i {size} -o {wanted} -k 3..4 -p 0..1 -s 1..2") for size, wanted in ((9, 5), (20, 10))]
    assert axes == [answer["solutions"] for answer in alone]


def test_json_of_chains(output: Run) -> None:
    solutions = answered(output, "--input 62 --output 18600 --layers 2 --transposed -k 30..40")["solutions"]
    kernels = [[layer["kernel"] for layer in solution["layers"]] for solution in solutions]
    assert [30, 40] in kernels
    [first, *_] = answered(output, "--receptive-field 31 -k 3")["solutions"]
    assert first == {
        "layers": [{"kernel": 3, "dilation": d} for d in (1, 3, 5, 6)], "words": "k3 k3d3 k3d5 k3d6",
        "multiplications": 12, "receptive_field": 31, "coverage": 31,
    }  # fmt: skip


def test_piped_rows_are_all_and_plain(output: Run) -> None:
    header, *rows = [line.split("\t") for line in output("solve", "-i", "10000", "--output", "2500").splitlines()]
    assert header[:4] == ["layer", "kernel", "stride", "padding"]
    assert len(rows) == len(answered(output, "-i 10000 --output 2500")["solutions"]) > 30
    assert rows[0][:4] == ["k4s4", "4", "4", "0:0"]
    assert rows[0][header.index("same output of")] == "10000..10003"
    lines = output("solve", "-i", "28", "--output", "7", "--layers", "2", "-k", "3").splitlines()
    assert lines[1] == "k3s2p1 k3s2p1\t28 14 7\t3 3\t2 2\t1:1 1:1"


LINES = (
    "-i 224 --output 112 -k 1..11 -d 1..3",
    "-i 224x320x300 --output 112x80x100",
    "-i 18600 --output 62",
    "-i 62 --output 18600 --layers 2 --transposed",
    "-i 224 --output 7 --layers 5",
    "-i 224 --output 112 --layers 40",
    "--receptive-field 65 --dilation 1..16",
    "--receptive-field 10001",
    "--receptive-field 64",
    "-i 224 --output 130 -k 3..7 -s 2",
    "-i 1..100 --output 5n --transposed",
)


@pytest.mark.parametrize(("line", "width"), [*((line, 80) for line in LINES), (LINES[0], 120), (LINES[3], 120)])
def test_it_fits_on_a_screen(line: str, width: int, on_terminal: OnTerminal) -> None:
    assert len(on_terminal(width, "solve", *line.split())) <= 24


def test_what_is_left_out_is_counted(on_terminal: OnTerminal) -> None:
    lines = on_terminal(120, "solve", "-i", "224", "--output", "112")
    assert lines[0] == "224 -> 112  (31 layers)"
    assert "and 1 more (all when piped or with --json)" in lines
    many = on_terminal(200, "solve", *LINES[2].split())
    assert "and 860,593 more: narrow the ranges, such as -k 300 -s 300 -d 1" in many
    none = on_terminal(120, "solve", *LINES[8].split())
    assert none[1:] == [
        "the nearest that they see: 63 and 65",
        "none; searched: kernel 3, dilation 1..31, layers 1..64, stride 1",
    ]


@pytest.mark.parametrize(
    "line", [LINES[1], "-i 5x9 --output 9x18 --transposed -d 1..2", "--receptive-field 65 -k 3..4"]
)
def test_the_working_out_gives_its_results(line: str, output: Run) -> None:
    rows = answered(output, f"{line} --explain")["explanations"]
    assert len(rows) >= 3
    for row in rows:
        assert formula.value(row["numbers"]) == row["result"], row


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "solve: needs --input, got none; use convcalc solve --input 224 --output 112"),
        ("224 112", "solve: layers go with --sizes, got 224 112; use --input 224 --output 112"),
        ("k3 -i 9", "solve: layers go with --sizes, got k3; add --sizes"),
        ("-i 224 --output 112 -k 7..3", "kernel: a range goes up, got '7..3'; write 3..7"),
        ("-i 224 --output big", "output: must be a size such as 112, or of an input of n: 5n, n, n/2 rounded up, n//2 "
         "rounded down, got 'big'; write 112 or 5n"),
        ("-i 224 --output 112 -p vali", "padding: must be a number, a range such as 0..5, begin:end such as 0:1 or "
         "0..5:0..5, or a word, got 'vali'; did you mean valid? the words: valid, same, same-lower, full, causal"),
        ("-i 9 --output 9 --output-padding 1", "output-padding: is for transposed layers, got 1; add --transposed"),
        ("-i 9 --output 9 -p full --transposed", "padding of a transposed convolution crops its result, got 'full'; "
         "use numbers or valid, same, same-lower"),
        ("-i 7 -o 14 -t deconv", "solve: no such option: -t; use --transposed"),
        ("-i 7 -o 14 --type=dilated", "solve: no such option: --type; leave it out, layers are convolutions"),
        ("-i 7 --output-size 14", "solve: no such option: --output-size; use --output 14"),
        ("--receptive-field 9 -s 2", "solve: --receptive-field cannot be combined with --stride; leave --stride out"),
        ("--receptive-field 9 -k 3x5", "kernel: takes one value here, got '3x5'; write 3"),
        ("--receptive-field 9 -k 1", "kernel: must be at least 2 to see 9 pixels, got 1; use -k 3"),
        ("--from 3 -i 9 --output 9", "solve: --from needs --sizes, got none; add it"),
        ("-i 9 --output 9 -k 3x3", "kernel: takes one value here, got '3x3'; write 3"),
        ("-i 9x8 --output 9 -k 3x4x5", "kernel: takes one value for all axes or 2, one per axis, got '3x4x5'; "
         "write 3x4"),
        ("-i 1..9 --output n/2 -p same -k 3", "padding: same with a stride gives every input its own padding, got "
         "--input 1..9; use -p 0..3, or one --input"),
        ("-i 9 --output 3 --layers 0", "layers: must be at least 1, got 0"),
    ],
)  # fmt: skip
def test_refusals(line: str, message: str, refusal: Run) -> None:
    assert refusal("solve", *line.split()) == message
