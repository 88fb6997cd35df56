"""Channels that are no multiple of 8, with which matrix units are less efficient.

Source: NVIDIA, Convolutional Layers User's Guide: channels divisible by 8 in FP16 run efficiently on Tensor Cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from convcalc.errors import plural
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Concat, Convolution, Correlate, Linear, Merge, Primitive, TransposedCorrelate
from convcalc.questions.cost import cost
from convcalc.questions.linting.problem import Change, Inspected, Problem, is_depthwise, replaced_node

MULTIPLE = 8
"""What channels should be a multiple of in FP16, and so in BF16, which is as wide."""
MIN_SHARE = Fraction(1, 100)
"""Layers of one width that have less of the multiplications are not named: their padding costs nothing one can
measure. Squeezes to 4 to 28 channels in EfficientNet-B0 have 0.02 % all together."""
IMAGE_CHANNELS = 4
"""An output of up to so many channels is an image or a mask."""


def channels_off_multiple(inspected: Inspected) -> Iterator[Problem]:
    """Convolutions and linear layers whose outputs are no multiple of MULTIPLE channels, except the network's own."""
    graph = inspected.graph
    found: dict[int, list[int]] = {}
    ends = _ends(inspected)
    for number, node in enumerate(graph.nodes):
        made = _made(node.primitive)
        if not made % MULTIPLE or is_depthwise(node.primitive) or number in ends or not _is_own(graph, number, made):
            continue
        if _is_stated(graph, number) or (inspected.sized and made not in found):
            found.setdefault(made, []).append(number)
    if not found:
        return
    tied = ties(graph, {number for numbers in found.values() for number in numbers})
    costs = {number: cost(graph.nodes[number]).multiplications for numbers in found.values() for number in numbers}
    whole = sum(cost(node).multiplications for node in graph.nodes) if inspected.sized else 0
    for made, numbers in found.items():
        share = Fraction(sum(costs[number] for number in numbers), whole) if whole else Fraction(1)
        if share < MIN_SHARE:
            continue
        padded = -(-made // MULTIPLE) * MULTIPLE
        text = f"{plural(made, 'channel')}, no multiple of {MULTIPLE}: a matrix unit may compute {padded:,}"
        for number in numbers:
            alone = tied[number].makers <= {*numbers}  # or the others would have to change too
            change = _nearest(graph, number, made, tied[number].multiple) if alone else None
            yield Problem((number,), text, (change,) if change else ())


def _made(primitive: Primitive) -> int:
    """The channels or features that a layer with weights makes, 0 for any other."""
    match primitive:
        case Correlate() | TransposedCorrelate():
            return primitive.out_channels
        case Linear():
            return primitive.out_features
        case _:
            return 0


def _is_own(graph: Graph, number: int, made: int) -> bool:
    """Whether the channels are those of the layer as a whole, not of a stage within it that follows from its input."""
    request = graph.groups[graph.group_of[number]].request
    return request is None or request.filters == made


def _is_stated(graph: Graph, number: int) -> bool:
    """Whether a layer says how many channels it makes, rather than keeping those of its input."""
    request = graph.groups[graph.group_of[number]].request
    return request is None or request.explicit_filters is not None


def _ends(inspected: Inspected) -> set[int]:
    """The last layers with weights before an output whose channels are what the task asks for.

    Those are the outputs of a model; of a row, classes that a linear or pointwise layer makes, and images.
    """
    graph, ends = inspected.graph, set[int]()
    stack = [graph.output, *graph.others]
    seen = set(stack)
    while stack:
        number = stack.pop()
        node = graph.nodes[number]
        made = _made(node.primitive)
        if made:
            part = isinstance(node.primitive, Convolution) and set(node.primitive.kernel) != {1}
            if inspected.model or not part or made <= IMAGE_CHANNELS:
                ends.add(number)
            if not is_depthwise(node.primitive):
                continue
        for i in node.inputs:
            if i not in seen:
                seen.add(i)
                stack.append(i)
    return ends


def _nearest(graph: Graph, number: int, made: int, groups: int) -> Change | None:
    """The nearest multiple of MULTIPLE and of the groups of all layers that it concerns; the larger of two."""
    node, step = graph.nodes[number], lcm(MULTIPLE, groups)
    nearest = max(step, (2 * made + step) // (2 * step) * step)
    own: Primitive
    match node.primitive:
        case Correlate() | TransposedCorrelate():
            own = node.primitive._replace(out_channels=nearest)
        case Linear():
            own = node.primitive._replace(out_features=nearest)
        case _:
            return None
    return Change(number, (own,)) if replaced_node(node, own) is not None else None


class Tie(NamedTuple):
    """What a layer's channels hang together with: the layers, inputs and constants that must have as many, since
    element-wise layers join them, and what all of these must be a multiple of.
    """

    makers: set[int]
    multiple: int


def ties(graph: Graph, changing: set[int]) -> dict[int, Tie]:
    """The tie of each of the layers that get other channels."""
    equal, joined = (_tied(graph, changing, concats=concats) for concats in (False, True))
    makers: dict[int, set[int]] = {}
    own, read = dict.fromkeys(equal, 1), dict.fromkeys(joined, 1)
    for number, node in enumerate(graph.nodes):
        groups = _groups(graph, number)
        if number in changing or not _keeps_channels(graph, number):
            makers.setdefault(equal[number], set()).add(number)
            own[equal[number]] = lcm(own[equal[number]], groups)
        for i in {joined[i] for i in node.inputs}:
            read[i] = lcm(read[i], groups)
    return {n: Tie(makers[equal[n]], lcm(own[equal[n]], read[joined[n]])) for n in changing}


def _tied(graph: Graph, changing: set[int], *, concats: bool) -> tuple[int, ...]:
    """For every node one of those whose channels change with its own, the same for all of them."""
    found = [*range(len(graph.nodes))]

    def root(number: int) -> int:
        while found[number] != number:
            found[number] = found[found[number]]
            number = found[number]
        return number

    for number, node in enumerate(graph.nodes):
        if number in changing or not _keeps_channels(graph, number):
            continue
        inputs = node.inputs[:1]
        if isinstance(node.primitive, Merge):  # of those that are broadcast, none has as many channels
            shapes = zip(node.inputs, node.input_shapes, strict=True)
            inputs = tuple(i for i, shape in shapes if node.shape and node.shape[1] in (shape or ()))
        elif isinstance(node.primitive, Concat) and node.primitive.axis == 1:
            inputs = node.inputs if concats else ()
        for i in inputs:
            found[root(i)] = root(number)
    return tuple(root(number) for number in range(len(found)))


def _keeps_channels(graph: Graph, number: int) -> bool:
    """Whether a layer's channels follow from its input's."""
    node = graph.nodes[number]
    exported = is_depthwise(node.primitive) and graph.groups[graph.group_of[number]].request is None
    return bool(node.inputs) and (exported or not _made(node.primitive) or not _is_stated(graph, number))


def _groups(graph: Graph, number: int) -> int:
    """What a layer's channels must be a multiple of; a depthwise layer takes any, unless its groups are stated."""
    primitive, request = graph.nodes[number].primitive, graph.groups[graph.group_of[number]].request
    if is_depthwise(primitive) and (request is None or request.groups == 1):
        return 1
    return getattr(primitive, "groups", None) or 1
