"""A message as it was pasted, made one plain line; shapes and numbers in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from convcalc.errors import NotationError

Shape: TypeAlias = tuple[int | None, ...]
"""A shape in a message; None for an axis of any length, such as the batch in Keras's messages."""
Value: TypeAlias = "int | str | Shape | None"

MAX_MESSAGE = 100_000
"""Characters of a message that are read: its end, where a traceback has the error."""
MAX_AXES = 8
MAX_DIGITS = 30
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SPACE = re.compile(r"(?:\s|\\n|\\t)+")
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "×": "x", "`": "'", **{chr(code): " " for code in range(0x2500, 0x25A0)}}
)
"""Quotes as on a keyboard, and spaces for the frames that some tracebacks are drawn in."""
_INTEGER = re.compile(r"-?\d+")
_ENTRY = re.compile(r"-?\d+|None|\?")
_ANY_SHAPE = re.compile(r"[\[({](?:-?\d{1,18}|None|\?)(?:(?:, ?| x |x| )(?:-?\d{1,18}|None|\?)){0,8},?[\])}]")
_ANY_NUMBER = re.compile(r"(?<![\w.])-?\d{1,18}(?![\w.]*\w)")


def plain(message: str) -> str:
    """The message on one line: without colours, frames and line breaks, quotes as on a keyboard.

    >>> plain("expected input[1, 224,\\n 224, 3] to have\\x1b[1m 3 channels")
    'expected input[1, 224, 224, 3] to have 3 channels'
    """
    end = _SPACE.sub(" ", _COLOURS.sub("", message[-MAX_MESSAGE:]).translate(_PLAIN))
    return end.replace("\\'", "'").replace("\\[", "[").replace("\\]", "]").strip()


def value(text: str | None) -> Value:
    """What a part of a message says: a number, a shape, or else its words.

    >>> value("[64, 3, 7, 7]"), value("(None, 28)"), value("6 x 32"), value("400"), value("Conv")
    ((64, 3, 7, 7), (None, 28), (6, 32), 400, 'Conv')
    """
    if text is None:
        return None
    if _INTEGER.fullmatch(text):
        return _integer(text)
    entries = _ENTRY.findall(text)
    if not text.strip("[](){} "):
        return ()
    if not entries or re.search(r"[A-Za-wyz]", text.replace("None", "")):
        return text
    if len(entries) > MAX_AXES:
        raise NotationError(f"why: a shape has at most {MAX_AXES} axes, got {len(entries)}; paste the message alone")
    return tuple([_integer(entry) if entry[-1].isdigit() else None for entry in entries])


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise NotationError(f"why: a size has at most {MAX_DIGITS} digits, got {len(text)}; check the message")
    return int(text)


def shapes_in(text: str) -> Iterator[str]:
    """Everything in the text that looks like a shape, as it is written there."""
    for match in _ANY_SHAPE.finditer(text):
        yield match[0]


def numbers_in(text: str) -> Iterator[str]:
    """The whole numbers in the text that are in no shape."""
    for match in _ANY_NUMBER.finditer(_ANY_SHAPE.sub(" ", text)):
        yield match[0]
