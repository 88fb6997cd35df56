"""Graphs under construction: names, groups, labels, and what is refused."""

from __future__ import annotations

import pytest

from convcalc.errors import ShapeError
from convcalc.graph.graph import Builder, Layer
from convcalc.graph.primitives import Correlate, Elementwise, Pool

DEPTHWISE = Correlate(3, 6, (3, 3), (2, 1), "same", (1, 1), groups=3)
POINTWISE = Correlate(6, 5, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
SEPARABLE = Layer((("depthwise", DEPTHWISE), ("pointwise", POINTWISE)), "depthwise-separable")


def test_a_group_is_a_layer_and_its_nodes_follow_one_another() -> None:
    builder = Builder()
    last = builder.add("deep", "ds", SEPARABLE, [builder.input((2, 3, 7, 8))])
    last = builder.add("act", "relu", Elementwise("relu"), [last])
    graph = builder.graph("small", last)
    assert [node.name for node in graph.nodes] == ["input", "deep/depthwise", "deep/pointwise", "act"]
    assert [group.name for group in graph.groups] == ["input", "deep", "act"]
    assert graph.labels == ("input", "deep/depthwise", "deep", "act")
    assert graph.group_of == (0, 1, 1, 2)
    assert [group.name for group in graph.layers] == ["deep", "act"]
    assert [node.shape for node in graph.nodes] == [(2, 3, 7, 8), (2, 6, 4, 8), (2, 5, 4, 8), (2, 5, 4, 8)]
    assert graph.nodes[1].padding_word == "same"
    assert graph.nodes[1].primitive.padding == ((1, 1), (1, 1))  # type: ignore[union-attr]


def test_what_does_not_fit_is_named() -> None:
    builder = Builder()
    first = builder.input((1, 4, 7, 8))
    with pytest.raises(ShapeError, match=r"^deep: depthwise: input channels must match the stage, got 4 for"):
        builder.add("deep", "ds", SEPARABLE, [first])
    with pytest.raises(ShapeError, match=r"^pool: width: the window must fit the padded input, got extent 9"):
        builder.add("pool", "max_pool", Pool("max", (2, 9), (1, 1), ((0, 0), (0, 0)), (1, 1)), [first])


def test_a_name_is_given_once() -> None:
    builder = Builder()
    last = builder.add("deep/depthwise", "relu", Elementwise("relu"), [builder.input((1, 3, 7, 8))])
    with pytest.raises(ShapeError, match=r"^deep/depthwise: a name must be different from all others, got it twice"):
        builder.add("deep", "ds", SEPARABLE, [last])
