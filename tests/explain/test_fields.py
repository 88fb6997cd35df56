"""The working-out of receptive fields evaluates to what following positions one by one finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest

from convcalc import Report
from convcalc.explain.rows import Explanation
from convcalc.explain.whole import explain_network, explain_rf, explain_shape
from convcalc.graph.graph import Builder, Layer
from convcalc.graph.primitives import Correlate, Elementwise, Primitive, ShuffleChannels, TransposedCorrelate
from convcalc.questions.report import layer_report, network_report
from convcalc.readers.words import row_graph
from tests import formula
from tests.explain.working_out import AXES, assert_numbers, same, split, symbols_along
from tests.layers import at_most, random_layers
from tests.reference import Stage, field

RECURRENCE = "size_before + (kernel - 1)*dilation*jump_before"


def words_report(*words: str, input: str | None = None) -> Report:
    return layer_report(row_graph(words, input))


def field_symbols(row: Explanation, stages: Sequence[Stage], count: int, axis: int) -> dict[str, Any]:
    """Names of a receptive field's working-out: the fields before and after, found by following positions."""
    before = field(stages[: count - 1], axis) if count > 1 else None
    after = field(stages[:count], axis)
    positions = sorted(after.widest)
    return {
        "size_before": before.size if before else 1,
        "jump_before": before.jump if before else 1,
        "start_before": before.start if before else 0,
        "first": after.start if row.quantity.startswith("start") else positions[0],
        "last": positions[-1],
        "positions": positions,
    }


def test_receptive_fields_of_random_layers() -> None:
    """A row of one stage after the other, as `rf` shows a layer."""
    rows = 0
    for type, options, report in random_layers(seed=42, count=8):
        stages = report.to_dict()["stages"]
        names = [stage["name"] for stage in stages]
        sizes = explain_shape(report)
        assert explain_rf(report)[: len(sizes)] == sizes
        for row in explain_rf(report, sizes=False):
            count = names.index(row.where) + 1
            stage = stages[count - 1]
            if row.result is None:  # no tap reaches output 0
                assert row.quantity.startswith("start")
                assert row.numbers == "none"
                continue
            assert_numbers(row)
            for axis in split(row)[1]:
                at = AXES[len(stage["kernel"])].index(axis)
                if field(stages[:count], at).size == 0:
                    continue
                known = {**symbols_along(stage, at, {}), **field_symbols(row, stages, count, at)}
                assert same(formula.value(row.formula, known), row.result), (type, options, row)
                rows += 1
    assert rows > 500


def test_receptive_fields_of_random_rows_of_words() -> None:
    random = Random(43)
    rows = shortened = 0
    for _ in range(120):
        words = list(random_words(random))
        report = words_report(*words)
        shown = explain_rf(report, sizes=False)
        for row in shown:
            if row.result is not None:
                assert_numbers(row)
            rows += 1
            shortened += "..., " in row.numbers
        for layer in report.layers:  # each number of the table has its row
            fields = layer.receptive_field
            values: dict[str, set[Any]] = {
                "size": {axis.size for axis in fields}, "jump": {axis.jump for axis in fields},
                "start": {axis.start for axis in fields}, "coverage": {axis.coverage for axis in fields},
            }  # fmt: skip
            for name, wanted in values.items():
                results = [row.result for row in shown if row.where == layer.op and row.quantity.startswith(name)]
                assert {v if v is None else float(v) for v in wanted} <= {
                    v if v is None else float(v) for v in results
                }, (words, name)
    assert shortened < rows / 10


