"""The direct sums, which the engine's values are checked against: by NumPy, and by spreading one by one."""

from __future__ import annotations

import numpy as np
import pytest

from convcalc.graph.primitives import Correlate, TransposedCorrelate
from convcalc.proof.direct import WIDE, direct_sums

NAN = float("nan")


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_direct_sums_by_numpy(mode: str) -> None:
    rng = np.random.default_rng(0)
    x, w, bias = rng.integers(-9, 10, (2, 4, 6, 7)), rng.integers(-9, 10, (6, 2, 2, 3)), rng.integers(-9, 10, 6)
    primitive = Correlate(4, 6, (2, 3), (2, 1), ((1, 3), (2, 0)), (3, 2), 2, bias=True)
    how = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 3), (2, 0)), how)
    for group in (0, 1):
        filters = np.array([3 * group, 3 * group + 2])
        positions = np.array(list(np.ndindex(2, 4, 5)))
        sums = direct_sums(primitive, x, w, bias, positions, filters, WIDE[np.dtype(np.int64)], mode)
        for (batch, row, column), values in zip(positions, sums.values, strict=True):
            under = padded[batch, 2 * group : 2 * group + 2, 2 * row : 2 * row + 4 : 3, column : column + 5 : 2]
            np.testing.assert_array_equal(values, [(under * w[n]).sum() + bias[n] for n in filters])
        assert (sums.terms == 2 * 2 * 3 + 1).all()


def test_direct_sums_of_the_transposed_by_spreading() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (1, 4, 3)), rng.integers(-9, 10, (4, 3, 4))
    primitive = TransposedCorrelate(4, 6, (4,), (3,), ((2, 1),), (2,), 2, (1,))
    full, met = np.zeros((6, 14), int), np.zeros(14, int)
    for c, i, n, tap in np.ndindex(4, 3, 3, 4):
        full[n + 3 * (c // 2), 3 * i + 2 * tap] += x[0, c, i] * w[c, n, tap]
    for i, tap in np.ndindex(3, 4):
        met[3 * i + 2 * tap] += 2
    positions = np.array([[0, at] for at in range(11)])
    for group in (0, 1):
        filters = 3 * group + np.arange(3)
        sums = direct_sums(primitive, x, w, None, positions, filters, np.dtype(np.int64))
        np.testing.assert_array_equal(sums.values, full[filters, 2:13].T)
        np.testing.assert_array_equal(sums.terms[:, 0], met[2:13] + 1)


def test_direct_sums_leave_out_what_no_tap_meets() -> None:
    primitive = TransposedCorrelate(1, 1, (2,), (2,), ((0, 0),), (1,), 1, (0,))
    x, w = np.ones((1, 1, 2)), np.array([[[1, NAN]]])
    sums = direct_sums(
        primitive, x, w, None, np.array([[0, at] for at in range(4)]), np.array([0]), np.dtype(np.longdouble)
    )
    np.testing.assert_array_equal(sums.values[:, 0], [1, NAN, 1, NAN])
    np.testing.assert_array_equal(sums.magnitudes[:, 0], [1, 0, 1, 0])


def test_a_padding_mode_that_nobody_knows_is_an_error() -> None:
    primitive = Correlate(1, 1, (1,), (1,), ((0, 0),), (1,))
    one = np.ones((1, 1, 1))
    with pytest.raises(ValueError, match="got mirror"):
        direct_sums(primitive, one, one, None, np.array([[0, 0]]), np.array([0]), np.dtype(float), "mirror")
