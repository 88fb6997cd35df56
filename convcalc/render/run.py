"""A layer that was run, as a table: its checks, its output, and what the engine did."""

from __future__ import annotations

from convcalc.notation import Layout
from convcalc.proof.run import Engine, Result
from convcalc.render.checks import agreement, checks_table, output_line
from convcalc.render.numbers import number_lines
from convcalc.render.table import Table, duration
from convcalc.render.views import own_notes, title


def run_view(run: Result, layout: Layout, path: str | None) -> Table:
    """The checks of a run; below them the output and the verdict, and on request why the engine did what it did."""
    wrong = ", ".join(check.name for check in run.checks if check.ok is False)
    return checks_table(
        f"{title(run.report, layout)}  {run.algorithm}, {duration(run.seconds)}",
        run.checks,
        f"DISAGREES: {wrong}" if wrong else agreement(run.checks) if run.checks else "not checked",
        good=run.ok,
        aside=(
            *own_notes(run.report),
            *(f"{check.name}: {check.how}" for check in run.checks if check.name == "values" and check.ok is not None),
            output_line(run.output, path),
            *(() if path == "-" or run.output.values is None else number_lines(run.output.values)),
        ),
        more=[_engine_line(run, stage) for stage in run.engine],
    )


def _engine_line(run: Result, stage: Engine) -> str:
    """The algorithm of a stage, why, and its multiplications if these are not the definition's number."""
    where = f"{stage.stage}: " if len(run.engine) > 1 else ""
    defined = next(each.multiplications for each in run.report.stages if each.name == stage.stage)
    executed = stage.multiplications_executed
    count = "" if executed == defined else f"; it executes {executed:,} multiplications"
    return f"{where}{stage.algorithm}: {stage.reason}{count}"
