"""The receptive field of a layer measured: which inputs turn its outputs NaN, along one axis on one channel.

Axis by axis the layer's convolutions run on a signal long enough that the border is far, with one NaN at every
position in turn, and kernels of ones as long as the arrays' own (a zero weight would hide its tap).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd

import numpy as np

from convcalc.axis.strands import AxisField, Field, Reads
from convcalc.engine.primitive import run_primitive
from convcalc.errors import ShapeError
from convcalc.graph.primitives import Convolution, TransposedCorrelate, windows
from convcalc.graph.shapes import place
from convcalc.proof.executed import Check, Convolved, Executed, convolved, equal, skipped
from convcalc.questions.schema import field_dict

PROBED_SIGNAL = 1 << 24
"""Longest signal to probe the receptive field on, in pixels, unless four times the input's size is more."""
PROBED_PIXELS, PROBED_PRODUCTS = 1 << 20, 1 << 25
"""Pixels that probing may hold at once, and its approximate cost limit before only some inputs are probed."""
MIN_PROBES = 8
"""Random inputs to probe at least, and as many random ones of those that should be read."""
MAX_PERIOD = 1 << 15
"""Most outputs after which a pattern must repeat to be probed."""
MARGIN_PRODUCTS = 1 << 21
"""Approximate cost limit, per probe, of the margin on one side of the observed windows."""


@dataclass(frozen=True, slots=True)
class Signal:
    """The signal that a layer is probed on: its `size`, the outputs `watched`, and the inputs that each should read.

    Two periods of outputs are watched.
    """

    size: int
    watched: range
    expected: tuple[frozenset[int], ...]

    @property
    def period(self) -> int:
        return len(self.watched) // 2


def check_receptive_field(predicted: Sequence[AxisField], executed: Sequence[Executed]) -> Check:
    """The predicted receptive field against the inputs that change an output when they become NaN.

    Skipped if strides make the signal to probe too long, or its pattern.
    """
    convolutions = [run for node in executed if (run := convolved(node)) is not None]
    try:
        probed = [_probed(convolutions, axis) for axis in range(len(predicted))]
    except ShapeError as error:
        return skipped("receptive_field", str(error))
    how = "inputs that turned an output NaN, one by one"
    if left_out := [(tried, size) for _, tried, size in probed if tried < size]:
        counts = ", ".join(f"{tried:,} of {size:,}" for tried, size in left_out)
        how += f"; {counts} along a long axis, the predicted ends and their neighbours among them"
    return equal("receptive_field", field_dict(predicted), field_dict([field for field, _, _ in probed]), how)


def _probed(executed: Sequence[Convolved], axis: int) -> tuple[AxisField, int, int]:
    """The measured field along one axis, how many inputs were tried, and how many there are."""
    stages = [run.along(axis) for run in executed]
    signal = _signal(stages, longest=max(PROBED_SIGNAL, *(4 * size for size in executed[0].x.shape)))
    period, kernel = signal.period, max(stage.kernel[0] for stage in stages)
    probes = _probes(signal, kernel)
    depends = _dependencies(stages, signal, probes)
    seen = [probes[depends[:, output]] for output in range(2 * period)]
    tried = frozenset(probes.tolist())
    missed = [len(reads - tried) for reads in signal.expected]  # not probed: taken as predicted
    widest = max(range(period), key=lambda o: (seen[o][-1] - seen[o][0] if len(seen[o]) else -1, len(seen[o])))
    low, ahead = seen[widest], seen[widest + period]
    jump = Fraction(int(ahead[0] - low[0]), period) if len(low) and len(ahead) else Fraction(0)
    start = int(seen[0][0] - signal.watched.start * jump) if len(seen[0]) else None
    span = int(low[-1] - low[0] + 1) if len(low) else 0
    return AxisField(span, jump, start, len(low) + missed[widest]), len(probes), signal.size


