"""Values as text in tables: sizes, times, short numbers."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.notation import Layout, show_size, size_in_words


def size_cell(size: Sequence[int] | None, layout: Layout) -> str | None:
    """A size as one would type it, None if it is not known.

    >>> size_cell((3, 224, 224), "channels-last")
    '224x224x3'
    """
    return None if size is None else show_size(size, layout)


def reading(size: Sequence[int], layout: Layout) -> str:
    """How the size of an input was read, for headings.

    >>> reading((3, 224, 224), "channels-last")
    '2-D, 3 channels of 224x224, channels last'
    """
    return size_in_words(size) + (", channels last" if layout == "channels-last" else "")


def short(value: int | float | None) -> str:
    """A number with at most six digits after rounding, `none` for None."""
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
