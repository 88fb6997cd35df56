"""What is said about a message, and claims held against the forward rules before they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.errors import ShapeError
from convcalc.graph.primitives import Primitive
from convcalc.graph.shapes import place
from convcalc.notation import Axes


class Answer(NamedTuple):
    """The cause in a sentence, the fix in a line, then evidence; `others` are other causes with their own fix."""

    cause: str
    fix: str
    evidence: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class UnconfirmedError(RuntimeError):
    """A claim about a message that the forward rules do not confirm: a fault of ours, never printed as an answer."""


def accepts(primitive: Primitive, *shapes: Sequence[int | None]) -> Axes | None:
    """The output shape of a primitive on inputs of whole shapes, an open axis as 1; None if they do not fit."""
    try:
        return place(primitive, [tuple(1 if n is None else n for n in shape) for shape in shapes], "ab").shape
    except ShapeError:
        return None


def confirm(holds: object, claim: str) -> None:
    """Raises UnconfirmedError for a claim that does not hold."""
    if not holds:
        raise UnconfirmedError(f"the shape rules do not confirm that {claim}")
