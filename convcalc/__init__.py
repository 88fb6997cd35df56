"""Exact arithmetic of convolutions, and a NumPy engine that proves it.

`analyze` answers for a layer without running it and imports no NumPy; `conv` and `conv_transpose` run one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcalc.engine import conv as conv
    from convcalc.engine import conv_transpose as conv_transpose
    from convcalc.errors import ConvcalcError as ConvcalcError
    from convcalc.questions.layer_report import Report as Report
    from convcalc.questions.layer_report import analyze as analyze

__version__ = "0.1.0"
__all__ = ["ConvcalcError", "Report", "analyze", "conv", "conv_transpose"]

_HOMES = {
    "ConvcalcError": "convcalc.errors",
    "Report": "convcalc.questions.layer_report",
    "analyze": "convcalc.questions.layer_report",
    "conv": "convcalc.engine",
    "conv_transpose": "convcalc.engine",
}


def __getattr__(name: str) -> Any:
    """Public names are fetched at first use, so that `convcalc.analyze` costs no import of NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
