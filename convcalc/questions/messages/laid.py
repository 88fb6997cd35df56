"""Layers laid out for a message: every one with its shapes, and where the row stops if it does not fit its input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from convcalc.errors import ShapeError
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Primitive
from convcalc.notation import Axes, Layout, PerAxis, parse_features, parse_words, show_size
from convcalc.questions.subject import Subject, subject_of
from convcalc.readers import is_model
from convcalc.recipes import BY_NAME

MAX_SIDE = 1 << 14
"""Longest side of an image that is tried."""


class Step(NamedTuple):
    """A primitive of the layers at its place: what people call its layer, and whole shapes."""

    number: int
    layer: str
    label: str
    primitive: Primitive
    input: Axes
    shape: Axes


class Laid(NamedTuple):
    """The layers up to where they fit. `subject` can be placed on other inputs; None if no input was found that fits.

    `stop` is why they do not fit `size`, if they do not.
    """

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
        subject = subject_of(words, input, layout=layout)
        return Laid(_steps(subject, subject.graph), subject.size, subject, None)
    except ShapeError as error:
        stop = str(error)
    if is_model(words[0]):
        own = subject_of(words)
        return Laid(_steps(own, own.graph), size, own, stop)
    if input is None:
        return Laid((), size, None, stop)
    each = layer_words(words)
    low, high = 0, len(each)  # the first `low` layers fit, the first `high` do not
    fits: Subject | None = None
    while high - low > 1:
        middle = (low + high) // 2
        try:
            fits = subject_of(each[:middle], input, layout=layout)
            low = middle
        except ShapeError:
            high = middle
    return Laid(() if fits is None else _steps(fits, fits.graph), size, fits, stop)


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


def side_where(laid: Laid, reached: Callable[[Graph], bool]) -> Axes | None:
    """The smallest input, of the same proportions, for which `reached` holds, if it holds for all larger ones too.

    A size that the layers refuse counts as too small. None if the largest that is tried does not reach it.
    """
    subject, size = laid.subject, laid.size
    if subject is None or size is None or len(size) < 2:
        return None
    longest = max(size[1:])

    def of(side: int) -> Axes:
        return (size[0], *(max(1, -(-n * side // longest)) for n in size[1:]))

    def holds(side: int) -> bool:
        try:
            return reached(subject.at(of(side)))
        except ShapeError:
            return False

    low, high = 0, 1
    while not holds(high):
        low, high = high, high * 2
        if high > MAX_SIDE:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return of(high)


def shown_size(shape: Axes) -> str:
    """A whole shape without its batch, as sizes are written."""
    return show_size(shape[1:])
