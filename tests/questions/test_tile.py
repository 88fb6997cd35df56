"""Tiles: halo, multiple, grid and cost against arithmetic by hand, the shape rules and PyTorch; what forbids them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.errors import ConvcalcError, NotationError, ShapeError
from convcalc.questions.subject import Subject, subject_of, subject_until
from convcalc.questions.tile import Tiling, listed
from convcalc.questions.tile_plan import tiling
from tests.commands import Run

CHAIN = "k3p1 k3s2p1 k3d2p2 t:k4s2p1"


def subject(row: str) -> Subject:
    """A row such as `3x96x96 k3p1`, or one without a size."""
    first, *words = row.split(" ")
    return subject_of(words, first) if "x" in first and first[0].isdigit() else subject_of([first, *words])


def plan(row: str, tile: Any = None) -> Tiling:
    return tiling(subject(row), tile)


HALOS = [
    ("k3p1", [(1, 1), (1, 1)], 1),
    ("k5", [(0, 4), (0, 4)], 1),  # without padding output 0 begins at input 0
    ("k7p0:3x5:1", [(0, 6), (5, 1)], 1),
    ("k3pcausal", [(2, 0), (2, 0)], 1),
    ("k3x1d3p3x0", [(3, 3), (0, 0)], 1),
    (CHAIN, [(8, 8), (8, 8)], 2),
    (
        "k3s2p1*3",
        [(8, 0), (8, 0)],
        8,
    ),  # 1 + 2 + 4 = 7 before; the last output ends with its tile
    ("k3p1 max:k2s2 up2 k3p1", [(4, 4), (4, 4)], 2),  # 1 + 2: the pixel before, which up2 took from 2
    ("t:k4s2p1", [(1, 1), (1, 1)], 1),
    ("t:k2s2 k3s3", [(0, 0), (0, 0)], 3),  # 2 outputs a pixel, of which 3 become one
    ("k1s3", [(0, 0), (0, 0)], 3),
]


@pytest.mark.parametrize(("row", "halo", "multiple"), HALOS)
def test_halo_and_multiple_without_a_size(row: str, halo: list[tuple[int, int]], multiple: int) -> None:
    found = plan(row)
    assert [axis.halo for axis in found.axes] == halo
    assert [axis.multiple for axis in found.axes] == [multiple, multiple]
    assert found.grid is found.recomputed is None


def test_the_plan_as_json(output: Run) -> None:
    found = json.loads(output("tile", "2x96x64", *CHAIN.split(), "--tile", "32", "--json"))
    assert found["schema"] == 1
    assert found["halo"] == [[8, 8], [8, 8]]
    assert found["multiple"] == [2, 2]
    assert found["tile"] == [32, 32]
    assert found["grid"] == [3, 2]
    assert found["largest_tile"] == [48, 40]
    assert len(found["tiles"]) == 6
    assert found["tiles"][3] == {
        "read": [[24, 72], [24, 64]], "crop": [[8, 40], [8, 40]], "write": [[32, 64], [32, 64]],
    }  # fmt: skip
    assert found["recomputed"] == pytest.approx(found["multiplications"] / found["multiplications_whole"] - 1)
    alone = json.loads(output("tile", *CHAIN.split(), "--json"))
    assert (alone["halo"], alone["multiple"], alone["tiles"]) == ([[8, 8], [8, 8]], [2, 2], None)
    assert {*alone} == {*found}


COSTED = [
    (f"2x97x64 {CHAIN}", (32, 20)),
    ("3x50x70 k5s3f6 max:k3s2 k3p1", 12),
    ("2x19x14x10 k3p1f4 up2 k3s3", (9, 6, 3)),
    ("4x101 k3pcausalf8 t:k4s2f3 k3s2", 10),
]


@pytest.mark.parametrize(("row", "tile"), COSTED)
def test_multiplications_are_those_of_every_tile_as_a_layer_of_its_own(row: str, tile: Any) -> None:
    found = plan(row, tile)
    words, channels = row.split()[1:], found.whole.inputs[0].shape[1]  # type: ignore[index]
    sizes = [tuple(read[1] - read[0] for read in each["read"]) for each in listed(found)]
    each = {size: convcalc.network(words, (channels, *size)).multiplications for size in {*sizes}}
    assert found.multiplications == sum(each[size] for size in sizes)
    assert found.multiplications_whole == convcalc.network(words, row.split()[0]).multiplications


@pytest.mark.parametrize(
    ("row", "tile", "reads", "share"),
    [
        ("k3p1", (10, 7), (12, 9), 10 * 7 * 9),  # 9 products for each of its pixels
        ("k5", 8, (12, 12), 64 * 25),  # of 12x12 pixels 8x8 outputs: nothing twice
        ("t:k2s2 k3s3", 9, (9, 9), 81 * 4 + 36 * 9),  # 18x18 outputs of the first layer, 6x6 of the second
        (CHAIN, (64, 128), (80, 144), 64 * 128 * (9 + 9 / 4 + 9 / 4 + 16 / 4)),
    ],
)
def test_a_tile_without_the_size_of_the_input(row: str, tile: Any, reads: tuple[int, int], share: float) -> None:
    found = plan(row, tile)
    assert found.reads == reads
    assert found.grid is found.input is None
    alone = convcalc.network(row.split(), (1, *reads))
    assert found.recomputed == pytest.approx(alone.multiplications / share - 1)
    assert found.to_dict()["peak_activation_bytes"] == alone.to_dict()["totals"]["peak_activation_bytes"]
    tile_sizes = [axis.tile for axis in found.axes]
    large = plan(f"1x{30 * tile_sizes[0]}x{20 * tile_sizes[1]} {row}", tile)  # type: ignore[operator]
    assert large.reads == reads
    assert large.recomputed == pytest.approx(found.recomputed, rel=0.3, abs=0.05)  # less at its border


def test_peak_is_that_of_the_largest_tile() -> None:
    found = plan("2x96x96 k3p1f5 k3s2p1f7", 32)
    assert found.reads == (36, 36)  # 2 before, 0 behind but 2 to stay even
    assert found.peak_bytes(found.largest) == 4 * (2 + 5) * 36 * 36


def test_outputs_are_written_once_and_all_of_them() -> None:
    for row, tile in (("1x53x31 k5s2 t:k7s4 k3", (16, 10)), ("1x40x30 k3pfull", 8), ("1x37x64 k9", 16)):
        found = plan(row, tile)
        written = np.zeros(found.whole.nodes[found.whole.output].shape[2:], int)  # type: ignore[index]
        for each in listed(found):
            written[tuple(slice(*ends) for ends in each["write"])] += 1
            assert [b - a for a, b in each["crop"]] == [b - a for a, b in each["write"]]
        assert (written == 1).all(), row


FORBIDDEN = [
    ("3x64x64 k3p1f8 gap fc10", "layer 2, gap: no tile can give its output, for it pools the whole map; use --until 1"),
    ("3x64x64 k3p1 in k3p1", "layer 2, in: no tile can give its output, for it takes its mean and variance over all"),
    ("4x64x64 k3p1 gn2", "layer 2, gn2: no tile"),
    ("3x64x64 k3p1 flatten fc10", "layer 2, flatten: no tile"),
    ("3x64x64 k3p1 fc10", "layer 2, fc10: no tile can give its output, for it has a weight for every pixel"),
    ("3x65x64 k3 k3s2psame", "layer 2, k3s2psame: no tile can give its output, for it pads by the size of the map"),
    ("3x63x64 k3p1 max:k3s2psame", "layer 2, max:k3s2psame: no tile"),
    ("3x64x64 k3p1 AdaptiveAvgPool2d(8)", "layer 2, AdaptiveAvgPool2d(8): no tile"),
    (
        "3x64x64 k3p1 Upsample(size=(99,99))",
        "layer 2, Upsample(size=(99,99)): no tile can",
    ),
    ("1x9x9 k3p1 Upsample(scale_factor=2,mode='bilinear',align_corners=True) k3", "layer 2, Upsample(scale_factor=2,"),
    (
        "3x64x64 in",
        "layer 1, in: no tile can give its output, for it takes its mean and variance over all pixels; it",
    ),
]


@pytest.mark.parametrize(("row", "message"), FORBIDDEN)
def test_layers_that_forbid_tiles_are_named(row: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        plan(row, 16)
    assert str(caught.value).startswith(message)
    remedy = str(caught.value).rpartition("; ")[2].split()
    if remedy[:2] == ["use", "--until"]:
        assert tiling(subject_until(subject(row), remedy[2]), 16).grid
    elif remedy[:3] == ["use", "an", "input"]:
        assert plan(" ".join([remedy[4].rstrip(","), *row.split()[1:]]), 16).grid


def test_a_remedy_skips_layers_that_forbid_tiles_too() -> None:
    with pytest.raises(ShapeError, match=r"^avgpool .*; use --until pool5 to"):
        tiling(subject_of(["alexnet"]), 32)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet-v3-large", "convnext-tiny"])
def test_the_zoo_can_be_tiled_up_to_where_the_error_says(name: str) -> None:
    with pytest.raises(ShapeError) as caught:
        tiling(subject_of([name]), 32)
    remedy = str(caught.value).rpartition("--until ")[2].split()[0]
    assert tiling(subject_until(subject_of([name]), remedy), 32).grid


def test_same_is_tiled_if_the_size_is_a_multiple() -> None:
    assert plan("3x64x64 k3s2psame k3s2psame", 16).grid == (4, 4)


def test_sizes_that_a_network_accepts_are_kept() -> None:
    unet = tiling(subject_of(["unet"], "3x764x748"), 192)
    assert [read % 16 for read in unet.reads or ()] == [12, 12]
    assert all(axis.multiple == 16 for axis in unet.axes)


LATER = """
input = "3x24x20"
layers = [
    {name = "a", op = "conv", kernel = 3, padding = 1, filters = 4},
    {name = "b", op = "conv", kernel = 3, padding = 1, filters = 4},
    {name = "row", op = "reshape", size = "1920x1"},
    {name = "out", op = "linear", filters = 5},
]
"""


def test_what_comes_after_the_last_layer_need_not_fit_a_tile(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(LATER)
    with pytest.raises(ShapeError, match=r"row .*; use --until b to tile"):
        tiling(subject_of([str(file)]), 8)
    assert tiling(subject_until(subject_of([str(file)]), "b"), 8).reads == (12, 12)


POSITIONS = """
input = "3x24x24"
layers = [
    {name = "a", op = "conv", kernel = 3, padding = 1, filters = 4},
    {name = "places", op = "scale", shape = [4, 24, 24]},
]
"""


def test_values_for_every_position_forbid_tiles(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(POSITIONS)
    with pytest.raises(ConvcalcError, match="places"):
        tiling(subject_of([str(file)]), 8)


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        (31, "tile: the height must be a multiple of 2, the total stride, got 31; use --tile 32"),
        ((32, 33), "tile: the width must be a multiple of 2, the total stride, got 33; use --tile 32x34"),
        (0, "tile"),
        ("8x8x8", "tile"),
        (10**30 + 1, ""),
    ],
)
def test_tiles_that_do_not_fit(tile: Any, message: str) -> None:
    if not message:  # one tile has the whole input, whatever its size
        assert plan(f"1x96x96 {CHAIN}", tile).grid == (1, 1)
        return
    with pytest.raises(NotationError) as caught:
        plan(f"1x96x96 {CHAIN}", tile)
    assert str(caught.value).startswith(message)


def test_too_many_tiles_are_refused_with_a_tile_that_works(
    refusal: Run, output: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = refusal("tile", "1x1000000", "k3p1", "k3s2p1", "--tile", "2")
    assert line == "tile: at most 65,536 tiles per axis, got 500,000; use --tile 16"
    monkeypatch.setattr("convcalc.questions.tile.MAX_TILES", 40)
    words = ("1x1000x999", "k3p1", "k3s2p1")
    line = refusal("tile", *words, "--tile", "50", "--json")
    assert output("tile", *words, "--tile", line.rpartition(" ")[2], "--json")
    assert output("tile", *words, "--tile", "50")


ROWS = [
    (f"2x53x40 {CHAIN}", (16, 12)),
    ("3x45x31 k5s2p2f4 k3p1f4 t:k4s2p1f2", 8),
    ("2x61 k3pcausalf3 k3d2pcausalf3 k3s2p1f2", 10),
    ("2x13x12x11 k3p1f3 k3s2p1f2", (4, 6, 8)),
]


def built(torch: Any, row: str) -> Any:
    """The row as PyTorch's modules, in float64 with whole numbers as weights, so that sums are exact."""
    first, *words = row.split()
    dims, channels = first.count("x"), int(first.split("x")[0])
    layers: list[Any] = []
    for word in words:
        letters = dict(_letters(word.partition(":")[2] or word))
        kernel, stride, dilation = (int(letters.get(name, 1)) for name in "ksd")
        filters = int(letters.get("f", channels))
        causal = letters.get("p") == "causal"
        padding = 0 if causal else int(letters.get("p", 0))
        if causal:
            layers.append(torch.nn.ConstantPad1d(((kernel - 1) * dilation, 0), 0.0))
        kind = f"Conv{'Transpose' if word.startswith('t:') else ''}{dims}d"
        layers.append(
            getattr(torch.nn, kind)(channels, filters, kernel, stride, padding, dilation=dilation, bias=False)
        )
        channels = filters
    network = torch.nn.Sequential(*layers).double()
    with torch.no_grad():
        for each in network.parameters():
            each.copy_(torch.randint(-3, 4, each.shape))
    return network


