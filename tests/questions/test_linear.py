"""The work grows with the number of layers, not with its square: calls are counted, so that no clock matters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from convcalc.explain.whole import explain_cost, explain_network, explain_rf
from convcalc.graph.graph import Graph
from convcalc.questions.report import Report, layer_report, network_report
from convcalc.readers.toml.document import network_from_toml
from convcalc.readers.words import row_graph

FEW = 60


def row(layers: int) -> Graph:
    """Convolutions, transposed ones, pools and others, no two alike in their channels."""
    words = [
        word
        for number in range(layers // 6)
        for word in (f"k3p1f{number + 2}", "relu", f"ds:k3p1f{number + 3}", "max:k3s1p1", "t:k3p1", "bn")
    ]
    return row_graph(words, "2x12x14")


def file(layers: int) -> Graph:
    """Residual blocks, each with its own number of filters, one layer beside another."""
    blocks = "".join(
        f'[[layers]]\nname = "a{n}"\nop = "conv"\nkernel = 3\npadding = 1\nfilters = {n + 2}\n'
        f'[[layers]]\nname = "b{n}"\nop = "depthwise"\nkernel = 3\npadding = 1\n'
        f'[[layers]]\nop = "add"\nfrom = ["a{n}", "b{n}"]\n'
        for n in range(layers // 3)
    )
    return network_from_toml(f'input = "2x12x14"\n{blocks}'.encode(), "net.toml")


def repeated(layers: int) -> Graph:
    """The same block again and again."""
    text = (
        'input = "4x12x14"\n[[blocks]]\nname = "residual"\n'
        '[[blocks.layers]]\nop = "conv"\nkernel = 3\npadding = 1\nfilters = 4\n[[blocks.layers]]\nop = "relu"\n'
        '[[blocks.layers]]\nop = "add"\nfrom = ["relu1", "input"]\n'
        f'[[layers]]\nblock = "residual"\nrepeat = {layers // 3}\n'
    )
    return network_from_toml(text.encode(), "net.toml")


def calls(work: Callable[[], Any]) -> int:
    """How many functions, of Python's and of ours, are called during some work."""
    count = 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(former)
    return count


def explained(report: Report) -> object:
    return explain_network(report, report.layers)


GRAPHS = pytest.mark.parametrize("made", [row, file, repeated], ids=["row", "file", "block"])


@GRAPHS
def test_reading_twice_as_many_layers_is_twice_the_work(made: Callable[[int], Graph]) -> None:
    made(FEW)  # what is loaded at first use is not counted
    assert calls(lambda: made(2 * FEW)) <= 3 * calls(lambda: made(FEW))


@GRAPHS
@pytest.mark.parametrize("form", [layer_report, network_report], ids=["stages", "layers"])
def test_reporting_twice_as_many_layers_is_twice_the_work(
    made: Callable[[int], Graph], form: Callable[[Graph], Report]
) -> None:
    few, many = made(FEW), made(2 * FEW)
    assert calls(lambda: form(many)) <= 3 * calls(lambda: form(few))


@GRAPHS
@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (network_report, lambda report: json.dumps(report.to_dict())),
        (layer_report, lambda report: json.dumps(report.to_dict())),
        (network_report, explained),
        (layer_report, explain_cost),
        (layer_report, explain_rf),
    ],
    ids=["json by layers", "json by stages", "explained network", "explained cost", "explained field"],
)
def test_answering_for_twice_as_many_layers_is_twice_the_work(
    made: Callable[[int], Graph], form: Callable[[Graph], Report], answer: Callable[[Report], object]
) -> None:
    few, many = form(made(FEW)), form(made(2 * FEW))
    assert calls(lambda: answer(many)) <= 3 * calls(lambda: answer(few))


def test_a_quadratic_walk_would_be_noticed() -> None:
    def pairs(count: int) -> None:
        for first in range(count):
            for second in range(first):
                abs(first - second)

    assert calls(lambda: pairs(2 * FEW)) > 3 * calls(lambda: pairs(FEW))
