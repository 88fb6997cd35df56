"""Changes of a source file, one place at a time: signs, comparisons, numbers, conditions."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from inspect import CO_NEWLOCALS
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

PACKAGE = Path(__file__).parent.parent / "convcalc"
OPERATORS: Mapping[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.Div: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.And: ast.Or, ast.Or: ast.And,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}
SKIPPED = {"annotation", "returns", "decorator_list", "bases", "type_comment"}
"""Parts of a statement that compute nothing."""


class Mutation(NamedTuple):
    """One change: in `tree`, the `field` of `node` becomes `new`. `function` is empty outside functions."""

    file: str
    line: int
    function: str
    before: str
    after: str
    tree: ast.Module
    node: ast.AST
    field: str
    new: Any
    nth: int
    """1 for the first change of its function with this text, 2 for the second."""

    @property
    def label(self) -> str:
        """The function and what is changed in it, whatever the line."""
        again = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.function or 'module'}: {self.before}  ->  {self.after}{again}"

    @property
    def place(self) -> str:
        """The file and line, then the label."""
        return f"{self.file}:{self.line} {self.label}"


def mutations(file: str) -> Iterator[Mutation]:
    """All changes of a file below convcalc/, in the order of the source."""
    tree = ast.parse((PACKAGE / file).read_text())
    seen = Counter[tuple[str, str, str]]()
    for node, around, function in _places(tree, tree, ""):
        for field, new in _changes(node):
            shown = around if isinstance(node, ast.Constant) else node
            before, old = ast.unparse(shown), getattr(node, field)
            setattr(node, field, new)
            after = ast.unparse(shown)
            setattr(node, field, old)
            seen[function, before, after] += 1
            nth, line = seen[function, before, after], getattr(node, "lineno", 0)
            yield Mutation(file, line, function, before, after, tree, node, field, new, nth)


def compiled(mutation: Mutation) -> CodeType:
    """The code of the changed module. The tree stays changed, so this is for a process of its own."""
    setattr(mutation.node, mutation.field, mutation.new)
    ast.fix_missing_locations(mutation.tree)
    return compile(mutation.tree, str(PACKAGE / mutation.file), "exec")


def outermost(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """The functions of a module and of its classes, by qualified name; functions inside them come with them."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner.co_qualname, inner
            if not inner.co_flags & CO_NEWLOCALS:  # a class
                yield from outermost(inner)


def noting_calls(file: str, note: str) -> CodeType:
    """The code of a file whose functions first call `note` with their qualified name."""
    tree = ast.parse((PACKAGE / file).read_text())
    for node, _, name in _places(tree, tree, ""):
        if isinstance(node, ast.FunctionDef) and name.split(".")[-1] == node.name:
            node.body.insert(0, ast.Expr(ast.Call(ast.Name(note, ast.Load()), [ast.Constant(name)], [])))
    return compile(ast.fix_missing_locations(tree), str(PACKAGE / file), "exec")


def _places(node: ast.AST, around: ast.AST, function: str) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    """Every node that computes, the node around it, and the function or method it is in."""
    yield node, around, function
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or field in SKIPPED or _computes_nothing(child) or _is_open(node, child):
                continue
            inner = function
            if isinstance(node, ast.ClassDef) and isinstance(child, ast.FunctionDef):
                inner = f"{node.name}.{child.name}"
            elif isinstance(child, ast.FunctionDef) and not function:
                inner = child.name
            if isinstance(node, ast.FunctionDef) and field == "args" and function.split(".")[-1] == node.name:
                inner = ""  # defaults are computed where the function is defined
            yield from _places(child, node, inner)


def _computes_nothing(node: ast.AST) -> bool:
    """Docstrings, messages, texts, checks for types alone, and calls' strict=."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Expr(value=ast.Constant()) | ast.Import():
            return True
        case ast.If(test=ast.Name("TYPE_CHECKING")) | ast.keyword(arg="strict") | ast.ImportFrom():
            return True
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            return any(isinstance(part, ast.JoinedStr) or _is_text(part) for part in ast.walk(node))
        case ast.AnnAssign(target=ast.Name(name)):
            return name == "__all__"
        case ast.Call(func=ast.Name("TypeVar" | "cast")):
            return True
    return False


def _is_open(node: ast.AST, child: ast.AST) -> bool:
    """Whether a length of a reshape is left open: NumPy takes any number below zero for that."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "reshape"
        and isinstance(child, ast.UnaryOp)
    )


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """The fields of a node that can be changed, and to what."""
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield "op", OPERATORS[type(op)]()
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                yield "ops", [*ops[:at], OPERATORS[type(op)](), *ops[at + 1 :]]
        case ast.Constant(value=bool() as value):
            yield "value", not value
        case ast.Constant(value=int() as value):
            yield "value", value + 1
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            yield "func", ast.Name(FUNCTIONS[name], ast.Load())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "operand", ast.UnaryOp(ast.Not(), operand)
        case ast.UnaryOp(op=ast.USub()):
            yield "op", ast.UAdd()
