"""Results as tables: which columns answer which question. No arithmetic happens here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcalc.explain.layer import Explanation
from convcalc.graph.stages import ShuffleChannels, TransposedCorrelate
from convcalc.notation import show_axes, show_padding, show_size
from convcalc.questions.chain import ChainFields
from convcalc.questions.compare import Compared, Comparison
from convcalc.questions.cost import RULES
from convcalc.questions.layer_receptive import AxisField
from convcalc.questions.layer_report import Report, field_dict, memory
from convcalc.recipes import RECIPES
from convcalc.render.table import Cell, Table

if TYPE_CHECKING:
    from convcalc.proof.run import Engine, Run


def shape_view(report: Report, layout: str) -> Table:
    """One row per stage with its geometry, input and output."""
    rows = []
    lengthened = any(any(getattr(stage.step.stage, "output_padding", ())) for stage in report.stages)
    for stage in report.stages:
        layer = stage.step.stage
        geometry: tuple[Cell, ...]
        if isinstance(layer, ShuffleChannels):
            geometry = (None, None, None, None, layer.groups)
        else:
            assert not isinstance(layer.padding, str)
            groups = getattr(layer, "groups", None)
            padding = show_padding(layer.padding)
            geometry = (show_axes(layer.kernel), show_axes(layer.stride), padding, show_axes(layer.dilation), groups)
        if lengthened:
            geometry += (show_axes(layer.output_padding) if isinstance(layer, TransposedCorrelate) else None,)
        rows.append((stage.name, show_size(stage.input, layout), *geometry, show_size(stage.output, layout)))
    columns = (
        "stage", "input", "kernel", "stride", "padding", "dilation", "groups",
        *(("output padding",) if lengthened else ()), "output",
    )  # fmt: skip
    return Table(_title(report, layout), columns, tuple(rows), aside=_notes(report))


def params_view(report: Report, layout: str) -> Table:
    """Weights, biases and parameters of every stage."""
    rows: list[tuple[Cell, ...]] = [(s.name, s.weights, s.biases, s.parameters) for s in report.stages]
    totals = _has_total(report)
    if totals:
        rows.append(("total", report.weights, report.biases, report.parameters))
    return Table(
        _title(report, layout), ("stage", "weights", "biases", "parameters"), tuple(rows), totals, _notes(report)
    )


def cost_view(report: Report, layout: str) -> Table:
    """Every count of every stage."""
    transposed = any(stage.multiplications_zero_inserted is not None for stage in report.stages)
    rows: list[tuple[Cell, ...]] = []
    for part, name in [*((s, s.name) for s in report.stages), *([(report, "total")] if _has_total(report) else [])]:
        sizes = memory(part.cost, report.dtype)
        zero_inserted = (part.cost.multiplications_zero_inserted,) if transposed else ()
        rows.append(
            (
                name, part.parameters, part.multiplications, part.multiplications_effective, *zero_inserted,
                part.additions, part.macs, part.flops, part.activations, sizes["bytes"],
            )
        )  # fmt: skip
    columns = (
        "stage", "parameters", "multiplications", "effective", *(("zero-inserted",) if transposed else ()),
        "additions", "macs", "flops", "activations", f"{report.dtype} bytes",
    )  # fmt: skip
    return Table(_title(report, layout), columns, tuple(rows), int(_has_total(report)), (*_notes(report), *RULES))


def compare_view(comparison: Comparison, layout: str) -> Table:
    """The base, then every compared type with its ratio; the stages of a chain below it, one by one."""
    rows: list[tuple[Cell, ...]] = [_compare_row(comparison.base, None)]
    for compared in comparison.compared:
        rows.append(_compare_row(compared.report, compared))
        if len(compared.report.stages) > 1:
            rows += [
                (f"  {stage.name}", stage.parameters, None, stage.multiplications, None, None)
                for stage in compared.report.stages
            ]
    columns = ("type", "parameters", "params ratio", "multiplications", "ratio", "ratio as a formula")
    return Table(
        _title(comparison.base, layout), columns, tuple(rows),
        aside=(*_notes(comparison.base), *comparison.notes, *RULES), spare=("params ratio", "parameters"),
    )  # fmt: skip


def rf_view(
    title: str, names: Sequence[str], fields: Sequence[tuple[AxisField, ...]], outputs: Sequence[str | None],
    notes: Sequence[str],
) -> Table:  # fmt: skip
    """The receptive field after each layer."""
    rows = []
    for name, field, output in zip(names, fields, outputs, strict=True):
        values = field_dict(field)
        shown = [show_axes([_short(v) for v in values[key]]) for key in ("size", "jump", "start", "coverage")]
        rows.append((name, *shown, output))
    return Table(title, ("layer", "size", "jump", "start", "coverage", "output"), tuple(rows), aside=tuple(notes))


def chain_view(fields: ChainFields, layout: str) -> Table:
    """The receptive field along a chain of layer words."""
    title = "receptive field" if fields.input is None else f"receptive field on {show_size(fields.input, layout)}"
    return rf_view(
        title,
        [layer.layer for layer in fields.layers],
        [layer.receptive_field for layer in fields.layers],
        [None if layer.output is None else show_size(layer.output, layout) for layer in fields.layers],
        (),
    )


def layer_rf_view(report: Report, layout: str) -> Table:
    """The receptive field after each stage of one layer."""
    return rf_view(
        _title(report, layout),
        [stage.name for stage in report.stages],
        [stage.receptive_field for stage in report.stages],
        [show_size(stage.output, layout) for stage in report.stages],
        _notes(report),
    )


def explain_view(title: str, rows: Sequence[Explanation], notes: Sequence[str]) -> Table:
    """The working-out, one number a row."""
    columns = ("stage", "quantity", "formula", "numbers", "result", "source")
    return Table(
        title, columns, tuple((r.where, r.quantity, r.formula, r.numbers, r.result, r.source) for r in rows),
        aside=tuple(notes),
    )  # fmt: skip


def run_view(run: Run, layout: str, path: str | None) -> Table:
    """The checks of a run, predicted beside measured; below them the output and the verdict."""
    rows = tuple((c.name, _flat(c.predicted), _flat(c.measured), c.ok, c.how) for c in run.checks)
    of = " |x|" if run.out.dtype.kind == "c" else ""
    found = ", ".join(f"{name}{of} {value:.6g}" for name, value in run.statistics.items())
    written = "" if path is None else f"; written to {'stdout' if path == '-' else path}"
    wrong = ", ".join(check.name for check in run.checks if not check.ok)
    verdict = f"DISAGREES: {wrong}" if wrong else "every check agrees" if run.checks else "not checked"
    return Table(
        f"{_title(run.report, layout)}  {run.algorithm}, {run.seconds * 1000:.3g} ms",
        ("check", "predicted", "measured", "ok", "how"),
        rows,
        aside=(
            *_notes(run.report),
            *(_engine_line(run, stage) for stage in run.engine),
            *(f"{check.name}: {check.how}" for check in run.checks if check.name == "values"),
            f"output {show_size(run.out.shape)} {run.out.dtype}: {found}{written}",
        ),
        spare=("how",),
        quiet=("how",),
        verdict=verdict,
        good=run.ok,
    )


def _engine_line(run: Run, stage: Engine) -> str:
    """The algorithm of a stage, why, and what it multiplied where that is not the definition's number."""
    where = f"{stage.stage}: " if len(run.engine) > 1 else ""
    defined = next(each.multiplications for each in run.report.stages if each.name == stage.stage)
    executed = stage.multiplications_executed
    count = "" if executed == defined else f"; it executes {executed:,} multiplications"
    return f"{where}{stage.algorithm}: {stage.reason}{count}"


