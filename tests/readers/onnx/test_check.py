"""ONNX files run with their own weights: against the engine called by hand, ONNX's reference, and ONNX Runtime."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import conv
from convcalc.cli import exit_code
from tests.onnx_models import TensorProto, model, node, saved, tensor

Run = Callable[..., str]
RANDOM = np.random.default_rng(3)
ARRAYS = {
    "w": RANDOM.standard_normal((6, 2, 3, 2)).astype("f4"), "b": RANDOM.standard_normal(6).astype("f4"),
    "scale": RANDOM.standard_normal(6).astype("f4"), "shift": RANDOM.standard_normal(6).astype("f4"),
    "mean": RANDOM.standard_normal(6).astype("f4"), "variance": RANDOM.random(6).astype("f4") + 0.5,
    "m": RANDOM.standard_normal((5, 6)).astype("f4"), "c": RANDOM.standard_normal(5).astype("f4"),
}  # fmt: skip
X = RANDOM.standard_normal((1, 4, 9, 7)).astype("f4")


def network(folder: Path, arrays: dict[str, Any]) -> str:
    """A grouped convolution with one-sided padding beside a shortcut, a gate, and a linear layer."""
    nodes = [
        node("Conv", "x w b", "conv", group=2, pads=[1, 0, 1, 1], strides=[2, 1], name="first"),
        node("BatchNormalization", "conv scale shift mean variance", "norm", name="norm"),
        node("Sigmoid", "norm", "gate"),
        node("Mul", "norm gate", "silu"),
        node("GlobalAveragePool", "silu", "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat m c", "y", transB=1, alpha=0.5, name="last"),
    ]
    missing = {name: values.shape for name, values in ARRAYS.items() if name not in arrays}
    return write(folder, nodes, arrays, missing)


def write(folder: Path, nodes: list[Any], arrays: dict[str, Any], missing: dict[str, Any] | None = None) -> str:
    """The path of a model on X with these arrays; of those in `missing` it has only the shapes."""
    made = [tensor(name, values) for name, values in arrays.items()]
    return saved(folder, model(nodes, made, {"x": X.shape, **(missing or {})}, opset=17))


def by_hand() -> np.ndarray:
    """The same network with the engine's convolution and plain NumPy."""
    a = {name: value.astype("f8") for name, value in ARRAYS.items()}
    made = conv(X.astype("f8"), a["w"], a["b"], stride=(2, 1), padding=((1, 1), (0, 1)), groups=2)
    column = {name: a[name].reshape(-1, 1, 1) for name in ("scale", "shift", "mean", "variance")}
    made = (made - column["mean"]) / np.sqrt(column["variance"] + 1e-5) * column["scale"] + column["shift"]
    made = (made / (1 + np.exp(-made))).mean((2, 3))
    result: np.ndarray = 0.5 * made @ a["m"].T + a["c"]
    return result


def test_a_file_is_run_with_its_own_weights(output: Run, tmp_path: Path) -> None:
    path, x, out = network(tmp_path, ARRAYS), tmp_path / "x.npy", tmp_path / "out.npy"
    np.save(x, X)
    answer = json.loads(output("net", path, "--check", "--array", str(x), "-o", str(out), "--json"))
    assert answer["ok"]
    np.testing.assert_allclose(np.load(out), by_hand(), rtol=1e-4, atol=1e-5)
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert "ONNX Runtime" in values["how"]
    from onnx.reference import ReferenceEvaluator

    np.testing.assert_allclose(np.load(out), ReferenceEvaluator(path).run(None, {"x": X})[0], rtol=1e-3, atol=1e-4)


