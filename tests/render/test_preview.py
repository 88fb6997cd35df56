"""Pictures in the terminal: the right way up, of the right width, in order of brightness, and honest in the caption."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from convcalc.render.preview import ASCII_RAMP, BLOCK_BARS, SHADE_RAMP, preview, preview_lines

ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
MODES = [("truecolor", True), ("256", True), (None, True), (None, False)]
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]


def plain(line: str) -> str:
    return ESCAPE.sub("", line)


def picture(array: np.ndarray, columns: int, **options: Any) -> list[str]:
    return preview(array, columns, **options).lines


def caption(array: np.ndarray, **options: Any) -> str:
    return preview(array, 80, **options).caption


def pixels(lines: list[str]) -> np.ndarray:
    """(2 * lines, width, 3) from 24-bit escape codes, -1 where the terminal's background shows."""
    rows = []
    for line in lines:
        upper, lower = [], []
        for codes, text in re.findall(r"\x1b\[([\d;]*)m([^\x1b]*)", line):
            ink = re.search(r"38;2;(\d+);(\d+);(\d+)", codes)
            ground = re.search(r"48;2;(\d+);(\d+);(\d+)", codes)
            upper += [[int(part) for part in ink.groups()] if ink else [-1] * 3] * len(text)
            lower += [[int(part) for part in ground.groups()] if ground else [-1] * 3] * len(text)
        rows += [upper, lower]
    return np.array(rows)


def is_rising(values: np.ndarray) -> bool:
    return bool((np.diff(values) >= 0).all() and values[0] < values[-1])


def test_a_gradient_is_a_ramp_in_every_mode() -> None:
    gradient = np.tile(np.arange(160.0), (80, 1))
    for row in pixels(picture(gradient, 80, color="truecolor"))[:, :, 0]:
        assert is_rising(row)
        assert (row[0], row[-1]) == (0, 255)
    for ramp, unicode in ((SHADE_RAMP, True), (ASCII_RAMP, False)):
        for line in picture(gradient, 80, unicode=unicode):
            steps = [ramp.index(character) for character in line]
            assert is_rising(np.array(steps))
            assert set(steps) == set(range(len(ramp)))


def test_a_gradient_downwards_is_a_ramp_downwards() -> None:
    gradient = np.tile(np.arange(160.0)[:, np.newaxis], (1, 160))
    shown = pixels(picture(gradient, 80, color="truecolor"))[:, :, 0]
    assert all(is_rising(column) for column in shown.T)
    assert (shown == shown[:, :1]).all()
    lines = picture(gradient, 80, unicode=False)
    assert [ASCII_RAMP.index(line[0]) for line in lines] == sorted(ASCII_RAMP.index(line[0]) for line in lines)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_quarter_is_bright_where_it_is_bright(row: int, column: int) -> None:
    quarters = np.zeros((60, 100), dtype=np.uint8)
    quarters[30 * row : 30 * row + 30, 50 * column : 50 * column + 50] = 200
    expected = np.kron(np.eye(4)[2 * row + column].reshape(2, 2), np.ones((12, 20)))
    shown = pixels(picture(quarters, 40, color="truecolor"))
    np.testing.assert_array_equal(shown, np.repeat(expected[..., np.newaxis] * 255, 3, axis=2))
    lines = picture(quarters, 40, unicode=False)
    assert lines == ["".join("@" if value else " " for value in line) for line in expected[::2]]


def test_the_area_average_is_that_of_the_pixels() -> None:
    image = np.random.default_rng(5).integers(0, 256, (3, 30, 50), dtype=np.uint8)
    shown = pixels(picture(image, 25, color="truecolor", rows=20, rgb=True))[:15]
    np.testing.assert_array_equal(shown, np.rint(image.reshape(3, 15, 2, 25, 2).mean(axis=(2, 4))).transpose(1, 2, 0))


def test_a_pixel_on_a_border_is_shared() -> None:
    image = np.repeat(np.array([[0, 90, 255]], dtype=np.uint8)[np.newaxis], 3, axis=0)
    assert pixels(picture(image, 2, color="truecolor", rgb=True))[0, :, 0].tolist() == [30, 200]  # 90/3, (90 + 2*255)/3


