"""Everyday spellings mean the same in every command, and in Python."""

from __future__ import annotations

import json
import shlex
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import convcalc
from tests.commands import ASKING, Run


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("-p SAME", "-p same"),
        ("-p SAME_UPPER", "-p same"),
        ("-p same-upper", "-p same"),
        ("-p Valid", "-p valid"),
        ("-p SAME_LOWER", "-p same-lower"),
        ("--kernel-size 5", "-k 5"),
        ("--in-channels 3 --padding-mode ZEROS", ""),
        ("--layout NHWC -i 8x9x3", "-i 3x8x9"),
        ("--layout HWC -i 8x9x3", "-i 3x8x9"),
        ("--layout NCHW", ""),
        ("--layout CHW", ""),
        ("-t Conv2d", "-t 2d"),
        ("-t conv3d -i 3x8x9x7", "-t 3d -i 3x8x9x7"),
        ("-t ConvTranspose2d", "-t transposed"),
        ("-t deconvolution", "-t transposed"),
        ("Conv2d:k3 maxpool:k2 AvgPool2d:k2 deconvolution:k3", "2d:k3 max:k2 avg:k2 t:k3"),
    ],
)
def test_everyday_spellings(command: str, typed: str, plain: str, output: Run) -> None:
    def answer(text: str) -> dict[str, Any]:
        size = [] if "-i " in text else ["3x8x9"] if ":" in text else ["-i", "3x8x9"]
        answer: dict[str, Any] = json.loads(output(command, *size, *shlex.split(text), "--json"))
        for layer in answer.get("layers", ()):
            del layer["layer"]  # the word as it was typed
        return {**answer, "notes": None}

    assert answer(typed) == answer(plain)


@pytest.mark.parametrize(("typed", "plain"), [("fp32", "float32"), ("FP16", "float16"), ("bf16", "bfloat16")])
def test_everyday_spellings_of_element_types(typed: str, plain: str, output: Run) -> None:
    for command in (["cost"], ["net", "alexnet"]):
        assert output(*command, "--dtype", typed) == output(*command, "--dtype", plain)
    assert convcalc.analyze(dtype=typed).to_dict() == convcalc.analyze(dtype=plain).to_dict()


def test_channels_that_are_not_the_inputs(refusal: Run, output: Run) -> None:
    assert refusal("shape", "-i", "3x8x9", "--in-channels", "4").startswith(
        "in-channels: must be the input's, got 4 and"
    )
    assert (
        refusal("shape", "-i", "56x56", "--in-channels", "4")
        .partition("; input 56x56")[0]
        .endswith("use --in-channels 56 or --input 4x56x56")
    )
    assert "64x7x7" in output("shape", "--in-channels", "64")


def test_a_mode_of_the_padding_is_named_and_changes_no_number(output: Run) -> None:
    layer = ("cost", "-i", "3x8x9", "-k", "5", "-p", "2", "--json")
    plain, reflect = json.loads(output(*layer)), json.loads(output(*layer, "--padding-mode", "reflect"))
    assert reflect == {**plain, "notes": ["padding mode reflect: sizes and counts are those of zeros", *plain["notes"]]}
    report = convcalc.analyze(input=(3, 8, 9), kernel=5, padding=2, filters=4, padding_mode="reflect")
    assert report.notes[0] == "padding mode reflect: sizes and counts are those of zeros"


def test_pytorchs_names_in_python() -> None:
    ours = convcalc.analyze("conv", input=(3, 8, 9), kernel=5, filters=4, padding="same").to_dict()
    theirs = convcalc.analyze(
        "Conv2d", input=(3, 8, 9), in_channels=3, out_channels=4, kernel_size=5, padding="SAME", padding_mode="zeros"
    )
    assert theirs.to_dict() == ours
    for twice in ({"kernel": 3, "kernel_size": 3}, {"filters": 3, "out_channels": 3}):
        with pytest.raises(convcalc.ConvcalcError, match=r"is another name for .*, got both; give one"):
            convcalc.analyze(**twice)


@pytest.mark.parametrize(("typed", "plain"), [("ZEROS", "zeros"), ("edge", "replicate"), ("wrap", "circular")])
def test_modes_of_the_padding_by_numpys_names(typed: str, plain: str) -> None:
    x, w = np.arange(24.0).reshape(1, 4, 6), np.ones((1, 1, 3, 3))
    assert_array_equal(
        convcalc.conv(x, w, padding=1, padding_mode=typed), convcalc.conv(x, w, padding=1, padding_mode=plain)
    )
