"""How the numbers of layers over a stream come about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd

from convcalc import formulas
from convcalc.axis.window import Window
from convcalc.explain.rows import Explanation, row_of
from convcalc.formulas import Symbol
from convcalc.questions.schedule import Count, counts, read_by
from convcalc.questions.schema import number
from convcalc.questions.stream import Stream, read_samples
from convcalc.questions.stream_layers import StreamedLayer
from convcalc.questions.timeline import Join, Slide, Spread


def explain_stream(stream: Stream) -> tuple[Explanation, ...]:
    """The working-out of what every layer reads for one chunk and keeps after it, and of the whole."""
    now = counts(stream.graph, stream.plan, (0,) * len(stream.plan), 0)
    rows = list[Explanation]()
    for layer in stream.layers:
        rows += _reads(stream, layer)
        rows += _state(stream, layer, now)
        if layer.multiplications:
            rows.append(_per_second(layer.name, stream, layer.multiplications))
    return (*rows, *_whole(stream))


def _reads(stream: Stream, layer: StreamedLayer) -> Iterator[Explanation]:
    """The inputs that the outputs of one chunk need."""
    timed, want = stream.plan[layer.number], stream.block[layer.number]
    if timed is None or want is None or not isinstance(timed.move, Slide | Spread):
        return
    window = timed.move.window
    wanted: dict[str, Symbol] = {
        **_geometry(window),
        "first": want.first,
        "last": want.last,
    }
    slides = isinstance(timed.move, Slide)
    first, last = (
        (formulas.STREAM_FIRST, formulas.STREAM_LAST)
        if slides
        else (formulas.STREAM_FIRST_SPREAD, formulas.STREAM_LAST_SPREAD)
    )
    read = read_by(timed, want)
    yield row_of(layer.name, f"first input for outputs {want.first}..{want.last}", first, read.first, **wanted)
    yield row_of(layer.name, "last input for them", last, read.last, **wanted)


def _state(stream: Stream, layer: StreamedLayer, now: Sequence[Count]) -> Iterator[Explanation]:
    """The arrays that a layer keeps after whole chunks, which are counted from 0."""
    timed, node = stream.plan[layer.number], stream.graph.nodes[layer.number]
    assert timed is not None
    given = now[layer.number].ready
    arrived = [now[i].ready for i in node.inputs]
    for held in layer.state:
        length = held.shape[(timed.axis or 0) - 1]
        match timed.move:
            case Slide(window, _):
                symbols = {**_geometry(window), "arrived": arrived[0], "given": given}
                yield row_of(layer.name, f"{held.of}, kept", formulas.STREAM_STATE, length, **symbols)
            case Spread(window, _):
                yield row_of(layer.name, f"{held.of}, kept", formulas.STREAM_STATE_SPREAD, length, **_geometry(window))
            case Join():
                ahead = next(count for count in arrived if count - given == length)
                yield row_of(
                    layer.name, f"{held.of}, kept", formulas.STREAM_STATE_JOIN, length, arrived=ahead, given=given
                )
            case _:
                yield Explanation(layer.name, f"{held.of}, kept", str(length), str(length), length, formulas.DEFINITION)
        shape: dict[str, Symbol] = {"batch": held.batch, "shape": held.shape}
        yield row_of(layer.name, f"{held.of}, values", formulas.STREAM_VALUES, held.values, **shape)


def _whole(stream: Stream) -> Iterator[Explanation]:
    """Context, latency, and what overlapping costs."""
    first, last = read_samples(stream.plan, stream.block)
    chunk, smallest, ahead = stream.chunk, stream.smallest_chunk, stream.look_ahead
    text = "the fewest samples for which every layer gives a whole number of outputs"
    yield Explanation("stream", "smallest chunk", text, str(smallest), smallest, formulas.DEFINITION)
    yield row_of("stream", "left context", formulas.STREAM_LEFT, stream.left_context, first=first)
    yield row_of("stream", "look-ahead", formulas.STREAM_AHEAD, ahead, last=last, smallest_chunk=smallest)
    context: dict[str, Symbol] = {"look_ahead": ahead, "smallest_chunk": smallest}
    yield row_of("stream", "latency", formulas.STREAM_LATENCY, stream.latency, **context)
    yield _time("latency", stream, stream.latency)
    if chunk.samples != smallest:
        name, common = f"latency in chunks of {chunk.samples}", gcd(chunk.samples, smallest)
        pieces = {"last": last, "chunk": chunk.samples, "common": common, "rest": -(last + 1) % common}
        yield row_of("stream", name, formulas.STREAM_LATENCY_CHUNKS, chunk.latency, **pieces)
        yield _time(name, stream, chunk.latency)
    values = [layer.values for layer in stream.layers]
    yield row_of("stream", "state", formulas.STREAM_VALUES_ALL, stream.state_values, values=values)
    yield _per_second("stream", stream, stream.multiplications)
    context = {"left_context": stream.left_context, "smallest_chunk": smallest, "chunk": chunk.samples}
    yield row_of(
        "stream",
        "samples of a chunk without state",
        formulas.STREAM_OVERLAPPED,
        chunk.whole,
        **context,
        look_ahead=ahead,
    )
    share: dict[str, Symbol] = {"samples": chunk.whole, "chunk": chunk.samples}
    yield row_of("stream", "computed again", formulas.STREAM_RECOMPUTED, float(chunk.recomputed), **share)


def _time(name: str, stream: Stream, samples: int) -> Explanation:
    symbols: dict[str, Symbol] = {"samples": samples, "rate": stream.rate}
    return row_of("stream", f"{name}, ms", formulas.STREAM_TIME, stream.milliseconds(samples), **symbols)


def _per_second(where: str, stream: Stream, multiplications: Fraction) -> Explanation:
    symbols: dict[str, Symbol] = {"multiplications_per_sample": multiplications, "rate": stream.rate}
    result = number(multiplications * stream.rate)
    return row_of(where, "multiplications a second", formulas.STREAM_PER_SECOND, result, **symbols)


def _geometry(window: Window) -> dict[str, Symbol]:
    kernel, stride, dilation, before, _ = window
    return {"kernel": kernel, "stride": stride, "dilation": dilation, "padding_begin": before}
