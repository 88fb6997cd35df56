"""What if: the convolutions of one type in a network replaced by those of another that map the same sizes."""

from __future__ import annotations

from collections.abc import Iterator

from convcalc.errors import ConvcalcError, NotationError, ShapeError, plural, quoted
from convcalc.graph.graph import Assembly, Network, Node
from convcalc.graph.primitives import Convolve, Elementwise, Normalize, WithConstant
from convcalc.graph.stages import Correlate
from convcalc.questions.compare import fitting_options, stand_in
from convcalc.recipes import recipe_named
from convcalc.recipes.options import request_for
from convcalc.recipes.recipe import Recipe


def replaced(network: Network, rule: str) -> Network:
    """The network with a rule such as `standard=depthwise-separable` applied.

    A depthwise convolution whose only reader, normalization and activations aside, is a pointwise one counts as
    depthwise-separable, and is replaced with all between. Raises NotationError for a rule that cannot be read or
    that nothing matches, ShapeError where the other type cannot map the same sizes.
    """
    old, sign, new = rule.partition("=")
    if not sign or not old or not new:
        raise NotationError(f"replace: must be TYPE=TYPE, such as standard=depthwise-separable, got {quoted(rule)}")
    try:
        wanted, recipe = recipe_named(old).name, stand_in(new)
    except NotationError as error:
        raise NotationError(f"replace: {error}") from None
    firsts = {last: first for first, last in _separable_pairs(network)} if wanted == "depthwise-separable" else {}
    dropped = {number for last, first in firsts.items() for number in _between(network, first, last)}
    assembly, moved, count = Assembly(), dict[int, int](), 0
    for number, node in enumerate(network.nodes):
        if number in dropped:
            continue
        inputs, operator, op = node.inputs, node.operator, node.op
        if number in firsts:
            first = network.nodes[firsts[number]]
            inputs, operator, op = first.inputs, _other(first, node, recipe), recipe.name
            count += 1
        elif isinstance(operator, Convolve) and type_of(operator) == wanted:
            operator, op = _other(node, node, recipe), recipe.name
            count += 1
        try:
            shared = node.shared if operator is node.operator else frozenset[str]()
            moved[number] = assembly.add(node.name, op, operator, [moved[i] for i in inputs], shared)
        except ShapeError as error:
            raise ShapeError(f"replace: {error}") from None
        if assembly.nodes[-1].shape != node.shape:
            raise ShapeError(f"replace: {node.name}: {recipe.name} gives another size than {old}; leave it as it is")
    if not count:
        kinds = sorted({type_of(node.operator) for node in network.nodes if isinstance(node.operator, Convolve)})
        more = ["depthwise-separable"] if any(_separable_pairs(network)) else []
        raise NotationError(f"replace: the network has no {wanted} convolution; it has {', '.join(kinds + more)}")
    note = f"{plural(count, f'{wanted} convolution')} replaced by {recipe.name}"
    return Network(network.name, tuple(assembly.nodes), moved[network.output], (*network.notes, note), network.source)


def type_of(operator: Convolve) -> str:
    """The convolution type by what it does, so that a convolution with as many groups as channels is depthwise."""
    stages = [stage for _, stage in operator.chain.stages()]
    stage = stages[0]
    if len(stages) > 1 or not isinstance(stage, Correlate):
        return operator.type
    if stage.groups > 1 and stage.groups == stage.in_channels:
        return "depthwise"
    if set(stage.kernel) == {1}:
        return "pointwise" if stage.groups == 1 else "pointwise-grouped"
    if stage.groups > 1:
        return "grouped"
    return "standard" if set(stage.dilation) == {1} else "dilated"


def _separable_pairs(network: Network) -> Iterator[tuple[int, int]]:
    """A depthwise convolution and the pointwise one that alone reads it."""
    readers: dict[int, list[int]] = {}
    for number, node in enumerate(network.nodes):
        for i in node.inputs:
            readers.setdefault(i, []).append(number)
    for number, node in enumerate(network.nodes):
        if not (isinstance(node.operator, Convolve) and type_of(node.operator) == "depthwise"):
            continue
        at = number
        while at != network.output and len(readers.get(at, ())) == 1:
            [at] = readers[at]
            operator = network.nodes[at].operator
            if isinstance(operator, Convolve):
                if type_of(operator) == "pointwise" and set(operator.request.stride) == {1}:
                    yield number, at
                break
            if not isinstance(operator, Normalize | Elementwise | WithConstant):
                break


def _between(network: Network, first: int, last: int) -> Iterator[int]:
    """The depthwise convolution and what follows it up to the pointwise one."""
    at = last
    while at != first:
        [at] = network.nodes[at].inputs
        yield at


def _other(first: Node, last: Node, recipe: Recipe) -> Convolve:
    """The recipe's convolution from what `first` reads to what `last` gives, with the geometry of the first."""
    assert isinstance(first.operator, Convolve)
    assert isinstance(last.operator, Convolve)
    assert last.shape is not None
    try:
        former = first.operator.request
        options = fitting_options(former, recipe, last.shape[1], last.operator.request.bias)
        request = request_for(recipe, options, channels=former.channels, dims=former.dims, spatial=former.spatial)
        return Convolve(recipe.name, request, recipe.lower(request))
    except ConvcalcError as error:
        raise type(error)(f"replace: {last.name}: {error}") from None
