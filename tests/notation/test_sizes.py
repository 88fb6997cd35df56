"""Sizes that may have been meant otherwise: what is asked, what is refused, and what is neither."""

from __future__ import annotations

import pytest

from convcalc.errors import NotationError
from convcalc.notation import parse_size, size_for, size_in_words, size_questions, with_axes

FIRST, LAST = "channels-first", "channels-last"


@pytest.mark.parametrize(
    ("typed", "layout", "stated", "asked"),
    [
        ("3x224x224", FIRST, None, ""),
        ("224x224x3", FIRST, None, "2-D, 224 channels of 224x3: for 3 channels of 224x224 write 3x224x224, or add"),
        ("480x640x1", FIRST, 2, "2-D, 480 channels of 640x1: for 1 channel of 480x640 write 1x480x640, or add"),
        ("7x7x3", FIRST, None, "2-D, 7 channels of 7x3: for 3 channels of 7x7 write 3x7x7, or add"),
        ("5x5x1", FIRST, 2, "2-D, 5 channels of 5x1: for 1 channel of 5x5 write 1x5x5, or add"),
        ("7x5x3", FIRST, None, ""),
        ("4x4x4", FIRST, None, ""),
        ("3x3x3", FIRST, None, ""),
        ("224x224x2", FIRST, None, ""),
        ("64x3x3", FIRST, None, ""),
        ("512x4x4", FIRST, None, ""),
        ("512x1x1", FIRST, None, ""),
        ("3x9x3", FIRST, None, ""),
        ("784x1", FIRST, None, ""),
        ("64x16000", FIRST, None, ""),
        ("5x5", FIRST, None, "1-D, 5 channels of length 5: for one channel of 5x5 write 1x5x5"),
        ("5x5", FIRST, 1, ""),
        ("5x5", "NCL", None, ""),
        ("5x5", LAST, None, "1-D, 5 channels of length 5: for one channel of 5x5 write 5x5x1"),
        ("16x112x112x3", FIRST, 3, "3-D, 16 channels of 112x112x3: for 3 channels of 16x112x112 write 3x16x112x112"),
        ("1x64x64x64", FIRST, None, "3-D, 1 channel of 64x64x64: for a batch of 1 write 64x64x64"),
        ("1x5x6x7", FIRST, None, "3-D, 1 channel of 5x6x7: for a batch of 1 write 5x6x7"),
        ("8x3x224x224", FIRST, None, "3-D, 8 channels of 3x224x224: for a batch of 8 write 3x224x224 --batch 8"),
        ("8x3x224x224", FIRST, 3, ""),
        ("3x16x112x112", FIRST, None, ""),
        ("1x16x112x112", FIRST, 3, ""),
        ("1x3x224x224", "CDHW", None, ""),
        ("1x3x224x224", FIRST, 3, ""),
        ("224x224x3", LAST, None, ""),
        ("3x224x224", LAST, None, "2-D, 224 channels of 3x224: for 3 channels of 224x224 leave --layout channels-last"),
        ("9x9x64", LAST, None, ""),
        ("9x9x3", LAST, None, ""),
        ("1x224x224x3", "DHWC", None, ""),
    ],
)
def test_a_size_is_answered_with_a_question_if_another_was_perhaps_meant(
    typed: str, layout: str, stated: int | None, asked: str
) -> None:
    questions = size_questions(parse_size(typed, layout=layout), layout, stated)
    assert len(questions) == bool(asked)
    assert all(question.startswith(f"input {typed} was read as {asked}") for question in questions)


@pytest.mark.parametrize(
    ("typed", "layout", "stated", "meant"),
    [
        ("1x3x224x224", FIRST, None, "3x224x224"),
        ("1x3x480x640", FIRST, None, "3x480x640"),
        ("1x1x28x28", "NCHW", None, "1x28x28"),
        ("1x64x56x56", FIRST, None, "64x56x56"),
        ("1x512x7x7", FIRST, None, "512x7x7"),
        ("1x224x224x3", FIRST, None, "3x224x224"),
        ("1x224x224x3", "NHWC", None, "224x224x3"),
        ("1x5x6x7", FIRST, 2, "5x6x7"),
        ("1x1x999", FIRST, 1, "1x999"),
        ("1x999x1", LAST, 1, "999x1"),
    ],
)
def test_a_size_with_its_batch_is_refused_with_the_one_that_was_meant(
    typed: str, layout: str, stated: int | None, meant: str
) -> None:
    with pytest.raises(NotationError, match=f"^input: a size has no batch, got {typed}; write {meant}(,|$)"):
        size_questions(parse_size(typed, layout=layout), layout, stated)


@pytest.mark.parametrize(("layout", "meant"), [(FIRST, "1x5x7"), (LAST, "5x7x1")])
def test_an_image_without_its_channel_is_refused_if_the_data_are_2_d(layout: str, meant: str) -> None:
    with pytest.raises(NotationError, match=f"^input: 2-D data has .*, got 5x7; write {meant} for one channel of 5x7"):
        size_questions(parse_size("5x7", layout=layout), layout, 2)


def test_sizes_in_words() -> None:
    assert size_in_words((1, 5)) == "1-D, 1 channel of length 5"
    assert size_in_words((2, 3, 4, 5)) == "3-D, 2 channels of 3x4x5"
    assert size_in_words((1,)) == "1 feature"


def test_the_size_that_is_likely_meant_has_the_axes_that_are_needed() -> None:
    assert size_for(1, (3, 9, 9), "NCL") == "3x32"
    assert with_axes((2, 1, 3, 8, 9), (3, 7, 7)) == (3, 8, 9)
    assert with_axes((5, 6), (784,)) == (6,)
    assert with_axes((9, 9), (3, 7, 7, 7)) == (3, 7, 7, 7)
