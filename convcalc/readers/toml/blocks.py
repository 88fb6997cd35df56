"""Blocks: their definitions, the values that a use passes, and the scope of every repetition."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from convcalc.errors import NotationError, quoted, shortened
from convcalc.graph.graph import MAX_LAYERS
from convcalc.notation import whole_number
from convcalc.readers.toml.expressions import evaluated, names_in
from convcalc.readers.toml.keys import USE_KEYS, suggestion, tables
from convcalc.readers.toml.ops import FILTERS, OPS, takes_filters
from convcalc.readers.toml.width import Width

IMPLICIT = ("filters", "stride")
"""Values of a block that are passed on to its layers even if none mentions them by name."""


class Block:
    """A block as the file defines it, and properties that all its uses share, worked out once."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self.layers: Sequence[Mapping[str, Any]] = tables(table, "layers")
        self.values = {key: value for key, value in table.items() if key not in USE_KEYS}
        """Its own values, as written; a use may give others."""

    @cached_property
    def layer_names(self) -> frozenset[str]:
        """Names that layers are given in the file, which no default name may take."""
        return frozenset(name for layer in self.layers if isinstance(name := layer.get("name"), str))

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """Names of values that the layers mention."""
        return frozenset(name for layer in self.layers for name in _mentioned(layer))

    @cached_property
    def replaces_filters(self) -> bool:
        """Whether all its layers with filters have the same number, so that another can replace it.

        Raises NotationError if they have several numbers and none is without.
        """
        takers = [layer for layer in self.layers if isinstance(op := layer.get("op"), str) and takes_filters(op)]
        if any(not layer.keys() & {*FILTERS} for layer in takers):
            return False
        numbers = {value for layer in takers for name in FILTERS if isinstance(value := layer.get(name), int)}
        if len(numbers) > 1:
            raise NotationError(
                f"filters: the block's layers have {' and '.join(map(str, sorted(numbers)))}, which one number cannot "
                'stand for; write expressions there, such as "filters" and "4*filters"'
            )
        return bool(numbers)

    def check_values(self, own: Mapping[str, Any]) -> None:
        """Raises NotationError for a value that would have no effect if a use gave it.

        It may give those that the layers mention, the implicit ones, the block's own, and what its own are made of.
        """
        unknown = [key for key in own if key not in self.mentioned and key not in IMPLICIT]
        if unknown:  # rarely, and the block may have thousands of values and as many uses
            kept = {key: value for key, value in self.values.items() if key not in own}
            known = {*IMPLICIT, *kept, *_mentioned(kept), *self.mentioned}
            for key in unknown:
                if key not in known:
                    raise NotationError(f"{key}: is not a value of this block; its values: {', '.join(sorted(known))}")


