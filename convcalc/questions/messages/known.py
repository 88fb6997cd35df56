"""One kind of message: how it is recognised, and what its parts mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from convcalc.questions.messages.text import Value, value
from convcalc.questions.messages.troubles import Trouble

NUMBER = r"(-?\d+)"
SHAPE = r"(\[{1,2}[^\[\]]{0,200}\]{1,2}|\([^()]{0,200}\)|\{[^{}]{0,200}\}|\d+(?: \d+){1,7})"
"""In brackets of any kind, or numbers with spaces as people copy them."""
BRACKETS = ("[", "(", "{")


class Reading(NamedTuple):
    """A message that was recognised: whose it is, the part of the text, and what it says."""

    framework: str
    text: str
    end: int
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Known:
    """A kind of message of one framework: its wording for people, its pattern, and the trouble its parts make.

    In the pattern <n> is a whole number and <shape> a shape. `read` gets the parts in order: ints, shapes, words, or
    None for a part that is not there; it returns None if they are no trouble that is answered.
    """

    framework: str
    wording: str
    pattern: str
    read: Callable[..., Trouble | None]


_PARTS = re.compile(r"<n>|<shape>|\\.|\[(?:\\.|[^\]\\])*\]|[A-Za-z]\?|.")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("<n>", NUMBER).replace("<shape>", SHAPE))


@lru_cache(maxsize=256)
def needed_word(pattern: str) -> str:
    """The longest word outside of all groups of a pattern: a text without it cannot match, and is not searched.

    Most messages then need one pattern compiled, not a hundred.

    >>> needed_word(r"(?:The )?size of tensor a \\(<n>\\) must match")
    'tensor'
    """
    depth, outside = 0, []
    for part in _PARTS.findall(pattern):
        depth += {"(": 1, ")": -1}.get(part, 0)
        outside.append(part if depth == 0 and part.isalpha() else " ")
    return max("".join(outside).split(), key=len, default="")


def last_reading(known: Known, text: str) -> Reading | None:
    """The last place in the text that says so; None if there is none."""
    if needed_word(known.pattern) not in text:
        return None
    for match in reversed(list(_compiled(known.pattern).finditer(text))):
        parts: list[Value] = [value(part) for part in match.groups()]
        if any(isinstance(part, str) and part[:1] in BRACKETS for part in parts):  # words where a shape should be
            continue
        trouble = known.read(*parts)
        if trouble is not None:
            return Reading(known.framework, match[0].strip(), match.end(), trouble)
    return None


def shape_of(given: Any) -> tuple[int | None, ...]:
    """A part that is a shape; a lone number is a shape of one axis, and what is missing has none."""
    if isinstance(given, int):
        return (given,)
    return given if isinstance(given, tuple) else ()
