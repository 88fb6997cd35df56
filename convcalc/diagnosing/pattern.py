"""Where two outputs differ, and by what: the part that can be seen before any mistake is thought of."""

from __future__ import annotations

import numpy as np

from convcalc.diagnosing.setup import Setup, stage_shape
from convcalc.diagnosing.windows import inside_padding
from convcalc.graph.shapes import AXIS_NAMES


def pattern_of(ours: np.ndarray, theirs: np.ndarray, differs: np.ndarray, setup: Setup) -> str:
    """A few words on which outputs (batch, N, *positions) differ, and by how much."""
    return "; ".join(filter(None, (_where(differs, setup), _how(ours, theirs, differs))))


def _where(differs: np.ndarray, setup: Setup) -> str:
    count, size = int(differs.sum()), differs.size
    if count == size:
        return "all outputs differ"
    share = f"{count:,} of {size:,} outputs differ"
    last = setup.stages[-1]
    sizes = (differs.shape[0], *stage_shape(last))
    positions = np.indices(sizes).reshape(len(sizes), -1).T
    inside = inside_padding(last, positions).reshape(sizes)[:, np.newaxis]
    if not last.transposed and not inside.all():
        if not (differs & inside).any():
            return f"{share}, all of them where windows touch the padding"
        if not (differs & ~inside).any():
            return f"{share}, none of them where windows touch the padding"
    channels = np.flatnonzero(differs.any(axis=(0, *range(2, differs.ndim))))
    if len(channels) < differs.shape[1]:
        share += f", in channel{'s' if len(channels) > 1 else ''} {_listed(channels)}"
    for axis, name in enumerate(AXIS_NAMES[setup.dims]):
        along = tuple(a for a in range(differs.ndim) if a != 2 + axis)
        at = np.flatnonzero(differs.any(axis=along))
        if len(at) <= max(1, differs.shape[2 + axis] // 2):
            share += f", at {name} {_listed(at)}"
    return share


def _listed(numbers: np.ndarray) -> str:
    shown = ", ".join(str(number) for number in numbers[:4])
    return shown if len(numbers) <= 4 else f"{shown} and {len(numbers) - 4} more"


def _how(ours: np.ndarray, theirs: np.ndarray, differs: np.ndarray) -> str:
    """A constant, a constant per channel, a factor, or multiples of a power of two."""
    if "c" in (ours.dtype.kind, theirs.dtype.kind):
        return ""
    with np.errstate(all="ignore"):
        gap = theirs.astype(np.float64) - ours.astype(np.float64)
        if not np.isfinite(gap).all():
            return "some are NaN or infinite"
        scale = max(float(np.abs(ours).max()), float(np.abs(theirs).max()), 1e-300)
        if not theirs.any():
            return "y is 0 everywhere"
        if theirs.size > 1 and np.ptp(theirs) == 0:
            return f"y is {float(theirs.flat[0]):.6g} everywhere"
        near = 1e-5 * scale
        if differs.all() and np.ptp(gap) <= near and gap.size > 1:
            return f"y is larger by {gap.mean():.6g}" if gap.mean() > 0 else f"y is smaller by {-gap.mean():.6g}"
        spread = np.ptp(gap, axis=(0, *range(2, gap.ndim)))
        if gap.size >= 2 * gap.shape[1] and np.all(spread <= near):
            return "by a constant for every channel"
        nonzero = np.abs(ours) > 1e-3 * scale
        ratio = theirs[nonzero] / ours[nonzero]
        if ratio.size > 2 and np.ptp(ratio) <= 1e-4 * abs(float(ratio.mean())):
            return f"by the factor {ratio.mean():.6g}"
        wrong = gap[differs]
        if np.all(wrong == np.round(wrong)):
            for bits in (32, 16, 8):
                if np.all(wrong % (1 << bits) == 0):
                    return f"by multiples of 2^{bits}"
    return f"by up to {float(np.abs(gap).max()):.6g}"
