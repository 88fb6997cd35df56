"""Values of every wrong kind under every key of every op: a line that names file, layer and key, and nothing else."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError
from convcalc.readers.toml.document import network_from_toml
from convcalc.readers.toml.keys import COMMON_KEYS, TOP_KEYS, USE_KEYS
from convcalc.readers.toml.ops import OPS
from convcalc.recipes import BY_NAME

WRONG = (
    "-1", "1.5", "nan", "inf", "1e400", "true", '"hello"', '""', '"1 / 0"', '"9 ** 9 ** 9"', '"C +"', '"\\u0000"', "[]",
    "[[]]", '["nearest"]', "[true]", "[nan]", '[1, "a"]', "[[[[1]]]]", "[1, 2, 3, 4, 5]", "[{}]", "{}", "{ a = 1 }",
    "{ layers = [] }", '{ op = "relu" }', '[["input"]]', "2026-01-01", "07:32:00", "2026-01-01T07:32:00Z",
    "1" + "0" * 200,
)  # fmt: skip
NEEDED = {"kernel": "3", "filters": "4", "padding": "1", "output_size": "2", "groups": "2", "parts": "2", "factor": "2",
          "size": '"4x8x8"'}  # fmt: skip
"""What ops need besides the key in question."""
ONE_OF = (("filters", "out_channels", "out_features"), ("kernel", "kernel_size"), ("parts", "sizes"),
          ("factor", "scale", "scale_factor", "size"))  # fmt: skip
NEVER = ("{}", "{ a = 1 }", "{ layers = [] }", "[{}]", "07:32:00", "nan", '["nearest"]')
"""Right for no key at all."""

ALIKE = {(row.keys, row.lower, BY_NAME[op].name if op in BY_NAME else row.inputs): op for op, row in OPS.items()}
"""One op of those that differ in their names alone."""


def layer(op: str, key: str, value: str) -> str:
    """A network with one layer of that op, which has all that it needs and the key with the value."""
    row = OPS[op]
    names = [name for name in NEEDED if name in row.keys and (op not in BY_NAME or name in ("kernel", "filters"))]
    if op == "upsample":
        names.remove("size")
    if BY_NAME.get(op, BY_NAME["conv"]).name == "depthwise":
        names.remove("filters")
    others = {name for names in ONE_OF if key in names for name in names} | {key}
    lines = [f"{name} = {NEEDED[name]}" for name in names if name not in others]
    lines += ['from = ["input", "first"]'] * (row.inputs[0] == 2 and key != "from")
    lines += [f'op = "{op}"'] * (key != "op")
    return '[[layers]]\nname = "first"\nop = "relu"\n[[layers]]\n' + "\n".join([*lines, f"{key} = {value}"])


def message(text: str) -> str:
    """What the file is refused with, "" if it is accepted; any other exception is a failure."""
    try:
        network_from_toml(f'input = "4x8x8"\n{text}\n'.encode(), "net.toml")
    except ConvcalcError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("op", ALIKE.values())
def test_every_key_of_every_op(op: str) -> None:
    for key in sorted(OPS[op].keys | COMMON_KEYS):
        for value in WRONG:
            found = message(layer(op, key, value))
            assert "\n" not in found
            assert found.startswith("net.toml: ") or (not found and value not in NEVER), (key, value)


@pytest.mark.parametrize("key", sorted(USE_KEYS))
def test_every_key_of_blocks(key: str) -> None:
    body = "" if key == "layers" else '[[layers.layers]]\nop = "relu"\n'
    use = '[[blocks]]\nname = "b"\n[[blocks.layers]]\nop = "relu"\n[[layers]]\n' + 'block = "b"\n' * (key != "block")
    for value in WRONG:
        for text in (f"[[layers]]\n{key} = {value}\n{body}", f"{use}{key} = {value}"):
            found = message(text)
            assert "\n" not in found
            assert found.startswith("net.toml: ") or (not found and value not in NEVER), (key, value)


@pytest.mark.parametrize("key", TOP_KEYS)
def test_every_key_at_the_top(key: str) -> None:
    for value in WRONG:
        found = message(f"{key} = {value}\n" + ("" if key == "layers" else '[[layers]]\nop = "relu"'))
        assert "\n" not in found
        known = key == "notes" and value == '["nearest"]'  # a text, though a strange one
        assert found.startswith("net.toml: ") or (not found and (known or value not in NEVER)), (key, value)
