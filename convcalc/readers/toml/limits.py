"""What a TOML file may not have, because Python's parser would take very long for it."""

from __future__ import annotations

import re

from convcalc.errors import NotationError
from convcalc.notation import MAX_DIGITS

MAX_DOTS = 8
"""Most dots in a key: the parser's time grows with their square. Keys of networks have one at most."""
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*',
    re.DOTALL,
)
_KEYS = re.compile(r"[\w. \t-]+")
_DIGITS = re.compile(r"[0-9_]+")
_MAX_RUN = 1000
"""Digits of a number that is read, so that a message can say what is wrong with its value."""


def check_limits(content: str) -> None:
    """Raises NotationError for a key with many dots, and for a number with so many digits that none needs them."""
    bare = _TEXT.sub("", content)
    dots = max((key.count(".") for key in _KEYS.findall(bare)), default=0)
    if dots > MAX_DOTS:
        raise NotationError(f"a key may have {MAX_DOTS} dots, got {dots}")
    digits = max(map(len, _DIGITS.findall(bare)), default=0)
    if digits > _MAX_RUN:
        raise NotationError(f"a number may have {MAX_DIGITS} digits, got {digits}")
