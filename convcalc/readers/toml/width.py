"""The width of a network: one factor for all filters that its file writes as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Any

from convcalc.errors import NotationError, quoted
from convcalc.notation import MAX_DIGITS, whole_number
from convcalc.readers.toml.expressions import divisible, names_in
from convcalc.readers.toml.keys import USE_KEYS, finite_number, suggestion, tables, truth

_NUMBER = re.compile(f"[0-9]{{1,{MAX_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Width:
    """A factor, the number that scaled values are multiples of, and the names of the values that scale."""

    factor: Fraction
    divisor: int
    names: Sequence[str]

    def of(self, table: Mapping[str, Any]) -> Width:
        """The width of one layer or one use of a block, which may be fixed or have a smallest one."""
        if not table.keys() & {"fixed_width", "min_width"}:
            return self
        fixed, least = truth(table, "fixed_width", False), finite_number(table.get("min_width", 0), "min_width")
        if fixed and "min_width" in table:
            raise NotationError("min_width: belongs to a layer that scales, got fixed_width too; leave one out")
        if "min_width" in table and least <= 0:
            raise NotationError(f"min_width: must be a number above 0, got {quoted(table['min_width'])}")
        return replace(self, factor=Fraction(1) if fixed else max(self.factor, Fraction(str(least))))

    def scaled(self, name: str, value: Any, written: Any) -> Any:
        """A value at this width; as it is unless it scales and is written as a number.

        `written` is the value before it was worked out: a value made of other values has their width already.
        """
        if self.factor == 1 or name not in self.names or (isinstance(written, str) and names_in(written)):
            return value
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if self.divisor == 1:
            return max(1, floor(value * self.factor))
        return divisible(value * self.factor, self.divisor)


def width_of(document: Mapping[str, Any], factor: Fraction | float) -> Width:
    """What a width factor means in this file. Raises NotationError for keys about the width that cannot be read."""
    exact = Fraction(str(factor))  # 0.29 as it is written, not the nearest binary number
    return Width(exact, whole_number(document.get("width_divisor", 1), "width_divisor"), _scaling_names(document))


def _scaling_names(document: Mapping[str, Any]) -> Sequence[str]:
    """The names of the values that scale. Raises NotationError for a name that no block has a value under."""
    names = document.get("width_scales", ["filters"])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotationError(f"width_scales: must be a list of names, got {quoted(names)}")
    known = {"filters"}
    pending = [*tables(document, "blocks"), *tables(document, "layers")]
    for table in pending:  # which grows while it is read: by the layers of blocks
        if "op" not in table:
            known |= table.keys() - USE_KEYS - {"stride"}
        pending += tables(table, "layers")
    for name in names:
        if name not in known:
            raise NotationError(f"width_scales: no block has a value {quoted(name)}; {suggestion(name, sorted(known))}")
    return names
