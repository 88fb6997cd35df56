"""The table of mistakes: every reading of every family, for one layer."""

from __future__ import annotations

import numpy as np

from convcalc.diagnosing.channels import channel_readings
from convcalc.diagnosing.integers import integer_readings
from convcalc.diagnosing.kernels import kernel_readings
from convcalc.diagnosing.maps import map_readings
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.rounding import rounding_readings
from convcalc.diagnosing.setup import Setup
from convcalc.diagnosing.values import value_readings
from convcalc.diagnosing.windows import window_readings


def readings_of(
    setup: Setup, dtype: np.dtype, files: tuple[np.dtype, ...], largest: float, right: float | None = None
) -> tuple[Reading, ...]:
    """Every reading for this setup, the likely ones first.

    `dtype` is y's, `files` are those of x and the kernels, and `largest` is the largest |output|: integers that are
    never reached make no difference. `right` is the largest right one, `largest` unless it is given.
    """
    return (
        *kernel_readings(setup),
        *window_readings(setup),
        *channel_readings(setup),
        *map_readings(setup),
        *value_readings(setup, all(kind.kind in "biu" for kind in (dtype, *files))),
        *rounding_readings(setup),
        *integer_readings(dtype, files, largest, right),
    )
