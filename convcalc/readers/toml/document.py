"""Networks written in TOML: layers in order, branches by name, and blocks that are used again with other values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from math import floor
from typing import Any

from convcalc.errors import MOST_ECHOED, ConvcalcError, DataError, NotationError, first_of, quoted, shortened
from convcalc.graph.graph import MOST_LAYERS, Assembly, Network
from convcalc.graph.primitives import Input
from convcalc.graph.stages import Axes
from convcalc.notation import MOST_DIGITS, PerAxis, parse_features, show_size, whole_number
from convcalc.readers.toml.expressions import divisible, has_operation, names_in, value_of
from convcalc.readers.toml.ops import FILTERS, OPS, SPELLED, truth
from convcalc.recipes import BY_NAME

TOP_KEYS = ("name", "input", "source", "notes", "width_divisor", "width_scales", "blocks", "layers")
COMMON_KEYS = frozenset({"name", "op", "from", "when", "fixed_width"})
USE_KEYS = frozenset({"name", "block", "from", "when", "repeat", "layers", "fixed_width"})
BLOCK_KEYS = frozenset({"name", "repeat", "layers"})
MOST_ENTRIES = 2 * MOST_LAYERS
"""Tables gone through at the most, those left out included."""
MOST_DEPTH = 16
MOST_LISTED = 20
ALL_OPS = "docs/networks.md lists all ops, such as conv, max_pool, linear, batch_norm, relu, add"
HEADER = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?(layers|blocks)[\"']?[ \t]*\]\]", re.MULTILINE)
"""Of the tables at the top, whose order among each other counts."""
_NUMBER = re.compile(f"[0-9]{{1,{MOST_DIGITS}}}")
_WORD = re.compile(r"[A-Za-z_][\w-]*(/[\w-]+)*")
PASSED_ON = ("filters", "stride")
"""Values of a block that go to its layers even where none asks for them by name."""


@dataclass(slots=True)
class Scope:
    """Where names mean something: the network itself, or one repetition of a block."""

    path: str
    input: int
    parent: Scope | None
    values: dict[str, Any]
    layers: Sequence[Mapping[str, Any]]
    """The tables of the layers here."""
    free: frozenset[str] = frozenset()
    """Of filters and stride, those that no layer of the block asks for by name: they go where they are due."""
    numbers: bool = False
    """Whether free filters take the place of those that layers have as numbers, rather than fill in what lacks."""
    named: dict[str, int] = field(default_factory=dict)
    ops: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Of what is free, what a layer took."""
    strided: set[int] = field(default_factory=set)
    """Layers of this repetition that have a window behind them on every path from what the block reads."""
    reserved: frozenset[str] = field(init=False)
    """Names that layers here are given in the file, which no default name may take."""

    def __post_init__(self) -> None:
        self.reserved = frozenset(name for layer in self.layers if isinstance(name := layer.get("name"), str))

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1


def network_from_toml(
    data: bytes, file: str, *, input: PerAxis | None = None, batch: int = 1, width: Fraction | float = 1
) -> Network:
    """The network that a TOML file describes, on its own input or another; `width` scales its filters.

    Raises DataError, NotationError or ShapeError, naming the file, the layer and the key.
    """
    try:
        text = data.decode("utf-8-sig")  # some editors begin with a byte order mark
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: must be TOML in UTF-8, got {error}") from None
    try:
        return _Reader(document, width, HEADER.findall(text)).network(input, batch)
    except ConvcalcError as error:
        raise type(error)(f"{file}: {error}") from None
    except _AtLayerError as error:
        raise error.type(f"{file}: {error}") from None


