"""Pictures as data, one file per picture; what draws them does no arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convcalc.errors import ShapeError
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import Convolution, Correlate, Pool, TransposedCorrelate, Windowed, windows
from convcalc.scenes.channels import channels_scene
from convcalc.scenes.field import field_scene
from convcalc.scenes.matrix import matrix_scene
from convcalc.scenes.scene import Scene
from convcalc.scenes.sums import Sums
from convcalc.scenes.transposed import transposed_scene
from convcalc.scenes.view import View
from convcalc.scenes.window import window_scene

MAX_WINDOW = 4096
PICTURES = {
    "rf": "how the receptive field of one output grows",
    "matrix": "the layer as a sparse matrix, and its transpose",
    "channels": "which input channel feeds which output channel",
}
"""What can be drawn besides the window."""


def scenes_of(graph: Graph, view: View, picture: str | None = None, sums: Sequence[Sums] = ()) -> list[Scene]:
    """The picture, or one per layer, of a row of layers; `sums` are the numbers of its convolutions, if given.

    Raises ShapeError for a graph that has nothing to draw.
    """
    nodes = [node for node in graph.nodes if isinstance(node.primitive, Windowed)]
    if not nodes:
        raise ShapeError("draw: needs a convolution or a pool, got none; for example convcalc draw 1x5x5 k3p1")
    for node in nodes:
        check_drawable(node)
    numbers = iter(sums)
    match picture:
        case "rf":
            return [field_scene(graph, view)]
        case "channels":
            return [
                channels_scene(graph.stages(group))
                for group in graph.layers
                if any(isinstance(node.primitive, Windowed) for node in graph.stages(group))
            ]
        case "matrix":
            convolutions = [node for node in nodes if isinstance(node.primitive, Convolution)]
            if not convolutions:
                raise ShapeError(
                    "draw matrix: needs a convolution, got none; for example convcalc draw matrix 1x4x4 k3"
                )
            return [matrix_scene(node, view) for node in convolutions]
    scenes = []
    for node in nodes:
        match node.primitive:
            case TransposedCorrelate():
                scenes.append(transposed_scene(node, view, next(numbers, None)))
            case Correlate() | Pool():
                own = next(numbers, None) if isinstance(node.primitive, Correlate) else None
                scenes.append(window_scene(node, view, own))
    return scenes


def check_drawable(node: Node) -> None:
    """Raises ShapeError for a window that no picture has room for."""
    assert isinstance(node.primitive, Windowed)
    pixels = prod(axis.extent for axis in windows(node.primitive))
    if pixels > MAX_WINDOW:
        raise ShapeError(
            f"{node.name}: a window of at most {MAX_WINDOW:,} pixels can be drawn, got {pixels:,}; try a smaller kernel"
        )
