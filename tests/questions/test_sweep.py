"""One network over input sizes and widths."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from convcalc.errors import ConvcalcError
from convcalc.questions.report import network_report
from convcalc.questions.sweep import sizes, swept, widths
from convcalc.readers.toml.document import network_from_toml
from convcalc.render.networks import sweep_view
from tests.words import SEPARABLE, report

LAYERS = SEPARABLE.partition(" ")[2]


def test_progress_of_a_sweep() -> None:
    done: list[tuple[int, int]] = []
    swept("size", ["20", "1", "40"], lambda size: report(f"3x{size}x28 {LAYERS}"), progress=lambda *at: done.append(at))
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_sweeps() -> None:
    assert sizes("128..320:64,224x256") == ("128", "192", "256", "320", "224x256")
    assert widths("0.5, 1") == ("0.5", "1")
    sweep = swept("size", ["20", "40"], lambda size: report(f"3x{size}x28 {LAYERS}"))
    [small, large] = sweep.to_dict()["points"]
    assert (small["size"], large["input"]) == ("20", [3, 40, 28])
    assert large["totals"]["multiplications"] == report(f"3x40x28 {LAYERS}").multiplications
    for text in ("320..128", "1..9999:1", "a", "1,,2", "1..5:0", "1...5"):
        with pytest.raises(ConvcalcError, match="sweep"):
            sizes(text)
    for text in ("1..0.5", "0.1..1:0.0001", "0..1", "0.5,wide", "0.5..", "0.1..0.2..0.3"):
        with pytest.raises(ConvcalcError, match="sweep"):
            widths(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("128..320", "128 160 192 224 256 288 320"),
        ("512..1024", "512 640 768 896 1024"),
        ("224..1024", "224 384 544 704 864 1024"),
        ("1..9", "1 3 5 7 9"),
        ("5..7", "5 6 7"),
        ("7..7", "7"),
        ("100..200,210", "100 125 150 175 200 210"),
        ("512..700", "512 544 576 608 640 672"),  # nothing round ends at 700
    ],
)
def test_a_range_without_a_step(text: str, values: str) -> None:
    assert sizes(text) == tuple(values.split())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.25..1.0", "0.25 0.5 0.75 1"),
        ("0.5..1", "0.5 0.625 0.75 0.875 1"),
        ("1..4", "1 2 3 4"),
        ("0.5..1:0.1", "0.5 0.6 0.7 0.8 0.9 1"),
        ("0.29,0.25..0.5:0.25", "0.29 0.25 0.5"),
    ],
)
def test_ranges_of_widths(text: str, values: str) -> None:
    assert widths(text) == tuple(values.split())


def test_a_value_that_does_not_fit_says_why_and_the_sweep_goes_on() -> None:
    sweep = swept("size", ["1", "4", "9"], lambda size: report(f"3x{size}x9 k3p1f6 dw:k5s2"))
    assert [isinstance(point, str) for _, point in sweep.points] == [True, True, False]
    bad, _, good = sweep.to_dict()["points"]
    assert bad["error"].startswith("layer 2 of 2, dw:k5s2: height: the window must fit")
    assert {*bad} == {*good, "error"}
    assert all(bad[key] is None for key in ("input", "output", "totals", "ratio_multiplications", "receptive_field"))
    assert good["ratio_multiplications"] == 1
    table = sweep_view(sweep, "channels-first")
    assert [row[0] for row in table.rows] == ["1", "4", "9"]
    assert table.columns[-1] == "why not"
    assert table.rows[0][-1] == bad["error"]
    assert table.rows[2][-1] is None


def test_if_nothing_fits_the_first_value_s_error_is_told() -> None:
    with pytest.raises(ConvcalcError, match=r"^size 1: layer 2 of 2, dw:k5s2: height: the window must fit"):
        swept("size", ["1", "2"], lambda size: report(f"3x{size}x9 k3p1f6 dw:k5s2"))
    deep = '[[layers]]\nname = "deep"\nop = "depthwise"\nkernel = 5\n'
    with pytest.raises(ConvcalcError, match=r"^size 4: net\.toml: deep: height: the window must fit"):
        swept(
            "size", ["4"], lambda n: network_report(network_from_toml(deep.encode(), "net.toml", input=(3, int(n), 9)))
        )


@pytest.mark.parametrize(
    ("read", "text", "name"),
    [(widths, "1..0.25", "sweep-width"), (sizes, "1..1001:1", "sweep")],
    ids=["widths", "sizes"],
)
def test_a_range_that_is_none_names_its_option(read: Callable[[str], object], text: str, name: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        read(text)
    assert str(error.value) == f"{name}: a range goes up, with at most 1,000 values, got {text}"
