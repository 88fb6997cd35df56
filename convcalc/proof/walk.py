"""A graph run on arrays, node by node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from convcalc.engine.algorithms import AUTO
from convcalc.engine.counter import Counter
from convcalc.engine.primitive import obstacle, run_primitive
from convcalc.errors import DataError, first_of, located
from convcalc.graph.graph import Graph, Node, ancestors
from convcalc.graph.primitives import Correlate, Input, TransposedCorrelate
from convcalc.proof.arrays import Arrays
from convcalc.proof.executed import Executed
from convcalc.questions.memory import last_reads
from convcalc.storage.memory import check_memory


class NodeError(Exception):
    """A node that failed on its actual inputs although its predicted shapes fit; `error` is what it raised."""

    def __init__(self, number: int, node: Node, error: Exception) -> None:
        super().__init__(f"{node.name}: {error}")
        self.number, self.node, self.error = number, node, error


def executed(
    graph: Graph,
    inputs: Sequence[np.ndarray],
    arrays: Arrays,
    *,
    padding_mode: str = "zeros",
    algorithm: str = AUTO,
    until: int | None = None,
    change: Callable[[Executed], np.ndarray] | None = None,
) -> Iterator[Executed]:
    """The nodes as they run, in order; a tensor is freed after its last reader.

    inputs: one array for every input of the graph, whole. `until` is a node to stop after; then only the
    nodes that it depends on are run. `change` gives the output that takes the place of a node's own for the next nodes.
    Raises DataError for a graph that cannot be run or does not fit in memory, and NodeError for a node that fails on
    its actual inputs.
    """
    check_runnable(graph)
    wanted = range(len(graph.nodes)) if until is None else ancestors(graph, until)
    given = iter(inputs)
    last, live = last_reads(graph), dict[int, np.ndarray]()
    for number, node in enumerate(graph.nodes):
        if isinstance(node.primitive, Input):
            live[number] = next(given)
            continue
        if number not in wanted:
            continue
        read = tuple([live[i] for i in node.inputs])
        for i in {*node.inputs}:
            if last[i] == number and i != until:
                del live[i]
        run = _run(number, node, read, tuple(arrays.get(node.name, ())), padding_mode, algorithm)
        if change is not None:
            run = replace(run, out=change(run))
        if last[number] > number or number == until:
            live[number] = run.out
        yield run
        del read, run
        if number == until:
            return


def numbered_inputs(graph: Graph, inputs: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """The arrays by the numbers of the graph's input nodes."""
    numbers = [number for number, node in enumerate(graph.nodes) if isinstance(node.primitive, Input)]
    return dict(zip(numbers, inputs, strict=True))


def check_runnable(graph: Graph) -> None:
    """Raises DataError if there are layers that cannot be run, and names them."""
    named = [
        f"{graph.labels[number]} ({group.op}): {why}"
        for group in graph.groups
        for number in group.nodes
        if (why := obstacle(graph.nodes[number].primitive))
    ]
    if named:
        raise DataError(
            f"check: every layer must be one that can be run, got {first_of(named, 5, '; ')}; "
            "what depends on them cannot be run either"
        )


def _run(
    number: int, node: Node, read: tuple[np.ndarray, ...], own: tuple[np.ndarray, ...], padding_mode: str,
    algorithm: str,
) -> Executed:  # fmt: skip
    counter = Counter()
    try:
        if not isinstance(node.primitive, Correlate | TransposedCorrelate):  # they check it themselves
            check_memory(node.elements * (read[0].itemsize if read else 8), "the output")
        out = run_primitive(node.primitive, read, own, padding_mode=padding_mode, algorithm=algorithm, counter=counter)
    except DataError:
        with located(node.name):
            raise
    except (ValueError, IndexError, TypeError) as error:
        raise NodeError(number, node, error) from error
    return Executed(number, node, read, own, out, counter, padding_mode)
