"""Networks side by side: every total with its ratio to the first network's."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from convcalc.questions.layer_report import SCHEMA
from convcalc.questions.report import NetworkReport

RATIOS = ("parameters", "multiplications", "activations", "peak_activation_bytes")


@dataclass(frozen=True, slots=True)
class NetworkComparison:
    """A base and the networks it is compared with."""

    base: NetworkReport
    compared: tuple[NetworkReport, ...]

    def to_dict(self) -> dict[str, Any]:
        compared = []
        for report in self.compared:
            ratios = {total: ratio_of(report, self.base, total) for total in RATIOS}
            numbers = {f"ratio_{total}": None if r is None else float(r) for total, r in ratios.items()}
            compared.append({**report.to_dict(), **numbers})
        return {"schema": SCHEMA, "base": self.base.to_dict(), "compared": compared}


def ratio_of(report: NetworkReport, base: NetworkReport, total: str) -> Fraction | None:
    """A total over the base's, None where the base has none of it."""
    ours, theirs = getattr(report, total), getattr(base, total)
    return Fraction(ours, theirs) if theirs else None
