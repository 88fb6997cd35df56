"""Channels that are no multiple of 8, with which matrix units are less efficient.

Source: NVIDIA, Convolutional Layers User's Guide: channels divisible by 8 in FP16 run efficiently on Tensor Cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import lcm

from convcalc.errors import plural
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Convolution, Correlate, Linear, Primitive, TransposedCorrelate
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
    costs = {number: cost(graph.nodes[number]).multiplications for numbers in found.values() for number in numbers}
    whole = sum(cost(node).multiplications for node in graph.nodes) if inspected.sized else 0
    for made, numbers in found.items():
        share = Fraction(sum(costs[number] for number in numbers), whole) if whole else Fraction(1)
        if share < MIN_SHARE:
            continue
        padded = -(-made // MULTIPLE) * MULTIPLE
        text = f"{plural(made, 'channel')}, no multiple of {MULTIPLE}: a matrix unit may compute {padded:,}"
        for number in numbers:
            change = _nearest(inspected, number, made)
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


def _nearest(inspected: Inspected, number: int, made: int) -> Change | None:
    """The nearest multiple of MULTIPLE, of the groups, and of those of the layers that read it; the larger of two."""
    graph = inspected.graph
    primitive = graph.nodes[number].primitive
    own_groups = primitive.groups if isinstance(primitive, Convolution) else 1
    step = lcm(MULTIPLE, own_groups, _groups_after(inspected, number))
    nearest = max(step, (2 * made + step) // (2 * step) * step)
    own: Primitive
    match primitive:
        case Correlate() | TransposedCorrelate():
            own = primitive._replace(out_channels=nearest)
        case Linear():
            own = primitive._replace(out_features=nearest)
        case _:
            return None
    return Change(number, (own,)) if replaced_node(graph.nodes[number], own) is not None else None


def _groups_after(inspected: Inspected, number: int) -> int:
    """What the channels of a node must be a multiple of, for the layers up to the next that makes its own."""
    step, stack, seen = 1, [*inspected.readers[number]], {number}
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        primitive = inspected.graph.nodes[at].primitive
        request = inspected.graph.groups[inspected.graph.group_of[at]].request
        stated = request is not None and request.groups > 1  # as many groups as channels, but not because of them
        if is_depthwise(primitive) and not stated:
            stack += inspected.readers[at]
            continue
        step = lcm(step, getattr(primitive, "groups", None) or 1)
        if not _made(primitive):
            stack += inspected.readers[at]
    return step
