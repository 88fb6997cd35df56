"""What property tests draw: arrays, windows and texts; and the one thing that every reader promises about any text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from convcalc.axis.window import Window
from convcalc.errors import ConvcalcError

T = TypeVar("T")
DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
SMALL = st.integers(1, 7)
WINDOWS = st.builds(Window, SMALL, SMALL, SMALL, st.integers(0, 5), st.integers(0, 5))


def answer_or_line(read: Callable[[], T], error: type[ConvcalcError] = ConvcalcError) -> T | None:
    """What is read, or None after one printable line of less than 1,000 characters; any other error passes."""
    try:
        return read()
    except error as refused:
        line = str(refused)
        assert line, "an error says something"
        assert line.isprintable(), repr(line)
        assert len(line) < 1000
        return None


def near(alphabet: str, *wholes: str, length: int = 12) -> st.SearchStrategy[str]:
    """Texts near those that are read: of their characters, and whole ones with something cut, doubled or put in."""
    of_characters = st.text(alphabet, max_size=length)
    anything = st.text(max_size=6)
    pieces = st.lists(st.one_of(st.sampled_from(wholes), of_characters), min_size=1, max_size=4).map("".join)
    return st.one_of(pieces, st.builds(changed, st.sampled_from(wholes), st.integers(0, 60), of_characters), anything)


def changed(text: str, at: int, put: str) -> str:
    """The text with one character replaced."""
    at %= len(text) + 1
    return text[:at] + put + text[at + 1 :]


def spoiled(whole: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with some of them changed, cut out or doubled."""
    place = st.integers(0, len(whole))
    byte = st.tuples(place, st.binary(max_size=3), st.integers(0, 9))

    def spoil(changes: list[tuple[int, bytes, int]], end: int) -> bytes:
        data = whole
        for at, put, gone in changes:
            data = data[:at] + put + data[at + gone :]
        return data[:end]

    return st.builds(spoil, st.lists(byte, max_size=3), st.sampled_from([len(whole) + 99, len(whole) // 2]))


@st.composite
def arrays(draw: st.DrawFn, dtypes: tuple[str, ...] = DTYPES, most_axes: int = 4, side: int = 4) -> np.ndarray:
    """Arrays of every dtype, in either byte order and memory order, with NaN, Inf and the edges of integers."""
    dtype = np.dtype(draw(st.sampled_from(dtypes))).newbyteorder(draw(st.sampled_from("<>")))
    shape = draw(st_numpy.array_shapes(max_dims=most_axes, max_side=side))
    array = draw(st_numpy.arrays(dtype, shape))
    return np.asarray(array, order=draw(st.sampled_from("CF")))
