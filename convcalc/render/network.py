"""A network as a table: a row for each layer or group, totals below."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

from convcalc.axis.strands import AxisField
from convcalc.errors import plural
from convcalc.notation import WAS_READ, Layout, show_axes, show_size
from convcalc.questions.compare import ratio_of
from convcalc.questions.cost import Cost, total
from convcalc.questions.report import AT_LEAST, LayerReport, Report
from convcalc.questions.schema import memory
from convcalc.questions.summary import Row
from convcalc.render.cells import reading, size_cell
from convcalc.render.columns import chosen_columns
from convcalc.render.table import BARS, Bar, Cell, Seconds, Table


def network_view(report: Report, rows: Sequence[Row], layout: Layout, *, part: bool = False) -> Table:
    """The rows, each with its share of the multiplications, and totals below; `part` if they are not all layers."""
    cells = [_row(row, report, layout) for row in rows]
    layers = [layer for row in rows for layer in row.layers]
    if part:
        cells.append(_total_row("shown", total(layer.cost for layer in layers), report, layers))
    cells.append(_total_row("total", report.cost, report, report.layers))
    columns = ["name", "op", "output", "parameters", "multiplications", "activations", "receptive field", "share"]
    if report.machine:
        columns += ["ops/byte", "bound", "least time"]
    within = (
        [f"{plural(len(layers), 'layer')} in {plural(len(rows), 'row')}; {DEEPER}"] if len(rows) < len(layers) else []
    )
    ridge = [f"bound by memory below {report.machine.ridge:g} ops/byte"] if report.machine else []
    read = f"  ({reading(report.input, layout)})" if report.input else ""
    return Table(
        title(report, layout) + read, tuple(columns), tuple(cells), 2 if part else 1,
        aside=(*_found(report), *within, *ridge, *(() if part else (*_whole(report), *_since(report)))),
        explained=() if part else (*_by_kind(report), *(n for n in report.notes if n not in _found(report))),
        optional=(
            "activations", *(("op", BARS) if within else (BARS, "op")), "receptive field", "share", "output",
            *(("parameters", "multiplications") if report.machine else ()),
        ),
        folding=True,
    )  # fmt: skip


DEEPER = "--depth N opens N levels, --depth all shows every layer"


def _found(report: Report) -> list[str]:
    """The notes about this request and this file, and the one that says which layers are not counted."""
    found = (*report.graph.notes, *(note for note in report.notes if note.startswith(AT_LEAST)))
    return [note for note in found if note not in report.graph.remarks]


def _whole(report: Report) -> tuple[str, ...]:
    """Memory and the receptive field of the whole network."""
    weights = _bytes(memory(report.cost, report.dtype)["parameter_bytes"])
    peak = f"{_bytes(report.peak_activation_bytes)} at {report.peak_layer}"
    mapped = report.fields.mapped
    at = "" if mapped == report.graph.output else f", at {report.graph.labels[mapped]}"
    return (
        f"{report.dtype}: weights {weights}, peak of activations {peak}, {_run(report)}",
        f"receptive field {_field(report.receptive_field)}{at}",
    )


def _run(report: Report) -> str:
    """What memory and least times are of."""
    return "layer by layer" if report.unfused else "as deployed"


def changed_name(name: str, changes: Sequence[str]) -> str:
    """The network, and how it was changed."""
    return f"{name} ({', '.join(changes)})" if changes else name


def network_csv(report: Report, layers: Sequence[LayerReport], layout: Layout, chosen: str | None = None) -> str:
    """The rows as CSV, every count of every layer, or the columns chosen."""
    text = StringIO()
    columns = [
        "name", "op", "kind", "input", "output", "parameters", "weights", "biases", "multiplications",
        "multiplications_effective", "additions", "macs", "flops", "activations", "bytes_moved", "intensity", "share",
        "receptive_field", *(("bound", "least_seconds") if report.machine else ()), "buffers",
    ]  # fmt: skip
    columns = chosen_columns(columns, chosen)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for layer in layers:
        values = layer.to_dict(report.dtype)
        shown = {
            **values,
            "input": "" if values["input"] is None else show_size(values["input"], layout),
            "output": "" if values["output"] is None else show_size(values["output"], layout),
            "receptive_field": field_size(layer.receptive_field) or "",
        }
        writer.writerow(["" if shown[column] is None else shown[column] for column in columns])
    return text.getvalue()


def _by_kind(report: Report) -> list[str]:
    """The totals of every kind of layer that has any."""
    return [
        f"{kind}: {part['parameters']:,} parameters, {part['multiplications']:,} multiplications "
        f"in {plural(part['layers'], 'layer')}"
        for kind, part in report.totals()["by_kind"].items()
        if part["parameters"] or part["multiplications"]
    ]


def _since(report: Report) -> list[str]:
    """A note that compares the totals with those before convolutions were replaced, if any were."""
    if report.before is None:
        return []
    changes = []
    for name in ("multiplications", "parameters"):
        ratio = ratio_of(report, report.before, name)
        if ratio is not None:
            changes.append(f"{name} {report.before.total(name):,}, now {float(ratio):.5g} of it")
    return [f"before: {'; '.join(changes)}"]


def _row(row: Row, report: Report, layout: Layout) -> tuple[Cell, ...]:
    sized = all(layer.output is not None for layer in row.layers)
    cells: tuple[Cell, ...] = (
        row.name, row.op, size_cell(row.output, layout), _count(row.parameters, row, row.counted),
        _count(row.multiplications, row, row.counted), _count(row.activations, row, sized),
        field_size(row.receptive_field), Bar(float(row.share)) if row.counted or len(row.layers) > 1 else "?",
    )  # fmt: skip
    if row.bound:
        cells += (row.intensity(report.dtype), row.bound.by if row.moved else None, Seconds(row.bound.seconds))
    return cells


def _count(count: int, row: Row, known: bool) -> Cell:
    """A count, `at least` that if it is not known of some layers of the row."""
    return count if known else f"at least {count:,}" if len(row.layers) > 1 else "?"


def _total_row(name: str, cost: Cost, report: Report, layers: Sequence[LayerReport]) -> tuple[Cell, ...]:
    counts: list[Cell] = [cost.parameters, cost.multiplications, cost.activations]
    if any(not layer.counted for layer in layers):
        counts = [f"at least {count:,}" for count in (cost.parameters, cost.multiplications, cost.activations)]
    row: tuple[Cell, ...] = (name, None, None, *counts, None, Bar(report.share(cost)))
    if report.machine:
        row += (None, None, Seconds(report.least_seconds(layers)))
    return row


def questions(report: Report) -> list[str]:
    """What is asked about the size of the input, in answers that have no room for other notes."""
    return [note for note in report.graph.notes if WAS_READ in note]


def title(report: Report, layout: Layout) -> str:
    """The network, how it was changed, and its sizes."""
    batch = f", batch {report.batch}" if report.batch > 1 else ""
    input, output = size_cell(report.input, layout), size_cell(report.output, layout)
    return f"{changed_name(report.name, report.changes)}  {input} -> {output or '?'}{batch}"


def field_size(fields: tuple[AxisField, ...]) -> str | None:
    return show_axes([axis.size for axis in fields]) if fields else None


def _field(fields: tuple[AxisField, ...]) -> str:
    if not fields:
        return "none: the input has no spatial axes"
    values: dict[str, Sequence[object]] = {
        "": [axis.size for axis in fields],
        ", jump ": [str(axis.jump) for axis in fields],
        ", start ": [axis.start for axis in fields],
        ", coverage ": [axis.coverage for axis in fields],
    }
    return "".join(f"{label}{show_axes(numbers)}" for label, numbers in values.items())


UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def _bytes(count: int) -> str:
    """Bytes exactly, and in the binary unit that reads best; beyond the units, exactly alone."""
    power = (count.bit_length() - 1) // 10
    if not 1 <= power <= len(UNITS):
        return f"{count:,} bytes"
    return f"{count:,} bytes ({count / 1024**power:.4g} {UNITS[power - 1]})"
