"""One network over input sizes and widths."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError
from convcalc.questions.report import network_report
from convcalc.questions.sweep import sizes, swept, widths
from convcalc.readers.toml.document import network_from_toml
from tests.words import SEPARABLE, report

LAYERS = SEPARABLE.partition(" ")[2]


def test_sweeps() -> None:
    assert sizes("128..320:64,224x256") == ("128", "192", "256", "320", "224x256")
    assert widths("0.5, 1") == ("0.5", "1")
    sweep = swept("size", ["20", "40"], lambda size: report(f"3x{size}x28 {LAYERS}"))
    [small, large] = sweep.to_dict()["points"]
    assert (small["size"], large["input"]) == ("20", [3, 40, 28])
    assert large["totals"]["multiplications"] == report(f"3x40x28 {LAYERS}").multiplications
    with pytest.raises(ConvcalcError, match=r"^size 1: layer 2 of 2, dw:k5s2: height: the window must fit"):
        swept("size", ["1"], lambda size: report(f"3x{size}x9 k3s2p1f6 dw:k5s2"))
    deep = '[[layers]]\nname = "deep"\nop = "depthwise"\nkernel = 5\n'
    with pytest.raises(ConvcalcError, match=r"^size 4: net\.toml: deep: height: the window must fit"):
        swept(
            "size", ["4"], lambda n: network_report(network_from_toml(deep.encode(), "net.toml", input=(3, int(n), 9)))
        )
    for text in ("320..128", "1..9999", "a", "1,,2", "1..5:0"):
        with pytest.raises(ConvcalcError, match="sweep"):
            sizes(text)