@pytest.mark.parametrize(("color", "unicode"), MODES)
@pytest.mark.parametrize(
    ("shape", "columns", "rows", "width", "height"),
    [
        ((192, 256), 80, None, 80, 30),
        ((192, 256), 120, None, 120, 45),
        ((192, 256), 300, None, 256, 96),  # never enlarged beyond a small array
        ((256, 256), 80, 20, 40, 20),
        ((3, 5), 80, None, 30, 9),
        ((1, 1), 80, None, 8, 4),
        ((1, 1), 1, None, 1, 1),
        ((2, 3000), 80, None, 80, 1),
        ((3000, 2), 80, None, 1, 40),
        ((33, 40), 40, None, 40, 17),  # an odd number of rows of pixels
    ],
)
def test_lines_are_of_one_width_and_keep_the_proportions(
    shape: tuple[int, int], columns: int, rows: int | None, width: int, height: int, color: str | None, unicode: bool
) -> None:
    array = np.random.default_rng(1).random(shape)
    lines = picture(array, columns, color=color, unicode=unicode, rows=rows)
    assert [len(plain(line)) for line in lines] == [width] * height
    whole = preview_lines(array, columns, color=color, unicode=unicode, rows=rows)
    assert whole[:height] == lines
    assert all(len(line) <= columns for line in whole[height:])
    assert "".join(whole[height:]).startswith(f"{shape[0]}x{shape[1]}"[:columns])


@pytest.mark.parametrize(("color", "unicode"), [(None, True), (None, False), ("standard", True), ("truecolor", False)])
def test_no_escape_codes_without_colour(color: str | None, unicode: bool) -> None:
    for array in (np.arange(12.0).reshape(3, 4), np.arange(36).reshape(3, 3, 4), np.arange(9.0)):
        lines = preview_lines(array, 40, color=color, unicode=unicode)
        assert not any("\x1b" in line for line in lines)
        assert unicode or all(line.isascii() for line in lines)


def test_colour_ends_with_every_line() -> None:
    for color in ("truecolor", "256"):
        assert all(line.endswith("\x1b[0m") for line in picture(np.eye(7), 40, color=color))


def test_256_colours_are_the_nearest_of_the_palette() -> None:
    primary = np.zeros((3, 1, 2), dtype=np.uint8)
    primary[:, 0, 0] = 255, 0, 95
    primary[:, 0, 1] = 128
    codes = re.findall(r"38;5;(\d+)", picture(primary, 2, color="256", rgb=True)[0])
    assert codes == [str(16 + 36 * 5 + 1), "244"]  # the cube's (5, 0, 1), and the gray 8 + 10*12


def test_three_channels_of_an_image_in_colours_are_red_green_and_blue() -> None:
    image = np.zeros((3, 1, 3), dtype=np.uint8)
    image[0, 0, 0], image[1, 0, 1], image[2, 0, 2] = 10, 20, 250
    shown = pixels(picture(image, 3, color="truecolor", rgb=True))
    assert shown[0].tolist() == [[10, 0, 0], [0, 20, 0], [0, 0, 250]]
    assert "are red, green, blue; black is 0, full is 255" in caption(image, color="truecolor", rgb=True)
    assert "mean of red, green, blue" in caption(image, rgb=True)
    assert "red" not in caption(image, color="truecolor")


def test_without_colour_three_channels_are_one_mean() -> None:
    image = np.zeros((3, 2, 4), dtype=np.uint8)
    image[2] = 0, 85, 170, 255
    assert picture(image, 4, unicode=False, rows=1, rgb=True) == [
        "".join(ASCII_RAMP[step] for step in (0, 1, 2, 3))  # 9 steps, of which blue alone is a third
    ]


def test_an_enlarged_value_has_characters_of_its_own() -> None:
    stripes = np.repeat([[0], [1]] * 5, 10, axis=1)  # 10 rows, which would also fit three times
    assert picture(stripes, 80, unicode=False) == [" " * 20, "@" * 20] * 5


def test_both_signs_are_shown_by_magnitude() -> None:
    edges = np.array([[-128, 0, 127]], dtype=np.int8)
    assert pixels(picture(edges, 3, color="truecolor"))[0, :, 0].tolist() == [255, 0, 253]
    assert caption(edges) == "1x3 int8, values -128 to 127; |x| shown; blank is 0, '█' is 128"
    assert "|x|" not in caption(-np.arange(6).reshape(2, 3))
    negative = picture(-np.arange(4.0).reshape(1, 4), 4, unicode=False)
    assert [ASCII_RAMP.index(character) for character in negative[0]] == [9, 6, 3, 0]


