"""Networks as tables: a row a layer, totals below."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

from convcalc.network.comparison import RATIOS, NetworkComparison
from convcalc.network.costs import RULE
from convcalc.network.report import LayerReport, NetworkReport
from convcalc.network.sweep import Sweep
from convcalc.notation import show_axes, show_size
from convcalc.receptive import AxisField
from convcalc.render.table import Bar, Cell, Table
from convcalc.report import memory


def network_view(report: NetworkReport, layers: Sequence[LayerReport], layout: str) -> Table:
    """One row a layer with its share of the multiplications, totals below."""
    rows = [_row(layer, report, layout) for layer in layers]
    part = len(layers) < len(report.layers)
    if part:
        shown = [layer.cost for layer in layers]
        rows.append(_total_row("shown", sum(c.parameters for c in shown), sum(c.multiplications for c in shown),
                               sum(c.activations for c in shown), report, layers))  # fmt: skip
    rows.append(_total_row("total", report.parameters, report.multiplications, report.activations, report,
                           report.layers))  # fmt: skip
    columns = ["name", "op", "output", "parameters", "multiplications", "activations", "receptive field", "share"]
    if report.machine:
        columns += ["ops/byte", "bound", "least ms"]
    sizes = memory(report.cost, report.dtype)
    least = "at least " if report.unsupported else ""
    peak = report.to_dict()["totals"]["peak_activation_bytes"]
    aside = [
        f"{report.dtype}: weights {_bytes(sizes['parameter_bytes'])}, peak of live activations {_bytes(peak)} "
        f"at {report.peak_layer}",
        f"receptive field {_field(report.receptive_field)}",
        *(f"{least}{line}" for line in _by_kind(report)),
        *_since(report),
        *(note for note in report.notes if note != RULE),
        RULE,
    ]
    return Table(
        title(report, layout), tuple(columns), tuple(rows), 2 if part else 1, tuple(aside),
        spare=("activations", "op", "receptive field"),
    )  # fmt: skip


def zoo_view(networks: Sequence[tuple[str, str, str]]) -> Table:
    """The networks that come along."""
    return Table("the zoo", ("network", "input", "source"), tuple(networks), aside=("convcalc net NETWORK",))


def comparison_view(comparison: NetworkComparison, layout: str) -> Table:
    """The totals of networks side by side, each with its ratio to the first."""
    base, others = comparison.base, comparison.compared
    totals = [report.totals() for report in (base, *others)]
    rows: list[tuple[Cell, ...]] = []
    for label, key in TOTALS:
        if key in RATIOS:
            ratios = [comparison.ratio(other, key) for other in others]
            beside = [
                (total[key], None if r is None else float(r)) for total, r in zip(totals[1:], ratios, strict=True)
            ]
        else:
            beside = [(total[key], None) for total in totals[1:]]
        rows.append((label, totals[0][key], *(cell for pair in beside for cell in pair)))
    shown = [(report, _size(report.output, layout), _field_size(report.receptive_field)) for report in (base, *others)]
    rows.append(("output", shown[0][1], *(cell for row in shown[1:] for cell in (row[1], None))))
    rows.append(("receptive field", shown[0][2], *(cell for row in shown[1:] for cell in (row[2], None))))
    changed = ", replaced" if base.before else ""
    columns = ("total", f"{base.name}{changed}", *(name for other in others for name in (other.name, "ratio")))
    title = ", ".join(title(report, layout) for report in (base, *others))
    notes = [f"{report.name}: totals are at least these" for report in (base, *others) if report.unsupported]
    return Table(title, columns, tuple(rows), aside=(*base.network.notes[-1:], *notes, RULE))


def sweep_view(sweep: Sweep, layout: str) -> Table:
    """One row for every size or width."""
    rows: list[tuple[Cell, ...]] = []
    first = sweep.points[0][1]
    for value, report in sweep.points:
        totals = report.totals()
        ratio = totals["multiplications"] / first.multiplications if first.multiplications else None
        rows.append((value, _size(report.input, layout), _size(report.output, layout),
                     *(totals[key] for _, key in TOTALS[:-1]), ratio))  # fmt: skip
    columns = (sweep.over, "input", "output", *(label for label, _ in TOTALS[:-1]), "of the first")
    return Table(
        f"{first.name} over {sweep.over}s", columns, tuple(rows), aside=(RULE,),
        spare=("activations", "output", "input", "of the first"),
    )  # fmt: skip


TOTALS = (
    ("parameters", "parameters"),
    ("multiplications", "multiplications"),
    ("activations", "activations"),
    ("peak activation bytes", "peak_activation_bytes"),
    ("layers", "layers"),
)


def network_csv(report: NetworkReport, layers: Sequence[LayerReport], layout: str) -> str:
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


def _by_kind(report: NetworkReport) -> list[str]:
    """The totals of every kind of layer that has any."""
    return [
        f"{kind}: {part['parameters']:,} parameters, {part['multiplications']:,} multiplications "
        f"in {part['layers']} layer{'s' if part['layers'] > 1 else ''}"
        for kind, part in report.totals()["by_kind"].items()
        if part["parameters"] or part["multiplications"]
    ]


def _since(report: NetworkReport) -> list[str]:
    """What became of the totals where convolutions are replaced."""
    if report.before is None:
        return []
    pairs = [(name, getattr(report.before, name), getattr(report, name)) for name in ("multiplications", "parameters")]
    told = (f"{name} {was:,}, now {now / was:.5g} of it" for name, was, now in pairs if was)
    return [f"before: {'; '.join(told)}"]


def _row(layer: LayerReport, report: NetworkReport, layout: str) -> tuple[Cell, ...]:
    known = layer.node.counted
    output = None if layer.output is None else show_size(layer.output, layout)
    row: tuple[Cell, ...] = (
        layer.name, layer.op, output, layer.parameters if known else "?", layer.multiplications if known else "?",
        layer.activations if layer.output is not None else "?", _field_size(layer.receptive_field),
        Bar(float(layer.share)) if known else "?",
    )  # fmt: skip
    if layer.bound:
        row += (layer.intensity(report.dtype), layer.bound.by, layer.bound.seconds * 1000)
    return row


def _total_row(
    name: str, parameters: int, multiplications: int, activations: int, report: NetworkReport,
    layers: Sequence[LayerReport],
) -> tuple[Cell, ...]:  # fmt: skip
    unknown = any(not layer.node.counted for layer in layers)
    counts: list[Cell] = [parameters, multiplications, activations]
    if unknown:
        counts = [f"at least {count:,}" for count in (parameters, multiplications, activations)]
    share = multiplications / report.multiplications if report.multiplications else 0.0
    row: tuple[Cell, ...] = (name, None, None, *counts, None, Bar(share))
    if report.machine:
        row += (None, None, sum(layer.bound.seconds for layer in layers if layer.bound) * 1000)
    return row


def title(report: NetworkReport, layout: str) -> str:
    batch = f", batch {report.batch}" if report.batch > 1 else ""
    return f"{report.name}  {_size(report.input, layout)} -> {_size(report.output, layout) or '?'}{batch}"


def _size(size: tuple[int, ...] | None, layout: str) -> str | None:
    return None if size is None else show_size(size, layout)


def _field_size(fields: tuple[AxisField, ...]) -> str | None:
    return show_axes([axis.size for axis in fields]) if fields else None


def _field(fields: tuple[AxisField, ...]) -> str:
    if not fields:
        return "none: the input has no spatial axes"
    values: dict[str, Sequence[object]] = {
        "": [axis.size for axis in fields],
        ", jump ": [str(axis.jump) for axis in fields],
        ", start ": [axis.start for axis in fields],
        ", seen ": [axis.coverage for axis in fields],
    }
    return "".join(f"{label}{show_axes(numbers)}" for label, numbers in values.items())


def _bytes(count: int) -> str:
    """Bytes exactly, and in binary units for reading."""
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count:,} bytes" if unit == "B" else f"{count:,} bytes ({size:.4g} {unit})"
