"""Exact arithmetic of convolutions, and a NumPy engine that proves it.

`analyze` answers for a layer and `network` for many, and `tiles` cuts a large input for them, without running them or
importing NumPy; `conv` and `conv_transpose` run one.
"""

TYPE_CHECKING = False  # nothing is imported here: until `__main__` is reached, Ctrl-C is a traceback
if TYPE_CHECKING:
    from typing import Any

    from convcalc.engine import conv as conv
    from convcalc.engine import conv_transpose as conv_transpose
    from convcalc.errors import ConvcalcError as ConvcalcError
    from convcalc.questions.layer import analyze as analyze
    from convcalc.questions.models import network as network
    from convcalc.questions.report import Report as Report
    from convcalc.questions.tile_plan import tiles as tiles

__version__ = "0.1.0"
__all__ = ["ConvcalcError", "Report", "analyze", "conv", "conv_transpose", "network", "tiles"]

_HOMES = {
    "ConvcalcError": "convcalc.errors",
    "Report": "convcalc.questions.report",
    "analyze": "convcalc.questions.layer",
    "conv": "convcalc.engine",
    "conv_transpose": "convcalc.engine",
    "network": "convcalc.questions.models",
    "tiles": "convcalc.questions.tile_plan",
}


def __getattr__(name: str) -> "Any":
    """Public names are fetched at first use, so that `convcalc.analyze` costs no import of NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
