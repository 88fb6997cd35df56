"""The transposed convolution apart from its values: what it refuses, what it says, and how blocks are cut."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.axis.window import Window
from convcalc.engine import tuning
from convcalc.engine.arithmetic import Arithmetic, choose_arithmetic
from convcalc.engine.counter import Counter
from convcalc.engine.transposed import by_output_channel, transposed_correlate
from convcalc.errors import DataError

DOUBLE = Arithmetic(np.dtype("f8"), np.dtype("f8"))


def test_an_output_beyond_the_memory_is_refused_with_its_bytes() -> None:
    """2 images of 3 groups of 5 filters on 10^11 pixels, 8 bytes each; nothing but views exists before that."""
    x = np.broadcast_to(np.float64(1), (2, 6, 10**11))
    weight = np.broadcast_to(np.float64(1), (6, 5, 1))
    with pytest.raises(DataError, match=f"memory: must hold the output, got {2 * 3 * 5 * 10**11 * 8} bytes"):
        transposed_correlate(x, weight, None, (Window(1),), (0,), 3, arithmetic=DOUBLE)


@pytest.mark.parametrize(
    ("algorithm", "reason"), [("auto", ""), ("direct", ""), ("rows", "rows was asked for and does not fit: ")]
)
def test_an_algorithm_that_is_not_there_is_said(algorithm: str, reason: str) -> None:
    x, counter = np.ones((1, 1, 3)), Counter()
    transposed_correlate(x, x, None, (Window(3),), (0,), 1, arithmetic=DOUBLE, algorithm=algorithm, counter=counter)
    assert counter.choice is not None
    assert counter.choice.algorithm == "direct"
    assert counter.choice.reason == f"{reason}every input value is spread over the outputs its window covers"
    assert counter.multiplications == 9


def test_weights_numbered_by_output_channel() -> None:
    weight = np.arange(4 * 3 * 5).reshape(4, 3, 5)
    found = by_output_channel(weight, 2)
    assert found.shape == (2, 3, 2, 5)
    for group, filter, channel in np.ndindex(2, 3, 2):
        assert_array_equal(found[group, filter, channel], weight[2 * group + channel, filter])


def spread_by_hand(x: np.ndarray, weight: np.ndarray, window: tuple[Window, ...], sizes: tuple[int, ...]) -> np.ndarray:
    """One image, one group: every product is added where it lands, unless that is cropped."""
    out = np.zeros((1, weight.shape[1], *sizes), x.dtype)
    for channel, *position in np.ndindex(*x.shape[1:]):
        for filter, *tap in np.ndindex(*weight.shape[1:]):
            axes = zip(position, tap, window, strict=True)
            place = [p * along.stride + t * along.dilation - along.before for p, t, along in axes]
            if all(0 <= at < size for at, size in zip(place, sizes, strict=True)):
                out[(0, filter, *place)] += x[(0, channel, *position)] * weight[(channel, filter, *tap)]
    return out


@pytest.mark.parametrize(("dtype", "budget"), [("i4", 160), ("i4", 2**21), ("f8", 48)])
def test_random_layers_in_blocks_and_tiles(dtype: str, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few positions and many taps, or the other way round; tiles that cut both; targets next to each other or apart."""
    for constant in ("BUDGET", "SUMS_BYTES", "MAX_CONVERTED_BYTES"):
        monkeypatch.setattr(tuning, constant, budget)
    rng = np.random.default_rng(3)
    for number in range(50):
        dims = 1 + number % 2
        kernel, stride, dilation, spatial, before, after, longer = (
            [int(n) for n in rng.integers(low, high, dims)]
            for low, high in ((1, 7), (1, 4), (1, 4), (1, 7), (0, 3), (0, 3), (0, 3))
        )
        windows = tuple(map(Window, kernel, stride, dilation, before, after))
        longer = [min(extra, max(each.stride, each.dilation) - 1) for extra, each in zip(longer, windows, strict=True)]
        sizes = tuple(
            (n - 1) * each.stride + each.dilation * (each.kernel - 1) + 1 + extra - each.before - each.after
            for n, each, extra in zip(spatial, windows, longer, strict=True)
        )
        if min(sizes) < 1:
            continue
        x = rng.integers(-9, 10, (1, 2, *spatial)).astype(dtype)
        weight = rng.integers(-9, 10, (2, 2, *kernel)).astype(dtype)
        arithmetic = choose_arithmetic(x, by_output_channel(weight, 1), None, filter_axes=2)
        counter = Counter()
        found = transposed_correlate(x, weight, None, windows, tuple(longer), 1, arithmetic=arithmetic, counter=counter)
        assert_array_equal(found, spread_by_hand(x, weight, windows, sizes), err_msg=f"{windows} {spatial} {longer}")
        assert counter.multiplications == x.size * weight[0].size  # those that are cropped too


@pytest.mark.parametrize(
    ("spatial", "windows"),
    [
        ((5, 7), (Window(4, 2, 1, 1, 1), Window(6, 2, 1, 2, 2))),  # as many targets per phase as positions
        ((4, 5), (Window(5, 2, 1, 1, 2), Window(5, 2, 1, 3, 0))),
        ((5, 4), (Window(3, 1, 1, 0, 2), Window(7, 3, 1, 4, 0))),
        ((5, 5), (Window(4, 2, 1, 2, 2), Window(4, 2, 1, 2, 2))),  # as many as taps
        ((4, 3), (Window(4, 2, 1, 1, 1), Window(3, 2, 1, 2, 3))),  # a single one
        ((3, 3), (Window(5, 2, 2, 3, 4), Window(5, 2, 2, 3, 4))),  # more taps than positions
        ((3, 3), (Window(3, 2, 1, 1, 0), Window(5, 2, 2, 5, 2))),
        ((3, 3), (Window(5, 2, 2, 3, 4), Window(3, 2, 1, 0, 1))),
        ((9, 3), (Window(2), Window(4, 2, 1, 1, 1))),  # three blocks of three rows
        ((7, 5), (Window(4, 2, 1, 3, 3), Window(4, 2))),  # rows as many as columns were
        ((3, 4, 5), (Window(4, 2, 1, 2, 1), Window(5, 2, 1, 1, 2), Window(4, 2, 1, 1, 1))),
        ((4, 3, 5), (Window(4, 2), Window(6, 2, 1, 2, 2), Window(6, 2, 1, 1, 3))),
    ],
)
def test_lines_that_are_added_side_by_side(
    spatial: tuple[int, ...], windows: tuple[Window, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several taps land on the same targets, a stride apart, and rows are as long as those of the positions."""
    rng = np.random.default_rng(7)
    kernel = [window.kernel for window in windows]
    x, weight = rng.integers(-9, 10, (1, 2, *spatial)) * 1.0, rng.integers(-9, 10, (2, 3, *kernel)) * 1.0
    sizes = tuple(
        (n - 1) * each.stride + each.dilation * (each.kernel - 1) + 1 - each.before - each.after
        for n, each in zip(spatial, windows, strict=True)
    )
    expected = spread_by_hand(x, weight, windows, sizes)
    for budget in (2**21, 2000, 800, 200):
        monkeypatch.setattr(tuning, "BUDGET", budget)
        found = transposed_correlate(x, weight, None, windows, (0,) * len(windows), 1, arithmetic=DOUBLE)
        assert_array_equal(found, expected, err_msg=f"{budget}")
