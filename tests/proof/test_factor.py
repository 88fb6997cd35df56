"""Kernels in factors: exact where they are, refused where they are not, the best approximation where asked for."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from convcalc.errors import DataError
from convcalc.proof.factor import eps_of, factored, tolerance


def product(kernels: tuple[np.ndarray, ...]) -> np.ndarray:
    """The full kernel of a chain, by its definition: summed over the channels between."""
    dims = kernels[0].ndim - 2
    letters = {2: ("mcya", "nmbx", "ncyx"), 3: ("mczab", "omdye", "nofgx", "nczyx")}[dims]
    *each, result = letters
    return np.einsum(f"{','.join(each)}->{result}", *kernels)


def outer(*axes: list[float], dtype: str = "float64") -> np.ndarray:
    """A single-channel kernel of rank 1."""
    return reduce(np.multiply.outer, [np.array(axis) for axis in axes])[None, None].astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("axes", [([1, 4, 6, 4, 1], [1, 0, -1]), ([1, 2], [3, 5, 7], [1, -1, 0.5, 2])])
def test_floats_of_rank_one(dtype: str, axes: tuple[list[float], ...]) -> None:
    kernel = outer(*axes, dtype=dtype)
    found = factored(kernel, None, "k")
    assert found.exact
    assert found.rank == 1
    assert [k.dtype for k in found.kernels] == [np.dtype(dtype)] * len(axes)
    for axis, (factor, values) in enumerate(zip(found.kernels, axes, strict=True)):
        assert factor.shape == (1, 1, *(len(values) if a == axis else 1 for a in range(len(axes))))
    np.testing.assert_allclose(product(found.kernels), kernel, rtol=0, atol=tolerance(kernel) * np.abs(kernel).max())
    assert "factored exactly" in found.note
    assert f"into {len(axes)} kernels" in found.note


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", "bool"])
def test_integers_of_rank_one_stay_integers(dtype: str) -> None:
    rng = np.random.default_rng(0)
    for trial in range(50):
        column, row = rng.integers(0, 4, 3), rng.integers(0, 4, 4)
        if dtype == "bool":
            column, row = column % 2, row % 2
        if np.dtype(dtype).kind == "i":
            column, row = column - 2, row - 2
        kernel = np.outer(column, row)[None, None].astype(dtype)
        found = factored(kernel, None, "k")
        assert found.exact, trial
        assert found.relative_error == 0
        assert [k.dtype for k in found.kernels] == [np.dtype(np.int64)] * 2
        np.testing.assert_array_equal(product(found.kernels), kernel)


def test_integers_of_rank_one_over_channels_and_three_axes() -> None:
    kernel = np.einsum("n,c,z,y,x->nczyx", [2, -4], [3, 0, 6], [1, 2], [5, 0, -5], [1, 1, 3, 4])
    found = factored(kernel, None, "k")
    assert [k.shape for k in found.kernels] == [(1, 3, 2, 1, 1), (1, 1, 1, 3, 1), (2, 1, 1, 1, 4)]
    np.testing.assert_array_equal(product(found.kernels), kernel)


def test_large_integers_are_factored_exactly() -> None:
    """Beyond 2^53, where floats no longer tell neighbours apart: rank 1 or not is decided in integers."""
    big = 2**58 + 1
    kernel = np.array([[[[big, 2 * big], [3 * big, 6 * big]]]])
    found = factored(kernel, None, "k")
    np.testing.assert_array_equal(product(found.kernels), kernel)
    kernel[0, 0, 1, 1] += 1
    with pytest.raises(DataError, match="must have rank 1"):
        factored(kernel, None, "k")


def test_zero_kernel_has_zero_factors() -> None:
    for dtype in ("int64", "float32"):
        found = factored(np.zeros((1, 1, 3, 2), dtype), None, "k")
        assert found.exact
        assert not product(found.kernels).any()


def test_rows_of_zeros_before_the_first_that_is_not() -> None:
    kernel = outer([0, 0, 3], [0, 2, -4], dtype="int64")
    np.testing.assert_array_equal(product(factored(kernel, None, "k").kernels), kernel)


def test_scale_is_shared_by_the_factors() -> None:
    """Neither factor of a tiny or huge kernel leaves the range of the dtype."""
    for scale in (1e-38, 1e38):
        found = factored(np.full((1, 1, 2, 2), scale, np.float32), None, "k")
        assert all(np.isfinite(k).all() and k.all() for k in found.kernels)
        np.testing.assert_allclose(product(found.kernels), scale, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "int64", "complex128"])
def test_rank_two_is_refused_with_its_singular_values(dtype: str) -> None:
    kernel = np.diag([3, 4])[None, None].astype(dtype)
    with pytest.raises(
        DataError,
        match=r"^k: a spatially separable kernel must have rank 1, got singular values 4, 3 and a best rank-1 "
        r"approximation with relative error 0\.6; run an approximation with --rank R or give one kernel per axis$",
    ):
        factored(kernel, None, "k")


def test_rank_one_up_to_rounding_and_no_further() -> None:
    for dtype in ("float32", "float64"):
        rng = np.random.default_rng(0)
        kernel = np.outer(rng.standard_normal(7), rng.standard_normal(5))[None, None].astype(dtype)
        assert factored(kernel, None, "k").exact
        kernel[0, 0, 3, 2] += 100 * tolerance(kernel)
        with pytest.raises(DataError, match="must have rank 1"):
            factored(kernel, None, "k")


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_best_approximation_of_a_rank(rank: int) -> None:
    """Eckart & Young 1936: its relative error is the norm of the singular values left out."""
    kernel = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    found = factored(kernel, rank, "k")
    values = np.linalg.svd(kernel.transpose(1, 2, 0, 3).reshape(12, 10), compute_uv=False)
    left_out = float(np.sqrt((values[rank:] ** 2).sum() / (values**2).sum()))
    assert [k.shape for k in found.kernels] == [(rank, 3, 4, 1), (2, rank, 1, 5)]
    assert found.relative_error == pytest.approx(left_out)
    assert np.linalg.norm(product(found.kernels) - kernel) / np.linalg.norm(kernel) == pytest.approx(left_out)
    assert not found.exact
    assert found.note == f"rank-{rank} approximation of the kernel, relative error {left_out:.4g}"


def test_full_rank_is_the_kernel_itself() -> None:
    kernel = np.random.default_rng(0).standard_normal((1, 1, 3, 4))
    found = factored(kernel, 3, "k")
    assert found.exact
    np.testing.assert_allclose(product(found.kernels), kernel, atol=1e-14)
    wider = factored(kernel, 4, "k")  # the fourth channel is zero
    np.testing.assert_allclose(product(wider.kernels), kernel, atol=1e-14)
    assert not wider.kernels[0][3].any()


def test_ranks_of_a_volume() -> None:
    rng = np.random.default_rng(0)
    kernel = sum(np.einsum("z,y,x->zyx", *(rng.standard_normal(n) for n in (3, 4, 5))) for _ in range(2))[None, None]
    assert factored(kernel, 1, "k").relative_error > 0.01
    found = factored(kernel, 2, "k")
    assert [k.shape for k in found.kernels] == [(2, 1, 3, 1, 1), (2, 2, 1, 4, 1), (1, 2, 1, 1, 5)]
    np.testing.assert_allclose(product(found.kernels), kernel, atol=1e-12)


def test_integers_of_a_higher_rank_become_floats() -> None:
    found = factored(np.eye(3, dtype=np.int8)[None, None], 2, "k")
    assert all(k.dtype == np.float64 for k in found.kernels)
    assert found.relative_error == pytest.approx(np.sqrt(1 / 3))


@pytest.mark.parametrize(
    ("kernel", "rank", "message"),
    [
        (np.full((1, 1, 2, 2), np.nan), None, "must be finite, got NaN or Inf"),
        (np.array([[[[1, np.inf]]]]), 1, "must be finite, got NaN or Inf"),
        (np.ones((1, 1, 3, 4)), 5, r"rank must be at most 4 for a kernel of shape \(1, 1, 3, 4\), got 5"),
        (np.ones((2, 3, 5, 4)), 10**12, "rank must be at most 15"),
        (np.ones((1, 1, 2, 2), object), None, "dtype must be one of"),
        (np.full((1, 1, 2, 2), 2**63, np.uint64), None, "factors of an integer kernel must fit int64, got 9223372"),
    ],
)  # fmt: skip
def test_refusals(kernel: np.ndarray, rank: int | None, message: str) -> None:
    with pytest.raises(DataError, match=f"^k: .*{message}"):
        factored(kernel, rank, "k")


def test_tolerance_is_a_few_roundings() -> None:
    assert eps_of(np.dtype(np.int8)) == eps_of(np.dtype(bool)) == 2**-52
    assert eps_of(np.dtype(np.complex64)) == 2**-23
    assert tolerance(np.ones((1, 1, 3, 5), np.float32)) == 20 * 2**-23
