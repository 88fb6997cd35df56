"""Probes: small arrays on which no two mistakes look alike, with the right output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.commands import exit_code
from tests.diagnosing.asking import asked, names
from tests.diagnosing.layers import Layer, Stage, output

LAYERS: list[tuple[list[str], dict[str, object], Stage]] = [
    (
        ["3x16x16", "k3s2psamef4"], {"stride": 2, "padding": "same"},
        Stage(np.zeros((4, 3, 3, 3)), None, (2, 2), ((0, 1), (0, 1))),
    ),
    (
        ["-t", "transposed", "-i", "4x9x9", "-k", "3", "-s", "2", "-p", "1", "--output-padding", "1", "-f", "3"],
        {"type": "transposed", "stride": 2, "padding": 1, "output_padding": 1},
        Stage(np.zeros((4, 3, 3, 3)), None, (2, 2), ((1, 1), (1, 1)), (), 1, True, (1, 1)),
    ),
    (
        ["-t", "depthwise", "-i", "3x40", "-k", "3", "-m", "2", "-p", "2:0"],
        {"type": "depthwise", "padding": "2:0", "dims": 1}, Stage(np.zeros((6, 1, 3)), None, (), ((2, 0),), (), 3),
    ),
]  # fmt: skip


def probed(folder: Path, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert exit_code("probe", *arguments, "-o", str(folder), "--json") == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(("arguments", "options", "stage"), LAYERS, ids=["plain", "transposed", "depthwise"])
def test_every_mistake_is_told_apart(
    arguments: list[str], options: dict[str, object], stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = probed(tmp_path / "bench", arguments, capsys)
    assert found["separated"] == found["classes"]
    assert found["together"] == []
    x, w, y = (np.load(tmp_path / "bench" / f"{name}.npy") for name in "xwy")
    assert (list(x.shape), list(y.shape)) == (found["input"], found["output"])
    assert x.dtype == w.dtype == np.int8
    assert max(x.shape[1:]) <= 16
    layer = Layer("", x[None].astype(int), (stage,)).but(w=w.astype(int))
    np.testing.assert_array_equal(y, output(layer)[0])
    assert asked(x, w, y, **options)["agrees"]
    axes = tuple(range(2, w.ndim))
    for id, wrong in (
        ("kernel-flipped", output(layer.but(w=np.flip(w, axes).astype(int)))[0]),
        ("activation-relu", np.maximum(y, 0)),
        ("wrapped-int8", y.astype(np.int8)),
    ):
        answer = asked(x, w, wrong, **options)
        assert id in names(answer)
        assert (len(answer["explanations"]), answer["indistinguishable"]) == (1, [])


def test_mem_files_have_the_numbers_in_hexadecimal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("probe", "9x12x2", "k2x3f3b", "-o", str(tmp_path), "--mem", "--layout", "channels-last") == 0
    assert "tells apart all" in capsys.readouterr().err
    for name in ("x", "w", "b", "y"):
        array = np.load(tmp_path / f"{name}.npy")
        first, *lines = (tmp_path / f"{name}.mem").read_text().splitlines()
        assert first == f"// {'x'.join(map(str, array.shape))} {array.dtype}"
        bits = 8 * array.itemsize
        numbers = [int(line, 16) for line in lines]
        signed = [number - (number >> (bits - 1) << bits) for number in numbers]
        assert signed == array.ravel().tolist()
        assert {len(line) for line in lines} == {bits // 4}


def test_files_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.npy").write_text("mine")
    assert exit_code("probe", "1x9x8", "k2f2", "-o", str(tmp_path)) == 2
    assert "must not overwrite files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
    assert exit_code("probe", "1x9x8", "k2f2", "-o", str(tmp_path), "--force") == 0
    assert np.load(tmp_path / "x.npy").ndim == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1x9x8", "k2f2"], "writes arrays into a directory, got none"),
        (["1x9x8", "k2f2", "k2f2", "-o", "bench"], "takes one convolutional layer, got 2 layers"),
        (["1x9x8", "max:k2", "-o", "bench"], "which is no convolution"),
        (["512x9x8", "k3f512", "-o", "bench"], "at most 524,288 weights, got 2,359,296"),
    ],
)
def test_refusals(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code("probe", *arguments) == 2
    out, err = capsys.readouterr()
    assert (out, [*tmp_path.iterdir()]) == ("", [])
    assert message in err
