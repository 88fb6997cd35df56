"""The shape errors of PyTorch, Keras, TensorFlow, ONNX Runtime, JAX and NumPy: recognised, and what they say."""

from __future__ import annotations

from convcalc.questions.messages import jax, keras, onnx_runtime, pytorch, pytorch_losses
from convcalc.questions.messages.known import Known, Reading, last_reading

KNOWN: tuple[Known, ...] = (
    *pytorch.MESSAGES, *pytorch_losses.MESSAGES, *keras.MESSAGES, *onnx_runtime.MESSAGES, *jax.MESSAGES,
)  # fmt: skip


def read_message(text: str) -> Reading | None:
    """The last message in a plain text that is known, as the last of a traceback is the one that stopped it.

    Of those that end at one place, the first of the table.
    """
    readings = [reading for known in KNOWN if (reading := last_reading(known, text)) is not None]
    return max(readings, key=lambda reading: reading.end, default=None)
