"""Changes written the way the layers were: as layer words, as options, or as keys of a network file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    Convolution,
    Correlate,
    Linear,
    Pool,
    Primitive,
    ShuffleChannels,
    TransposedCorrelate,
    Windowed,
)
from convcalc.graph.request import Request
from convcalc.notation import LayerWord, parse_words, rewritten, show_axes, show_padding, show_size
from convcalc.questions.linting.problem import Change, Problem
from convcalc.recipes import BY_NAME

Values = dict[str, Any]


class Spelling:
    """How a graph's layers were written: the words of a row, else the options of one layer, else a file."""

    def __init__(self, graph: Graph, words: Sequence[str], model: bool) -> None:
        self.graph = graph
        self.words: tuple[LayerWord, ...] = parse_words(words, tuple(BY_NAME)) if words else ()
        self.model = model

    def fix(self, problem: Problem) -> str:
        """What to type so that the problem is gone; empty if nothing is known."""
        if problem.input:
            own = (self.graph.inputs[0].shape or ())[1:]
            return (
                f"{show_size(problem.input)} for {show_size(own)}"
                if self.words
                else f"--input {show_size(problem.input)}"
            )
        if not problem.changes:
            return ""
        return self._in_file(problem) if self.model else self._in_words(problem)

    def _in_words(self, problem: Problem) -> str:
        graph, old, new = self.graph, list[str](), list[str]()
        if not self.words and all(len(change.stages) == 1 or _shuffled(change) for change in problem.changes):
            return " ".join(self._as_options(change) for change in problem.changes)
        for change in problem.changes:
            group = graph.groups[graph.group_of[change.node]]
            word = self.words[int(group.name) - 1] if self.words else _word(graph, change.node)
            changed = self._values(change)
            if _is_lost(graph, change, changed):
                return ""
            if _shuffled(change):
                changed["type"] = "shuffled"
                after: tuple[Primitive, ...] = ()
            else:
                after = change.stages[change.own + 1 :]
            old.append(word.text)
            new += [_as_word(stage) for stage in change.stages[: change.own]]
            new.append(rewritten(word, changed) if changed else word.text)
            new += [_as_word(stage) for stage in after]
        places = [change.node for change in problem.changes]
        which = f" in layer {graph.group_of[places[0]]}" if len(places) == 1 < len(problem.nodes) else ""
        return f"{_repeated(new)} for {_repeated(old)}{which}"

    def _as_options(self, change: Change) -> str:
        values = self._values(change)
        if _shuffled(change):
            values["type"] = "shuffled-grouped"
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in values.items())

    def _in_file(self, problem: Problem) -> str:
        """The keys that change; of several layers, the keys of each."""
        parts = []
        for change in problem.changes:
            values = self._values(change)
            keys = [f"{name} = {_toml(value)}" for name, value in values.items()]
            label = self.graph.labels[change.node]
            elsewhere = problem.nodes != (change.node,)
            it = label if elsewhere else "it"
            keys += [f"{_as_word(stage)} before {it}" for stage in change.stages[: change.own]]
            keys += [f"{_as_word(stage)} after {it}" for stage in change.stages[change.own + 1 :]]
            where = f" in {label}" if elsewhere and len(change.stages) == 1 else ""
            parts += [", ".join(keys) + where] if keys else []
        return "; ".join(parts)

    def _values(self, change: Change) -> Values:
        """The options whose values change, in the notation of the command line.

        If a layer has several stages, an option has the new values on the axes of this stage alone.
        """
        node, own = self.graph.nodes[change.node], change.stages[change.own]
        group = self.graph.groups[self.graph.group_of[change.node]]
        return options_changed(node, own, group.request)


def _is_lost(graph: Graph, change: Change, values: Values) -> bool:
    """Whether an option cannot say the change: padding of one stage of several, whose others have it as a word."""
    group = graph.groups[graph.group_of[change.node]]
    word = group.request is not None and isinstance(group.request.padding, str)
    stages = [node.primitive for node in graph.stages(group)]
    windowed = sum(isinstance(stage, Windowed) and set(stage.kernel) != {1} for stage in stages)
    return windowed > 1 and word and "padding" in values


