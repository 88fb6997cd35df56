"""The size of an input is said as it was read; what may have been meant otherwise is asked, and the answer works."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import convcalc
from tests.commands import ASKING, OnTerminal, Run, exit_code

REMEDIES = [
    ("224x224x3", "", "3x224x224", "[3, 224, 224]"),
    ("224x224x3", "", "224x224x3 --layout channels-last", "[3, 224, 224]"),
    ("3x224x224", "--layout NHWC", "3x224x224", "[3, 224, 224]"),
    ("9x9", "", "1x9x9", "[1, 9, 9]"),
    ("1x9x9x9", "", "9x9x9", "[9, 9, 9]"),
    ("8x3x24x24", "", "3x24x24 --batch 8", "[3, 24, 24]"),
]


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize(("typed", "options", "remedy", "meant"), REMEDIES)
def test_what_a_note_asks_for_is_answered_without_a_note(
    typed: str, options: str, remedy: str, meant: str, words: bool, output: Run
) -> None:
    def notes(text: str, command: str) -> list[str]:
        size, *others = shlex.split(text)
        layer = [size, "k3"] if words else ["-i", size, "-k", "3", "-f", "4"]
        answer = json.loads(output(command, *layer, *others, "--json"))
        assert command == "rf" or answer["input"] == json.loads(meant) or text != remedy
        return [note for note in answer["notes"] if " was read as " in note]

    for command in ASKING:
        [asked] = notes(f"{typed} {options}", command)
        assert re.split(" --| ", remedy)[0] in asked
        assert notes(remedy, command) == []


THREE = "-i 1x16x112x112 -f 4"


@pytest.mark.parametrize(
    "request_",
    [
        f"{THREE} -t 3d", f"{THREE} -k 3x3x3", f"{THREE} -s 1x2x2", f"{THREE} --layout CDHW", f"{THREE} --layout NCDHW",
        "1x16x112x112 3d:k3", "1x16x112x112 k3x3x3", "1x16x112x112 k3 --layout CDHW", "16x112x112x1 k3 --layout NDHWC",
        "1x16x112x112 Conv3d(1,8,3)",
    ],
)  # fmt: skip
def test_data_that_are_said_to_be_3_d_may_begin_with_1(request_: str, output: Run) -> None:
    answer = json.loads(output("shape", *shlex.split(request_), "--json"))
    assert answer["input"] == [1, 16, 112, 112]
    assert not [note for note in answer["notes"] if "read as" in note]


@pytest.mark.parametrize("request_", ["-i 1x3x64x64", "-i 1x3x64x64 -k 3", "-i 1x3x64x64 -k 3x3", "1x3x64x64 k3 gap"])
def test_a_batch_in_a_size_is_refused_by_every_command(request_: str, refusal: Run) -> None:
    for command in ASKING:
        line = refusal(command, *shlex.split(request_))
        assert line.startswith("input: a size has no batch, got 1x3x64x64; write 3x64x64")


def test_python_is_asked_too() -> None:
    [note, *_] = convcalc.analyze(input=(224, 224, 3), kernel=3, filters=8).notes
    assert note.startswith("input 224x224x3 was read as 2-D, 224 channels of 224x3")
    with pytest.raises(convcalc.ConvcalcError, match="write 3x64x64"):
        convcalc.analyze(input=(1, 3, 64, 64), kernel=3)
    with pytest.raises(convcalc.ConvcalcError, match="write 3x64x64"):
        convcalc.network("1x3x64x64 k3")


def test_an_error_that_the_size_may_have_caused_asks_too(refusal: Run) -> None:
    for request_ in ("-i 224x224x3 -k 5 -f 8", "224x224x3 k5f8"):
        assert refusal("shape", *request_.split()).endswith("write 3x224x224, or add --layout channels-last")


TOML = '[[layers]]\nop = "conv"\nfilters = 8\nkernel = {}\n'


def test_the_size_in_a_file_is_asked_about_and_refused_as_any_other(output: Run, refusal: Run, tmp_path: Path) -> None:
    file = tmp_path / "net.toml"

    def network(size: str, kernel: str) -> str:
        file.write_text(f'input = "{size}"\n{TOML.format(kernel)}')
        return str(file)

    [note, *_] = json.loads(output("net", network("224x224x3", "3"), "--json"))["notes"]
    assert note.endswith("for 3 channels of 224x224 write 3x224x224")
    assert "write 3x64x64, or write a kernel such as [3, 3, 3]" in refusal("net", network("1x3x64x64", "3"))
    assert json.loads(output("net", network("1x3x64x64", "[3, 3, 3]"), "--json"))["input"] == [1, 3, 64, 64]
    assert json.loads(output("net", network("1x3x64x64", '"3x3x3"'), "--json"))["input"] == [1, 3, 64, 64]


@pytest.mark.parametrize(
    ("size", "meant"), [("1x3x64x64", "3x64x64"), ("64", "3x64x64"), ("64x48", "3x64x48"), ("3x9x9x9x9", "")]
)
def test_the_input_of_a_network_with_other_axes_is_told_the_one_that_works(size: str, meant: str, refusal: Run) -> None:
    line = refusal("net", "resnet18", "-i", size)
    assert line.endswith(f"; write {meant}") or not meant


@pytest.mark.parametrize(
    ("request_", "heading"),
    [
        ("shape -i 3x9x9 -f 4", "standard  3x9x9 -> 4x7x7  (2-D, 3 channels of 9x9)"),
        ("params 9x8x3 k3 --layout NHWC", "chain  9x8x3 -> 7x6x3  (2-D, 3 channels of 9x8, channels last)"),
        ("cost -i 4x5x6x7 -f 1", "standard  4x5x6x7 -> 1x3x4x5  (3-D, 4 channels of 5x6x7)"),
        ("rf 2x99 k3", "receptive field on 2x99  (1-D, 2 channels of length 99)"),
        ("net resnet18 -i 3x32x32", "resnet18  3x32x32 -> 1000  (2-D, 3 channels of 32x32)"),
    ],
)
def test_headings_say_how_a_size_was_read(request_: str, heading: str, on_terminal: OnTerminal) -> None:
    assert on_terminal(100, *request_.split())[0] == heading


@pytest.mark.parametrize(
    ("request_", "remedy"),
    [
        ("shape --input 3 24 32 -f 4", "shape --input 3x24x32 -f 4"),
        ("cost 3 24 32 k3", "cost 3x24x32 k3"),
        ("cost 3, 24, 32 k3", "cost 3x24x32 k3"),
        ("net resnet18 -i 3 32 32", "net resnet18 --input 3x32x32"),
        ("shape 1x1 k1", "shape 3x224x224 1x1 k1"),
        ("shape 1x1 k1", "shape --input 1x1 k1"),
        ("shape 784 fc10", "shape 784x1 fc10"),
        ("shape -i 3x9x9 -k 3x3x3", "shape -i 3x9x9 -k 3x3"),
        ("shape -i 3x9x9 -p 0,1,0,1", "shape -i 3x9x9 -p 0:1x0:1"),
        ("shape -i 3x9x9 --padding -1x0", "shape -i 3x9x9 --padding 1x0"),
        ("shape 3x9x9 k3p-1", "shape 3x9x9 k3p1"),
        ("shape 3x9x9 K3S2", "shape 3x9x9 k3s2"),
        ("shape 3x9x9 MAX:K2", "shape 3x9x9 max:k2"),
        ("shape -i 5x7 -k 3x3", "shape -i 1x5x7 -k 3x3"),
        ("shape -t 1d -i 1x1x999", "shape -t 1d -i 1x999"),
    ],
)
def test_the_form_that_an_error_names_works(request_: str, remedy: str, output: Run, refusal: Run) -> None:
    line = refusal(*shlex.split(request_))
    named = [word for word in remedy.split() if word not in request_.split()]
    assert all(re.search(f"(?:^|[ =]){re.escape(word)}(?:[ ,;?]|$)", line) for word in named), line
    assert output(*shlex.split(remedy))


@pytest.mark.parametrize("row", ["3x33x33 k3f4 max:k2", "'3x33x33 k3f4' max:k2", "3x33x33 'k3f4 max:k2'"])
def test_a_row_inside_quotation_marks_is_the_same_row(row: str, output: Run) -> None:
    assert output("cost", *shlex.split(row)) == output("cost", "3x33x33", "k3f4", "max:k2")
    assert output("rf", row.replace("'", "")) == output("rf", "3x33x33", "k3f4", "max:k2")


@pytest.mark.parametrize("size", ["(3, 24, 32)", "[3, 24, 32]", "3,24,32", "3×24×32", "3X24X32", "3 x 24 x 32"])
def test_every_way_of_writing_a_size_is_the_same_size(size: str, output: Run) -> None:
    assert output("shape", size, "k3") == output("shape", "3x24x32", "k3")
    assert output("shape", "-i", size, "-f", "4") == output("shape", "-i", "3x24x32", "-f", "4")


@pytest.mark.parametrize("options", ["", "--compare mobilenet-v1", "--check"])
def test_every_answer_about_a_network_asks(options: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(TOML.format(1))
    assert exit_code("net", str(file), "-i", "24x24x3", *options.split()) == 0
    assert "input 24x24x3 was read as 2-D, 24 channels of 24x3" in capsys.readouterr().err
