"""TOML files of any content: networks that mean a row of words equal it, everything else ends in one line."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from convcalc.questions.report import network_report
from convcalc.readers.toml.document import network_from_toml
from convcalc.readers.toml.ops import OPS
from convcalc.readers.words import row_graph
from tests.readers.toml.networks import CONTRACT, network
from tests.strategies import answer_or_line, near, spoiled

SIDE = st.integers(1, 5)


@st.composite
def layers(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A layer as a word and as the table of a file."""
    op = draw(st.sampled_from(["conv", "transposed", "ds", "max_pool", "relu", "batch_norm", "linear", "upsample"]))
    match op:
        case "relu" | "batch_norm":
            return {"relu": "relu", "batch_norm": "bn"}[op], {"op": op}
        case "linear":
            filters = draw(SIDE)
            return f"fc{filters}", {"op": op, "filters": filters}
        case "upsample":
            factor = [draw(SIDE), draw(SIDE)]
            return f"up{factor[0]}x{factor[1]}", {"op": op, "factor": factor}
    kernel, stride, padding = [[draw(SIDE), draw(SIDE)] for _ in range(3)]
    table: dict[str, Any] = {"op": op, "kernel": kernel, "stride": stride, "padding": padding}
    word = "".join(f"{letter}{a}x{b}" for letter, (a, b) in zip("ksp", (kernel, stride, padding), strict=True))
    if op == "max_pool":
        return f"max:{word}", table
    filters, bias = draw(SIDE), draw(st.booleans())
    head = {"conv": "", "transposed": "t:", "ds": "ds:"}[op]
    return f"{head}{word}f{filters}{'b' * bias}", {**table, "filters": filters, "bias": bias}


def toml(tables: list[dict[str, Any]], size: str) -> str:
    """JSON's numbers, strings, lists and truth values are TOML's."""
    lines = [f"{key} = {json.dumps(value)}" for table in tables for key, value in [("", ""), *table.items()]]
    return f'input = "{size}"\n' + "\n".join("[[layers]]" if line.startswith(" =") else line for line in lines)


@given(st.lists(layers(), min_size=1, max_size=4), st.tuples(SIDE, st.integers(3, 20), st.integers(3, 20)))
def test_a_file_equals_the_words(drawn: list[tuple[str, dict[str, Any]]], size: tuple[int, int, int]) -> None:
    words, shown = [word for word, _ in drawn], "x".join(map(str, size))
    row = answer_or_line(lambda: row_graph(words, shown))
    file = answer_or_line(lambda: network(toml([table for _, table in drawn], shown)))
    assert (row is None) == (file is None)
    assume(row is not None and file is not None)
    reports = [network_report(graph).to_dict() for graph in (row, file) if graph is not None]
    for report in reports:
        del report["totals"]["peak_activation_layer"]  # names differ
    for key in ("input", "output", "totals", "receptive_field"):
        assert reports[0][key] == reports[1][key], key
    for one, other in zip(*(report["layers"] for report in reports), strict=True):
        assert [one[key] for key in ("output", "parameters", "multiplications")] == [
            other[key] for key in ("output", "parameters", "multiplications")
        ]


KEYS = ("op", "kernel", "stride", "padding", "filters", "from", "name", "repeat", "block", "groups", "factor", "size",
        "dilation", "axis", "ceil_mode", "no such key")  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.sampled_from([*OPS, "input", "same", "", "3x3", "filters*2", "\x1b[2J", "-1"]), st.text(max_size=5),
              st.integers(-5, 2**63 - 1), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=3), max_leaves=4,
)  # fmt: skip
TABLES = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5), max_size=3)


@given(TABLES, st.sampled_from(["3x8x8", "4x16", "784", "0x3", "", "9" * 99]))
def test_any_values(tables: list[dict[str, Any]], size: str) -> None:
    op = [{"op": "conv", "filters": 2, "kernel": 1, **table} for table in tables]
    text = toml(op, size).encode("utf-8", "replace")
    answer_or_line(lambda: network_report(network_from_toml(text, "net.toml")))


ENCODED = near("[]=\"'\n.,{}#0123 ", CONTRACT, "[[layers]]\n", "[[blocks]]\n").map(
    lambda text: text.encode("utf-8", "replace")
)


@given(st.one_of(ENCODED, spoiled(CONTRACT.encode()), st.binary(max_size=60)))
def test_any_file(data: bytes) -> None:
    answer_or_line(lambda: network_report(network_from_toml(data, "net.toml")))
