"""Networks written in TOML: layers and blocks in the order of the file, each placed on the shapes that reach it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from convcalc.errors import ConvcalcError, DataError, NotationError, first_of, located, quoted
from convcalc.graph.graph import MAX_LAYERS, Builder, Graph
from convcalc.notation import (
    Axes,
    PerAxis,
    axis_count,
    parse_features,
    show_size,
    size_questions,
    stated_dims,
    with_axes,
)
from convcalc.readers.toml.blocks import Block, Scope, Use
from convcalc.readers.toml.expressions import evaluated, value_of
from convcalc.readers.toml.keys import (
    COMMON_KEYS,
    MAX_LISTED,
    TOP_KEYS,
    check_keys,
    suggestion,
    tables,
    text,
)
from convcalc.readers.toml.limits import check_limits
from convcalc.readers.toml.ops import ALL_OPS, FILTERS, OPS, Lowered, by_our_names, check_inputs, op_named
from convcalc.readers.toml.width import width_of

MAX_ENTRIES = 2 * MAX_LAYERS
"""Most tables to go through, repetitions and layers that are left out included."""
MAX_DEPTH = 16
"""How deep blocks may use one another."""
HEADER = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?(layers|blocks)[\"']?[ \t]*\]\]", re.MULTILINE)
"""The header of a table at the top; the order of these two kinds among each other counts."""
_ACCEPTED = {name: op.keys | COMMON_KEYS for name, op in OPS.items()}


def network_from_toml(
    data: bytes, file: str, *, input: PerAxis | None = None, batch: int = 1, width: Fraction | float = 1
) -> Graph:
    """The network that a TOML file describes, on its own input or another; `width` scales its filters.

    Raises DataError, NotationError or ShapeError, naming the file, the layer and the key.
    """
    try:
        content = data.decode("utf-8-sig")  # some editors begin with a byte order mark
        with located(file):
            check_limits(content)
        document = tomllib.loads(content)
    except ConvcalcError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: must be TOML in UTF-8, got {error}") from None
    try:
        with located(file):
            return _Reader(document, width, HEADER.findall(content)).network(input, batch)
    except _AtLayerError as error:
        raise error.type(f"{file}: {error}") from None


class _AtLayerError(Exception):
    """An error whose message names its layer already; enclosing blocks must not add theirs."""

    def __init__(self, type: type[ConvcalcError], message: str) -> None:
        super().__init__(message)
        self.type = type


class _Reader:
    """One pass over a document, which adds the layers of every table to the network in order."""

    def __init__(self, document: Mapping[str, Any], width: Fraction | float, headers: Sequence[str]) -> None:
        check_keys(document, TOP_KEYS, "the file")
        self._document, self._headers = document, headers
        self._width = width_of(document, width)
        self._name = text(document.get("name", "network"), "name")
        self._source = text(document["source"], "source") if "source" in document else ""
        notes = document.get("notes", [])
        self._questions: tuple[str, ...] = ()
        """What the size of the network's own input leaves open."""
        self._notes = [text(note, "notes") for note in (notes if isinstance(notes, list) else [notes])]
        self._blocks = dict(_named_blocks(document))
        self._unused = set(self._blocks)
        self._in_place: dict[int, Block] = {}
        """Blocks written where they are used, by the identity of their table."""
        self._builder = Builder()
        self._entries = 0

    def network(self, input: PerAxis | None, batch: int) -> Graph:
        """The whole network, on the given input or its own."""
        first = self._builder.input((batch, *self._input_size(input)))
        top = Scope("", first, None, {}, Block(self._document))
        last = first
        for key, table in self._in_order():
            if key == "layers" or "name" not in table:  # blocks without a name run where they stand
                last = self._entry(table, top, last)
            elif not top.block.layers:
                last = self._entry({"block": table["name"]}, top, last)
        if last == first:
            raise NotationError("layers: must have at least one layer, got none")
        notes = [*self._questions, *self._notes]
        if unread := self._unread(last):
            notes.append(f"unused outputs: {first_of(unread, MAX_LISTED)}")
        if self._unused and top.block.layers:
            notes.append(
                f"unused blocks, not counted: {first_of(sorted(self._unused), MAX_LISTED)}; "
                "only a block without a name runs where it stands"
            )
        return replace(self._builder.graph(self._name, last, notes, self._source), remarks=tuple(self._notes))

    def _input_size(self, input: PerAxis | None) -> Axes:
        own = parse_features(self._document["input"]) if "input" in self._document else None
        if own is not None:
            questions = size_questions(own, "channels-first", _stated_axes(self._document), has_layout=False)
            self._questions = questions if input is None else ()
        if input is None:
            if own is None:
                raise NotationError('input: must be given, such as input = "3x224x224", or with --input')
            return own
        size = parse_features(input)
        if own is not None and len(own) != len(size):
            raise NotationError(
                f"input: must have the axes of the network's {show_size(own)}, got {show_size(size)}; "
                f"write {show_size(with_axes(size, own))}"
            )
        return size

    def _in_order(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The top tables as ("layers" or "blocks", table) in the order of the file, which the parser does not keep."""
        found = {key: tables(self._document, key) for key in ("layers", "blocks")}
        order: Sequence[str] = self._headers
        if any(order.count(key) != len(found[key]) for key in found):  # written as a list on one line
            order = [key for key in self._document for _ in found.get(key, ())]
        left = {key: iter(several) for key, several in found.items()}
        return ((key, next(left[key])) for key in order)

    def _unread(self, last: int) -> list[str]:
        """The names of layers whose output nothing reads."""
        read = {number for node in self._builder.nodes for number in node.inputs} | {last}
        return [group.name for group in self._builder.groups if group.last not in read]

    def _entry(self, table: Mapping[str, Any], scope: Scope, last: int) -> int:
        """The number of the layer that the next one reads, after this table."""
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise _AtLayerError(NotationError, f"layers: a file may ask for {MAX_ENTRIES} layers, got more")
        label = table.get("name", scope.default_name(table))  # a layer with a name counts in the numbers too
        try:
            text(label, "name")
            if label == "input":
                raise NotationError("name: must be another than input, which is what the network or the block reads")
            if label in scope.numbers:
                raise NotationError("name: must be different from others here, got it twice; give another")
            return self._layer(table, label, scope, last) if "op" in table else self._use(table, label, scope, last)
        except ConvcalcError as error:
            message, where = str(error), scope.shown_name(label, table)
            message = message if message.startswith(f"{where}: ") else f"{where}: {message}"
            raise _AtLayerError(type(error), message) from None

    def _use(self, table: Mapping[str, Any], label: str, scope: Scope, last: int) -> int:
        """The number of a block's last layer, after all repetitions, each of which reads the one before."""
        block = self._block(table)
        if scope.depth >= MAX_DEPTH:
            raise NotationError(f"block: blocks may use one another {MAX_DEPTH} deep, got more")
        at = scope.numbers[label] = self._inputs(table, scope, last)[0]
        if not _wanted(table, scope):
            return at
        use = Use(block, table, scope.values, self._width)
        for index in range(1, use.repeat + 1):
            inner = use.scope(index, label, scope, at, channels=self._shape(at)[1])
            for layer in block.layers:
                at = self._entry(layer, inner, at)
            scope.adopt(inner, at)
        scope.numbers[label] = at
        use.check_taken()
        return at

    def _block(self, table: Mapping[str, Any]) -> Block:
        """The block that a table uses: one with a name, or the layers of its own."""
        if "block" not in table:
            if "layers" not in table:
                raise NotationError(f"op: must be given, or block; {ALL_OPS}")
            if id(table) not in self._in_place:
                self._in_place[id(table)] = Block(table)
            return self._in_place[id(table)]
        name = text(table["block"], "block")
        if name not in self._blocks:
            raise NotationError(f"block: unknown block {quoted(name)}; {suggestion(name, self._blocks)}")
        if "layers" in table:
            raise NotationError("layers: belong to a block's own table, got both layers and block; leave one out")
        self._unused.discard(name)
        return self._blocks[name]

    def _layer(self, table: Mapping[str, Any], label: str, scope: Scope, last: int) -> int:
        """The number of a layer with an op: of a split's last part, or of the input of a layer that is left out."""
        written = text(table["op"], "op")
        if written not in OPS and isinstance(value := scope.values.get(written), str):
            written = value
        op, table = op_named(written), by_our_names(table)
        check_keys(table, _ACCEPTED[op], op)
        inputs = self._inputs(table, scope, last)
        if not _wanted(table, scope):
            scope.numbers[label] = inputs[0]  # left out, it stands for what it would have read
            return inputs[0]
        check_inputs(op, len(inputs))
        keys = evaluated({key: value for key, value in table.items() if key not in COMMON_KEYS}, scope.values)
        width = self._width.of(table)
        if op != "linear":
            for name in FILTERS:
                if name in keys:
                    keys[name] = width.scaled("filters", keys[name], table[name])
        if scope.implicit:
            keys |= scope.implicit.offer(op, table, inputs, scope.values)
        lowered = OPS[op].lower(op, keys, [self._shape(number) for number in inputs])
        numbers = self._add(label, written, lowered, inputs, scope)
        if scope.implicit:
            for number in numbers:
                scope.implicit.added(number, op, inputs)
        return numbers[-1]

    def _add(self, label: str, op: str, lowered: Lowered, inputs: Sequence[int], scope: Scope) -> list[int]:
        """The numbers of new layers, which have names in this scope."""
        numbers = []
        for suffix, layer in lowered:
            numbers.append(self._builder.add(f"{scope.path}{label}{suffix}", op, layer, inputs))
            scope.numbers[f"{label}{suffix}"] = numbers[-1]
        return numbers

    def _inputs(self, table: Mapping[str, Any], scope: Scope, last: int) -> list[int]:
        """The numbers of the layers that `from` names; the layer before if it is not given."""
        if "from" not in table:
            return [last]
        given = table["from"]
        names = given if isinstance(given, list) else [given]
        if not names or not all(isinstance(name, str) for name in names):
            raise NotationError(f"from: must be the name of a layer or a list of names, got {quoted(given)}")
        return [scope.find(name) for name in names]

    def _shape(self, number: int) -> Axes:
        shape = self._builder.nodes[number].shape
        assert shape is not None
        return shape


def _named_blocks(document: Mapping[str, Any]) -> Iterator[tuple[str, Block]]:
    """The blocks that have names. Raises NotationError for a block without layers, and for a name given twice."""
    seen = set()
    for index, table in enumerate(tables(document, "blocks"), 1):
        where = f"blocks/{table.get('name', index)}"
        if not tables(table, "layers", where):
            raise NotationError(f"{where}: layers: must have at least one layer, got none")
        if "name" not in table:
            continue
        name = text(table["name"], f"{where}: name")
        for key in ("op", "block", "from", "when", "fixed_width", "min_width"):
            if key in table:
                raise NotationError(f"{where}: {key}: belongs to a layer, such as the one that uses the block")
        if name in seen:
            raise NotationError(f"{where}: name: must be different from other blocks', got {quoted(name)} twice")
        seen.add(name)
        yield name, Block(table)


def _wanted(table: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a table is not left out by its `when`."""
    when = table.get("when", True)
    if isinstance(when, bool):
        return when
    if not isinstance(when, str):
        raise NotationError(f"when: must be true, false or an expression, got {quoted(when)}")
    return bool(value_of(when, scope.values))


def _stated_axes(value: object) -> int | None:
    """The most spatial axes that an op or a window's value names, anywhere in a document; None if all leave it open."""
    found = [_stated_axes(each) for each in value] if isinstance(value, list) else []
    if isinstance(value, Mapping):
        found = [_stated_axes(each) for key, each in value.items() if key in ("layers", "blocks")]
        found += [axis_count(value[key]) for key in ("kernel", "stride", "padding", "dilation") if key in value]
        found.append(stated_dims(str(value.get("op", ""))))
    return max((count for count in found if count is not None and count > 1), default=None)
