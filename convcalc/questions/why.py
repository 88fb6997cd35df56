"""What a framework's shape error means: its numbers, the cause, the fix, and the layer that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.errors import NotationError, first_of, one_line, shortened
from convcalc.notation import Layout, PerAxis
from convcalc.questions.messages import KNOWN, read_message
from convcalc.questions.messages.answer import Answer
from convcalc.questions.messages.causes import answer_to
from convcalc.questions.messages.known import Reading
from convcalc.questions.messages.text import numbers_in, plain, shapes_in
from convcalc.questions.messages.troubles import UNSTATED, Rule, Trouble
from convcalc.questions.schema import SCHEMA

if TYPE_CHECKING:
    from convcalc.questions.messages.spot import Where

KINDS = {
    "Channels": "channels",
    "Axes": "axes",
    "TooSmall": "input-too-small",
    "Smallest": "input-too-small",
    "OneValue": "one-value",
    "Features": "features",
    "Sizes": "sizes",
    "Elements": "elements",
    "Groups": "groups",
    "OutputSize": "output-size",
    "OutputPadding": "output-padding",
    "Padded": "padding",
    "Weights": "weights",
    "Fed": "input-shape",
    "Samples": "samples",
    "Batches": "batches",
    "Rule": "rule",
}
MAX_SHOWN = 6
"""Shapes and numbers of an unknown message that are repeated."""


@dataclass(frozen=True, slots=True)
class Why:
    """A message explained. `where` is the layer, if layers were given and one has the message's numbers."""

    reading: Reading
    answer: Answer
    where: Where | None
    asked: bool
    """Whether layers were given."""

    @property
    def kind(self) -> str:
        return KINDS[type(self.reading.trouble).__name__]

    @property
    def fix(self) -> str:
        """The fix: that of the place, if the layers give one."""
        return self.answer.fix if self.where is None or self.where.fix is None else self.where.fix

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {
            "schema": SCHEMA,
            "message": one_line(self.reading.text),
            "framework": self.reading.framework,
            "kind": self.kind,
            "numbers": numbers(self.reading.trouble),
            "cause": self.answer.cause,
            "fix": self.fix,
            "evidence": list(self.answer.evidence),
            "others": list(self.answer.others),
            "where": None if self.where is None else self.where.to_dict(),
        }


def numbers(trouble: Trouble) -> dict[str, Any]:
    """What the message says, by name; shapes as lists, None for an open axis."""
    if isinstance(trouble, Rule):
        return {}
    found = {name: _plain(value) for name, value in trouble._asdict().items()}
    return {name: value for name, value in found.items() if value not in (None, [], "", UNSTATED)}


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def why(
    message: str, words: Sequence[str] = (), input: PerAxis | None = None, layout: Layout = "channels-first"
) -> Why:
    """What the message means, and where in these layers it comes from.

    Raises NotationError, with what can be read in it, for a message that is not known, and ConvcalcError for layers
    that cannot be read.
    """
    text = plain(message)
    reading = read_message(text)
    if reading is None:
        raise NotationError(_unknown(text))
    answer, place = answer_to(reading.framework, reading.trouble), None
    if words:
        from convcalc.questions.messages.laid import laid_out
        from convcalc.questions.messages.place import where

        place = where(reading.framework, reading.trouble, laid_out(words, input, layout))
    return Why(reading, answer, place, bool(words))


def _unknown(text: str) -> str:
    if not text:
        return "why: needs the text of an error message, got none; put it in quotes, or - for stdin"
    parts = {"shapes": dict.fromkeys(shapes_in(text)), "numbers": dict.fromkeys(numbers_in(text))}
    read = ", ".join(f"the {name} {first_of(list(found), MAX_SHOWN)}" for name, found in parts.items() if found)
    got = f"{shortened(text)!r}" + (f" with {read}" if read else ", in which there is no number")
    return (
        f"why: must be a shape error of PyTorch, Keras, TensorFlow, ONNX Runtime, JAX or NumPy, got {got}; "
        "paste it whole and in quotes; convcalc why lists the messages that are known"
    )


def known_dict() -> dict[str, Any]:
    """The JSON of the messages that are known."""
    return {"schema": SCHEMA, "messages": [{"framework": k.framework, "message": k.wording} for k in KNOWN]}
