"""Tiles of a large input as data: their halo and grid, what each reads, crops and writes, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

from convcalc.errors import NotationError
from convcalc.graph.graph import Graph, ancestors
from convcalc.notation import Axes, show_axes
from convcalc.questions.cost import BYTES, cost
from convcalc.questions.memory import deployed, peak
from convcalc.questions.schema import SCHEMA

MAX_TILES = 1 << 16
"""Most tiles along one axis, and most that are listed."""


class Span(NamedTuple):
    """Positions from `start` up to, not including, `stop`, along one axis."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class Cut(NamedTuple):
    """One axis of a tile: what it reads of the input, what to keep of its output, and where to put that."""

    read: Span
    crop: Span
    write: Span


@dataclass(frozen=True, slots=True)
class Tile:
    """Slices of the spatial axes: `output[write] = network(input[read])[crop]`, behind batch and channels."""

    read: tuple[slice, ...]
    crop: tuple[slice, ...]
    write: tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class TiledAxis:
    """One axis of a plan: sizes of the input, the output and a tile, in pixels of each; None if they are not known.

    A tile answers for `tile` pixels of the input from a multiple of `multiple` on, and reads `halo` more at its
    beginning and end, as far as there are any. An input pixel is worth `ratio` outputs; the output has the axis at
    `place`. Without a halo, `wrong` outputs would be wrong at the beginning and end of a tile inside the input. What
    tiles read leaves this `remainder` if it is divided by the multiple.
    """

    halo: tuple[int, int]
    multiple: int
    ratio: Fraction
    place: int
    wrong: tuple[int, int]
    remainder: int = 0
    size: int | None = None
    output: int | None = None
    tile: int | None = None


class InsideTile(NamedTuple):
    """What a tile with its full halo costs, inside an input so large that its border does not count.

    `graph` is placed on what the tile reads; `share` are the multiplications that the whole has for its pixels.
    """

    graph: Graph
    multiplications: int
    share: Fraction


@dataclass(frozen=True)
class Tiling:
    """A plan: how to tile a graph, and what that costs. Without a size or a tile, `axes` alone is known.

    `whole` is the graph on the whole input, `largest` on the largest tile; `multiplications` are those of all tiles.
    With a tile, but no size, `inside` is a tile inside a large input.
    """

    name: str
    input: Axes | None
    axes: tuple[TiledAxis, ...]
    output: str
    whole: Graph
    largest: Graph | None = None
    multiplications: int | None = None
    inside: InsideTile | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """How the layers and their size were read, where that is worth a word."""
        return tuple(note for note in self.whole.notes if note not in self.whole.remarks)

    @cached_property
    def cuts(self) -> tuple[tuple[Cut, ...], ...]:
        """The tiles along every axis; every combination is a tile. None if the tiles are not known."""
        return () if self.largest is None else tuple(cuts(axis) for axis in self.axes)

    @property
    def grid(self) -> Axes | None:
        """Tiles per axis."""
        return None if self.largest is None else tuple(map(len, self.cuts))

    @property
    def reads(self) -> Axes | None:
        """The most pixels that a tile reads, per axis."""
        if self.inside is not None:
            return (self.inside.graph.inputs[0].shape or ())[2:]
        return tuple(max(cut.read.length for cut in along) for along in self.cuts) if self.largest else None

    @cached_property
    def multiplications_whole(self) -> int:
        return sum(cost(self.whole.nodes[i]).multiplications for i in ancestors(self.whole, self.whole.output))

    @property
    def recomputed(self) -> Fraction | None:
        """The multiplications that are done again, as a share of those of the whole."""
        if self.inside is not None:
            done, whole = self.inside.multiplications, self.inside.share
        elif self.multiplications is not None:
            done, whole = self.multiplications, Fraction(self.multiplications_whole)
        else:
            return None
        return (done - whole) / whole if whole else Fraction(0)

    @property
    def peak_tile(self) -> int | None:
        """The most bytes of activations that are alive at once while the largest tile runs."""
        return self.peak_bytes(self.inside.graph if self.inside is not None else self.largest)

    def to_dict(self) -> dict[str, Any]:
        known = self.largest is not None
        tiles = [*listed(self)] if known else None
        return {
            "schema": SCHEMA,
            "name": self.name,
            "input": None if self.input is None else list(self.input),
            "output": self.output,
            "halo": [list(axis.halo) for axis in self.axes],
            "multiple": [axis.multiple for axis in self.axes],
            "tile": None if self.reads is None else [axis.tile for axis in self.axes],
            "grid": list(self.grid or ()) if known else None,
            "largest_tile": None if self.reads is None else list(self.reads),
            "tiles": tiles,
            "multiplications": self.multiplications,
            "multiplications_whole": self.multiplications_whole if self.input else None,
            "recomputed": None if self.recomputed is None else float(self.recomputed),
            "peak_activation_bytes": self.peak_tile,
            "peak_activation_bytes_whole": self.peak_bytes(self.whole) if self.input else None,
            "notes": list(self.notes),
        }

    def peak_bytes(self, graph: Graph | None) -> int | None:
        """The most bytes of float32 activations that are alive at once, as deployed."""
        return None if graph is None else peak(graph, deployed(graph)).elements * BYTES["float32"]


