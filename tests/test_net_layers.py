"""What blocks of a network file may say: values made of others, ops by name, and channels that divide."""

from __future__ import annotations

import pytest

from convcalc.errors import NotationError
from convcalc.graph.graph import Network
from convcalc.readers.toml.document import network_from_toml


def network(text: str, width: float = 1.0) -> Network:
    return network_from_toml(('input = "2x9x9"\n' + text).encode(), "own.toml", width=width)


def shapes(net: Network) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(node.name, node.op, node.shape[1:]) for node in net.layers if node.shape]


def test_a_blocks_own_values_are_worked_out_anew_in_every_repetition_in_their_order() -> None:
    net = network("""
        layers = [{name = "b", block = "grow", repeat = 3}]
        [[blocks]]
        name = "grow"
        half = "channels + index"
        whole = "2*half"
        layers = [{name = "c", op = "conv", filters = "whole", kernel = 1}]
    """)
    assert [shape[0] for _, _, shape in shapes(net)] == [2 * (2 + 1), 2 * (6 + 2), 2 * (16 + 3)]


def test_what_a_layer_tells_a_block_comes_before_the_blocks_own_value() -> None:
    block = """
        [[blocks]]
        name = "b"
        filters = "3*channels"
        stride = 2
        layers = [{name = "c", op = "conv", filters = "filters", kernel = 1, stride = "stride"}]
    """
    default = network('layers = [{name = "u", block = "b", repeat = 2}]' + block)
    assert shapes(default) == [("u/1/c", "conv", (6, 5, 5)), ("u/2/c", "conv", (18, 5, 5))]  # stride 1 the second time
    told = network('layers = [{name = "u", block = "b", filters = 7, stride = 3}]' + block)
    assert shapes(told) == [("u/c", "conv", (7, 3, 3))]


def test_only_numbers_are_scaled_by_width_and_not_what_is_made_of_them() -> None:
    text = """
        width_scales = ["filters", "middle"]
        layers = [{name = "b", block = "b", filters = 8}]
        [[blocks]]
        name = "b"
        middle = "3*filters"
        layers = [
            {name = "in", op = "conv", filters = "middle", kernel = 1},
            {name = "out", op = "conv", filters = "filters", kernel = 1},
        ]
    """
    assert [shape[0] for _, _, shape in shapes(network(text, width=0.5))] == [12, 4]


def test_an_op_may_be_a_value_of_the_block() -> None:
    text = """
        layers = [
            {name = "one", block = "b", activation = "relu"},
            {name = "two", block = "b", activation = "hard_swish"},
        ]
        [[blocks]]
        name = "b"
        layers = [{name = "a", op = "activation"}]
    """
    assert [(name, op) for name, op, _ in shapes(network(text))] == [("one/a", "relu"), ("two/a", "hard_swish")]
    with pytest.raises(NotationError, match="two/a: op: unknown op 'hard_swosh'; did you mean hard_swish"):
        network(text.replace("hard_swish", "hard_swosh"))


@pytest.mark.parametrize(
    ("value", "result"),
    [(18, 24), (30, 32), (120, 120), (168, 168), (1, 8), (12, 16), (13, 16), (19, 24), (20, 24)],
)
def test_divisible_never_loses_more_than_a_tenth(value: int, result: int) -> None:
    text = f"""
        layers = [{{name = "b", block = "b", value = {value}}}]
        [[blocks]]
        name = "b"
        layers = [{{name = "c", op = "conv", filters = "divisible(value, 8)", kernel = 1}}]
    """
    assert shapes(network(text))[0][2][0] == result


def test_divisible_by_nothing_is_refused() -> None:
    text = """
        layers = [{name = "b", block = "b"}]
        [[blocks]]
        name = "b"
        layers = [{name = "c", op = "conv", filters = "divisible(channels, 0)", kernel = 1}]
    """
    with pytest.raises(NotationError, match=r"b/c: filters: cannot work out 'divisible\(channels, 0\)'"):
        network(text)
