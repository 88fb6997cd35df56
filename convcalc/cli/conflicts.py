"""Which options of a command need or exclude one another: one table, whose first rule that is broken is reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from convcalc.errors import NotationError


class Needs(NamedTuple):
    """Each of the options works only with `other`; if `only_with` is named, this is so only with that option."""

    options: tuple[str, ...]
    other: str
    only_with: str = ""
    remedy: str = "add it"


class Exclude(NamedTuple):
    """No two of the options can be combined."""

    options: tuple[str, ...]


class ExcludeEach(NamedTuple):
    """None of the options can be combined with any of the `others`."""

    options: tuple[str, ...]
    others: tuple[str, ...]


Rule: TypeAlias = Needs | Exclude | ExcludeEach

SEVERAL_NETWORKS = ("--compare", "--sweep", "--sweep-width")
ROWS = ("--only", "--sort", "--depth")
NET: tuple[Rule, ...] = (
    Needs(
        (
            *("--input", "--batch", "--width", "--replace", "--dtype"),
            *("--peak", "--bandwidth", "--check", "--array", "--output", "--force"),
            *SEVERAL_NETWORKS,
            *ROWS,
            *("--layout", "--explain", "--csv"),
        ),
        "a MODEL",
        remedy="name one, such as resnet50",
    ),
    Exclude(("--json", "--csv")),
    Exclude(("--csv", "--explain", "--check", *SEVERAL_NETWORKS)),
    ExcludeEach(ROWS, SEVERAL_NETWORKS),
    Needs(("--array", "--output"), "--check"),
    Needs(("--force",), "--output", remedy="name one, such as -o out.npy"),
    ExcludeEach(("--unfused",), ("--check",)),
    ExcludeEach(("--columns",), ("--json", "--explain", "--check", "--compare")),
    Needs(
        (*ROWS, "--dtype", "--peak", "--bandwidth"), "--json", only_with="--check"
    ),  # the table of checks has no rows
)
"""The rules of `convcalc net`."""
TILES: tuple[Rule, ...] = (
    Needs(("--check",), "--tile", remedy="add one, such as --tile 256"),
    Exclude(("--check", "--explain")),
    ExcludeEach(("--sweep",), ("--tile", "--check", "--explain")),
)
"""The rules of `convcalc tile`."""

SOLVE: tuple[Rule, ...] = (
    ExcludeEach(
        ("--sizes",),
        (
            *("--output", "--kernel", "--stride", "--padding", "--dilation", "--output-padding", "--transposed"),
            *("--layers", "--receptive-field"),
        ),
    ),
    Needs(("--from", "--to"), "--sizes"),
    ExcludeEach(
        ("--receptive-field",), ("--input", "--output", "--stride", "--padding", "--output-padding", "--transposed")
    ),
)
"""The rules of `convcalc solve`."""


STREAM: tuple[Rule, ...] = (ExcludeEach(("--check",), ("--explain",)),)
"""The rules of `convcalc stream`."""


def check_conflicts(command: str, rules: tuple[Rule, ...], values: Mapping[str, object]) -> None:
    """Raises NotationError for the first rule that the options break; those at None, False or () were not given."""
    given = [name for name, value in values.items() if value not in (None, False, ())]
    for rule in rules:
        if problem := _problem(rule, given):
            raise NotationError(f"{command}: {problem}")


def _problem(rule: Rule, given: list[str]) -> str | None:
    match rule:
        case Needs(options, other, only_with, remedy):
            if other in given or (only_with and only_with not in given):
                return None
            first = next((name for name in options if name in given), None)
            condition = f" with {only_with}" if only_with else ""
            return f"{first}{condition} needs {other}, got none; {remedy}" if first else None
        case Exclude(options):
            first, second = [*(name for name in options if name in given), "", ""][:2]
        case ExcludeEach(options, others):
            first = next((name for name in options if name in given), "")
            second = next((name for name in others if name in given), "")
    return f"{first} cannot be combined with {second}; leave {second} out" if first and second else None
