"""Layers laid out for a message: every one with its shapes, and where the row stops if it does not fit its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.errors import ConvcalcError, ShapeError, plural
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Primitive
from convcalc.notation import Axes, Layout, PerAxis, parse_features, parse_words, show_size
from convcalc.questions.sizes import SizesAnswer, placed, sizes_of
from convcalc.questions.subject import Subject, subject_of
from convcalc.readers import is_model
from convcalc.recipes import BY_NAME


class Step(NamedTuple):
    """A primitive of the layers at its place: what people call its layer, and whole shapes."""

    number: int
    layer: str
    label: str
    primitive: Primitive
    input: Axes
    shape: Axes


class Laid(NamedTuple):
    """The layers up to where they fit their input. `stop` is why they do not fit `size`, if they do not.

    `subject` are all of them on that input, None if they do not fit it. Without a `size` those of the steps are made
    up, and their channels alone count.
    """

    words: tuple[str, ...]
    steps: tuple[Step, ...]
    size: Axes | None
    subject: Subject | None
    stop: str | None


def laid_out(words: Sequence[str], input: PerAxis | None, layout: Layout) -> Laid:
    """The layers on this input, as far as they fit.

    Raises ConvcalcError for words, files and sizes that cannot be read.
    """
    size = None if input is None else parse_features(input, "input", layout)
    try:
        subject = subject_of(words, input, layout=layout, any_size=True)
        return Laid(tuple(words), _steps(subject, subject.graph), subject.size, subject, None)
    except ShapeError as error:
        stop = str(error)
    if size is None:
        return Laid(tuple(words), (), None, None, stop)
    if not is_model(words[0]):
        return Laid(tuple(words), _begun(words, size), size, None, stop)
    own = subject_of(words)
    return Laid(tuple(words), _steps(own, own.graph), size, None, stop)


def anywhere(laid: Laid) -> Subject | None:
    """All layers on an input that they accept; None if none is found."""
    if laid.subject is not None:
        return laid.subject
    try:
        return placed(laid.words, laid.size)
    except ConvcalcError:
        return None


def accepted(laid: Laid) -> SizesAnswer | None:
    """The inputs that all layers accept, and the nearest to the one that was asked for; None if no rule is found."""
    size = laid.size
    if size is None or len(size) < 2:
        return None
    try:
        return sizes_of(laid.words, size)
    except ConvcalcError:
        return None


def _begun(words: Sequence[str], size: Axes) -> tuple[Step, ...]:
    """The layers of a row up to the one that does not fit this input."""
    each = layer_words(words)
    low, high = 0, len(each)  # the first `low` layers fit, the first `high` do not
    fits: tuple[Step, ...] = ()
    while high - low > 1:
        middle = (low + high) // 2
        try:
            part = subject_of(each[:middle], size)
            low, fits = middle, _steps(part, part.graph)
        except ShapeError:
            high = middle
    return fits


def layer_words(words: Sequence[str]) -> tuple[str, ...]:
    """A word for every layer of a row: what is repeated, repeated."""
    return tuple(word.text for word in parse_words(words, tuple(BY_NAME)))


def _steps(subject: Subject, graph: Graph) -> tuple[Step, ...]:
    found = []
    for group in graph.layers:
        label = f"layer {group.name} ({group.op})" if subject.words else group.name
        for number in group.nodes:
            node = graph.nodes[number]
            if node.shape is not None and node.input_shapes and node.input_shapes[0] is not None:
                found.append(Step(number, group.name, label, node.primitive, node.input_shapes[0], node.shape))
    return tuple(found)


def taken(laid: Laid, step: Step) -> str:
    """What arrives at a step: its map, or its channels if the size of the input is not known."""
    return plural(step.input[1], "channel") if laid.size is None else shown_size(step.input)


def shown_size(shape: Axes) -> str:
    """A whole shape without its batch, as sizes are written."""
    return show_size(shape[1:])
