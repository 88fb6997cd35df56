"""A layer that a message is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convcalc.notation import Axes
from convcalc.questions.messages.laid import Step


@dataclass(frozen=True, slots=True)
class Where:
    """A layer, in a sentence; its input and output without the batch, and the fix there, if the layers give one."""

    layer: str | None
    text: str
    input: Axes | None = None
    output: Axes | None = None
    fix: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the place."""
        return {
            "layer": self.layer,
            "text": self.text,
            "input": None if self.input is None else list(self.input),
            "output": None if self.output is None else list(self.output),
            "fix": self.fix,
        }


def of_step(step: Step, text: str, fix: str | None = None) -> Where:
    return Where(step.layer, text, step.input[1:], step.shape[1:], fix)
