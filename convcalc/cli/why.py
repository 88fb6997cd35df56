"""`convcalc why`: what a framework's shape error means."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from typing import Annotated

import typer

from convcalc.cli.answer import print_json
from convcalc.cli.options import INPUT, JSON, LAYOUT, check_one_size
from convcalc.errors import NotationError
from convcalc.notation import is_size, parse_layout, typed_words
from convcalc.recipes import BY_NAME

MESSAGE = Annotated[
    str | None,
    typer.Argument(metavar="[MESSAGE]", help="The error, in quotes; - reads it from stdin.", show_default=False),
]
LAYERS = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SIZE] [LAYER]... | MODEL", help="The layers that raised it, for the exact place.", show_default=False
    ),
]
MAX_STDIN = 1 << 26
"""Bytes of stdin that are read at most; a log of a training is shorter."""


def command(
    message: MESSAGE = None, layers: LAYERS = None, input: INPUT = None, layout: LAYOUT = None, json: JSON = False
) -> int:
    """What a shape error of PyTorch, Keras, TensorFlow, ONNX Runtime, JAX or NumPy means: cause, fix, place.

    Without a message, lists the messages that are known. With layers or a model, the place is computed.

    Examples:
      convcalc why
      convcalc why "mat1 and mat2 shapes cannot be multiplied (32x400 and 120x84)"
      convcalc why "mat1 and mat2 shapes cannot be multiplied (32x400 and 120x84)" 3x32x32 k5f6 max:k2 k5f16 max:k2
      python train.py 2>&1 | tail | convcalc why -
    """
    from convcalc.questions.why import why
    from convcalc.render.table import show
    from convcalc.render.why import known_view, show_why

    if message is None:
        if json:
            from convcalc.questions.why import known_dict

            print_json(known_dict())
        else:
            show(known_view())
        return 0
    words = typed_words(tuple(layers or ()), tuple(BY_NAME))
    check_one_size("why", input, words)
    if words and is_size(words[0]):
        if input is not None:
            raise NotationError(f"why: the input is given twice, got {words[0]} and --input; give one of the two")
        input, words = words[0], words[1:]
    if input is not None and not words:
        raise NotationError(f"why: a size is for layers, got {input} without any; write the layers after it")
    order = parse_layout("channels-first" if layout is None else layout)
    found = why(_text(message), words, input, order)
    if json:
        print_json(found.to_dict())
    else:
        show_why(found)
    return 0


def _text(message: str) -> str:
    """The message, or all of stdin, whose end counts."""
    if message != "-":
        return message
    if sys.stdin is None:
        raise NotationError("why: stdin must be open, got a closed one; give the message in quotes")
    data = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(data) > MAX_STDIN:
        raise NotationError(f"why: stdin must have at most {MAX_STDIN:,} bytes, got more; pipe it through tail")
    return data.decode(errors="replace")