def random_words(random: Random) -> Iterator[str]:
    for _ in range(random.randint(1, 4)):
        kernel, stride, dilation = (random.randint(1, most) for most in (5, 3, 3))
        padding = random.randint(0, kernel // 2)
        kind = random.choice(("", "max:", "avg:", "t:", "ds:", "spatial:", "flattened:", "shuffled:"))
        yield f"{kind}k{kernel}s{stride}p{padding}d{dilation}"


def test_a_long_list_of_positions_is_shortened_and_says_so() -> None:
    rows = explain_rf(words_report("k40d3"), sizes=False)
    [row] = [row for row in rows if row.quantity.startswith("coverage")]
    assert formula.value(row.numbers) == row.result == 40
    assert len(row.numbers) < 100


def sizes_of(report: Report) -> list[str]:
    """The formulas of the sizes along the width, layer by layer."""
    rows = explain_rf(report, sizes=False)
    return [row.formula for row in rows if row.quantity.startswith("size") and "width" in row.quantity]


@pytest.mark.parametrize(
    ("words", "recurrent"),
    [
        (["k3", "k3s2d2", "max:k3s2p1"], [True, True, True]),
        (["ds:k3s2p1", "shuffled:k3g2"], [True, True]),  # a 1x1 stage and a shuffle read what is already read
        (["t:k4s2p1", "k3"], [False, False]),  # two phases that take turns
        (["t:k4s2p1", "k3s2", "k3"], [False, False, True]),  # every second output reads the same phase
        (["t:k3", "k3"], [False, True]),  # one phase, with a stride of 1
        (["spatial:k3", "k3"], [True, True]),  # one window an axis
        (["k3d4", "k2s3"], [True, True]),  # the positions may have holes
    ],
)
def test_the_recurrence_is_shown_where_it_is_exact(words: list[str], recurrent: list[bool]) -> None:
    report = words_report(*words)
    assert [text == RECURRENCE for text in sizes_of(report)] == recurrent
    for row in explain_rf(report, sizes=False):
        assert_numbers(row)


def test_a_field_that_no_longer_moves_is_a_set() -> None:
    rows = explain_rf(words_report("k3p1", "gap", "fc5", input="3x9x11"), sizes=False)
    for where in ("gap", "fc5"):
        answered = {row.quantity: (row.formula, row.numbers, row.result) for row in rows if row.where == where}
        assert answered["size along width"] == ("last - first + 1", "10 - 0 + 1", 11)
        assert answered["jump along height and width"] == ("0", "0", 0)
        assert answered["start along height and width"] == ("first", "0", 0)


def test_words_are_explained_word_by_word() -> None:
    rows = explain_rf(words_report("ds:k3s2p1", "max:k2", input="4x9x11"))
    assert list(dict.fromkeys(row.where for row in rows)) == [
        "ds:k3s2p1/depthwise", "ds:k3s2p1/pointwise", "max:k2", "ds:k3s2p1",
    ]  # fmt: skip
    assert {row.where for row in explain_rf(words_report("ds:k3s2p1", "max:k2"), sizes=False)} == {
        "ds:k3s2p1", "max:k2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (Correlate(4, 4, (3,), (3,), ((0, 0),), (1,)), "jump_before * product(stride)"),
        (TransposedCorrelate(4, 4, (3,), (3,), ((0, 0),), (1,), output_padding=(0,)), "advance / period"),
    ],
)
def test_several_windows_of_one_layer_are_a_set(second: Primitive, text: str) -> None:
    """No type has two windows along one axis, but a layer may."""
    net = Builder()
    first = Correlate(4, 4, (3,), (2,), ((1, 1),), (1,))
    at = net.add("both", "conv", Layer((("first", first), ("second", second))), [net.input((1, 4, 64))])
    report = network_report(net.graph("net", at))
    answered = {row.quantity: row for row in explain_network(report, report.layers) if row.where == "both"}
    assert answered["jump along length"].formula == text
    assert answered["receptive field along length"].formula == "last - first + 1"
    for quantity, row in answered.items():
        if "along length" in quantity:
            assert_numbers(row)


def test_a_transposed_stride_of_too_many_phases() -> None:
    """The last window of a huge stride has no list of phases, and what only passes it on has none either."""
    stride = 10**6
    net = Builder()
    at = net.input((1, 4, 8))
    up = TransposedCorrelate(4, 4, (3,), (stride,), ((0, 0),), (1,), output_padding=(0,))
    for name, primitive in {"up": up, "relu": Elementwise("relu"), "shuffle": ShuffleChannels(2)}.items():
        at = net.add(name, name, primitive, [at])
    report = network_report(net.graph("net", at))
    with at_most(5):
        rows = explain_network(report, report.layers)
    for name in ("up", "relu", "shuffle", "total"):
        [row] = [row for row in rows if row.where == name and row.quantity == "jump along length"]
        assert row.result == 1 / stride
        assert_numbers(row)
        [row] = [row for row in rows if row.where == name and row.quantity == "receptive field along length"]
        assert row.result == 1
        assert_numbers(row)
