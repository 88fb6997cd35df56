"""Names from a file, made safe and short for people."""

from __future__ import annotations

import re
from itertools import pairwise

from convcalc.errors import one_line, shortened

MAX_NAME = 120


def clean(text: str) -> str:
    """A name from the file on one line, without characters that have no glyph, and not too long."""
    return shortened(one_line(text), MAX_NAME)


def row_name(op: str) -> str:
    """The name of an operator in a table, if it has no other: its ONNX name in snake case.

    >>> row_name("NonMaxSuppression"), row_name("LSTM")
    ('non_max_suppression', 'lstm')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", op).lower()


def readable(name: str, op: str) -> str:
    """A node's name in a table: without the operator at its end, and without path parts that the next part repeats.

    >>> readable("/layer1/layer1.0/conv1/Conv", "Conv")
    'layer1.0/conv1'
    """
    parts = [part for part in clean(name).split("/") if part]
    if len(parts) > 1 and parts[-1] == op:
        parts.pop()
    kept = [part for part, after in pairwise([*parts, ""]) if not after.startswith(f"{part}.")]
    return "/".join(kept) or row_name(clean(op)) or "node"
