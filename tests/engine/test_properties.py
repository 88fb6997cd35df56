"""conv and conv_transpose against plain loops over Python's integers, for every dtype at its edges."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.testing import assert_array_equal

import convcalc
from convcalc.errors import DataError, ShapeError

INTEGERS = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
SHORT = st.integers(1, 3)


def integers(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    """An array whose values are often the least, the largest or near 0."""
    dtype = np.dtype(draw(st.sampled_from(INTEGERS)))
    if dtype.kind == "b":
        return draw(st_numpy.arrays(dtype, shape))
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    edges = st.sampled_from([low, low + 1, high - 1, high, 0, 1])
    wide = st.one_of(edges, st.integers(low, high))
    near_0 = st.integers(max(low, -9), 9)
    values = draw(st.sampled_from([wide, near_0]))
    return draw(st_numpy.arrays(dtype, shape, elements=values, fill=st.nothing()))


@st.composite
def layers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, tuple[int, int]], int]:
    """x (1, C, h, w), w (N, C/g, kh, kw), bias (N,), the options, and the groups."""
    groups, each, more = draw(st.integers(1, 2)), draw(SHORT), draw(SHORT)
    kernel = draw(SHORT), draw(SHORT)
    x = integers(draw, (1, groups * each, draw(st.integers(1, 6)), draw(st.integers(1, 6))))
    w = integers(draw, (groups * more, each, *kernel))
    options = {name: (draw(SHORT), draw(SHORT)) for name in ("stride", "dilation")}
    options["padding"] = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return x, w, integers(draw, (groups * more,)), options, groups


def sums(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, options: dict[str, tuple[int, int]], groups: int
) -> np.ndarray:
    """Every output as a sum of Python's integers, which cannot overflow."""
    (sy, sx), (dy, dx), (py, px) = options["stride"], options["dilation"], options["padding"]
    _, _, height, width = x.shape
    filters, each, rows, columns = w.shape
    down = (height + 2 * py - dy * (rows - 1) - 1) // sy + 1
    right = (width + 2 * px - dx * (columns - 1) - 1) // sx + 1
    out = np.zeros((1, filters, max(0, down), max(0, right)), object)
    for n, i, j in np.ndindex(*out.shape[1:]):
        total = int(bias[n])
        for c, r, q in product(range(each), range(rows), range(columns)):
            y, z = i * sy + r * dy - py, j * sx + q * dx - px
            if 0 <= y < height and 0 <= z < width:
                total += int(x[0, n // (filters // groups) * each + c, y, z]) * int(w[n, c, r, q])
        out[0, n, i, j] = total
    return out


@given(layers(), st.sampled_from(["auto", "direct", "rows"]))
def test_integers_are_exact_or_refused(layer: tuple, algorithm: str) -> None:
    x, w, bias, options, groups = layer
    expected = sums(*layer)
    try:
        out = convcalc.conv(x, w, bias, **options, groups=groups, algorithm=algorithm)
    except ShapeError:
        assert expected.size == 0
        return
    except DataError as error:
        assert "int64" in str(error)  # noqa: PT017
        most = sum(abs(int(v)) for v in np.ravel(x)) * max(abs(int(v)) for v in np.ravel(w))
        assert most + max(abs(int(v)) for v in bias) >= 2**62
        return
    assert out.dtype == np.int64
    assert_array_equal(out.astype(object), expected)


@given(layers())
def test_the_transposed_convolution_is_the_adjoint(layer: tuple) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, in whole numbers."""
    x, w, _, options, groups = layer
    x, w = x.astype("i8") % 7, w.astype("i8") % 5
    try:
        out = convcalc.conv(x, w, **options, groups=groups)
    except ShapeError:
        return
    y = np.arange(out.size).reshape(out.shape) % 11 - 3
    axes = zip(
        x.shape[2:], out.shape[2:], options["stride"], options["dilation"], w.shape[2:], options["padding"], strict=True
    )
    longer = tuple(size + 2 * p - ((o - 1) * s + d * (k - 1) + 1) for size, o, s, d, k, p in axes)
    back = convcalc.conv_transpose(y, w, **options, output_padding=longer, groups=groups)
    assert back.shape == x.shape
    assert int((out * y).sum()) == int((back * x).sum())
