"""Arithmetic in a block's values, such as `4*filters` or `stride != 1 or channels != filters`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from convcalc.errors import NotationError, quoted
from convcalc.notation import MOST_DIGITS

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


def names_in(text: str) -> frozenset[str]:
    """The names that an expression uses; none where the text is no expression, such as `3x3` or `same pad`."""
    tree = _parsed(text)
    if tree is None:
        return frozenset()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def has_operation(text: str) -> bool:
    """Whether a text is an expression that calculates something, unlike `3` or `3,5`."""
    tree = _parsed(text)
    return tree is not None and isinstance(tree.body, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.Call)


def value_of(text: str, values: Mapping[str, object]) -> Any:
    """The value of an expression with these names.

    Raises NotationError for anything but arithmetic, for names without a value and for division by zero.

    >>> value_of("4*filters + (stride == 2)", {"filters": 16, "stride": 1})
    64
    """
    tree = _parsed(text)
    if tree is None:
        raise NotationError(f"cannot read {quoted(text)}; an expression has {ACCEPTED}")
    try:
        result = _value(tree.body, values)
    except (TypeError, ZeroDivisionError) as error:
        raise NotationError(f"cannot work out {quoted(text)}: {error}") from None
    return result


def _parsed(text: str) -> ast.Expression | None:
    if len(text) > 500:
        return None
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
            if abs(result) >= 10**MOST_DIGITS:
                raise NotationError(f"a number may have {MOST_DIGITS} digits, got more")
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
