"""`convcalc run` through the command line: every type on real arrays, every form of them, every refusal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import analyze
from convcalc.cli import exit_code
from tests.cases import CASES, Case

EXAMPLES = Path(__file__).parent.parent / "examples"
CHECKS = ["output_shape", "parameters", "multiplications", "receptive_field", "values"]
NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
RUN_KEYS = {
    "schema", "report", "checks", "ok", "output", "algorithm", "multiplications_executed", "engine", "seconds",
    "max_abs_error",
}  # fmt: skip
NAN, INF = float("nan"), float("inf")


def by_definition(
    stage: dict[str, Any], x: np.ndarray, w: np.ndarray, bias: np.ndarray | None = None, mode: str = "zeros"
) -> np.ndarray:
    """One stage of a report on x (batch, channels, *spatial), tap after tap: a shifted picture times a weight."""
    if stage["op"] == "channel_shuffle":
        groups = stage["groups"]
        return x[:, [g * (x.shape[1] // groups) + n for n in range(x.shape[1] // groups) for g in range(groups)]]
    groups, filters, axes = stage["groups"], stage["out_channels"], range(x.ndim - 2)
    stride, dilation, padding = (stage[key] for key in ("stride", "dilation", "padding"))
    transposed = stage["op"] == "conv_transpose"
    if transposed:
        sizes = [
            (x.shape[2 + i] - 1) * stride[i] + dilation[i] * (w.shape[2 + i] - 1) + 1 + stage["output_padding"][i]
            for i in axes
        ]
    else:
        sizes = stage["output"][1:]
        x = np.pad(x, ((0, 0), (0, 0), *padding), NUMPY_MODES[mode])
    out = np.zeros((x.shape[0], filters, *sizes), np.result_type(x, w))
    for n, c in product(range(filters), range(x.shape[1])):
        group, own = divmod(c, x.shape[1] // groups)
        if n // (filters // groups) != group:
            continue
        for taps in np.ndindex(*w.shape[2:]):
            weight = w[(c, n % (filters // groups), *taps)] if transposed else w[(n, own, *taps)]
            count = x.shape[2:] if transposed else sizes
            spread = tuple(
                slice(t * d, t * d + (m - 1) * s + 1, s)
                for t, d, m, s in zip(taps, dilation, count, stride, strict=True)
            )
            if transposed:
                out[(slice(None), n, *spread)] += weight * x[:, c]
            else:
                out[:, n] += weight * x[(slice(None), c, *spread)]
    if transposed:
        out = out[(..., *(slice(b, size - a) for (b, a), size in zip(padding, sizes, strict=True)))]
    return out if bias is None else out + bias.reshape(-1, *(1 for _ in axes))


Saved = Callable[..., str]
Invoked = Callable[..., tuple[int, str, str]]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Saves an array and gives its file's name."""

    def save(name: str, array: Any) -> str:
        np.save(tmp_path / f"{name}.npy", np.asarray(array))
        return str(tmp_path / f"{name}.npy")

    return save


