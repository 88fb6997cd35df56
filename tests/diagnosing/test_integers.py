"""Mistakes of integers one by one, by hand: which are thought of at the edge of a width, and what each gives."""

from __future__ import annotations

import numpy as np
import pytest

from convcalc.diagnosing.integers import integer_readings, wrapped
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.rounding import accepting, rounded
from convcalc.diagnosing.setup import Axis, Setup, Stage

INT8, UINT8, INT16, INT32, FLOAT, COMPLEX = (np.dtype(name) for name in ("i1", "u1", "i2", "i4", "f4", "c8"))


def thought_of(dtype: np.dtype, files: tuple[np.dtype, ...], largest: float) -> dict[str, Reading]:
    found = list(integer_readings(dtype, files, largest))
    assert len({reading.id for reading in found}) == len(found)
    return {reading.id: reading for reading in found}


def made(reading: Reading, values: list[float]) -> list[float]:
    assert reading.finish is not None
    kept: list[float] = reading.finish(np.array(values, float), np.zeros((len(values), 3), int)).tolist()
    return kept


def setup_of(x: np.ndarray, w: np.ndarray) -> Setup:
    stage = Stage("w", w, None, 1, (Axis(x.shape[2]),))
    return Setup(x, (stage,))


def test_integers_that_wrap_around() -> None:
    assert wrapped(np.array([127, 128, 255, 256, -128, -129]), -128, 8).tolist() == [127, -128, -1, 0, -128, 127]
    assert wrapped(np.array([255, 256, -1, -256.0]), 0, 8).tolist() == [255, 0, 255, 0]
    assert wrapped(np.array([2.0**62 + 1024, 2.0**61 + 1024, np.inf]), 0, 16).tolist() == [
        0,
        1024,
        0,
    ]  # no sums of integers


@pytest.mark.parametrize(
    ("largest", "widths"),
    [(127, []), (128, [8]), (32_767, [8]), (32_768, [8, 16]), (2**31 - 1, [8, 16]), (2**31, [8, 16, 32])],
)
def test_sums_that_no_longer_fit(largest: int, widths: list[int]) -> None:
    found = thought_of(INT32, (INT8, INT8), largest)
    for kind in ("wrapped", "saturated"):
        ours = [int(name.removeprefix(f"{kind}-int")) for name in found if name.startswith(f"{kind}-int")]
        assert ours == widths
        assert [int(name.removeprefix(f"{kind}-uint")) for name in found if name.startswith(f"{kind}-uint")] == widths


def test_sums_that_wrap_or_are_cut_off_by_hand() -> None:
    found = thought_of(INT32, (INT8, INT8), 300)
    values = [300.0, 128, 127, -128, -129, -1, 255, 256]
    assert made(found["wrapped-int8"], values) == [44, -128, 127, -128, 127, -1, -1, 0]
    assert made(found["wrapped-uint8"], values) == [44, 128, 127, 128, 127, 255, 255, 0]
    assert made(found["saturated-int8"], values) == [127, 127, 127, -128, -128, -1, 127, 127]
    assert made(found["saturated-uint8"], values) == [255, 128, 127, 0, 0, 0, 255, 255]
    assert found["saturated-uint8"].text == "the sums are cut off at 0 and 255 (uint8)"
    assert found["saturated-int8"].text == "the sums are cut off at -128 and 127 (int8)"


@pytest.mark.parametrize(("right", "widths"), [(127, [8, 16]), (128, [16]), (32_767, [16]), (32_768, [])])
def test_negative_outputs_without_their_sign(right: int, widths: list[int]) -> None:
    """Only where the right outputs fit the signed integer: the fix would wrap others around."""
    found = {reading.id: reading for reading in integer_readings(INT32, (INT8, INT8), 65_535, right)}
    assert [int(name.removeprefix("unsigned-")) for name in found if name.startswith("unsigned-")] == widths
    for bits in widths:
        y = made(found[f"unsigned-{bits}"], [-1.0, 0, 5, -right])
        assert y == [(1 << bits) - 1, 0, 5, (1 << bits) - right]
        assert found[f"unsigned-{bits}"].fix == f"y = y.astype(np.int{bits})"
        assert np.array(y).astype(f"int{bits}").tolist() == [-1, 0, 5, -right]


