"""Which input positions the taps of an output meet, along one axis."""

from __future__ import annotations

from convcalc.axis.window import Window


def read_by(axis: Window, at: int) -> range:
    """The padded positions that output `at` of a convolution or pool reads, first tap first.

    >>> read_by(Window(3, stride=2, dilation=2, before=1), 1)
    range(1, 6, 2)
    """
    first = at * axis.stride - axis.before
    return range(first, first + axis.extent, axis.dilation)


def meets(axis: Window, size: int, at: int, transposed: bool = False) -> list[tuple[int, int]]:
    """(input position, tap) of every product with an input value that output `at` sums, first tap first.

    >>> meets(Window(3, stride=2, before=1), 4, 0)
    [(0, 1), (1, 2)]
    >>> meets(Window(3, stride=2), 4, 2, transposed=True)
    [(1, 0), (0, 2)]
    """
    if not transposed:
        return [(source, tap) for tap, source in enumerate(read_by(axis, at)) if 0 <= source < size]
    found = []
    for tap in range(axis.kernel):
        source, rest = divmod(at + axis.before - tap * axis.dilation, axis.stride)
        if rest == 0 and 0 <= source < size:
            found.append((source, tap))
    return found