@pytest.fixture
def invoked(capsys: pytest.CaptureFixture[str]) -> Invoked:
    """Exit code, stdout and stderr of `convcalc run` on these arguments."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = exit_code(["run", *map(str, arguments)])
        return code, *capsys.readouterr()

    return invoke


@pytest.fixture
def answered(saved: Saved, invoked: Invoked, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], np.ndarray]]:
    """The JSON and the output array of a run on these arrays that must succeed."""

    def answer(
        x: Any, kernels: Sequence[Any], *arguments: str, biases: Sequence[Any] = ()
    ) -> tuple[dict[str, Any], np.ndarray]:
        names = [saved("input", x), *(saved(f"kernel{i}", kernel) for i, kernel in enumerate(kernels))]
        flags = [part for i, bias in enumerate(biases) for part in ("--bias", saved(f"bias{i}", bias))]
        out = str(tmp_path / "out.npy")
        code, stdout, stderr = invoked(*names, *flags, *arguments, "--json", "-o", out)
        assert (code, stderr) == (0, ""), stderr + stdout
        found = json.loads(stdout)
        assert found["ok"]
        assert [(check["name"], check["ok"]) for check in found["checks"]] == [(name, True) for name in CHECKS]
        return found, np.load(out, allow_pickle=False)

    return answer


def refusal(invoked: Invoked, *arguments: str) -> str:
    """The one line on stderr of a run that must be refused, with nothing on stdout."""
    code, stdout, stderr = invoked(*arguments)
    assert (code, stdout) == (2, ""), stderr
    assert stderr.startswith("error: ")
    assert stderr.endswith("\n")
    assert stderr.count("\n") == 1
    return stderr


# Every type


def typed(options: dict[str, Any]) -> list[str]:
    """The options of a case as arguments of the command; what the arrays tell is left out."""
    arguments = []
    for name in ("stride", "padding", "dilation", "groups", "output_padding", "output_size"):
        value = options.get(name)
        if isinstance(value, tuple):
            parts = [":".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in value]
            value = "x".join(parts)
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    return arguments


def kernel_shape(stage: dict[str, Any]) -> tuple[int, ...]:
    first, second = stage["in_channels"], stage["out_channels"]
    if stage["op"] == "conv":
        first, second = second, first
    return first, second // stage["groups"], *stage["kernel"]


@pytest.mark.parametrize("kind", ["integers", "floats"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case(case: Case, kind: str, answered: Any) -> None:
    dtype = {"integers": "int64", "floats": "float32"}[kind]
    report = analyze(case.type, **case.options, dtype=dtype).to_dict()
    rng = np.random.default_rng(len(case.name))

    def filled(shape: tuple[int, ...]) -> np.ndarray:
        return rng.integers(-9, 10, shape) if kind == "integers" else rng.standard_normal(shape).astype(np.float32)

    stages = [stage for stage in report["stages"] if stage["op"] != "channel_shuffle"]
    x = filled((report["batch"], *report["input"]))
    kernels = [filled(kernel_shape(stage)) for stage in stages]
    biases = [filled((stage["out_channels"],)) for stage in stages] if case.options.get("bias") else []
    dims = len(report["input"]) - 1
    arguments = ["-t", case.type, "--dims", str(dims), *typed(dict(case.options))]
    found, out = answered(x, kernels, *arguments, biases=biases)

    expected = x.astype(np.int64 if kind == "integers" else np.float64)
    remaining = list(zip(kernels, biases or [None] * len(kernels), strict=True))
    for stage in report["stages"]:
        weight, bias = (None, None) if stage["op"] == "channel_shuffle" else remaining.pop(0)
        expected = by_definition(stage, expected, weight, bias)
    assert out.shape == (report["batch"], *case.output)
    if kind == "integers":
        assert out.dtype == np.int64
        np.testing.assert_array_equal(out, expected)
        assert found["max_abs_error"] == 0
    else:
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-3)

    assert set(found) == RUN_KEYS
    report = analyze(case.type, **case.options, dtype=str(out.dtype)).to_dict()
    told = {key: value for key, value in found["report"].items() if key != "notes"}
    assert told == {key: value for key, value in report.items() if key != "notes"}
    predicted = {check["name"]: check["predicted"] for check in found["checks"]}
    measured = {check["name"]: check["measured"] for check in found["checks"]}
    assert measured["output_shape"] == predicted["output_shape"] == list(case.output)
    assert measured["parameters"] == predicted["parameters"] == case.weights + sum(b.size for b in biases)
    assert measured["multiplications"] == predicted["multiplications"] == case.multiplications
    assert measured["receptive_field"] == predicted["receptive_field"] == report["receptive_field"]
    assert found["output"]["shape"] == list(out.shape)
    assert found["output"]["dtype"] == str(out.dtype)
    assert found["output"]["min"] == out.min()
    assert found["output"]["max"] == out.max()
    assert found["output"]["mean"] == pytest.approx(out.mean(dtype=np.float64))


def test_json_schema(answered: Any) -> None:
    found, _ = answered(np.ones((1, 5, 5)), [np.ones((2, 1, 3, 3))])
    assert found["schema"] == 1
    assert found["ok"] is True
    assert isinstance(found["seconds"], float)
    assert found["algorithm"] == "rows"
    [stage] = found["engine"]
    assert set(stage) == {"stage", "algorithm", "reason", "multiplications_executed"}
    assert (stage["stage"], stage["algorithm"]) == ("conv", "rows")
    assert stage["multiplications_executed"] == found["multiplications_executed"] == 2 * 9 * 9
    assert set(found["output"]) == {"shape", "dtype", "path", "min", "max", "mean"}
    assert found["output"]["path"].endswith("out.npy")
    for check in found["checks"]:
        assert {"name", "predicted", "measured", "ok"} <= set(check)


def test_statistics_that_are_no_numbers_are_null(answered: Any) -> None:
    found, out = answered(np.array([[1, NAN, 3], [4, 5, 6]]), [np.ones((2, 2))])
    assert found["output"] | {"path": ""} == {
        "shape": [1, 2], "dtype": "float64", "path": "", "min": None, "max": None, "mean": None,
    }  # fmt: skip
    assert np.isnan(out).all()


def test_statistics_of_complex_numbers_are_of_their_magnitudes(answered: Any) -> None:
    found, _ = answered(np.array([3 + 4j, 0, 6 - 8j]), [np.ones(1)])
    assert [found["output"][name] for name in ("min", "max", "mean")] == [0, 10, 5]


# What the axes mean

IMAGE = np.arange(42).reshape(6, 7) ** 2 % 31
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@pytest.mark.parametrize(
    ("x", "kernel", "arguments", "shape"),
    [
        ((9,), (3,), [], (7,)),
        ((6, 7), (3, 3), [], (4, 5)),
        ((5, 6, 7), (3, 3, 3), [], (3, 4, 5)),
        ((2, 9), (2, 3), ["--dims", "1"], (1, 7)),
        ((2, 6, 7), (2, 3, 3), ["--dims", "2"], (1, 4, 5)),
        ((2, 6, 7), (1, 2, 3, 3), [], (1, 4, 5)),
        ((2, 6, 7), (4, 2, 3, 3), [], (4, 4, 5)),
        ((3, 2, 6, 7), (4, 2, 3, 3), [], (3, 4, 4, 5)),
        ((3, 2, 6, 7), (2, 3, 3), [], (3, 1, 4, 5)),
        ((3, 1, 6, 7), (3, 3), [], (3, 1, 4, 5)),
        ((6, 7), (1, 1, 3, 3), [], (4, 5)),
        ((6, 7), (4, 1, 3, 3), [], (4, 4, 5)),
        ((2, 9), (4, 2, 3), [], (4, 7)),
        ((3, 2, 9), (4, 2, 3), [], (3, 4, 7)),
        ((2, 5, 6, 7), (4, 2, 3, 3, 3), [], (4, 3, 4, 5)),
        ((2, 5, 6, 7), (2, 3, 3, 3), ["--dims", "3"], (1, 3, 4, 5)),
        ((3, 2, 5, 6, 7), (4, 2, 3, 3, 3), [], (3, 4, 3, 4, 5)),
        ((5, 6, 7), (2, 1, 3, 3, 3), [], (2, 3, 4, 5)),
        # transposed: (C, N/groups, *k); one filter is (C, *k)
        ((6, 7), (3, 3), ["-t", "t"], (8, 9)),
        ((2, 6, 7), (2, 3, 3), ["-t", "t", "--dims", "2"], (1, 8, 9)),
        ((2, 9), (2, 4, 3), ["-t", "t"], (4, 11)),
        # depthwise: one filter for every channel, or one each
        ((4, 6, 7), (3, 3), ["-t", "dw"], (4, 4, 5)),
        ((4, 6, 7), (4, 3, 3), ["-t", "dw", "--dims", "2"], (4, 4, 5)),
        ((4, 6, 7), (8, 1, 3, 3), ["-t", "dw"], (8, 4, 5)),
        ((4, 5, 6, 7), (3, 3, 3), ["-t", "dw"], (4, 3, 4, 5)),
    ],
)  # fmt: skip
def test_forms_of_the_output(
    x: tuple[int, ...], kernel: tuple[int, ...], arguments: list[str], shape: tuple[int, ...], answered: Any
) -> None:
    rng = np.random.default_rng(0)
    image, taps = rng.integers(-9, 10, x), rng.integers(-9, 10, kernel)
    found, out = answered(image, [taps], *arguments)
    assert out.shape == shape
    assert found["output"]["shape"] == list(shape)
    [stage] = found["report"]["stages"]
    full = image.reshape(-1, *found["report"]["input"])
    weight = np.broadcast_to(taps, kernel_shape(stage)) if taps.ndim == len(stage["kernel"]) else taps
    np.testing.assert_array_equal(out, by_definition(stage, full, weight.reshape(kernel_shape(stage))).reshape(shape))


def test_one_depthwise_kernel_serves_every_channel(answered: Any) -> None:
    x = np.stack([IMAGE, 2 * IMAGE, IMAGE[::-1]])
    _, out = answered(x, [SOBEL], "-t", "depthwise", "-p", "1")
    for channel, of in zip(x, out, strict=True):
        np.testing.assert_array_equal(of, answered(channel, [SOBEL], "-p", "1")[1])


@pytest.mark.parametrize(
    ("x", "kernels", "arguments", "dims"),
    [
        ((3, 20), [(3, 4, 5)], ["-t", "transposed"], 1),
        ((3, 20), [(3, 1, 5), (4, 3, 1)], ["-t", "depthwise-separable"], 1),
        ((3, 20), [(4, 3, 1), (4, 1, 5)], ["-t", "flattened"], 1),
        ((6, 20), [(4, 3, 5)], ["-t", "grouped"], 1),
        ((6, 20), [(4, 3, 5)], ["-g", "2"], 1),
        ((4, 3, 10), [(8, 3, 3)], [], 1),
        ((5, 8, 8, 8), [(3, 3, 3)], ["-t", "depthwise"], 3),
        ((3, 20, 20), [(3, 5, 5)], ["-t", "2d"], 2),
        ((20, 3), [(5, 3, 4)], ["--layout", "channels-last"], 1),
        ((20, 21, 3), [(5, 5, 3)], ["--layout", "channels-last", "--type", "2d"], 2),
        ((9, 9, 9), [(3, 3, 3)], ["-t", "3d"], 3),
    ],
)
def test_three_axes_that_can_be_read_in_one_way(
    x: tuple[int, ...], kernels: list[tuple[int, ...]], arguments: list[str], dims: int, answered: Any
) -> None:
    found, _ = answered(np.ones(x), [np.ones(kernel) for kernel in kernels], *arguments)
    assert len(found["report"]["input"]) == dims + 1


def test_three_axes_that_can_be_read_in_two_ways(saved: Saved, invoked: Invoked, answered: Any) -> None:
    x, kernel = np.ones((3, 8, 9)), np.ones((3, 2, 2))
    message = refusal(invoked, saved("x", x), saved("k", kernel))
    assert "fits 2 of the readings" in message
    assert "--dims 2 for one 2-D filter over all channels, --dims 3 for a single 3-D filter" in message
    assert "--dims 1" not in message
    assert answered(x, [kernel], "--dims", "2")[1].shape == (1, 7, 8)
    assert answered(x, [kernel], "--dims", "3")[1].shape == (1, 7, 8)
    assert answered(x, [kernel], "--dims", "2")[0]["report"]["input"] == [3, 8, 9]
    assert answered(x, [kernel], "--dims", "3")[0]["report"]["input"] == [1, 3, 8, 9]


def test_three_axes_that_cannot_be_read(saved: Saved, invoked: Invoked) -> None:
    message = refusal(invoked, saved("x", np.ones((4, 9, 9))), saved("k", np.ones((7, 2, 2))))
    assert "(7, 2, 2) on an input of shape (4, 9, 9), which fits none of the readings" in message
    assert all(f"--dims {dims} for " in message for dims in (1, 2, 3))


@pytest.mark.parametrize(
    ("type", "x", "kernels"),
    [
        ("standard", (2, 3, 6, 7), [(5, 3, 2, 4)]),
        ("transposed", (2, 3, 6, 7), [(3, 5, 2, 4)]),
        ("grouped", (4, 6, 7), [(6, 2, 2, 4)]),
        ("depthwise", (4, 6, 7), [(4, 2, 4)]),
        ("depthwise-separable", (2, 3, 6, 7), [(3, 1, 2, 4), (5, 3, 1, 1)]),
        ("spatially-separable", (3, 6, 7), [(4, 3, 3, 1), (5, 4, 1, 2)]),
        ("standard", (6, 7), [(2, 3)]),
    ],
)
def test_channels_last(type: str, x: tuple[int, ...], kernels: list[tuple[int, ...]], answered: Any) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(-9, 10, x)
    arrays = [rng.integers(-9, 10, shape) for shape in kernels]
    common = ["-t", type, "--dims", "2", "-s", "1x2", "-p", "1:0x0:1"]
    found, expected = answered(first, arrays, *common)
    last = [  # (*k, C/groups, N): the two leading axes to the end, exchanged; (*k, C) for one filter
        array.transpose(*range(2, array.ndim), 1, 0) if array.ndim == 4
        else np.moveaxis(array, 0, -1) if array.ndim == 3 else array
        for array in arrays
    ]  # fmt: skip
    channel = first.ndim - 3
    moved = np.moveaxis(first, channel, -1) if channel >= 0 else first
    other, out = answered(moved, last, *common, "--layout", "channels-last")
    np.testing.assert_array_equal(out, np.moveaxis(expected, channel, -1) if channel >= 0 else expected)
    assert other["report"] == found["report"]


# Options


def test_default_is_correlation_and_flip_the_true_convolution(answered: Any) -> None:
    rng = np.random.default_rng(0)
    signal, taps = rng.integers(-9, 10, 11), rng.integers(-9, 10, 4)
    np.testing.assert_array_equal(answered(signal, [taps])[1], np.correlate(signal, taps))
    np.testing.assert_array_equal(answered(signal, [taps], "--flip", "-p", "full")[1], np.convolve(signal, taps))
    _, flipped = answered(IMAGE, [SOBEL], "--flip", "-p", "same")
    np.testing.assert_array_equal(flipped, answered(IMAGE, [SOBEL[::-1, ::-1]], "-p", "same")[1])


def test_flip_of_every_kernel_but_not_of_its_channels(answered: Any) -> None:
    rng = np.random.default_rng(0)
    x, depthwise, pointwise = (rng.integers(-9, 10, s) for s in ((3, 6, 7), (3, 1, 2, 3), (4, 3, 1, 1)))
    _, out = answered(x, [depthwise, pointwise], "-t", "ds", "--flip")
    np.testing.assert_array_equal(out, answered(x, [depthwise[..., ::-1, ::-1], pointwise], "-t", "ds")[1])
    outer = np.outer([1, 2, 4], [1, 0, 3])
    _, factored = answered(IMAGE, [outer], "-t", "spatial", "--flip")
    np.testing.assert_array_equal(factored, answered(IMAGE, [outer[::-1, ::-1]])[1])


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_padding_modes(mode: str, answered: Any) -> None:
    _, out = answered(IMAGE, [SOBEL], "-p", "2:0x1:3", "--padding-mode", mode)
    padded = np.pad(IMAGE, ((2, 0), (1, 3)), NUMPY_MODES[mode])
    np.testing.assert_array_equal(out, answered(padded, [SOBEL])[1])


def test_one_bias_is_for_the_last_stage(answered: Any) -> None:
    rng = np.random.default_rng(0)
    x, depthwise, pointwise = (rng.integers(-9, 10, s) for s in ((3, 6, 7), (3, 1, 2, 3), (4, 3, 1, 1)))
    first, last = np.array([100, 200, 300]), np.array([1000, 2000, 3000, 4000])
    plain = answered(x, [depthwise, pointwise], "-t", "ds")[1]
    found, one = answered(x, [depthwise, pointwise], "-t", "ds", biases=[last])
    np.testing.assert_array_equal(one, plain + last[:, None, None])
    assert found["report"]["biases"] == 4
    found, both = answered(x, [depthwise, pointwise], "-t", "ds", biases=[first, last])
    shift = (pointwise[:, :, 0, 0] @ first)[:, None, None]
    np.testing.assert_array_equal(both, plain + last[:, None, None] + shift)
    assert found["report"]["biases"] == 7


def test_groups_are_told_by_the_kernel(answered: Any) -> None:
    for type, groups in (("grouped", 3), ("shuffled", 2)):
        kernel = np.ones((6, 6 // groups, 2, 2))
        found, _ = answered(np.ones((6, 5, 5)), [kernel], "-t", type)
        assert found["report"]["stages"][0]["groups"] == groups
    found, _ = answered(np.ones((6, 5, 5)), [np.ones((4, 3, 1, 1))], "-t", "pointwise-grouped")
    assert found["report"]["stages"][0]["groups"] == 2


def test_output_size_decides_the_output_padding(answered: Any) -> None:
    found, out = answered(np.ones((1, 3, 4)), [np.ones((1, 2, 3, 3))], "-t", "t", "-s", "2", "--output-size", "7x10")
    assert out.shape == (2, 7, 10)
    assert found["report"]["stages"][0]["output_padding"] == [0, 1]


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("bool", "int64"), ("uint8", "int64"), (">i4", "int64"), ("float16", "float16"), ("<f8", "float64"),
     (">f4", "float32"), ("complex64", "complex64")],
)  # fmt: skip
def test_dtypes(dtype: str, result: str, answered: Any) -> None:
    x = (IMAGE % 2).astype(dtype)
    found, out = answered(x, [np.ones((2, 2), dtype)])
    assert found["output"]["dtype"] == str(out.dtype) == result
    plain = IMAGE % 2
    np.testing.assert_array_equal(out, plain[1:, 1:] + plain[:-1, 1:] + plain[1:, :-1] + plain[:-1, :-1])


def test_memory_order_of_the_files(answered: Any) -> None:
    _, out = answered(np.asfortranarray(IMAGE), [np.asfortranarray(SOBEL)])
    np.testing.assert_array_equal(out, answered(IMAGE, [SOBEL])[1])


# Where results go


def test_output_file_holds_exactly_the_array(saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, stdout, stderr = invoked(saved("x", IMAGE), saved("k", SOBEL), "-o", str(out))
    assert code == 0
    assert "every check agrees" in stdout + stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k.npy", "out", "x.npy"]  # exactly this name, no .npy added
    expected = by_definition(
        analyze(input=(1, 6, 7), filters=1).to_dict()["stages"][0], IMAGE[None, None], SOBEL[None, None]
    )
    np.testing.assert_array_equal(np.load(out, allow_pickle=False), expected[0, 0])


def test_table_has_a_row_for_every_check(saved: Saved, invoked: Invoked) -> None:
    code, stdout, _ = invoked(saved("x", IMAGE), saved("k", SOBEL))
    rows = [line.split("\t") for line in stdout.splitlines()]
    assert code == 0
    assert rows[0][:4] == ["check", "predicted", "measured", "ok"]
    assert [row[0] for row in rows[1:6]] == CHECKS
    assert rows[1][1:4] == ["1x4x5", "1x4x5", "yes"]
    assert rows[3][1:4] == ["180", "180", "yes"]


def test_missing_directory_is_refused_before_anything_is_computed(
    saved: Saved, invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcalc.proof.run.run", lambda *_: pytest.fail("computed in vain"))
    message = refusal(invoked, saved("x", IMAGE), saved("k", SOBEL), "-o", str(tmp_path / "none" / "out.npy"))
    assert "its directory must exist" in message


def test_existing_output_is_left_alone_on_error(saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    out.write_bytes(b"precious")
    for arguments in (
        [saved("x", IMAGE), saved("k", np.ones((9, 9)))],
        [saved("x", IMAGE), str(tmp_path / "none.npy")],
    ):
        refusal(invoked, *arguments, "-o", str(out))
        assert out.read_bytes() == b"precious"
    assert invoked(saved("x", IMAGE), saved("k", SOBEL), "-o", str(out))[0] == 0
    assert np.load(out).shape == (4, 5)


def test_output_may_replace_the_input(saved: Saved, invoked: Invoked) -> None:
    x = saved("x", IMAGE)
    assert invoked(x, saved("k", SOBEL), "-o", x)[0] == 0
    assert np.load(x).shape == (4, 5)


def test_stdin_and_stdout(saved: Saved) -> None:
    kernel = saved("k", SOBEL)
    data = io.BytesIO()
    np.save(data, IMAGE)
    command = [sys.executable, "-m", "convcalc", "run"]
    done = subprocess.run(
        [*command, "-", kernel, "-o", "-"], input=data.getvalue(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(io.BytesIO(done.stdout))[0, 0], (IMAGE[:3, :3] * SOBEL).sum())
    assert done.stdout.startswith(b"\x93NUMPY")
    assert b"every check agrees" in done.stderr
    assert b"output_shape" in done.stderr
    chained = subprocess.run(
        [*command, saved("x", IMAGE), "-", "--json"], input=Path(kernel).read_bytes(), capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert chained.returncode == 0
    assert json.loads(chained.stdout)["ok"]
    assert chained.stderr == b""


def test_stdin_that_ends_too_soon(saved: Saved) -> None:
    data = io.BytesIO()
    np.save(data, IMAGE)
    done = subprocess.run(
        [sys.executable, "-m", "convcalc", "run", "-", saved("k", SOBEL)],
        input=data.getvalue()[:-1], capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: stdin: must hold 336 bytes of data")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("extra", [["-o", "-"], ["--preview"]])
def test_json_fills_stdout_alone(extra: list[str], saved: Saved, invoked: Invoked) -> None:
    assert "--json fills stdout" in refusal(invoked, saved("x", IMAGE), saved("k", SOBEL), "--json", *extra)


def test_one_array_on_stdin(saved: Saved, invoked: Invoked) -> None:
    assert "stdin holds one array" in refusal(invoked, "-", "-")
    assert "stdin holds one array" in refusal(invoked, "-", saved("k", SOBEL), "--bias", "-")


def test_preview_draws_a_picture(saved: Saved, invoked: Invoked) -> None:
    x = np.zeros((8, 8))
    x[:, 4:] = 1
    code, stdout, stderr = invoked(saved("x", x), saved("k", SOBEL), "-p", "same", "--preview")
    assert code == 0
    plain = invoked(saved("x", x), saved("k", SOBEL), "-p", "same")[1]
    assert plain == stdout  # off a terminal the picture goes to stderr and the rows stay rows
    assert len(stderr.splitlines()) > 4


def test_no_check_only_convolves(saved: Saved, invoked: Invoked, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("check_values", "check_receptive_field", "check_multiplications"):
        monkeypatch.setattr(f"convcalc.proof.run.{name}", lambda *_: pytest.fail("checked"))
    code, stdout, _ = invoked(saved("x", IMAGE), saved("k", SOBEL), "--no-check", "--json")
    found = json.loads(stdout)
    assert code == 0
    assert found["checks"] == []
    assert found["max_abs_error"] is None
    assert set(found) == RUN_KEYS


# Refusals


def broken_files(folder: Path) -> dict[str, str]:
    """Files that are no good, by what is wrong with them."""
    whole = io.BytesIO()
    np.save(whole, IMAGE)
    files = {
        "truncated": whole.getvalue()[:-1],
        "header only": whole.getvalue()[:128],
        "half a header": whole.getvalue()[:40],
        "too long": whole.getvalue() + b"x",
        "empty": b"",
        "text": b"1 2 3\n4 5 6\n",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    np.save(folder / "objects.npy", np.array([{"a": 1}, None], object), allow_pickle=True)
    np.save(folder / "strings.npy", np.array(["a", "b"]))
    np.save(folder / "dates.npy", np.array(["2000-01-01"], "datetime64[D]"))
    np.save(folder / "records.npy", np.zeros(3, [("a", int), ("b", float)]))
    np.save(folder / "nothing.npy", np.zeros((0, 3)))
    np.savez(folder / "archive.npz", x=IMAGE)
    (folder / "folder").mkdir()
    return {path.name: str(path) for path in folder.iterdir()} | {"missing": str(folder / "nowhere" / "x.npy")}


BROKEN = ("truncated", "header only", "half a header", "too long", "empty", "text", "objects.npy", "strings.npy",
          "dates.npy", "records.npy", "nothing.npy", "archive.npz", "folder", "missing")  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_good(name: str, tmp_path: Path, invoked: Invoked) -> None:
    (tmp_path / "broken").mkdir()
    broken = broken_files(tmp_path / "broken")[name]
    np.save(tmp_path / "good.npy", IMAGE)
    good, out = str(tmp_path / "good.npy"), tmp_path / "out.npy"
    for arguments in ([broken, good], [good, broken], [good, good, "--bias", broken]):
        message = refusal(invoked, *arguments, "-o", str(out))
        assert f"{broken}: " in message
        assert not out.exists()


def test_file_name_cannot_break_the_line(invoked: Invoked) -> None:
    message = refusal(invoked, "no\nsuch\x1b[31m.npy", "k.npy")
    assert r"no\nsuch\x1b[31m.npy" in message


@pytest.mark.parametrize(
    ("x", "kernels", "arguments", "message"),
    [
        ((3, 9, 9), [(4, 3, 2, 2)] * 2, [], "standard takes 1 kernel (conv), got 2"),
        ((3, 9, 9), [(3, 1, 2, 2)], ["-t", "ds"], "depthwise-separable takes 2 kernels (depthwise, pointwise), got 1"),
        ((3, 9, 9), [(3, 1, 2, 2)] * 3, ["-t", "spatial"], "spatially-separable takes 2 kernels (column, row), got 3"),
        (
            (3, 9, 9),
            [(4, 2, 2, 2)],
            [],
            "(N, C/groups, *k), got shape (4, 2, 2, 2) on 3 channels with groups=1; use a kernel of shape (4, 3, 2, 2)",
        ),
        (
            (3, 9, 9),
            [(4, 2, 2, 2)],
            ["-t", "t"],
            "(C, N/groups, *k), got shape (4, 2, 2, 2) on 3 channels with groups=1; use a kernel of shape (3, 2, 2, 2)",
        ),
        ((3, 9, 9), [(3, 1, 2, 2), (4, 2, 1, 1)], ["-t", "ds"], "the pointwise stage takes a kernel (N, C/groups, *k)"),
        ((3, 9, 9), [(4, 3, 3, 3), (5, 4, 3, 3)], ["-t", "spatial"], "the column stage takes a kernel"),
        ((3, 9, 9), [(2, 2)], [], "use groups=3, or a kernel of shape (1, 3, 2, 2)"),
        ((3, 9, 9), [(4, 3, 3, 3)], ["-g", "2"], "groups must divide in_channels, got groups=2 and in_channels=3"),
        ((9, 9), [(10, 2)], [], "height: the window must fit the padded input"),
        ((9, 9), [(3, 3)], ["-t", "1x1"], "kernel: is 1 on every axis for this type, got 3"),
        ((9,), [(3, 3)], [], "2-D data has 2 axes, 3 with channels or 4 with a batch, got shape (9,)"),
        ((1,) * 6, [(3, 3)], [], "2-D data has 2 axes"),
        ((9, 9), [(1,) * 6], [], "a kernel has 1 to 5 axes"),
        ((9, 9), [()], [], "a kernel has 1 to 5 axes, got shape ()"),
        ((), [(3,)], [], "1-D data has 1 axes"),
        ((3, 9, 9), [(4, 3, 2, 2)], ["--dims", "1"], "a 1-D kernel has 1 to 3 axes, got shape (4, 3, 2, 2)"),
        ((9, 9), [(3, 3)], ["--dims", "4"], "dims: must be 1, 2 or 3, got 4"),
        ((9, 9), [(3, 3)], ["--dims", "1", "-t", "2d"], "dims: must be 2, got 1"),
        ((9, 9), [(3, 3)], ["-t", "nosuch"], "unknown convolution type 'nosuch'"),
        ((9, 9), [(3, 3)], ["-s", "0"], "stride: must be at least 1, got 0"),
        ((9, 9), [(3, 3)], ["-s", "1x2x3"], "stride: takes one value for all axes or 2"),
        ((9, 9), [(3, 3)], ["-p", "sane"], "padding: must be numbers like 1"),
        ((9, 9), [(3, 3)], ["-p", "-1"], "padding"),
        ((9, 9), [(3, 3)], ["-d", "1.5"], "dilation: must be a whole number"),
        ((9, 9), [(3, 3)], ["--padding-mode", "mirror"], "must be one of zeros, reflect, replicate, circular"),
        ((9, 9), [(3, 3)], ["--padding-mode", "reflect", "-p", "9"], "reflect padding must be smaller than the input"),
        ((9, 9), [(3, 3)], ["-t", "t", "--padding-mode", "reflect"], "a transposed convolution has zeros only"),
        ((9, 9), [(3, 3)], ["-t", "t", "-p", "full"], "padding of a transposed convolution crops its result"),
        ((9, 9), [(3, 3)], ["-t", "t", "--output-size", "99"], "output-size: height must be from 11 to 11, got 99"),
        ((9, 9), [(3, 3)], ["--output-padding", "1"], "output-padding: is not an option of standard"),
        ((9, 9), [(3, 3)], ["--layout", "last"], "layout: must be channels-first or channels-last, got 'last'"),
        ((9, 9), [(3, 3)], ["--rank", "1"], "rank: is for one full kernel of type spatially-separable"),
        ((9, 9), [(3, 3)], ["-t", "spatial", "--rank", "0"], "rank: must be at least 1, got 0"),
        ((9, 9), [(3, 3)], ["-t", "spatial", "--rank", "99999999999"], "rank must be at most 3"),
        ((9, 9), [(3, 3)], ["--kernel", "3"], "no such option: --kernel"),
    ],
)
def test_what_does_not_go_together(
    x: tuple[int, ...], kernels: list[tuple[int, ...]], arguments: list[str], message: str, saved: Saved,
    invoked: Invoked,
) -> None:  # fmt: skip
    names = [saved("x", np.ones(x)), *(saved(f"k{i}", np.ones(shape)) for i, shape in enumerate(kernels))]
    assert message in refusal(invoked, *names, *arguments)


def test_bias_that_does_not_fit(saved: Saved, invoked: Invoked) -> None:
    x, kernel = saved("x", np.ones((3, 9, 9))), saved("k", np.ones((4, 3, 2, 2)))
    wrong, right = saved("wrong", np.ones(3)), saved("right", np.ones(4))
    assert "wrong.npy: the conv stage takes one bias per filter, got shape (3,); use shape (4,)" in refusal(
        invoked, x, kernel, "--bias", wrong
    )
    assert "give one bias, for the last stage, or 1, got 2" in refusal(
        invoked, x, kernel, "--bias", right, "--bias", right
    )


def test_integers_that_could_overflow_are_refused(saved: Saved, invoked: Invoked) -> None:
    x, kernel = saved("x", np.full((3, 3), 2**62)), saved("k", np.ones((2, 2), int))
    assert "integer results must be sure to fit int64" in refusal(invoked, x, kernel)


def test_missing_arguments(invoked: Invoked) -> None:
    assert "INPUT.npy" in refusal(invoked)
    assert "KERNEL.npy" in refusal(invoked, "x.npy")


# One full kernel in factors


def test_photo_with_its_blur_in_factors(invoked: Invoked, tmp_path: Path) -> None:
    photo, blur, out = str(EXAMPLES / "photo.npy"), str(EXAMPLES / "blur.npy"), str(tmp_path / "out.npy")
    code, stdout, _ = invoked(photo, blur, "-t", "spatially-separable", "-p", "same", "--json", "-o", out)
    found = json.loads(stdout)
    assert code == 0
    assert [stage["kernel"] for stage in found["report"]["stages"]] == [[5, 1], [1, 5]]
    assert found["report"]["parameters"] == 10
    assert any("factored exactly" in note for note in found["report"]["notes"])
    image, kernel = np.load(photo).astype(float), np.load(blur).astype(float)
    whole = by_definition(
        analyze(input=(1, *image.shape), kernel=5, filters=1, padding=2).to_dict()["stages"][0],
        image[None, None], kernel[None, None],
    )  # fmt: skip
    np.testing.assert_allclose(np.load(out), whole[0, 0], rtol=1e-5)


def test_photo_with_sobel_in_factors_stays_integer(invoked: Invoked, tmp_path: Path) -> None:
    photo, sobel, out = str(EXAMPLES / "photo.npy"), str(EXAMPLES / "sobel.npy"), str(tmp_path / "out.npy")
    assert invoked(photo, sobel, "-t", "spatial", "-o", out)[0] == 0
    factored = np.load(out)
    assert invoked(photo, sobel, "-o", out)[0] == 0
    assert factored.dtype == np.int64
    np.testing.assert_array_equal(factored, np.load(out))


@pytest.mark.parametrize("padding", ["valid", "same", "full", "causal", "2:0x1:3"])
@pytest.mark.parametrize("mode", ["zeros", "replicate"])
def test_factored_equals_whole(padding: str, mode: str, answered: Any) -> None:
    kernel = np.outer([2, 0, -3, 1], [5, 1, 0])
    options = ["-p", padding, "-s", "2x1", "-d", "1x2", "--padding-mode", mode]
    _, out = answered(IMAGE, [kernel], "-t", "spatial", *options, biases=[np.array([7])])
    np.testing.assert_array_equal(out, answered(IMAGE, [kernel], *options, biases=[np.array([7])])[1])


def test_factored_over_many_channels_and_axes(answered: Any) -> None:
    rng = np.random.default_rng(0)
    kernel = np.einsum("n,c,y,x->ncyx", [2, 3, 4], [1, -1], [2, 4, 6], [3, 0, 1])
    x = rng.integers(-9, 10, (2, 6, 7))
    found, out = answered(x, [kernel], "-t", "spatial")
    assert out.dtype == np.int64
    np.testing.assert_array_equal(out, answered(x, [kernel])[1])
    assert [stage["out_channels"] for stage in found["report"]["stages"]] == [1, 3]
    volume, cube = rng.integers(-9, 10, (5, 6, 7)), np.einsum("z,y,x->zyx", [1, 2, 1], [1, -1], [3, 0, -3])
    found, out = answered(volume, [cube], "-t", "spatial")
    np.testing.assert_array_equal(out, answered(volume, [cube])[1])
    assert [stage["name"] for stage in found["report"]["stages"]] == ["depth", "column", "row"]


def test_bias_of_every_factor_is_taken_too(answered: Any) -> None:
    column, row = np.array([1, 2, 1]), np.array([1, 0, -2])
    _, out = answered(IMAGE, [np.outer(column, row)], "-t", "spatial", biases=[np.array([10]), np.array([1])])
    _, plain = answered(IMAGE, [np.outer(column, row)])
    np.testing.assert_array_equal(out, plain + 10 * row.sum() + 1)


def test_kernel_that_is_not_of_rank_one(saved: Saved, invoked: Invoked) -> None:
    kernel = np.array([[2.0, 0], [0, 1]])
    message = refusal(invoked, saved("x", IMAGE), saved("k", kernel), "-t", "spatial")
    assert "k.npy: a spatially separable kernel must have rank 1, got singular values 2, 1" in message
    assert "relative error 0.4472" in message  # 1/sqrt(5)
    assert "--rank R" in message


def test_rank_of_an_approximation(answered: Any) -> None:
    kernel = np.diag([4.0, 2.0, 1.0])
    whole = answered(IMAGE, [kernel])[1]
    for rank, relative in ((1, np.sqrt(5 / 21)), (2, np.sqrt(1 / 21))):
        kept = np.diag([4.0, 2.0, 1.0][:rank] + [0.0] * (3 - rank))
        found, out = answered(IMAGE, [kernel], "-t", "spatial", "--rank", str(rank))
        np.testing.assert_allclose(out, answered(IMAGE, [kept])[1], rtol=1e-12, atol=1e-12)
        assert found["report"]["stages"][0]["out_channels"] == rank
        assert f"relative error {relative:.4g}" in found["report"]["notes"][0]
    np.testing.assert_allclose(answered(IMAGE, [kernel], "-t", "spatial", "--rank", "3")[1], whole, rtol=1e-12)


def test_an_impulse_shows_the_kernel(answered: Any) -> None:
    """A narrow Gaussian falls over ten orders of magnitude; its factors must do so too."""
    slope = np.exp(-(np.linspace(-3.5, 3.5, 9) ** 2)).astype(np.float32)
    impulse = np.zeros((17, 17), np.float32)
    impulse[8, 8] = 1
    _, out = answered(impulse, [np.outer(slope, slope)], "-t", "spatial", "-p", "same")
    np.testing.assert_allclose(out[4:13, 4:13], np.outer(slope, slope), rtol=1e-3, atol=1e-8)