def types_view() -> Table:
    """The convolution types with their names, a line and a formula each."""
    rows = tuple((r.name, ", ".join(r.aliases) or None, r.summary, r.multiplications, r.source) for r in RECIPES)
    notes = (
        "P output positions, I input positions, K = product(kernel)",
        "in --compare, depthwise means depthwise-separable, because alone it cannot map C to N channels",
    )
    return Table("convolution types", ("type", "also", "what", "multiplications", "source"), rows, aside=notes)


def _title(report: Report, layout: str) -> str:
    batch = f", batch {report.batch}" if report.batch > 1 else ""
    order = " (channels last)" if layout == "channels-last" else ""
    return f"{report.type}  {show_size(report.input, layout)} -> {show_size(report.output, layout)}{order}{batch}"


def _notes(report: Report) -> tuple[str, ...]:
    return tuple(note for note in report.notes if note not in RULES)


def _has_total(report: Report) -> bool:
    return len(report.stages) > 1


def _compare_row(report: Report, compared: Compared | None) -> tuple[Cell, ...]:
    if compared is None:
        return (report.type, report.parameters, 1.0, report.multiplications, 1.0, None)
    formula = " = ".join(dict.fromkeys(part for part in (compared.closed_form, compared.ratio_formula) if part))
    return (
        report.type, report.parameters, float(compared.ratio_parameters), report.multiplications,
        float(compared.ratio_multiplications), formula or None,
    )  # fmt: skip


def _flat(value: object) -> Cell:
    """A check's value on one line: a size as 3x5x5, a receptive field in short."""
    if isinstance(value, dict):
        size, jump, start, coverage = (
            show_axes([_short(part) for part in value[key]]) for key in ("size", "jump", "start", "coverage")
        )
        return f"{size}, jump {jump}, start {start}, seen {coverage}"
    if isinstance(value, list):
        return show_size(value)
    return value if isinstance(value, int | float | str | None) else str(value)


def _short(value: int | float | None) -> str:
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
