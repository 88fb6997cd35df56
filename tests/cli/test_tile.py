"""`convcalc tile`: what people see, in a pipe and on a terminal, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.commands import OnTerminal, Run, exit_code

CHAIN = ("k3p1", "k3s2p1", "k3d2p2", "t:k4s2p1")


def test_piped_rows(output: Run) -> None:
    lines = output("tile", "1x96x64", *CHAIN, "--tile", "32").splitlines()
    rows = {name: cells for name, *cells in (line.split("\t") for line in lines)}
    assert rows["quantity"] == ["height", "width", "together"]
    assert rows["halo at the beginning"] == rows["halo at the end"] == ["8", "8", ""]
    assert rows["tiles begin at multiples of"] == ["2", "2", ""]
    assert rows["largest tile with its halo"] == ["48", "40", ""]
    assert rows["tiles"] == ["3", "2", "6"]
    assert rows["computed twice"] == ["", "", "66.67%"]


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_on_a_screen(width: int, on_terminal: OnTerminal) -> None:
    lines = on_terminal(width, "tile", "3x1024x900x800", "k3p1", "k3s2p1", "--tile", "64x32x128")
    assert len(lines) <= 24
    assert not any("hidden" in line for line in lines)


def test_without_a_size_halo_and_multiple_alone(output: Run) -> None:
    assert output("tile", *CHAIN).splitlines() == [
        "quantity\theight\twidth",
        "halo at the beginning\t8\t8",
        "halo at the end\t8\t8",
        "tiles begin at multiples of\t2\t2",
    ]


def test_a_tile_without_a_size_is_one_inside(output: Run) -> None:
    assert output("tile", *CHAIN, "--tile", "512").splitlines()[4:] == [
        "tile\t512\t512\t",
        "largest tile with its halo\t528\t528\t",
        "computed twice\t\t\t6.35%",  # of (9 + 9/4 + 9/4 + 4)·512·512, with 528 in place of 512
        "peak activation bytes of a tile\t\t\t2230272",
    ]
    assert "512 + 8 + 8" in output("tile", *CHAIN, "--tile", "512", "--explain")


def test_how_the_size_was_read_is_said(output: Run, on_terminal: OnTerminal) -> None:
    read = "input 3x64x64 was read as 2-D, 64 channels of 3x64"
    command = ("tile", "3x64x64", "k3p1", "--layout", "channels-last")
    assert json.loads(output(*command, "--json"))["notes"][0].startswith(read)
    assert any(line.startswith(read) for line in on_terminal(120, *command))
    assert any("the worked example" in line for line in on_terminal(80, "tile", "-k", "5", "--tile", "3"))


def test_check(output: Run) -> None:
    found = json.loads(output("tile", "1x40x36", *CHAIN, "--tile", "16", "--check", "--json"))
    assert found["ok"] is True
    assert [check["ok"] for check in found["checks"]] == [True] * 4
    assert found["checks"][2]["measured"] == found["multiplications"]


def test_a_wrong_plan_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from convcalc.cli import tile
    from convcalc.questions.tile_plan import tiling

    def wrong(*given: object, **more: object) -> object:
        plan = tiling(*given, **more)  # type: ignore[arg-type]
        return replace(plan, axes=tuple(replace(axis, halo=(6, 8)) for axis in plan.axes))

    monkeypatch.setattr(tile, "tiling", wrong)
    assert exit_code("tile", "1x40x36", *CHAIN, "--tile", "16", "--check") == 1
    assert "DISAGREES: outputs in integers that differ" in capsys.readouterr().err


def test_the_working_out(output: Run) -> None:
    text = output("tile", "1x96x96", *CHAIN, "--tile", "32", "--explain")
    assert "ceil(7 / (1 * 2)) * 2\t8" in text
    assert "min(96, 32 + 8 + 8)\t48" in text


def test_a_sweep_has_what_each_tile_alone_has(output: Run, on_terminal: OnTerminal) -> None:
    sizes = ("16", "24x32", "64")
    swept = json.loads(output("tile", "1x40x64", *CHAIN, "--sweep", f"15,{','.join(sizes)}", "--json"))
    first, *points = swept["points"]
    assert first["error"].startswith("tile: the height must be a multiple of 2")
    for size, point in zip(sizes, points, strict=True):
        alone = json.loads(output("tile", "1x40x64", *CHAIN, "--tile", size, "--json"))
        assert point.pop("tile") == size
        assert point == {key: alone[key] for key in point}
    rows = [line.split("\t") for line in output("tile", "1x40x64", *CHAIN, "--sweep", "16,64").splitlines()]
    assert [row[:3] for row in rows[1:]] == [["16", "32x32", "12"], ["64", "40x64", "1"], ["whole", "40x64", "1"]]
    assert on_terminal(80, "tile", "1x40x64", *CHAIN, "--sweep", "16,64")


REFUSED = [
    (("k3", "--sweep", "8"), "tile: --sweep is about an input of known size, got none; add 3x224x224 before the la"),
    (("3x9x9", "k3", "--sweep", "8", "--tile", "8"), "tile: --sweep cannot be combined with --tile"),
    (("k3", "--check"), "tile: --check needs --tile, got none; add one, such as --tile 256"),
    (
        ("k3", "--tile", "8", "--check"),
        "tile: --check is about an input of known size, got none; add 3x224x224 before the layers",
    ),
    (("3x9x9", "k3", "--until", "2"), "until: must be a layer of k3, got '2'; try 1"),
    (("3x64x64", "k3", "--tile", "a"), "tile: "),
    (("3x64x64", "k3p1", "gap", "--tile", "8"), "layer 2, gap: no tile can give its output"),
    (("10x1", "fc3", "--tile", "8"), "layer 1, fc3: no tile"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refusals(arguments: tuple[str, ...], message: str, refusal: Run) -> None:
    assert refusal("tile", *arguments).startswith(message)


def test_a_single_layer_by_its_options(output: Run) -> None:
    found = json.loads(output("tile", "-i", "3x64x48", "-k", "7", "-s", "2", "-p", "3", "--tile", "16", "--json"))
    assert (found["halo"], found["multiple"], found["grid"]) == ([[4, 2], [4, 2]], [2, 2], [4, 3])
