"""Layers over a stream as tables: what is late and by how much, and what every layer keeps."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from convcalc.errors import plural
from convcalc.explain.rows import Explanation
from convcalc.notation import Layout, show_size
from convcalc.notation.rates import show_sample_rate
from convcalc.questions.schema import number
from convcalc.questions.stream import Stream
from convcalc.questions.stream_layers import Alike, StreamedLayer, alike_layers
from convcalc.render.explanations import show_explanations
from convcalc.render.table import Cell, Table, show

if TYPE_CHECKING:
    from convcalc.proof.stream_check import StreamRun

MAX_ROWS = 6
"""Most layers on a terminal: the answer should fit a screen."""


def show_stream(
    stream: Stream, name: str, layout: Layout, rows: Sequence[Explanation] = (), file: TextIO | None = None
) -> None:
    """Times and layers as two tables on a terminal, elsewhere as one; with `rows` also the working-out."""
    file = file or sys.stdout
    times, layers = times_view(stream, name), layers_view(stream, layout)
    if not file.isatty():
        flat = flat_view(stream, layout)
        show_explanations(flat, rows, file) if rows else show(flat, file)
        return
    show(times, file)
    print(file=file)
    show_explanations(layers, rows, file) if rows else show(layers, file)


def times_view(stream: Stream, name: str) -> Table:
    """Context, look-ahead, chunk and latency, in samples and in milliseconds."""
    rows = tuple(
        (quantity, samples, stream.milliseconds(samples)) for quantity, samples in _quantities(stream)
    )  # fmt: skip
    return Table(f"{name}  over a stream at {show_sample_rate(stream.rate)}", ("time", "samples", "ms"), rows)


def _quantities(stream: Stream) -> Iterator[tuple[str, int]]:
    """The numbers of the whole stream with their units."""
    yield "left context", stream.left_context
    yield "look-ahead", stream.look_ahead
    yield "smallest chunk", stream.smallest_chunk
    yield "latency", stream.latency
    if stream.chunk.samples != stream.smallest_chunk:
        yield f"latency in chunks of {stream.chunk.samples}", stream.chunk.latency


def layers_view(stream: Stream, layout: Layout) -> Table:
    """What the layers keep and how much they multiply; of many layers, those that keep most."""
    busy = alike_layers(stream.layers)
    most = sorted(busy, key=lambda alike: (-alike.values, -alike.multiplications))[:MAX_ROWS]
    rows = [_alike_row(stream, alike, layout) for alike in busy if alike in most]
    rows.append(("all layers", None, None, stream.state_values, _per_second(stream, stream)))
    hidden = (f"the {MAX_ROWS} rows that keep most, of {len(busy)}; all layers when piped",) if busy[MAX_ROWS:] else ()
    return Table(
        "what is kept from chunk to chunk", ("layer", "op", "state", "values", "multiplications/s"), tuple(rows),
        1, (*hidden, *notes(stream)), optional=("op",), folding=True,
    )  # fmt: skip


def _alike_row(stream: Stream, alike: Alike, layout: Layout) -> tuple[Cell, ...]:
    """A layer, or several in a row that are alike."""
    first, several = alike.layers[0], len(alike.layers) > 1
    states = " and ".join(show_size(held.shape, layout) for held in first.state) or None
    return (
        f"{first.name} and {len(alike.layers) - 1} more" if several else first.name,
        first.op,
        f"{states} each" if several and states else states,
        alike.values,
        _per_second(stream, alike),
    )


def _per_second(stream: Stream, counted: Stream | StreamedLayer | Alike) -> int | float:
    return number(counted.multiplications * stream.rate)


def notes(stream: Stream) -> tuple[str, ...]:
    """What comes out, what overlapping instead of keeping would cost, and what else is to be known."""
    chunk = stream.chunk
    return (
        f"outputs for {plural(stream.smallest_chunk, 'sample')}: {stream.outputs_per_chunk}, at "
        f"{show_sample_rate(stream.output_rate)}; latency = look-ahead + smallest chunk",
        f"without state, a chunk of {chunk.samples} takes {plural(chunk.whole, 'sample')}: "
        f"{float(chunk.recomputed):.1%} is computed again",
        *stream.notes,
    )


def flat_view(stream: Stream, layout: Layout) -> Table:
    """All numbers, one in a row, each with its layer if it has one."""
    rows: list[tuple[Cell, ...]] = []
    for quantity, value in _quantities(stream):
        rows.append((quantity, None, value, "samples"))
        if quantity.startswith("latency"):
            rows.append((quantity, None, stream.milliseconds(value), "ms"))
    rows += [
        ("rate", None, number(stream.rate), "samples/s"),
        ("output rate", None, number(stream.output_rate), "outputs/s"),
        ("outputs per smallest chunk", None, stream.outputs_per_chunk, "outputs"),
        ("state", None, stream.state_values, "values"),
        ("multiplications", None, _per_second(stream, stream), "1/s"),
        ("overlapped chunk", None, stream.chunk.whole, "samples"),
        ("recomputed without state", None, float(stream.chunk.recomputed), "share"),
    ]
    for layer in stream.layers:
        rows.append(("state", layer.name, layer.values, "values"))
        rows += [("state", layer.name, show_size(held.shape, layout), held.of) for held in layer.state]
        if layer.multiplications:
            rows.append(("multiplications", layer.name, _per_second(stream, layer), "1/s"))
    return Table("", ("quantity", "layer", "value", "unit"), tuple(rows), aside=stream.notes)


def checks_view(run: StreamRun, name: str) -> Table:
    """What was predicted and measured, and every layer that keeps something else."""
    from convcalc.render.checks import agreement, checks_table  # with NumPy, which other answers do not need

    shown = [check for check in run.checks if not check.layer or check.ok is False]
    agreed = sum(1 for check in run.checks if check.layer and check.ok)
    wrong = ", ".join(dict.fromkeys(check.name for check in run.checks if check.ok is False))
    verdict = f"DISAGREES: {wrong}" if wrong else agreement(run.checks)
    aside = [f"run on {plural(run.size, 'sample')} of random whole numbers"]
    if agreed:
        aside.append(f"the states of {plural(agreed, 'layer')} agree" if agreed > 1 else "the state of 1 layer agrees")
    return checks_table(f"{name}  over a stream", shown, verdict, good=run.ok, aside=aside)
