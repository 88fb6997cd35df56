"""Mistakes made outside, by plain NumPy and the definition, are named, and their fixes make both agree."""

from __future__ import annotations

import numpy as np
import pytest

from tests.diagnosing.asking import asked, mended, names
from tests.proof.command import by_definition

RANDOM = np.random.default_rng(5)
X = RANDOM.integers(-9, 10, (2, 4, 9, 11))
W = RANDOM.integers(-9, 10, (6, 4, 3, 2))


def convolved(x: np.ndarray, w: np.ndarray, **stage: object) -> np.ndarray:
    """A plain convolution by the definition."""
    pads = stage.setdefault("padding", [(0, 0), (0, 0)])
    stride, dilation = stage.setdefault("stride", [1, 1]), stage.setdefault("dilation", [1, 1])
    sizes = [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, d, p in zip(x.shape[2:], w.shape[2:], stride, dilation, pads, strict=True)  # type: ignore[call-overload]
    ]
    whole = {"op": "conv", "groups": 1, "out_channels": len(w), "output": [len(w), *sizes], **stage}
    return by_definition(whole, x, w)


def test_the_right_output_agrees() -> None:
    found = asked(X, W, convolved(X, W))
    assert found["agrees"]
    assert (found["max_abs_error"], found["explanations"], found["first_difference"]) == (0, [], [])


@pytest.mark.parametrize(
    ("id", "w"),
    [
        ("kernel-flipped", W[..., ::-1, ::-1]),
        ("kernel-flipped-height", W[..., ::-1, :]),
        ("kernel-written-HWIO", np.transpose(W, (2, 3, 1, 0)).reshape(W.shape)),
        ("kernel-read-OHWI", W.reshape(6, 3, 2, 4).transpose(0, 3, 1, 2)),
    ],
)
def test_kernels(id: str, w: np.ndarray) -> None:
    y = convolved(X, w)
    found = asked(X, W, y)
    assert not found["agrees"]
    assert id in names(found)
    assert mended(X, W, y, found["explanations"][0]["fix"])


def test_unrelated_outputs_are_not_explained() -> None:
    found = asked(X, W, RANDOM.integers(-500, 500, (2, 6, 7, 10)))
    assert (found["agrees"], found["explanations"], found["indistinguishable"]) == (False, [], [])
