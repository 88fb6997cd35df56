"""`convcalc net --check` through the command line: files in and out, rows, JSON, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.cli import exit_code
from convcalc.graph.graph import Node
from convcalc.proof.arrays import drawn_input
from convcalc.questions.cost import Cost, cost

CONVCALC = [sys.executable, "-m", "convcalc"]
Run = Callable[..., str]

PLAIN = """
input = "3x31x26"
[[layers]]
name = "stem"
op = "conv"
filters = 6
kernel = [3, 4]
stride = [2, 1]
padding = [[1, 0], [1, 2]]
bias = true
[[layers]]
name = "norm"
op = "batch_norm"
[[layers]]
name = "act"
op = "relu"
[[layers]]
name = "deep"
op = "ds"
filters = 8
kernel = 3
dilation = 2
padding = 2
[[layers]]
name = "pool"
op = "max_pool"
kernel = 2
[[layers]]
name = "last"
op = "conv"
filters = 5
kernel = 3
[[layers]]
op = "global_avg_pool"
[[layers]]
name = "scores"
op = "linear"
filters = 4
bias = true
"""
VOLUME = """
input = "2x9x11x8"
[[layers]]
op = "conv"
filters = 4
kernel = [3, 2, 1]
stride = [1, 2, 1]
padding = 1
[[layers]]
op = "max_pool"
kernel = [2, 1, 3]
"""


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command that must succeed prints on stdout."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        code = exit_code([*arguments])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return run


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Run:
    """The message of a command that must be refused, with nothing on stdout."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert exit_code([*arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
        return printed.err.removeprefix("error: ").rstrip("\n")

    return run


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "net.toml"
    path.write_text(PLAIN)
    return str(path)


def test_json_is_the_report_with_checks(output: Run, model: str, tmp_path: Path) -> None:
    plain = json.loads(output("net", model, "--json"))
    out = tmp_path / "out.npy"
    answer = json.loads(output("net", model, "--check", "--json", "-o", str(out)))
    assert {key: answer[key] for key in plain} == plain
    assert answer["ok"] is True
    assert answer["seconds"] > 0
    values = np.load(out)
    assert answer["result"]["shape"] == list(values.shape) == [1, 4]
    assert answer["result"]["dtype"] == "float32"
    assert answer["result"]["path"] == str(out)
    assert answer["result"]["max"] == pytest.approx(values.max())
    totals = {check["name"]: check for check in answer["checks"] if "layer" not in check}
    assert totals.keys() == {"output_shape", "parameters", "multiplications", "receptive_field"}
    assert totals["parameters"]["measured"] == plain["totals"]["parameters"]
    layers = {check["layer"] for check in answer["checks"] if "layer" in check}
    assert layers == {layer["name"] for layer in plain["layers"]}
    assert all(check["how"] for check in answer["checks"])


def test_rows_are_totals_and_what_disagrees(output: Run, model: str) -> None:
    rows = [line.split("\t") for line in output("net", model, "--check").splitlines()]
    assert rows[0] == ["check", "predicted", "measured", "ok", "how"]
    assert [row[0] for row in rows[1:]] == [
        "output_shape", "parameters", "multiplications", "receptive_field", "receptive_field"
    ]  # fmt: skip
    assert rows[4][1:4] == ["0..15x0..9", "0..15x0..9", "yes"]


def test_a_network_that_disagrees_exits_1_and_names_its_layers(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(node: Node) -> Cost:
        return cost(node)._replace(weights=7) if node.name == "stem" else cost(node)

    monkeypatch.setattr("convcalc.proof.network.cost", wrong)
    assert exit_code(["net", model, "--check"]) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == "DISAGREES: parameters in stem"
    assert ["parameters", "stem", "13", "222", "no"] in [line.split("\t")[:5] for line in printed.out.splitlines()]
    assert exit_code(["net", model, "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_arrays_with_and_without_batch_and_channels_last(output: Run, model: str, tmp_path: Path) -> None:
    x, path, out = drawn_input((1, 3, 31, 26), 4), str(tmp_path / "x.npy"), tmp_path / "y.npy"
    results = []
    for array, options in ((x, ()), (x[0], ()), (x[0].transpose(1, 2, 0), ("--layout", "channels-last"))):
        np.save(path, array)
        output("net", model, "--check", "--array", path, "-o", str(out), *options)
        results.append(np.load(out))
    assert_array_equal(results[0], results[1][np.newaxis])
    assert_array_equal(results[1], results[2])


def test_the_output_has_the_order_asked_for(output: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "net.toml", tmp_path / "y.npy"
    path.write_text(VOLUME)
    output("net", str(path), "--check", "-o", str(out))
    first = np.load(out)
    output("net", str(path), "--check", "-o", str(out), "--layout", "channels-last")
    assert_array_equal(np.load(out), np.moveaxis(first, 1, -1))


def test_refusals(refusal: Run, model: str, tmp_path: Path) -> None:
    path, out = str(tmp_path / "x.npy"), str(tmp_path / "y.npy")
    np.save(path, np.zeros((3, 31, 27), np.float32))
    assert "must be the network's input, 1x3x31x26" in refusal("net", model, "--check", "--array", path, "-o", out)
    np.save(path, np.zeros((3, 31, 26), np.complex64))
    assert "real numbers, got complex64" in refusal("net", model, "--check", "--array", path, "-o", out)
    assert "--array needs --check, got none; add it" in refusal("net", model, "--array", path)
    assert "--output needs --check, got none; add it" in refusal("net", model, "-o", out)
    assert "--csv cannot be combined with --check" in refusal("net", model, "--check", "--csv")
    assert "--check cannot be combined with --sweep" in refusal("net", model, "--check", "--sweep", "32..64:32")
    assert "--json fills stdout, got --output -" in refusal("net", model, "--check", "--json", "-o", "-")
    assert "its directory must exist" in refusal("net", model, "--check", "-o", str(tmp_path / "no" / "y.npy"))
    np.save(path, np.zeros((3, 31, 26), np.float32))
    for options, remedy in (((path,), "add --force"), ((out[:-3] + "jpg",), f"use -o {out}")):
        assert refusal("net", model, "--check", "--array", path, "-o", *options).endswith(remedy)
    assert "--force needs --output, got none" in refusal("net", model, "--check", "--force")
    assert not Path(out).exists()


def test_the_output_can_go_to_a_pipe(model: str) -> None:
    done = subprocess.run([*CONVCALC, "net", model, "--check", "-o", "-"], capture_output=True, check=True)
    assert done.stdout.startswith(b"\x93NUMPY")
    assert b"every check agrees" in done.stderr
    assert b"checking" not in done.stderr  # no progress bar where nobody looks
    assert sys.version_info >= (3, 11)
