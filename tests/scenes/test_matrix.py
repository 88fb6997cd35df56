"""The sparse matrix of a layer, multiplied out, gives what the engine computes."""

from __future__ import annotations

from math import prod
from string import ascii_letters

import numpy as np
import pytest

from convcalc import conv, conv_transpose
from convcalc.scenes.scene import Role
from tests.reference import channel_pairs, counts
from tests.scenes.drawn import cells, layers, row, scenes

LAYERS = [
    (stage, scene)
    for stage, scene in layers(("standard", "grouped", "transposed"), 84, 4, "matrix")
    if prod(stage["kernel"]) <= len(ascii_letters)
]


def test_there_are_layers_of_all_dimensions() -> None:
    assert {(stage["op"], len(stage["kernel"])) for stage, _ in LAYERS} == {
        (op, dims) for op in ("conv", "conv_transpose") for dims in (1, 2, 3)
    }


def test_entries_are_the_effective_multiplications_of_a_channel_pair() -> None:
    for stage, scene in LAYERS:
        for grid in scene.grids:
            assert not grid.left_out
            entries = cells(grid, Role.WEIGHT)
            assert len(entries) * len(channel_pairs(stage)) == counts(stage).effective
            assert len(grid.cells) == prod(stage["input"][1:]) * prod(stage["output"][1:])


def test_the_matrix_times_the_flat_input_is_the_engine_s_result() -> None:
    random = np.random.default_rng(4)
    for stage, scene in LAYERS:
        x = random.integers(-9, 9, (1, *stage["input"][1:]))
        w = random.integers(-9, 9, (1, 1, *stage["kernel"]))
        settings = {
            "stride": tuple(stage["stride"]),
            "padding": tuple(map(tuple, stage["padding"])),
            "dilation": tuple(stage["dilation"]),
        }
        if stage["op"] == "conv_transpose":
            expected = conv_transpose(x, w, output_padding=tuple(stage["output_padding"]), **settings)
        else:
            expected = conv(x, w, **settings)
        weights = dict(zip(ascii_letters, w.ravel(), strict=False))
        matrix = np.zeros((expected.size, x.size), int)
        for place, letter in cells(scene.grids[0], Role.WEIGHT).items():
            matrix[place] = weights[letter]
        np.testing.assert_array_equal(matrix @ x.ravel(), expected.ravel())
        turned = np.zeros((x.size, expected.size), int)
        for place, letter in cells(scene.grids[1], Role.WEIGHT).items():
            turned[place] = weights[letter]
        np.testing.assert_array_equal(turned, matrix.T)


def test_the_matrix_of_a_transposed_layer_is_the_transpose() -> None:
    """3 from 6 by kernel 2 on stride 2, and 6 from 3 by the same, transposed: each C is the other's transpose."""
    [forward] = scenes(row("1x6", "k2s2"), "matrix")
    [backward] = scenes(row("1x3", "t:k2s2"), "matrix")
    assert cells(forward.grids[0], Role.WEIGHT) == cells(backward.grids[1], Role.WEIGHT)
    assert cells(forward.grids[0], Role.WEIGHT) == {
        (0, 0): "a", (0, 1): "b", (1, 2): "a", (1, 3): "b", (2, 4): "a", (2, 5): "b",
    }  # fmt: skip


@pytest.mark.parametrize("at", [(0, 0), (20, 20), (37, 37)])
def test_a_large_matrix_is_cut_around_the_row_of_the_output(at: tuple[int, int]) -> None:
    [scene] = scenes(row("1x40x40", "k3"), "matrix", at=at, rows=10, columns=12)
    number = at[0] * 38 + at[1]
    assert scene.steps[0].lines[0] == f"row {number} is output {at}"
    first = at[0] * 40 + at[1]
    assert {(number, first), (number, first + 1), (number, first + 2)} <= cells(scene.grids[0], Role.WEIGHT).keys()
    assert len(scene.steps[0].marks) >= 3
    assert scene.grids[0].left_out.startswith("only rows ")
    assert "11,664" not in scene.steps[0].lines[1]
    assert f"{38 * 38 * 9:,} of {38 * 38 * 1600:,} entries are weights" in scene.steps[0].lines[1]
