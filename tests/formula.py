"""A small evaluator of the formulas that are shown to users: what a reader with a pencil would get, exactly.

Understands whole numbers, names, + - * / and powers, floor, ceil, min, max, product, sum and max of a list, count(a, b,
c..d step e) of listed numbers, and count(low <= expression < high for p in range(n) for t in range(m)). Nothing else
evaluates.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product

Exact = int | Fraction
Symbols = Mapping[str, Exact | Sequence[int]]

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?: step (\d+))?")
_POWERS = {"²": "**2", "³": "**3", "·": "*"}


def value(text: str, symbols: Symbols | None = None) -> Exact:
    """The value of a formula, with numbers for its symbols."""
    return _number(_parsed(text), symbols or {})


@lru_cache
def _parsed(text: str) -> ast.expr:
    for sign, written in _POWERS.items():
        text = text.replace(sign, written)
    text = _RANGE.sub(lambda match: f"listed({match[1]}, {match[2]}, {match[3] or 1})", text)
    return ast.parse(text.strip(), mode="eval").body


def _number(node: ast.expr, symbols: Symbols) -> Exact:
    match node:
        case ast.Constant(value=int(constant)):
            return constant
        case ast.Name(id=name):
            found = symbols[name]
            assert isinstance(found, int | Fraction), f"{name} is not one number"
            return found
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand, symbols)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _number(left, symbols), _number(right, symbols)
            match op:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return Fraction(a) / b
                case ast.Pow():
                    return a**b if b >= 0 else Fraction(a) ** b
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(name, arguments, symbols)
    raise ValueError(f"not a formula: {ast.unparse(node)}")


def _called(name: str, arguments: list[ast.expr], symbols: Symbols) -> Exact:
    match name, arguments:
        case "floor", [argument]:
            return math.floor(_number(argument, symbols))
        case "ceil", [argument]:
            return math.ceil(_number(argument, symbols))
        case "min" | "max", [_, _, *_]:
            values = [_number(argument, symbols) for argument in arguments]
            return min(values) if name == "min" else max(values)
        case "product" | "sum" | "max", [ast.Name(id=axes)]:
            found = symbols[axes]
            assert not isinstance(found, int | Fraction), f"{axes} has one number, not one per axis"
            return {"product": math.prod, "sum": sum, "max": max}[name](found)
        case "count", [ast.GeneratorExp(elt=condition, generators=loops)]:
            return _counted(condition, loops, symbols)
        case "count", _:
            return len({number for argument in arguments for number in _listed(argument, symbols)})
    raise ValueError(f"not a function of formulas: {name}")


def _counted(condition: ast.expr, loops: list[ast.comprehension], symbols: Symbols) -> int:
    names, ranges = [], []
    for loop in loops:
        match loop:
            case ast.comprehension(
                target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[end]), ifs=[]
            ):
                names.append(name)
                ranges.append(range(int(_number(end, symbols))))
            case _:
                raise ValueError("not a loop over a range")
    places = (dict(zip(names, place, strict=True)) for place in product(*ranges))
    return sum(_holds(condition, {**symbols, **place}) for place in places)


def _holds(condition: ast.expr, symbols: Symbols) -> bool:
    assert isinstance(condition, ast.Compare)
    numbers = [_number(node, symbols) for node in (condition.left, *condition.comparators)]
    signs = {ast.LtE: lambda a, b: a <= b, ast.Lt: lambda a, b: a < b}
    pairs = zip(condition.ops, numbers, numbers[1:], strict=False)
    return all(signs[type(op)](a, b) for op, a, b in pairs)


def _listed(argument: ast.expr, symbols: Symbols) -> list[Exact]:
    match argument:
        case ast.Call(func=ast.Name(id="listed"), args=[first, last, step]):
            ends = [int(_number(end, symbols)) for end in (first, last, step)]
            assert (ends[1] - ends[0]) % ends[2] == 0, "the last number is one of those listed"
            return [*range(ends[0], ends[1] + 1, ends[2])]
        case ast.Name(id=name) if not isinstance(symbols[name], int | Fraction):
            return [*symbols[name]]
    return [_number(argument, symbols)]
