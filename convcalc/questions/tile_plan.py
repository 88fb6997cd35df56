"""Tiles planned: the smallest halo, the grid, and every kind of tile followed through all layers before it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from os import PathLike, fspath
from typing import Any, NamedTuple

from convcalc.errors import ConvcalcError, NotationError, ShapeError, shortened
from convcalc.graph.graph import Graph, Node, ancestors
from convcalc.graph.primitives import TransposedCorrelate
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes, PerAxis, parse_axes, parse_layout, show_axes, show_size
from convcalc.questions.cost import cost
from convcalc.questions.models import layer_words
from convcalc.questions.pieces import Course, ObstacleError, check_alike, course, lies
from convcalc.questions.subject import Subject, subject_of, subject_until
from convcalc.questions.sweep import Progress, sizes
from convcalc.questions.tile import MAX_TILES, Cut, InsideTile, Tile, TiledAxis, TileSweep, Tiling, cuts


def tiling(subject: Subject, tile: PerAxis | None = None, *, mode: str = "zeros") -> Tiling:
    """The plan for layers or a model: the smallest halo, and the grid of tiles if there is a size and a tile.

    tile: pixels of the input that a tile answers for, one number or one per axis. `mode` is the padding mode of
    convolutions. Every kind of tile is followed through all layers before the plan is returned.
    Raises ShapeError, naming the layer, if no tile can give its output, and NotationError for a tile that does not fit.
    """
    whole = subject.graph
    if len(whole.inputs[0].shape or ()) < 3:
        raise ShapeError(f"{subject.name}: tiles are cut from maps, got an input of features only")
    channels, *spatial = (whole.inputs[0].shape or ())[1:]
    known: dict[object, Any] = {}
    try:
        courses = [course(whole, axis, known) for axis in range(len(spatial))]
    except ObstacleError as obstacle:
        raise _refused(subject, obstacle) from None
    found = _Planned(subject, whole, channels, tuple(spatial), courses, known, mode, {tuple(spatial): (whole, courses)})
    failures: list[ConvcalcError] = []
    for remainders in dict.fromkeys(((0,) * len(spatial), found.remainders)):
        try:
            return _planned(found, remainders, tile)
        except ObstacleError as obstacle:
            failures.append(_refused(subject, obstacle, [along.multiple for along in courses]))
            if whole.nodes[obstacle.node].padding_word is not None:
                break
        except ShapeError as error:
            failures.append(error)
    raise failures[0] from None


def tile_sweep(subject: Subject, text: str, *, mode: str = "zeros", progress: Progress | None = None) -> TileSweep:
    """The plans for tile sizes written as `128..1024` or `128,256x512`. Raises the first's error if none fits."""
    points: list[tuple[str, Tiling | str]] = []
    plan, failed, all_sizes = tiling(subject, mode=mode), None, sizes(text)
    for size in all_sizes:
        try:
            points.append((size, tiling(subject, size, mode=mode)))
        except ConvcalcError as error:
            points.append((size, str(error)))
            failed = failed or error
        if progress is not None:
            progress(len(points), len(all_sizes))
    if failed is not None and all(isinstance(point, str) for _, point in points):
        raise failed
    return TileSweep(plan, tuple(points))


class _Planned(NamedTuple):
    """What is known of a plan before its halo is."""

    subject: Subject
    whole: Graph
    channels: int
    spatial: Axes
    courses: Sequence[Course]
    known: dict[object, Any]
    mode: str
    placed: dict[Axes, tuple[Graph, Sequence[Course]]]

    @property
    def remainders(self) -> Axes:
        """What the size of the input leaves if it is divided by the multiple, per axis."""
        return tuple(size % along.multiple for size, along in zip(self.spatial, self.courses, strict=True))


