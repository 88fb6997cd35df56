"""Which values may be mixed: large ones must not drown the digits of others, and ordinary data keep fast algorithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from convcalc import analyze
from convcalc.engine.counter import Counter
from convcalc.engine.primitive import run_primitive
from convcalc.proof.direct import WIDE
from tests.engine.test_algorithms import PAD

HUGE = {"f2": 6e4, "f4": 9.96921e36, "f8": 1e300}


class Case(NamedTuple):
    """A layer, and the algorithm that mixes values which ordinary data are computed with."""

    algorithm: str
    input: tuple[int, ...]
    kernel: tuple[int, ...]
    filters: int = 1
    groups: int = 1
    padding: int = 0
    dilation: int = 1
    mode: str = "zeros"


CASES = {
    "1-D": Case("fft", (1, 9000), (401,)),
    "2-D": Case("fft", (1, 120, 140), (31, 31)),
    "2-D, channels": Case("fft", (3, 60, 64), (29, 31)),
    "2-D, groups": Case("fft", (4, 64, 64), (31, 41), 4, groups=4, padding=15),
    "2-D, dilated": Case("fft", (1, 150, 140), (23, 21), dilation=3),
    "2-D, wrapped": Case("fft", (1, 90, 100), (31, 31), padding=15, mode="circular"),
    "3-D": Case("fft", (1, 14, 16, 20), (6, 7, 8)),
    "3x3": Case("winograd", (64, 20, 24), (3, 3), 64, padding=1),
    "3x3, mirrored": Case("winograd", (64, 20, 24), (3, 3), 64, padding=2, mode="reflect"),
    "3x3, dilated": Case("winograd", (64, 24, 28), (3, 3), 64, padding=2, dilation=2),
    "3x3, groups": Case("winograd", (128, 20, 24), (3, 3), 128, groups=2, padding=1),
    "3x3x3": Case("winograd", (48, 4, 22, 24), (3, 3, 3), 48, padding=1),
}


def normal(case: Case, dtype: str = "f4", batch: int = 1) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, *case.input)).astype(dtype)


def weights(case: Case, dtype: str = "f4") -> np.ndarray:
    shape = (case.filters, case.input[0] // case.groups, *case.kernel)
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def computed(case: Case, x: np.ndarray, weight: np.ndarray, algorithm: str = "auto") -> tuple[np.ndarray, str, str]:
    """The output, the algorithm used, and why."""
    options: dict[str, Any] = {"filters": case.filters, "groups": case.groups, "padding": case.padding}
    layer = analyze(input=case.input, batch=len(x), kernel=case.kernel, dilation=case.dilation, **options)
    [stage], counter = layer.stages, Counter()
    out = run_primitive(
        stage.node.primitive, [x], [weight], padding_mode=case.mode, algorithm=algorithm, counter=counter
    )
    assert counter.choice is not None
    return out, counter.choice.algorithm, counter.choice.reason


def summed(case: Case, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The definition in the type of x: tap after tap, group after group."""
    sides = [(0, 0), (0, 0), *((case.padding, case.padding) for _ in case.kernel)]
    padded = np.pad(x, sides, mode=PAD[case.mode])  # type: ignore[call-overload]
    sizes = [size - case.dilation * (k - 1) for size, k in zip(padded.shape[2:], case.kernel, strict=True)]
    shape = (len(x), case.groups, case.filters // case.groups, *sizes)
    out = np.zeros(shape, x.dtype)
    grouped = weight.reshape(*shape[1:3], *weight.shape[1:])
    for tap in np.ndindex(case.kernel):
        starts = [case.dilation * t for t in tap]
        part = padded[(..., *(slice(s, s + size) for s, size in zip(starts, sizes, strict=True)))]
        part = part.reshape(len(x), case.groups, -1, *sizes)
        out += np.einsum("bgc...,gfc->bgf...", part, grouped[(..., *tap)], optimize=True)
    return out.reshape(len(x), case.filters, *sizes)


def off(case: Case, out: np.ndarray, x: np.ndarray, weight: np.ndarray) -> float:
    """The largest error of an output relative to its own terms, sum|x||weight|; of the first filter of each group."""
    wide, each = WIDE[out.dtype], case.filters // case.groups
    some, out = case._replace(filters=case.groups), out[:, ::each]
    exact, kernel = x.astype(wide), weight[::each].astype(wide)
    own = summed(some, np.abs(exact), np.abs(kernel))
    return float((np.abs(out - summed(some, exact, kernel)) / own).max())


def with_spike(case: Case, value: float, dtype: str = "f4") -> np.ndarray:
    x = normal(case, dtype)
    x[(0, -1, *(size // 3 for size in case.input[1:]))] = value
    return x


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, "f4") for name in CASES), ("2-D", "f2"), ("3x3", "f2"), ("3x3", "f8"), ("1-D", "f8")],
)
def test_a_huge_value_spoils_no_digits_elsewhere(name: str, dtype: str) -> None:
    case = CASES[name]
    weight = weights(case, dtype)
    assert computed(case, normal(case, dtype), weight)[1] == case.algorithm
    x = with_spike(case, HUGE[dtype], dtype)
    weight /= 8  # so that float16 can hold the result
    out, algorithm, reason = computed(case, x, weight)
    assert algorithm != case.algorithm
    assert f"not {case.algorithm}: values far larger than their surroundings" in reason
    rounding = np.finfo("f2").eps if dtype == "f2" else 0  # of the result; sums are float32
    assert off(case, out, x, weight) <= weight[0].size * np.finfo("f8" if dtype == "f8" else "f4").eps + rounding