class _Reader:
    """One pass over a document: every layer is lowered on the shapes that reach it."""

    def __init__(self, document: Mapping[str, Any], width: Fraction | float, headers: Sequence[str]) -> None:
        _check_keys(document, TOP_KEYS, "the file")
        self.document, self.width = (
            document,
            Fraction(str(width)),
        )  # 0.29 as it is written, not the nearest binary number
        self.divisor = whole_number(document.get("width_divisor", 1), "width_divisor")
        self.scales = _scales(document)
        self.name = _text(document.get("name", "network"), "name")
        self.source = _text(document["source"], "source") if "source" in document else ""
        written = document.get("notes", [])
        self.notes = [_text(note, "notes") for note in (written if isinstance(written, list) else [written])]
        self.blocks = dict(self._blocks())
        self.used: set[str] = set()
        self.assembly = Assembly()
        self.entries = 0
        self.headers = headers

    def network(self, input: PerAxis | None, batch: int) -> Network:
        if input is None and "input" not in self.document:
            raise NotationError('input: must be given, such as input = "3x224x224", or with --input')
        own = parse_features(self.document["input"]) if "input" in self.document else None
        size = own if input is None else parse_features(input)
        if own is not None and size is not None and len(own) != len(size):
            raise NotationError(f"input: must have the axes of the network's {show_size(own)}, got {show_size(size)}")
        shape = (batch, *(size or ()))
        first = self.assembly.add("input", "input", Input(shape))
        entries, blocks = _tables(self.document, "layers", ""), _tables(self.document, "blocks", "")
        top = Scope("", first, None, {}, entries)
        last = first
        for key, entry in self._in_order(entries, blocks):
            if key == "layers" or "name" not in entry:  # blocks without a name run where they stand
                last = self._entry(entry, top, last)
            elif not entries:
                last = self._entry({"block": entry["name"]}, top, last)
        if last == first:
            raise NotationError("layers: must have at least one layer, got none")
        unread = self._unread(last)
        notes = [f"read by no other layer: {first_of(unread, MOST_LISTED)}"] if unread else []
        unused = sorted(self.blocks.keys() - self.used)
        if unused and entries:
            notes.append(
                f"blocks that no layer uses, and that count nothing: {first_of(unused, MOST_LISTED)}; "
                "one without a name stands where it is"
            )
        return Network(self.name, tuple(self.assembly.nodes), last, (*self.notes, *notes), self.source)

    def _in_order(
        self, layers: Sequence[Mapping[str, Any]], blocks: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The top tables as ("layers" or "blocks", table), as they stand in the file, which the parser takes apart."""
        tables = {"layers": layers, "blocks": blocks}
        order: Sequence[str] = self.headers
        if any(order.count(key) != len(tables[key]) for key in tables):  # written as a list in one line
            order = [key for key in self.document for _ in tables.get(key, ())]
        left = {key: iter(some) for key, some in tables.items()}
        return ((key, next(left[key])) for key in order)

    def _unread(self, last: int) -> list[str]:
        read = {i for node in self.assembly.nodes for i in node.inputs} | {last}
        return [node.name for i, node in enumerate(self.assembly.nodes) if i not in read]

    def _blocks(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        seen = set()
        for index, block in enumerate(_tables(self.document, "blocks", ""), 1):
            where = f"blocks/{block.get('name', index)}"
            if not _tables(block, "layers", where):
                raise NotationError(f"{where}: layers: must have at least one layer, got none")
            if "name" not in block:
                continue
            name = _text(block["name"], f"{where}: name")
            for key in ("op", "block", "from", "when", "fixed_width"):
                if key in block:
                    raise NotationError(f"{where}: {key}: belongs to a layer, such as the one that uses the block")
            if name in seen:
                raise NotationError(f"{where}: name: must be different from other blocks', got {quoted(name)} twice")
            seen.add(name)
            yield name, block

    def _entry(self, entry: Mapping[str, Any], scope: Scope, last: int) -> int:
        """The number of the layer that the next one reads, after this table."""
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise _AtLayerError(NotationError, f"layers: a file may ask for {MOST_ENTRIES} layers, got more")
        label = entry.get("name", self._default_name(entry, scope))
        try:
            _text(label, "name")
            if label == "input":
                raise NotationError("name: must be another than input, which is what the network or the block reads")
            if label in scope.named:
                raise NotationError("name: must be different from others here, got it twice; give another")
            number = self._layer(entry, label, scope, last) if "op" in entry else self._use(entry, label, scope, last)
        except ConvcalcError as error:
            text = str(error)
            where = f"{scope.path}{_shown_name(label, entry, scope)}"
            raise _AtLayerError(type(error), text if text.startswith(f"{where}: ") else f"{where}: {text}") from None
        return number

    def _default_name(self, entry: Mapping[str, Any], scope: Scope) -> str:
        """The op and its number here, or the next number whose name nobody has."""
        kind = next((entry[key] for key in ("op", "block") if isinstance(entry.get(key), str)), "block")
        number = scope.ops.get(kind, 0) + 1
        while (name := f"{kind}{number}") in scope.named or name in scope.reserved:
            number += 1
        scope.ops[kind] = number
        return name

    def _use(self, entry: Mapping[str, Any], label: str, scope: Scope, last: int) -> int:
        """A block put in place: `repeat` times, each repetition on the one before."""
        block = self._block_of(entry)
        if scope.depth >= MOST_DEPTH:
            raise NotationError(f"block: blocks may use one another {MOST_DEPTH} deep, got more")
        inputs = self._inputs(entry, scope, last)
        at = scope.named[label] = inputs[0]
        if not self._wanted(entry, scope):
            return at
        layers = _tables(block, "layers", "")
        own = {k: v for k, v in entry.items() if k not in USE_KEYS}
        defaults = {k: v for k, v in block.items() if k not in BLOCK_KEYS | own.keys()}
        names = {"filters", "stride", *defaults, *(name for part in (defaults, *layers) for name in _names(part))}
        for key in own if block is not entry else ():
            if key not in names:
                raise NotationError(f"{key}: is not a value of this block; its values: {', '.join(sorted(names))}")
        fixed = truth(entry, "fixed_width", False)
        values = self._values(own, scope.values, fixed)
        asked = {"repeat": entry.get("repeat", block.get("repeat", 1))}
        repeat = whole_number(_evaluated(asked, scope.values)["repeat"], "repeat", 0)
        if repeat > MOST_LAYERS:
            raise NotationError(f"repeat: must be at most {MOST_LAYERS}, got {repeat}")
        asked_for = {name for layer in layers for name in _names(layer)}
        free = frozenset(key for key in PASSED_ON if key in {**defaults, **own} and key not in asked_for)
        numbers = "filters" in free and _have_one_number(layers)
        taken: set[str] = set()
        for index in range(1, repeat + 1):
            path = f"{label}/{index}/" if repeat > 1 else f"{label}/"
            shape = self._shape(at)
            told = {"stride": 1, **values, "channels": shape[1], "index": index}
            for key, value in defaults.items():  # in their order, so that one may be made of those before
                told |= self._values({key: value}, told, fixed)
            if index > 1:
                told["stride"] = 1
            inner = Scope(f"{scope.path}{path}", at, scope, told, layers, free, numbers, taken=taken)
            for layer in layers:
                at = self._entry(layer, inner, at)
            scope.named |= {path + known: number for known, number in inner.named.items()}
            scope.named[path[:-1]] = at
        scope.named[label] = at
        for key in free & own.keys() - taken if repeat else ():
            if values[key] != 1 or key != "stride":
                raise NotationError(
                    f'{key}: no layer of the block takes it; write {key} = "{key}" in the one that is to'
                )
        return at

    def _values(self, given: Mapping[str, Any], known: Mapping[str, Any], fixed: bool) -> dict[str, Any]:
        """What a block is told, worked out and at the width asked for."""
        evaluated = _evaluated(given, known)
        return evaluated if fixed else {key: self._scaled(key, v, given[key]) for key, v in evaluated.items()}

    def _block_of(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """The block that a layer uses: one with a name, or the layers of its own."""
        if "block" not in entry:
            if "layers" not in entry:
                raise NotationError(f"op: must be given, or block; {ALL_OPS}")
            return entry
        name = _text(entry["block"], "block")
        if name not in self.blocks:
            raise NotationError(f"block: unknown block {quoted(name)}; {_near(name, self.blocks)}")
        if "layers" in entry:
            raise NotationError("layers: belong to a block's own table, got them beside block; leave one out")
        self.used.add(name)
        return self.blocks[name]

    def _layer(self, entry: Mapping[str, Any], label: str, scope: Scope, last: int) -> int:
        written = _text(entry["op"], "op")
        if written not in OPS and isinstance(scope.values.get(written), str):
            written = scope.values[written]
        op = written if written in OPS else SPELLED.get(written, written)
        if op not in OPS:
            raise NotationError(f"op: unknown op {quoted(written)}; {_near_ops(written)}{ALL_OPS}")
        _check_keys(entry, sorted(OPS[op].keys | COMMON_KEYS), op)
        inputs = self._inputs(entry, scope, last)
        if not self._wanted(entry, scope):
            scope.named[label] = inputs[0]  # left out, it stands for what it would have read
            return inputs[0]
        least, most = OPS[op].inputs
        if not least <= len(inputs) <= (most or len(inputs)):
            wanted = f"{least} or more" if most is None else f"{least}" if most == least else f"{least} or {most}"
            layers = "layer" if wanted == "1" else "layers"
            what = "name them in a list" if len(inputs) < least else "leave the others out"
            raise NotationError(f"from: {op} reads {wanted} {layers}, got {len(inputs)}; {what}")
        keys = _evaluated({k: v for k, v in entry.items() if k not in COMMON_KEYS}, scope.values)
        fixed = truth(entry, "fixed_width", False) or op == "linear"
        for name in FILTERS:
            if name in keys and not fixed:
                keys[name] = self._scaled("filters", keys[name], entry[name])
        if scope.free:
            self._pass_on(op, keys, entry, inputs, scope)
        number = inputs[0]
        for suffix, operator in OPS[op].lower(op, keys, [self._shape(i) for i in inputs]):
            number = self.assembly.add(f"{scope.path}{label}{suffix}", written, operator, inputs)
            scope.named[f"{label}{suffix}"] = number
            if "stride" in OPS[op].keys or scope.strided.intersection(inputs):
                scope.strided.add(number)
        return number

    def _pass_on(
        self, op: str, keys: dict[str, Any], entry: Mapping[str, Any], inputs: Sequence[int], scope: Scope
    ) -> None:
        """Into a block's layer, what its use gives and no layer asks for by name.

        The stride goes to the first window on every path from what the block reads.
        """
        written = next((entry[name] for name in FILTERS if name in entry), None)
        due = isinstance(written, int) if scope.numbers else written is None
        if "filters" in scope.free and due and _takes_filters(op):
            scope.taken.add("filters")
            keys[next((name for name in FILTERS if name in keys), "filters")] = scope.values["filters"]
        if "stride" in scope.free and "stride" in OPS[op].keys and not scope.strided.intersection(inputs):
            scope.taken.add("stride")
            keys["stride"] = scope.values["stride"]

    def _wanted(self, entry: Mapping[str, Any], scope: Scope) -> bool:
        when = entry.get("when", True)
        if isinstance(when, bool):
            return when
        if not isinstance(when, str):
            raise NotationError(f"when: must be true, false or an expression, got {quoted(when)}")
        return bool(value_of(when, scope.values))

    def _inputs(self, entry: Mapping[str, Any], scope: Scope, last: int) -> list[int]:
        """The numbers of the layers that `from` names; the one before where nothing is said."""
        if "from" not in entry:
            return [last]
        given = entry["from"]
        names = given if isinstance(given, list) else [given]
        if not names or not all(isinstance(name, str) for name in names):
            raise NotationError(f"from: must be the name of a layer or a list of names, got {quoted(given)}")
        return [self._found(name, scope) for name in names]

    def _found(self, name: str, scope: Scope) -> int:
        at: Scope | None = scope
        while at is not None:
            if name == "input":
                return at.input
            if name in at.named:
                return at.named[name]
            if at.parent is not None and isinstance(at.values.get(name), str):
                name = at.values[name]
            at = at.parent
        known, at = ["input"], scope
        while at is not None:
            known += [*at.named]
            at = at.parent
        if f"{name}/1" in known:
            parts = ", ".join(part for part in known if part.rpartition("/")[0] == name)
            raise NotationError(f"from: {name} is a split, of which the parts are read: {shortened(parts)}")
        raise NotationError(f"from: no layer {quoted(name)} before this one; {_near(name, known)}")

    def _shape(self, number: int) -> Axes:
        shape = self.assembly.nodes[number].shape
        assert shape is not None
        return shape

    def _scaled(self, key: str, value: Any, written: Any) -> Any:
        """Filters written as a number, at the width asked for; what is derived of them is scaled already."""
        if self.width == 1 or key not in self.scales or (isinstance(written, str) and names_in(written)):
            return value
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if self.divisor == 1:
            return max(1, floor(value * self.width))
        return divisible(value * self.width, self.divisor)


class _AtLayerError(Exception):
    """An error at its layer, on the way out."""

    def __init__(self, type: type[ConvcalcError], text: str) -> None:
        super().__init__(text)
        self.type = type


def _evaluated(keys: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a block's expressions worked out."""
    return {key: _worked_out(key, value, known) for key, value in keys.items()}


def _worked_out(key: str, value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_worked_out(key, part, known) for part in value]
    if not isinstance(value, str) or not _calculates(value, known):
        return value
    if isinstance(known.get(value), list | str):
        return known[value]
    try:
        return value_of(value, known)
    except NotationError as error:
        raise NotationError(f"{key}: {error}") from None


def _scales(document: Mapping[str, Any]) -> Sequence[str]:
    """The names of what a width scales. Raises NotationError for those that are no value of a block."""
    names = document.get("width_scales", ["filters"])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotationError(f"width_scales: must be a list of names, got {quoted(names)}")
    known = {"filters"}
    tables = [*_tables(document, "blocks", ""), *_tables(document, "layers", "")]
    for table in tables:  # which grows by the layers of those that have their own
        if "op" not in table:
            known |= table.keys() - USE_KEYS - {"stride"}
        tables += _tables(table, "layers", "")
    for name in names:
        if name not in known:
            raise NotationError(f"width_scales: no block has a value {quoted(name)}; {_near(name, sorted(known))}")
    return names


def _calculates(text: str, known: Mapping[str, Any]) -> bool:
    """Whether a text is an expression, and not a word such as same-lower, a layer's name or numbers such as 3x5."""
    names = names_in(text)
    if _WORD.fullmatch(text.strip()):
        return "/" not in text and not names.isdisjoint(known)
    return bool(names) or has_operation(text)


def _have_one_number(layers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all layers with filters have them as one number, so that another can stand for it.

    Raises NotationError where they have several and none is without.
    """
    takers = [layer for layer in layers if isinstance(op := layer.get("op"), str) and _takes_filters(op)]
    if any(not layer.keys() & {*FILTERS} for layer in takers):
        return False
    numbers = {value for layer in takers for name in FILTERS if isinstance(value := layer.get(name), int)}
    if len(numbers) > 1:
        raise NotationError(
            f"filters: the block's layers have {' and '.join(map(str, sorted(numbers)))}, which one number cannot "
            'stand for; write expressions there, such as "filters" and "4*filters"'
        )
    return bool(numbers)


def _takes_filters(op: str) -> bool:
    """Whether an op is told its filters; a depthwise convolution has its own."""
    op = SPELLED.get(op, op)
    return op == "linear" or (op in BY_NAME and BY_NAME[op].name != "depthwise")


def _names(layer: Mapping[str, Any]) -> Iterator[str]:
    """The names that a block's layer may mean values by."""
    for key, value in layer.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping):
                yield from _names(part)
            elif isinstance(part, str) and key not in ("name", "block") and not (key == "op" and part in OPS):
                yield from names_in(part)


def _shown_name(label: object, entry: Mapping[str, Any], scope: Scope) -> str:
    """A layer's name as a message begins with it; without one, its place among the tables."""
    named_after = [entry.get(key) for key in ("name", "op", "block")]
    if label and isinstance(label, str) and ("layers" in entry or any(isinstance(n, str) and n for n in named_after)):
        return shortened(label)
    place = next((number for number, table in enumerate(scope.layers, 1) if table is entry), 1)
    return f"layers {place}"


def _near_ops(name: str) -> str:
    """The op that somebody means who writes another library's name of it, such as Conv2d or MaxPool."""

    def plain(name: str) -> str:
        return re.sub("(?<=[a-z])[123]d$", "", re.sub("[^a-z0-9]", "", name.lower()))

    known = {plain(spelled): op for spelled, op in SPELLED.items()} | {plain(op): op for op in OPS}
    near = get_close_matches(plain(name[:MOST_ECHOED]), known, n=1)
    return f"did you mean {known[near[0]]}? " if near else ""


def _near(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: all that are, or of many those that are most like it."""
    names = list(known)
    near = get_close_matches(name[:MOST_ECHOED], names, n=8, cutoff=0)
    hint = f"did you mean {near[0]}? " if get_close_matches(name[:MOST_ECHOED], near[:1]) else ""
    return f"{hint}known: {', '.join(names if len(names) <= MOST_LISTED else [*near, '...']) or 'none'}"


def _tables(table: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        prefix = f"{where}: " if where else ""
        raise NotationError(f"{prefix}{key}: must be tables, written [[{key}]], got {quoted(value)}")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise NotationError(f"{name}: must be text, got {quoted(value)}")
    return value


def _check_keys(table: Mapping[str, Any], accepted: Sequence[str], where: str) -> None:
    for key in table:
        if key not in accepted:
            raise NotationError(f"{key}: is not a key of {where}; {_near(key, accepted)}")
