"""The padding modes: which input position each position of the padded input shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.axis.window import Window
from convcalc.errors import ShapeError


class Zone(NamedTuple):
    """Padded positions begin <= q < end, which show the input's position offset + sign*q."""

    begin: int
    end: int
    offset: int
    sign: int


def zones(size: int, window: Window, mode: str) -> tuple[Zone, ...]:
    """The padded input along an axis of `size` pixels, with PyTorch's meaning of the modes; zeros are left out.

    reflect mirrors without repeating the border, replicate repeats the border, circular wraps around.
    Raises ShapeError if the mode cannot fill that much padding.
    """
    inside = Zone(0, size, 0, 1)
    if mode == "zeros":
        return (inside,)
    begin, end = -window.before, size + window.after
    most = {"replicate": None, "reflect": size - 1, "circular": size}[mode]
    if most is not None and max(window.before, window.after) > most:
        rule = "smaller than" if mode == "reflect" else "at most as large as"
        raise ShapeError(
            f"{mode} padding must be {rule} the input, got padding {window.before}:{window.after} on size {size}; "
            f"use at most {most}, or padding mode zeros or replicate"
        )
    match mode:
        case "reflect":
            return (Zone(begin, 0, 0, -1), inside, Zone(size, end, 2 * (size - 1), -1))
        case "replicate":
            return (Zone(begin, 0, 0, 0), inside, Zone(size, end, size - 1, 0))
        case _:
            return (Zone(begin, 0, size, 1), inside, Zone(size, end, -size, 1))


def source(zones: Sequence[Zone], at: int) -> int | None:
    """The input position that a padded position shows, None for a zero.

    >>> [source(zones(3, Window(2, before=1), "reflect"), at) for at in (-1, 0, 3)]
    [1, 0, None]
    """
    return next((zone.offset + zone.sign * at for zone in zones if zone.begin <= at < zone.end), None)
