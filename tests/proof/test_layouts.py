"""Arrays with their channels last, as TensorFlow has them, against the formulas in TensorFlow's own indices."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.proof.command import Invoked, Saved, refusal

LAST = ("--layout", "channels-last")
X = {1: (11, 3), 2: (7, 8, 3), 3: (5, 6, 4, 3)}
K = {1: (4,), 2: (2, 3), 3: (3, 2, 2)}


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-9, 10, shape)


def depthwise(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Output channel c*M + m is channel c with filter (*k, c, m)."""
    *taps, channels, multiplier = kernel.shape
    sizes = [size - tap + 1 for size, tap in zip(x.shape, taps, strict=False)]
    out = np.zeros((*sizes, channels * multiplier), x.dtype)
    for at, tap in product(np.ndindex(*sizes), np.ndindex(*taps)):
        value = x[tuple(a + t for a, t in zip(at, tap, strict=True))]
        for c, m in np.ndindex(channels, multiplier):
            out[at][c * multiplier + m] += value[c] * kernel[tap][c, m]
    return out


def transposed(x: np.ndarray, kernel: np.ndarray, stride: int, groups: int) -> np.ndarray:
    """Every value spread over its window; the kernel is (*k, N/groups, C)."""
    *taps, filters, channels = kernel.shape
    sizes = [(size - 1) * stride + tap for size, tap in zip(x.shape, taps, strict=False)]
    out = np.zeros((*sizes, filters * groups), x.dtype)
    for at, tap in product(np.ndindex(*x.shape[:-1]), np.ndindex(*taps)):
        to = out[tuple(a * stride + t for a, t in zip(at, tap, strict=True))]
        for c, n in np.ndindex(channels, filters):
            to[c // (channels // groups) * filters + n] += x[at][c] * kernel[tap][n, c]
    return out


def grouped(x: np.ndarray, kernel: np.ndarray, groups: int) -> np.ndarray:
    """The kernel is (*k, C/groups, N)."""
    *taps, channels, filters = kernel.shape
    sizes = [size - tap + 1 for size, tap in zip(x.shape, taps, strict=False)]
    out = np.zeros((*sizes, filters), x.dtype)
    for at, tap in product(np.ndindex(*sizes), np.ndindex(*taps)):
        value = x[tuple(a + t for a, t in zip(at, tap, strict=True))]
        for c, n in np.ndindex(channels, filters):
            out[at][n] += value[n // (filters // groups) * channels + c] * kernel[tap][c, n]
    return out


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_depthwise_kernel_of_tensorflow(dims: int, multiplier: int, answered: Any) -> None:
    rng = np.random.default_rng(dims)
    x, kernel = whole(rng, *X[dims]), whole(rng, *K[dims], 3, multiplier)
    found, out = answered(x, [kernel], "-t", "depthwise", "--dims", str(dims), *LAST)
    np.testing.assert_array_equal(out, depthwise(x, kernel))
    assert found["report"]["parameters"] == kernel.size
    pointwise = whole(rng, *(1,) * dims, 3 * multiplier, 5)
    _, out = answered(x, [kernel, pointwise], "-t", "ds", "--dims", str(dims), *LAST)
    np.testing.assert_array_equal(out, depthwise(x, kernel) @ pointwise.reshape(-1, 5))


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_transposed_and_grouped_kernels(dims: int, groups: int, batch: tuple[int, ...], answered: Any) -> None:
    rng = np.random.default_rng(dims)
    x, more = whole(rng, *batch, *X[dims]), ("--dims", str(dims), "-g", str(groups), *LAST)
    images = x.reshape(-1, *X[dims])
    kernel = whole(rng, *K[dims], 2, 3)
    _, out = answered(x, [kernel], "-t", "transposed", "-s", "2", *more)
    np.testing.assert_array_equal(
        out, np.array([transposed(each, kernel, 2, groups) for each in images]).reshape(out.shape)
    )
    kernel = whole(rng, *K[dims], 3 // groups, 6)
    _, out = answered(x, [kernel], *more)
    expected = np.array([grouped(each, kernel, groups) for each in images])
    np.testing.assert_array_equal(out, expected.reshape(out.shape))


HWC, CHW = (24, 32, 3), (3, 24, 32)
MOVED = "use --layout channels-last with np.moveaxis(k, (0, 1), (-1, -2)) of the kernel, or np.moveaxis(x, -1, -3) of "


@pytest.mark.parametrize(
    ("x", "kernel", "options", "parts"),
    [
        (HWC, (5, 5, 3, 8), "", ["(N, C/groups, *k), got shape (5, 5, 3, 8) on 24 ", "use --layout channels-last"]),
        (HWC, (8, 3, 5, 5), "", [MOVED]),
        (HWC, (8, 3, 3, 3), "", [MOVED]),
        ((2, *HWC), (8, 3, 5, 5), "", [MOVED]),
        (HWC, (3, 5, 5), "", ["use np.moveaxis(x, -1, -3) of", "with --dims 2"]),
        (HWC, (5, 5), "", ["got shape (5, 5) on 24 channels", "use --layout channels-last --type depthwise"]),
        (HWC, (5, 5), "-t dw", ["was read as 2-D, 24 channels of 32x3; if its channels are last, add --layout"]),
        (HWC, (5, 5, 4, 2), "-t dw -L", ["(*k, C, M) or (*k, 1, N)", "got shape (5, 5, 4, 2)", "use", "(5, 5, 3, 2)"]),
        (HWC, (5, 5, 4, 8), "-L", ["(*k, C/groups, N), got shape (5, 5, 4, 8) on 3 ", "use a kernel", "(5, 5, 3, 8)"]),
        (HWC, (5, 4, 8, 4), "-t t -L", ["(*k, N/groups, C), got shape (5, 4, 8, 4)", "use", "(5, 4, 8, 3)"]),
        (HWC, (8, 3, 5, 5), "-L", ["use np.moveaxis(k, (0, 1), (-1, -2)) of it, which is in PyTorch's order"]),
        (CHW, (8, 3, 5, 5), "-L", ["got shape (8, 3, 5, 5) on 32 channels", "use --layout channels-first"]),
        (CHW, (5, 5, 3, 8), "-L", ["got shape (5, 5, 3, 8) on 32 channels", "use np.moveaxis(x, -3, -1) of"]),
    ],
)  # fmt: skip
def test_arrays_in_another_order_are_told_what_to_do(
    x: tuple[int, ...], kernel: tuple[int, ...], options: str, parts: list[str], saved: Saved, invoked: Invoked
) -> None:
    typed = options.replace("-L", "--layout channels-last").split()
    message = refusal(invoked, saved("x", np.ones(x)), saved("k", np.ones(kernel)), *typed)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("x", "kernel", "options"),
    [
        (HWC, (5, 5, 3, 8), "--layout channels-last"),
        (HWC, (5, 5), "--layout channels-last --type depthwise"),
        (np.moveaxis(np.ones(HWC), -1, -3), (8, 3, 5, 5), ""),
        (np.moveaxis(np.ones((2, *HWC)), -1, -3), (8, 3, 5, 5), ""),
        (np.moveaxis(np.ones(HWC), -1, -3), (3, 5, 5), "--dims 2"),
        (HWC, np.moveaxis(np.ones((8, 3, 5, 5)), (0, 1), (-1, -2)), "--layout channels-last"),
        (np.moveaxis(np.ones(CHW), -3, -1), (5, 5, 3, 8), "--layout channels-last"),
    ],
)
def test_what_they_are_told_works(x: Any, kernel: Any, options: str, answered: Any) -> None:
    x, kernel = (np.ones(each) if isinstance(each, tuple) else each for each in (x, kernel))
    found, _ = answered(x, [kernel], *options.split())
    assert found["report"]["input"] == [3, 24, 32]


def test_a_kernel_that_does_not_say_the_channels_asks_where_they_are(saved: Saved, invoked: Invoked) -> None:
    for shape, options, how in (
        (HWC, (), "if its channels are last, add --layout channels-last"),
        (CHW, LAST, "if its channels are first, leave --layout channels-last out"),
    ):
        code, _, stderr = invoked(saved("x", np.ones(shape)), saved("k", np.ones((3, 3))), "-t", "depthwise", *options)
        assert code == 0
        assert how in stderr
    _, _, stderr = invoked(saved("x", np.ones(HWC)), saved("k", np.ones((3, 3))), "-t", "depthwise", *LAST)
    assert "was read as" not in stderr


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (3, 8, 3, 3)])
def test_a_kernel_in_the_other_order_that_fits_all_the_same_is_asked_about(
    shape: tuple[int, ...], saved: Saved, invoked: Invoked
) -> None:
    """As many filters as taps: (3, 3, 3, 8) is 3 filters of 3x8, or 8 of 3x3 as TensorFlow has them."""
    type = "standard" if shape[1] == 3 else "transposed"
    pytorch = whole(np.random.default_rng(3), *shape)
    tensorflow = pytorch.transpose(2, 3, 1, 0)
    for x, right, wrong, options, ends in (
        (CHW, pytorch, tensorflow, (), ((-1, -2), (0, 1))),
        (HWC, tensorflow, pytorch, LAST, ((0, 1), (-1, -2))),
    ):
        array = saved("x", np.ones(x))
        assert "was read as" not in "".join(invoked(array, saved("k", right), "-t", type, *options)[1:])
        code, _, stderr = invoked(array, saved("k", wrong), "-t", type, *options)
        assert code == 0
        assert f"; if they are 3x3, give np.moveaxis(k, {ends[0]}, {ends[1]}) of it" in stderr
        np.testing.assert_array_equal(np.moveaxis(wrong, *ends), right)


def test_a_kernel_larger_than_its_input_is_told_the_order_if_it_fits_the_other_way_round(
    saved: Saved, invoked: Invoked
) -> None:
    large, small, deep = saved("large", np.ones((9, 9))), saved("small", np.ones((3, 3))), saved("deep", np.ones(CHW))
    told = f"the smallest input that fits is 9; the input comes first, got {small}, then the kernel, got {large}"
    assert refusal(invoked, small, large).rstrip().endswith(told)
    assert invoked(large, small)[0] == 0
    assert "comes first" not in refusal(invoked, deep, saved("wide", np.ones((2, 3, 40, 8))))
