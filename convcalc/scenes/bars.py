"""The multiplications of convolution types beside each other, as bars."""

from __future__ import annotations

from convcalc.notation import show_size
from convcalc.questions.compare import Comparison
from convcalc.scenes.scene import Bar, Role, Scene, Step


def cost_scene(comparison: Comparison) -> Scene:
    """A bar per type for the same input and output, to one scale, the base first; beside it the ratio to the base."""
    base = comparison.base
    others = [(each.name, each.report, each.ratio_formula) for each in comparison.compared]
    rows = [(base.type, base, None), *others]
    most = max(1, *(report.multiplications for _, report, _ in rows))
    bars, lines = [], []
    for label, report, formula in rows:
        count, text = report.multiplications, f"{report.multiplications:,}"
        if report is not base and base.multiplications:
            text += f"  ({count / base.multiplications:.3g})"
        bars.append(Bar(label, 0, count / most, text, Role.MADE if report is base else Role.TAP))
        if formula and "+" in formula:
            lines.append(f"{label}: {formula} of {base.type}")
    return Scene(
        f"{base.type}: {show_size(base.input)} -> {show_size(base.output or ())}",
        "multiplications of every type that maps this input to this output, and their ratio",
        (),
        (Step("cost", (), tuple(lines)),),
        ((Role.MADE, "the type asked about"), (Role.TAP, "another type")),
        bars=tuple(bars),
        notes=comparison.notes,
    )
