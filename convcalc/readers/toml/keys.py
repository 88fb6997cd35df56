"""Checks of keys and plain values, which document, blocks and ops share; messages name the key, not the file."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from convcalc.errors import NotationError, quoted
from convcalc.notation import similar

TOP_KEYS = ("name", "input", "source", "notes", "width_divisor", "width_scales", "blocks", "layers")
COMMON_KEYS = frozenset({"name", "op", "from", "when", "fixed_width", "min_width"})
"""Keys of a layer whatever its op."""
USE_KEYS = frozenset({"name", "block", "from", "when", "repeat", "layers", "fixed_width", "min_width"})
"""Keys of a table that uses or defines a block; all others are values of the block."""
MAX_LISTED = 20
"""Names in a message or a note; of more names, a message lists those most like the one at fault."""


def check_keys(table: Mapping[str, Any], accepted: Collection[str], owner: str) -> None:
    """Raises NotationError for the first key that is not accepted; `owner` says what it is no key of."""
    for key in table:
        if key not in accepted:
            known = accepted if isinstance(accepted, Sequence) else sorted(accepted)
            raise NotationError(f"{key}: is not a key of {owner}; {suggestion(key, known)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """A hint about an unknown name: the nearest known one, then all of them or, if many, the most similar.

    >>> suggestion("filter", ["filters", "kernel"])
    'did you mean filters? known: filters, kernel'
    """
    names = list(known)
    near = similar(name, names, 8, 0)
    hint = f"did you mean {near[0]}? " if similar(name, near[:1]) else ""
    return f"{hint}known: {', '.join(names if len(names) <= MAX_LISTED else [*near, '...']) or 'none'}"


def tables(table: Mapping[str, Any], key: str, owner: str = "") -> list[Mapping[str, Any]]:
    """The array of tables under a key, none if it is missing. Raises NotationError if it is anything else."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        prefix = f"{owner}: " if owner else ""
        raise NotationError(f"{prefix}{key}: must be tables, written [[{key}]], got {quoted(value)}")
    return value


def text(value: object, name: str) -> str:
    """The value, which must be a text with at least one character. Raises NotationError otherwise."""
    if not isinstance(value, str) or not value:
        raise NotationError(f"{name}: must be text, got {quoted(value)}")
    return value


def truth(keys: Mapping[str, Any], name: str, default: bool) -> bool:
    """The value under a key, which must be true or false. Raises NotationError otherwise."""
    value = keys.get(name, default)
    if not isinstance(value, bool):
        raise NotationError(f"{name}: must be true or false, got {quoted(value)}")
    return value


def needed(keys: Mapping[str, Any], name: str) -> Any:
    """The value under a key. Raises NotationError if it is missing."""
    if name not in keys:
        raise NotationError(f"{name}: must be given")
    return keys[name]


def finite_number(value: object, name: str) -> float:
    """The value as a float. Raises NotationError for anything but a number that a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < sys.float_info.max:
        raise NotationError(f"{name}: must be a number that a float holds, got {quoted(value)}")
    return float(value)
