"""The working-out behind a report: for every number the formula, the numbers put in, the result, the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from convcalc import formulas
from convcalc.axis.positions import Positions
from convcalc.axis.window import Window
from convcalc.formulas import Formula, Symbol
from convcalc.graph.stages import Correlate, Pool, ShuffleChannels, Stage, TransposedCorrelate, windows
from convcalc.graph.trace import AXIS_NAMES, Step
from convcalc.notation import show_size
from convcalc.questions.chain import POOLS, ChainFields
from convcalc.questions.compare import Comparison
from convcalc.questions.cost import BYTES, reached_outputs, taps_on_data
from convcalc.questions.layer_receptive import axis_links, positions_seen, total_jump, widest_seen
from convcalc.questions.layer_report import Counted, Report, StageReport, memory, number

MOST_TERMS = 12
"""Positions or taps written out one by one; longer lists are shortened."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One number: where it belongs, what it is, and how it comes about."""

    where: str
    quantity: str
    formula: str
    numbers: str
    result: int | float | str | None
    source: str


def explain_shape(report: Report) -> tuple[Explanation, ...]:
    """The working-out of every output size."""
    return tuple(row for stage in report.stages for row in explain_output(stage.name, stage.step))


def explain_params(report: Report) -> tuple[Explanation, ...]:
    """The working-out of weights, biases and parameters."""
    stages = [row for stage in report.stages for row in _params(stage)]
    return (*stages, *_totals(report, ("weights", "biases", "parameters")))


def explain_cost(report: Report) -> tuple[Explanation, ...]:
    """The working-out of every count of the cost report."""
    stages = [
        row
        for stage in report.stages
        for row in (*explain_stage(stage, report.batch), _memory(stage.name, stage, report.dtype))
    ]
    names = ("parameters", "multiplications", "multiplications_effective", "additions", "macs", "flops", "activations")
    return (
        *stages,
        *_totals(report, names),
        *([_memory("total", report, report.dtype)] if len(report.stages) > 1 else []),
    )


def explain_stage(stage: StageReport, batch: int) -> tuple[Explanation, ...]:
    """The working-out of one stage: output, parameters and every count."""
    return (*explain_output(stage.name, stage.step), *_params(stage), *_cost(stage, batch))


def explain_comparison(comparison: Comparison) -> tuple[Explanation, ...]:
    """The working-out of the base, of every compared type, and of the ratios."""
    rows = [*explain_cost(comparison.base)]
    for compared in comparison.compared:
        name, other = compared.report.type, explain_cost(compared.report)
        rows += [replace(row, where=f"{name}: {row.where}") for row in other]
        for quantity, ratio in (
            ("multiplications", compared.ratio_multiplications),
            ("parameters", compared.ratio_parameters),
        ):
            theirs, ours = getattr(compared.report, quantity), getattr(comparison.base, quantity)
            rows.append(row_of(name, f"ratio of {quantity}", formulas.RATIO, float(ratio), compared=theirs, base=ours))
        if compared.closed_form and compared.ratio_formula:
            rows.append(
                Explanation(
                    name, "ratio, closed form", compared.closed_form, compared.ratio_formula,
                    float(compared.ratio_multiplications), "the stages' multiplications over the base's",
                )
            )  # fmt: skip
    return tuple(rows)


def explain_chain(chain: ChainFields) -> tuple[Explanation, ...]:
    """The working-out along a chain of layer words: sizes where the input is known, and the receptive field."""
    names = [layer.layer for layer in chain.layers]
    sizes = [
        row
        for layer in chain.layers
        for step in layer.steps
        for row in explain_output(_within(layer.layer, step), step)
    ]
    return (*sizes, *explain_rf(names, [layer.stages for layer in chain.layers]))


def _within(layer: str, step: Step) -> str:
    return layer if step.path in ("conv", *POOLS) else f"{layer}/{step.path}"


