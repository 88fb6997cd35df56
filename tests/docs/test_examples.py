"""The example data is what its table says: every file, its shape and dtype, and what is claimed of the kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def table() -> dict[str, dict[str, str]]:
    """File name -> column -> cell, from the only table of examples/README.md."""
    lines = [line for line in (EXAMPLES / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in rows}


TABLE = table()


def load(name: str) -> np.ndarray:
    return np.load(EXAMPLES / name, allow_pickle=False)


def test_the_table_lists_the_files_that_are_there() -> None:
    assert set(TABLE) == {path.name for path in EXAMPLES.glob("*.npy")}


@pytest.mark.parametrize("name", TABLE)
def test_shape_and_dtype_are_those_of_the_table(name: str) -> None:
    array = load(name)
    assert f"{'x'.join(map(str, array.shape))} {array.dtype}" == TABLE[name]["shape and dtype"]


@pytest.mark.parametrize("name", TABLE)
def test_source_licence_and_making_are_recorded(name: str) -> None:
    assert all(TABLE[name][column] for column in ("what it is", "source", "licence", "how it was made"))


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir() if path.is_file()) < 400 * 1024
    assert load("photo.npy").nbytes < 70 * 1024
    assert load("photo-rgb.npy").nbytes < 120 * 1024


def test_photographs_use_most_of_the_range() -> None:
    for name in ("photo.npy", "photo-rgb.npy"):
        darkest, brightest = np.percentile(load(name), [1, 99])
        assert brightest - darkest > 150, name


def test_sobel_finds_vertical_edges_and_has_rank_1() -> None:
    sobel = load("sobel.npy")
    np.testing.assert_array_equal(sobel, np.outer([1, 2, 1], [-1, 0, 1]))
    assert np.linalg.matrix_rank(sobel.astype(float)) == 1


def test_blur_has_rank_1_and_keeps_the_mean() -> None:
    blur = load("blur.npy")
    assert np.linalg.matrix_rank(blur) == 1
    assert blur.sum() == 1
    np.testing.assert_array_equal(blur, blur.T)


def test_sharpen_and_luma_keep_a_constant() -> None:
    assert load("sharpen.npy").sum() == 1
    np.testing.assert_allclose(load("luma.npy").sum(), 1, rtol=1e-7)


def test_the_bank_is_sobel_in_eight_directions() -> None:
    bank = load("edges-bank.npy")
    np.testing.assert_array_equal(bank[0, 0], load("sobel.npy"))
    np.testing.assert_array_equal(
        bank[1:3, 0], [[[0, 1, 2], [-1, 0, 1], [-2, -1, 0]], [[1, 2, 1], [0] * 3, [-1, -2, -1]]]
    )
    for turn in range(8):
        np.testing.assert_array_equal(bank[(turn + 2) % 8, 0], np.rot90(bank[turn, 0]))
    assert all((bank[:, channel] == bank[:, 0]).all() for channel in (1, 2))


def test_the_solar_cycle_is_gone_and_its_strength_is_left() -> None:
    sunspots = load("sunspots.npy").astype(float)
    assert 1700 + int(sunspots.argmax()) == 1957
    assert sunspots.max() == np.float32(190.2)
    assert [1700 + int(index) for index in np.flatnonzero(sunspots == 0)] == [1711, 1712, 1810]

    smooth = np.convolve(sunspots, load("eleven-years.npy").astype(float), "valid")
    years = np.arange(1705, 2004)
    assert smooth.shape == years.shape
    average = dict(zip(years.tolist(), smooth.round(1).tolist(), strict=True))
    assert [average[year] for year in (1711, 1783, 1810, 1901, 1954)] == [14.3, 79.5, 14.4, 28.0, 95.6]
    assert years[smooth.argmin()] == 1711
    assert years[smooth.argmax()] == 1954
    assert years[(years > 1750) & (smooth < 15)].tolist() == [1810, 1811]


def test_sobel_sees_the_tripod_and_not_the_edge_of_the_lawn() -> None:
    photo, sobel = load("photo.npy").astype(int), load("sobel.npy").astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (3, 3))
    across = np.abs(np.einsum("yxij,ij->yx", windows, sobel))
    along = np.abs(np.einsum("yxij,ij->yx", windows, sobel.T))
    edge_of_lawn = np.s_[99:107, 180:254]
    tripod = np.s_[150:185, 135:180]
    assert across[tripod].mean() > 2 * along[tripod].mean()
    assert across[edge_of_lawn].mean() < along[edge_of_lawn].mean() / 2
