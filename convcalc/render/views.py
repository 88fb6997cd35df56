"""Results as tables: which columns answer which question. No arithmetic happens here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from convcalc.axis.strands import AxisField
from convcalc.graph.primitives import Convolution, Correlate, Pool, ShuffleChannels, TransposedCorrelate
from convcalc.notation import Layout, show_axes, show_padding
from convcalc.questions.cost import RULES
from convcalc.questions.report import Report, StageReport
from convcalc.questions.schema import field_dict
from convcalc.recipes import RECIPES
from convcalc.render.cells import reading, short, size_cell
from convcalc.render.table import Cell, Table

if TYPE_CHECKING:
    from convcalc.questions.chain import ChainFields
    from convcalc.questions.compare import Compared, Comparison


DEFAULTS: dict[str, Cell] = {"stride": "1", "padding": "0", "dilation": "1", "groups": 1}
"""The geometry that a terminal does not show if all stages have it."""


def shape_view(report: Report, layout: Layout) -> Table:
    """One row per stage with its geometry, input and output; a terminal shows no geometry that all have by default."""
    columns = ["stage", "input", "kernel", "stride", "padding", "dilation", "groups", "output"]
    rows = [[s.name, size_cell(s.input, layout), *_geometry(s), size_cell(s.output, layout)] for s in report.stages]
    lengthened = [_output_padding(stage) for stage in report.stages]
    if any(lengthened):
        columns.insert(-1, "output padding")
        for row, value in zip(rows, lengthened, strict=True):
            row.insert(-1, value)
    table = Table(title(report, layout), tuple(columns), tuple(map(tuple, rows)), aside=own_notes(report))
    return replace(table, on_terminal=_without_defaults(table))


def _without_defaults(table: Table) -> Table:
    """The table without the geometry that all its stages have by default; a note says what it is."""
    values = dict(zip(table.columns, zip(*table.rows, strict=True), strict=True))
    plain = [name for name, default in DEFAULTS.items() if all(value in (default, None) for value in values[name])]
    if not any(values["kernel"]):
        plain.append("kernel")
    same = ", ".join(f"{name} {DEFAULTS[name]}" for name in plain if any(v is not None for v in values[name]))
    return replace(
        _without(table, plain),
        aside=(*((f"at their defaults: {same}",) if same else ()), *table.aside),
        optional=("input",) if len(table.rows) > 1 else (),
        folding=len(table.rows) > 1,
    )


def _without(table: Table, columns: Collection[str]) -> Table:
    """The table without these columns."""
    kept = [i for i, name in enumerate(table.columns) if name not in columns]
    rows = tuple(tuple(row[i] for i in kept) for row in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in kept), rows=rows)


def _geometry(stage: StageReport) -> tuple[Cell, ...]:
    """Kernel, stride, padding, dilation and groups, None for those that the stage does not have."""
    primitive = stage.node.primitive
    if isinstance(primitive, ShuffleChannels):
        return None, None, None, None, primitive.groups
    if not isinstance(primitive, Convolution | Pool):
        return (None,) * 5
    assert not isinstance(primitive.padding, str)
    window = show_axes(primitive.kernel), show_axes(primitive.stride), show_padding(primitive.padding)
    groups = None if isinstance(primitive, Pool) else primitive.groups
    return *window, show_axes(primitive.dilation), groups


def _output_padding(stage: StageReport) -> str | None:
    primitive = stage.node.primitive
    if not isinstance(primitive, TransposedCorrelate) or not any(primitive.output_padding):
        return None
    return show_axes(primitive.output_padding)


def params_view(report: Report, layout: Layout) -> Table:
    """Weights, biases and parameters of every stage."""
    rows: list[tuple[Cell, ...]] = [(s.name, s.weights, s.biases, s.parameters) for s in report.stages]
    totals = _has_total(report)
    if totals:
        rows.append(("total", report.weights, report.biases, report.parameters))
    return Table(
        title(report, layout), ("stage", "weights", "biases", "parameters"), tuple(rows), totals, own_notes(report)
    )


def cost_view(report: Report, layout: Layout) -> Table:
    """Every count of every stage, and its bytes; a terminal does not show the sum of these."""
    transposed = any(stage.multiplications_zero_inserted is not None for stage in report.stages)
    totals = int(_has_total(report))
    columns = (
        "stage", "parameters", "multiplications", "effective", *(("zero-inserted",) if transposed else ()),
        "additions", "macs", "flops", "activations", *BYTE_COLUMNS, f"{report.dtype} bytes",
    )  # fmt: skip
    parts = [(stage.name, stage.cost, stage.to_dict(report.dtype)) for stage in report.stages]
    if totals:
        parts.append(("total", report.cost, report.to_dict()))
    rows: list[tuple[Cell, ...]] = []
    for name, cost, values in parts:
        zero_inserted = (cost.multiplications_zero_inserted,) if transposed else ()
        rows.append(
            (
                name, cost.parameters, cost.multiplications, cost.multiplications_effective, *zero_inserted,
                cost.additions, cost.macs, cost.flops, cost.activations, values["input_bytes"],
                values["parameter_bytes"], values["activation_bytes"], values["bytes"],
            )
        )  # fmt: skip
    table = Table(
        title(report, layout), columns, tuple(rows), totals, own_notes(report),
        optional=HIDDEN_FIRST if len(report.stages) > FEW else (), legend=_cost_legend(report), explained=RULES,
    )  # fmt: skip
    return replace(table, on_terminal=_without(table, columns[-1:]))


BYTE_COLUMNS = ("input bytes", "weight bytes", "output bytes")
HIDDEN_FIRST = ("flops", "macs", "activations", "additions", "effective", "zero-inserted", *BYTE_COLUMNS)
FEW = 4
"""Stages up to which a narrow terminal shows all counts, one below the other."""
COUNTED = ("multiplications", "multiplications: padding zeros included")


def _cost_legend(report: Report) -> tuple[tuple[str, str], ...]:
    """What the counts mean, as short as can be; --explain has the rules in full."""
    ops = {type(stage.node.primitive) for stage in report.stages}
    match Correlate in ops, TransposedCorrelate in ops:
        case True, True:
            counted = (
                (COUNTED[0], f"{COUNTED[1]} (transposed: each input value times its weights)"),
                ("effective", "effective: only taps on data (inside the output)"),
            )
        case False, True:
            counted = (
                (COUNTED[0], "multiplications: each input value times its weights"),
                ("effective", "effective: those inside the output"),
            )
        case _:
            counted = (COUNTED, ("effective", "effective: only taps on data"))
    return (
        *counted,
        ("zero-inserted", "zero-inserted: as a plain convolution"),
        ("flops", "flops = 2 x multiplications"),
        *(
            (column, f"bytes: {report.dtype}{', weights with biases' if report.biases else ''}")
            for column in BYTE_COLUMNS
        ),
    )


def compare_view(comparison: Comparison, layout: Layout) -> Table:
    """The base, then every compared type with its ratio; the stages of a chain below it, one by one."""
    rows: list[tuple[Cell, ...]] = [_compare_row(comparison.base, None)]
    for compared in comparison.compared:
        rows.append(_compare_row(compared.report, compared))
        if len(compared.report.stages) > 1 and len(compared.report.layers) == 1:
            rows += [
                (f"  {stage.name}", stage.parameters, None, stage.multiplications, None, None)
                for stage in compared.report.stages
            ]
    columns = ("type", "parameters", "params ratio", "multiplications", "ratio", "ratio as a formula")
    left_out = ", ".join(name for name, _ in comparison.left_out)
    table = Table(
        title(comparison.base, layout), columns, tuple(rows),
        aside=(*own_notes(comparison.base), *([f"left out: {left_out} (--explain says why)"] if left_out else [])),
        optional=("params ratio", "parameters"), legend=(COUNTED,), explained=(*comparison.notes, *RULES),
    )  # fmt: skip
    return table if any(row[-1] for row in rows) else replace(table, on_terminal=_without(table, columns[-1:]))


def rf_view(report: Report, layout: Layout) -> Table:
    """The receptive field after each stage of a layer."""
    rows = tuple((s.name, *_field_cells(s.receptive_field), size_cell(s.output, layout)) for s in report.stages)
    return Table(title(report, layout), FIELD_COLUMNS, rows, aside=own_notes(report), legend=FIELD_LEGEND)


def chain_rf_view(chain: ChainFields, layout: Layout) -> Table:
    """The receptive field after each layer of a row of layer words; with sizes if the input's is known."""
    size = chain.input
    heading = f"receptive field on {size_cell(size, layout)}  ({reading(size, layout)})" if size else "receptive field"
    rows = ((each.layer, *_field_cells(each.receptive_field), size_cell(each.output, layout)) for each in chain.layers)
    table = Table(heading, FIELD_COLUMNS, tuple(rows), aside=chain.notes, legend=FIELD_LEGEND)
    return table if chain.input else replace(table, on_terminal=_without(table, ("output",)))


