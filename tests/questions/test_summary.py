"""A network in few rows: which layers share one, what a row shows, and that the rows add up."""

from __future__ import annotations

from itertools import chain, product
from random import Random

import pytest

from convcalc import Report
from convcalc.errors import NotationError
from convcalc.graph.graph import Builder
from convcalc.graph.primitives import Concat, Correlate, Elementwise, Merge, Normalize, Primitive, Unknown
from convcalc.questions.report import network_report
from convcalc.questions.summary import Depth, Row, is_in, parse_depth, rows_of
from convcalc.readers import load_network, zoo_names
from convcalc.render.network import network_view

SUMS = ("parameters", "weights", "multiplications", "additions", "activations", "moved", "moved_unfused")
POINT = Correlate(4, 4, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
OPS: dict[str, Primitive] = {
    "conv": POINT, "bn": Normalize("batch_norm", (4,)), "relu": Elementwise("relu"), "add": Merge("add"),
    "half": POINT._replace(stride=(2, 2)),
}  # fmt: skip


def network(layers: str) -> Report:
    """A network of layers written as `name=op<inputs`, by default of the layer before."""
    builder, at = Builder(), {}
    last = builder.input((1, 4, 64, 64))
    for layer in layers.split():
        name, _, rest = layer.partition("=")
        op, _, inputs = rest.partition("<")
        last = at[name] = builder.add(name, op, OPS[op], [at[i] for i in inputs.split(",")] if inputs else [last])
    return network_report(builder.graph("net", last))


def summary(report: Report, depth: Depth = None) -> tuple[Row, ...]:
    return rows_of(report, report.layers, depth)


def names(layers: str, depth: Depth = None) -> list[str]:
    return [row.name for row in summary(network(layers), depth)]


def assert_whole(report: Report, rows: tuple[Row, ...]) -> None:
    """Every layer is in one row, the rows add up, and a row ends as its last layer does."""
    assert sorted(layer.name for row in rows for layer in row.layers) == sorted(layer.name for layer in report.layers)
    for count in SUMS:
        assert sum(getattr(row, count) for row in rows) == sum(getattr(layer, count) for layer in report.layers), count
    assert sum(row.share for row in rows) == 1
    for row in rows:
        assert (row.output, row.receptive_field) == (row.layers[-1].output, row.layers[-1].receptive_field)


@pytest.mark.parametrize("name", zoo_names())
def test_networks_of_the_zoo(name: str) -> None:
    report = network_report(load_network(name))
    lengths = []
    for depth in (1, 2, None, 99, "all"):
        rows = summary(report, depth)  # type: ignore[arg-type]
        assert_whole(report, rows)
        lengths.append(len(rows))
    assert 5 <= lengths[2] <= 40
    assert lengths[0] <= lengths[1] <= lengths[3] < lengths[4] == len(report.layers)


def test_a_row_for_every_block_of_resnet50() -> None:
    rows = summary(network_report(load_network("resnet50")))
    blocks = [f"layer{layer}/{block}" for layer, count in enumerate((3, 4, 6, 3), 1) for block in range(1, count + 1)]
    assert [row.name for row in rows] == ["conv1", "maxpool", *blocks, "avgpool", "fc"]
    stem, _, first, *_ = rows
    assert (stem.parameters, stem.op, stem.output) == (64 * 3 * 49 + 2 * 64, "conv, batch_norm, relu", (64, 112, 112))
    # 1x1, 3x3 and 1x1, a 1x1 beside them, and a norm after each
    assert first.parameters == 64 * 64 + 64 * 64 * 9 + 2 * 64 * 256 + 2 * (64 + 64 + 256 + 256)
    assert first.multiplications == 56 * 56 * (64 * 64 + 64 * 64 * 9 + 2 * 64 * 256)
    assert [axis.size for axis in first.receptive_field] == [19, 19]


@pytest.mark.parametrize(
    ("layers", "depth", "rows"),
    [
        # norms and activations go with the layer before
        ("a=conv b=bn c=relu d=conv e=relu", 1, "a d"),
        ("a=conv b=bn c=relu d=conv e=relu", "all", "a b c d e"),
        # unless they read something else too or instead, or lie in another group
        ("a=conv b=conv<a c=relu<a", 1, "a b c"),
        ("s/a=conv t/b=bn t/c=conv", 2, "s/a t/b t/c"),
        ("s/a=conv b=bn t/c=conv", 2, "s/a b t/c"),
        ("a=relu b=conv", 1, "a b"),
        # levels, by / and by .
        ("s/1/a=conv s/1/b=conv s/2/a=conv t=conv", 1, "s t"),
        ("s/1/a=conv s/1/b=conv s/2/a=conv t=conv", 2, "s/1 s/2 t"),
        ("s/1/a=conv s/1/b=conv s/2/a=conv t=conv", 9, "s/1/a s/1/b s/2/a t"),
        ("s.1/a=conv s.1/b=conv s.2/a=conv t=conv", 2, "s.1 s.2 t"),
        # a node that is called as its group, as the sums in exported ONNX files are, lies in it
        ("s.1/a=conv s.1=add<s.1/a,s.1/a t=conv", 2, "s.1 t"),
        ("s.1/a=conv s.1=add<s.1/a,s.1/a t=conv", 3, "s.1/a s.1 t"),
        # a group that all layers lie in is no level
        ("net/a/x=conv net/a/y=conv net/b/x=conv", 1, "net/a net/b"),
        # fewer than six blocks are opened
        ("a/x=conv a/y=conv b/x=conv b/y=conv", None, "a/x a/y b/x b/y"),
        ("a/x=conv b/x=conv c/x=conv d/x=conv e/x=conv f/x=conv f/y=conv", None, "a b c d e f"),
    ],
)  # fmt: skip
def test_rows(layers: str, depth: Depth, rows: str) -> None:
    assert names(layers, depth) == rows.split()


def test_many_blocks_are_shown_by_their_group() -> None:
    layers = " ".join(f"s{i}/{j}/a=conv s{i}/{j}/b=conv" for i, j in product(range(5), range(9)))
    assert names(layers) == [f"s{i}" for i in range(5)]
    assert len(names(layers, 2)) == 45


def test_a_flat_row_of_layers_is_joined_where_sizes_stay() -> None:
    """Of 300 layers, 100 rows with what is folded; each size ends a row."""
    ops = chain(*(("conv" if i % 25 else "half", "bn", "relu") for i in range(1, 101)))
    report = network(" ".join(f"n{i}={op}" for i, op in enumerate(ops)))
    rows = summary(report)
    assert_whole(report, rows)
    assert 30 <= len(rows) <= 40
    assert rows[0].name == "n0 .. n6"
    for row in rows:
        assert len({layer.output for layer in row.layers}) == 1, row.name
    assert len(summary(report, 1)) == 100
    assert [row.name for row in summary(report, 1)][:2] == ["n0", "n3"]


@pytest.mark.parametrize("seed", range(10))
def test_rows_of_random_networks(seed: int) -> None:
    random = Random(seed)
    parts = [random.choice(["a", "b", "a.1", "c/d"]) for _ in range(6)]
    layers = [f"{'/'.join(random.choices(parts, k=random.randint(1, 3)))}/{number}" for number in range(90)]
    builder = Builder()
    at = [builder.input((1, 4, 8, 8))]
    for name in layers:
        op = random.choice(["conv", "bn", "relu", "add"])
        at.append(builder.add(name, op, OPS[op], random.choices(at[-3:], k=2 if op == "add" else 1)))
    report = network_report(builder.graph("random", builder.add("out", "concat", Concat(1), at[-8:])))
    for depth in (None, 1, 2, 3, "all"):
        assert_whole(report, summary(report, depth))  # type: ignore[arg-type]
    assert len(summary(report)) <= 40


def test_a_part_of_a_network_in_rows() -> None:
    report = network("s/a=conv s/b=bn t/a=conv t/b=conv")
    chosen = [layer for layer in report.layers if is_in(layer.name, "t")]
    assert [(row.name, len(row.layers)) for row in rows_of(report, chosen, 1)] == [("t", 2)]


def test_what_is_not_counted_makes_a_row_a_lower_bound() -> None:
    builder = Builder()
    at = builder.add("s/a", "conv", POINT, [builder.input((1, 4, 8, 8))])
    at = builder.add("s/odd", "odd", Unknown("not understood", (1, 4, 8, 8)), [at])
    report = network_report(builder.graph("net", builder.add("t", "odd", Unknown("not understood"), [at])))
    rows = network_view(report, summary(report, 1), "channels-first").rows
    assert [row[:5] for row in rows] == [
        ("s", "conv, odd", "4x8x8", "at least 16", "at least 1,024"),
        ("t", "odd", None, "?", "?"),
        ("total", None, None, "at least 16", "at least 1,024"),
    ]


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "", "ALL"])
def test_depths_that_are_none(text: str) -> None:
    with pytest.raises(NotationError, match=r"^depth: must be a whole number from 1 on, or all, got"):
        parse_depth(text)
    assert (parse_depth("3"), parse_depth("all"), parse_depth(None)) == (3, "all", None)