def test_floats_in_integers() -> None:
    """Floats do not wrap; written to integers they are rounded in one of four ways, and cut off at 8 and 16 bits."""
    found = thought_of(INT32, (FLOAT, FLOAT), 2.0**40)
    values = [1.5, 2.5, -1.5, -0.25, 1.25]
    assert made(found["rounded-floor"], values) == [1, 2, -2, -1, 1]
    assert made(found["rounded-nearest"], values) == [2, 3, -1, 0, 1]
    assert made(found["rounded-even"], values) == [2, 2, -2, 0, 1]
    assert made(found["rounded-truncated"], values) == [1, 2, -1, 0, 1]
    assert {name for name in found if "rounded" not in name} == {
        "saturated-int8", "saturated-uint8", "saturated-int16", "saturated-uint16",
    }  # fmt: skip
    assert not any("rounded" in name for name in thought_of(FLOAT, (FLOAT, FLOAT), 5))
    assert not any("rounded" in name for name in thought_of(INT32, (INT8, INT8), 5))
    assert not thought_of(COMPLEX, (INT8, INT8), 300)
    assert not thought_of(INT32, (INT8, COMPLEX), 300)
    assert "wrapped-int8" not in thought_of(INT32, (INT8, FLOAT), 300)


def test_sums_that_are_shifted() -> None:
    """Up to one bit less than the largest has, at least 1 and at most 23."""
    for largest, most in ((0, 1), (1, 1), (4, 2), (7, 2), (8, 3), (2**22, 22), (2**30, 23)):
        found = thought_of(INT32, (INT8, INT8), largest)
        bits = {int(name.split("-")[1]) for name in found if name.startswith("shifted-")}
        assert bits == set(range(1, most + 1)), largest
    found = thought_of(INT32, (INT8, INT8), 600)
    values = [7.0, 6, -6, 5, -1, 600, -600]
    assert made(found["shifted-2-floor"], values) == [1, 1, -2, 1, -1, 150, -150]
    assert made(found["shifted-2-nearest"], values) == [2, 2, -1, 1, 0, 150, -150]
    assert made(found["shifted-2-even"], values) == [2, 2, -2, 1, 0, 150, -150]
    assert made(found["shifted-2-truncated"], values) == [1, 1, -1, 1, 0, 150, -150]
    assert made(found["shifted-2-floor-int8"], values) == [1, 1, -2, 1, -1, 127, -128]
    assert made(found["shifted-1-floor-uint8"], values) == [3, 3, 0, 2, 0, 255, 0]
    assert "shifted-2-floor-int8" in thought_of(INT32, (INT8, INT8), 508)  # 127 * 4
    assert "shifted-2-floor-int8" not in thought_of(INT32, (INT8, INT8), 507)
    assert "shifted-2-floor-uint8" in thought_of(INT32, (INT8, INT8), 507)


def test_signs_and_zero_points() -> None:
    x, w = np.array([[[-1, 5, -128, 0]]], float), np.array([[[200, 130, 3]]], float)
    found = thought_of(INT32, (INT8, UINT8), 5)
    before = setup_of(x, w)

    def changed(name: str) -> Setup:
        after = found[name].change(before)
        assert after is not None
        return after

    assert changed("input-as-uint8").x.tolist() == [[[255, 5, 128, 0]]]
    assert changed("kernel-as-int8").stages[0].weight.tolist() == [[[-56, -126, 3]]]
    assert changed("input-zero-point+128").x.tolist() == [[[127, 133, 0, 128]]]
    assert changed("input-zero-point-128").x.tolist() == [[[-129, -123, -256, -128]]]
    assert changed("kernel-zero-point-128").stages[0].weight.tolist() == [[[72, 2, -125]]]
    assert found["kernel-as-int8"].fix == "w = w.view(np.int8)"
    assert found["kernel-zero-point-128"].fix == "w = w.astype(np.int32) - 128"
    wide = thought_of(INT32, (INT16, INT32), 5)
    assert "input-as-uint16" in wide
    assert "input-zero-point+32768" in wide
    assert not any(name.startswith("kernel") for name in wide)
    assert not any("-as-" in name for name in thought_of(INT32, (np.dtype("?"), INT32), 5))


def test_significands_of_so_many_bits() -> None:
    """bfloat16 keeps 7 bits after the first: 1 + 1/128 is kept, halves go to the even neighbour."""
    given = np.array([1 + 1 / 128, 1 + 1 / 256, 1 + 3 / 256, -(1 + 3 / 256), 2.0**200, 0.0])
    assert rounded(given, 7).tolist() == [1 + 1 / 128, 1.0, 1 + 4 / 256, -(1 + 4 / 256), 2.0**200, 0.0]
    assert rounded(np.array([1 + 1 / 2048, 1 + 1 / 1024]), 10).tolist() == [1.0, 1 + 1 / 1024]


def test_the_tolerance_that_accepts_an_error() -> None:
    assert accepting(0.5) == "--tolerance 0.53"
    assert float(accepting(3e-5).split()[1]) > 3e-5
