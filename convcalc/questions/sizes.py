"""`solve --sizes`: the sizes that layers or a network accept, and what a size lacks that they refuse."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from convcalc.errors import ConvcalcError, DataError, NotationError, ShapeError
from convcalc.graph.graph import Graph
from convcalc.notation import Axes, PerAxis, parse_features, parse_size
from convcalc.questions.accepted import AcceptedSizes, accepted_sizes
from convcalc.questions.fitting_sizes import fitting
from convcalc.questions.schema import SCHEMA
from convcalc.questions.skips import Unmet, unmet
from convcalc.questions.subject import Subject, subject_of
from convcalc.readers import is_model, likely_input
from convcalc.readers.words import example_input, row_graph

LIKELY = (224, 256, 1024, 1 << 16, 1 << 24, 1 << 40, 1 << 320)
"""Sizes that networks are placed on if no size is given: one of them is large enough and divides well."""
FEW = 3
"""How many of those a model is placed on: larger ones have more elements than files may."""
MAX_SMALL, MAX_WORDS, SECONDS = 600, 50, 2.0
"""Sizes that models and rows of few words are tried on one by one, if none of those is accepted, and for how long."""


@dataclass(frozen=True, slots=True)
class AskedSize:
    """Whether one input is accepted; if not, why, which branches do not meet, and the nearest sizes that are."""

    input: Axes
    accepted: bool
    output: Axes | None
    error: str = ""
    unmet: tuple[Unmet, ...] = ()
    below: Axes | None = None
    above: Axes | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "input": list(self.input),
            "accepted": self.accepted,
            "output": None if self.output is None else list(self.output),
            "error": self.error or None,
            "skips": [each.to_dict() for each in self.unmet],
            "below": None if self.below is None else list(self.below),
            "above": None if self.above is None else list(self.above),
        }


@dataclass(frozen=True, slots=True)
class SizesAnswer:
    """The sizes that are accepted and, if one input was asked about, what holds for it."""

    sizes: AcceptedSizes
    asked: AskedSize | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            **self.sizes.to_dict(),
            "asked": None if self.asked is None else self.asked.to_dict(),
        }


def sizes_of(words: Sequence[str], input: PerAxis | None = None, first: int = 1, last: int = 512) -> SizesAnswer:
    """The sizes from `first` to `last` that a model or a row of layer words accepts; `input` asks about one more.

    Raises ConvcalcError, naming the word or the layer, for what cannot be read or fits no size.
    """
    if first > last:
        raise NotationError(f"from: must be up to --to, got {first} and {last}; exchange them")
    size = None if input is None else parse_features(input, "input")
    subject = placed(words, size)
    sizes = accepted_sizes(subject.graph, subject.at, first, last)
    sizes = replace(sizes, name=subject.name)
    if size is None and subject.words and sizes.alike:  # the input and its axes are made up
        sizes = replace(sizes, own=None, axes=())
    asked = None if size is None else _asked(subject, size)
    return SizesAnswer(sizes, asked)


def at_smallest(words: Sequence[str], input: PerAxis | None, sizes: AcceptedSizes) -> Graph | None:
    """What `sizes_of` was asked about, on its smallest input; None if none is accepted."""
    smallest = sizes.every.smallest
    if smallest is None:
        return None
    subject = placed(words, None if input is None else parse_features(input, "input"))
    own = (subject.graph.inputs[0].shape or ())[1:]
    return subject.at((own[0], *(smallest,) * (len(own) - 1)))


def placed(words: Sequence[str], size: Axes | None) -> Subject:
    """A model on its own input or, like a row of words, on one that it accepts, with the channels and axes of `size`.

    Raises the error of the size asked for, or of a likely one, if there is none.
    """
    model = is_model(words[0])
    if model:
        try:
            subject = subject_of(words)
        except ConvcalcError as error:  # it has no input of its own, or one that does not fit
            likely = likely_input(words[0]) if size is None else size
            if likely is None:
                raise
            refusal, size = error, likely
        else:
            return subject if size is None else _with_channels(subject, size[0])
    like = parse_size(example_input(words)) if size is None else size
    small = range(1, MAX_SMALL) if model or len(words) < MAX_WORDS else ()
    sides = (*LIKELY[:FEW], *range(1, 64), *range(64, 1024, 32), *small) if model else (*LIKELY, *small)
    began = time.monotonic()
    for each in [*([like] if size else []), *((like[0], *(n,) * (len(like) - 1)) for n in sides)]:
        try:
            return _placed_on(words, each)
        except (ShapeError, DataError):
            if time.monotonic() - began > SECONDS:
                break
    if model:
        raise refusal
    return subject_of(words, like)


def _placed_on(words: Sequence[str], size: Axes) -> Subject:
    """A model or a row on this input. Raises ShapeError, without advice on the size, if it does not fit."""
    if is_model(words[0]):
        return subject_of(words, size)
    graph = row_graph(words, size, advice=False)
    return Subject(" ".join(words), size, tuple(words), graph, lambda other: row_graph(words, other, advice=False))


def _with_channels(subject: Subject, channels: int) -> Subject:
    """The network on its own input with these channels, if it takes them."""
    own = subject.size or ()
    size = (channels, *own[1:])
    try:
        return replace(subject, size=size, graph=subject.at(size))
    except ConvcalcError:
        return subject


def _asked(subject: Subject, size: Axes) -> AskedSize:
    """What holds for one input."""
    try:
        graph = subject.at(size)
    except ConvcalcError as error:
        refusal = error
    else:
        shape = graph.nodes[graph.output].shape
        return AskedSize(size, accepted=True, output=None if shape is None else shape[1:])
    found = fitting(subject.graph, subject.at, size)
    if found is None:
        raise refusal
    problem = str(refusal).partition("; the smallest input that fits")[0]
    return AskedSize(size, False, None, problem, unmet(found.rules, size), found.below, found.above)
