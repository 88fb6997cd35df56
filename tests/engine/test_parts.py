"""The direct algorithm gives a part of a convolution the bits that it has in the whole, by any number of threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.axis.window import Window
from convcalc.engine.algorithms import direct
from convcalc.engine.arithmetic import choose_arithmetic
from convcalc.engine.correlate import correlate
from convcalc.engine.padded import padded_axis
from convcalc.engine.problem import Problem

LAYERS = {
    "2-D": ((1, 3, 900, 211), (5, 3, 3, 3), Window(3, 1, 1, 1, 1)),
    "strided": ((1, 2, 1100, 307), (3, 2, 5, 5), Window(5, 2, 1, 0, 2)),
    "3-D": ((1, 4, 90, 41, 53), (3, 4, 3, 3, 3), Window(3, 1, 2, 2, 0)),
    "1-D": ((1, 2, 400_000), (3, 2, 7), Window(7, 1, 3, 4, 4)),
    "pointwise": ((1, 5, 700, 301), (4, 5, 1, 1), Window(1)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_slabs_have_the_bits_of_the_whole(layer: str) -> None:
    shape, kernel, window = LAYERS[layer]
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(size).astype("f4") for size in (shape, kernel, kernel[:1]))
    windows, arithmetic = (window,) * (x.ndim - 2), choose_arithmetic(x, weight, bias)
    whole = correlate(x, weight, bias, windows, 1, arithmetic=arithmetic, algorithm="direct")
    axes = tuple(padded_axis(size, window, "zeros") for size in shape[2:])
    problem = Problem(x[:, None], weight[None], None, axes, whole.shape[2:], np.dtype("f4"))
    images, step = direct.parts(problem)
    assert images == 1
    rows = whole.shape[2]
    step = max(step, rows // 7 // step * step)
    assert step < rows / 2
    padded = np.pad(x, ((0, 0), (0, 0), (window.before, window.after), *((0, 0),) * (x.ndim - 3)))
    for first in range(0, rows, step):
        last = min(first + step, rows)
        slab = padded[:, :, first * window.stride : (last - 1) * window.stride + window.extent]
        part = correlate(
            np.ascontiguousarray(slab), weight, bias, (window._replace(before=0, after=0), *windows[1:]), 1,
            arithmetic=arithmetic, algorithm="direct", whole=(1, *whole.shape[2:]),
        )  # fmt: skip
        assert_array_equal(part, whole[:, :, first:last])


def digest() -> str:
    """A digest of the bits of several large layers."""
    found, rng = hashlib.sha256(), np.random.default_rng(0)
    for shape, kernel, window in LAYERS.values():
        x, weight = (rng.standard_normal(size).astype("f4") for size in (shape, kernel))
        arithmetic = choose_arithmetic(x, weight, None)
        found.update(correlate(x, weight, None, (window,) * (x.ndim - 2), 1, arithmetic=arithmetic, algorithm="direct"))
    return found.hexdigest()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    program = "from tests.engine.test_parts import digest; print(digest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2", "4")
    }  # fmt: skip
    assert len(digests) == 1