def explain_rf(names: Sequence[str], layers: Sequence[Sequence[Stage]]) -> tuple[Explanation, ...]:
    """The working-out of the receptive field after each layer; a layer is one stage or several."""
    rows: list[Explanation] = []
    walked: list[Stage] = []
    for name, stages in zip(names, layers, strict=True):
        walked += stages
        windowed = next(stage for stage in walked if not isinstance(stage, ShuffleChannels))
        axes = [list(_field(name, walked, len(stages), axis)) for axis in range(len(windowed.kernel))]
        rows += named_axes(axes)
    return tuple(rows)


def row_of(
    where: str, quantity: str, formula: Formula, result: int | float | str | None, **symbols: Symbol
) -> Explanation:
    """An explanation with the symbols' numbers put into the formula."""
    return Explanation(where, quantity, formula.text, formula.with_numbers(**symbols), result, formula.source)


def explain_output(where: str, step: Step) -> Iterator[Explanation]:
    """The working-out of the output size of one stage, and of the padding that a word stands for."""
    match step.stage:
        case ShuffleChannels():
            size = show_size(step.input)
            yield Explanation(where, "output", "input", size, size, "only the order of channels changes")
            return
        case Correlate() | TransposedCorrelate():
            yield _output_channels(where, step.path, step.stage)
        case Pool():
            pass
    yield from named_axes([list(_output(where, step, axis)) for axis in range(len(step.output) - 1)])


