"""What if: convolutions replaced by those of another type, which map the same sizes."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError
from convcalc.questions.replace import replaced
from convcalc.questions.report import network_report
from tests.words import SEPARABLE, graph, report


def test_a_separable_pair_becomes_one_convolution_and_back() -> None:
    full = network_report(replaced(graph(SEPARABLE), "depthwise-separable=standard"))
    rows = {layer.name: layer for layer in full.layers}
    assert list(rows) == ["1", "5", "6", "7", "8"]
    assert rows["5"].multiplications == 5 * 7 * 6 * 11 * 25
    assert rows["5"].parameters == 6 * 11 * 25 + 11
    assert full.output == (7,)
    assert full.receptive_field == report(SEPARABLE).receptive_field
    again = network_report(replaced(full.graph, "standard=depthwise-separable"))
    rows = {layer.name: layer for layer in again.layers}
    assert rows["1"].multiplications == 10 * 14 * (3 * 9 + 3 * 6)
    assert rows["5"].multiplications == 5 * 7 * (6 * 25 + 6 * 11)


def test_replacing_keeps_the_sizes() -> None:
    for other in ("dilated", "flattened", "spatially-separable", "pointwise", "shuffled-grouped", "depthwise"):
        assert network_report(replaced(graph("4x9x9 k3p1f8"), f"standard={other}")).output == (8, 9, 9), other


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("standard", "replace: must be TYPE=TYPE"),
        ("standard=", "replace: must be TYPE=TYPE"),
        ("standart=flattened", "replace: type: unknown convolution type 'standart'; did you mean standard"),
        ("grouped=standard", "has no grouped convolution; it has depthwise, pointwise, standard, depthwise-separable"),
        (
            "standard=shuffled-grouped",
            "replace: 1: grouped: groups must divide in_channels, got groups=2 and in_channels=3; "
            "use --replace standard=depthwise-separable",
        ),
    ],
)
def test_rules_that_do_not_work(rule: str, message: str) -> None:
    with pytest.raises(ConvcalcError, match=message):
        replaced(graph(SEPARABLE), rule)
