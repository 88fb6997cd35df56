"""What if: the convolutions of a graph replaced by those of another type that map the same sizes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from convcalc.errors import NotationError, ShapeError, located, plural, quoted
from convcalc.graph.graph import Builder, Graph, Group, Layer
from convcalc.graph.primitives import Correlate, Elementwise, Normalize, WithConstant
from convcalc.questions.fitting import fitting_options, stand_in
from convcalc.recipes import recipe_named
from convcalc.recipes.options import convolution, request_for
from convcalc.recipes.recipe import Recipe


def replaced(graph: Graph, rule: str) -> Graph:
    """The graph with a rule such as `standard=depthwise-separable` applied.

    A depthwise convolution whose only reader, ignoring normalization and activations, is a pointwise one counts as
    depthwise-separable, and is replaced together with the layers between. Raises NotationError for a rule that cannot
    be read or that nothing matches, ShapeError if the other type cannot map the same sizes.
    """
    old, sign, new = rule.partition("=") if isinstance(rule, str) else ("", "", "")
    if not sign or not old or not new:
        raise NotationError(f"replace: must be TYPE=TYPE, such as standard=depthwise-separable, got {quoted(rule)}")
    try:
        wanted, recipe = recipe_named(old).name, stand_in(new)
    except NotationError as error:
        raise NotationError(f"replace: {error}") from None
    pairs = list(_separable_pairs(graph))
    firsts = {last: first for first, last in pairs} if wanted == "depthwise-separable" else {}
    dropped = {number for last, first in firsts.items() for number in _between(graph, first, last)}
    chosen = {
        number: graph.groups[firsts.get(number, number)]
        for number, group in enumerate(graph.groups)
        if number in firsts or (number not in dropped and type_of(graph, group) == wanted)
    }
    if not chosen:
        kinds = sorted({kind for group in graph.groups if (kind := type_of(graph, group)) is not None})
        more = ["depthwise-separable"] if pairs else []
        raise NotationError(f"replace: the network has no {wanted} convolution; it has {', '.join(kinds + more)}")
    try:
        changed = with_type(graph, chosen, recipe, dropped)
    except ShapeError as error:
        fitting = "standard" if wanted == "depthwise-separable" else "depthwise-separable"  # these fit all channels
        problem = str(error).partition("; ")[0]  # what would work for one layer alone cannot be typed here
        raise ShapeError(f"replace: {problem}; use --replace {old}={fitting}") from None
    note = f"{plural(len(chosen), f'{wanted} convolution')} replaced by {recipe.name}"
    return Graph(
        graph.name, changed.nodes, changed.groups, changed.output, (*graph.notes, note), graph.source, changed.labels,
        graph.remarks,
    )  # fmt: skip


def with_type(
    graph: Graph, chosen: Mapping[int, Group], recipe: Recipe, dropped: Collection[int] = frozenset()
) -> Graph:
    """The graph with the groups of these numbers as convolutions of another type.

    Each takes the geometry and the inputs of the group that its number is mapped to. Raises ShapeError, naming the
    layer, if the type does not map the same sizes.
    """
    builder, moved = Builder(), dict[int, int]()
    for number, group in enumerate(graph.groups):
        if number in dropped:
            continue
        nodes = graph.stages(group)
        inputs, layer, op = nodes[0].inputs, Layer(tuple((n.stage, n.primitive) for n in nodes)), group.op
        shared = nodes[0].shared
        if number in chosen:
            first = chosen[number]
            inputs, op, shared = graph.nodes[first.nodes.start].inputs, recipe.name, frozenset()
            layer = _other(graph, first, group, recipe)
        else:
            layer = Layer(layer.stages, group.type, group.request)
        moved[group.last] = builder.add(group.name, op, layer, [moved[i] for i in inputs], shared)
        if builder.nodes[-1].shape != graph.nodes[group.last].shape:
            raise ShapeError(f"{group.name}: {recipe.name} gives another size than {group.op}; leave it as it is")
    return builder.graph(graph.name, moved[graph.output], graph.notes, graph.source)


def type_of(graph: Graph, group: Group) -> str | None:
    """The convolution type of a layer by what it does: with as many groups as channels, for example, depthwise.

    None if it is no convolution.
    """
    if group.type is None:
        return None
    nodes = graph.stages(group)
    primitive = nodes[0].primitive
    if len(nodes) > 1 or not isinstance(primitive, Correlate):
        return group.type
    if primitive.groups > 1 and primitive.groups == primitive.in_channels:
        return "depthwise"
    if set(primitive.kernel) == {1}:
        return "pointwise" if primitive.groups == 1 else "pointwise-grouped"
    if primitive.groups > 1:
        return "grouped"
    return "standard" if set(primitive.dilation) == {1} else "dilated"


def _separable_pairs(graph: Graph) -> Iterator[tuple[int, int]]:
    """The group numbers of a depthwise convolution and of the pointwise one that alone reads it."""
    readers: dict[int, list[int]] = {}
    for number, group in enumerate(graph.groups):
        for i in graph.nodes[group.nodes.start].inputs:
            readers.setdefault(graph.group_of[i], []).append(number)
    for number, group in enumerate(graph.groups):
        if type_of(graph, group) != "depthwise":
            continue
        at = number
        while graph.groups[at].last != graph.output and len(readers.get(at, ())) == 1:
            [at] = readers[at]
            other = graph.groups[at]
            primitive = graph.nodes[other.last].primitive
            if other.request is not None:
                if type_of(graph, other) == "pointwise" and set(other.request.stride) == {1}:
                    yield number, at
                break
            if not isinstance(primitive, Normalize | Elementwise | WithConstant):
                break


def _between(graph: Graph, first: int, last: int) -> Iterator[int]:
    """The depthwise convolution and what follows it up to the pointwise one."""
    at = last
    while at != first:
        at = graph.group_of[graph.nodes[graph.groups[at].nodes.start].inputs[0]]
        yield at


def _other(graph: Graph, first: Group, last: Group, recipe: Recipe) -> Layer:
    """The recipe's convolution from the input of `first` to the output of `last`, with the geometry of the first."""
    former, shape = first.request, graph.nodes[last.last].shape
    assert former is not None
    assert last.request is not None
    assert shape is not None
    with located(last.name):
        options = fitting_options(former, recipe, shape[1], last.request.bias)
        return convolution(
            recipe,
            request_for(recipe, options, channels=former.channels, dims=former.dims, spatial=former.spatial),
        )