def _signal(stages: Sequence[Convolution], longest: int) -> Signal:
    """A signal whose watched outputs lie far enough inside that their windows reach no border.

    On either side of the windows lie as many pixels as they cover; if the kernel is too long for that, as many as are
    cheap to run it over. Raises ShapeError if that takes more than `longest` pixels, or more than MAX_PERIOD outputs.
    """
    field, period, jump = Field.identity(), 1, Fraction(1)
    reach, spread, begin, end = 1, 0, 1, 0
    for stage in stages:
        [window] = windows(stage)
        if isinstance(stage, TransposedCorrelate):
            field, period, jump = field.spread(window), period * window.stride, jump / window.stride
            reach += ceil(window.extent * jump)
            spread += ceil(window.extent * jump)  # the first outputs have fewer inputs
            begin += ceil(window.before * jump)
            end += ceil(window.after * jump)  # the crop removes these outputs
        else:
            reach += ceil(window.extent * jump)
            begin += ceil(window.before * jump)
            field = field.after(Reads.through(window))
            period, jump = period // gcd(period, window.stride), jump * window.stride
    if period > MAX_PERIOD:
        raise ShapeError(
            f"it repeats only after {period:,} outputs, and patterns of more than {MAX_PERIOD:,} are not measured"
        )
    kernel = max(stage.kernel[0] for stage in stages)
    margin = min(reach, max(1 + spread, MARGIN_PRODUCTS // kernel))
    first = period * ceil((margin + begin) / jump / period)
    watched = range(first, first + 2 * period)
    needed = ceil(watched.stop * max(jump, Fraction(1))) + reach + end
    if needed > longest:
        raise ShapeError(f"it is measured on a signal of at most {longest:,} pixels, and these strides take {needed:,}")
    expected = tuple(frozenset(field.at(output)) for output in watched)
    size = max(max(reads) for reads in expected if reads) + margin + end
    while _output_size(stages, size) < watched.stop:
        size *= 2
    return Signal(size, watched, expected)


def _output_size(stages: Sequence[Convolution], size: int) -> int:
    for stage in stages:
        shape = place(stage, [(1, 1, size)]).shape
        assert shape is not None
        size = shape[2]
    return size


def _probes(signal: Signal, kernel: int) -> np.ndarray:
    """The positions of the NaNs: all, or on a very long signal the predicted ends, their neighbours and a few more."""
    size = signal.size
    some = max(MIN_PROBES, PROBED_PRODUCTS // (size * kernel))
    if size <= some:
        return np.arange(size)
    ends = {end + d for reads in signal.expected if reads for end in (min(reads), max(reads)) for d in (-1, 0, 1)}
    random = np.random.default_rng(0)
    inside = random.permutation(sorted(frozenset[int]().union(*signal.expected)))[:some]
    chosen = {*ends, *inside.tolist(), *random.integers(0, size, some).tolist()}
    return np.array(sorted(i for i in chosen if 0 <= i < size))


def _dependencies(stages: Sequence[Convolution], signal: Signal, probes: np.ndarray) -> np.ndarray:
    """Which probed inputs (rows) turn which of the watched outputs (columns) NaN."""
    sizes = [_output_size(stages[:count], signal.size) for count in range(len(stages) + 1)]
    at_once = max(1, PROBED_PIXELS // max(sizes))
    watched = slice(signal.watched.start, signal.watched.stop)
    depends = np.zeros((len(probes), len(signal.watched)), bool)
    for some in np.split(np.arange(len(probes)), range(at_once, len(probes), at_once)):
        x = np.ones((len(some), 1, signal.size), np.float32)
        x[np.arange(len(some)), 0, probes[some]] = np.nan
        for stage in stages:
            x = run_primitive(stage, [x], [np.ones((1, 1, *stage.kernel), np.float32)], algorithm="direct")
        found = np.isnan(x[:, 0, watched])
        depends[some, : found.shape[1]] = found  # an engine at fault may have fewer outputs than expected
    return depends
