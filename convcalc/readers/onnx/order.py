"""The nodes of a graph in an order that runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import heapify, heappop, heappush

from onnx import NodeProto

from convcalc.errors import DataError
from convcalc.readers.onnx.attributes import names_read
from convcalc.readers.onnx.names import clean, readable


def in_order(nodes: Sequence[NodeProto], known: Collection[str]) -> Iterator[NodeProto]:
    """The nodes in the file's order, except that a node that reads a later one comes after it.

    `known` are the tensors that exist without any node. Raises DataError for a tensor that is written twice or never,
    and for nodes that read one another in a circle.
    """
    waits, readers = _dependencies(nodes, _writers(nodes, known), known)
    ready = [number for number, count in enumerate(waits) if count == 0]
    heapify(ready)
    done = 0
    while ready:
        number = heappop(ready)
        done += 1
        yield nodes[number]
        for reader in readers.get(number, ()):
            waits[reader] -= 1
            if waits[reader] == 0:
                heappush(ready, reader)
    if done < len(nodes):
        stuck = next(number for number, count in enumerate(waits) if count > 0)
        raise DataError(f"{title(nodes[stuck])}: nodes must not read one another in a circle, got one that does")


def title(node: NodeProto) -> str:
    """A node's name for tables and messages."""
    return readable(node.name or next((name for name in node.output if name), ""), node.op_type)


def _writers(nodes: Sequence[NodeProto], known: Collection[str]) -> dict[str, int]:
    """The number of the node that writes each tensor."""
    writers: dict[str, int] = {}
    for number, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in writers or name in known:
                raise DataError(f"{clean(name)}: a tensor must be written once, got it twice")
            writers[name] = number
    return writers


def _dependencies(
    nodes: Sequence[NodeProto], writers: dict[str, int], known: Collection[str]
) -> tuple[list[int], dict[int, list[int]]]:
    """How many nodes each node waits for, and by number the nodes that wait for a node."""
    waits: list[int] = []
    readers: dict[int, list[int]] = {}
    for number, node in enumerate(nodes):
        missing = [name for name in node.input if name and name not in writers and name not in known]
        if missing:
            raise DataError(f"{title(node)}: reads {clean(missing[0])}, which nothing writes; export it again")
        sources = {writers[name] for name in names_read(node) if name in writers}
        waits.append(len(sources))
        for source in sources:
            readers.setdefault(source, []).append(number)
    return waits, readers
