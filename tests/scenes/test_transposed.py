"""Both views of a transposed convolution: what a plain loop adds up, and what the engine computes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from convcalc import conv_transpose
from convcalc.scenes.scene import Role, Scene
from convcalc.scenes.transposed import SLID_OUTPUT, SPREAD_INPUT, SPREAD_OUTPUT, WIDENED
from tests.reference import Stage, channel_pairs, counts
from tests.scenes.drawn import Place, cells, every, layers, marked, row, scenes

LAYERS = layers(("transposed",), seed=82, count=6)


def spread(stage: Stage) -> dict[Place, list[Place]]:
    """Output, or position outside -> the inputs that a plain loop adds there."""
    found: dict[Place, list[Place]] = {}
    for source, tap in product(every(stage["input"][1:]), every([*stage["kernel"]])):
        place = tuple(
            at * stage["stride"][axis] + tap[axis] * stage["dilation"][axis] - stage["padding"][axis][0]
            for axis, at in enumerate(source)
        )
        found.setdefault(place, []).append(source)
    return found


def test_there_are_layers_of_all_dimensions() -> None:
    assert {len(stage["kernel"]) for stage, _ in LAYERS} == {1, 2, 3}
    assert any(any(stage["output_padding"]) for stage, _ in LAYERS)
    assert any(max(stage["dilation"]) > 1 for stage, _ in LAYERS)
    assert any(before != after for stage, _ in LAYERS for before, after in stage["padding"])


@pytest.mark.parametrize(("stage", "scene"), LAYERS)
def test_every_output_has_the_number_of_inputs_added_there(stage: Stage, scene: Scene) -> None:
    added = spread(stage)
    numbers = {place: int(text) for place, text in cells(scene.grids[SPREAD_OUTPUT], Role.OUTPUT).items()}
    assert numbers == {place: len(added.get(place, ())) for place in every(stage["output"][1:])}
    assert sum(numbers.values()) * len(channel_pairs(stage)) == counts(stage).effective
    cropped = cells(scene.grids[SPREAD_OUTPUT], Role.CROPPED)
    assert cropped.keys() >= added.keys() - numbers.keys()
    assert cells(scene.grids[SPREAD_INPUT], Role.INPUT).keys() == {*every(stage["input"][1:])}
    for place, step in zip(every(stage["output"][1:]), scene.steps, strict=True):
        assert marked(scene, step, SPREAD_INPUT, Role.TAP) == {*added.get(place, ())}
        assert marked(scene, step, SPREAD_OUTPUT, Role.MADE) == {place}
        assert marked(scene, step, SLID_OUTPUT, Role.MADE) == {place}


@pytest.mark.parametrize(("stage", "scene"), LAYERS)
def test_a_flipped_kernel_over_the_widened_input_gives_what_the_engine_does(stage: Stage, scene: Scene) -> None:
    """Nothing but the cells, the marks and plain products."""
    random = np.random.default_rng(3)
    x = random.integers(-9, 9, (1, *stage["input"][1:]))
    w = random.integers(-9, 9, (1, 1, *stage["kernel"]))
    expected = conv_transpose(
        x, w, stride=tuple(stage["stride"]), padding=tuple(map(tuple, stage["padding"])),
        output_padding=tuple(stage["output_padding"]), dilation=tuple(stage["dilation"]),
    )[0]  # fmt: skip
    widened = scene.grids[WIDENED]
    values = dict.fromkeys(cells(widened, Role.INSERTED, Role.PADDING), 0)
    assert {*cells(widened, Role.INSERTED).values()} <= {"0"}
    inputs = sorted(cells(widened, Role.INPUT))
    assert len(inputs) == x.size
    values |= dict(zip(inputs, x.ravel().tolist(), strict=True))
    flipped = np.flip(w[0, 0]).ravel().tolist()
    for place, step in zip(every(stage["output"][1:]), scene.steps, strict=True):
        taps = sorted(marked(scene, step, WIDENED, Role.TAP))
        assert len(taps) == len(flipped)
        got = sum(values[tap] * weight for tap, weight in zip(taps, flipped, strict=True))
        assert got == expected[place], place


@pytest.mark.parametrize(
    ("size", "word", "numbers", "cropped"),
    [
        ("1x3", "t:k2s3", "11011011", []),
        ("1x3", "t:k2s3a2", "1101101100", []),
        ("1x2", "t:k3s2", "11211", []),
        ("1x2", "t:k3s2p1:0", "1211", [-1]),
        ("1x2", "t:k3s2p0:1", "1121", [4]),
        ("1x3", "t:k2d2", "11211", []),
        ("1x3", "t:k2s2d3", "10111101", []),
    ],
)
def test_overlaps_by_hand(size: str, word: str, numbers: str, cropped: list[int]) -> None:
    """The output padding is at the end, a crop on its own side. Kernel 2, stride 2, dilation 3: 0 3, 2 5, 4 7."""
    [scene] = scenes(row(size, word))
    assert "".join(cells(scene.grids[SPREAD_OUTPUT], Role.OUTPUT).values()) == numbers
    assert [*cells(scene.grids[SPREAD_OUTPUT], Role.CROPPED)] == [(at,) for at in cropped]


def test_an_uneven_overlap_is_told_and_an_even_one_is_not() -> None:
    def told(word: str) -> bool:
        [scene] = scenes(row("1x5x5", word))
        return any("checkerboard" in note for note in scene.notes)

    assert [told(word) for word in ("t:k3s2", "t:k4s2", "t:k2s2", "t:k2s3", "t:k3", "t:k4x3s2")] == [
        True, False, False, True, False, True,
    ]  # fmt: skip