def test_opposite_edges_do_not_cancel_in_a_shared_pixel() -> None:
    edges = np.zeros((80, 160))
    edges[:, 80::2], edges[:, 81::2] = 5, -5
    assert set(picture(edges, 80, unicode=False)) == {" " * 40 + "@" * 40}


def test_complex_values_are_shown_by_magnitude() -> None:
    values = np.array([[3 + 4j, 0, -5j, 2.5]])
    assert pixels(picture(values, 4, color="truecolor"))[0, :, 0].tolist() == [255, 0, 255, 128]
    assert caption(values).startswith("1x4 complex128, |z| 0 to 5")


@pytest.mark.parametrize(("color", "unicode"), MODES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_marked_and_leaves_the_rest_alone(value: float, color: str | None, unicode: bool) -> None:
    whole = np.add.outer(np.arange(40.0), np.arange(40.0))
    broken = whole.copy()
    broken[9, 30] = value
    intact = picture(whole, 20, color=color, unicode=unicode)
    marked = [plain(line) for line in picture(broken, 20, color=color, unicode=unicode)]
    assert [(row, line.index("?")) for row, line in enumerate(marked) if "?" in line] == [(2, 15)]
    assert sum(line.count("?") for line in marked) == 1
    expected = [plain(line) for line in intact]
    expected[2] = expected[2][:15] + "?" + expected[2][16:]
    assert marked == expected
    assert "values 0 to 78, 1 not finite marked '?'" in caption(broken)


def test_a_mark_on_a_border_is_in_both_pixels() -> None:
    values = np.array([[0, np.nan, 6]])
    assert picture(values, 2, unicode=False) == ["??"]


@pytest.mark.parametrize(("color", "unicode"), MODES)
@pytest.mark.parametrize("value", [0, 7, -7, 0.1, 1e308, 5e-324])
def test_a_constant_is_even(value: float, color: str | None, unicode: bool) -> None:
    lines = picture(np.full((37, 83), value), 30, color=color, unicode=unicode)
    assert len({plain(line) for line in lines}) == 1
    assert len({code for line in lines for code in re.findall(r"38;[^m]*?;48;[^m]*", line)}) <= 1
    assert "every value is" in caption(np.full((37, 83), value))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (9,), (1, 1), (5, 7), (3, 90, 90), (2, 3, 4, 90), (2, 3, 4, 5, 6)])
def test_every_dtype_and_its_extremes(dtype: str, shape: tuple[int, ...]) -> None:
    kind = np.dtype(dtype).kind
    limits = np.iinfo(dtype) if kind in "iu" else np.finfo(dtype) if kind in "fc" else None
    low, high = (limits.min, limits.max) if limits else (False, True)
    array = np.full(shape, high, dtype=dtype)
    array.reshape(-1)[::2] = low
    for color, unicode in MODES:
        for columns in (1, 33):
            lines = preview_lines(array, columns, color=color, unicode=unicode)
            assert all(len(plain(line)) <= columns for line in lines)


def test_extremes_of_integers_are_exact() -> None:
    values = np.array([[0, 2**64 - 1]], dtype=np.uint64)
    assert "values 0 to 18446744073709551615" in caption(values)


def test_a_few_glaring_pixels_do_not_darken_the_rest() -> None:
    image = np.tile(np.arange(80.0), (80, 1))
    image[3, 3] = 1e6
    assert pixels(picture(image, 80, color="truecolor"))[40, -1, 0] == 255


def test_one_bright_pixel_on_nothing_is_seen() -> None:
    image = np.zeros((80, 80))
    image[22, 61] = 1
    lines = picture(image, 80, unicode=False)
    assert [(row, line.index("@")) for row, line in enumerate(lines) if line.strip()] == [(11, 61)]