class ImplicitValues:
    """`filters` and `stride` of one use of a block, for layers that do not mention them.

    A name is passed on if the use or the block gives it a value and no layer of the block mentions it:

        {block = "pair", filters = 32, stride = 2, repeat = 2}    # the use; the layers of block "pair":

        {op = "batch_norm"}                        # has no window and no filters, so nothing goes here
        {op = "conv", kernel = 3}                  # filters 32; stride 2, then 1 in the second repetition
        {op = "conv", kernel = 3}                  # filters 32; reads a window's output, so no stride
        {op = "conv", kernel = 1, from = "input"}  # filters 32, stride 2: the first window on another path

    If all layers have filters, the same number, then 32 replaces that number; if some have none, it goes to those only.
    """

    def __init__(self, block: Block, own: Collection[str]) -> None:
        given = [key for key in IMPLICIT if key in own or key in block.values]
        self._offered = {key for key in given if key not in block.mentioned}
        self._replaces_filters = "filters" in self._offered and block.replaces_filters
        self._taken: set[str] = set()
        self._after_window: set[int] = set()

    def start_repetition(self) -> None:
        """Every repetition has first windows of its own."""
        self._after_window.clear()

    def offer(
        self, op: str, written: Mapping[str, Any], inputs: Sequence[int], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The values for one layer, which replace its own under the same keys; `written` is its table."""
        offer = {}
        if "filters" in self._offered and takes_filters(op):
            name = next((name for name in FILTERS if name in written), "filters")
            own = written.get(name)
            if isinstance(own, int) if self._replaces_filters else own is None:
                offer[name] = values["filters"]
                self._taken.add("filters")
        if "stride" in self._offered and "stride" in OPS[op].keys and self._after_window.isdisjoint(inputs):
            offer["stride"] = values["stride"]
            self._taken.add("stride")
        return offer

    def added(self, number: int, op: str, inputs: Sequence[int]) -> None:
        """Remembers a layer that reads a window's output, or is one; its readers get no stride."""
        if "stride" in OPS[op].keys or not self._after_window.isdisjoint(inputs):
            self._after_window.add(number)

    def check_taken(self, given: Mapping[str, Any]) -> None:
        """Nothing if layers took every implicit value among those given. Raises NotationError otherwise.

        A stride of 1 changes nothing, so no layer needs to take it.
        """
        for key in IMPLICIT:
            left = key in self._offered and key in given and key not in self._taken
            if left and (key, given[key]) != ("stride", 1):
                raise NotationError(
                    f'{key}: no layer of the block takes it; write {key} = "{key}" in the one that is to'
                )


class Use:
    """One use of a block: the values that it gives, and how often the block is repeated.

    Raises NotationError for values that the block does not have or that cannot be worked out from `outer`, the values
    around it.
    """

    def __init__(self, block: Block, table: Mapping[str, Any], outer: Mapping[str, Any], width: Width) -> None:
        own = {key: value for key, value in table.items() if key not in USE_KEYS}
        if block.table is not table:
            block.check_values(own)
        self._block = block
        self._width = width.of(table)
        self._given = self._worked_out(own, outer)
        written = {"repeat": table.get("repeat", block.table.get("repeat", 1))}
        self.repeat = whole_number(evaluated(written, outer)["repeat"], "repeat", 0)
        if self.repeat > MAX_LAYERS:
            raise NotationError(f"repeat: must be at most {MAX_LAYERS}, got {self.repeat}")
        self._implicit = ImplicitValues(block, own)

    def scope(self, index: int, label: str, outer: Scope, input: int, channels: int) -> Scope:
        """The scope of one repetition, counted from 1; it reads the layer `input`, which has `channels` channels."""
        self._implicit.start_repetition()
        path = f"{label}/{index}" if self.repeat > 1 else label
        return Scope(path, input, outer, self._values(index, channels), self._block, self._implicit)

    def check_taken(self) -> None:
        """Raises NotationError for an implicit value that no layer took."""
        if self.repeat:
            self._implicit.check_taken(self._given)

    def _values(self, index: int, channels: int) -> dict[str, Any]:
        """The values in one repetition, the block's own in their order, so that each may use those before it."""
        values = {"stride": 1, **self._given, "channels": channels, "index": index}
        for key, value in self._block.values.items():
            if key not in self._given:
                values |= self._worked_out({key: value}, values)
        if index > 1:
            values["stride"] = 1
        return values

    def _worked_out(self, written: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Values with their expressions worked out, at the network's width."""
        result = evaluated(written, values)
        return {key: self._width.scaled(key, value, written[key]) for key, value in result.items()}


@dataclass(slots=True)
class Scope:
    """A scope of names: the network itself, or one repetition of a block."""

    name: str
    """What its layers' names begin with in the scope around it; empty for the network."""
    input: int
    """The number of the layer that `input` names."""
    parent: Scope | None
    values: Mapping[str, Any]
    block: Block
    """The table that its layers are written in; for the network, the file."""
    implicit: ImplicitValues | None = None
    path: str = field(init=False)
    """The beginning of its layers' names in the network."""
    depth: int = field(init=False)
    numbers: dict[str, int] = field(default_factory=dict)
    """The layers added, by their names in this scope."""
    _counts: dict[str, int] = field(default_factory=dict)
    """The last number of a default name, by op."""

    def __post_init__(self) -> None:
        self.path = self.prefix if self.parent is None else f"{self.parent.path}{self.prefix}"
        self.depth = 0 if self.parent is None else self.parent.depth + 1

    @property
    def prefix(self) -> str:
        return f"{self.name}/" if self.name else ""

    def default_name(self, table: Mapping[str, Any]) -> str:
        """The op or block with its number in this scope; numbers whose name is taken are skipped."""
        kind = next((table[key] for key in ("op", "block") if isinstance(table.get(key), str)), "block")
        number = self._counts.get(kind, 0) + 1
        while (name := f"{kind}{number}") in self.numbers or name in self.block.layer_names:
            number += 1
        self._counts[kind] = number
        return name

    def shown_name(self, label: object, table: Mapping[str, Any]) -> str:
        """A layer's name for a message; without one, its place among the tables."""
        written = any(isinstance(name := table.get(key), str) and name for key in ("name", "op", "block"))
        if label and isinstance(label, str) and (written or "layers" in table):
            return f"{self.path}{shortened(label)}"
        place = next((number for number, other in enumerate(self.block.layers, 1) if other is table), 1)
        return f"{self.path}layers {place}"

    def find(self, name: str) -> int:
        """The number of the layer of that name here or, if there is none, in the scopes around.

        Further out, a name whose value is a text stands for that text. Raises NotationError if nothing is found.
        """
        for scope in self._outwards():
            if name == "input":
                return scope.input
            if name in scope.numbers:
                return scope.numbers[name]
            if scope.parent is not None and isinstance(value := scope.values.get(name), str):
                name = value
        known = ["input", *(name for scope in self._outwards() for name in scope.numbers)]
        if f"{name}/1" in known:
            parts = ", ".join(part for part in known if part.rpartition("/")[0] == name)
            raise NotationError(f"from: {name} is a split, of which the parts are read: {shortened(parts)}")
        raise NotationError(f"from: no layer {quoted(name)} before this one; {suggestion(name, known)}")

    def adopt(self, inner: Scope, last: int) -> None:
        """Makes the layers of a repetition known here, and the repetition itself as its last layer."""
        self.numbers |= {f"{inner.prefix}{name}": number for name, number in inner.numbers.items()}
        self.numbers[inner.name] = last

    def _outwards(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def _mentioned(table: Mapping[str, Any]) -> Iterator[str]:
    """The names of values that the expressions of a table mention."""
    for key, value in table.items():
        pending = [value]
        for part in pending:  # which grows by the parts of lists
            if isinstance(part, list):
                pending += part
            elif isinstance(part, Mapping):
                yield from _mentioned(part)
            elif isinstance(part, str) and key not in ("name", "block") and not (key == "op" and part in OPS):
                yield from names_in(part)
