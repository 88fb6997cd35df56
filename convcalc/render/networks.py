"""Several networks as tables: compared, over sizes or widths, and the zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from convcalc.notation import Layout, show_size
from convcalc.questions.compare import RATIOS, NetworkComparison, ratio_of
from convcalc.questions.cost import NETWORK_RULE
from convcalc.questions.report import Report
from convcalc.questions.sweep import Sweep
from convcalc.questions.zoo import ZooNetwork
from convcalc.render.cells import size_cell
from convcalc.render.network import changed_name, field_size, questions, title
from convcalc.render.table import Cell, Seconds, Table


def zoo_view(networks: Sequence[ZooNetwork]) -> Table:
    """The networks of the zoo, a line each; a terminal shows the first author of a source alone."""
    columns = ("network", "parameters", "multiplications", "input", "year", "source")
    rows = [(n.name, n.parameters, n.multiplications, show_size(n.input), str(n.year)) for n in networks]
    whole, short = (
        Table(
            "the zoo", columns, tuple((*row, source) for row, source in zip(rows, sources, strict=True)),
            aside=("convcalc net NETWORK; sources in full: convcalc net --json",), folding=True,
        )
        for sources in ([n.source for n in networks], [n.author for n in networks])
    )  # fmt: skip
    return replace(whole, on_terminal=short)


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
        "receptive field": lambda report: field_size(report.receptive_field),
    }
    for label, text in texts.items():
        rows.append((label, text(base), *(cell for other in others for cell in (text(other), None))))
    columns = (
        "total",
        changed_name(base.name, base.changes),
        *(name for other in others for name in (changed_name(other.name, other.changes), "ratio")),
    )
    heading = ", ".join(title(report, layout) for report in (base, *others))
    notes = [
        f"{changed_name(report.name, report.changes)}: totals are at least these"
        for report in (base, *others)
        if report.unsupported
    ]
    return Table(heading, columns, tuple(rows), aside=(*questions(base), *notes, *comparison.notes, NETWORK_RULE))


def sweep_view(sweep: Sweep, layout: Layout, unfused: bool = False) -> Table:
    """One row for every size or width; one that does not fit says why."""
    first, rows = sweep.first, list[tuple[Cell, ...]]()
    shown = [(label, key) for label, key in _totals(first) if key != "layers"]
    failed = any(isinstance(point, str) for _, point in sweep.points)
    columns = (sweep.over, "input", "output", *(label for label, _ in shown), "of the first")
    for value, point in sweep.points:
        if isinstance(point, str):
            rows.append((value, *[None] * (len(columns) - 1), point))
            continue
        report = point.layer_by_layer if unfused else point
        ratio = sweep.ratio(report)
        sizes = size_cell(report.input, layout), size_cell(report.output, layout)
        totals = (_total(report, key) for _, key in shown)
        why = (None,) if failed else ()
        rows.append((value, *sizes, *totals, None if ratio is None else float(ratio), *why))
    return Table(
        f"{changed_name(first.name, sweep.changes)} over {sweep.over}s",
        (*columns, "why not") if failed else columns, tuple(rows), aside=(NETWORK_RULE,),
        optional=(
            "activations", "output", "of the first", "peak activation bytes",
            *(("parameters",) if first.machine or failed else ()),
        ),
        wrapped="why not",
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
    return (*TOTALS, ("least time", "least_seconds")) if report.machine else TOTALS


def _total(report: Report, key: str) -> Cell:
    match key:
        case "layers":
            return len(report.layers)
        case "least_seconds":
            return None if report.seconds is None else Seconds(report.seconds)
        case _:
            return report.total(key)
