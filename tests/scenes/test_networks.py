"""Bars of cost, the map of a network and its memory over time: what is drawn is what the report says."""

from __future__ import annotations

import pytest

from convcalc.questions.compare import compare
from convcalc.questions.models import NetworkOptions, report_of
from convcalc.questions.report import Report, network_report
from convcalc.questions.summary import rows_of
from convcalc.readers.words import row_graph
from convcalc.recipes.options import LayerOptions
from convcalc.scenes.bars import cost_scene
from convcalc.scenes.network import map_scene, memory_scene
from convcalc.scenes.scene import Role

NETWORKS = ("resnet18", "unet", "densenet121", "wavenet", "mobilenet-v2")


@pytest.fixture(scope="module", params=NETWORKS)
def report(request: pytest.FixtureRequest) -> Report:
    return report_of(request.param, NetworkOptions())


def test_bars_have_the_multiplications_of_the_comparison() -> None:
    comparison = compare(
        "standard", LayerOptions(input="6x11x13", kernel=3, padding=1, filters=12), ["all"], batch=1, dtype="float32"
    )
    bars = cost_scene(comparison).bars
    counts = [comparison.base.multiplications, *(each.report.multiplications for each in comparison.compared)]
    assert [bar.text.split()[0] for bar in bars] == [f"{count:,}" for count in counts]
    assert [bar.label for bar in bars] == ["standard", *(each.name for each in comparison.compared)]
    for bar, count in zip(bars, counts, strict=True):
        assert (bar.begin, bar.end) == (0, pytest.approx(count / max(counts)))
    assert [bar.role for bar in bars].count(Role.MADE) == 1


def test_the_map_has_every_multiplication_once(report: Report) -> None:
    rows = rows_of(report, report.layers, None)
    blocks = map_scene(report, rows).blocks
    assert sum(block.shade for block in blocks) == pytest.approx(1)
    assert max(block.height for block in blocks) == 1
    assert [block.text.partition("x")[0] for block in blocks] == [str((row.output or ())[0]) for row in rows]


def test_the_skips_of_a_unet_are_arcs() -> None:
    report = report_of("unet", NetworkOptions())
    scene = map_scene(report, rows_of(report, report.layers, None))
    names = [block.label for block in scene.blocks]
    assert {(names[a], names[b]) for a, b in scene.arcs} == {(f"down{n}", f"up{n}") for n in (1, 2, 3, 4)}


def test_the_largest_sum_of_bars_at_once_is_the_peak(report: Report) -> None:
    """Where all buffers are drawn; each is alive from its first to its last step, both included."""
    scene = memory_scene(report)
    assert f"{report.peak_activation_bytes:,} bytes" in scene.description
    if scene.notes:
        return
    count = len(report.graph.nodes)
    sums = [0] * count
    for bar in scene.bars:
        for step in range(round(bar.begin * count), round(bar.end * count)):
            sums[step] += int(bar.text.replace(",", ""))
    assert max(sums) == report.peak_activation_bytes


def test_what_lives_at_the_peak_is_marked() -> None:
    report = network_report(row_graph(["k3p1f8", "relu", "max:k2", "k3p1f16"], "4x10x10"))
    scene = memory_scene(report)
    # 800 values of the first layer and 200 of the pool, then 400 of the last
    assert [(bar.label, bar.text, bar.role is Role.MADE) for bar in scene.bars] == [
        ("input", "1,600", True), ("1", "3,200", True), ("3", "800", False), ("4", "1,600", False),
    ]  # fmt: skip
    assert report.peak_activation_bytes == 4 * (400 + 800)
