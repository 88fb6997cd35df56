"""The engine against loops that do the sums one by one, against a number that counts, and against PyTorch."""

from __future__ import annotations

import random
import threading
import tracemalloc
from math import prod
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.axis.window import Window, output_size, transposed_size
from convcalc.engine import tuning
from convcalc.engine.arithmetic import Arithmetic, choose_arithmetic
from convcalc.engine.correlate import correlate
from convcalc.engine.counter import Counter
from convcalc.engine.transposed import by_output_channel, transposed_correlate
from convcalc.engine.work.blocks import block_shape, blocks
from convcalc.errors import DataError, ShapeError

OBJECTS = Arithmetic(np.dtype(object), np.dtype(object))


class Case(NamedTuple):
    batch: int
    channels: int
    filters: int
    groups: int
    spatial: tuple[int, ...]
    windows: tuple[Window, ...]
    extra: tuple[int, ...] = ()
    """Output padding, of a transposed layer."""


# Window(kernel, stride, dilation, before, after)
CONVOLUTIONS = {
    "1-D, one-sided": Case(2, 3, 5, 1, (11,), (Window(3, 2, 3, 0, 4),)),
    "1-D, padding before": Case(1, 1, 1, 1, (7,), (Window(4, 1, 2, 5, 0),)),
    "1-D, stride beyond the kernel": Case(1, 2, 3, 1, (23,), (Window(2, 7, 1, 1, 3),)),
    "1-D, taps far apart": Case(2, 1, 2, 1, (29,), (Window(3, 1, 11, 2, 0),)),
    "2-D, all different": Case(2, 6, 4, 2, (7, 11), (Window(3, 2, 1, 1, 0), Window(2, 3, 5, 0, 3))),
    "2-D, depthwise with multiplier": Case(1, 3, 6, 3, (5, 7), (Window(2), Window(3, 1, 1, 1, 1))),
    "2-D, pointwise": Case(3, 4, 6, 2, (5, 3), (Window(1), Window(1))),
    "2-D, pointwise with stride": Case(2, 3, 2, 1, (7, 5), (Window(1, 3), Window(1, 2, 1, 0, 2))),
    "2-D, window as large as the input": Case(2, 2, 3, 1, (5, 7), (Window(5), Window(7))),
    "2-D, windows of padding only": Case(1, 1, 2, 1, (2, 3), (Window(2, 1, 1, 4, 5), Window(1, 2, 1, 3, 0))),
    "3-D, all different": Case(2, 4, 2, 2, (5, 4, 7), (Window(2, 1, 3, 1, 0), Window(3, 2, 1, 0, 2), Window(2, 3))),
}
TRANSPOSED = {
    "1-D, crop on one side": Case(2, 3, 5, 1, (5,), (Window(3, 2, 1, 0, 2),), (0,)),
    "1-D, stride beyond the kernel": Case(1, 2, 3, 1, (4,), (Window(2, 5, 1, 1, 0),), (4,)),
    "1-D, crop beyond the extent": Case(2, 1, 2, 1, (9,), (Window(2, 1, 1, 4, 3),), (0,)),
    "2-D, all different": Case(2, 6, 4, 2, (3, 5), (Window(3, 2, 1, 1, 0), Window(2, 3, 5, 0, 3)), (1, 2)),
    "2-D, depthwise with multiplier": Case(1, 3, 6, 3, (5, 2), (Window(2), Window(4, 2, 1, 1, 1)), (0, 1)),
    "2-D, kernel above the input": Case(1, 2, 3, 1, (2, 3), (Window(7, 2, 1, 3, 0), Window(5, 1, 2)), (0, 0)),
    "2-D, pointwise": Case(3, 4, 6, 2, (5, 3), (Window(1), Window(1)), (0, 0)),
    "3-D, all different": Case(2, 4, 2, 2, (3, 2, 4), (Window(2, 1, 3, 1, 0), Window(3, 2), Window(2, 3)), (0, 1, 2)),
}
EVERY = [("forward", name) for name in CONVOLUTIONS] + [("transposed", name) for name in TRANSPOSED]
DTYPES = ["f2", "f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


def loops(x, weight, bias, case, mode="zeros"):
    """Convolution by its definition: a nested list's worth of Python sums."""
    sizes = [output_size(size, window) for size, window in zip(case.spatial, case.windows, strict=True)]
    out = np.empty((case.batch, case.filters, *sizes), object)
    depth = case.channels // case.groups
    for b, n, *p in np.ndindex(out.shape):
        total = bias[n]
        for c, *t in np.ndindex(weight.shape[1:]):
            q = [
                source(p[i] * w.stride + t[i] * w.dilation - w.before, case.spatial[i], mode)
                for i, w in enumerate(case.windows)
            ]
            value = 0 if None in q else x[(b, n // (case.filters // case.groups) * depth + c, *q)]
            total = total + weight[(n, c, *t)] * value
        out[(b, n, *p)] = total
    return out


def source(q, size, mode):
    """The input position that padded position q shows, None for a zero."""
    if 0 <= q < size:
        return q
    match mode:
        case "zeros":
            return None
        case "reflect":
            return -q if q < 0 else size - 1 - (q - (size - 1))
        case "replicate":
            return 0 if q < 0 else size - 1
        case "circular":
            return q % size


def transposed_loops(x, weight, bias, case):
    """Every input value times each of its weights, added where it lands if that is not cropped away."""
    sizes = sizes_of(case)
    out = np.empty((case.batch, case.filters, *sizes), object)
    out[...] = np.reshape(bias, (-1, *(1 for _ in sizes)))
    per_group = case.filters // case.groups
    for b, c, *p in np.ndindex(x.shape):
        for n, *t in np.ndindex(weight.shape[1:]):
            o = [p[i] * w.stride + t[i] * w.dilation - w.before for i, w in enumerate(case.windows)]
            term = weight[(c, n, *t)] * x[(b, c, *p)]
            if all(0 <= at < size for at, size in zip(o, sizes, strict=True)):
                out[(b, c // (case.channels // case.groups) * per_group + n, *o)] += term
    return out


def sizes_of(case):
    return [transposed_size(*axis) for axis in zip(case.spatial, case.windows, case.extra, strict=True)]


def arrays(case, kind, dtype=np.int64, low=-3, high=4, seed=0):
    rng = np.random.default_rng(seed)
    kernel = [window.kernel for window in case.windows]
    if kind == "forward":
        weight_shape = (case.filters, case.channels // case.groups, *kernel)
    else:
        weight_shape = (case.channels, case.filters // case.groups, *kernel)
    shapes = (case.batch, case.channels, *case.spatial), weight_shape, (case.filters,)
    return [rng.integers(low, high, shape).astype(dtype) for shape in shapes]


def engine(x, weight, bias, case, kind, **options):
    if kind == "forward":
        options.setdefault("arithmetic", None)
        options["arithmetic"] = options["arithmetic"] or choose_arithmetic(x, weight, bias)
        return correlate(x, weight, bias, case.windows, case.groups, **options)
    arithmetic = options.pop("arithmetic", None) or choose_arithmetic(
        x, by_output_channel(weight, case.groups), bias, filter_axes=2
    )
    return transposed_correlate(
        x, weight, bias, case.windows, case.extra, case.groups, arithmetic=arithmetic, **options
    )


def expected(x, weight, bias, case, kind):
    reference = loops if kind == "forward" else transposed_loops
    return reference(x.astype(object), weight.astype(object), bias.astype(object), case)


def table(kind):
    return CONVOLUTIONS if kind == "forward" else TRANSPOSED


@pytest.fixture(params=[2**21, 400, 1], ids=["one block", "some blocks", "every index a block"])
def budget(request, monkeypatch):
    for constant in ("BUDGET", "SUMS_BYTES", "MAX_CONVERTED_BYTES"):
        monkeypatch.setattr(tuning, constant, request.param)


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_equals_loops(kind, name):
    case = table(kind)[name]
    x, weight, bias = arrays(case, kind, low=-50, high=51)
    out = engine(x, weight, bias, case, kind)
    assert out.dtype == np.int64
    assert out.flags.c_contiguous
    assert_array_equal(out, expected(x, weight, bias, case, kind))


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    "case",
    [
        Case(2, 2, 3, 1, (7,), (Window(3, 2, 1, 6, 4),)),
        Case(1, 4, 2, 2, (5, 7), (Window(2, 1, 3, 4, 1), Window(3, 2, 1, 0, 6))),
        Case(1, 1, 2, 1, (3, 4, 5), (Window(2, 1, 1, 2, 0), Window(1, 2, 1, 3, 3), Window(3, 1, 2, 1, 4))),
    ],
    ids=["1-D", "2-D", "3-D"],
)
def test_padding_modes(case, mode):
    x, weight, bias = arrays(case, "forward", low=-50, high=51)
    out = engine(x, weight, bias, case, "forward", padding_mode=mode)
    assert_array_equal(out, loops(x.astype(object), weight.astype(object), bias.astype(object), case, mode))


def test_replicate_beyond_the_input():
    case = Case(1, 1, 1, 1, (2,), (Window(3, 1, 1, 5, 4),))
    x, weight, bias = arrays(case, "forward")
    out = engine(x, weight, bias, case, "forward", padding_mode="replicate")
    assert_array_equal(out, loops(x, weight, bias, case, "replicate"))


@pytest.mark.parametrize(
    ("mode", "padding", "message"),
    [
        ("reflect", (0, 5), "reflect padding must be smaller than the input, got padding 0:5 on size 5; use at most 4"),
        ("circular", (6, 0), "circular padding must be at most as large as the input, got padding 6:0 on size 5"),
    ],
)
def test_padding_that_a_mode_cannot_fill(mode, padding, message):
    case = Case(1, 1, 1, 1, (5,), (Window(2, 1, 1, *padding),))
    with pytest.raises(ShapeError, match=message):
        engine(*arrays(case, "forward"), case, "forward", padding_mode=mode)


@pytest.mark.parametrize("kind", ["forward", "transposed"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype, order, kind, monkeypatch):
    monkeypatch.setattr(tuning, "BUDGET", 300)
    case = table(kind)["2-D, all different"]
    low = 0 if dtype[0] in "u?" else -3
    x, weight, bias = (array.astype(order + dtype.replace("?", "b1")) for array in arrays(case, kind, low=low))
    if dtype[0] == "c":
        x, weight = x + (1j * x[::-1]).astype(x.dtype), weight * np.array(1 - 2j, weight.dtype)
    out = engine(x, weight, bias, case, kind)
    assert out.dtype == np.dtype(dtype if dtype[0] in "fc" else "i8")
    assert out.dtype.isnative
    whole = object if dtype[0] in "fc" else int
    assert_array_equal(out, expected(*(array.astype(whole) for array in (x, weight, bias)), case, kind))


@pytest.mark.parametrize(
    ("x", "weight", "result", "compute"),
    [
        ("f2", "f2", "f2", "f4"),
        ("i1", "f2", "f2", "f4"),
        ("f2", "f4", "f4", "f4"),
        ("i4", "f4", "f8", "f8"),
        ("?", "c8", "c8", "c8"),
        ("u8", "c8", "c16", "c16"),
        ("u8", "i8", "i8", "f4"),
        ("?", "?", "i8", "f4"),
    ],
)
def test_result_dtype(x, weight, result, compute):
    arithmetic = choose_arithmetic(np.ones((1, 1, 3), x), np.ones((1, 1, 2), weight))
    assert arithmetic == Arithmetic(np.dtype(compute), np.dtype(result))


@pytest.mark.parametrize("dtype", ["O", "U3", "S3", "M8[s]", "m8[s]", "V4", "longdouble", "clongdouble"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_refused_dtypes(dtype, place):
    given = [np.ones((1, 1, 3)), np.ones((1, 1, 2)), np.ones(1)]
    given[place] = np.zeros(given[place].shape, dtype)
    with pytest.raises(DataError, match=r"dtype must be one of float16/32/64, complex64/128, every integer .*, got"):
        choose_arithmetic(*given)


@pytest.mark.parametrize(("bias", "to"), [("f4", "float64"), ("c8", "complex128")])
def test_refused_bias(bias, to):
    with pytest.raises(DataError, match=f"bias must be of the result's kind, .* convert .* to {to}"):
        choose_arithmetic(np.ones((1, 1, 3), "i4"), np.ones((1, 1, 2), "i4"), np.ones(1, bias))


@pytest.mark.parametrize(
    ("x", "weight", "bias", "compute"),
    [
        (2**12, [2**11, -(2**11)], -(2**24) + 2**24 - 1, "f8"),
        (2**12, [2**11, -(2**11) + 1], 2**12 - 1, "f4"),
        (-(2**31), [2**20, 2**20 - 1], 2**31 - 1, "f8"),
        (-(2**31), [2**21, 2**20], 0, "f8"),
        (-(2**31), [2**21, 2**21], 0, "i8"),
        (-(2**63), [0, 0], 0, "f4"),
        (2**31, [2**31, 2**31 - 1], 2**31 - 1, "i8"),
    ],
)
def test_integer_bound(x, weight, bias, compute):
    x, weight = np.array([[[x, 0, x]]], "i8"), np.array([[weight]], "i8")[:, None, 0]
    arithmetic = choose_arithmetic(x, weight, np.array([bias], "i8"))
    assert arithmetic.compute == compute
    out = correlate(x, weight, np.array([bias]), (Window(2),), 1, arithmetic=arithmetic)
    taps = [int(value) for value in weight[0, 0]]
    assert out.tolist() == [[[int(x[0, 0, 0]) * taps[0] + bias, int(x[0, 0, 2]) * taps[1] + bias]]]


@pytest.mark.parametrize(
    ("x", "weight", "bias", "bound"),
    [
        (np.array([2**62]), np.array([2]), None, 2**63),
        (np.array([2**62]), np.array([1, -1]), None, 2**63),
        (np.array([-(2**63)]), np.array([1]), None, 2**63),
        (np.array([1]), np.array([-(2**63)]), None, 2**63),
        (np.array([2**64 - 1], "u8"), np.array([True]), None, 2**64 - 1),
        (np.array([1]), np.array([2**64 - 1, 2**64 - 1, 5], "u8"), None, 2**65 + 3),
        (np.array([0]), np.array([1]), np.array([2**63], "u8"), 2**63),
        (np.array([1]), np.full(3, -(2**63)), None, 3 * 2**63),
    ],
)
@pytest.mark.usefixtures("budget")
def test_overflow_is_refused(x, weight, bias, bound):
    with pytest.raises(DataError, match=f"up to {bound} .* convert the input or the kernel to float64"):
        choose_arithmetic(x.reshape(1, 1, -1), weight.reshape(1, 1, -1), bias)


def test_bound_is_per_output_channel():
    weight = np.array([[2**61, 1], [1, 2**61], [2**61, 2**61]]).reshape(3, 2, 1)
    assert choose_arithmetic(np.array([[[2], [1]]]), weight[:2]).compute == np.int64
    with pytest.raises(DataError, match="must be sure to fit int64"):
        choose_arithmetic(np.array([[[2], [1]]]), weight)
    # Transposed, the same weights: two input channels, one group each, so that they never meet.
    apart = by_output_channel(weight.transpose(1, 0, 2), 2)
    assert choose_arithmetic(np.array([[[2], [1]]]), apart, filter_axes=2).compute == np.int64


@pytest.mark.parametrize("kind", ["forward", "transposed"])
def test_int64_is_exact_near_its_end(kind):
    case = Case(1, 2, 2, 1, (5,), (Window(2, 1, 1, 1, 0),), (0,))
    rng = np.random.default_rng(1)
    x = rng.integers(-(2**31), 2**31, (1, 2, 5))
    weight = rng.integers(2**28, 2**29, (2, 2, 2))
    out = engine(x, weight, np.array([2**61, -(2**61)]), case, kind)
    assert_array_equal(out, expected(x, weight, np.array([2**61, -(2**61)]), case, kind))
    assert abs(out).max() > 2**61


@pytest.mark.parametrize("kind", ["forward", "transposed"])
def test_any_layout_of_memory(kind):
    case = table(kind)["2-D, all different"]
    x, weight, bias = arrays(case, kind, np.float64)
    want = engine(x, weight, bias, case, kind)
    wide = np.zeros((*x.shape[:2], x.shape[2] * 3, x.shape[3] * 2))
    wide[:, :, ::3, ::2] = x
    for layout in (
        np.asfortranarray(x),
        wide[:, :, ::3, ::2],
        np.ascontiguousarray(x[..., ::-1])[..., ::-1],
        np.ascontiguousarray(x.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1),
    ):
        assert_array_equal(engine(layout, np.asfortranarray(weight), bias, case, kind), want)
        assert_array_equal(engine(layout, weight[::-1, :, ::-1].copy()[::-1, :, ::-1], bias, case, kind), want)
    read_only = x.view()
    read_only.flags.writeable = False
    assert_array_equal(engine(read_only, weight, bias, case, kind), want)


class Counted:
    """A whole number that counts how often it is multiplied."""

    multiplications = 0

    def __init__(self, value):
        self.value = value

    def __mul__(self, other):
        Counted.multiplications += 1
        return Counted(self.value * getattr(other, "value", other))

    def __add__(self, other):
        return Counted(self.value + getattr(other, "value", other))

    __rmul__, __radd__ = __mul__, __add__


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_counter_counts_what_is_executed(kind, name):
    case = table(kind)[name]
    x, weight, bias = arrays(case, kind)
    counter, Counted.multiplications = Counter(), 0
    number = np.frompyfunc(Counted, 1, 1)
    options = {"algorithm": "direct", "arithmetic": OBJECTS, "counter": counter}
    out = engine(number(x), number(weight), number(bias), case, kind, **options)
    assert_array_equal(np.frompyfunc(lambda entry: entry.value, 1, 1)(out), expected(x, weight, bias, case, kind))
    windows = prod(out.shape[2:]) if kind == "forward" else prod(case.spatial)
    taps = prod(window.kernel for window in case.windows)
    predicted = case.batch * windows * taps * case.channels * case.filters // case.groups
    assert counter.multiplications == Counted.multiplications == predicted
    counted_in_floats = Counter()
    engine(x, weight, bias, case, kind, algorithm="direct", counter=counted_in_floats)
    assert counted_in_floats == counter


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(("bad", "dtype"), [(np.nan, "f4"), (np.inf, "f2"), (-np.inf, "c8")])
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_bad_values_stay_in_their_windows(kind, name, dtype, bad):
    case = table(kind)[name]
    x, weight, bias = arrays(case, kind, dtype, low=1)
    x[(0, 0, *(size // 2 for size in case.spatial))] = bad
    out = engine(x, weight, bias, case, kind)
    touched = (x != x) | np.isinf(x)
    reached = expected(touched.astype(int), np.ones(weight.shape, int), np.zeros(bias.shape, int), case, kind) > 0
    assert_array_equal(~np.isfinite(out), reached)


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_infinite_weight_meets_padding_zeros(dtype):
    case = Case(1, 1, 2, 1, (3, 4), (Window(1), Window(2, 1, 1, 1, 1)))
    x, weight, bias = arrays(case, "forward", dtype, low=1)
    weight[0, 0, 0, 0] = np.inf
    out = engine(x, weight, bias, case, "forward")
    assert np.isnan(out[0, 0, :, 0]).all()  # inf * 0
    assert np.isposinf(out[0, 0, :, 1:]).all()
    assert np.isfinite(out[0, 1]).all()


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_infinite_weight_spares_what_it_does_not_reach(dtype):
    case = Case(1, 1, 1, 1, (3,), (Window(2, 3),), (2,))
    x, weight, bias = arrays(case, "transposed", dtype, low=1)
    weight[0, 0, 1] = np.inf
    out = engine(x, weight, bias, case, "transposed")
    assert np.isposinf(out[0, 0, 1::3]).all()
    assert np.isfinite(out[0, 0, ::3]).all()
    assert_array_equal(out[0, 0, [2, 5, 8, 9]], bias[[0, 0, 0, 0]])


@pytest.mark.parametrize(("batch", "groups"), [(1, 1), (2, 1), (3, 2)])
def test_pointwise_on_the_data_as_it_lies(batch, groups):
    case = Case(batch, 4, 6, groups, (9, 11), (Window(1), Window(1)))
    x, weight, bias = arrays(case, "forward", "f4", low=-50, high=51)
    x[0, 0, 1, 2], counter = np.nan, Counter()
    out = engine(x, weight, bias, case, "forward", counter=counter)
    assert_array_equal(out, expected(x, weight, bias, case, "forward").astype("f4"))
    assert counter.multiplications == out.size * 4 // groups


def test_overflow_is_silent():
    x, weight = np.full((1, 1, 2), 6e4, "f2"), np.full((1, 1, 2), 2, "f2")
    assert np.isposinf(correlate(x, weight, None, (Window(2),), 1, arithmetic=choose_arithmetic(x, weight))).all()


def test_float16_is_summed_in_float32():
    """2048 + 1 is 2048 in float16, so adding ones in float16 would never get beyond."""
    ones = np.ones((1, 4096, 1), "f2")
    for out in (
        correlate(ones, ones, None, (Window(1),), 1, arithmetic=choose_arithmetic(ones, ones)),
        transposed_correlate(
            ones, ones.transpose(1, 0, 2), None, (Window(1),), (0,), 1, arithmetic=choose_arithmetic(ones, ones)
        ),
        transposed_correlate(
            ones.transpose(0, 2, 1), ones.transpose(0, 2, 1), None, (Window(4096, 1, 1, 4095, 4095),), (0,), 1,
            arithmetic=choose_arithmetic(ones, ones),
        ),
    ):  # fmt: skip
        assert out.tolist() == [[[4096]]]


# (x, weight, groups, window, dtype): each once needed far more memory, or would with an engine that pads,
# unrolls or converts as a whole.
LARGE = {
    "image": ((1, 1, 2500, 2500), (1, 1, 3, 3), 1, Window(3, 1, 1, 1, 1), "f4"),
    "image of bytes": ((1, 3, 1500, 1500), (2, 3, 3, 3), 1, Window(3, 1, 1, 1, 1), "u1"),
    "half image": ((1, 1, 2000, 2000), (1, 1, 2, 2), 1, Window(2, 2), "f2"),
    "kernel": ((1, 1, 1401, 1402), (1, 1, 1400, 1400), 1, Window(1400), "f8"),
    "stride": ((1, 1, 4000, 4000), (1, 1, 1, 1), 1, Window(1, 900), "f4"),
    "dilation": ((1, 1, 3000, 3000), (1, 1, 3, 3), 1, Window(3, 3, 1000), "f4"),
    "channels": ((1, 60000, 3, 3), (40, 60000, 3, 3), 1, Window(3, 1, 1), "f4"),
    "weights of bytes": ((1, 1500, 3, 3), (2000, 1500, 3, 3), 1, Window(3), "i1"),
    "depthwise": ((1, 100000, 5, 5), (100000, 1, 3, 3), 100000, Window(3, 1, 1, 1, 1), "f4"),
    "filters": ((1, 1, 3, 3), (500000, 1, 2, 2), 1, Window(2), "c16"),
    "batch": ((2500, 48, 4, 4), (8, 48, 3, 3), 1, Window(3, 1, 1, 1, 1), "f4"),
    "signal": ((1, 1, 10**7), (1, 1, 5), 1, Window(5, 1, 1, 2, 2), "f4"),
}


@pytest.mark.parametrize("kind", ["forward", "transposed"])
@pytest.mark.parametrize("name", LARGE)
def test_extra_memory_is_bounded(name, kind):
    x_shape, weight_shape, groups, window, dtype = LARGE[name]
    if kind == "transposed":
        first, second, *kernel = weight_shape
        weight_shape = (second * groups, first // groups, *kernel)
        window = Window(window.kernel, min(window.stride, 2), min(window.dilation, 100), window.before, window.after)
        x_shape = (*x_shape[:2], *(min(size, 10**6 if name == "signal" else 1500) for size in x_shape[2:]))
        if name == "kernel":
            x_shape = (1, 1, 2, 3)
    x, weight = np.ones(x_shape, dtype), np.ones(weight_shape, dtype)
    case = Case(*x_shape[:2], 0, groups, x_shape[2:], (window,) * (x.ndim - 2), (0,) * (x.ndim - 2))
    outs = []
    tracemalloc.start()
    try:  # in a new thread, because the workspace that a thread keeps for its next call counts too
        thread = threading.Thread(target=lambda: outs.append(engine(x, weight, None, case, kind)))
        thread.start()
        thread.join()
        peak = tracemalloc.get_traced_memory()[1] - outs[0].nbytes
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize("sizes", [(1,), (7,), (5, 4, 1000), (3, 1, 2)])
@pytest.mark.parametrize("cost", [1, 2**9, 2**12, 2**30])
def test_blocks_cover_every_index_once(sizes, cost):
    shape = block_shape(sizes, cost)
    seen = np.zeros(sizes, int)
    for block in blocks(sizes, shape):
        seen[block] += 1
        assert seen[block].shape <= shape
    assert_array_equal(seen, 1)
    assert prod(shape) == 1 or prod(shape) * cost <= tuning.BUDGET


def random_layer(rng, dimensions):
    kernel, stride, dilation = ([rng.randint(1, 4) for _ in range(dimensions)] for _ in range(3))
    padding = [rng.randint(0, 5) for _ in range(dimensions)]
    groups, depth, filters = rng.choice([1, 1, 2, 3]), rng.randint(1, 4), rng.randint(1, 4)
    windows = tuple(Window(*axis, pad, pad) for *axis, pad in zip(kernel, stride, dilation, padding, strict=True))
    return rng.randint(1, 3), groups, depth, filters, windows


def kind_of_numbers(rng, shapes):
    """Either whole numbers, for which every order of summing is exact, or floats."""
    whole = rng.random() < 0.5
    numbers = np.random.default_rng(rng.getrandbits(32))
    return whole, [
        numbers.integers(-99, 100, shape).astype("f8") if whole else numbers.standard_normal(shape).astype("f4")
        for shape in shapes
    ]


def assert_close(ours, theirs, largest, terms, whole):
    """Equal, or as close as two ways of summing `terms` products must be: each errs by n*eps*sum|products|.

    Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.
    """
    assert ours.shape == theirs.shape
    if whole:
        assert_array_equal(ours, theirs)
    else:
        assert ours.dtype == np.float32
        assert (abs(ours - theirs) <= 2 * (terms + 1) * np.finfo("f4").eps * largest).all()


@pytest.mark.parametrize("seed", range(10))
def test_correlate_equals_torch(seed, monkeypatch):
    torch = pytest.importorskip("torch")
    functional, rng = torch.nn.functional, random.Random(seed)
    for _ in range(20):
        monkeypatch.setattr(tuning, "BUDGET", rng.choice([500, 5000, 2**21]))
        dimensions = rng.randint(1, 3)
        batch, groups, depth, filters, windows = random_layer(rng, dimensions)
        mode = rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
        spatial = [
            max(window.before + 1 if mode != "zeros" else 1, window.extent - 2 * window.before) + rng.randint(0, 7)
            for window in windows
        ]
        shapes = (batch, groups * depth, *spatial), (groups * filters, depth, *(w.kernel for w in windows))
        whole, (x, weight, bias) = kind_of_numbers(rng, (*shapes, (groups * filters,)))

        def theirs(x, weight, bias, windows=windows, groups=groups, mode=mode, dimensions=dimensions):
            padding = [window.before for window in windows]
            x, weight, bias = map(torch.from_numpy, (x, weight, bias))
            if mode != "zeros":
                x = functional.pad(x, [pad for pad in reversed(padding) for _ in "ab"], mode=mode)
                padding = 0
            run = getattr(functional, f"conv{dimensions}d")
            stride, dilation = [w.stride for w in windows], [w.dilation for w in windows]
            return run(x, weight, bias, stride, padding, dilation, groups).numpy()

        ours = correlate(
            x, weight, bias, windows, groups, arithmetic=choose_arithmetic(x, weight, bias), padding_mode=mode
        )
        terms = depth * prod(window.kernel for window in windows)
        largest = theirs(*(abs(array).astype("f8") for array in (x, weight, bias)))
        assert_close(ours, theirs(x, weight, bias), largest, terms, whole)


@pytest.mark.parametrize("seed", range(10))
def test_transposed_equals_torch(seed, monkeypatch):
    torch = pytest.importorskip("torch")
    functional, rng = torch.nn.functional, random.Random(seed)
    for _ in range(20):
        monkeypatch.setattr(tuning, "BUDGET", rng.choice([500, 5000, 2**21]))
        dimensions = rng.randint(1, 3)
        batch, groups, depth, filters, windows = random_layer(rng, dimensions)
        extra = tuple(rng.randint(0, max(window.stride, window.dilation) - 1) for window in windows)
        spatial = [
            max(1, -((window.extent + more - 2 * window.before - 1) // window.stride) + 1) + rng.randint(0, 5)
            for window, more in zip(windows, extra, strict=True)
        ]
        shapes = (batch, groups * depth, *spatial), (groups * depth, filters, *(w.kernel for w in windows))
        whole, (x, weight, bias) = kind_of_numbers(rng, (*shapes, (groups * filters,)))

        def theirs(x, weight, bias, windows=windows, groups=groups, extra=extra, dimensions=dimensions):
            x, weight, bias = map(torch.from_numpy, (x, weight, bias))
            run = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[
                dimensions - 1
            ]
            stride, dilation = [w.stride for w in windows], [w.dilation for w in windows]
            return run(x, weight, bias, stride, [w.before for w in windows], extra, groups, dilation).numpy()

        ours = transposed_correlate(
            x, weight, bias, windows, extra, groups, arithmetic=choose_arithmetic(x, weight, bias)
        )
        terms = depth * prod(window.kernel for window in windows)
        largest = theirs(*(abs(array).astype("f8") for array in (x, weight, bias)))
        assert_close(ours, theirs(x, weight, bias), largest, terms, whole)