@dataclass(frozen=True, slots=True)
class TileSweep:
    """Plans of the same layers with tiles of several sizes, each with its size; if that does not fit, why."""

    plan: Tiling
    points: tuple[tuple[str, Tiling | str], ...]

    def to_dict(self) -> dict[str, Any]:
        """What all tiles have in common, and what each size costs."""
        whole = self.plan.to_dict()
        common = ("schema", "name", "input", "output", "halo", "multiple", "multiplications_whole")
        return {
            **{key: whole[key] for key in common},
            "peak_activation_bytes_whole": whole["peak_activation_bytes_whole"],
            "points": [{"tile": size, **_point(plan)} for size, plan in self.points],
        }


def _point(plan: Tiling | str) -> dict[str, Any]:
    if isinstance(plan, str):
        return {**dict.fromkeys(POINT), "error": plan}
    recomputed, peak_bytes = plan.recomputed, plan.peak_bytes(plan.largest)
    values = (
        list(plan.grid or ()), list(plan.reads or ()), plan.multiplications,
        None if recomputed is None else float(recomputed), peak_bytes,
    )  # fmt: skip
    return dict(zip(POINT, values, strict=True))


POINT = ("grid", "largest_tile", "multiplications", "recomputed", "peak_activation_bytes")
"""What JSON has for every size of a sweep; null for one that does not fit, with the reason as `error`."""


def listed(tiling: Tiling) -> Iterator[dict[str, list[list[int]]]]:
    """Every tile as [start, stop] per axis of what it reads, crops and writes, in row-major order."""
    check_count(tiling)
    for combined in product(*tiling.cuts):
        yield {
            "read": [[*cut.read] for cut in combined],
            "crop": [[*cut.crop] for cut in combined],
            "write": [[*cut.write] for cut in combined],
        }


def check_count(tiling: Tiling) -> None:
    """Raises NotationError for more tiles than are listed."""
    count = prod(tiling.grid or ())
    if count > MAX_TILES:
        tile = [axis.tile for axis in tiling.axes if axis.tile]
        factor = 2
        while prod(-(-n // factor) for n in tiling.grid or ()) > MAX_TILES:
            factor *= 2
        larger = show_axes([size * factor for size in tile])
        raise NotationError(f"tile: at most {MAX_TILES:,} tiles are listed, got {count:,}; use --tile {larger}")


def cuts(axis: TiledAxis) -> tuple[Cut, ...]:
    """The tiles along one axis, in order: the first begins at 0, the last one ends where the input does.

    >>> axis = TiledAxis((2, 2), 2, Fraction(1, 2), 2, (1, 1), size=10, output=5, tile=4)
    >>> [tuple(map(tuple, cut)) for cut in cuts(axis)]
    [((0, 6), (0, 2), (0, 2)), ((2, 10), (1, 3), (2, 4)), ((6, 10), (1, 2), (4, 5))]
    """
    assert axis.size is not None
    assert axis.output is not None
    assert axis.tile is not None
    before, after = axis.halo
    count = max(1, min(-(-axis.size // axis.tile), int(-(-axis.output // (axis.tile * axis.ratio)))))
    found = []
    for number in range(count):
        start, last = number * axis.tile, number == count - 1
        stop = axis.size if last else start + axis.tile
        read = Span(max(0, start - before), min(axis.size, stop + after))
        write = Span(int(start * axis.ratio), axis.output if last else int(stop * axis.ratio))
        origin = int(read.start * axis.ratio)
        found.append(Cut(read, Span(write.start - origin, write.stop - origin), write))
    return tuple(found)
