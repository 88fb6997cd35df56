"""`convcalc run` from outside: what is common to its tests, and one stage by its definition, tap after tap."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CHECKS = ["output_shape", "parameters", "multiplications", "receptive_field", "values"]
NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
RUN_KEYS = {
    "schema", "report", "checks", "ok", "output", "algorithm", "multiplications_executed", "engine", "seconds",
    "max_abs_error",
}  # fmt: skip
NAN, INF = float("nan"), float("inf")
IMAGE = np.arange(42).reshape(6, 7) ** 2 % 31
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
Saved = Callable[..., str]
Invoked = Callable[..., tuple[int, str, str]]


def kernel_shape(stage: dict[str, Any]) -> tuple[int, ...]:
    first, second = stage["in_channels"], stage["out_channels"]
    if stage["op"] == "conv":
        first, second = second, first
    return first, second // stage["groups"], *stage["kernel"]


def by_definition(
    stage: dict[str, Any], x: np.ndarray, w: np.ndarray, bias: np.ndarray | None = None, mode: str = "zeros"
) -> np.ndarray:
    """One stage of a report on x (batch, channels, *spatial), tap after tap: a shifted picture times a weight."""
    if stage["op"] == "channel_shuffle":
        groups = stage["groups"]
        return x[:, [g * (x.shape[1] // groups) + n for n in range(x.shape[1] // groups) for g in range(groups)]]
    groups, filters, axes = stage["groups"], stage["out_channels"], range(x.ndim - 2)
    stride, dilation, padding = (stage[key] for key in ("stride", "dilation", "padding"))
    transposed = stage["op"] == "conv_transpose"
    if transposed:
        sizes = [
            (x.shape[2 + i] - 1) * stride[i] + dilation[i] * (w.shape[2 + i] - 1) + 1 + stage["output_padding"][i]
            for i in axes
        ]
    else:
        sizes = stage["output"][1:]
        x = np.pad(x, ((0, 0), (0, 0), *padding), NUMPY_MODES[mode])
    out = np.zeros((x.shape[0], filters, *sizes), np.result_type(x, w))
    for n, c in product(range(filters), range(x.shape[1])):
        group, own = divmod(c, x.shape[1] // groups)
        if n // (filters // groups) != group:
            continue
        for taps in np.ndindex(*w.shape[2:]):
            weight = w[(c, n % (filters // groups), *taps)] if transposed else w[(n, own, *taps)]
            count = x.shape[2:] if transposed else sizes
            spread = tuple(
                slice(t * d, t * d + (m - 1) * s + 1, s)
                for t, d, m, s in zip(taps, dilation, count, stride, strict=True)
            )
            if transposed:
                out[(slice(None), n, *spread)] += weight * x[:, c]
            else:
                out[:, n] += weight * x[(slice(None), c, *spread)]
    if transposed:
        out = out[(..., *(slice(b, size - a) for (b, a), size in zip(padding, sizes, strict=True)))]
    return out if bias is None else out + bias.reshape(-1, *(1 for _ in axes))


def refusal(invoked: Invoked, *arguments: str) -> str:
    """The one line on stderr of a run that must be refused, with nothing on stdout."""
    code, stdout, stderr = invoked(*arguments)
    assert (code, stdout) == (2, ""), stderr
    assert stderr.startswith("error: ")
    assert stderr.endswith("\n")
    assert stderr.count("\n") == 1
    return stderr
