"""Where the positions of an array lie on a flat picture, and which of them are shown if it is large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from convcalc.notation import Axes
from convcalc.scenes.view import View


@dataclass(frozen=True, slots=True)
class Plane:
    """The shown positions of one to three axes, each out of `all_of` it: a strip, a sheet, or sheets side by side."""

    shown: tuple[range, ...]
    all_of: tuple[range, ...]

    def place(self, position: Sequence[int]) -> tuple[int, int]:
        """(row, column) of a shown position.

        >>> axes = range(2), range(-1, 3), range(4)
        >>> Plane(axes, axes).place((1, 0, 2))
        (1, 7)
        """
        depth, row, column = (0,) * (3 - len(position)) + tuple(position)
        first_depth, first_row, first_column = (0,) * (3 - len(self.shown)) + tuple(r.start for r in self.shown)
        return row - first_row, (depth - first_depth) * (len(self.shown[-1]) + 1) + column - first_column

    def positions(self) -> Iterator[Axes]:
        """Every shown position, the last axis fastest."""
        return product(*self.shown)

    def __contains__(self, position: Axes) -> bool:
        return all(at in axis for at, axis in zip(position, self.shown, strict=True))

    @property
    def row_labels(self) -> tuple[str, ...]:
        return tuple(map(str, self.shown[-2])) if len(self.shown) > 1 else ("",)

    @property
    def column_labels(self) -> tuple[str, ...]:
        sheet = tuple(map(str, self.shown[-1]))
        return sheet if len(self.shown) < 3 else ((*sheet, "") * len(self.shown[0]))[:-1]

    @property
    def depths(self) -> str:
        """Which sheets stand side by side, to follow a title."""
        if len(self.shown) < 3:
            return ""
        first, last = self.shown[0][0], self.shown[0][-1]
        return f": depth {first}" if first == last else f": depths {first} to {last} from left to right"

    @property
    def left_out(self) -> str:
        """What is not shown, in words; empty if everything is."""
        names = ("depth", "row", "column")[-len(self.shown) :] if len(self.shown) > 1 else ("position",)
        parts = [
            f"{name} {some[0]}" if len(some) == 1 else f"{name}s {some[0]} to {some[-1]}"
            for name, some, every in zip(names, self.shown, self.all_of, strict=True)
            if some != every
        ]
        return f"only {', '.join(parts)}" if parts else ""


def plane(every: Sequence[range], view: View, around: Sequence[range]) -> Plane:
    """As many positions per axis as the view has room for, those `around` in their middle."""
    return Plane(tuple(map(_shown, every, view.limits([*map(_length, every)]), around)), tuple(every))


def _length(axis: range) -> int:
    """Its length, which `len` does not give beyond 64 bits."""
    return axis[-1] + 1 - axis.start if axis else 0


def _shown(every: range, limit: int, around: range) -> range:
    """A run of `every` with `around` in its middle.

    >>> _shown(range(-1, 30), 5, range(10, 13)), _shown(range(4), 5, range(1))
    (range(9, 14), range(0, 4))
    """
    if _length(every) <= limit:
        return every
    middle = (around[0] + around[-1]) // 2 if around else every[0]
    first = min(max(middle - limit // 2, every[0]), every[-1] + 1 - limit)
    return range(first, first + limit)


def flat(place: Axes, sizes: Axes) -> int:
    """The number of a place when all are counted, the last axis fastest.

    >>> flat((1, 2), (3, 4))
    6
    """
    number = 0
    for at, size in zip(place, sizes, strict=True):
        number = number * size + at
    return number