def _output_channels(where: str, path: str, layer: Correlate | TransposedCorrelate) -> Explanation:
    channels, filters = layer.in_channels, layer.out_channels
    if path == "depthwise":
        formula = formulas.OUTPUT_CHANNELS_DEPTHWISE
        return row_of(where, "output channels", formula, filters, channels=channels, multiplier=filters // channels)
    return row_of(where, "output channels", formulas.OUTPUT_CHANNELS, filters, filters=filters)


def _output(where: str, step: Step, axis: int) -> Iterator[Explanation]:
    """One axis: the padding that a word stands for, the output padding if there is one, and the output size."""
    assert not isinstance(step.stage, ShuffleChannels)
    window, size = windows(step.stage)[axis], step.output[axis + 1]
    symbols = {**_window_symbols(window), "input": step.input[axis + 1], "output": size}
    word, total = step.padding_word, window.before + window.after
    transposed = isinstance(step.stage, TransposedCorrelate)
    if word is not None:
        formula = formulas.TOTAL_PADDING[word]
        if transposed and word != "valid":
            formula = formulas.SAME_TRANSPOSED
        yield row_of(where, f"padding '{word}', total", formula, total, **symbols)
        if word.startswith("same"):
            half = formulas.PADDING_BEGIN if word == "same" else formulas.PADDING_BEGIN_LOWER
            yield row_of(where, f"padding '{word}', begin", half, window.before, total=total)
    if isinstance(step.stage, TransposedCorrelate):
        formula = formulas.OUTPUT_TRANSPOSED
        symbols["output_padding"] = step.stage.output_padding[axis]
        if symbols["output_padding"]:
            yield row_of(where, "output padding", formulas.LENGTHENED, symbols["output_padding"], **symbols)
    elif isinstance(step.stage, Pool) and step.stage.ceil_mode:
        formula = formulas.OUTPUT_CEILED
    else:
        formula = formulas.OUTPUT if window.dilation == 1 else formulas.OUTPUT_DILATED
    yield row_of(where, "output", formula, size, **symbols)


def named_axes(axes: Sequence[Sequence[Explanation]], names: Sequence[str] = ()) -> Iterator[Explanation]:
    """The rows of every axis with the axis's name, one row for axes that work out alike; spatial axes unless named."""
    names = names or AXIS_NAMES[len(axes)]
    named = [(name, row) for name, rows in zip(names, axes, strict=True) for row in rows]
    for quantity in dict.fromkeys(row.quantity for rows in axes for row in rows):
        for row in dict.fromkeys(row for _, row in named if row.quantity == quantity):
            labels = [name for name, other in named if other == row]
            yield replace(row, quantity=f"{row.quantity} {' and '.join(labels)}")


def _window_symbols(window: Window) -> dict[str, int]:
    return {
        "kernel": window.kernel,
        "stride": window.stride,
        "dilation": window.dilation,
        "padding_begin": window.before,
        "padding_end": window.after,
    }


def _params(stage: StageReport) -> Iterator[Explanation]:
    layer = stage.step.stage
    if not isinstance(layer, Correlate | TransposedCorrelate):
        return
    formula = formulas.WEIGHTS_TRANSPOSED if isinstance(layer, TransposedCorrelate) else formulas.WEIGHTS
    symbols = _layer_symbols(layer)
    yield row_of(stage.name, "weights", formula, stage.weights, **symbols)
    yield row_of(stage.name, "biases", formulas.BIASES, stage.biases, **symbols)
    yield row_of(
        stage.name, "parameters", formulas.PARAMETERS, stage.parameters, weights=stage.weights, biases=stage.biases
    )


def _layer_symbols(layer: Correlate | TransposedCorrelate) -> dict[str, int | Sequence[int]]:
    return {
        "filters": layer.out_channels,
        "in_channels": layer.in_channels,
        "groups": layer.groups,
        "kernel": layer.kernel,
        "bias": int(layer.bias),
    }


def _cost(stage: StageReport, batch: int) -> Iterator[Explanation]:
    step, layer, name = stage.step, stage.step.stage, stage.name
    if not isinstance(layer, Correlate | TransposedCorrelate):
        output, channels = step.output[1:], step.output[0]
        yield row_of(
            name, "activations", formulas.ACTIVATIONS, stage.activations, batch=batch, filters=channels, output=output
        )
        return
    transposed = isinstance(layer, TransposedCorrelate)
    on_data = taps_on_data(step)
    symbols = {
        **_layer_symbols(layer), "batch": batch, "input": step.input[1:], "output": step.output[1:],
        "taps_on_data": on_data,
    }  # fmt: skip
    multiplications = formulas.MULTIPLICATIONS_TRANSPOSED if transposed else formulas.MULTIPLICATIONS
    yield row_of(name, "multiplications", multiplications, stage.multiplications, **symbols)
    yield from named_axes([[_taps(stage, axis, on_data[axis])] for axis in range(len(on_data))])
    effective = formulas.EFFECTIVE_TRANSPOSED if transposed else formulas.EFFECTIVE
    yield row_of(name, "effective multiplications", effective, stage.multiplications_effective, **symbols)
    if transposed:
        zero_inserted = stage.multiplications_zero_inserted
        yield row_of(name, "zero-inserted multiplications", formulas.ZERO_INSERTED, zero_inserted, **symbols)
        symbols |= {"effective": stage.multiplications_effective, "outputs_reached": reached_outputs(step)}
    additions = formulas.ADDITIONS_TRANSPOSED if transposed else formulas.ADDITIONS
    yield row_of(name, "additions", additions, stage.additions, **symbols)
    yield row_of(name, "macs", formulas.MACS, stage.macs, multiplications=stage.multiplications)
    yield row_of(name, "flops", formulas.FLOPS, stage.flops, macs=stage.macs)
    yield row_of(name, "activations", formulas.ACTIVATIONS, stage.activations, **symbols)


def _taps(stage: StageReport, axis: int, result: int) -> Explanation:
    """Tap by tap where there are few, as one would count with a pencil."""
    step = stage.step
    assert isinstance(step.stage, Correlate | TransposedCorrelate)
    window = windows(step.stage)[axis]
    positions, size = step.output[axis + 1], step.input[axis + 1]
    transposed = isinstance(step.stage, TransposedCorrelate)
    formula = formulas.TAPS_IN_OUTPUT if transposed else formulas.TAPS_ON_DATA
    if window.kernel > MOST_TERMS:
        return row_of(
            stage.name, "taps on data along", formula, result, input=size, output=positions,
            **_window_symbols(window),
        )  # fmt: skip
    if transposed:
        positions, size = size, positions
    terms = []
    for tap in range(window.kernel):
        offset = tap * window.dilation - window.before
        first = max(0, -(offset // window.stride))
        last = min(positions - 1, (size - 1 - offset) // window.stride)
        terms.append(max(0, last - first + 1))
    numbers = " + ".join(map(str, terms))
    return Explanation(stage.name, "taps on data along", formula.text, numbers, result, formula.source)


def _memory(where: str, counted: Counted, dtype: str) -> Explanation:
    return row_of(
        where,
        f"{dtype} bytes",
        formulas.BYTES,
        memory(counted.cost, dtype)["bytes"],
        parameters=counted.parameters,
        activations=counted.activations,
        bytes_per_element=BYTES[dtype],
    )


def _totals(report: Report, names: Sequence[str]) -> Iterator[Explanation]:
    if len(report.stages) == 1:
        return
    for name in names:
        terms = " + ".join(str(getattr(stage, name)) for stage in report.stages)
        yield Explanation(
            "total", name.replace("_", " "), "the sum over the stages", terms, getattr(report, name),
            formulas.DEFINITION,
        )  # fmt: skip


def _field(name: str, walked: Sequence[Stage], new: int, axis: int) -> Iterator[Explanation]:
    """One axis after `new` more stages: the recurrence where it is exact, else the set of positions itself.

    The recurrence adds one window to intervals; it fails with transposed stages and stands for one window only.
    """
    links, before = axis_links(walked, axis), axis_links(walked[:-new], axis)
    jump = total_jump(before)
    added = [link for link in links[len(before) :] if link.window != Window(1)]
    widest, first = widest_seen(links), positions_seen(links, 0)
    if len(added) > 1 or any(link.transposed for link in links):
        strides = [f"{'/' if link.transposed else '*'} {link.window.stride}" for link in links[len(before) :]]
        formula = " ".join(f"{stride[0]} stride" for stride in strides)
        if widest.runs:
            yield row_of(name, "size along", formulas.SPAN, widest.span, first=widest.first, last=widest.last)
        else:
            yield Explanation(name, "size along", formulas.SPAN.text, "0", 0, "no tap reaches any output")
        yield Explanation(
            name, "jump along", f"jump_before {formula}", f"{jump} {' '.join(strides)}",
            number(total_jump(links)), formulas.JUMP.source,
        )  # fmt: skip
        start = first.first if first.runs else None
        yield Explanation(name, "start along", formulas.FIRST.text, str(start), start, formulas.FIRST.source)
    else:
        seen, whole = positions_seen(before, 0), jump.numerator
        window = _window_symbols(added[0].window if added else Window(1))
        symbols = {**window, "size_before": seen.span, "jump_before": whole, "start_before": seen.first}
        yield row_of(name, "size along", formulas.SIZE, widest.span, **symbols)
        yield row_of(name, "jump along", formulas.JUMP, number(total_jump(links)), **symbols)
        yield row_of(name, "start along", formulas.START, widest.first, **symbols)
    yield Explanation(
        name, "coverage along", formulas.COVERAGE.text, f"count({listed(widest)})", widest.count,
        formulas.COVERAGE.source,
    )  # fmt: skip


def listed(positions: Positions) -> str:
    """The positions one by one; unbroken runs of many as first..last, and a long list shortened."""
    shown = []
    for first, last in positions.runs[: MOST_TERMS + 1]:
        ends = positions.offset + positions.step * first, positions.offset + positions.step * last
        if last - first < MOST_TERMS:
            shown += [str(i) for i in range(ends[0], ends[1] + 1, positions.step)]
        else:
            step = "" if positions.step == 1 else f" step {positions.step}"
            shown.append(f"{ends[0]}..{ends[1]}{step}")
    if len(positions.runs) > MOST_TERMS or len(shown) > 2 * MOST_TERMS:
        return f"{', '.join(shown[:MOST_TERMS])}, ..., {positions.last}"
    return ", ".join(shown)
