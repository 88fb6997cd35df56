"""How the receptive field of one output grows, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import prod

from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    Elementwise,
    Normalize,
    ShuffleChannels,
    TransposedCorrelate,
    Windowed,
    windows,
)
from convcalc.notation import Axes, show_size
from convcalc.scenes.plane import Plane, plane
from convcalc.scenes.scene import Cell, Grid, Link, Role, Scene, Step
from convcalc.scenes.taps import meets
from convcalc.scenes.view import View, chosen, count_text, position_text

LEGEND = {
    Role.INPUT: "input",
    Role.TAP: "read; the number counts the paths",
    Role.HOLE: "inside, but never read",
}
MAX_READS = 100_000
"""Along one axis, of all positions of a layer that lead to the output; more are beyond any picture."""
Paths = Counter[int]
"""Along one axis: how many paths lead from an input position to the output."""


def field_scene(graph: Graph, view: View) -> Scene:
    """The inputs that one output of every layer reads; in 1-D, the paths through the layers over time.

    Each number counts the paths from an input to the output: in how many ways its value gets there.
    Raises ShapeError for a graph that is not a row of windows.
    """
    nodes = _row(graph)
    shape = graph.inputs[0].shape
    assert shape is not None
    return _over_time(nodes, shape[2:], view) if len(shape) == 3 else _growth(nodes, shape[2:], view)


@lru_cache(maxsize=256)
def paths_back(along: tuple[tuple[Window, int, bool], ...], output: int) -> list[Paths]:
    """The paths from every position before each window to `output`, the last window's first.

    along: a window, its input size and whether it is transposed, from the first layer to the last.

    >>> paths_back(((Window(2), 9, False), (Window(2), 8, False)), 3)
    [Counter({3: 1, 4: 1}), Counter({4: 2, 3: 1, 5: 1})]
    """
    found, now = [], Counter({output: 1})
    for window, size, transposed in reversed(along):
        if len(now) * window.kernel > MAX_READS:
            raise ShapeError(
                f"draw rf: an output may depend on at most {MAX_READS:,} reads per layer and axis, "
                f"got {len(now) * window.kernel:,}; leave out layers"
            )
        before: Paths = Counter()
        for at, count in now.items():
            for source, _ in meets(window, size, at, transposed):
                before[source] += count
        found.append(before)
        now = before
    return found


def _row(graph: Graph) -> list[Node]:
    """The windows of a graph that is a row of layers."""
    nodes = []
    for number, node in enumerate(graph.nodes[1:], 1):
        if node.inputs != (number - 1,):
            raise ShapeError(f"{graph.labels[number]}: a picture of the receptive field is for a row of layers")
        match node.primitive:
            case primitive if isinstance(primitive, Windowed):
                nodes.append(node)
            case Elementwise() | Normalize() | ShuffleChannels():
                pass
            case _:
                raise ShapeError(
                    f"{graph.labels[number]}: a picture of the receptive field is for convolutions and pools, "
                    "got a layer that reads the whole map; leave it out"
                )
    if not nodes:
        raise ShapeError("draw rf: needs a convolution or a pool, got none; for example convcalc draw rf 1x9x9 k3 k3")
    return nodes


def _sizes(node: Node) -> tuple[Axes, Axes]:
    assert node.input_shapes[0] is not None
    assert node.shape is not None
    return node.input_shapes[0][2:], node.shape[2:]


def _windows(node: Node) -> tuple[tuple[Window, ...], bool]:
    primitive = node.primitive
    assert isinstance(primitive, Windowed)
    return windows(primitive), isinstance(primitive, TransposedCorrelate)


def _back(nodes: Sequence[Node], output: Axes) -> list[list[Paths]]:
    """Axis by axis, the paths before each node, the last node's first."""
    each = [(*_windows(node), _sizes(node)[0]) for node in nodes]
    return [
        paths_back(tuple((axes[axis], sizes[axis], transposed) for axes, transposed, sizes in each), at)
        for axis, at in enumerate(output)
    ]


