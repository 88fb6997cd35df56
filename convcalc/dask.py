"""`convcalc.dask.conv`: a convolution of a Dask array, chunk by chunk, for images larger than one machine's memory.

It needs the extra `dask`. Chunks share a halo as wide as the windows reach, so the result is that of `convcalc.conv` on
the whole: equal for integers, to rounding for floats.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import numpy.typing as npt

from convcalc.axis.modes import zones
from convcalc.axis.window import Window
from convcalc.engine import api
from convcalc.engine.arithmetic import choose_arithmetic
from convcalc.engine.ops.convolution import check_arrays
from convcalc.errors import DataError, located
from convcalc.graph.primitives import Correlate, windows
from convcalc.graph.shapes import place
from convcalc.notation import (
    Axes,
    PaddingValue,
    PerAxis,
    parse_axes,
    parse_padding,
    parse_padding_mode,
    whole_number,
)

BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""Padding modes by the names that `dask.array.pad` has for them."""


class Plan(NamedTuple):
    """One axis in chunks: the first position of each in the input and in the output, and the ends of both.

    A chunk begins at a multiple of the stride, and is given `halo` positions more before and after it.
    """

    window: Window
    edges: Axes
    outputs: Axes
    halo: tuple[int, int]


def conv(
    x: Any,
    w: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: PerAxis = 1,
    padding: PaddingValue = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> da.Array:
    """Convolution of a Dask array, as `convcalc.conv` has it; nothing is computed yet.

    x: (batch, C, *spatial) or (C, *spatial), in any chunks; w: (N, C / groups, *kernel); bias: (N,). Returns
    (batch, N, *positions), without the batch if x has none, in chunks that are those of x divided by the stride; chunks
    that are smaller than the halo are joined, and so are the channels. dtypes are those of `convcalc.conv`.

    Raises ConvcalcError (a ValueError) for shapes, options or dtypes that do not fit together.

    >>> x = da.ones((1, 1000), chunks=(1, 250), dtype=int)
    >>> conv(x, [[[1, 1, 1]]], stride=2, padding=1)[0, :3].compute()
    array([2, 3, 3])
    """
    x, w = da.asarray(x), w if isinstance(w, da.Array) else np.asarray(w)
    dims = api.dims_of(x, w)
    if any(np.isnan(size) for size in x.shape):
        raise DataError("input: chunk sizes must be known, got nan; call x.compute_chunk_sizes() first")
    primitive = Correlate(
        in_channels=x.shape[-1 - dims],
        out_channels=w.shape[0],
        kernel=w.shape[2:],
        stride=parse_axes(stride, "stride", dims),
        padding=parse_padding(padding, dims),
        dilation=parse_axes(dilation, "dilation", dims),
        groups=whole_number(groups, "groups"),
        bias=bias is not None,
    )
    bias = bias if bias is None or isinstance(bias, da.Array) else np.asarray(bias)
    check_arrays("conv", primitive, w, bias, "kernel", "bias")
    empty = [None if each is None else np.zeros(1, each.dtype) for each in (x, w, bias)]
    dtype = choose_arithmetic(empty[0], empty[1], empty[2]).result  # type: ignore[arg-type]
    batched = x if x.ndim == w.ndim else x[np.newaxis]
    with located("conv"):
        placed, shape = place(primitive, (batched.shape,))
    assert isinstance(placed, Correlate)
    assert shape is not None
    mode = parse_padding_mode(padding_mode)
    if mode in BORDERS:
        with located("conv"):
            for window, size in zip(windows(placed), batched.shape[2:], strict=True):
                zones(size, window, mode)  # which refuses more padding than the mode can fill
        batched = da.pad(batched, ((0, 0), (0, 0), *placed.padding), mode=BORDERS[mode])
        placed = placed._replace(padding=((0, 0),) * dims)
    plans = [
        _plan(window, chunks, size)
        for window, chunks, size in zip(windows(placed), batched.chunks[2:], shape[2:], strict=True)
    ]
    out = _mapped(batched, w, bias, placed, plans, dtype)
    return out if x.ndim == w.ndim else out[0]


def _plan(window: Window, chunks: Axes, outputs: int) -> Plan:
    """The chunks of an axis moved to multiples of the stride, and joined where they are smaller than the halo."""
    stride, size = window.stride, sum(chunks)
    before, after = window.before, max(0, window.extent - stride - window.before)
    least = max(1, before, after, before - window.extent + stride + 1)
    edges, end = [0], 0
    for chunk in chunks[:-1]:
        end += chunk
        edge = (end + stride // 2) // stride * stride
        if edge - edges[-1] >= least and size - edge >= least and edge // stride < outputs:
            edges.append(edge)
    halo = (before, after) if len(edges) > 1 else (0, 0)
    return Plan(window, (*edges, size), (*(edge // stride for edge in edges), outputs), halo)


def _mapped(
    x: da.Array, w: Any, bias: Any, primitive: Correlate, plans: list[Plan], dtype: np.dtype
) -> da.Array:  # fmt: skip
    chunked = [_lengths(plan.edges) for plan in plans]
    x = x.rechunk((x.chunks[0], (x.shape[1],), *chunked))
    chunks = (x.chunks[0], (primitive.out_channels,), *(_lengths(plan.outputs) for plan in plans))
    settings = {
        "w": w if isinstance(w, da.Array) else da.from_array(w, chunks=-1),
        "bias": None if bias is None or isinstance(bias, da.Array) else da.from_array(bias, chunks=-1),
        "plans": plans,
        "groups": primitive.groups,
    }
    if isinstance(bias, da.Array):
        settings["bias"] = bias
    return da.map_overlap(
        _convolved, x, depth={2 + axis: plan.halo for axis, plan in enumerate(plans)}, boundary="none", trim=False,
        allow_rechunk=False, chunks=chunks, dtype=dtype, meta=np.empty((0,) * x.ndim, dtype), **settings,
    )  # fmt: skip


def _lengths(edges: Axes) -> Axes:
    return tuple(end - start for start, end in pairwise(edges))


def _convolved(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray | None, plans: list[Plan], groups: int, block_info: Any = None
) -> np.ndarray:
    """One chunk with its halo, cut to what its outputs read; what they read beyond the input is padding."""
    parts, padding = [slice(None), slice(None)], []
    for plan, number in zip(plans, block_info[0]["chunk-location"][2:], strict=True):
        window, size = plan.window, plan.edges[-1]
        first = plan.outputs[number] * window.stride - window.before
        end = (plan.outputs[number + 1] - 1) * window.stride + window.extent - window.before
        start = plan.edges[number] - (plan.halo[0] if number else 0)
        parts.append(slice(max(0, first) - start, min(size, end) - start))
        padding.append((max(0, -first), max(0, end - size)))
    return api.conv(
        x[tuple(parts)], w, bias, stride=tuple(plan.window.stride for plan in plans), padding=tuple(padding),
        dilation=tuple(plan.window.dilation for plan in plans), groups=groups,
    )  # fmt: skip
