"""The checks of a network that was run: totals, and a row for every check that disagrees."""

from __future__ import annotations

from convcalc.errors import plural
from convcalc.notation import Layout
from convcalc.proof.executed import Check
from convcalc.proof.network import NetworkRun
from convcalc.proof.run import statistics
from convcalc.questions.report import Report
from convcalc.render.cells import agreement, check_cell, ok_cell, output_line, skipped_lines
from convcalc.render.network import title
from convcalc.render.table import Cell, Table


def checks_view(report: Report, run: NetworkRun, layout: Layout, ran_on: str, path: str | None) -> Table:
    """Predicted and measured side by side; `ran_on` names the data and weights, `path` the file of the output."""
    wrong = [check for check in run.checks if check.layer and check.ok is False]
    shown = [*run.totals, *wrong]
    agreed = [check for check in run.checks if check.layer and check.ok]
    layers = len({check.layer for check in run.checks if check.layer})
    agree = "agrees" if len(agreed) == 1 else "agree"
    aside = [
        *skipped_lines(run.checks),
        f"{plural(len(agreed), 'check')} of {plural(layers, 'layer')} {agree}; {ran_on}",
    ]
    if run.out is not None:
        aside.append(output_line(run.out, statistics(run.out), path))
    return Table(
        f"{title(report, layout)}  {run.seconds * 1000:.3g} ms",
        ("check", *(("layer",) if wrong else ()), "predicted", "measured", "ok", "how"),
        tuple(_row(check, bool(wrong)) for check in shown),
        aside=tuple(aside),
        optional=("how",),
        unreported=("how",),
        verdict=verdict(run),
        good=run.ok,
    )


def verdict(run: NetworkRun) -> str:
    """Whether all checks agree; if not, which do not, and in which layers."""
    if run.ok:
        return agreement(run.checks)
    wrong = ", ".join(dict.fromkeys(check.name for check in run.checks if check.ok is False))
    layers = ", ".join(run.wrong_layers)
    return f"DISAGREES: {wrong}{f' in {layers}' if layers else ''}"


def _row(check: Check, with_layer: bool) -> tuple[Cell, ...]:
    layer = (check.layer or None,) if with_layer else ()
    return check.name, *layer, check_cell(check.predicted), check_cell(check.measured), ok_cell(check.ok), check.how
