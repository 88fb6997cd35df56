"""The receptive field drawn: which inputs, and over how many paths."""

from __future__ import annotations

from math import prod
from random import Random

import numpy as np
import pytest

from convcalc import ConvcalcError, conv, conv_transpose
from convcalc.errors import ShapeError
from convcalc.graph.graph import Graph
from convcalc.scenes.scene import Role, Scene
from tests.reference import read_back, windows_along
from tests.scenes.drawn import Place, cells, row, scenes, stages


def chains(seed: int, count: int) -> list[Graph]:
    """Random rows of one to three windows along one to three axes, transposed ones among them."""
    random, found = Random(seed), list[Graph]()
    while len(found) < count:
        dims = random.randint(1, 3)

        def axes(low: int, high: int, dims: int = dims) -> str:
            return "x".join(str(random.randint(low, high)) for _ in range(dims))

        size = "1x" + axes(3, {1: 14, 2: 8, 3: 4}[dims])
        words = [
            f"{random.choice(('', '', 'max:', 't:'))}k{axes(1, 3)}s{axes(1, 2)}d{axes(1, 2)}p{axes(0, 1)}"
            for _ in range(random.randint(1, 3))
        ]
        try:
            graph = row(size, *words)
        except ConvcalcError:
            continue
        if prod(graph.nodes[-1].shape[2:]) <= 700:  # type: ignore[index]
            found.append(graph)
    return found


def shown(scene: Scene, grid: int, axis_labels: int) -> dict[Place, int]:
    """The numbers of paths in a sheet; of a 1-D picture, in its row of inputs."""
    if axis_labels == 1:
        texts = {cell.column: cell.text for cell in scene.grids[0].cells if cell.text}
        return {(int(scene.grids[0].column_labels[column]),): int(text) for column, text in texts.items()}
    return {place: int(text) for place, text in cells(scene.grids[grid], Role.TAP).items()}


def test_the_numbers_are_what_kernels_of_ones_make_of_each_input() -> None:
    """One input is 1 and the others 0: what comes out at the output is the number of paths to it."""
    for graph in chains(seed=85, count=12):
        sizes = graph.inputs[0].shape[2:]  # type: ignore[index]
        number = prod(sizes)
        x = np.eye(number, dtype=int).reshape(number, 1, *sizes)
        for stage in stages(graph):
            settings = {name: tuple(stage[name]) for name in ("stride", "dilation")}
            padding = tuple(map(tuple, stage["padding"]))
            ones = np.ones((1, 1, *stage["kernel"]), int)
            x = (conv_transpose if stage["op"] == "conv_transpose" else conv)(x, ones, padding=padding, **settings)
        at = tuple(size // 2 for size in x.shape[2:])
        expected = x[(slice(None), 0, *at)].reshape(sizes)
        [scene] = scenes(graph, "rf", at=at)
        found = shown(scene, len(scene.grids) - 1, len(sizes))
        assert found == {place: count for place, count in np.ndenumerate(expected.astype(object)) if count}


def test_far_from_borders_the_inputs_are_those_found_backwards() -> None:
    words = ("k3d2", "k2s2", "max:k3s2", "k3")
    graph = row("1x40x34", *words)
    [scene] = scenes(graph, "rf", at=(3, 2))
    expected = [read_back(windows_along(stages(graph), axis), [at]) for axis, at in enumerate((3, 2))]
    found = cells(scene.grids[-1], Role.TAP)
    assert [{place[axis] for place in found} for axis in range(2)] == expected
    assert len(found) == prod(map(len, expected))


@pytest.mark.parametrize(("words", "kernels"), [(("k3", "k3"), (3, 3)), (("k2", "k4", "k3"), (2, 4, 3))])
def test_the_numbers_of_a_row_are_the_product_of_its_kernels(words: tuple[str, ...], kernels: tuple[int, ...]) -> None:
    product = np.ones(1, int)
    for kernel in kernels:
        product = np.convolve(product, np.ones(kernel, int))
    [scene] = scenes(row("1x20", *words), "rf", at=(4,))
    assert shown(scene, 0, 1) == {(4 + at,): count for at, count in enumerate(product)}
    [flat] = scenes(row("1x20x20", *words), "rf", at=(4, 5))
    assert shown(flat, len(words) - 1, 2) == {
        (4 + y, 5 + x): count for (y, x), count in np.ndenumerate(np.outer(product, product))
    }
    assert scene.steps[0].lines[-1] == f"{product.sum()} paths lead to it"


def test_holes_are_inside_and_never_read() -> None:
    """Kernel 3 with dilation 2 three times reads every second pixel: 7 of 13 per axis."""
    [scene] = scenes(row("1x19x19", "k3d2", "k3d2", "k3d2"), "rf")
    assert [len(cells(grid, Role.TAP)) for grid in scene.grids] == [9, 25, 49]
    assert [len(cells(grid, Role.HOLE)) for grid in scene.grids] == [25 - 9, 81 - 25, 169 - 49]
    assert scene.steps[0].lines[2] == "layer 3: 49 pixels in 13x13, 120 of them holes"
    [strip] = scenes(row("1x19", "k3d2", "k3d2", "k3d2"), "rf")
    assert strip.steps[0].lines[0] == "output 6 reads 7 of the inputs 6 to 18, 6 are holes"


def test_links_lead_over_time_only_to_what_is_read() -> None:
    """Causal, kernel 2, dilations 1, 2, 4, 8: one output on the 16 latest inputs, one link per tap and position."""
    graph = row("1x16", *(f"k2d{dilation}pcausal" for dilation in (1, 2, 4, 8)))
    [scene] = scenes(graph, "rf")
    assert shown(scene, 0, 1) == {(at,): 1 for at in range(16)}
    assert len(scene.links) == 2 + 4 + 8 + 16
    marked = {(cell.row, cell.column) for cell in scene.grids[0].cells if cell.role in (Role.TAP, Role.MADE)}
    assert {link.source[1:] for link in scene.links} | {link.target[1:] for link in scene.links} == marked


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("k3", "gap"), "reads the whole map; leave it out"),
        (("k3", "fc3"), "reads the whole map; leave it out"),
        (("relu",), "needs a convolution or a pool"),
    ],
)
def test_a_field_needs_windows(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        scenes(row("1x9x9", *words), "rf")
