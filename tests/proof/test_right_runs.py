"""Correct runs pass every check: random layers of every type and dtype, and layers that are special in some way."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.layers import random_layers
from tests.proof.running import INF, NAN, convolutions, disagreeing, filled, ran
from tests.reference import field

DTYPES = ("float32", "float16", "float64", "complex64", "complex128", "int8", "uint8", "bool", "int64")


@pytest.mark.parametrize("seed", range(len(DTYPES)))
def test_random_layers_pass(seed: int) -> None:
    """Layers of every type; the measured receptive field is also that of sets of positions followed forwards."""
    rng = np.random.default_rng(seed)
    for number, (type, options, report) in enumerate(random_layers(100 + seed, 6)):
        dtype = DTYPES[seed]
        x = filled(rng, (report.batch, *report.input), dtype)
        weighted = convolutions(report)
        kernels = [filled(rng, primitive.weight_shape, dtype) for primitive in weighted]
        biases = [filled(rng, (primitive.out_channels,), dtype) for primitive in weighted] if options["bias"] else []
        if np.dtype(dtype).kind == "f":
            x.flat[rng.integers(x.size)] = (NAN, INF, -INF, 0)[number % 4]
            kernels[0].flat[rng.integers(kernels[0].size)] = (0, 0, 1, NAN, INF)[number % 5]
        found = ran(type, options, x, kernels, *biases)
        assert disagreeing(found) == [], (type, options)
        if number % 6 == 0:
            stages = report.to_dict()["stages"]
            expected = [field(stages, axis) for axis in range(len(report.input) - 1)]
            measured = found.checks[3].measured
            assert measured["size"] == [axis.size for axis in expected]
            assert [Fraction(jump).limit_denominator(99) for jump in measured["jump"]] == [a.jump for a in expected]
            assert measured["start"] == [axis.start for axis in expected]
            assert measured["coverage"] == [axis.coverage for axis in expected]


SPECIAL: dict[str, tuple[str, tuple[int, ...], list[tuple[int, ...]], dict[str, Any]]] = {
    "gaps between the outputs of inputs": ("transposed", (1, 2, 7), [(2, 3, 2)], {"stride": 5}),
    "one tap, spread": ("transposed", (1, 2, 7), [(2, 3, 1)], {"stride": 3, "output_padding": 2}),
    "common divisor of stride and dilation": ("transposed", (1, 1, 9), [(1, 1, 3)], {"stride": 2, "dilation": 4}),
    "coprime stride and dilation": ("transposed", (1, 1, 9), [(1, 1, 4)], {"stride": 4, "dilation": 3}),
    "crop larger than the kernel": ("transposed", (1, 1, 40), [(1, 1, 3)], {"stride": 2, "padding": "31:29"}),
    "crop at the end alone": ("transposed", (1, 1, 400), [(1, 1, 3)], {"stride": 2, "padding": "0:500"}),
    "transposed words": ("transposed", (1, 1, 7, 6), [(1, 1, 2, 5)], {"stride": (3, 2), "padding": "same"}),
    "transposed, lower": ("transposed", (1, 1, 7, 6), [(1, 1, 4, 2)], {"stride": (1, 5), "padding": "same-lower"}),
    "padding larger than the kernel": ("standard", (1, 2, 3), [(2, 2, 3)], {"padding": "50:0"}),
    "padding after, larger than the kernel": ("standard", (1, 2, 3), [(2, 2, 3)], {"padding": "0:50", "stride": 7}),
    "kernel longer than the input": ("standard", (1, 1, 3), [(1, 1, 40)], {"padding": "full"}),
    "pixels never read": ("standard", (1, 1, 14, 13), [(2, 1, 1, 2)], {"stride": (3, 5)}),
    "holes": ("standard", (1, 1, 60), [(1, 1, 3)], {"dilation": 20, "stride": 3}),
    "even kernels, same": ("standard", (1, 1, 9, 8), [(1, 1, 4, 2)], {"padding": "same", "stride": (2, 1)}),
    "even kernels, same-lower": ("standard", (1, 1, 9, 8), [(1, 1, 4, 2)], {"padding": "same-lower"}),
    "causal": ("standard", (1, 2, 9), [(2, 2, 3)], {"padding": "causal", "dilation": 4}),
    "reflect": ("standard", (1, 2, 5, 4), [(2, 2, 3, 3)], {"padding": "4:1x3:0", "padding_mode": "reflect"}),
    "circular": ("standard", (1, 2, 5, 4), [(2, 2, 3, 3)], {"padding": "5:1x4:0", "padding_mode": "circular"}),
    "replicate": ("standard", (1, 2, 5, 4), [(2, 2, 3, 3)], {"padding": "9:1x7:0", "padding_mode": "replicate"}),
    "one pixel": ("standard", (1, 1, 1, 1), [(1, 1, 1, 1)], {}),
    "stride of a whole image": ("standard", (1, 1, 5), [(1, 1, 2)], {"stride": 100_000}),
    "dilation of a whole signal": ("standard", (1, 1, 30_000), [(1, 1, 3)], {"dilation": 14_000}),
    "long kernel": ("standard", (1, 1, 900), [(1, 1, 400)], {"dilation": 2}),
    "upsampling by a hundred": ("transposed", (1, 1, 9), [(1, 1, 2)], {"stride": 100, "padding": "3:7"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_special_layers_pass(name: str, dtype: str) -> None:
    type, x, kernels, options = SPECIAL[name]
    rng = np.random.default_rng(0)
    found = ran(type, options, filled(rng, x, dtype), [filled(rng, shape, dtype) for shape in kernels])
    assert disagreeing(found) == []


@pytest.mark.parametrize(
    ("x", "w"),
    [("float16", "float32"), ("uint8", "float16"), ("int64", "float32"), ("float32", "complex128"), ("bool", "uint8"),
     ("uint64", "int8"), (">f4", "<f8"), ("complex64", "int32")],
)  # fmt: skip
def test_mixed_dtypes_pass(x: str, w: str) -> None:
    rng = np.random.default_rng(0)
    for type, kernel in (("standard", (4, 3, 3, 2)), ("transposed", (3, 4, 3, 2))):
        found = ran(type, {"padding": 1}, filled(rng, (2, 3, 7, 8), x), [filled(rng, kernel, w)], filled(rng, (4,), w))
        assert disagreeing(found) == []


@pytest.mark.parametrize("x", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("w", ["float16", "float32", "float64", "int64"])
def test_factored_kernels_pass(x: str, w: str) -> None:
    rng = np.random.default_rng(0)
    image, impulse = filled(rng, (1, 1, 9, 11), x), np.zeros((1, 1, 9, 11), x)
    impulse[0, 0, 4, 5] = 1
    slope = np.exp(-(np.linspace(-3, 3, 5) ** 2))
    kernels = [np.outer(slope, slope), np.outer([1, 0, 2, 1], [3, -1, 0])]
    for data, kernel in product((image, impulse), kernels):
        taps = (kernel if w != "int64" else np.rint(9 * slope[:, None]) * [[1, 2, 0]]).astype(w)
        found = ran("spatially-separable", {"padding": "full"}, data, [taps[None, None]])
        assert disagreeing(found) == []
