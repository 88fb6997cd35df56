"""What padded positions show, by hand; PyTorch's and NumPy's paddings are compared with in `tests/engine`."""

from __future__ import annotations

import re

import pytest

from convcalc.axis.modes import source, zones
from convcalc.axis.window import Window
from convcalc.errors import ShapeError


@pytest.mark.parametrize(
    ("mode", "before", "after", "shown"),
    [
        ("zeros", 2, 1, [None, None, 0, 1, 2, 3, None]),
        ("reflect", 3, 3, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]),
        ("reflect", 1, 0, [1, 0, 1, 2, 3]),
        ("replicate", 2, 3, [0, 0, 0, 1, 2, 3, 3, 3, 3]),
        ("circular", 4, 4, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]),
        ("circular", 1, 2, [3, 0, 1, 2, 3, 0, 1]),
    ],
)
def test_what_4_pixels_show_when_padded(mode: str, before: int, after: int, shown: list[int | None]) -> None:
    parts = zones(4, Window(2, before=before, after=after), mode)
    assert [source(parts, at) for at in range(-before, 4 + after)] == shown
    assert source(parts, -before - 1) is source(parts, 4 + after) is None


@pytest.mark.parametrize(
    ("mode", "before", "after", "message"),
    [
        ("reflect", 4, 0, "smaller than the input, got padding 4:0 on size 4; use at most 3, or"),
        ("reflect", 0, 4, "smaller than the input, got padding 0:4 on size 4; use at most 3, or"),
        ("circular", 5, 0, "at most as large as the input, got padding 5:0 on size 4; use at most 4"),
        ("circular", 1, 5, "at most as large as the input, got padding 1:5 on size 4; use at most 4"),
    ],
)
def test_padding_that_4_pixels_cannot_fill(mode: str, before: int, after: int, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(f"{mode} padding must be {message}")):
        zones(4, Window(2, before=before, after=after), mode)
