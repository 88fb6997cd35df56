"""A pool from its options, by PyTorch's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convcalc.errors import NotationError, ShapeError
from convcalc.graph.primitives import Pool
from convcalc.notation import POOL_WORDS, parse_axes, parse_padding


def pool_stage(kind: str, options: Mapping[str, Any], dims: int) -> Pool:
    """A pool of kind max or avg. Its stride is its kernel unless given, its padding at most half the kernel.

    Raises NotationError or ShapeError for options that cannot be read or combined.
    Source: PyTorch, torch.nn.MaxPool2d, whose bound on the padding does not grow with the dilation.
    """
    if "kernel" not in options:
        raise NotationError("kernel: must be given, as one number or one per axis")
    kernel = parse_axes(options["kernel"], "kernel", dims)
    padding = parse_padding(options.get("padding", 0), dims)
    dilation = parse_axes(options.get("dilation", 1), "dilation", dims)
    if isinstance(padding, str):
        if padding not in POOL_WORDS:
            raise ShapeError(f"padding of a pool is at most half its kernel, got '{padding}'; use same or valid")
    else:
        for taps, pair in zip(kernel, padding, strict=True):
            if max(pair) > taps // 2:
                raise ShapeError(
                    f"padding of a pool is at most half its kernel, got {max(pair)} for {taps}; use up to {taps // 2}"
                )
    stride = parse_axes(options.get("stride", options["kernel"]), "stride", dims)
    return Pool(
        kind, kernel, stride, padding, dilation,
        options.get("ceil_mode", False), options.get("count_include_pad", True),
    )  # fmt: skip
