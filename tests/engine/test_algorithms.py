"""Every algorithm of the engine on one table of layers, against the definition; what it counts, when it is taken."""

from __future__ import annotations

import ast
import inspect
import os
import re
import signal
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import convcalc
from convcalc import analyze
from convcalc.axis.window import Window, output_size
from convcalc.cli.run import ALGORITHMS as listed  # noqa: N811
from convcalc.engine import algorithms, choice, tuning
from convcalc.engine.algorithms import ALGORITHMS, fourier, winograd
from convcalc.engine.arithmetic import Arithmetic, choose_arithmetic
from convcalc.engine.choice import RULES, choose
from convcalc.engine.correlate import correlate
from convcalc.engine.counter import Choice, Counter
from convcalc.engine.padded import padded_axis
from convcalc.engine.primitive import run_primitive
from convcalc.engine.problem import Problem
from convcalc.engine.work import blas, threads
from convcalc.engine.work.blas import openblas
from convcalc.errors import ConvcalcError
from convcalc.proof.executed import Executed
from convcalc.proof.values import check_values

ROUNDING = {"winograd", "fft"}
"""Algorithms whose results differ from the direct sum's by more than the order of the terms."""
PAD = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Layer(NamedTuple):
    """Channels and filters are those of one group."""

    batch: int
    groups: int
    channels: int
    filters: int
    spatial: tuple[int, ...]
    windows: tuple[Window, ...]
    fitting: str
    """The algorithms other than direct that can compute it."""
    mode: str = "zeros"


# Window(kernel, stride, dilation, before, after)
SAME, VALID = Window(3, 1, 1, 1, 1), Window(3)
LAYERS = {
    "1-D": Layer(2, 1, 3, 5, (23,), (Window(5, 2, 3, 1, 4),), "rows fft"),
    "1-D, long kernel": Layer(1, 2, 1, 2, (1009,), (Window(211, 1, 1, 7, 0),), "rows fft"),
    "1-D, taps side by side": Layer(2, 1, 2, 3, (331,), (Window(23, 7, 1, 0, 3),), "rows fft"),
    "3x3, odd tiles": Layer(
        2, 1, 3, 5, (13, 7), (Window(3, 1, 1, 1, 0), Window(3, 1, 1, 0, 2)), "rows planes winograd fft",
    ),
    "3x3, less than a tile": Layer(1, 1, 2, 3, (2, 3), (SAME,) * 2, "rows planes winograd fft"),
    "3x3, more filters than outputs": Layer(2, 1, 3, 9, (2, 3), (SAME,) * 2, "rows planes winograd fft"),
    "3x3, one output": Layer(1, 1, 2, 3, (3, 3), (VALID, VALID), "rows winograd fft"),
    "3x3 in groups": Layer(2, 3, 2, 5, (11, 17), (Window(3, 1, 1, 2, 1), SAME), "rows planes winograd fft"),
    "3x3, dilations": Layer(
        2, 1, 3, 2, (19, 23), (Window(3, 1, 2, 3, 0), Window(3, 1, 3, 1, 5)),
        "planes winograd fft",
    ),
    "3x3, mirrored": Layer(
        1, 1, 3, 2, (9, 11), (Window(3, 1, 1, 2, 3), Window(3, 1, 1, 0, 4)),
        "rows winograd fft", "reflect",
    ),
    "3x3, wrapped": Layer(
        1, 2, 1, 2, (6, 8), (Window(3, 1, 1, 3, 1), Window(3, 1, 2, 5, 0)),
        "rows winograd bands fft", "circular",
    ),
    "3x3x3": Layer(2, 1, 2, 3, (4, 9, 7), (Window(3, 1, 1, 2, 0), SAME, Window(3)), "winograd fft"),
    "2x3x3 in groups": Layer(
        1, 2, 3, 2, (5, 6, 10), (Window(2), Window(3, 1, 2, 2, 1), Window(3, 1, 1, 0, 1)),
        "winograd fft",
    ),
    "3x3 with strides": Layer(2, 1, 3, 2, (11, 14), (Window(3, 2, 1, 1, 0), Window(3, 3, 1, 2, 1)), "rows fft"),
    "depthwise": Layer(2, 5, 1, 1, (13, 11), (SAME, Window(5, 1, 1, 2, 2)), "rows planes bands fft"),
    "depthwise, many": Layer(1, 700, 1, 1, (9, 7), (SAME,) * 2, "rows planes winograd bands fft"),
    "depthwise with multiplier": Layer(
        1, 3, 1, 4, (12, 10), (Window(5, 1, 2, 4, 4), Window(2, 1, 3, 1, 2)),
        "planes bands fft",
    ),
    "depthwise with strides": Layer(
        2, 7, 1, 1, (15, 18), (Window(3, 2, 1, 1, 1), Window(3, 2, 1, 1, 1)),
        "rows bands fft",
    ),
    "depthwise, long strides": Layer(1, 3, 1, 1, (70, 29), (Window(2, 3), Window(2, 1, 2)), "rows bands fft"),
    "many taps": Layer(2, 3, 1, 1, (31, 37), (Window(11, 1, 1, 5, 2), Window(9, 1, 1, 0, 8)), "rows planes bands fft"),
    "many taps with strides": Layer(
        1, 1, 1, 1, (41, 67), (Window(13, 3, 1, 2, 0), Window(8, 2, 3, 0, 1)),
        "rows bands fft",
    ),
    "wide": Layer(1, 1, 1, 1, (5, 1201), (SAME, Window(4, 1, 1, 0, 2)), "rows bands fft"),
    "large kernel": Layer(1, 1, 2, 2, (89, 131), (Window(23, 1, 1, 3, 0), Window(19, 1, 2, 0, 7)), "rows fft"),
    "kernel beyond the input": Layer(
        1, 1, 1, 2, (3, 5), (Window(7, 1, 1, 5, 4), Window(6, 1, 1, 2, 3)),
        "rows planes bands fft",
    ),
    "dilated rows": Layer(1, 1, 3, 2, (17, 9), (Window(2, 1, 5, 0, 1), Window(3, 2, 1, 1, 1)), "fft"),
    "3-D with strides": Layer(2, 2, 2, 1, (5, 7, 6), (Window(2, 2), Window(3, 1, 2, 1, 3), Window(1, 3)), "fft"),
    "pointwise, one channel": Layer(2, 3, 1, 1, (67, 19), (Window(1), Window(1)), "rows planes bands fft"),
    "pointwise": Layer(3, 2, 4, 3, (5, 7), (Window(1), Window(1)), "rows planes fft"),
}  # fmt: skip
EVERY = [
    (algorithm, name)
    for algorithm in ALGORITHMS
    for name, layer in LAYERS.items()
    if algorithm in ("direct", *layer.fitting.split())
]


