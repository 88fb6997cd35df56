"""Networks from the text of a TOML file, for the tests of everything that reads one."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError
from convcalc.graph.graph import Graph
from convcalc.questions.report import Report, network_report
from convcalc.readers.toml.document import network_from_toml

CONTRACT = """
name = "tiny"
input = "3x32x32"

[[layers]]
op = "conv"
filters = 16
kernel = 3
padding = 1

[[layers]]
name = "down"
op = "conv"
filters = 16
kernel = 3
padding = 1
bias = true

[[layers]]
op = "add"
from = ["conv1", "down"]
"""


def network(text: str, **options: object) -> Graph:
    """The network that a file of this text describes."""
    return network_from_toml(text.encode(), "net.toml", **options)  # type: ignore[arg-type]


def on_2x9x9(text: str, width: float = 1.0) -> Graph:
    """The network of this text with an input of 2x9x9."""
    return network(f'input = "2x9x9"\n{text}', width=width)


def report(text: str, **options: object) -> Report:
    """What is reported of the network of this text."""
    return network_report(network(text, **options))


def rows(text: str, **options: object) -> list[tuple[object, ...]]:
    """Name, output and multiplications of every layer."""
    return [(layer.name, layer.output, layer.multiplications) for layer in report(text, **options).layers]


def shapes(net: Graph) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, op and output without the batch of every layer."""
    ends = [(layer, net.nodes[layer.last].shape) for layer in net.layers]
    return [(layer.name, layer.op, shape[1:]) for layer, shape in ends if shape]


def refused(text: str, message: str) -> None:
    """Checks that a file of this text is refused, in one line; layers without an input get one of 3x8x8."""
    if "layers]]" in text and "input = '" not in text:
        text = f"input = '3x8x8'\n{text}"
    with pytest.raises(ConvcalcError, match=message) as error:
        network(text)
    assert "\n" not in str(error.value)
