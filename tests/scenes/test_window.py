"""The picture of a window shows what a plain loop reads, no more and no less."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from convcalc.scenes.scene import Role, Scene
from tests.reference import Stage, channel_pairs, counts
from tests.scenes.drawn import Place, cells, every, layers, marked, places, row, scenes

LAYERS = layers(("standard", "grouped", "dilated", "depthwise"), seed=81, count=2)


def reads(stage: Stage, place: Place) -> set[Place]:
    along = [
        [at * stage["stride"][axis] + tap * stage["dilation"][axis] - stage["padding"][axis][0]
         for tap in range(stage["kernel"][axis])]
        for axis, at in enumerate(place)
    ]  # fmt: skip
    return {*product(*along)}


def padded(stage: Stage) -> set[Place]:
    """All positions of the padded input."""
    ends = zip(stage["input"][1:], stage["padding"], strict=True)
    return {*product(*(range(-before, size + after) for size, (before, after) in ends))}


def test_there_are_layers_of_all_dimensions() -> None:
    assert {len(stage["kernel"]) for stage, _ in LAYERS} == {1, 2, 3}
    assert len(LAYERS) >= 24
    assert {role for _, scene in LAYERS for step in scene.steps for _, _, _, role in step.marks} >= {
        Role.TAP, Role.HOLE, Role.MADE,
    }  # fmt: skip


@pytest.mark.parametrize(("stage", "scene"), LAYERS)
def test_the_marks_are_what_a_plain_loop_reads(stage: Stage, scene: Scene) -> None:
    inside, seen, touched = {*every(stage["input"][1:])}, set[Place](), 0
    for place, step in zip(every(stage["output"][1:]), scene.steps, strict=True):
        read = marked(scene, step, 0, Role.TAP)
        assert read == reads(stage, place)
        holes = marked(scene, step, 0, Role.HOLE)
        box = {*product(*(range(min(at), max(at) + 1) for at in zip(*read, strict=True)))}
        assert read | holes == box
        assert not read & holes
        assert marked(scene, step, 1, Role.MADE) == {place}
        seen |= read
        touched += len(read & inside)
    assert touched * len(channel_pairs(stage)) == counts(stage).effective
    where = places(scene.grids[0])
    crossed = {where[cell.row, cell.column] for cell in scene.grids[0].cells if cell.unread}
    assert crossed == padded(stage) - seen
    lost = len(inside - seen)
    assert any(f"{lost} of {len(inside)} input pixels are never read" in note for note in scene.notes) == (lost > 0)


@pytest.mark.parametrize(("stage", "scene"), LAYERS)
def test_the_cells_are_the_padded_input_and_the_output(stage: Stage, scene: Scene) -> None:
    source, made = scene.grids
    assert cells(source, Role.INPUT).keys() == {*every(stage["input"][1:])}
    assert cells(source, Role.PADDING).keys() == padded(stage) - {*every(stage["input"][1:])}
    assert cells(made, Role.OUTPUT).keys() == {*every(stage["output"][1:])}
    assert not source.left_out
    assert not made.left_out


@pytest.mark.parametrize(("mode", "numpys"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize(
    ("size", "pads"), [((5,), ((2, 1),)), ((4, 3), ((1, 2), (0, 2))), ((3, 4, 3), ((1, 0), (2, 1), (1, 1)))]
)
def test_padding_shows_its_source(mode: str, numpys: str, size: Place, pads: tuple[tuple[int, int], ...]) -> None:
    padding = "x".join(f"{before}:{after}" for before, after in pads)
    graph = row("x".join(map(str, (1, *size))), f"k2p{padding}")
    [scene] = scenes(graph, mode=mode)
    index = np.arange(np.prod(size)).reshape(size)
    expected = np.pad(index, pads, mode=numpys)  # type: ignore[call-overload]
    shown = cells(scene.grids[0], Role.INPUT, Role.PADDING)
    assert len(shown) == expected.size
    for place, text in shown.items():
        assert text == str(expected[tuple(at + before for at, (before, _) in zip(place, pads, strict=True))])


def test_a_pool_that_rounds_up_reads_beyond_its_input() -> None:
    """Kernel 3 and stride 3 on 7 make ceil((7 - 3)/3) + 1 = 3 outputs, of which the last reads 6, 7 and 8."""
    [scene] = scenes(row("2x7", "max:k3s3c"), every=True)
    assert len(scene.steps) == 3
    assert marked(scene, scene.steps[2], 0, Role.TAP) == {(6,), (7,), (8,)}
    assert cells(scene.grids[0], Role.PADDING).keys() == {(7,), (8,)}
    [floored] = scenes(row("2x7", "max:k3s3"), every=True)
    assert [len(scene.grids[1].cells), len(floored.grids[1].cells)] == [3, 2]
    assert [cell.unread for cell in floored.grids[0].cells] == [False] * 6 + [True]


def test_same_padding_with_a_stride_has_its_odd_pixel_at_the_end() -> None:
    [scene] = scenes(row("1x8", "k3s2psame"), every=True)
    assert cells(scene.grids[0], Role.PADDING).keys() == {(8,)}
    [scene] = scenes(row("1x8", "k3s2psame-lower"), every=True)
    assert cells(scene.grids[0], Role.PADDING).keys() == {(-1,)}


def test_a_still_picture_shows_an_output_that_reads_no_padding() -> None:
    [scene] = scenes(row("1x9x9", "k3s2p2"))
    assert marked(scene, scene.steps[0], 1, Role.MADE) == {(1, 1)}
    [chosen] = scenes(row("1x9x9", "k3s2p2"), at=(4, 0))
    assert marked(chosen, chosen.steps[0], 1, Role.MADE) == {(4, 0)}
    assert chosen.steps[0].lines[1] == "6 of its 9 taps read padding"


@pytest.mark.parametrize("at", [(0, 0), (30, 41), (99, 97)])
def test_a_large_picture_is_cut_around_the_output(at: Place) -> None:
    [scene] = scenes(row("1x100x100", "k3p1:1x0:0"), at=at, rows=6, columns=9)
    source, made = scene.grids
    assert len(source.cells) == len(made.cells) == 54
    assert marked(scene, scene.steps[0], 1, Role.MADE) == {at}
    assert len(marked(scene, scene.steps[0], 0, Role.TAP)) == 9
    assert re.fullmatch(r"only rows -?\d+ to \d+, columns \d+ to \d+", source.left_out)
    assert made.left_out.startswith("only rows ")


def test_an_animation_has_at_most_64_steps_and_says_so() -> None:
    [whole] = scenes(row("1x8x8", "k1"), every=True)
    assert (len(whole.steps), whole.notes) == (64, ())
    [cut] = scenes(row("1x9x8", "k1"), every=True)
    assert len(cut.steps) == 64
    assert "64 of 72 steps are shown" in cut.notes
    assert [cut.steps[0].title, cut.steps[-1].title] == ["output (0, 0)", "output (8, 7)"]
    assert len({step.title for step in cut.steps}) == 64
