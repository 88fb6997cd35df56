"""`convcalc run`: every option, every dtype, and full kernels in factors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import analyze
from tests.proof.command import (
    EXAMPLES,
    IMAGE,
    NUMPY_MODES,
    SOBEL,
    Invoked,
    Saved,
    by_definition,
    refusal,
)


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