def test_outputs_are_compared_with_onnx_runtime(output: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    answer = json.loads(output("net", network(tmp_path, ARRAYS), "--check", "--json"))
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert values["predicted"].startswith("error <= ")
    assert values["ok"]


def test_a_file_without_weights_is_run_with_random_ones(output: Run, tmp_path: Path) -> None:
    """Shapes, counts and receptive fields can be proved all the same; values cannot, and are skipped."""
    answer = json.loads(output("net", network(tmp_path, {}), "--check", "--json"))
    assert answer["ok"]
    assert answer["totals"]["parameters"] == 6 * 2 * 3 * 2 + 6 + 12 + 30 + 5
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert (values["ok"], values["measured"]) == (None, None)
    assert "the file lacks some" in values["how"]


def test_replaced_convolutions_have_no_weights_in_the_file(output: Run, tmp_path: Path) -> None:
    path = network(tmp_path, ARRAYS)
    answer = json.loads(output("net", path, "--check", "--replace", "grouped=standard", "--json"))
    assert answer["ok"]
    assert "values" not in {check["name"] for check in answer["checks"]}


def test_quantized_weights_may_have_one_scale(output: Run, tmp_path: Path) -> None:
    """ONNX's default axis of 1 is none of a bias, and is not asked for where there is one scale alone."""
    integers = RANDOM.integers(-9, 9, (6, 4, 3, 2)).astype("i1")
    arrays = {"q": integers, "s": np.float32(0.5), "b": np.arange(6, dtype="i4"), "t": np.float32(0.25)}
    nodes = [
        node("DequantizeLinear", "q s", "w"), node("DequantizeLinear", "b t", "c"), node("Conv", "x w c", "y"),
    ]  # fmt: skip
    path, x, out = write(tmp_path, nodes, arrays), tmp_path / "x.npy", tmp_path / "out.npy"
    np.save(x, X)
    assert json.loads(output("net", path, "--check", "--array", str(x), "-o", str(out), "--json"))["ok"]
    np.testing.assert_allclose(
        np.load(out), conv(X, integers * np.float32(0.5), arrays["b"] / np.float32(4)), rtol=1e-5
    )


def test_what_onnx_runtime_cannot_run_is_checked_all_the_same(output: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    nodes = [node("Conv", "x w", auto_pad="SAME_UPPER", dilations=[2, 1], group=2)]
    path = write(tmp_path, nodes, {"w": ARRAYS["w"]})
    answer = json.loads(output("net", path, "--check", "--json"))
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert answer["ok"]
    assert (values["ok"], values["measured"]) == (None, None)
    assert values["how"].startswith("ONNX Runtime cannot run it: ")


def test_without_onnx_runtime_values_are_skipped_and_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcalc.proof.onnx_runtime.find_spec", lambda _: None)
    path = write(tmp_path, [node("Conv", "x w", group=2)], {"w": ARRAYS["w"]})
    assert exit_code(["net", path, "--check", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert (answer["ok"], values["ok"], values["predicted"], values["measured"]) == (True, None, None, None)
    assert values["how"] == "ONNX Runtime is not installed"
    assert exit_code(["net", path, "--check"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1].split("\t")[:4] == ["values", "", "", "skipped"]
    assert "values skipped: ONNX Runtime is not installed" in printed.err.splitlines()
    assert "3 checks of 1 layer agree; random data, the file's weights" in printed.err.splitlines()
    assert printed.err.splitlines()[-1] == "every check made agrees; skipped: values"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    assert exit_code(["net", path, "--check"]) == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "values skipped: ONNX Runtime is not installed" in " ".join(plain.split())


def test_integers_are_given_to_onnx_runtime_as_integers(
    output: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    proto = model(
        [node("Cast", "x", "f", to=1), node("Conv", "f w", group=2)], [tensor("w", ARRAYS["w"])], {"x": X.shape}
    )
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    path, x = saved(tmp_path, proto), tmp_path / "x.npy"
    np.save(x, np.arange(X.size, dtype="u1").reshape(X.shape))
    for given in ([], ["--array", str(x)]):
        answer = json.loads(output("net", path, "--check", "--json", *given))
        [values] = [check for check in answer["checks"] if check["name"] == "values"]
        assert values["ok"] is True
        assert answer["result"]["max"] > 255  # not of numbers around 0
    np.save(x, np.full(X.shape, 3.5, "f4"))
    assert exit_code(["net", path, "--check", "--array", str(x)]) == 2
    refused = capsys.readouterr().err
    assert refused == "error: x: the network's input is uint8, got 3.5 in it; give numbers that uint8 has\n"


def test_a_sigmoid_near_0_agrees_with_onnx_runtime(output: Run, tmp_path: Path) -> None:
    """ONNX Runtime's sigmoid is good to 6e-8, and here it is about 1e-7."""
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    nodes = [node("Conv", "x w b", "c", group=2), node("Sigmoid", "c", "y")]
    path = write(tmp_path, nodes, {"w": ARRAYS["w"] / 8, "b": np.full(6, -16, "f4")})
    answer = json.loads(output("net", path, "--check", "--json"))
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert values["ok"] is True


def test_all_outputs_are_compared_with_onnx_runtime(output: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    nodes = [node("Conv", "x w", group=2), node("Relu", "y", "z"), node("GlobalAveragePool", "z", "p")]
    path = saved(tmp_path, model(nodes, [tensor("w", ARRAYS["w"])], {"x": X.shape}, outputs=("p", "y", "x")))
    answer = json.loads(output("net", path, "--check", "--json"))
    values = [check for check in answer["checks"] if check["name"] == "values"]
    assert [check["ok"] for check in values] == [True] * 3
    assert [check["how"].split(" outputs of ")[0] for check in values] == ["6", str(6 * 7 * 6), str(X.size)]


def test_a_network_in_halves_is_run_with_the_rounding_of_halves(output: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    nodes = [node("Cast", "x", "h", to=10), node("Conv", "h w b", "c", group=2), node("Cast", "c", "y", to=1)]
    halves = {name: ARRAYS[name].astype("f2") for name in ("w", "b")}
    path, x, out = write(tmp_path, nodes, halves), tmp_path / "x.npy", tmp_path / "out.npy"
    np.save(x, X)
    answer = json.loads(output("net", path, "--check", "--array", str(x), "-o", str(out), "--json"))
    [values] = [check for check in answer["checks"] if check["name"] == "values"]
    assert answer["ok"]
    assert values["predicted"].startswith("error <= ")
    wide = conv(*(array.astype("f2").astype("f8") for array in (X, ARRAYS["w"], ARRAYS["b"])), groups=2)
    error = np.abs(np.load(out) - wide).max()
    assert error < 1e-5  # the input and the weights were rounded to halves, as in the line above
