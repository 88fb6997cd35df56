"""A line between two channels for every kernel slice that joins them."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from convcalc.engine.ops.moving import shuffled
from convcalc.recipes import RECIPES
from convcalc.scenes.scene import Scene
from tests.layers import random_layers
from tests.reference import channel_pairs
from tests.scenes.drawn import graph_of, row, scenes

LAYERS = random_layers(seed=83, count=3)


def links(scene: Scene, stage: int) -> list[tuple[int, int]]:
    """(channel before, channel after) of a stage, as the cells name them."""
    names = [{(cell.row, cell.column): int(cell.text) for cell in grid.cells} for grid in scene.grids]
    return [
        (names[stage][source[1:]], names[stage + 1][target[1:]])
        for source, target in scene.links
        if (source[0], target[0]) == (stage, stage + 1)
    ]


def test_lines_times_taps_are_the_weights_of_every_type() -> None:
    for type, options, report in LAYERS:
        [scene] = scenes(graph_of(type, options), "channels")
        assert len(scene.links) == sum(len(links(scene, number)) for number in range(len(report.stages)))
        for number, stage in enumerate(report.to_dict()["stages"]):
            if stage["op"] == "channel_shuffle":
                continue
            if max(stage["in_channels"], stage["out_channels"]) <= 12:
                found = links(scene, number)
                assert sorted(found) == channel_pairs(stage), (type, options)
                assert len(found) * prod(stage["kernel"]) == stage["weights"]
            assert f"{stage['weights']:,} weights" in scene.steps[0].lines[number]
    assert {type for type, _, _ in LAYERS} == {recipe.name for recipe in RECIPES}


@pytest.mark.parametrize(("channels", "groups"), [(6, 2), (6, 3), (12, 3), (8, 4)])
def test_a_shuffle_moves_channels_as_the_engine_does(channels: int, groups: int) -> None:
    [scene] = scenes(
        graph_of("shuffled-grouped", {"input": (channels, 3), "kernel": 1, "filters": channels, "groups": groups}),
        "channels",
    )
    moved = shuffled(np.arange(channels).reshape(1, channels, 1), groups)[0, :, 0]
    assert sorted(links(scene, 1), key=lambda link: link[1]) == [*zip(moved.tolist(), range(channels), strict=True)]


@pytest.mark.parametrize(("channels", "filters", "groups"), [(4, 128, 2), (64, 64, 32), (16, 240, 8)])
def test_every_shown_channel_of_a_shuffle_has_its_line(channels: int, filters: int, groups: int) -> None:
    options = {"input": (channels, 5), "kernel": 1, "filters": filters, "groups": groups}
    [scene] = scenes(graph_of("shuffled-grouped", options), "channels")
    moved = shuffled(np.arange(filters).reshape(1, filters, 1), groups)[0, :, 0].tolist()
    assert sorted(links(scene, 1), key=lambda link: link[1]) == [(moved[n], n) for n in (0, 1, 2, 3, 4, 5, filters - 1)]
    made = {int(cell.text) for cell in scene.grids[1].cells}
    assert scene.grids[1].left_out == f"{filters - len(made)} not shown"
    for n in made:
        reads = [*range(n * groups // filters * channels // groups, (n * groups // filters + 1) * channels // groups)]
        assert [link for link in links(scene, 0) if link[1] == n] == [(c, n) for c in reads]


def test_of_many_channels_the_first_and_the_last_are_shown() -> None:
    [scene] = scenes(row("40x5x5", "ds:k3f100000"), "channels")
    assert [grid.left_out for grid in scene.grids] == ["33 not shown", "33 not shown", "99993 not shown"]
    assert [cell.text for cell in scene.grids[2].cells] == ["0", "1", "2", "3", "4", "5", "99999"]
    assert links(scene, 0) == [(c, c) for c in (0, 1, 2, 3, 4, 5, 39)]
    assert "4,000,000 lines, each 1x1: 4,000,000 weights" in scene.steps[0].lines[1]


def test_every_layer_of_a_row_has_its_picture() -> None:
    pictures = scenes(row("3x8x8", "k3f4", "relu", "max:k2s2", "gap", "fc5"), "channels")
    assert [scene.title for scene in pictures] == ["3x8x8 -> 4x6x6", "4x6x6 -> 4x3x3"]
    assert links(pictures[1], 0) == [(c, c) for c in range(4)]
