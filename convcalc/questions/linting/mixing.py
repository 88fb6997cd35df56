"""Grouped convolutions one after the other whose groups never exchange anything.

Source: Zhang et al. 2018, ShuffleNet, section 3.1: stacked group convolutions block the flow between groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Convolution, Correlate, Primitive, ShuffleChannels
from convcalc.questions.channels import Mixing, mixing
from convcalc.questions.linting.problem import Change, Inspected, Problem, changed, is_depthwise


def unmixed_groups(inspected: Inspected) -> Iterator[Problem]:
    """Grouped layers behind grouped layers, with neither a shuffle nor a pointwise layer between, that mix no more than
    one of them; depthwise layers among them count only if nothing mixes the channels up to the end.
    """
    graph = inspected.graph
    for at, state in apart(graph):
        text = (
            f"groups that never mix: a channel of {graph.labels[at]} depends on {state.fewest} of the {state.total} "
            f"channels of {graph.labels[state.source]}"
        )
        chain = [i for i in inspected.ancestors(at) if i > state.source and _groups(graph, i) > 1]
        yield Problem(tuple(chain), text, _mixed(graph, chain))


def apart(graph: Graph) -> list[tuple[int, Mixing]]:
    """The last node of every such chain, with what its channels depend on."""
    states = mixing(graph)
    ends = {graph.output, *graph.others}
    found: dict[int, tuple[int, Mixing]] = {}
    for number, state in enumerate(states):
        stacked = number == state.latest and state.within > 1 and not is_depthwise(graph.nodes[number].primitive)
        if state.depth < 2 or not (stacked or number in ends):
            continue
        if state.fewest < state.total and _is_stuck(graph, states, state.latest):
            found[state.source] = number, state
    return list(found.values())


def _is_stuck(graph: Graph, states: Sequence[Mixing], number: int) -> bool:
    """Whether a grouped layer sees no more than its own groups, or the layers before it, see alone.

    Behind a shuffle it sees as many times more as a group has channels, until it sees all.
    """
    primitive = graph.nodes[number].primitive
    assert isinstance(primitive, Convolution)
    before = states[graph.nodes[number].inputs[0]]
    return states[number].fewest <= max(before.fewest, primitive.in_channels // primitive.groups)


def _mixed(graph: Graph, chain: Sequence[int]) -> tuple[Change, ...]:
    """The first that helps: a shuffle after every grouped layer but the last, a pointwise layer there or at the end."""
    before = len(apart(graph))
    inner = [i for i in chain[:-1] if not is_depthwise(graph.nodes[i].primitive)]
    shuffled = tuple(_followed(graph, i, ShuffleChannels(_groups(graph, i))) for i in inner)
    joined = tuple(_followed(graph, i, _pointwise(graph, i)) for i in inner)
    last = _followed(graph, chain[-1], _pointwise(graph, chain[-1]))
    for changes in (shuffled, joined, (last,)):
        other = changed(graph, changes) if changes else None
        if other is not None and len(apart(other)) < before:
            return changes
    return ()


def _followed(graph: Graph, number: int, after: Primitive) -> Change:
    return Change(number, (graph.nodes[number].primitive, after))


def _pointwise(graph: Graph, number: int) -> Correlate:
    shape = graph.nodes[number].shape
    assert shape is not None
    ones = (1,) * (len(shape) - 2)
    return Correlate(shape[1], shape[1], ones, ones, tuple((0, 0) for _ in ones), ones)


def _groups(graph: Graph, number: int) -> int:
    primitive = graph.nodes[number].primitive
    return primitive.groups if isinstance(primitive, Convolution) else 0
