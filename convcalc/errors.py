"""Errors: one sentence each, saying where, which rule, the values received and what would work."""

from __future__ import annotations

from collections.abc import Sequence


class ConvcalcError(ValueError):
    """A request that cannot be answered; its message is the command line's error line."""


class NotationError(ConvcalcError):
    """A size, per-axis value, padding, layer word or type name that cannot be read."""


class ShapeError(ConvcalcError):
    """Sizes, channels or groups that do not fit together."""


class DataError(ConvcalcError):
    """A file or array that cannot be used as it is."""


MOST_ECHOED = 80
"""Characters of a value in a message at the most."""
MOST_LINE = 1000


def shortened(text: str, most: int = MOST_ECHOED) -> str:
    """A text of others as it is put into a message: its beginning, where it is long."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def quoted(value: object) -> str:
    """A value received as a message shows it.

    >>> quoted("k3q"), quoted([1, 2])
    ("'k3q'", '[1, 2]')
    """
    return shortened(repr(value))


def first_of(texts: Sequence[str], most: int, between: str = ", ") -> str:
    """Texts in a row, and of more than `most` how many are left out.

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


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def one_line(text: str) -> str:
    """The text with control characters written out, so that no file name can break a line or steer a terminal."""
    return text.translate(_CONTROLS)


def error_line(message: str) -> str:
    """A message in one line, its middle left out where names of others make it endless."""
    line = one_line(message)
    return line if len(line) <= MOST_LINE else f"{line[: MOST_LINE // 2]} ... {line[-MOST_LINE // 2 :]}"
