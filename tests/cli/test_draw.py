"""`draw`: what is asked for is drawn or written, what cannot be is refused, nothing takes long."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from math import prod
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.commands import Run
from tests.layers import at_most


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where arrays lie and files may be written."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(25).reshape(5, 5))
    np.save("w.npy", np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]]))


def files() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"x.npy", "w.npy"}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("1x5x5 k3 --at 3,0", "at: the height must be an output of layer 1, got 3; use 0 to 2"),
        ("1x5x5 k3 --at 0,3", "at: the width must be an output of layer 1, got 3; use 0 to 2"),
        ("1x5x5 k3 max:k2 --at 2,2", "at: the height must be an output of layer 2, got 2; use 0"),
        ("-t t -i 1x3x3 -k 3 --at 9,0", "at: the height must be an output of layer transposed, got 9; use 0 to 4"),
        ("rf 1x9x9 k3 k3 --at 5,0", "at: the height must be an output of layer 2, got 5; use 0 to 4"),
        ("matrix 1x9 k3 --at 7", "at: the length must be an output of layer 1, got 7; use 0 to 6"),
        ("1x5x5 k3 --at 0", "at: must have a number per axis of layer 1, got 1 for 2; for example --at 0,0"),
        ("1x5 k3 --at 0,0", "at: must have a number per axis of layer 1, got 2 for 1; for example --at 0"),
        ("1x5x5 k3 --at a,b", "at: must be a whole number of at least 0, got 'a'"),
        ("1x5x5 k3 --at 0,-1", "at: must be a whole number of at least 0, got '-1'"),
        ("1x5x5 k3 --at ''", "at: must be a whole number of at least 0, got ''"),
        ("cost --at 1,1", "draw cost: shows no output position, got --at; leave it out"),
        ("channels 1x5x5 k3 --at 1,1", "draw channels: shows no output position, got --at; leave it out"),
        ("1x5x5 k3 --svg x.png", "svg: must end in .svg, got 'x.png'; use --svg x.png.svg"),
        ("1x5x5 k3 --svg ''", "svg: must end in .svg, got ''; use --svg picture.svg"),
        ("1x5x5 k3 --svg no/x.svg", "no/x.svg: its directory must exist, got no "),
        ("1x5x5 k3 --svg x.npy/x.svg", "x.npy/x.svg: "),
        ("1x5x5 k3 --svg /proc/x.svg", "/proc/x.svg: must be written whole"),
        ("1x5x5 k3 --animate", "draw: --animate moves in a terminal, got none; add --svg FILE.svg to write it"),
        ("1x5x5 k3 --animate --json", "draw: --animate moves in a terminal, got none; add --svg FILE.svg"),
        ("1x5x5 k3 --fps 4", "draw: --fps is the speed of --animate, got it alone; add --animate"),
        *((f"1x5x5 k3 --animate --svg x.svg --fps {fps}", f"fps: must be a number from 0.1 to 50, got '{fps}'; try")
          for fps in ("0", "-1", "nan", "inf", "51", "fast")),
        ("--array x.npy", "draw: --array and --kernel-array go together, got one; add --array X.npy --kernel-array"),
        ("--kernel-array w.npy", "draw: --array and --kernel-array go together, got one; add --array X.npy"),
        *((f"--array x.npy --kernel-array w.npy --{option}", f"draw: the arrays give --{name}, got it too; leave")
          for option, name in (("kernel 3", "kernel"), ("input 1x5x5", "input"), ("filters 3", "filters"),
                               ("bias", "bias"), ("batch 2", "batch"))),
        ("--array x.npy --kernel-array w.npy 1x5x5 k3", "draw: --array gives the input's size, got words too"),
        ("matrix --array x.npy --kernel-array w.npy", "draw: --array gives the input's size, got words too"),
        ("cost --array x.npy --kernel-array w.npy", "draw cost: shows no numbers of arrays, got --array"),
        ("--array none.npy --kernel-array w.npy", "none.npy: must be a readable file with an array"),
        ("--array x.npy --kernel-array w.npy -t ds", "w.npy: depthwise-separable takes 2 kernels"),
        ("1x5x5 k3 --stride 2", "draw: takes layer words or the options of one layer, got both, --stride among them"),
        ("1x5x5 k3 --compare ds", "draw: --compare is for the bars of cost; use draw cost --compare all"),
        ("rf 3x9x9 k3 gap", "2: a picture of the receptive field is for convolutions and pools"),
        ("3x9x9 gap", "draw: needs a convolution or a pool, got none; for example convcalc draw 1x5x5 k3p1"),
        ("matrix 3x9x9 max:k2", "draw matrix: needs a convolution, got none; for example convcalc draw matrix"),
        ("k3", "draw: must have the size of the input before layer words, got none; use convcalc"),
        ("-i 1x5000x5000 -k 4000", "conv: a window of at most 4,096 pixels can be drawn, got 16,000,000"),
        ("1x5000x5000 k4000", "1: a window of at most 4,096 pixels can be drawn, got 16,000,000"),
        ("rf 1x99999 k4000 k4000", "draw rf: an output may depend on at most 100,000 reads per layer and axis"),
        ("rf 1x10000000000000 k3s2*30", "draw rf: an output may depend on at most 100,000 reads per layer and axis"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_and_writes_nothing(refusal: Run, command: str, message: str) -> None:
    with at_most(20):
        assert refusal("draw", *shlex.split(command)).startswith(message)
    assert files() == set()


@pytest.mark.parametrize(
    ("refused", "advised"),
    [
        ("1x5x5 k3 --at 3,0", "1x5x5 k3 --at 2,0"),
        ("1x5x5 k3 --at 0", "1x5x5 k3 --at 0,0"),
        ("1x5x5 k3 --svg x.png", "1x5x5 k3 --svg x.png.svg"),
        ("1x5x5 k3 --animate", "1x5x5 k3 --animate --svg FILE.svg"),
        ("1x5x5 k3 --animate --json", "1x5x5 k3 --animate --json --svg FILE.svg"),
        ("1x5x5 k3 --animate --svg x.svg --fps 0", "1x5x5 k3 --animate --svg x.svg --fps 4"),
        ("--array x.npy", "--array x.npy --kernel-array w.npy"),
        ("--array x.npy --kernel-array w.npy --kernel 3", "--array x.npy --kernel-array w.npy"),
        ("--array x.npy --kernel-array w.npy 1x5x5 k3s2", "--array x.npy --kernel-array w.npy --stride 2"),
        ("1x5x5 k3 --compare ds", "cost --compare all"),
        ("matrix 3x9x9 max:k2", "matrix 1x4x4 k3"),
        ("k3", "3x224x224 k3"),
        ("rf 3x9x9 k3 gap", "rf 3x9x9 k3"),
        ("net", "net resnet18"),
    ],
)
def test_what_a_refusal_advises_works(refusal: Run, output: Run, refused: str, advised: str) -> None:
    refusal("draw", *shlex.split(refused))
    assert output("draw", *shlex.split(advised))


def test_only_a_file_says_to_which_scale_a_network_is_drawn(output: Run, tmp_path: Path) -> None:
    """In a terminal a block is a bar of its share of the multiplications, with no height and no shade."""
    assert "darker" not in output("draw", "net", "resnet18")
    output("draw", "net", "resnet18", "--svg", str(tmp_path / "net.svg"))
    assert "the darker the more multiplications" in unescape((tmp_path / "net.svg").read_text())


@pytest.mark.parametrize(
    "command",
    [
        "1x100000000000 k3",
        "1x100000000000x100000000000 k3s2p1",
        "1x10000000000x10000000000x10000000000 k3x3x3",
        "-t t -i 1x100000000000 -k 3 -s 2",
        "matrix 1x100000000000 k3",
        "matrix 1x5000x5000 k64",
        "channels 100000x5x5 k3f100000",
        "channels 100000x5x5 dw:k3",
        "rf 1x10000000000000 k3s2*12",
        "rf 1x3000x3000 k3*30",
        "rf 1x9x9 t:k3s2*10",
        "1x5000x5000 k64",
    ],
)
def test_huge_layers_are_drawn_at_once(output: Run, command: str) -> None:
    with at_most(20):
        lines = output("draw", *shlex.split(command)).splitlines()
    assert max(map(len, lines)) <= 80


def test_json_has_every_picture(output: Run) -> None:
    answer = json.loads(output("draw", "3x6x6", "k3p1f2", "max:k2s2", "--json"))
    assert answer.keys() == {"schema", "files", "pictures"}
    assert (answer["schema"], answer["files"], len(answer["pictures"])) == (1, [], 2)
    for picture in answer["pictures"]:
        assert picture.keys() >= {
            "title", "description", "grids", "steps", "links", "legend", "shown", "notes",
        }  # fmt: skip
        assert {key for grid in picture["grids"] for key in grid} >= {"title", "rows", "columns", "left_out", "cells"}
        assert {key for grid in picture["grids"] for cell in grid["cells"] for key in cell} == {
            "role", "row", "column", "text", "unread",
        }  # fmt: skip
        assert {key for step in picture["steps"] for mark in step["marks"] for key in mark} == {
            "grid", "row", "column", "role",
        }  # fmt: skip
        assert {cell["role"] for grid in picture["grids"] for cell in grid["cells"]} <= picture["legend"].keys()
    counted = [len(grid["cells"]) for picture in answer["pictures"] for grid in picture["grids"]]
    assert counted == [8 * 8, 6 * 6, 6 * 6, 3 * 3]
    written = json.loads(output("draw", "1x5x5", "k3", "--json", "--svg", "x.svg", "--animate"))
    assert written["files"] == ["x.svg"]
    assert len(written["pictures"][0]["steps"]) == 9


def test_svg_is_written_and_named(output: Run) -> None:
    assert output("draw", "1x7x7", "k3s2p1", "--svg", "still.svg") == "still.svg\n"
    assert output("draw", "1x7x7", "k3s2p1", "--svg", "moving.svg", "--animate", "--fps", "4") == "moving.svg\n"
    assert files() == {"still.svg", "moving.svg"}
    still, moving = (Path(name).read_text() for name in ("still.svg", "moving.svg"))
    for text in (still, moving):
        assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "@keyframes" not in still
    assert "animation:k0 4s step-end infinite" in moving  # 16 outputs at 4 a second


def test_the_position_chosen_is_the_one_shown(output: Run) -> None:
    assert "output (2, 1) reads rows 2 to 4, columns 1 to 3" in output("draw", "1x5x5", "k3", "--at", "2,1")
    assert "output (2, 1) reads" in output("draw", "1x5x5", "k3", "--at", "2x1")
    assert "output 4 reads positions 4 to 6" in output("draw", "1x9", "k3", "--at", "4")
    assert "row 4 is output 4" in output("draw", "matrix", "1x9", "k3", "--at", "4")


def test_arrays_give_the_numbers(output: Run) -> None:
    """The window at (0, 0) of 0 1 2, 5 6 7, 10 11 12 with 0 1 2, 2 2 0, 0 1 2: 1 + 4 + 10 + 12 + 11 + 24 = 62."""
    text = output("draw", "--array", "x.npy", "--kernel-array", "w.npy", "--at", "0,0")
    assert "0*0 + 1*1 + 2*2 + 5*2 + 6*2 + 7*0 + 10*0 + 11*1 + 12*2\nsum 62\n" in text
    padded = output("draw", "--array", "x.npy", "--kernel-array", "w.npy", "-p", "1", "--padding-mode", "circular")
    assert padded.splitlines()[0] == "conv: 1x5x5 -> 1x5x5  kernel 3, padding 1 (circular)"
    spread = output("draw", "--array", "x.npy", "--kernel-array", "w.npy", "-t", "transposed", "-s", "2")
    assert re.search(r"output \(\d+, \d+\): \d input values? (is|are) spread onto it", spread)


@pytest.mark.parametrize(
    ("picture", "command"), [("rf", "1x9x9 k3 k3d2"), ("matrix", "1x4x4 k3"), ("channels", "6x5x5 k3g3f6")]
)
def test_a_first_word_chooses_the_picture(output: Run, picture: str, command: str) -> None:
    drawn = json.loads(output("draw", picture, *command.split(), "--json"))["pictures"]
    plain = json.loads(output("draw", *command.split(), "--json"))["pictures"]
    assert drawn[0]["description"] != plain[0]["description"]


def test_options_and_words_draw_the_same(output: Run) -> None:
    by_words = output("draw", "2x7x9", "k3x2s2x1p1x0f4", "--at", "1,2").splitlines()
    options = ["-i", "2x7x9", "-k", "3x2", "-s", "2x1", "-p", "1x0", "-f", "4", "--at", "1,2"]
    by_options = output("draw", *options).splitlines()
    assert by_words[1:] == by_options[1:]
    channels_last = output("draw", "--layout", "channels-last", "-i", "7x9x2", *options[2:]).splitlines()
    assert channels_last == by_options


def test_weights_and_multiplications_are_those_of_the_other_commands(output: Run) -> None:
    layer = ["-i", "4x6x5", "-k", "3x2", "-s", "2x1", "-p", "1", "-f", "6", "-g", "2"]
    report = json.loads(output("cost", *layer, "--json"))
    wiring = output("draw", "channels", *layer)
    assert f"{report['weights']:,} weights" in wiring
    matrix = json.loads(output("draw", "matrix", *layer, "--json"))["pictures"][0]
    entries = sum(cell["role"] == "weight" for cell in matrix["grids"][1]["cells"])
    whole = int(re.findall(r"^([\d,]+) of ", matrix["steps"][0]["lines"][1])[0].replace(",", ""))
    assert whole * 4 * 6 // 2 == report["multiplications_effective"]
    assert entries <= whole
    window = json.loads(output("draw", *layer, "--json"))["pictures"][0]
    assert len(window["grids"][1]["cells"]) == prod(report["output"][1:])


@pytest.mark.parametrize(
    ("command", "quantity", "numbers"),
    [
        ("draw 1x7x9 k3s2p1f1", "output height", "floor((7 + 1 + 1 - 3) / 2) + 1"),
        ("draw rf 1x9x9 k3 k3d2", "coverage along height and width", "count(0, 1, 2)"),
        ("draw cost -i 4x9x9 -k 3 -f 8 --compare ds", "ratio of multiplications", None),
        ("draw net resnet18", "multiplications", None),
    ],
)
def test_the_working_out_comes_after_the_picture(command: str, quantity: str, numbers: str | None, output: Run) -> None:
    rows = [line.split("\t") for line in output(*command.split(), "--explain").splitlines() if "\t" in line]
    assert any(row[1] == quantity and numbers in (None, row[3]) for row in rows)
    told = json.loads(output(*command.split(), "--explain", "--json"))
    assert [row["quantity"] for row in told["explanations"]] == [row[1] for row in rows[1:]]