FIELD_COLUMNS = ("layer", "size", "jump", "start", "coverage", "output")
FIELD_LEGEND = (
    ("size", "size: pixels one output spans"),
    ("jump", "jump: to the next output"),
    ("start", "start: of the first"),
    ("coverage", "coverage: pixels read"),
)


def _field_cells(fields: tuple[AxisField, ...]) -> tuple[Cell, ...]:
    values = field_dict(fields[:1] if fields[1:] == fields[:-1] else fields)
    return tuple(show_axes([short(v) for v in values[key]]) for key in ("size", "jump", "start", "coverage"))


def types_view() -> Table:
    """The convolution types, each with its names, summary and formula."""
    rows = tuple((r.name, ", ".join(r.aliases) or None, r.summary, r.multiplications, r.source) for r in RECIPES)
    notes = (
        "P output positions, I input positions, K = product(kernel)",
        "in --compare, depthwise means depthwise-separable, because alone it cannot map C to N channels",
    )
    return Table("convolution types", ("type", "also", "what", "multiplications", "source"), rows, aside=notes)


def title(report: Report, layout: Layout) -> str:
    """The layer's type and its sizes."""
    batch = f", batch {report.batch}" if report.batch > 1 else ""
    sizes = f"{size_cell(report.input, layout)} -> {size_cell(report.output, layout)}"
    return f"{report.type}  {sizes}  ({reading(report.input, layout)}){batch}"


def own_notes(report: Report) -> tuple[str, ...]:
    """The notes about this report, without the rules that hold for all."""
    return tuple(note for note in report.notes if note not in RULES)


def _has_total(report: Report) -> bool:
    return len(report.stages) > 1


def _compare_row(report: Report, compared: Compared | None) -> tuple[Cell, ...]:
    if compared is None:
        return (report.type, report.parameters, 1.0, report.multiplications, 1.0, None)
    formula = " = ".join(dict.fromkeys(part for part in (compared.closed_form, compared.ratio_formula) if part))
    return (
        compared.name, report.parameters, _ratio(compared.ratio_parameters), report.multiplications,
        _ratio(compared.ratio_multiplications), formula or None,
    )  # fmt: skip


def _ratio(ratio: Fraction | None) -> float | None:
    return None if ratio is None else float(ratio)