@pytest.mark.parametrize("name", ["1-D", "3x3"])
def test_three_digits_of_every_output_remain(name: str) -> None:
    case = CASES[name]
    kernel, taken = np.ones_like(weights(case)), []
    for value in (1.0, 1e2, 1e4, 1e9):
        x = with_spike(case, value)
        out, algorithm, _ = computed(case, x, kernel)
        taken.append(algorithm == case.algorithm)
        assert off(case, out, x, kernel) < 1e-3, value
    assert taken == sorted(taken, reverse=True)  # mixed up to some size of the value, and never beyond
    assert taken[:2] == [True, True]
    assert taken[-1] is False


ORDINARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "after a ReLU": lambda x: np.maximum(x, 0),
    "mostly zeros": lambda x: np.where(np.abs(x) > 2, x, 0).astype(x.dtype),
    "a patch among zeros": lambda x: x * (np.indices(x.shape).sum(axis=0) < sum(x.shape) // 3),
    "zeros": np.zeros_like,
    "constant": np.ones_like,
    "negative": lambda x: -1 - np.abs(x),
    "all huge": lambda x: x * np.float32(1e30),
    "all tiny": lambda x: x * np.float32(1e-30),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_data_keep_their_algorithm(kind: str, name: str) -> None:
    case = CASES[name]
    assert computed(case, ORDINARY[kind](normal(case)), weights(case))[1] == case.algorithm


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_a_photo_with_black_and_dark_areas_keeps_fft(dtype: str) -> None:
    case = CASES["2-D"]
    x = np.random.default_rng(0).integers(0, 256, (1, *case.input))
    x[..., :50, :50], x[..., 50:, :50] = 0, x[..., 50:, :50] // 128
    assert computed(case, x.astype(dtype), weights(case))[1] == "fft"


@pytest.mark.parametrize("name", CASES)
def test_a_faint_area_is_not_mixed_with_a_bright_one(name: str) -> None:
    case = CASES[name]
    x, weight = normal(case), weights(case)
    x[..., : case.input[-1] // 2] *= 1e-7
    out, algorithm, _ = computed(case, x, weight)
    assert algorithm != case.algorithm
    assert off(case, out, x, weight) <= weight[0].size * np.finfo("f4").eps


@pytest.mark.parametrize("name", CASES)
def test_images_of_a_batch_may_differ_in_brightness(name: str) -> None:
    case = CASES[name]
    x = normal(case, batch=2) * np.array([1, 1e-9], "f4").reshape(2, *(1 for _ in case.input))
    assert computed(case, x, weights(case))[1] == case.algorithm


def test_far_from_each_other_values_may_differ() -> None:
    """Tiles of Winograd see 6 rows, and half a million samples are many tiles of FFT."""
    case = Case("winograd", (64, 96, 24), (3, 3), 64, padding=1)
    faded = normal(case) * (1.2 ** -np.arange(96)[:, np.newaxis]).astype("f4")  # to 3e-8
    assert computed(case, faded, weights(case))[1] == "winograd"
    assert computed(case, faded**4, weights(case))[1] != "winograd"
    case = Case("fft", (1, 500_000), (401,))
    quiet = normal(case) * np.logspace(0, -9, 500_000, dtype="f4")
    assert computed(case, quiet, weights(case))[1] == "fft"


def test_only_a_wrapped_border_brings_both_ends_together() -> None:
    case = Case("winograd", (64, 96, 24), (3, 3), 64, padding=1, mode="circular")
    faded = normal(case) * (1.2 ** -np.arange(96)[:, np.newaxis]).astype("f4")
    assert computed(case, faded, weights(case))[1] != "winograd"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["2-D", "3x3"])
def test_nan_and_inf_are_not_mixed(name: str, bad: float) -> None:
    case = CASES[name]
    _, algorithm, reason = computed(case, with_spike(case, bad), weights(case))
    assert algorithm != case.algorithm
    assert f"not {case.algorithm}: NaN or Inf would spread" in reason


@pytest.mark.parametrize("name", ["2-D", "3x3"])
def test_numbers_near_the_largest_may_overflow_in_transforms_alone(name: str) -> None:
    case = CASES[name]
    x, kernel = np.full((1, *case.input), 3e38, "f4"), np.zeros_like(weights(case))
    kernel[(slice(None), 0, *(0 for _ in case.kernel))] = 1
    out, algorithm, reason = computed(case, x, kernel)
    assert algorithm == "direct"
    assert f"{case.algorithm} met values or sums that are not finite" in reason
    assert out.max() == np.float32(3e38)


def test_what_was_asked_for_is_not_passed_over() -> None:
    case = CASES["2-D"]
    assert computed(case, with_spike(case, 1e20), weights(case), "fft")[1:] == ("fft", "asked for")
