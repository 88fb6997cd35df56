"""Pasted code as a layer word: PyTorch's and Keras's constructors, read as text and never executed.

The text is parsed into a syntax tree, from which only literals are taken.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Any

from convcalc.errors import NotationError, quoted, shortened
from convcalc.notation.layer_word import LayerWord, WordError
from convcalc.notation.signatures import SIGNATURES, Parameter, Signature
from convcalc.notation.spellings import did_you_mean
from convcalc.notation.values import parse_axes, whole_number
from convcalc.notation.vocabulary import plain_op

MAX_CHARACTERS = 10_000
"""The longest text that is parsed: one constructor, or a whole Sequential."""
EXAMPLE = "Conv2d(3, 64, 7, stride=2, padding=3)"
_BEFORE = r"(?:\([\w.]+\)\s*:|[\w.\[\]]+\s*=(?!=))?"
"""The text before a constructor in a class and in a printed module: `self.conv1 = ` and `(conv1): `."""
_PRINTED = re.compile(r"\s*\(\w+\)\s*:\s*(?=[A-Za-z])")
_FIRST = re.compile(r"\(\s*,")
CONTAINERS = ("Sequential", "ModuleList")
_CALL = re.compile(rf"\s*{_BEFORE}\s*([A-Za-z_][\w.]*\s*\(.*)", re.DOTALL)
_COUNTS = ("filters", "groups", "multiplier", "in_channels", "in_features")
_AXES = {"kernel": 1, "stride": 1, "dilation": 1, "output_padding": 0, "output_size": 1}
"""Options with one number per axis, and the least number."""
_FLAGS = ("bias", "ceil_mode", "count_include_pad", "affine", "shift", "scale", "align_corners")


def is_call(text: str) -> bool:
    """Whether the text is meant as a constructor.

    >>> is_call("nn.Conv2d(3, 64, 3)"), is_call("self.stem = Conv2d(3, 64, 3)"), is_call("(3, 64)"), is_call("k3")
    (True, True, False, False)
    """
    return "(" in text and bool(_CALL.match(text))


def read_constructor(text: str) -> tuple[LayerWord, ...]:
    """The layers that a constructor stands for: one, but for Sequential and Keras's SeparableConv2D with its bias.

    Raises WordError or NotationError for an unknown constructor, for arguments that it does not have, and for
    values that are not literals.

    >>> [layer] = read_constructor("nn.Conv2d(3, 64, 7, stride=2, padding=3)")
    >>> layer.op, layer.dims, layer.values
    ('standard', 2, {'bias': True, 'in_channels': 3, 'filters': 64, 'kernel': 7, 'stride': 2, 'padding': 3})
    """
    return _layers(text, _parsed(text))


def _layers(text: str, call: ast.Call) -> tuple[LayerWord, ...]:
    name = _name(call)
    if name in CONTAINERS:
        return tuple([layer for inner in _contained(call, name) for layer in _layers(_code(inner), inner)])
    signature = SIGNATURES.get(name)
    if signature is None:
        return (_without_numbers(text, name),)
    values = {**signature.defaults, **_values(call, name, signature)}
    layers = signature.finish(signature.op, values, signature.dims or 0)
    return tuple([LayerWord(text, op, values, signature.dims) for op, values in layers])


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _contained(call: ast.Call, name: str) -> Iterator[ast.Call]:
    """The constructors in Sequential(...), Sequential([...]) or Sequential(OrderedDict([(name, ...), ...]))."""
    waiting = [*call.args, *(each.value for each in call.keywords if each.arg == "layers")][::-1]
    if not waiting:
        raise WordError(f"{name} holds no layer", f"write for example {name}({EXAMPLE})")
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.List | ast.Tuple):
            pair = len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant)  # ("conv1", Conv2d(...))
            waiting += reversed(node.elts[1:] if pair else node.elts)
        elif isinstance(node, ast.Call) and _name(node) == "OrderedDict":
            waiting += reversed(node.args)
        elif isinstance(node, ast.Call) and _name(node) in ("Input", "InputLayer"):
            raise WordError(
                f"{name} must hold layers, got {_code(node)}", "leave it out: the size comes before the words"
            )
        elif isinstance(node, ast.Call):
            yield node
        else:
            raise WordError(f"{name} must hold constructors, got {_code(node)}", "put the layer's constructor there")


def _parsed(text: str) -> ast.Call:
    if len(text) > MAX_CHARACTERS:
        raise WordError(f"a constructor may have {MAX_CHARACTERS:,} characters, got {len(text):,}")
    found = _CALL.match(text)
    code = _as_arguments(found[1] if found else text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's warnings about the pasted code, e.g. invalid escapes
            tree: ast.AST = ast.parse(code.rstrip().rstrip(",;"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise WordError("is not a constructor that can be read", f"write for example {EXAMPLE}") from None
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Call):
        tree = tree.func  # Keras code often applies a layer at once: Conv2D(64, 3)(x)
    if isinstance(tree, ast.Call) and _name(tree) == "add" and len(tree.args) == 1:
        tree = tree.args[0]  # model.add(Conv2D(64, 3))
    if not isinstance(tree, ast.Call):
        raise WordError("is not one constructor", f"paste one layer per word, such as {EXAMPLE}")
    return tree


def _as_arguments(code: str) -> str:
    """The code of a printed module: `Sequential( (0): ReLU() (1): ReLU() )` with commas between its layers."""
    return _FIRST.sub("(", _PRINTED.sub(", ", code)) if _PRINTED.search(code) else code


def _without_numbers(text: str, name: str) -> LayerWord:
    """Activations and the like, whose arguments change nothing that is counted."""
    op = plain_op(name) if name[:1].isupper() else None
    if op is None:
        names = [*SIGNATURES, "ReLU", "Sigmoid", "Softmax", "Flatten", "Dropout", "GELU", "SiLU", "Hardswish"]
        raise WordError(
            f"unknown constructor {quoted(name)}",
            f"{did_you_mean(name, names)}one layer's constructor of PyTorch or Keras is read, such as {EXAMPLE}",
        )
    return LayerWord(text, op, {})


def _values(call: ast.Call, name: str, signature: Signature) -> dict[str, Any]:
    """The values by our option names, as given. None means not given, as it does in both libraries."""
    values: dict[str, Any] = {}
    for parameter, node in _bound(call, name, signature):
        if parameter.option is None:
            _check_ignored(parameter.name, node)
            continue
        value = _literal(node, parameter.name)
        if value is not None:
            values[parameter.option] = _checked(parameter.option, parameter.name, value, signature.dims)
    missing = [each.name for each in signature.parameters if each.required and each.option not in values]
    if missing:
        raise WordError(f"{missing[0]} must be given", f"the order is {_order(signature)}")
    return values


def _bound(call: ast.Call, name: str, signature: Signature) -> list[tuple[Parameter, ast.expr]]:
    """Each argument with its parameter, by place and then by name."""
    places = [each for each in signature.parameters if not each.named]
    bound: dict[str, tuple[Parameter, ast.expr]] = {}
    for at, node in enumerate(call.args):
        if isinstance(node, ast.Starred):
            raise WordError(f"arguments must be literals, got {_code(node)}", "write them out")
        if at >= len(places):
            raise WordError(
                f"{name} takes {len(places)} arguments by place, got {len(call.args)}",
                f"the order is {_order(signature)}",
            )
        bound[places[at].name] = places[at], node
    for keyword in call.keywords:
        if keyword.arg is None:
            raise WordError(f"arguments must be literals, got **{_code(keyword.value)}", "write them out")
        parameter = signature.parameter(keyword.arg)
        if parameter is None and signature.ignored.fullmatch(keyword.arg):
            continue
        if parameter is None:
            names = [each.name for each in signature.parameters]
            raise WordError(
                f"{name} has no {keyword.arg}", f"{did_you_mean(keyword.arg, names)}it has {', '.join(names)}"
            )
        if parameter.name in bound:
            raise WordError(f"{parameter.name} is given twice", "give it once")
        bound[parameter.name] = parameter, keyword.value
    return list(bound.values())


def _check_ignored(name: str, node: ast.expr) -> None:
    """Keras 2 had output_padding where Keras 3 has data_format; a number there must not be passed over."""
    if name == "data_format" and isinstance(node, ast.Tuple | ast.List | ast.Constant):
        value = _literal(node, name)
        if value is not None and not isinstance(value, str):
            raise WordError(f"data_format must be a string, got {_code(node)}", "write the options by name")


def _literal(node: ast.expr, name: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise WordError(
            f"{name} must be a literal such as 3 or (3, 5), got {_code(node)}", "put its value there: no code is run"
        ) from None


def _checked(option: str, name: str, value: Any, dims: int | None) -> Any:
    """The value, lists as tuples, if the option can have it."""
    if isinstance(value, list):
        value = tuple(value)
    if option in _FLAGS:
        if not isinstance(value, bool):
            raise NotationError(f"{name}: must be True or False, got {quoted(value)}")
    elif option in ("mode", "activation"):
        if not isinstance(value, str):
            raise NotationError(f"{name}: must be a string, got {quoted(value)}")
    elif option in ("factor", "size"):
        return _factor(value, name, whole=option == "size")
    elif isinstance(value, str) and option != "padding":
        raise NotationError(f"{name}: must be numbers, got {quoted(value)}")
    elif option in _COUNTS:
        return whole_number(value[0] if isinstance(value, tuple) and len(value) == 1 else value, name)
    elif option in _AXES:
        parse_axes(value, name, dims or 1, _AXES[option])
    return value


def _factor(value: Any, name: str, whole: bool) -> Any:
    """A positive number or several; those that are whole as ints."""
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1e6:
            raise NotationError(f"{name}: must be positive numbers, got {quoted(value)}")
        if whole and number % 1:
            raise NotationError(f"{name}: must be whole numbers, got {quoted(value)}")
    plain = tuple(int(number) if number % 1 == 0 else number for number in numbers)
    return plain if isinstance(value, tuple) else plain[0]


def _order(signature: Signature) -> str:
    return ", ".join(each.name for each in signature.parameters if not each.named and each.option)


def _code(node: ast.expr) -> str:
    try:
        return shortened(ast.unparse(node))
    except RecursionError:
        return "deeply nested code"
