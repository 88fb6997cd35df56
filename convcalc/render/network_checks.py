"""The checks of a network that was run: totals, and a row for every check that disagrees."""

from __future__ import annotations

from convcalc.errors import plural
from convcalc.notation import Layout
from convcalc.proof.network import NetworkRun
from convcalc.proof.statistics import output_of
from convcalc.questions.report import Report
from convcalc.render.checks import agreement, checks_table, output_line
from convcalc.render.network import questions, title
from convcalc.render.table import Table, duration


def checks_view(report: Report, run: NetworkRun, layout: Layout, ran_on: str, path: str | None) -> Table:
    """Predicted and measured side by side; `ran_on` names the data and weights, `path` the file of the output."""
    wrong = [check for check in run.checks if check.layer and check.ok is False]
    shown = [*run.totals, *wrong]
    agreed = [check for check in run.checks if check.layer and check.ok]
    layers = len({check.layer for check in run.checks if check.layer})
    agree = "agrees" if len(agreed) == 1 else "agree"
    aside = [*questions(report), f"{plural(len(agreed), 'check')} of {plural(layers, 'layer')} {agree}; {ran_on}"]
    if run.out is not None:
        aside.append(output_line(output_of(run.out), path))
    heading = f"{title(report, layout)}  {duration(run.seconds)}"
    return checks_table(heading, shown, verdict(run), good=run.ok, aside=aside)


def verdict(run: NetworkRun) -> str:
    """Whether all checks agree; if not, which do not, and in which layers."""
    if run.ok:
        return agreement(run.checks)
    wrong = ", ".join(dict.fromkeys(check.name for check in run.checks if check.ok is False))
    layers = ", ".join(run.wrong_layers)
    return f"DISAGREES: {wrong}{f' in {layers}' if layers else ''}"