def _letters(word: str) -> list[tuple[str, str]]:
    return re.findall(r"([a-z])(causal|\d+)", word)


@pytest.mark.parametrize(("row", "tile"), ROWS)
def test_tiles_are_right_in_pytorch(row: str, tile: Any) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    network, size = built(torch, row), tuple(map(int, row.split()[0].split("x")))
    x = torch.randint(-9, 10, (1, *size)).double()
    with torch.no_grad():
        whole = network(x)
        out = torch.full_like(whole, torch.nan)
        for each in convcalc.tiles(row.split()[1:], size, tile):
            out[(..., *each.write)] = network(x[(..., *each.read)])[(..., *each.crop)]
    assert torch.equal(out, whole)


def test_tiles_take_what_network_takes(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text('input = "1x8x8"\nlayers = [{name = "a", op = "conv", kernel = 3, padding = 1, filters = 2}]\n')
    expected = [*convcalc.tiles(["k3p1f2"], (1, 20, 30), (10, 30))]
    for model in ("k3p1f2", file, str(file)):
        assert [*convcalc.tiles(model, "1x20x30", "10x30")] == expected
    assert expected[1].read == (slice(9, 20), slice(0, 30))
    assert expected[1].crop == (slice(1, 11), slice(0, 30))
    assert expected[1].write == (slice(10, 20), slice(0, 30))
    assert [*convcalc.tiles("k3p1 gap", "1x20x30", (10, 30), until="1")] == expected
    with pytest.raises(NotationError, match="until: must be a layer"):
        convcalc.tiles("k3p1 gap", "1x20x30", 10, until="3")
