"""The meaning of a layer word, whether it was written in letters or pasted as code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_LAYERS = 20_000
"""The most layers that the words of one row may stand for, repetitions included."""


@dataclass(frozen=True, slots=True)
class LayerWord:
    """One layer as a word says it.

    `text`: as typed, without the repetition.
    `op`: a convolution type's name or alias, or an op of network files such as `max_pool`, `linear`, `relu`.
    `values`: by option name. Text from a word in letters (`parse_axes`, `parse_padding` and `whole_number` read it),
    numbers and tuples from pasted code, True and False for `bias`, `ceil_mode` and other flags. Options that the word
    does not name are missing.
    `dims`: the number of spatial axes that the word's name states, such as 2 for `Conv2d`.
    """

    text: str
    op: str
    values: Mapping[str, Any]
    dims: int | None = None


class WordError(Exception):
    """Why a word cannot be read, and what would work; `parse_words` adds which word and a near miss."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
