"""Networks in layer words, for tests that ask about graphs and not about files."""

from __future__ import annotations

from typing import Any

from convcalc.graph.graph import Graph
from convcalc.questions.report import Report, network_report
from convcalc.readers.words import row_graph

SEPARABLE = "3x20x28 k3s2p1f6 dw:k5s2p2 bn relu 1x1:f11b bn gap fc7"
"""A classifier with a depthwise-separable pair that normalization and an activation lie within."""


def graph(words: str, **options: Any) -> Graph:
    """The graph of a row whose first word is the input's size, as one would type it."""
    size, *layers = words.split()
    return row_graph(layers, size, **options)


def report(words: str, **options: Any) -> Report:
    """The report of a row as of a network, layer by layer."""
    return network_report(graph(words, **options))
