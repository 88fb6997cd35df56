"""Which bits of a result are promised, as docs/conventions.md has it: what may change them, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import convcalc
from convcalc.engine import algorithms, tuning
from convcalc.engine.algorithms import ALGORITHMS
from tests.engine.test_algorithms import EVERY, LAYERS, Layer, computed

ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Fortran": np.asfortranarray,
    "channels last": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1),
    "every second value": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
}
QUICK = [each for each in EVERY if each != ("fft", "depthwise, many")]
POINTWISE = [(2, 64, 57, 41, 96), (1, 129, 31, 33, 67), (3, 5, 83, 1, 7), (1, 513, 7, 9, 130)]
"""Batch, channels, height, width and filters."""


def floats(layer: Layer) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    kernel = [window.kernel for window in layer.windows]
    shapes = (
        (layer.batch, layer.groups * layer.channels, *layer.spatial),
        (layer.groups * layer.filters, layer.channels, *kernel),
        (layer.groups * layer.filters,),
    )
    return [random.standard_normal(shape).astype("f4") for shape in shapes]


def moved(array: np.ndarray, by: int) -> np.ndarray:
    """A copy that begins so many bytes behind the start of a cache line."""
    room = np.empty(array.nbytes + 128, np.uint8)
    begin = -room.ctypes.data % 64 + by
    copy = room[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def use_threads(count: int, patch: pytest.MonkeyPatch) -> None:
    """Every layer is cut for so many threads, however small."""
    patch.setattr(algorithms, "thread_count", lambda: count)
    patch.setattr(tuning, "MIN_SHARED_MULTIPLICATIONS", dict.fromkeys(ALGORITHMS, 0))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("algorithm", "name"), QUICK[::4])
def test_equal_arrays_give_equal_bits(algorithm: str, name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they lie in memory, and in whichever thread."""
    layer = LAYERS[name]
    use_threads(count, monkeypatch)
    x, weight, bias = floats(layer)
    want = computed(layer, algorithm, x, weight, bias)
    outs = [computed(layer, algorithm, moved(x, by), moved(weight, 40 - by), bias) for by in (4, 16)]
    other = Thread(target=lambda: outs.append(computed(layer, algorithm, x, weight, bias)))
    other.start()
    other.join()
    assert len(outs) == 3
    for out in outs:
        assert_array_equal(out, want)


@pytest.mark.parametrize("dtype", ["i2", "?"])
@pytest.mark.parametrize(("algorithm", "name"), QUICK[::5])
def test_whole_numbers_are_the_same_in_any_order(
    algorithm: str, name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = LAYERS[name]
    x, weight, bias = ((10 * array).astype(dtype) for array in floats(layer))
    want = computed(layer, "direct", x, weight, bias)
    for order in ORDERS.values():
        assert_array_equal(computed(layer, algorithm, order(x), weight, bias), want)
    use_threads(3, monkeypatch)
    assert_array_equal(computed(layer, algorithm, x, weight, bias), want)


@pytest.mark.parametrize("shape", POINTWISE)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_another_order_in_memory_or_other_threads_change_last_bits_at_most(
    shape: tuple[int, ...], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sums of the same terms are within the bound of each, terms * eps * sum|products|."""
    batch, channels, height, width, filters = shape
    random = np.random.default_rng(5)
    x = random.standard_normal((batch, channels, height, width)).astype(dtype)
    weight = random.standard_normal((filters, channels, 1, 1)).astype(dtype)
    terms = np.einsum("fc,bchw->bfhw", abs(weight[..., 0, 0]), abs(x), optimize=True)
    bound = 2 * channels * np.finfo(dtype).eps * terms
    want = convcalc.conv(x, weight)
    for order in ORDERS.values():
        assert (abs(convcalc.conv(order(x), weight) - want) <= bound).all()
    use_threads(3, monkeypatch)
    assert (abs(convcalc.conv(x, weight) - want) <= bound).all()
