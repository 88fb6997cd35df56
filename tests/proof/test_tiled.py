"""Tiles run against the whole: right plans agree, every smaller or shifted halo does not."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convcalc.errors import ConvcalcError
from convcalc.proof.tiled import TiledRun, check_tiles
from convcalc.questions.subject import Subject, subject_of
from convcalc.questions.tile import Tiling
from convcalc.questions.tile_plan import tiling

CHAIN = "1x96x96 k3p1 k3s2p1 k3d2p2 t:k4s2p1"


def subject(row: str) -> Subject:
    first, *words = row.split(" ")
    return subject_of(words, first)


def agree(run: TiledRun) -> bool:
    """Whether the outputs agree; a plan that was changed counts other multiplications."""
    outputs = [check for check in run.checks if "outputs" in check.name]
    assert len(outputs) == 2
    assert outputs[0].ok is outputs[1].ok
    return bool(outputs[0].ok)


def equal_in_integers(layers: Subject, plan: Tiling) -> bool:
    try:
        return check_tiles(layers, plan).checks[0].ok is True
    except ValueError:  # a tile's output is too short for what it should write
        return False


def with_halo(plan: Tiling, *halos: tuple[int, int]) -> Tiling:
    axes = tuple(replace(axis, halo=halo) for axis, halo in zip(plan.axes, halos, strict=True))
    return replace(plan, axes=axes)


@pytest.mark.parametrize("halo", range(13))
def test_the_halos_that_are_right(halo: int) -> None:
    """Of the chain in the tour: 8, 10, 12 are right, every odd one and all below 8 wrong."""
    chain = subject(CHAIN)
    plan = with_halo(tiling(chain, 32), (halo, halo), (halo, halo))
    assert agree(check_tiles(chain, plan)) is (halo in (8, 10, 12))


RIGHT = [
    ("3x50x41 k3p1f4 bn silu k3s2p1f5 relu6 t:k3s2p1a1f2", (12, 16)),
    ("2x40x64 k3p1f4 max:k3s2p1 k3p1 up2 k3p1 sigmoid", 8),
    ("2x33x38 k5p2f3 avg:k2s2c k3p1f4 ln gelu", (8, 10)),
    ("2x31 k3pcausalf3 k3d2pcausalf3 k3d4pcausalf3", 7),
    ("2x13x9x11 k3p1f3 k1x2x3s1x2x1f2 tanh", (5, 4, 3)),
    ("4x24x25 ds:k3p1f6 shuffle2 grouped:k3p1g2f4", 9),
    ("3x30x20 k4s3p1f3 t:k5s3p1f2 k7p3f2", (9, 6)),
    ("2x29x23 up3 k5s2p2f3 k3f2", 8),
    ("2x64x64 k3s2psamef3 k3s2psamef3", 16),
    ("2x20x24 Upsample(scale_factor=2,mode='bilinear') k3p1f3", (7, 6)),
    ("4x24x28 PixelShuffle(2) k3p1f4 k3s2p1", 6),
    ("2x20x20 ReflectionPad2d(2) k5f3 k3p1f2", 5),
    ("2x9x9 k3p1f3", 100),
    ("2x12x10 k3pfullf3", 4),
]


@pytest.mark.parametrize(("row", "tile"), RIGHT)
def test_plans_of_rows_are_right(row: str, tile: Any) -> None:
    layers = subject(row)
    run = check_tiles(layers, tiling(layers, tile))
    assert [check for check in run.checks if not check.ok] == []


LEAST = [row for row in RIGHT if "k3pfull" not in row[0] and row[1] != 100]


@pytest.mark.parametrize(("row", "tile"), LEAST)
def test_no_smaller_halo_is_right(row: str, tile: Any) -> None:
    """One multiple less at either end of the first axis gives other outputs."""
    layers = subject(row)
    plan = tiling(layers, tile)
    first, *others = plan.axes
    for end in (0, 1):
        if first.halo[end]:
            less = tuple(pixels - first.multiple * (at == end) for at, pixels in enumerate(first.halo))
            smaller = with_halo(plan, less, *(axis.halo for axis in others))  # type: ignore[arg-type]
            assert not equal_in_integers(layers, smaller), end


def test_random_rows_are_right() -> None:
    chosen, made = random.Random(4), 0
    while made < 25:
        words = []
        for _ in range(chosen.randint(1, 4)):
            kernel, dilation, stride = chosen.randint(1, 5), chosen.choice((1, 1, 2)), chosen.choice((1, 1, 2, 3))
            begin, end = (chosen.randint(0, kernel * dilation // 2) for _ in "be")
            word = f"k{kernel}s{stride}d{dilation}p{begin}:{end}f{chosen.randint(1, 3)}"
            words.append(chosen.choice((word, word, f"t:{word}", f"max:k{kernel}s{stride}d{dilation}", "up2")))
        layers = None
        try:
            layers = subject(f"2x{chosen.randint(20, 90)} {' '.join(words)}")
            multiple = tiling(layers).axes[0].multiple
            plan = tiling(layers, multiple * chosen.randint(1, 9))
        except ConvcalcError:
            assert layers is None, words  # whatever fits can be tiled
            continue
        run = check_tiles(layers, plan)
        assert [check for check in run.checks if not check.ok] == [], words
        made += 1


UNET = """
input = "2x{size}x48"
layers = [
    {name = "a", op = "conv", kernel = 3, padding = 1, filters = 3},
    {name = "down", op = "max_pool", kernel = 2, stride = 2},
    {name = "b", op = "conv", kernel = 3, padding = 1, filters = 4},
    {name = "down2", op = "conv", kernel = 3, stride = 2, padding = 1, filters = 4},
    {name = "up", op = "upsample", factor = 2, mode = "nearest"},
    {name = "sum", op = "add", from = ["up", "b"]},
    {name = "up2", op = "conv_transpose", kernel = 2, stride = 2, filters = 3},
    {name = "skip", op = "concat", from = ["up2", "a"]},
    {name = "c", op = "conv", kernel = 3, padding = 1, filters = 2},
]
"""


def test_branches_meet_where_they_should(tmp_path: Path) -> None:
    file = tmp_path / "unet.toml"
    file.write_text(UNET.replace("{size}", "64"))
    network = subject_of([str(file)])
    plan = tiling(network, (16, 12))
    assert plan.axes[0].multiple == 4
    assert plan.axes[0].halo == (12, 8)  # 1 + 2 + 4 and the c, in fours; the other end needs 6
    assert check_tiles(network, plan).ok


def test_padding_modes() -> None:
    from convcalc.recipes.options import LayerOptions, layer_graph

    options = LayerOptions(input="2x20x15", kernel=5, padding="2:1x1:3", filters=3)
    graph = layer_graph("standard", options, 1)

    def build(size: Any) -> Any:
        return layer_graph("standard", replace(options, input=size), 1)

    layer = Subject("standard", (2, 20, 15), (), graph, build)
    for mode in ("zeros", "reflect", "replicate"):
        assert check_tiles(layer, tiling(layer, 6, mode=mode), mode=mode).ok, mode
    with pytest.raises(ConvcalcError, match="pads with pixels of the other end"):
        tiling(layer, 6, mode="circular")
