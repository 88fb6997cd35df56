"""What an error advises works: followed, it ends in an answer."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.cli.remedies import advised
from tests.commands import DEFECT, exit_code

MAX_STEPS = 10
"""Errors that one request may have, one after the other."""
OPEN = (
    "check the name", "export it:", "see 'convcalc", "is an option of", "with words such as", "an .onnx file",
    "; export the network", "as words or as a TOML file", "as a layer word",
    "a layer is written like",
)  # fmt: skip
"""Advice that no command line can follow."""


def each(text: str) -> list[str]:
    return text.split()


TYPES = each(
    "standard conv 1d 2d 3d pointwise dilated transposed grouped depthwise ds spatial flattened pointwise-grouped "
    "shuffled deformable depthwse octave causal"
)
SIZES = each("3x8x8 4x9x7 6x12 3x5x6x7 1x3x8x8 8x8x3 2x2x2 12x20x20")
OPTIONS = {
    "-t": TYPES, "-k": each("1 2 3 3x5 5 9"), "-s": each("1 2 3"), "-d": each("1 2 4"), "-g": each("1 2 3 5 7"),
    "-p": each("0 1 2 same valid full causal 0:1 9 some same-lower"), "-f": each("4 8 9 6"), "-m": each("1 2"),
    "--mid-channels": each("3 8"), "--output-padding": each("0 1 3"), "--output-size": each("8 15 16 99"),
    "--in-channels": each("3 4"), "--padding-mode": each("zeros mirror"), "--layout": each("NCHW NHCW"),
    "--strides": ["2"], "--pads": ["1"], "--stirde": ["2"], "--kernel-shape": ["3"], "--num-filters": ["8"],
    "--batch-size": ["2"], "--no-bias": [], "--flops": [], "--same": [],
}  # fmt: skip
WORDS = each(
    "k3 k3s2p1 k3f8 k5f6 max:k2 max:s2 max:k2p2 t:k4s2p1 t:k4s2p1a3 ds:k3f8 dw:k3 dw gap fc10 bn relu up2 shuffle3 gn4 "
    "k3g2 k3g5f10 k9 k3q5 conv3 rellu K3S2 1x1:f8 deform:k3 causal:k3 fc k3*0 max:k3f8 k3c 3x3 up1.5"
)
CODE = (
    "nn.Conv2d(4, 8, 3)", "nn.MaxPool2d(2)", "Linear(32, 10)", "nn.BatchNorm2d(8)", "nn.LayerNorm(8)",
    "PixelShuffle(2)", "nn.Conv2d(3, 8, 3, padding='full')",
)  # fmt: skip
NETS = {
    "--only": ["layer9", "conv"], "--sort": ["flop", "name"], "--compare": ["alexnet", "vgg"], "--flops": [],
    "--input-size": ["3x224x224"], "--input": ["3x9x9", "224x224x3"], "--batch-size": ["2"], "--csv": [], "--json": [],
}  # fmt: skip


def _drawn(random: Random) -> list[str]:
    """A request, most likely a wrong one."""
    command = random.choice(["shape", "params", "cost", "rf"])
    kind = random.random()
    if kind < 0.06:
        model = random.choice(["alexnet", "squeezenet1-1", "SqueezeNet1_1", "alexnt"])
        return ["net", model, *random.choice([[], ["vgg16"], ["3x227x227"]]), *_options(random, NETS, 1)]
    compare = ["--compare", random.choice(TYPES)] if command == "cost" and random.random() < 0.3 else []
    if kind < 0.55:
        size = ["-i", random.choice(SIZES)] if random.random() < 0.8 else []
        return [command, *size, *_options(random, OPTIONS, random.randint(1, 4)), *compare]
    words = random.sample([*WORDS, *CODE], random.randint(1, 3))
    size = [random.choice(SIZES)] if random.random() < 0.85 else []
    return [command, *size, *words, *(["-k", "3"] if random.random() < 0.1 else compare)]


def _options(random: Random, table: dict[str, list[str]], count: int) -> list[str]:
    names = random.sample(list(table), count)
    return [part for name in names for part in (name, *([random.choice(table[name])] if table[name] else []))]


@pytest.mark.parametrize("seed", range(4))
def test_the_advice_of_an_error_ends_in_an_answer(seed: int, capsys: Any) -> None:
    random, followed = Random(seed), 0
    for _ in range(25):
        arguments = request = _drawn(random)
        trace = []
        for _ in range(MAX_STEPS):
            code = exit_code(*arguments)
            message = capsys.readouterr().err.strip()
            if code == 0:
                break
            trace.append(f"{' '.join(arguments)}\n    {message}")
            assert code == 2, trace
            assert DEFECT not in message, trace
            further = advised(arguments, message)
            if further is None:
                assert "; " not in message or any(text in message for text in OPEN), "\n".join(trace)
                break
            followed, arguments = followed + 1, further
        else:
            pytest.fail(f"{request} has no end:\n" + "\n".join(trace))
    assert followed > 12


def test_the_advice_for_arrays_that_do_not_fit_makes_them_fit(tmp_path: Path, capsys: Any) -> None:
    random, x, kernel, followed = Random(3), tmp_path / "x.npy", tmp_path / "k.npy", 0
    for _ in range(40):
        np.save(x, np.ones(random.choice([(3, 9, 8), (8, 9, 7), (9, 8, 3), (2, 3, 9, 8), (9, 8)])))
        np.save(kernel, np.ones(random.choice([(3, 3), (4, 3, 2, 2), (4, 2, 3, 3), (8, 4, 3, 3), (3, 3, 3, 4)])))
        arguments = ["run", str(x), str(kernel), "--no-check", *random.choice([[], ["-g", "3"], ["-g", "2"]])]
        for _ in range(MAX_STEPS):
            code = exit_code(*arguments)
            message = capsys.readouterr().err.strip()
            if code == 0:
                break
            assert DEFECT not in message
            advice = message.partition("; ")[2]
            if "moveaxis" in advice:  # a line of NumPy, tested with the arrays
                break
            if shape := re.match(r"use .*?kernel of shape \(([\d, ]+)\)", advice):
                np.save(kernel, np.ones([int(each) for each in shape[1].split(",") if each.strip()]))
            else:
                further = advised(arguments, message)
                assert further is not None, (arguments, message)
                arguments = further
            followed += 1
        else:
            pytest.fail(f"{arguments}: {message}")
    assert followed > 10
