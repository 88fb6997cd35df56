"""`convcalc run` on real arrays: every type, and every form that arrays may have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convcalc import analyze
from tests.cases import CASES, Case
from tests.proof.command import (
    IMAGE,
    INF,
    NAN,
    RUN_KEYS,
    SOBEL,
    Invoked,
    Saved,
    by_definition,
    kernel_shape,
    refusal,
)


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
    numbers = {key: value for key, value in found["report"].items() if key != "notes"}
    assert numbers == {key: value for key, value in report.items() if key != "notes"}
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
    assert set(found["output"]) == {"shape", "dtype", "path", "min", "max", "mean", "nan", "inf", "finite", "values"}
    assert found["output"]["path"].endswith("out.npy")
    for check in found["checks"]:
        assert {"name", "predicted", "measured", "ok"} <= set(check)


def test_statistics_that_are_no_numbers_are_null(answered: Any) -> None:
    """NumPy's min of values with NaN among them is NaN, which JSON does not have."""
    found, out = answered(np.array([[1, NAN, 3], [4, 5, 6]]), [np.ones((2, 2))])
    assert found["output"] | {"path": ""} == {
        "shape": [1, 2], "dtype": "float64", "path": "", "min": None, "max": None, "mean": None,
        "nan": 2, "inf": 0, "finite": None, "values": [[None, None]],
    }  # fmt: skip
    assert np.isnan(out).all()


def test_values_that_are_no_numbers_are_counted_and_the_rest_has_a_range(
    saved: Saved, invoked: Invoked, answered: Any
) -> None:
    x = np.array([1, NAN, 3, -INF, 5, 6.5, INF])
    found, _ = answered(x, [np.ones(1)])
    assert {key: found["output"][key] for key in ("nan", "inf", "min")} == {"nan": 1, "inf": 2, "min": None}
    assert found["output"]["finite"] == {"min": 1, "max": 6.5, "mean": 15.5 / 4}
    name = saved("odd", x)
    code, _, stderr = invoked(name, saved("one", np.ones(1)))
    assert code == 0
    assert f"{name}: 1 NaN, 2 Inf" in stderr.splitlines()
    assert "output 7 float64: 1 NaN, 2 Inf; the rest: min 1, max 6.5, mean 3.875" in stderr.splitlines()


def test_statistics_of_complex_numbers_are_of_their_magnitudes(answered: Any) -> None:
    found, _ = answered(np.array([3 + 4j, 0, 6 - 8j]), [np.ones(1)])
    assert [found["output"][name] for name in ("min", "max", "mean")] == [0, 10, 5]


# What the axes mean


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
    assert message.endswith("use a kernel with as many spatial axes as the input\n")


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