def test_what_is_left_out_is_said() -> None:
    assert caption(np.zeros((8, 4, 6))).startswith("8 channels, on one scale; 8x4x6 float64")
    assert caption(np.zeros((8, 4, 6)), channel=3).startswith("channel 3 of 8; 4x6 float64")
    assert caption(np.zeros((99, 4, 6))).startswith("channels 1 to 16 of 99, on one scale; 16x4x6 float64")
    assert caption(np.zeros((5, 3, 4, 6)), rgb=True).startswith("the first of 5; 3x4x6 float64")
    assert caption(np.zeros((5, 2, 4, 6)), channel=1).startswith("the first of 5; channel 1 of 2; 4x6 float64")
    assert caption(np.zeros((9, 4, 6)), dims=3).startswith("slice 5 of 9; 4x6 float64")
    assert caption(np.zeros((3, 50)), dims=1).startswith("3 channels, on one scale; 3x50 float64")
    assert caption(np.zeros((3, 50)), dims=1, channel=3).startswith("channel 3 of 3; 50 float64")
    assert caption(np.zeros((0, 4))) == "0x4 float64, nothing to show"


def test_the_channel_image_and_slice_shown_are_those_named() -> None:
    batch = np.zeros((2, 4, 5, 1, 2))
    batch[0, 0, 2] = 0, 1
    assert picture(batch, 2, unicode=False, dims=3, channel=1) == [" @"]


@pytest.mark.parametrize(("color", "unicode"), MODES)
def test_channels_are_side_by_side_under_their_numbers(color: str | None, unicode: bool) -> None:
    """Six pictures of 18 columns, four of which fit 80; the value of a picture is its number."""
    array = np.broadcast_to(np.arange(6.0)[:, np.newaxis, np.newaxis], (6, 18, 18))
    lines = picture(array, 80, color=color, unicode=unicode)
    assert {len(plain(line)) for line in lines} == {4 * 18 + 3 * 2}
    numbers = [(at, line.split()) for at, line in enumerate(lines) if line[:1].isdigit()]
    assert numbers == [(0, ["1", "2", "3", "4"]), (10, ["5", "6"])]
    assert len(lines) == 2 * (1 + 9)
    if not unicode:
        expected = [character * 18 for character in " :=+#@"]  # 0, 1, ... 5 of 5, in nine steps
        assert lines[1] == "  ".join(expected[:4])
        assert lines[11] == "  ".join(expected[4:]) + " " * 40


def test_channels_of_signals_are_charts_under_their_numbers() -> None:
    """The lowest value has one row, the highest four, and the middle 1 + 3/2, to the even 2."""
    lines = picture(np.array([[0, 4], [8, 0]]), 2, unicode=False, dims=1, rows=4)
    assert lines == ["1 ", "  ", " #", " #", "##", "2 ", "# ", "# ", "# ", "##"]


def test_a_peak_is_in_its_column() -> None:
    signal = np.zeros(60)
    signal[43] = 2
    label_width = 12
    for unicode, bar in ((True, "█"), (False, "#")):
        lines = picture(signal, label_width + 60, unicode=unicode)
        assert [len(line) for line in lines] == [label_width + 60] * 8
        assert all(line[label_width + 43] == bar for line in lines)
        assert not any(line[label_width:].replace(" ", "").replace(bar, "") for line in lines[:-1])
        assert [line[label_width:].count(bar) for line in lines[:-1]] == [1] * 7
        assert lines[0].split()[0] == "2"
        assert lines[-1].split()[0] == "0"


def test_bars_rise_from_the_lowest_value() -> None:
    lines = picture(np.array([-4.0, -1, 2]), 3, rows=1)
    assert lines == [BLOCK_BARS[1] + BLOCK_BARS[5] + BLOCK_BARS[8]]  # -1 is half way: 1 + 3.5, to the even 4


def test_a_long_signal_is_averaged_and_says_so() -> None:
    signal = np.repeat([0.0, 8, 4], 1000)
    lines = picture(signal, 15, unicode=False, rows=3)
    assert lines == [" " * 5 + "#" * 5 + " " * 5, " " * 5 + "#" * 10, "#" * 15]
    assert "a column is the mean of 200 values" in preview(signal, 15).caption


def test_a_chart_marks_what_is_not_finite() -> None:
    lines = picture(np.array([1, np.nan, 3]), 3, rows=2)
    assert [line[1] for line in lines] == [" ", "?"]
    assert picture(np.full(3, np.nan), 3, rows=1) == ["???"]


def test_a_constant_chart_is_level() -> None:
    lines = picture(np.full(50, 3.3), 50, unicode=False)
    assert all(len(set(line[12:])) == 1 for line in lines)
