"""Errors: one sentence each, saying where, which rule, the values received and what would work."""

from __future__ import annotations


class ConvcalcError(ValueError):
    """A request that cannot be answered; its message is the command line's error line."""


class NotationError(ConvcalcError):
    """A size, per-axis value, padding, layer word or type name that cannot be read."""


class ShapeError(ConvcalcError):
    """Sizes, channels or groups that do not fit together."""


class DataError(ConvcalcError):
    """A file or array that cannot be used as it is."""


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def one_line(text: str) -> str:
    """The text with control characters written out, so that no file name can break a line or steer a terminal."""
    return text.translate(_CONTROLS)
