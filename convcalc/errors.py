"""Errors: one sentence each, saying where, which rule, the values received and what would work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager


class ConvcalcError(ValueError):
    """A request that cannot be answered; its message is the command line's error line."""


class NotationError(ConvcalcError):
    """A size, per-axis value, padding, layer word or type name that cannot be read."""


class ShapeError(ConvcalcError):
    """Sizes, channels or groups that do not fit together."""


class DataError(ConvcalcError):
    """A file or array that cannot be used as it is."""


class _Located:
    """The context manager behind `located`; a class, because it is entered once for every layer of a network."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConvcalcError):
            raise type(error)(f"{self.name}: {error}") from None


def located(name: str) -> AbstractContextManager[None]:
    """Puts `name: ` before the message of any ConvcalcError raised inside.

    >>> with located("conv1"):
    ...     raise ShapeError("groups must divide in_channels")
    Traceback (most recent call last):
    convcalc.errors.ShapeError: conv1: groups must divide in_channels
    """
    return _Located(name)


_LINE_BREAK = re.compile(r"\s*\n\s*")
MAX_ECHOED = 80
"""Characters of a received value that a message repeats."""
MAX_LINE = 1000


def shortened(text: str, most: int = MAX_ECHOED) -> str:
    """Untrusted text for a message, on one line and truncated to `most` characters."""
    line = one_line(text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def quoted(value: object) -> str:
    """A value received as a message shows it, on one line; its type if it cannot be shown.

    >>> quoted("k3q"), quoted([1, 2])
    ("'k3q'", '[1, 2]')
    """
    try:
        text = repr(value)
    except Exception:  # of another library's object, or of lists that are nested too deep
        text = f"a value of type {type(value).__name__}"
    return shortened(_LINE_BREAK.sub(" ", text))


def first_of(texts: Sequence[str], most: int, between: str = ", ") -> str:
    """The first `most` texts, then how many were left out.

    >>> first_of(["a", "b", "c"], 2), first_of(["a"], 2)
    ('a, b and 1 more', 'a')
    """
    left = len(texts) - most
    return between.join(texts[:most]) + (f" and {left} more" if left > 0 else "")


def plural(count: int, noun: str) -> str:
    """A number of things in words.

    >>> plural(1, "layer"), plural(2, "layer")
    ('1 layer', '2 layers')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def one_line(text: str) -> str:
    r"""Text from outside, with every character written out that has no glyph of its own.

    So no name in a file or on the command line can break a line, reorder it or steer a terminal.

    >>> print(one_line("a\x1b[31m\n\u202egpj.npy"))
    a\x1b[31m\n\u202egpj.npy
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_BETWEEN = re.compile(r"([\n\t]+)")


def clean_lines(text: str) -> str:
    r"""The same for text that was put together for people: its line breaks and tabs stay.

    >>> clean_lines("a\tb\x07\n")
    'a\tb\\x07\n'
    """
    if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(part if i % 2 else one_line(part) for i, part in enumerate(_BETWEEN.split(text)))


def error_line(message: str) -> str:
    """The message on one line, with the middle elided if long names make it too long."""
    line = one_line(message)
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]} ... {line[-MAX_LINE // 2 :]}"
