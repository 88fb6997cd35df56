"""Layer words written out: a layer with some of its options changed, as one would type it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from convcalc.notation.layer_word import LayerWord
from convcalc.notation.values import show_axes
from convcalc.notation.words import LETTERS

HEADS = {
    "standard": "", "conv": "", "transposed": "t", "depthwise": "dw", "depthwise-separable": "ds",
    "max_pool": "max", "avg_pool": "avg", "dilated": "dilated",
}  # fmt: skip
"""What stands before the colon of a word, for layers that were not written as one."""
DEFAULTS = {"stride": "1", "dilation": "1", "padding": "0", "output_padding": "0"}
_HEAD = re.compile(r"([a-z0-9_-]*[a-z0-9]):", re.IGNORECASE)
_BEGINS_PADDING = re.compile(r"p[0-9][0-9x]*$", re.IGNORECASE)
"""How a word begins whose first colon is within its padding, such as k5p12:3."""


def rewritten(word: LayerWord, changes: Mapping[str, Any]) -> str:
    """The word with other values for some options, and perhaps another `type`.

    >>> rewritten(LayerWord("t:k3s2p1", "t", {"kernel": "3", "stride": "2", "padding": "1"}), {"kernel": "4"})
    't:k4s2p1'
    """
    pool = word.op in ("max_pool", "avg_pool")  # whose stride is its kernel unless it is given
    unsaid = [name for name, value in changes.items() if DEFAULTS.get(name) == value and not pool]
    values = {**word.values, **changes}
    if word.op not in ("dilated", "atrous"):
        values = {name: value for name, value in values.items() if name not in unsaid}
    if word.op == "linear":
        return f"fc{_text(values['filters'])}{'b' if values.get('bias') else ''}"
    typed = _HEAD.match(word.text) if "(" not in word.text else None
    typed = None if typed and _BEGINS_PADDING.search(typed[1]) else typed
    head = str(changes["type"]) if "type" in changes else typed[1] if typed else HEADS.get(word.op, word.op)
    letters = []
    for letter, name in LETTERS.items():
        value = values.get(name)
        if value is True:
            letters.append(letter)
        elif value is not None and value is not False:
            letters.append(f"{letter}{_text(value)}")
    return f"{head}:{''.join(letters)}" if head else "".join(letters)


def _text(value: Any) -> str:
    """A value as text: numbers and tuples are from pasted code."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return show_axes([f"{v[0]}:{v[1]}" if isinstance(v, Sequence) else v for v in value])
    return str(value)
