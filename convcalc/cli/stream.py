"""`convcalc stream`: layers that run over a stream, piece by piece."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from convcalc.cli import ANSWERED, DISAGREED
from convcalc.cli.answer import print_json
from convcalc.cli.conflicts import STREAM, check_conflicts
from convcalc.cli.options import WORDS_OR_MODEL, SharedOptions, flag, layer_command, option
from convcalc.errors import NotationError, ShapeError, quoted, shortened
from convcalc.notation import Layout, parse_padding_mode, show_size
from convcalc.notation.rates import parse_sample_rate, parse_samples
from convcalc.render.table import show

if TYPE_CHECKING:
    from convcalc.explain.rows import Explanation
    from convcalc.questions.stream import NotStreamableError
    from convcalc.questions.subject import Subject

STREAMING = "Streaming"
MAX_NAME = 50
"""Longest name in a title, which should stay on one line."""
RATE = option("--rate", metavar="HZ", help="Samples a second, as 16000, 16k or 44.1k [16000].", panel=STREAMING)
CHUNK = option(
    "--chunk", metavar="N", help="Samples that arrive at a time, or 10ms [the smallest chunk].", panel=STREAMING
)
AXIS = option("--axis", metavar="NAME", help="Axis of the time, such as height [width; 3-D: depth].", panel=STREAMING)
UNTIL = option("--until", metavar="LAYER", help="Stop after this layer, by its name or number.", panel=STREAMING)
CHECK = flag("--check", help="Run chunks with kept state, and compare with the whole.", panel=STREAMING)


@partial(layer_command, words=WORDS_OR_MODEL)
def command(
    options: SharedOptions,
    rate: RATE = None,
    chunk: CHUNK = None,
    axis: AXIS = None,
    until: UNTIL = None,
    check: CHECK = False,
) -> int:
    """Layers over a stream: left context, look-ahead, latency, smallest chunk, and what every layer has to keep.

    The layers are a row of words, or a MODEL: a network of the zoo, a .toml or an .onnx file. A row without a size has
    one axis, the time. What cannot run piece by piece is named.

    Examples:
      convcalc stream k3pcausalf8 k3d2pcausalf8 k3d4pcausalf8
      convcalc stream 1x16000 k16s8p4f32 k3p1 t:k16s8p4f1 --rate 44.1k --chunk 512
      convcalc stream 1x18 k15s6pcausalf4 --check
      convcalc stream 2x80x100 k3p1f16 k3x5p1:1x4:0s2x1 --axis width --explain
    """
    from convcalc.questions.stream import DEFAULT_RATE, NotStreamableError, axis_names, stream
    from convcalc.questions.subject import subject_until

    check_conflicts("stream", STREAM, {"--check": check, "--explain": options.explain})
    mode = options.layer.padding_mode
    if mode is not None and parse_padding_mode(mode) != "zeros":
        raise NotationError(f"stream: --padding-mode {shortened(mode)} shows samples of other times; leave it out")
    samples = DEFAULT_RATE if rate is None else parse_sample_rate(rate)
    pieces = None if chunk is None else parse_samples(chunk, "chunk", samples)
    subject = options.subject(1, any_size=True)
    if until is not None:
        subject = subject_until(subject, until)
    graph = subject.graph
    names = axis_names(graph)
    if subject.size is None and len(names) > 1:
        from convcalc.readers.words import example_input

        raise NotationError(
            f"stream: layers with {len(names)} axes need the size of the input first, got none; "
            f"use convcalc stream {example_input(subject.words)} {shortened(shlex.join(subject.words))}"
        )
    try:
        found = stream(graph, _axis(axis, names) + 2, rate=samples, chunk=pieces, sized=subject.size is not None)
    except NotStreamableError as error:
        raise ShapeError(f"{error}{_remedy(error, subject, options.layout)}") from None
    name = shortened(subject.name, MAX_NAME)
    if check:
        from convcalc.proof.stream_check import check_stream

        run = check_stream(found, subject)
        if options.json:
            print_json({**found.to_dict(), **run.to_dict()})
        else:
            from convcalc.render.streaming import checks_view

            show(checks_view(run, name))
        return ANSWERED if run.ok else DISAGREED
    rows: Sequence[Explanation] = ()
    if options.explain:
        from convcalc.explain.stream import explain_stream

        rows = explain_stream(found)
    if options.json:
        explained = {"explanations": [row._asdict() for row in rows]} if options.explain else {}
        print_json({**found.to_dict(), **explained})
    else:
        from convcalc.render.streaming import show_stream

        show_stream(found, name, options.layout, rows)
    return ANSWERED


def _remedy(error: NotStreamableError, subject: Subject, layout: Layout) -> str:
    """How to ask for the layers before the first that cannot run over a stream, if there are any."""
    if not error.before:
        return ""
    if not subject.words:
        return f"; those before can, with --until {shortened(error.before[-1].name)}"
    size = [] if subject.size is None else [show_size(subject.size, layout)]
    row = shlex.join([*size, *(group.op for group in error.before)])
    return f"; those before can: convcalc stream {shortened(row)}"


def _axis(name: str | None, names: tuple[str, ...]) -> int:
    """The number of the axis on which time runs: the named one, else the last of a map, the first of a volume."""
    if not names:
        raise NotationError(
            "stream: takes an input of channels and 1 to 3 axes, got none; give --input, such as 1x16000"
        )
    if name is None:
        return 0 if len(names) == 3 else len(names) - 1
    if name not in names:
        raise NotationError(f"axis: must be {' or '.join(names)}, got {quoted(name)}")
    return names.index(name)
