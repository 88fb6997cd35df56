"""The networks of the zoo in a line each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from convcalc.graph.graph import Graph
from convcalc.notation import Axes
from convcalc.questions.cost import cost, total
from convcalc.questions.schema import SCHEMA, without_batch
from convcalc.readers import load_network, zoo_names

_CITATION = re.compile(r"(?P<first>.+?)(?: et al\.|,.*? &.*?| &.*?)? (?P<year>[12][0-9]{3}),")
"""How every source in the zoo begins: its authors, a year, a comma."""


class ZooNetwork(NamedTuple):
    """A network of the zoo: its totals, and the first author and the year of its source."""

    name: str
    input: Axes
    parameters: int
    multiplications: int
    year: int
    author: str
    source: str


def zoo() -> Iterator[ZooNetwork]:
    """Every network of the zoo, by name."""
    for name in zoo_names():
        graph = load_network(name)
        whole = total(cost(node) for node in graph.nodes)
        author, year = _cited(graph)
        input = without_batch(graph.inputs[0].shape) or ()
        yield ZooNetwork(name, input, whole.parameters, whole.multiplications, year, author, graph.source)


def _cited(graph: Graph) -> tuple[str, int]:
    found = _CITATION.match(graph.source)
    assert found, f"{graph.name}: a source of the zoo begins with its authors and a year"
    return found["first"], int(found["year"])


def zoo_dict() -> dict[str, object]:
    """The zoo as JSON values."""
    return {
        "schema": SCHEMA,
        "zoo": [
            {
                "name": network.name,
                "input": "x".join(map(str, network.input)),
                "parameters": network.parameters,
                "multiplications": network.multiplications,
                "year": network.year,
                "source": network.source,
            }
            for network in zoo()
        ],
    }
