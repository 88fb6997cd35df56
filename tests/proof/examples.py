"""Layers that the checks of a run are tried on: unequal on every axis, with padding and crops on one side."""

from __future__ import annotations

from convcalc import analyze

LAYER = analyze(
    "standard", input=(3, 9, 11), kernel=(3, 2), filters=4, stride=(2, 1), padding=((1, 0), (2, 1)), dilation=(1, 3),
    bias=True, batch=2,
)  # fmt: skip
CHAIN = analyze("depthwise-separable", input=(3, 9, 11), kernel=(3, 2), filters=4, dilation=(2, 1))
TRANSPOSED = analyze("transposed", input=(3, 4, 5), kernel=(3, 4), filters=2, stride=(2, 3), padding=((1, 0), (0, 2)))
EXAMPLES = {"standard": LAYER, "chain": CHAIN, "transposed": TRANSPOSED}