def options_changed(node: Node, own: Primitive, request: Request | None) -> Values:
    """The options in which a primitive differs from the node's."""
    old, found = node.primitive, Values()
    if isinstance(old, Windowed) and isinstance(own, Windowed):
        for name in ("kernel", "stride", "dilation"):
            before, after = getattr(old, name), getattr(own, name)
            if before != after:
                whole = before if request is None else getattr(request, name)
                found[name] = show_axes([n if n != b else w for n, b, w in zip(after, before, whole, strict=True)])
        if own.padding not in (old.padding, node.padding_word):
            assert not isinstance(own.padding, str)
            whole = old.padding if request is None or isinstance(request.padding, str) else request.padding
            pairs = zip(own.padding, old.padding, whole, strict=True)
            found["padding"] = show_padding([n if n != b else w for n, b, w in pairs])  # type: ignore[misc]
    if (
        isinstance(old, TransposedCorrelate)
        and isinstance(own, TransposedCorrelate)
        and own.output_padding != old.output_padding
        and own.padding != node.padding_word
    ):
        found["output_padding"] = show_axes(own.output_padding)
    if isinstance(old, Convolution) and isinstance(own, Convolution) and own.out_channels != old.out_channels:
        found["filters"] = str(own.out_channels)
    if isinstance(old, Linear) and isinstance(own, Linear) and own.out_features != old.out_features:
        found["filters"] = str(own.out_features)
    if isinstance(old, Pool) and isinstance(own, Pool):
        if own.ceil_mode != old.ceil_mode:
            found["ceil_mode"] = True
        if "kernel" in found and "stride" not in found:
            found["stride"] = show_axes(own.stride)  # which is the kernel unless it is given
    return found


def _repeated(words: Iterable[str]) -> str:
    """The words with neighbours that are alike as one: k3*2."""
    counted = ((word, len(list(alike))) for word, alike in groupby(words))
    return " ".join(word if count == 1 or "(" in word else f"{word}*{count}" for word, count in counted)


def _shuffled(change: Change) -> bool:
    return len(change.stages) == 2 and isinstance(change.stages[1], ShuffleChannels)


def _toml(value: object) -> str:
    if value is True:
        return "true"
    return str(value) if str(value).isdecimal() else f'"{value}"'


def _word(graph: Graph, number: int) -> LayerWord:
    """The one layer of a graph that options describe, as a word."""
    group = graph.groups[graph.group_of[number]]
    primitive = graph.nodes[number].primitive
    if group.request is None or not isinstance(primitive, Windowed):
        return LayerWord(_as_word(primitive), "", {})
    request = group.request
    values: dict[str, Any] = {"kernel": show_axes(request.kernel)}
    for name, default in (("stride", 1), ("dilation", 1), ("output_padding", 0)):
        if set(getattr(request, name)) - {default}:
            values[name] = show_axes(getattr(request, name))
    padding = request.padding if isinstance(request.padding, str) else show_padding(request.padding)
    if padding != "0":
        values["padding"] = padding
    if request.groups > 1:
        values["groups"] = str(request.groups)
    if request.explicit_filters is not None:
        values["filters"] = str(request.explicit_filters)
    bare = LayerWord("", group.type or "standard", values)
    return LayerWord(rewritten(bare, {}), bare.op, values)


def _as_word(primitive: Primitive) -> str:
    """A primitive that a remedy adds, as a layer word."""
    if isinstance(primitive, ShuffleChannels):
        return f"channel_shuffle of {primitive.groups} groups"
    assert isinstance(primitive, Correlate | Pool)
    values: dict[str, Any] = {"kernel": show_axes(primitive.kernel)}
    assert not isinstance(primitive.padding, str)
    usual = primitive.kernel if isinstance(primitive, Pool) else (1,) * len(primitive.kernel)
    if primitive.stride != usual or isinstance(primitive, Pool):
        values["stride"] = show_axes(primitive.stride)
    if any(map(any, primitive.padding)):
        values["padding"] = show_padding(primitive.padding)
    if set(primitive.dilation) != {1}:
        values["dilation"] = show_axes(primitive.dilation)
    if isinstance(primitive, Correlate):
        values["filters"] = str(primitive.out_channels)
        return rewritten(LayerWord("", "standard", values), {})
    values["ceil_mode"] = primitive.ceil_mode
    return rewritten(LayerWord("", f"{primitive.kind}_pool", values), {})
