"""Arithmetic in a block's values, such as `4*filters` or `stride != 1 or channels != filters`."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from convcalc.errors import NotationError, quoted
from convcalc.notation import MAX_DIGITS

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARED: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WORD = re.compile(r"[A-Za-z_][\w-]*(/[\w-]+)*")
"""A name, or what is no expression: a word with hyphens, such as `same-lower`, or a layer with its path."""
MAX_LENGTH = 500
"""Longest text that is read as an expression, in characters."""
ACCEPTED = "whole numbers, names, + - * // %, comparisons, and, or, not, min(...), max(...), divisible(value, by)"


def divisible(value: int | Fraction, by: int) -> int:
    """The multiple of `by` nearest to a value, at least one of them and not below nine tenths of the value.

    Source: _make_divisible of the MobileNets, in TensorFlow's models and torchvision.

    >>> divisible(18, 8), divisible(30, 8), divisible(1, 8)
    (24, 32, 8)
    """
    nearest = max(by, (2 * value + by) // (2 * by) * by)
    return nearest + by if 10 * nearest < 9 * value else nearest


_CALLED: dict[str, Callable[..., Any]] = {"min": min, "max": max, "divisible": divisible}


def evaluated(keys: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with every expression in them worked out on these values; numbers and words stay as they are.

    Raises NotationError, naming the key, for an expression that cannot be worked out.

    >>> evaluated({"filters": "2*wide", "padding": "same", "kernel": [3, "k"]}, {"wide": 8, "k": 5})
    {'filters': 16, 'padding': 'same', 'kernel': [3, 5]}
    """
    return {key: _evaluated(key, value, values) for key, value in keys.items()}


def _evaluated(key: str, value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_evaluated(key, part, values) for part in value]
    if not isinstance(value, str) or not _is_expression(value, values):
        return value
    if isinstance(values.get(value), list | str):
        return values[value]
    try:
        return value_of(value, values)
    except NotationError as error:
        raise NotationError(f"{key}: {error}") from None


def _is_expression(text: str, values: Mapping[str, Any]) -> bool:
    """Whether a text calculates; a single name does if it has a value, and numbers such as `3x5` do not."""
    names = names_in(text)
    if _WORD.fullmatch(text.strip()):
        return "/" not in text and not names.isdisjoint(values)
    return bool(names) or _has_operation(text)


def names_in(text: str) -> frozenset[str]:
    """The names that an expression uses; none if the text is no expression, such as `3x3` or `same pad`.

    >>> sorted(names_in("min(filters, 2*wide)"))
    ['filters', 'wide']
    """
    return frozenset() if len(text) > MAX_LENGTH else _names(text)


@lru_cache(maxsize=1024)
def _names(text: str) -> frozenset[str]:
    tree = _parsed(text)
    if tree is None:
        return frozenset()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def _has_operation(text: str) -> bool:
    """Whether a text is an expression that calculates something, unlike `3` or `3,5`."""
    tree = _tree(text)
    return tree is not None and isinstance(tree.body, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.Call)


def value_of(text: str, values: Mapping[str, object]) -> Any:
    """The value of an expression with these names.

    Raises NotationError for anything but arithmetic, for names without a value and for division by zero.

    >>> value_of("4*filters + (stride == 2)", {"filters": 16, "stride": 1})
    64
    """
    tree = _tree(text)
    if tree is None:
        raise NotationError(f"cannot read {quoted(text)}; an expression has {ACCEPTED}")
    try:
        result = _value(tree.body, values)
    except (TypeError, ZeroDivisionError) as error:
        raise NotationError(f"cannot work out {quoted(text)}: {error}") from None
    return result


def _tree(text: str) -> ast.Expression | None:
    return None if len(text) > MAX_LENGTH else _parsed(text)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.Expression | None:
    """The tree of an expression, kept because a repeated block has the same few texts thousands of times."""
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, values: Mapping[str, object]) -> Any:
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            if name not in values:
                known = ", ".join(sorted(values)) or "none"
                raise NotationError(f"has no value for {quoted(name)}; known here: {known}")
            return values[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            operands = _value(left, values), _value(right, values)
            if not all(isinstance(operand, int) for operand in operands):
                shown = quoted(ast.unparse(node))
                raise NotationError(f"cannot work out {shown}: only whole numbers can be calculated with")
            result = _BINARY[type(op)](*operands)
            if abs(result) >= 10**MAX_DIGITS:
                raise NotationError(f"a number may have {MAX_DIGITS} digits, got more")
            return result
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
            return _COMPARED[type(op)](_value(left, values), _value(right, values))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, values) else orelse, values)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLED and args:
            return _CALLED[name](*(_value(arg, values) for arg in args))
        case _:
            raise NotationError(f"cannot work out {quoted(ast.unparse(node))}; an expression has {ACCEPTED}")