def arrays(layer: Layer, dtype: str = "f8", seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, weights and bias: whole numbers, or bools, for which sums in any order are exact."""
    random = np.random.default_rng(seed)
    shapes = (
        (layer.batch, layer.groups * layer.channels, *layer.spatial),
        (layer.groups * layer.filters, layer.channels, *(window.kernel for window in layer.windows)),
        (layer.groups * layer.filters,),
    )
    low, high = (0, 2) if dtype in ("?", "u1", "u8") else (-3, 4)
    x, weight, bias = (random.integers(low, high, shape).astype(dtype) for shape in shapes)
    if dtype[0] == "c":
        x, weight = x + (1j * x[..., ::-1]).astype(dtype), (weight * np.array(2 - 1j, dtype)).astype(dtype)
    return x, weight, bias


def randoms(layer: Layer, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, weights and bias with normally distributed numbers."""
    random = np.random.default_rng(3)

    def filled(shape: tuple[int, ...]) -> np.ndarray:
        values = random.standard_normal(shape)
        return (values + 1j * random.standard_normal(shape) if dtype[0] == "c" else values).astype(dtype)

    x, weight, bias = arrays(layer)
    return filled(x.shape), filled(weight.shape), filled(bias.shape)


def computed(layer: Layer, algorithm: str, *given: np.ndarray, counter: Counter | None = None) -> np.ndarray:
    x, weight, bias = given
    return correlate(
        x, weight, bias, layer.windows, layer.groups,
        arithmetic=choose_arithmetic(x, weight, bias), padding_mode=layer.mode, algorithm=algorithm, counter=counter,
    )  # fmt: skip


def defined(layer: Layer, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The convolution by NumPy's own padding, windows and sums, in the type of x; kept, as many tests ask for it."""
    key = (layer, *((array.dtype.str, array.tobytes()) for array in (x, weight, bias)))
    if key not in _DEFINED:
        _DEFINED[key] = _by_definition(layer, x, weight, bias)
    return _DEFINED[key].copy()


_DEFINED: dict[object, np.ndarray] = {}


def _by_definition(layer: Layer, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    sides = [(0, 0), (0, 0), *((window.before, window.after) for window in layer.windows)]
    padded = np.pad(x, sides, mode=PAD[layer.mode])  # type: ignore[call-overload]
    axes = tuple(range(2, x.ndim))
    seen = np.lib.stride_tricks.sliding_window_view(padded, [window.extent for window in layer.windows], axes)
    positions = tuple(slice(None, None, window.stride) for window in layer.windows)
    taps = tuple(slice(None, None, window.dilation) for window in layer.windows)
    seen = seen[(slice(None), slice(None), *positions, *taps)]
    dims = len(axes)
    out = []
    for group in range(layer.groups):
        own = weight[group * layer.filters : (group + 1) * layer.filters]
        some = seen[:, group * layer.channels : (group + 1) * layer.channels]
        summed = [1, *range(2 + dims, 2 + 2 * dims)]
        out.append(np.moveaxis(np.tensordot(some, own, (summed, range(1, 2 + dims))), -1, 1))
    return np.concatenate(out, axis=1) + bias.reshape(-1, *(1 for _ in axes))


def problem(layer: Layer, dtype: str = "f4") -> Problem:
    x, weight, _ = arrays(layer, dtype)
    return posed_problem(layer, x, weight, dtype)


def posed_problem(layer: Layer, x: np.ndarray, weight: np.ndarray, dtype: str) -> Problem:
    return Problem(
        x.reshape(layer.batch, layer.groups, layer.channels, *layer.spatial),
        weight.reshape(layer.groups, layer.filters, *weight.shape[1:]),
        None,
        tuple(padded_axis(*axis, layer.mode) for axis in zip(layer.spatial, layer.windows, strict=True)),
        tuple(output_size(*axis) for axis in zip(layer.spatial, layer.windows, strict=True)),
        np.dtype(dtype),
    )


def assert_within(layer: Layer, algorithm: str, out: np.ndarray, want: np.ndarray, x: np.ndarray) -> None:
    """Equal, or for algorithms that round in their own way within the bound they state (and the result's rounding)."""
    if algorithm not in ROUNDING or out.dtype.kind == "i":
        assert_array_equal(out, want)
        return
    given = problem(layer, "f8" if out.dtype == np.float64 else "f4")
    scale = ALGORITHMS[algorithm].error_scale
    assert scale is not None
    bound = scale(given).reshape(1, -1, *(1 for _ in layer.spatial)) * np.finfo(given.compute).eps * np.abs(x).max()
    assert (np.abs(out - want) <= bound + np.finfo(out.dtype).eps * np.abs(want)).all()


# Values


@pytest.mark.parametrize(("algorithm", "name"), EVERY)
def test_equals_the_definition(algorithm: str, name: str) -> None:
    layer = LAYERS[name]
    given, counter = arrays(layer), Counter()
    out = computed(layer, algorithm, *given, counter=counter)
    assert counter.choice is not None
    assert (counter.choice.algorithm, counter.choice.reason) == (algorithm, "asked for")
    assert out.flags.c_contiguous
    assert_within(layer, algorithm, out, defined(layer, *given), given[0])


@pytest.mark.parametrize("name", LAYERS)
def test_fits_what_the_table_says(name: str) -> None:
    fitting = {other for other, algorithm in ALGORITHMS.items() if algorithm.fits(problem(LAYERS[name]))}
    assert fitting == {"direct", *LAYERS[name].fitting.split()}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_table_has_layers_for_every_algorithm(algorithm: str) -> None:
    own = [LAYERS[name] for other, name in EVERY if other == algorithm]
    assert len(own) >= 8
    assert any(layer.groups > 1 and (layer.channels > 1 or algorithm == "bands") and layer.filters > 1 for layer in own)
    assert any(layer.batch > 1 for layer in own)
    assert any(window.before != window.after for layer in own for window in layer.windows)
    assert any(window.dilation > 1 for layer in own for window in layer.windows)


@pytest.mark.parametrize(
    ("dtype", "algorithm", "name"),
    [
        (dtype, *own)
        for dtype, own in product(["f2", "f4", "f8", "c8", "c16"], EVERY)
        if dtype[0] == "f" or own[0] not in ROUNDING
    ],
)
def test_random_numbers(dtype: str, algorithm: str, name: str) -> None:
    """Within the algorithm's bound, or terms * eps * sum|products| (Higham 2002, section 3.1), of the definition."""
    layer, counter = LAYERS[name], Counter()
    x, weight, bias = randoms(layer, dtype)
    out = computed(layer, algorithm, x, weight, bias, counter=counter)
    assert out.dtype == np.dtype(dtype)
    assert counter.choice is not None
    assert counter.choice.algorithm == algorithm
    wide = {"f2": np.float64, "f4": np.float64, "f8": np.longdouble, "c8": np.complex128, "c16": np.clongdouble}[dtype]
    want = defined(layer, *(array.astype(wide) for array in (x, weight, bias)))
    compute = np.float32 if dtype == "f2" else out.dtype
    eps = float(np.finfo(compute).eps)
    if algorithm in ROUNDING:
        scale = ALGORITHMS[algorithm].error_scale
        assert scale is not None
        posed = problem(layer, "f8" if dtype == "f8" else "f4")
        largest = float(np.abs(x).max())
        own = weight.reshape(posed.weight.shape)
        bound = largest * eps * scale(replace(posed, weight=own)).reshape(1, -1, *(1 for _ in layer.spatial))
    else:
        magnitudes = defined(layer, *(np.abs(array).astype(np.float64) for array in (x, weight, bias)))
        bound = (4 if dtype[0] == "c" else 1) * weight[0].size * eps * magnitudes
    assert (np.abs(out - want) <= bound + np.finfo(dtype).eps * np.abs(want)).all()


BEYOND = {
    "tiles": (Layer(1, 1, 16, 3, (211, 197), (SAME, Window(3, 1, 1, 0, 2)), ""), ["rows", "winograd"]),
    "columns": (Layer(1, 1, 3, 64, (11, 227), (Window(7, 2, 1, 3, 3),) * 2, ""), ["rows"]),
    "planes": (Layer(1, 96, 2, 1, (61, 59), (SAME, Window(5, 1, 1, 2, 2)), ""), ["rows", "planes"]),
    "spectra": (Layer(1, 1, 2, 1, (353, 397), (Window(23, 1, 1, 9, 2), Window(19, 1, 1, 0, 7)), ""), ["fft"]),
    "panels": (Layer(2, 2, 9, 20, (517,), (Window(3, 1, 4, 4, 1),), ""), ["direct"]),
    "panels of some filters": (
        Layer(2, 1, 60, 64, (5, 203), (Window(1, 2), Window(5, 1, 1, 0, 2)), ""), ["direct"],
    ),
    "signal": (Layer(1, 1, 1, 2, (70_001,), (Window(13, 1, 1, 3, 0),), ""), ["fft"]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "algorithm"), [(name, own) for name, (_, fit) in BEYOND.items() for own in fit])
def test_in_blocks_of_the_usual_size(name: str, algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "multiplies_small_matrices_in_place", lambda: True)
    layer, counter = BEYOND[name][0], Counter()
    given = arrays(layer)
    out = computed(layer, algorithm, *given, counter=counter)
    assert counter.choice is not None
    assert counter.choice.algorithm == algorithm
    if not ALGORITHMS[algorithm].own_count:
        assert counter.multiplications == out.size * layer.channels * prod(window.kernel for window in layer.windows)
    assert_within(layer, algorithm, out, defined(layer, *given), given[0])


@pytest.mark.parametrize(
    "layer",
    [
        Layer(2, 1, 6, 64, (9, 11), (SAME, SAME), ""),
        Layer(1, 2, 3, 64, (4, 10, 13), (VALID, SAME, Window(3, 1, 1, 0, 2)), ""),
    ],
)
def test_winograd_multiplies_filters_in_parts(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 of 64 at a time, since of more a product with the tiles would be too large to be multiplied as it lies."""
    monkeypatch.setattr(blas, "multiplies_small_matrices_in_place", lambda: True)
    given, terms = arrays(layer), layer.channels * prod(window.kernel for window in layer.windows[:-2])
    tiles = winograd.tile_count(problem(layer))
    monkeypatch.setattr(tuning, "MAX_UNPACKED", 47 * terms * tiles)
    assert blas.rows_in_place(64, terms, tiles) == 32
    counter = Counter()
    out = computed(layer, "winograd", *given, counter=counter)
    assert counter.choice == Choice("winograd", "asked for")
    assert_within(layer, "winograd", out, defined(layer, *given), given[0])


@pytest.mark.parametrize(
    ("rows", "depth", "columns", "some"),
    [(256, 256, 64, 32), (160, 100, 125, 80), (64, 64, 244, 64), (40, 999, 1000, 40), (40, 300, 100, 40)],
)
def test_rows_multiplied_in_place(
    rows: int, depth: int, columns: int, some: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An even part in whole sixteens, of at most a million products, or else all."""
    monkeypatch.setattr(blas, "multiplies_small_matrices_in_place", lambda: True)
    assert blas.rows_in_place(rows, depth, columns) == some
    monkeypatch.setattr(blas, "multiplies_small_matrices_in_place", lambda: False)
    assert blas.rows_in_place(rows, depth, columns) == rows


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bias_is_added_before_rounding(algorithm: str) -> None:
    """1000.25 is 1000 or 1000.5 in float16, but 1000.25 - 1000 is 0.25."""
    layer, counter = Layer(1, 1, 1, 1, (6, 6), (SAME,) * 2, ""), Counter()
    x, weight = np.ones((1, 1, 6, 6), "f2"), np.zeros((1, 1, 3, 3), "f2")
    weight[0, 0, 1] = 0, 0.25, 1000
    out = computed(layer, algorithm, x, weight, np.array([-1000], "f2"), counter=counter)
    assert counter.choice is not None
    assert counter.choice.algorithm == algorithm
    np.testing.assert_allclose(out[..., :-1], 0.25, atol=0.01)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_subnormal_numbers_pass_the_check(algorithm: str) -> None:
    random, layer = np.random.default_rng(0), analyze(input=(1, 12, 12), kernel=3, filters=4, padding=1)
    [stage] = layer.stages
    for _ in range(20):
        x = (random.standard_normal((1, 1, 12, 12)) * 4e-44).astype("f4")
        weight, counter = random.standard_normal((4, 1, 3, 3)).astype("f4"), Counter()
        out = run_primitive(stage.node.primitive, [x], [weight], algorithm=algorithm, counter=counter)
        assert counter.choice is not None
        assert counter.choice.algorithm == algorithm
        check, _ = check_values([Executed(stage.number, stage.node, (x,), (weight,), out, counter)])
        assert check.ok, (check.predicted, check.measured)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16", "?", "u1", "i2", "i4", "i8", "u8"])
@pytest.mark.parametrize("name", ["3x3 in groups", "depthwise", "many taps"])
def test_every_dtype(name: str, dtype: str, algorithm: str) -> None:
    layer, counter = LAYERS[name], Counter()
    given = arrays(layer, dtype)
    out = computed(layer, algorithm, *given, counter=counter)
    assert out.dtype == np.dtype(dtype if dtype[0] in "fc" else "i8")
    wide = "c16" if dtype[0] == "c" else "f8" if dtype[0] == "f" else "i8"
    assert counter.choice is not None
    rounds = algorithm in ROUNDING and dtype[0] != "f"
    assert counter.choice.algorithm == (
        algorithm if algorithm in (*layer.fitting.split(),) and not rounds else "direct"
    )
    want = defined(layer, *(array.astype(wide) for array in given))
    assert_within(layer, counter.choice.algorithm, out, want, given[0])


@pytest.mark.parametrize(("algorithm", "name"), EVERY)
def test_in_many_blocks(algorithm: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With hardly any workspace, in however many parts that takes."""
    layer, given = LAYERS[name], arrays(LAYERS[name])
    for constant, value in {
        "BUDGET": 3000,
        "TILES_BYTES": 6000,
        "MAX_TILES_BYTES": 15_000,
        "MAX_CONVERTED_BYTES": 24_000,
        "MAX_ROW_COLUMNS": 5,
        "PANEL": 5,
        "L1_BYTES": 1,
    }.items():
        monkeypatch.setattr(tuning, constant, value)
    fitting = problem(layer, "f8")
    out = np.full((layer.batch, layer.groups, layer.filters, *fitting.positions), np.nan)
    bias = given[2].reshape(layer.groups, layer.filters)
    ALGORITHMS[algorithm].run(replace(fitting, bias=bias), out, Counter())
    want = defined(layer, *given)
    assert_within(layer, algorithm, out.reshape(want.shape), want, given[0])


@pytest.mark.parametrize(
    "kind", ["normal", "positive", "constant", "ramp", "alternating", "one spike", "far from zero"]
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("algorithm", "kernel"), [("winograd", 3), ("fft", 5), ("fft", 13)])
def test_stated_error_bound_holds(algorithm: str, kernel: int, dtype: str, kind: str) -> None:
    """On data for which roundings agree with each other, and the bound is within a factor of 10,000 of what happens."""
    random, channels, size = np.random.default_rng(1), 17, 37
    row, column = np.indices((size, size))
    shape = (1, channels, size, size)
    x = {
        "normal": random.standard_normal(shape),
        "positive": random.random(shape),
        "constant": np.full(shape, 1 / 3),
        "ramp": np.broadcast_to((row + column) / size, shape),
        "alternating": np.broadcast_to(np.where((row + column) % 2, 1, -1) / 3, shape),
        "one spike": np.where((row == 18) & (column == 17), 1e3 / 3, np.full(shape, 1e-3 / 3)),
        "far from zero": 1000 + random.random(shape),
    }[kind].astype(dtype)
    layer = Layer(1, 1, channels, 2, (size, size), (Window(kernel), Window(kernel)), "")
    for weight in (random.standard_normal((2, channels, kernel, kernel)), np.full((2, channels, kernel, kernel), 0.7)):
        own = weight.astype(dtype)
        wide = np.longdouble if dtype == "f8" else np.float64
        want = defined(layer, x.astype(wide), own.astype(wide), np.zeros(2, wide))
        out = computed(layer, algorithm, x, own, np.zeros(2, dtype))
        scale = ALGORITHMS[algorithm].error_scale
        assert scale is not None
        some = replace(problem(layer, dtype), weight=own[np.newaxis])
        bound = scale(some)[0] * np.finfo(dtype).eps * float(np.abs(x).max())
        error = np.abs(out - want).max(axis=(0, 2, 3))
        assert (error <= bound).all()
        if kind == "normal":
            assert (error > bound / 10_000).all()


# What is not finite


@pytest.mark.parametrize(("algorithm", "name"), EVERY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_inf_stay_in_their_windows(bad: float, algorithm: str, name: str) -> None:
    layer = LAYERS[name]
    x, weight, bias = arrays(layer, "f4")
    weight[weight == 0] = 1
    x[(0, -1, *(size // 2 for size in layer.spatial))] = bad
    x[(-1, 0, *(0 for _ in layer.spatial))] = bad
    with np.errstate(all="ignore"):
        want = defined(layer, x, weight, bias)
    assert_array_equal(computed(layer, algorithm, x, weight, bias), want)


@pytest.mark.parametrize(("algorithm", "name"), EVERY)
@pytest.mark.parametrize("dtype", ["f4", "c8"])
def test_nan_and_inf_together_are_as_computed_directly(dtype: str, algorithm: str, name: str) -> None:
    """Also at the borders, where padding is near, and in a weight, which meets the zeros of the padding."""
    layer = LAYERS[name]
    x, weight, bias = randoms(layer, dtype)
    first, last = tuple(0 for _ in layer.spatial), tuple(size - 1 for size in layer.spatial)
    x[(0, 0, *first)], x[(-1, -1, *last)] = np.inf, -np.inf
    x[(0, layer.channels - 1, *(size // 2 for size in layer.spatial))] = np.nan
    infinite = weight.copy()
    infinite[(-1, 0, *first)] = np.inf
    for taps in (weight, infinite):
        out, want = (computed(layer, own, x, taps, bias) for own in (algorithm, "direct"))
        assert_array_equal(kinds(out), kinds(want))


def kinds(values: np.ndarray) -> np.ndarray:
    """0 for a finite number, itself for NaN and Inf; real and imaginary parts apart."""
    parts = np.stack([values.real, values.imag])
    return np.where(np.isfinite(parts), 0, parts)


@pytest.mark.parametrize(("algorithm", "name"), EVERY)
def test_numbers_near_the_largest(algorithm: str, name: str) -> None:
    """One tap per filter: no sum overflows by the definition, many do within the transforms."""
    layer = LAYERS[name]
    x, weight, bias = arrays(layer, "f4")
    x[:] = np.where(x < 0, -3.3e38, 3.3e38)
    weight[:], bias[:] = 0, 0
    weight[(slice(None), -1, *(window.kernel // 2 for window in layer.windows))] = 1
    want = defined(layer, *(array.astype(float) for array in (x, weight, bias)))
    assert np.abs(want).max() > 3e38
    out = computed(layer, algorithm, x, weight, bias)
    assert np.isfinite(out).all()
    posed = replace(problem(layer), weight=weight.reshape(problem(layer).weight.shape))
    bound = np.zeros(1)
    if (scale := ALGORITHMS[algorithm].error_scale) is not None:
        bound = scale(posed).reshape(1, -1, *(1 for _ in layer.spatial)) * np.finfo("f4").eps * float(np.abs(x).max())
    assert (np.abs(out - want) <= bound).all()


def test_not_finite_is_computed_directly_and_said() -> None:
    layer, counter = LAYERS["3x3, odd tiles"], Counter()
    x, weight, bias = arrays(layer, "f4")
    x[0, 1, 4, 5] = np.inf
    computed(layer, "winograd", x, weight, bias, counter=counter)
    assert counter.choice is not None
    assert counter.choice.algorithm == "direct"
    assert "winograd met values or sums that are not finite" in counter.choice.reason
    assert not counter.as_defined  # both algorithms' multiplications were counted


def test_bands_compute_directly_only_what_was_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One NaN in one of 700 channels: the bands' own products, and those of the block that it is in."""
    monkeypatch.setattr(tuning, "BUDGET", 40_000)
    layer, clean, spoiled = LAYERS["depthwise, many"], Counter(), Counter()
    x, weight, bias = arrays(layer, "f4")
    computed(layer, "bands", x, weight, bias, counter=clean)
    x[0, 350, 4, 3] = np.nan
    out = computed(layer, "bands", x, weight, bias, counter=spoiled)
    assert spoiled.choice is not None
    assert (spoiled.choice.algorithm, spoiled.spoiled) == ("bands", True)
    assert spoiled.choice.reason == "asked for; parts that are not finite were computed directly"
    assert 9 * 9 * 7 <= spoiled.multiplications - clean.multiplications < 700 * 9 * 9 * 7 / 10
    assert_array_equal(out, defined(layer, x, weight, bias))


def test_bands_overflow_as_the_direct_sum_does() -> None:
    """3e38 twice and -3e38 twice under a window are 0, but past the largest number where one column is outside it."""
    layer, counter = Layer(1, 32, 1, 1, (30, 30), (SAME, SAME), ""), Counter()
    x, weight, zero = np.zeros((1, 32, 30, 30), "f4"), np.ones((32, 1, 3, 3), "f4"), np.zeros(32, "f4")
    x[..., 10:12, 4], x[..., 10:12, 5] = 3e38, -3e38
    out = computed(layer, "bands", x, weight, zero, counter=counter)
    with np.errstate(over="ignore"):
        want = defined(layer, *(array.astype("f8") for array in (x, weight, zero))).astype("f4")
    assert np.isinf(want).sum() == 32 * 4
    assert_array_equal(out, want)
    assert counter.spoiled


@pytest.mark.parametrize("name", ["pointwise, one channel", "depthwise, long strides", "depthwise with strides"])
def test_spoiled_rows_of_a_plane(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "BUDGET", 3000)
    x, weight, bias = arrays(LAYERS[name], "f4")
    x[0, -1, 4, 6] = np.nan
    counter = Counter()
    out = computed(LAYERS[name], "bands", x, weight, bias, counter=counter)
    assert counter.spoiled
    assert_array_equal(out, defined(LAYERS[name], x, weight, bias))


@pytest.mark.parametrize("budget", [600, 1300, 1900, 30_000, 2**21])
def test_planes_multiplies_so_many_kernel_rows_at_a_time_as_there_is_room_for(
    budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One, two, three and all four rows after the first, in blocks of one, two and five groups."""
    layer = Layer(2, 5, 3, 1, (9, 7), (Window(5, 1, 1, 1, 2), Window(3, 1, 1, 0, 2)), "planes")
    x, weight, bias = arrays(layer, "f4")
    monkeypatch.setattr(tuning, "BUDGET", budget)
    counter = Counter()
    out = computed(layer, "planes", x, weight, bias, counter=counter)
    np.testing.assert_allclose(out, defined(layer, x, weight, bias), rtol=1e-5, atol=1e-5)
    assert counter.choice == Choice("planes", "asked for")
    assert counter.multiplications == out.size * 3 * 5 * 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_settings_of_numpy_are_as_before(algorithm: str) -> None:
    before = np.geterr(), np.getbufsize()
    computed(LAYERS["depthwise"], algorithm, *arrays(LAYERS["depthwise"], "f4"))
    assert (np.geterr(), np.getbufsize()) == before


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_overflow_is_a_result_whatever_the_caller_wants(algorithm: str) -> None:
    x, weight, _ = arrays(LAYERS["depthwise"], "f4")
    x[...], weight[...] = 3e38, 3e38
    with np.errstate(all="raise"):
        assert np.isinf(computed(LAYERS["depthwise"], algorithm, x, weight, None)).all()


def test_overflow_within_the_transforms_is_none_of_the_result() -> None:
    layer = Layer(1, 1, 1, 1, (8, 8), (VALID, VALID), "")
    x, weight = np.full((1, 1, 8, 8), 3e38, "f4"), np.zeros((1, 1, 3, 3), "f4")
    weight[0, 0, 1, 1] = 1
    assert_array_equal(computed(layer, "winograd", x, weight, np.zeros(1, "f4")), np.full((1, 1, 6, 6), 3e38, "f4"))


# Which one is taken


@pytest.mark.parametrize(
    ("algorithm", "name", "dtype"),
    [
        ("winograd", "3x3 with strides", "f4"),
        ("winograd", "depthwise", "f4"),
        ("winograd", "3x3, odd tiles", "i4"),
        ("winograd", "3x3, odd tiles", "c8"),
        ("fft", "large kernel", "i8"),
        ("planes", "3x3, one output", "f4"),
        ("rows", "3x3x3", "f8"),
    ],
)
def test_what_does_not_fit_is_computed_directly(algorithm: str, name: str, dtype: str) -> None:
    layer, counter = LAYERS[name], Counter()
    given = arrays(layer, dtype)
    out = computed(layer, algorithm, *given, counter=counter)
    assert counter.choice is not None
    assert (counter.choice.algorithm, counter.choice.reason) == (
        "direct",
        f"{algorithm} was asked for and does not fit",
    )
    wide = "c16" if dtype[0] == "c" else "f8" if dtype[0] == "f" else "i8"
    assert_array_equal(out, defined(layer, *(array.astype(wide) for array in given)))


def test_unknown_algorithm_is_refused() -> None:
    names = ", ".join(["auto", *ALGORITHMS])
    with pytest.raises(ConvcalcError, match=f"algorithm: must be one of {names}, got 'gemm'"):
        convcalc.conv(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), algorithm="gemm")
    with pytest.raises(ConvcalcError, match=f"algorithm: must be one of {names}, got 'gemm'"):
        convcalc.conv_transpose(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), algorithm="gemm")


def test_command_line_lists_every_algorithm() -> None:
    assert listed == algorithms.NAMES


def test_transposed_has_one_algorithm() -> None:
    x, weight = np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 2, 3, 3))
    want = convcalc.conv_transpose(x, weight, stride=2)
    assert_array_equal(convcalc.conv_transpose(x, weight, stride=2, algorithm="winograd"), want)


def square(channels: int, filters: int, size: int, kernel: int, **options: Any) -> Layer:
    """A layer as networks have it; padding keeps the size, before a stride."""
    stride, dilation, groups = (options.get(name, 1) for name in ("stride", "dilation", "groups"))
    pad = dilation * (kernel - 1) // 2
    window = Window(kernel, stride, dilation, pad, pad)
    return Layer(
        options.get("batch", 1), groups, channels // groups, filters // groups, (size, size), (window,) * 2, ""
    )


@pytest.mark.parametrize(
    ("layer", "dtype", "algorithm"),
    [
        (square(64, 64, 56, 3), "f4", "winograd"),
        (square(64, 64, 56, 3), "f8", "winograd"),
        (square(64, 64, 56, 3), "i8", "direct"),
        (square(64, 64, 56, 3), "c8", "direct"),
        (square(96, 96, 28, 3, dilation=2), "f4", "winograd"),
        (square(64, 64, 14, 3, batch=8), "f4", "winograd"),
        (square(64, 64, 14, 3), "f4", "planes"),
        (square(192, 192, 16, 3), "f4", "winograd"),
        (square(384, 384, 20, 3), "f4", "winograd"),
        (square(512, 512, 20, 3), "f4", "planes"),
        (square(512, 512, 28, 3), "f4", "winograd"),
        (Layer(1, 1, 64, 64, (16, 24, 24), (SAME,) * 3, ""), "f4", "winograd"),
        (Layer(1, 1, 64, 192, (7, 7, 7), (SAME,) * 3, ""), "f4", "direct"),
        (square(64, 64, 33, 3, stride=2), "f4", "direct"),
        (square(96, 32, 56, 1), "f4", "direct"),
        (square(3, 64, 64, 7, stride=2), "f4", "rows"),
        (square(32, 32, 112, 3, groups=32), "f4", "rows"),
        (square(144, 144, 56, 3, groups=144, stride=2), "f4", "rows"),
        (square(32, 64, 112, 3, groups=32), "f4", "rows"),
        (square(128, 128, 14, 3, groups=128), "f4", "planes"),
        (square(384, 384, 14, 7, groups=384), "f4", "planes"),
        (square(192, 192, 28, 7, groups=192), "f4", "rows"),
        (square(64, 64, 64, 9, groups=64), "f4", "bands or rows"),
        (square(128, 128, 28, 3, groups=128, stride=2), "f4", "rows"),
        (square(64, 64, 14, 3, groups=8), "f4", "planes"),
        (square(1, 1, 300, 3), "f4", "rows"),
        (square(1, 1, 512, 11), "f4", "bands or rows"),
        (square(1, 1, 512, 31), "f4", "fft"),
        (square(64, 64, 112, 15, groups=64), "f4", "bands"),
        (square(64, 64, 56, 41, groups=64), "f4", "fft"),
        (square(1, 2, 256, 15), "f4", "rows or fft"),
        (square(16, 1, 256, 15), "f4", "fft"),
        (Layer(1, 1, 1, 1, (100_000,), (Window(101, 1, 1, 50, 50),), ""), "f4", "fft"),
        (Layer(1, 64, 1, 1, (2000,), (Window(5, 1, 1, 2, 2),), ""), "f4", "rows"),
        (Layer(1, 4, 1, 1, (2000,), (Window(5, 1, 1, 2, 2),), ""), "f4", "direct"),
        (Layer(1, 64, 1, 8, (2000,), (Window(5, 1, 1, 2, 2),), ""), "f4", "direct"),
        (square(256, 256, 56, 3, groups=256, dilation=2), "f4", "bands"),
        (square(16, 16, 112, 3, groups=4, dilation=2), "f4", "direct"),
        (square(2, 16, 20, 13), "f4", "rows"),
        (square(64, 64, 28, 7), "f4", "planes"),
        (Layer(1, 1, 1, 1, (100_000,), (Window(51, 1, 1, 25, 25),), ""), "f4", "direct"),
        (square(1, 1, 512, 31), "i4", "bands"),
        (square(8, 8, 90, 3, groups=8, dilation=20), "f4", "direct"),
        (square(256, 256, 14, 3), "f4", "planes"),
        (square(3, 64, 224, 7, stride=2), "f4", "rows"),
        (square(32, 32, 112, 3, groups=32), "f8", "rows"),
        (square(1, 1, 2048, 101), "f4", "fft"),
    ],
)
@pytest.mark.parametrize("small", [True, False])
def test_choice(layer: Layer, dtype: str, algorithm: str, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two where BLAS has kernels for small matrices."""
    monkeypatch.setattr(choice, "multiplies_small_matrices_in_place", lambda: small)
    algorithm = algorithm.split(" or ")[0 if small else -1]
    given = replace(problem(layer, "f4" if dtype[0] == "i" else dtype), exact=dtype[0] == "i")
    taken = choose(given)
    assert taken.algorithm == algorithm
    first = next(rule for rule in RULES if rule[1](given) and ALGORITHMS[rule[0]].fits(given))
    assert (taken.algorithm, taken.reason) == (first[0], first[2])


def test_rules_have_no_numbers_of_their_own() -> None:
    tree = ast.parse(inspect.getsource(choice))
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert {value for value in constants if isinstance(value, int | float)} <= {0, 1, 2}


def test_every_tuned_constant_says_where_it_comes_from() -> None:
    """A date, or that it was reasoned or is a fact, right below its name."""
    lines = ast.parse(inspect.getsource(tuning)).body
    for line, below in pairwise(lines):
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) != "MIB":
            assert isinstance(below, ast.Expr), ast.unparse(line)
            text = ast.literal_eval(below.value)
            assert re.search(r"20\d\d-\d\d-\d\d|Same day|Reasoned: |A fact of ", text), text


@pytest.mark.parametrize("dtype", ["i8", "c8", "c16"])
@pytest.mark.parametrize("layer", [*LAYERS.values(), square(64, 64, 56, 3), square(1, 1, 256, 101)])
def test_exact_and_complex_numbers_are_not_rounded_in_transforms(layer: Layer, dtype: str) -> None:
    given = problem(layer, dtype)
    assert choose(given).algorithm not in ROUNDING
    for algorithm in ROUNDING:
        assert choose(given, algorithm).algorithm == "direct"
    for compute in ("f4", "f8"):  # in which integers are computed where they are small enough
        assert choose(replace(problem(layer, compute), exact=True)).algorithm not in ROUNDING


# What is counted


class Number:
    """A number that counts how often it is multiplied."""

    multiplications = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __mul__(self, other: Any) -> Number:
        Number.multiplications += 1
        return Number(self.value * getattr(other, "value", other))

    def __add__(self, other: Any) -> Number:
        return Number(self.value + getattr(other, "value", other))

    __rmul__, __radd__ = __mul__, __add__


# Where every value that is multiplied is a number of the input or of the weights: padding is neither.
COUNTED = {
    "direct": square(2, 3, 5, 3),
    "rows": Layer(2, 2, 1, 3, (7, 9), (Window(3, 2), Window(2, 1, 3)), ""),
    "bands": Layer(2, 2, 1, 3, (26, 24), (Window(4, 2), Window(5, 1, 2)), ""),
    "bands along columns": Layer(1, 2, 1, 1, (26, 24), (Window(4, 2), Window(5, 3)), ""),
    "planes": Layer(1, 2, 3, 2, (6, 5), (SAME, SAME), ""),
    "planes, all rows at once": Layer(1, 1, 2, 7, (2, 3), (SAME, SAME), ""),
    "winograd": Layer(1, 1, 2, 3, (10, 14), (VALID, VALID), ""),
    "winograd in groups and depth": Layer(1, 2, 2, 1, (4, 6, 10), (Window(2), Window(3), Window(3)), ""),
}


@pytest.mark.parametrize("name", COUNTED)
def test_counts_what_is_executed(name: str) -> None:
    layer, counter, Number.multiplications = COUNTED[name], Counter(), 0
    x, weight, bias = (np.frompyfunc(Number, 1, 1)(array) for array in arrays(layer))
    objects, algorithm = np.dtype(object), name.split()[0].strip(",")
    out = correlate(
        x, weight, bias, layer.windows, layer.groups,
        arithmetic=Arithmetic(objects, objects), algorithm=algorithm, counter=counter,
    )  # fmt: skip
    assert counter.choice is not None
    assert counter.choice.reason == "asked for"
    assert counter.multiplications == Number.multiplications
    values = np.frompyfunc(lambda number: number.value, 1, 1)(out).astype(float)
    np.testing.assert_allclose(values, defined(layer, *arrays(layer)), atol=1e-9)
    taps = np.prod([window.kernel for window in layer.windows])
    definition = out.size * layer.channels * taps
    assert counter.as_defined == (algorithm in ("direct", "rows", "planes"))
    assert (counter.multiplications == definition) == counter.as_defined


def test_winograd_multiplications_by_hand() -> None:
    """36 points, transforms of 6 rows at every column and of 6 columns in every tile, kernels' and the output's."""
    layer, counter = Layer(1, 1, 2, 3, (10, 14), (VALID, VALID), ""), Counter()
    computed(layer, "winograd", *arrays(layer), counter=counter)
    tiles, width = 2 * 3, 14
    products = 36 * tiles * 2 * 3
    kernels = 36 * 9 * 2 * 3
    rows_of_tiles, columns_of_tiles = 2 * 6 * 6 * width * 2, 6 * 6 * 6 * tiles * 2
    outputs = 16 * 36 * tiles * 3
    assert counter.multiplications == products + kernels + rows_of_tiles + columns_of_tiles + outputs


def test_fft_multiplications_by_hand() -> None:
    """One tile of 16 x 12: three inputs, six kernels and two results transformed, four real products a complex one."""
    layer, counter = Layer(1, 1, 3, 2, (16, 12), (Window(5), Window(4)), ""), Counter()
    computed(layer, "fft", *arrays(layer), counter=counter)
    assert [(cut.size, cut.count) for cut in fourier.tilings(problem(layer, "f8"))] == [(16, 1), (12, 1)]
    n, half = 16 * 12, 16 * (12 // 2 + 1)
    inputs, *others = (np.ceil(count * n * np.log2(n)) for count in (3, 1))
    kernels, results = (count * others[0] for count in (6, 2))
    assert counter.multiplications == inputs + kernels + results + 4 * half * 3 * 2


# Workspaces and threads


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_result_is_no_part_of_the_workspace(algorithm: str) -> None:
    layer = LAYERS["3x3 in groups"]
    first = computed(layer, algorithm, *arrays(layer, seed=1))
    kept = first.copy()
    for name in ("3x3 in groups", "many taps"):
        computed(LAYERS[name], algorithm, *arrays(LAYERS[name], seed=2))
    assert_array_equal(first, kept)


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer is cut for three threads, however small."""
    monkeypatch.setattr(algorithms, "thread_count", lambda: 3)
    monkeypatch.setattr(tuning, "MIN_SHARED_MULTIPLICATIONS", dict.fromkeys(ALGORITHMS, 0))


@pytest.mark.parametrize(("algorithm", "name"), EVERY)
def test_shared_among_threads(algorithm: str, name: str, request: pytest.FixtureRequest) -> None:
    layer, given, alone, shared = LAYERS[name], arrays(LAYERS[name]), Counter(), Counter()
    want = computed(layer, algorithm, *given, counter=alone)
    request.getfixturevalue("three_threads")
    out = computed(layer, algorithm, *given, counter=shared)
    assert_within(layer, algorithm, out, defined(layer, *given), given[0])
    if not ALGORITHMS[algorithm].own_count:
        assert_array_equal(out, want)
        assert shared.multiplications == alone.multiplications


@pytest.mark.usefixtures("three_threads")
def test_shared_among_threads_and_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one part computes again leaves alone what others have in their workspaces."""
    monkeypatch.setattr(tuning, "BUDGET", 40_000)
    layer, counter = LAYERS["depthwise, many"], Counter()
    x, weight, bias = arrays(layer, "f4")
    x[0, ::100, 4, 3] = np.nan
    out = computed(layer, "bands", x, weight, bias, counter=counter)
    assert counter.spoiled
    assert_array_equal(out, defined(layer, x, weight, bias))


def test_callers_in_several_threads_do_not_meet() -> None:
    names = ["3x3 in groups", "many taps", "3x3, odd tiles", "depthwise, many"]
    given = {name: arrays(LAYERS[name]) for name in names}
    want = {name: computed(LAYERS[name], "auto", *given[name]) for name in names}
    wrong: list[str] = []

    def work(name: str) -> None:
        outs = [computed(LAYERS[name], "auto", *given[name]) for _ in range(30)]
        wrong.extend(name for out in outs if not np.array_equal(out, want[name]))

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.usefixtures("three_threads")
def test_callers_in_several_threads_whose_work_is_shared() -> None:
    test_callers_in_several_threads_do_not_meet()


@pytest.fixture
def blas_threads() -> Iterator[Callable[[], int]]:
    """OpenBLAS set to use two threads, and its own count of them."""
    if (blas := openblas()) is None:
        pytest.skip("work is shared only where OpenBLAS can be held to one thread")
    before = blas.thread_count()
    blas.use_threads(2)
    yield blas.thread_count
    blas.use_threads(before)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_failure_in_a_thread_is_raised_when_all_have_ended(failing: int, blas_threads: Callable[[], int]) -> None:
    """BLAS has one thread until then, and afterwards those that it had."""
    ended = []

    def work(number: int) -> None:
        if number == failing:
            raise MemoryError("no room")
        time.sleep(0.05)
        ended.append(blas_threads())

    with pytest.raises(MemoryError, match="no room"):
        threads.run_all([partial(work, number) for number in range(3)])
    assert ended == [1, 1]
    assert blas_threads() == 2


@pytest.mark.usefixtures("blas_threads")
def test_tasks_that_wait_for_tasks_of_their_own() -> None:
    """However many threads there are: who waits does what nobody has begun."""
    seen: list[tuple[int, int]] = []

    def outer(number: int) -> None:
        threads.run_all([partial(seen.append, (number, inner)) for inner in range(4)])

    threads.run_all([partial(outer, number) for number in range(9)])
    assert sorted(seen) == list(product(range(9), range(4)))


@pytest.mark.usefixtures("blas_threads")
def test_tasks_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    seen: list[int] = []
    threads.begin_anew()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        threads.run_all([partial(seen.append, number) for number in range(3)])
    threads.begin_anew()
    assert seen == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_begins_anew(blas_threads: Callable[[], int]) -> None:
    """Also while a thread works, which the new process does not have."""
    begun, ended, seen = threading.Event(), threading.Event(), list[int]()

    def stay() -> None:
        begun.set()
        ended.wait(5)

    caller = threading.Thread(target=threads.run_all, args=([stay],))
    caller.start()
    begun.wait(5)
    process = os.fork()
    if process == 0:
        signal.alarm(20)  # rather than waiting for ever
        restored = blas_threads() == 2
        threads.run_all([partial(seen.append, number) for number in range(3)])
        os._exit(0 if restored and sorted(seen) == [0, 1, 2] and blas_threads() == 2 else 1)
    ended.set()
    caller.join()
    assert os.waitpid(process, 0)[1] == 0
    assert blas_threads() == 2


def test_blas_keeps_one_thread_until_the_last_caller_leaves(blas_threads: Callable[[], int]) -> None:
    begun, first_left, seen = threading.Event(), threading.Event(), []

    def stay() -> None:
        begun.set()
        first_left.wait(5)
        seen.append(blas_threads())

    caller = threading.Thread(target=threads.run_all, args=([stay],))

    def start_other() -> None:
        caller.start()
        begun.wait(5)

    threads.run_all([start_other])
    first_left.set()
    caller.join()
    assert seen == [1]
    assert blas_threads() == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "x"}, None),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "3"}, 2),
        ({"OPENBLAS_NUM_THREADS": "0"}, 1),
    ],
)
def test_threads_are_as_many_as_blas_is_told(
    values: dict[str, str], expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if openblas() is None:
        assert threads.thread_count() == 1
        return
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    asked_anew = threads.thread_count.__wrapped__
    unset = asked_anew()
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert asked_anew() == (expected or unset)


# (input, filters, windows)
LARGE: dict[str, tuple[tuple[int, ...], int, tuple[Window, ...]]] = {
    "many channels": ((1, 512, 14, 14), 512, (SAME, SAME)),
    "depth": ((1, 16, 9, 40, 40), 24, (SAME, SAME, SAME)),
    "large kernel": ((1, 16, 64, 67), 16, (Window(15, 1, 1, 7, 7),) * 2),
    "columns far apart": ((1, 64, 3, 100_003), 1, (VALID, Window(2, 1, 100_000))),
    "tall tiles of many filters": ((1, 1, 1742, 7), 3059, (Window(1478, 1, 1, 738, 739), Window(1))),
    "tall kernel": ((1, 1, 4000, 3), 1, (Window(2000), Window(1))),
    "more weights than pixels": ((1, 1500, 8, 8), 63, (Window(15, 1, 1, 7, 7),) * 2),
    "positions far apart": ((1, 64, 5, 60_100), 4, (Window(5), Window(5, 1200))),
    "many filters, in half precision": ((1, 1, 160, 160), 350, (SAME, SAME)),
}
ENOUGH = {("tall tiles of many filters", "rows"): 60, ("many filters, in half precision", "fft"): 90}
"""Filters where the algorithm goes through them one by one, so that the working memory does not depend on them."""


def fitting_large() -> list[tuple[str, str]]:
    """(layer, algorithm) for every algorithm that can compute it; the others leave it to direct."""
    pairs = []
    for name, (shape, filters, windows) in LARGE.items():
        layer = Layer(shape[0], 1, shape[1], filters, shape[2:], windows, "")
        ones = np.broadcast_to(np.float32(1), shape)
        kernel = np.broadcast_to(np.float32(1), (filters, shape[1], *(window.kernel for window in windows)))
        posed = posed_problem(layer, ones, kernel, "f4")
        pairs += [(name, other) for other, algorithm in ALGORITHMS.items() if algorithm.fits(posed)]
    return pairs


@pytest.mark.parametrize(("name", "algorithm"), fitting_large())
def test_extra_memory_of_every_algorithm(name: str, algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "thread_count", lambda: 1)
    shape, filters, windows = LARGE[name]
    filters = ENOUGH.get((name, algorithm), filters)
    dtype = "f2" if "half" in name else "f4"
    x, weight = np.ones(shape, dtype), np.ones((filters, shape[1], *(window.kernel for window in windows)), dtype)
    assert extra_memory(x, weight, windows, algorithm) < 64 * 2**20


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("algorithm", ["auto", "planes", "winograd", "direct"])
@pytest.mark.parametrize("name", ["cropped", "channels last"])
def test_extra_memory_where_arrays_are_copied_first(
    name: str, algorithm: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of many images, or of weights much larger than the image, are freed one after the other."""
    monkeypatch.setattr(algorithms, "thread_count", lambda: threads)
    if name == "cropped":
        x, weight = np.ones((34, 1000, 30, 32), "f4")[..., :30], np.ones((1, 1000, 1, 1), "f4")
        windows = (Window(1), Window(1))
    else:
        x, weight = np.ones((1, 1024, 4, 4), "f4"), np.ones((3, 3, 1024, 3600), "f4").transpose(3, 2, 0, 1)
        windows = (SAME, SAME)
    assert extra_memory(x, weight, windows, algorithm) < threads * 64 * 2**20


def extra_memory(x: np.ndarray, weight: np.ndarray, windows: tuple[Window, ...], algorithm: str) -> int:
    """Bytes taken in addition to input, weights and output, with the workspace that a thread keeps for its next call.

    In a new thread, which has none yet.
    """
    arithmetic, outs = choose_arithmetic(x, weight), list[np.ndarray]()

    def run() -> None:
        outs.append(correlate(x, weight, None, windows, 1, arithmetic=arithmetic, algorithm=algorithm))

    tracemalloc.start()
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return tracemalloc.get_traced_memory()[1] - outs[0].nbytes
    finally:
        tracemalloc.stop()
