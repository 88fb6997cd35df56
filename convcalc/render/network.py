"""Networks as tables: one row per layer, totals below."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from io import StringIO

from convcalc.axis.strands import AxisField
from convcalc.errors import plural
from convcalc.notation import Layout, show_axes, show_size
from convcalc.questions.compare import RATIOS, NetworkComparison, ratio_of
from convcalc.questions.cost import NETWORK_RULE, Cost, total
from convcalc.questions.report import LayerReport, Report
from convcalc.questions.schema import memory
from convcalc.questions.sweep import Sweep
from convcalc.render.cells import reading, size_cell
from convcalc.render.table import BARS, Bar, Cell, Table


def network_view(report: Report, layers: Sequence[LayerReport], layout: Layout) -> Table:
    """One row per layer with its share of the multiplications, totals below."""
    rows = [_row(layer, report, layout) for layer in layers]
    part = len(layers) < len(report.layers)
    if part:
        rows.append(_total_row("shown", total(layer.cost for layer in layers), report, layers))
    rows.append(_total_row("total", report.cost, report, report.layers))
    columns = ["name", "op", "output", "parameters", "multiplications", "activations", "receptive field", "share"]
    if report.machine:
        columns += ["ops/byte", "bound", "least ms"]
    sizes = memory(report.cost, report.dtype)
    least = "at least " if report.unsupported else ""
    ridge = [f"bound by memory below {report.machine.ridge:g} ops/byte"] if report.machine else []
    aside = [
        f"{report.dtype}: weights {_bytes(sizes['parameter_bytes'])}, "
        f"peak of live activations {_bytes(report.peak_activation_bytes)} at {report.peak_layer}, {_run(report)}",
        f"receptive field {_field(report.receptive_field)}",
        *ridge,
        *(f"{least}{line}" for line in _by_kind(report)),
        *_since(report),
        *(note for note in report.notes if note != NETWORK_RULE),
        NETWORK_RULE,
    ]
    read = f"  ({reading(report.input, layout)})" if report.input else ""
    return Table(
        title(report, layout) + read, tuple(columns), tuple(rows), 2 if part else 1, tuple(aside),
        optional=(
            "activations", BARS, "op", "receptive field", "share", "output",
            *(("parameters", "multiplications") if report.machine else ()),
        ),
        folding=True,
    )  # fmt: skip


def zoo_view(networks: Sequence[tuple[str, str, str]]) -> Table:
    """The networks of the zoo."""
    return Table("the zoo", ("network", "input", "source"), tuple(networks), aside=("convcalc net NETWORK",))


def _run(report: Report) -> str:
    """What memory and least times are of."""
    return "layer by layer" if report.unfused else "as deployed"


def comparison_view(comparison: NetworkComparison, layout: Layout, unfused: bool = False) -> Table:
    """The totals of networks side by side, each with its ratio to the first."""
    base, *others = (r.layer_by_layer if unfused else r for r in (comparison.base, *comparison.compared))
    rows: list[tuple[Cell, ...]] = []
    for label, key in _totals(base):
        row: list[Cell] = [label, _total(base, key)]
        for other in others:
            ratio = ratio_of(other, base, key) if key in RATIOS else None
            row += [_total(other, key), None if ratio is None else float(ratio)]
        rows.append(tuple(row))
    texts: dict[str, Callable[[Report], str | None]] = {
        "output": lambda report: size_cell(report.output, layout),
        "receptive field": lambda report: _field_size(report.receptive_field),
    }
    for label, text in texts.items():
        rows.append((label, text(base), *(cell for other in others for cell in (text(other), None))))
    columns = (
        "total",
        _name(base.name, base.changes),
        *(name for other in others for name in (_name(other.name, other.changes), "ratio")),
    )
    heading = ", ".join(title(report, layout) for report in (base, *others))
    notes = [
        f"{_name(report.name, report.changes)}: totals are at least these"
        for report in (base, *others)
        if report.unsupported
    ]
    return Table(heading, columns, tuple(rows), aside=(*notes, *comparison.notes, NETWORK_RULE))


def sweep_view(sweep: Sweep, layout: Layout, unfused: bool = False) -> Table:
    """One row for every size or width."""
    first, rows = sweep.first, list[tuple[Cell, ...]]()
    shown = [(label, key) for label, key in _totals(first) if key != "layers"]
    for value, fused in sweep.points:
        report = fused.layer_by_layer if unfused else fused
        ratio = sweep.ratio(report)
        sizes = size_cell(report.input, layout), size_cell(report.output, layout)
        totals = (_total(report, key) for _, key in shown)
        rows.append((value, *sizes, *totals, None if ratio is None else float(ratio)))
    columns = (sweep.over, "input", "output", *(label for label, _ in shown), "of the first")
    return Table(
        f"{_name(first.name, sweep.changes)} over {sweep.over}s", columns, tuple(rows), aside=(NETWORK_RULE,),
        optional=(
            "activations", "output", "of the first", "peak activation bytes",
            *(("parameters",) if first.machine else ()),
        ),
    )  # fmt: skip


TOTALS = (
    ("parameters", "parameters"),
    ("multiplications", "multiplications"),
    ("activations", "activations"),
    ("peak activation bytes", "peak_activation_bytes"),
    ("layers", "layers"),
)


def _totals(report: Report) -> tuple[tuple[str, str], ...]:
    """The totals in tables of whole networks, each with its JSON key."""
    return (*TOTALS, ("least ms", "least_seconds")) if report.machine else TOTALS


def _total(report: Report, key: str) -> Cell:
    match key:
        case "layers":
            return len(report.layers)
        case "least_seconds":
            return None if report.seconds is None else report.seconds * 1000
        case _:
            return report.total(key)


def _name(name: str, changes: Sequence[str]) -> str:
    """The network, and how it was changed."""
    return f"{name} ({', '.join(changes)})" if changes else name


def network_csv(report: Report, layers: Sequence[LayerReport], layout: Layout) -> str:
    """The rows as CSV, every count of every layer."""
    text = StringIO()
    columns = [
        "name", "op", "kind", "input", "output", "parameters", "weights", "biases", "multiplications",
        "multiplications_effective", "additions", "macs", "flops", "activations", "bytes_moved", "intensity", "share",
        "receptive_field", *(("bound", "least_seconds") if report.machine else ()),
    ]  # fmt: skip
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for layer in layers:
        values = layer.to_dict(report.dtype)
        shown = {
            **values,
            "input": "" if values["input"] is None else show_size(values["input"], layout),
            "output": "" if values["output"] is None else show_size(values["output"], layout),
            "receptive_field": _field_size(layer.receptive_field) or "",
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


def _row(layer: LayerReport, report: Report, layout: Layout) -> tuple[Cell, ...]:
    known = layer.counted
    output = size_cell(layer.output, layout)
    row: tuple[Cell, ...] = (
        layer.name, layer.op, output, layer.parameters if known else "?", layer.multiplications if known else "?",
        layer.activations if layer.output is not None else "?", _field_size(layer.receptive_field),
        Bar(float(layer.share)) if known else "?",
    )  # fmt: skip
    if layer.bound:
        row += (layer.intensity(report.dtype), layer.bound.by, layer.bound.seconds * 1000)
    return row


def _total_row(name: str, cost: Cost, report: Report, layers: Sequence[LayerReport]) -> tuple[Cell, ...]:
    counts: list[Cell] = [cost.parameters, cost.multiplications, cost.activations]
    if any(not layer.counted for layer in layers):
        counts = [f"at least {count:,}" for count in (cost.parameters, cost.multiplications, cost.activations)]
    row: tuple[Cell, ...] = (name, None, None, *counts, None, Bar(report.share(cost)))
    if report.machine:
        row += (None, None, report.least_seconds(layers) * 1000)
    return row


def title(report: Report, layout: Layout) -> str:
    """The network, how it was changed, and its sizes."""
    batch = f", batch {report.batch}" if report.batch > 1 else ""
    input, output = size_cell(report.input, layout), size_cell(report.output, layout)
    return f"{_name(report.name, report.changes)}  {input} -> {output or '?'}{batch}"


def _field_size(fields: tuple[AxisField, ...]) -> str | None:
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
