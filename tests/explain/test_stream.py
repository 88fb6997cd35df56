"""The working-out of layers over a stream: every formula evaluates to the number beside it, and no number lacks one."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc.explain.stream import explain_stream
from convcalc.questions.stream import stream
from convcalc.readers.words import row_graph
from tests import formula

WORDS = ("position", "fewest")
"""What formulas that are words have in them."""


@pytest.mark.parametrize(
    ("words", "chunk"),
    [
        ("k3pcausalf8 k3d2pcausalf8 k3d4pcausalf8", None),
        ("k4s2p1f3 k3d2p2 t:k5s2p2:1f2b max:k3s1p1", 7),
        ("k15s6pcausalf4 t:k4s2p0:3f2 k2s2", 5),
    ],
)
def test_every_row_evaluates(words: str, chunk: int | None) -> None:
    found = stream(row_graph(words.split(), dims=1, batch=3), 2, chunk=chunk)
    rows = explain_stream(found)
    for row in rows:
        if not any(word in row.formula for word in WORDS):
            result: Any = row.result
            assert float(formula.value(row.numbers)) == pytest.approx(float(result), rel=1e-12), row
    answered = {(row.where, row.quantity): row.result for row in rows}
    assert answered["stream", "left context"] == found.left_context
    assert answered["stream", "look-ahead"] == found.look_ahead
    assert answered["stream", "latency"] == found.latency
    assert answered["stream", "latency, ms"] == found.milliseconds(found.latency)
    assert answered["stream", "state"] == found.state_values
    if chunk is not None:
        assert answered["stream", f"latency in chunks of {chunk}"] == found.chunk.latency
    for layer in found.layers:
        for held in layer.state:
            assert answered[layer.name, f"{held.of}, values"] == held.values