def _planned(found: _Planned, remainders: Axes, tile: PerAxis | None) -> Tiling:
    """The plan with tiles that leave these remainders if their sizes are divided by the multiple."""
    subject, whole, courses = found.subject, found.whole, found.courses
    long = tuple(
        (size // along.multiple + 2) * along.multiple + rest  # larger, or layers of fixed size would not show
        for size, along, rest in zip(found.spatial, courses, remainders, strict=True)
    )
    piece, alike = _placed(found, long)
    axes = []
    for axis, (along, size) in enumerate(zip(courses, long, strict=True)):
        lie = lies(piece, alike[axis], 0, size, begins=False, whole=None, mode=found.mode)[whole.output]
        assert lie.first is not None
        assert lie.end is not None
        ratio, multiple = along.ratios[whole.output], along.multiple
        before = -(-lie.first // (ratio * multiple)) * multiple
        lost = max(0, -((lie.end - size * ratio) // 1))
        need = -(-lost // ratio)  # the pixels whose outputs are wrong, rounded up
        after = need + (remainders[axis] - need) % multiple
        wrong = lie.first, int(lost)
        place, rest = along.axes[whole.output], remainders[axis]
        axes.append(TiledAxis((int(before), int(after)), multiple, ratio, place, wrong, rest))
    label = whole.labels[whole.output]
    if subject.size is None:
        chosen = _tile_sizes(tile, axes, None)
        if chosen is None:
            return Tiling(subject.name, None, tuple(axes), label, whole)
        axes = [replace(axis, tile=each) for axis, each in zip(axes, chosen, strict=True)]
        return Tiling(subject.name, None, tuple(axes), label, whole, inside=_inside(found, axes, chosen))
    shape = whole.nodes[whole.output].shape or ()
    sizes = _tile_sizes(tile, axes, found.spatial)
    axes = [
        replace(axis, size=size, output=shape[along.axes[whole.output]], tile=each)
        for axis, size, along, each in zip(axes, found.spatial, courses, sizes or (None,) * len(axes), strict=True)
    ]
    if sizes is None:
        return Tiling(subject.name, subject.size, tuple(axes), label, whole)
    every = [cuts(axis) for axis in axes]
    _verify(found, axes, every)
    largest, _ = _placed(found, tuple(max(cut.read.length for cut in along) for along in every))
    return Tiling(
        subject.name, subject.size, tuple(axes), label, whole, largest, _multiplications(found, every, long, piece)
    )  # fmt: skip


def _inside(found: _Planned, axes: Sequence[TiledAxis], tile: Axes) -> InsideTile:
    """What a tile with its full halo costs, followed through all layers as one that no end of the input touches."""
    reads = tuple(axis.halo[0] + each + axis.halo[1] for axis, each in zip(axes, tile, strict=True))
    whole, (piece, courses) = found.whole, _placed(found, reads)
    for axis, along, read in zip(axes, courses, reads, strict=True):
        lie = lies(piece, along, 0, read, begins=False, whole=None, mode=found.mode)[whole.output]
        ends = [at * axis.ratio for at in (axis.halo[0], read - axis.halo[1])]
        if lie.first is None or lie.end is None or not lie.origin <= lie.first <= ends[0] < ends[1] <= lie.end:
            raise AssertionError(f"a tile must give its outputs {ends}, got {lie}")
    done, share = 0, Fraction(0)
    for number in ancestors(whole, whole.output):
        mine = Fraction(cost(whole.nodes[number]).multiplications)
        if not mine:
            continue
        done += cost(piece.nodes[number]).multiplications
        of = _counted(whole.nodes[number], number)
        for along, each in zip(found.courses, tile, strict=True):
            if of in along.axes:
                mine *= along.ratios[of] * each / (whole.nodes[of].shape or ())[along.axes[of]]
        share += mine
    return InsideTile(piece, done, share)


def _counted(node: Node, number: int) -> int:
    """The node whose positions the products of this one go with: those of its input for a transposed convolution."""
    return node.inputs[0] if isinstance(node.primitive, TransposedCorrelate) else number


def _placed(found: _Planned, spatial: Axes) -> tuple[Graph, Sequence[Course]]:
    """The graph on a piece of this size, which must do what it does on the whole."""
    if spatial in found.placed:
        return found.placed[spatial]
    piece = found.subject.at((found.channels, *spatial))
    others = [course(piece, axis, found.known) for axis in range(len(spatial))]
    for along, other in zip(found.courses, others, strict=True):
        check_alike(found.whole, along, piece, other)
    return found.placed.setdefault(spatial, (piece, others))


def _tile_sizes(tile: PerAxis | None, axes: Sequence[TiledAxis], spatial: Axes | None) -> Axes | None:
    """Tile sizes per axis. Raises NotationError for one that is no multiple, unless one tile is enough."""
    if tile is None:
        return None
    sizes = parse_axes(tile, "tile", len(axes))
    for axis, (size, plan) in enumerate(zip(sizes, axes, strict=True)):
        if size % plan.multiple and (spatial is None or size < spatial[axis]):
            name = AXIS_NAMES[len(axes)][axis]
            better = [-(-each // other.multiple) * other.multiple for each, other in zip(sizes, axes, strict=True)]
            raise NotationError(
                f"tile: the {name} must be a multiple of {plan.multiple}, the total stride, got {size}; "
                f"use --tile {show_axes(better)}"
            )
        if spatial is not None and -(-spatial[axis] // size) > MAX_TILES:
            least = -(-spatial[axis] // MAX_TILES)
            raise NotationError(
                f"tile: at most {MAX_TILES:,} tiles per axis, got {-(-spatial[axis] // size):,}; "
                f"use --tile {-(-least // plan.multiple) * plan.multiple}"
            )
    return sizes


def _verify(found: _Planned, axes: Sequence[TiledAxis], every: Sequence[tuple[Cut, ...]]) -> None:
    """Follows the tiles through all layers; raises ObstacleError or ShapeError unless all that they write is right.

    Tiles inside the input are alike but for their place; those at its ends differ in size, and of these the first and
    the last ones are followed, the others lie between them.
    """
    kinds = [_kinds(axis, along) for axis, along in zip(axes, every, strict=True)]
    for number in range(max(map(len, kinds))):
        chosen = [along[min(number, len(along) - 1)] for along in kinds]
        reads = tuple(cut.read.length for cut in chosen)
        try:
            piece, courses = _placed(found, reads)
        except ShapeError as error:
            problem = str(error).partition("; ")[0]
            raise ShapeError(f"a tile that reads {show_axes(reads)}: {problem}; use a larger --tile") from None
        for cut, axis, along in zip(chosen, axes, courses, strict=True):
            ends = cut.read.stop == axis.size
            lie = lies(
                piece, along, cut.read.start, cut.read.length, begins=cut.read.start == 0,
                whole=found.whole if ends else None, mode=found.mode,
            )[found.whole.output]  # fmt: skip
            right = (lie.first is None or lie.first <= cut.write.start) and (
                lie.end is None or lie.end >= cut.write.stop
            )
            inside = lie.origin + cut.crop.start == cut.write.start and cut.crop.stop <= lie.size
            if not (right and inside):
                raise AssertionError(f"a tile must give what it writes, got {lie} for {cut}")


def _kinds(axis: TiledAxis, along: tuple[Cut, ...]) -> list[Cut]:
    """Tiles to follow: the first and last of those at each end, and one between."""
    begin = [cut for cut in along if cut.read.start == 0]
    end = [cut for cut in along if cut.read.stop == axis.size]
    inside = [cut for cut in along if cut.read.start > 0 and cut.read.stop != axis.size][:1]
    different: dict[tuple[int, bool, bool], Cut] = {}
    for cut in (*begin[:2], *begin[-1:], *inside, *end[:2], *end[-1:]):
        different[cut.read.length, cut.read.start == 0, cut.read.stop == axis.size] = cut
    return list(different.values())


def _multiplications(found: _Planned, every: Sequence[tuple[Cut, ...]], long: Axes, piece: Graph) -> int:
    """The multiplications of all tiles together: those of the whole, times the positions that tiles have for each.

    The size of every map grows evenly with that of its tile, so one tile and the whole, which ends as the last tiles
    do, stand for all.
    """
    total, whole = 0, found.whole
    lengths = [_lengths(cuts_of, size) for cuts_of, size in zip(every, found.spatial, strict=True)]
    for number in ancestors(whole, whole.output):
        node = whole.nodes[number]
        products = cost(node).multiplications
        if not products:
            continue
        of = _counted(node, number)
        for axis, along in enumerate(found.courses):
            if of not in along.axes:
                products *= len(every[axis])
                continue
            at = along.axes[of]
            mine, others = (whole.nodes[of].shape or ())[at], (piece.nodes[of].shape or ())[at]
            ratio, (inner, inner_pixels, ending, ending_pixels) = along.ratios[of], lengths[axis]
            positions = inner * others + ratio * (inner_pixels - inner * long[axis])
            positions += ending * mine + ratio * (ending_pixels - ending * found.spatial[axis])
            share = products * positions / mine
            assert share.denominator == 1, f"{node.name}: multiplications must be whole, got {share}"
            products = int(share)
        total += products
    return total


def _lengths(along: Sequence[Cut], size: int) -> tuple[int, int, int, int]:
    """How many tiles do not end with the input, and how many pixels they read together; the same of those that do."""
    inner = [cut.read.length for cut in along if cut.read.stop != size]
    ending = [cut.read.length for cut in along if cut.read.stop == size]
    return len(inner), sum(inner), len(ending), sum(ending)


def _refused(subject: Subject, obstacle: ObstacleError, multiples: Sequence[int] = ()) -> ShapeError:
    """The error for a layer that cannot be tiled, with the layer up to which tiles are possible.

    If its padding depends on the size of the map, it has the next input whose sizes are multiples of `multiples`.
    """
    graph = subject.graph
    node, group = graph.nodes[obstacle.node], graph.groups[graph.group_of[obstacle.node]]
    row = bool(subject.words) and group.name.isdecimal()
    where = (
        f"layer {group.name}, {shortened(group.op)}" if row else f"{shortened(group.name or node.name)} ({group.op})"
    )
    before = [i for i in graph.nodes[group.nodes[0]].inputs if graph.nodes[i].inputs]
    remedy, larger = "it needs the whole input", None
    if node.padding_word is not None and multiples:
        larger = _larger(subject, multiples)
    if larger is not None:
        remedy = f"use an input of {larger}, in multiples of the total stride"
    elif before:
        name = graph.groups[graph.group_of[before[0]]].name
        remedy = f"use --until {name} to tile the layers before it"
        try:
            tiling(subject_until(subject, name))
        except ShapeError as error:
            other = str(error).rpartition("; ")[2]
            remedy = other if other.startswith("use ") else "it needs the whole input"
    return ShapeError(f"{where}: no tile can give its output, for it {obstacle.why}; {remedy}")


def _larger(subject: Subject, multiples: Sequence[int]) -> str | None:
    """The next size of these multiples, if tiles of that are possible."""
    channels, *spatial = (subject.graph.inputs[0].shape or ())[1:]
    size = (channels, *(-(-each // multiple) * multiple for each, multiple in zip(spatial, multiples, strict=True)))
    try:
        tiling(replace(subject, size=size, graph=subject.at(size)))
    except ConvcalcError:
        return None
    return show_size(size)


def tiles(
    model: str | PathLike[str] | Sequence[str], input: PerAxis, tile: PerAxis, *, until: str | None = None,
    layout: str = "channels-first",
) -> Iterator[Tile]:  # fmt: skip
    """The tiles of an input (channels, *spatial), whose outputs put together are exactly those of the whole.

    model: a network of the zoo, the path of a .toml or .onnx file, or layer words, as one text or a list; until: the
    last layer to run, if not all of them. tile: pixels of the input per tile, one number or one per axis.

    Raises ConvcalcError, naming the layer, if no tile can give its output.

    >>> [tile.read for tile in tiles("k3p1 k3s2p1", (1, 8), 4)]
    [(slice(0, 6, None),), (slice(2, 8, None),)]
    """
    words = layer_words(model)
    named = words if words is not None else [model if isinstance(model, str) else fspath(model)]  # type: ignore[arg-type]
    subject = subject_of(named, input, layout=parse_layout(layout))
    plan = tiling(subject if until is None else subject_until(subject, until), tile)
    return (_tile(combined) for combined in product(*plan.cuts))


def _tile(combined: Sequence[Cut]) -> Tile:
    return Tile(
        tuple(slice(*cut.read) for cut in combined),
        tuple(slice(*cut.crop) for cut in combined),
        tuple(slice(*cut.write) for cut in combined),
    )
