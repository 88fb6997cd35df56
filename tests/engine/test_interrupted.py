"""The engine interrupted: another convolution in the middle of one, as a signal handler makes it, and Ctrl-C."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import convcalc
from convcalc.engine.algorithms import ALGORITHMS
from convcalc.engine.work import threads
from convcalc.engine.work.blas import openblas

Calls = tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]
TRANSPOSED = "transposed"


def calls(algorithm: str) -> Calls:
    """A convolution of one channel in whole numbers and another of the same shapes."""
    random = np.random.default_rng(7)
    arrays = [random.integers(-4, 5, shape).astype("f4") for shape in ((2, 12, 11), (2, 1, 3, 3)) * 2]
    if algorithm == TRANSPOSED:
        return tuple(lambda x=x, w=w: convcalc.conv_transpose(x, w, stride=2) for x, w in (arrays[:2], arrays[2:]))  # type: ignore[return-value, misc]
    return tuple(
        lambda x=x, w=w: convcalc.conv(x, w, padding=1, groups=2, algorithm=algorithm)  # type: ignore[misc]
        for x, w in (arrays[:2], arrays[2:])
    )  # type: ignore[return-value]


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, TRANSPOSED])
def test_a_convolution_in_the_middle_of_another(algorithm: str) -> None:
    """As from a signal handler, which runs between any two instructions: here after one of the calls made so far."""
    outer, inner = calls(algorithm)
    want, inner_want = outer(), inner()
    seen = 0

    def count(_frame: FrameType, _event: str, _argument: Any) -> None:
        nonlocal seen
        seen += 1

    sys.setprofile(count)
    outer()
    sys.setprofile(None)
    for at in sorted(random.Random(0).sample(range(seen), min(40, seen))):
        passed, found = 0, list[np.ndarray]()

        def interrupt(_frame: FrameType, _event: str, _argument: Any, at: int = at, found: Any = found) -> None:
            nonlocal passed
            passed += 1
            if passed == at:
                sys.setprofile(None)
                found.append(inner())

        sys.setprofile(interrupt)
        out = outer()
        sys.setprofile(None)
        assert_array_equal(out, want)
        assert not found or (found[0] == inner_want).all()


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if (blas := openblas()) is None:
        pytest.skip("work is shared only where OpenBLAS can be held to one thread")
    before = blas.thread_count()
    blas.use_threads(2)
    monkeypatch.setattr("convcalc.engine.algorithms.thread_count", lambda: 2)
    yield
    assert blas.thread_count() == 2
    blas.use_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_ctrl_c_in_python_ends_the_work_of_all_threads(algorithm: str) -> None:
    """Products that take minutes; whoever catches the interrupt has its threads back."""
    x, w = np.ones((4, 8, 400, 400), "f4"), np.ones((20, 8, 61, 61), "f4")
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        convcalc.conv(x, w, algorithm=algorithm)
    began = time.monotonic()
    done = threading.Event()
    threads.run_all([lambda: None, done.set])
    assert done.wait(5)
    assert time.monotonic() - began < 5