def _growth(nodes: Sequence[Node], sizes: Axes, view: View) -> Scene:
    """A sheet per layer: the input, with what one of the layer's outputs reads."""
    grids, lines = [], []
    for number, node in enumerate(nodes, 1):
        outputs = _sizes(node)[1]
        at = (
            chosen(view, outputs, tuple(size // 2 for size in outputs), node.name)
            if number == len(nodes)
            else tuple(size // 2 for size in outputs)
        )
        back = [axis[-1] for axis in _back(nodes[:number], at)]
        spans = [range(min(paths), max(paths) + 1) if paths else range(0) for paths in back]
        sheet = plane([range(size) for size in sizes], view, spans)
        grids.append(
            Grid(
                f"layer {node.name}, output {position_text(at)}{sheet.depths}",
                tuple(_cell(place, sheet, back, spans) for place in sheet.positions()),
                sheet.row_labels,
                sheet.column_labels,
                left_out=sheet.left_out,
            )
        )
        read = tuple(len(paths) for paths in back)
        spanned = tuple(map(len, spans))
        lines.append(
            f"layer {node.name}: {prod(read):,} pixels in {show_size(spanned)}"
            + (f", {prod(spanned) - prod(read):,} of them holes" if read != spanned else "")
        )
    return Scene(
        f"receptive field on {show_size(sizes)}",
        "what one output in the middle of every layer reads, and over how many paths",
        tuple(grids),
        (Step("receptive field", (), tuple(lines)),),
        tuple(
            (role, text)
            for role, text in LEGEND.items()
            if any(cell.role == role for grid in grids for cell in grid.cells)
        ),
    )


def _cell(place: Axes, sheet: Plane, back: Sequence[Paths], spans: Sequence[range]) -> Cell:
    paths = prod(axis.get(at, 0) for axis, at in zip(back, place, strict=True))
    inside = all(at in span for at, span in zip(place, spans, strict=True))
    role = Role.TAP if paths else Role.HOLE if inside else Role.INPUT
    return Cell(role, *sheet.place(place), count_text(paths) if paths else "")


def _over_time(nodes: Sequence[Node], sizes: Axes, view: View) -> Scene:
    """Rows of positions, the output above and the input below, with the paths that lead to one output."""
    outputs = _sizes(nodes[-1])[1]
    at = chosen(view, outputs, (outputs[0] - 1,), nodes[-1].name)
    [back] = _back(nodes, at)
    longest = max(sizes[0], *(_sizes(node)[1][0] for node in nodes))
    shown = plane([range(longest)], view, [range(min(back[-1], default=0), max(back[-1], default=0) + 1)])
    used: list[Paths] = [Counter({at[0]: 1}), *back]
    lengths = [*(_sizes(node)[1][0] for node in reversed(nodes)), sizes[0]]
    names = [*(f"layer {node.name}" for node in reversed(nodes)), "input"]
    cells, links = [], []
    for row, (paths, length) in enumerate(zip(used, lengths, strict=True)):
        for position in shown.shown[0]:
            if position < length:
                hit = Role.MADE if row == 0 else Role.TAP
                plain = Role.INPUT if row == len(nodes) else Role.NOTHING
                text = count_text(paths[position]) if row == len(nodes) and paths[position] else ""
                cells.append(Cell(hit if paths[position] else plain, row, shown.place((position,))[1], text))
    for row, node in enumerate(reversed(nodes)):
        (axes, transposed), size = _windows(node), _sizes(node)[0][0]
        for position in (at for at in shown.shown[0] if at in used[row]):
            for source, _ in meets(axes[0], size, position, transposed):
                if (source,) in shown:
                    target = (0, row, shown.place((position,))[1])
                    links.append(Link((0, row + 1, shown.place((source,))[1]), target))
    first, last = (min(back[-1]), max(back[-1])) if back[-1] else (0, -1)
    lines = (
        f"output {at[0]} reads {len(back[-1])} of the inputs {first} to {last}"
        + (f", {last - first + 1 - len(back[-1])} are holes" if last - first + 1 != len(back[-1]) else ""),
        f"{sum(back[-1].values()):,} paths lead to it",
    )
    legend = (
        (Role.INPUT, "input"),
        (Role.NOTHING, "not used"),
        (Role.TAP, "on a path; the numbers count them"),
        (Role.MADE, "this output"),
    )
    return Scene(
        f"receptive field on {sizes[0]} positions",
        "layers from the input below to the output above, time to the right",
        (Grid("", tuple(cells), tuple(names), shown.column_labels, left_out=shown.left_out),),
        (Step("receptive field", (), lines),),
        tuple((role, text) for role, text in legend if any(cell.role == role for cell in cells)),
        links=tuple(links),
    )
