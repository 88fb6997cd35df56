"""Pictures of layers and rows of words, read back: which position each cell stands for, and what each step marks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from random import Random
from typing import Any

from convcalc import ConvcalcError
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Windowed
from convcalc.readers.words import row_graph
from convcalc.recipes.options import LayerOptions, layer_graph
from convcalc.scenes import scenes_of
from convcalc.scenes.scene import Grid, Role, Scene, Step
from convcalc.scenes.view import MAX_STEPS, View
from tests.cases import CASES
from tests.layers import random_options
from tests.reference import Stage

Place = tuple[int, ...]
WHOLE = View(None, 400, 400)
"""Nothing left out."""


def graph_of(type: str, options: dict[str, Any]) -> Graph:
    return layer_graph(type, LayerOptions(**{name: value for name, value in options.items() if name != "batch"}))


def row(size: str, *words: str) -> Graph:
    return row_graph(words, tuple(map(int, size.split("x"))))


def scenes(graph: Graph, picture: str | None = None, **view: Any) -> list[Scene]:
    return scenes_of(graph, WHOLE._replace(**view), picture)


def stages(graph: Graph) -> list[Stage]:
    """Every convolution of a graph as the plain loops of tests/reference.py read it."""
    found = []
    for node in graph.nodes:
        primitive = node.primitive
        if isinstance(primitive, Windowed):
            assert node.input_shapes[0] is not None
            assert node.shape is not None
            channels = node.input_shapes[0][1]
            found.append(
                {
                    "op": "conv_transpose" if hasattr(primitive, "output_padding") else "conv",
                    "in_channels": channels,
                    "out_channels": node.shape[1],
                    "groups": getattr(primitive, "groups", channels),
                    "input": list(node.input_shapes[0][1:]),
                    "output": list(node.shape[1:]),
                    "kernel": primitive.kernel,
                    "stride": primitive.stride,
                    "dilation": primitive.dilation,
                    "padding": primitive.padding,
                    "output_padding": getattr(primitive, "output_padding", (0,) * len(primitive.kernel)),
                }
            )
    return found


def layers(types: Sequence[str], seed: int, count: int, picture: str | None = None) -> list[tuple[Stage, Scene]]:
    """Stages of `count` random layers of each type and dimension, and of the named cases, with pictures of all steps.

    Those with more outputs than an animation has steps are left out.
    """
    random = Random(seed)
    asked = [(case.type, {**case.options}) for case in CASES if case.type in types]
    for type, dims in product(types, (1, 2, 3)):
        found = 0
        while found < count:
            options = random_options(random, type, dims)
            try:
                [stage] = stages(graph_of(type, options))
            except ConvcalcError:
                continue
            found += prod(stage["output"][1:]) <= MAX_STEPS
            asked.append((type, options))
    graphs = [graph_of(type, options) for type, options in asked]
    return [
        (stage, scene)
        for graph in graphs
        for stage in stages(graph)
        if prod(stage["output"][1:]) <= MAX_STEPS
        for scene in scenes(graph, picture, every=picture is None)
    ]


def places(grid: Grid) -> dict[tuple[int, int], Place]:
    """(row, column) -> the position that a grid's labels and title give it."""
    labels, depths = grid.column_labels, [0]
    if ": depth" in grid.title:
        words = grid.title.partition(": depth")[2].split()
        depths = [*range(int(words[-7 if "to" in words else -1]), int(words[-5 if "to" in words else -1]) + 1)]
    three = ": depth" in grid.title
    result = {}
    for line, column in product(range(len(grid.row_labels)), range(len(labels))):
        if labels[column]:
            place: Place = (int(labels[column]),)
            if grid.row_labels[line]:
                place = (int(grid.row_labels[line]), *place)
            if three:
                place = (depths[labels[:column].count("")], *place)
            result[line, column] = place
    return result


def cells(grid: Grid, *roles: Role) -> dict[Place, str]:
    """Position -> text of the cells of these roles."""
    where = places(grid)
    found = {where[cell.row, cell.column]: cell.text for cell in grid.cells if cell.role in roles}
    assert len(found) == sum(cell.role in roles for cell in grid.cells)
    return found


def marked(scene: Scene, step: Step, grid: int, role: Role) -> set[Place]:
    """The positions that a step marks."""
    where = places(scene.grids[grid])
    found = [where[mark.row, mark.column] for mark in step.marks if mark.grid == grid and mark.role == role]
    assert len({*found}) == len(found)
    return {*found}


def every(sizes: list[int]) -> list[Place]:
    return [*product(*map(range, sizes))]
