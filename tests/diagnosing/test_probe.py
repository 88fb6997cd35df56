"""Probes: small arrays on which no two mistakes look alike, with the right output."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.diagnosing.evaluate import computable, whole
from convcalc.diagnosing.layer import setup_of
from convcalc.diagnosing.setup import stored_shape
from convcalc.diagnosing.table import readings_of
from convcalc.proof.forms import Named
from convcalc.proof.run import RunOptions, prepared
from tests.commands import Run, exit_code
from tests.diagnosing.asking import asked, names
from tests.diagnosing.layers import Layer, Stage
from tests.diagnosing.layers import output as by_definition

LAYERS: list[tuple[str, dict[str, Any], Stage, int]] = [
    ("1d:k3", {}, Stage(np.zeros((2, 3, 3))), 8),
    (
        "k3s2p1g2f4", {"stride": 2, "padding": 1, "groups": 2},
        Stage(np.zeros((4, 3, 3, 3)), None, (2, 2), ((1, 1), (1, 1)), (), 2), 40,
    ),
    (
        "-t transposed -i 4x9 -k 3 -s 2 -p 1 -f 2", {"type": "transposed", "stride": 2, "padding": 1, "dims": 1},
        Stage(np.zeros((4, 2, 3)), None, (2,), ((1, 1),), (), 1, True), 10,
    ),
    (
        "-t depthwise -i 3x40 -k 3 -m 2 -p 2:0", {"type": "depthwise", "padding": "2:0", "dims": 1},
        Stage(np.zeros((6, 1, 3)), None, (), ((2, 0),), (), 3), 10,
    ),
]  # fmt: skip
"""A layer as it is typed, the options of `run` for it, what it is by the definition, and of how many mistakes one is
made."""


def probed(folder: Path, typed: str, output: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output("probe", *typed.split(), "-o", str(folder), "--json"))
    return found


@pytest.mark.parametrize(
    ("typed", "options", "stage", "step"), LAYERS, ids=["1d", "grouped", "transposed", "depthwise"]
)
def test_mistakes_are_named_without_a_doubt(
    typed: str, options: dict[str, Any], stage: Stage, step: int, tmp_path: Path, output: Run
) -> None:
    found = probed(tmp_path, typed, output)
    assert found["separated"] == found["classes"] > 100
    assert found["together"] == []
    x, w, y = (np.load(tmp_path / f"{name}.npy") for name in "xwy")
    assert (list(x.shape), [list(w.shape)], list(y.shape)) == (found["input"], found["kernels"], found["output"])
    assert w.shape == stage.w.shape
    np.testing.assert_array_equal(y, by_definition(Layer("", x[None].astype(int), (stage,)).but(w=w.astype(int)))[0])
    assert asked(x, w, y, **options)["indistinguishable"] == []
    for id, theirs in made(x, w, options)[::step]:
        if any(id in ids for ids in (found["no_difference"], *found["too_plain"])):
            continue
        answer = asked(x, w, theirs, **options)
        assert id in names(answer)
        assert answer["indistinguishable"] == []


def made(x: np.ndarray, w: np.ndarray, options: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    """Every mistake of the table but rounding, with the output that it gives."""
    data, kernels, settings = Named("x", x), [Named("w", w)], RunOptions(**options)
    setup = computable(setup_of(prepared(data, kernels, [], settings), data, kernels, settings))
    right = np.abs(whole(setup)).max()
    outputs = []
    for reading in readings_of(setup, np.dtype(np.float64), (x.dtype, w.dtype), float(right)):
        changed = reading.change(setup)
        if reading.family != "rounding" and changed is not None and stored_shape(changed) is not None:
            y = whole(changed)
            outputs.append((reading.id, y.astype(int) if np.array_equal(y, np.round(y)) else y))
    return outputs


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_here")
def test_mem_files_have_the_numbers_in_hexadecimal(output: Run) -> None:
    typed = ("-t", "1d", "-i", "9x2", "-k", "3", "-f", "2", "--bias", "--layout", "channels-last")
    found = json.loads(output("probe", *typed, "-o", "new/bench", "--mem", "--bits", "6", "--json"))
    assert set(found["files"]) == {f"new/bench/{name}.{form}" for name in "xwby" for form in ("npy", "mem")}
    for name, bits in (("x", 6), ("w", 6), ("b", 6), ("y", 32)):
        array = np.load(f"new/bench/{name}.npy")
        comment, *lines = Path(f"new/bench/{name}.mem").read_text().splitlines()
        assert comment == f"// {'x'.join(map(str, array.shape))}, {bits} bits"
        numbers = [int(line, 16) for line in lines]
        assert [n - (n >> (bits - 1) << bits) for n in numbers] == array.ravel().tolist()
        assert {len(line) for line in lines} == {-(-bits // 4)}
    np.save("yours.npy", np.maximum(np.load("new/bench/y.npy"), 0))
    assert exit_code(*shlex.split(found["command"])[1:]) == 1


@pytest.mark.usefixtures("_here")
def test_files_are_not_overwritten(output: Run, refusal: Run) -> None:
    Path("x.npy").write_text("mine")
    assert "must not overwrite files" in refusal("probe", "1d:k2", "-o", ".")
    assert [path.name for path in Path().iterdir()] == ["x.npy"]
    output("probe", "1d:k2", "-o", ".", "--force")
    assert np.load("x.npy").ndim == 2


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("1d:k1", "may show with larger numbers: --largest 127"),
        ("1d:k1 --bits 7", "does not show"),  # 3 products of 63 * 63
    ],
)
def test_larger_numbers_are_advised_only_where_they_may_help(typed: str, advice: str, output: Run) -> None:
    [line] = [line for line in output("probe", *typed.split()).splitlines() if line.startswith("output")]
    assert line.endswith(f"; 16-bit overflow {advice}")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("k2f2 --mem", "got no -o"),
        ("1x9x8 k2f2 k2f2 -o bench", "takes one convolution, got 'k2f2 k2f2'"),
        ("1x9x8 max:k2 -o bench", "takes one convolution, got 'max:k2'"),
        ("512x9x8 k3f512 -o bench", "at most 524,288 numbers"),
        ("k3 --bits 17 -o bench", "must be 2 to 16, got 17"),
    ],
)
@pytest.mark.usefixtures("_here")
def test_refusals(typed: str, message: str, refusal: Run) -> None:
    assert message in refusal("probe", *typed.split())
    assert [*Path().iterdir()] == []
