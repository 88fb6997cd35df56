"""What a question is asked of: a layer, a row of layer words or a model, at its own input or at another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from convcalc.errors import NotationError, ShapeError, first_of, quoted, shortened
from convcalc.graph.graph import Graph, built_until, until
from convcalc.notation import Axes, Layout, PerAxis, nearest, parse_features, parse_size
from convcalc.questions.models import NetworkOptions, network_of
from convcalc.readers import is_model, zoo_name
from convcalc.readers.words import row_graph


@dataclass(frozen=True, slots=True)
class Subject:
    """Layers that can be placed on inputs of different sizes.

    `size` is the input that was asked for or that the model has, (channels, *spatial); None for a row of words without
    one, which is then placed on an input that is large enough. `words` are its layer words, if it is a row.
    """

    name: str
    size: Axes | None
    words: tuple[str, ...]
    graph: Graph
    build: Callable[[Axes], Graph] = field(repr=False)
    is_model: bool = False

    def at(self, size: Axes) -> Graph:
        """The layers on an input of (channels, *spatial). Raises ShapeError, naming the layer, if they do not fit."""
        return self.graph if size == self.size else self.build(size)


def subject_of(
    words: Sequence[str],
    input: PerAxis | None = None,
    *,
    batch: int = 1,
    bias: bool = False,
    layout: Layout = "channels-first",
    dims: int = 2,
    any_size: bool = False,
) -> Subject:
    """A model by its name or path, or a row of layer words, on this input, if one is given.

    `dims` are the spatial axes of an input that is made up, if the words leave it open; with `any_size`, also for words
    that depend on its size.
    Raises ConvcalcError, naming the file, the word or the layer, for what cannot be read or does not fit.
    """
    if words and is_model(words[0]):
        return _model(words, input, batch, bias, layout)

    def build(size: Axes | None) -> Graph:
        return row_graph(words, size, batch=batch, bias=bias, advice=False)

    size = None if input is None else parse_size(input, "input", layout)
    graph = row_graph(words, input, batch=batch, bias=bias, layout=layout, dims=dims, any_size=any_size)
    return Subject(" ".join(words), size, tuple(words), graph, build)


def subject_until(subject: Subject, name: str) -> Subject:
    """The subject up to a layer of this name, whose output becomes that of all. Raises NotationError if none has it."""
    if not any(group.name == name for group in subject.graph.layers):
        names = [group.name for group in subject.graph.layers]
        near = nearest(name, names) or names[:3]
        raise NotationError(
            f"until: must be a layer of {shortened(subject.name)}, got {quoted(name)}; try {first_of(near, 3)}"
        )

    def build(size: Axes) -> Graph:
        return built_until(name, lambda: subject.build(size))

    return replace(subject, name=f"{subject.name} up to {name}", graph=until(subject.graph, name), build=build)


def _model(words: Sequence[str], input: PerAxis | None, batch: int, bias: bool, layout: Layout) -> Subject:
    model, *others = words
    if others:
        raise NotationError(
            f"{shortened(model)}: a model stands alone, got {shortened(others[0])} after it; leave it out"
        )
    if bias:
        raise NotationError(f"bias: is for layer words, got it with {shortened(model)}; leave it out")

    def build(size: Axes | None) -> Graph:
        return network_of(model, NetworkOptions(size, batch, advice=False))

    graph = network_of(
        model, NetworkOptions(None if input is None else parse_features(input, "input", layout), batch, layout=layout)
    )
    own = graph.inputs[0].shape
    if own is None:
        raise ShapeError(f"{model}: its input has no size, got none; give --input")
    return Subject(zoo_name(model) or model, own[1:], (), graph, build, is_model=True)
