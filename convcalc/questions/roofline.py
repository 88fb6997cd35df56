"""Whether arithmetic or memory bounds a layer on a machine of a given peak and bandwidth, and the least time it takes.

Source: Williams, Waterman & Patterson 2009, Roofline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from convcalc.errors import NotationError, ShapeError, quoted

_RATE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*([kKMGTP]?)\s*([A-Za-z]+(?:/s)?)?\s*")
_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
OPERATIONS = {
    "ops": 1,
    "op/s": 1,
    "ops/s": 1,
    "flops": 1,
    "flop/s": 1,
    "flops/s": 1,
    "macs": 2,
    "mac/s": 2,
    "macs/s": 2,
}
BYTES_PER_SECOND = {"b/s": 1, "bps": 1}


@dataclass(frozen=True, slots=True)
class Bound:
    """The least seconds of a layer, and whether arithmetic or memory takes them."""

    by: str
    seconds: float

    def to_dict(self) -> dict[str, str | float]:
        return {"bound": self.by, "least_seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Machine:
    """Operations per second, two to a multiply-accumulate, and bytes per second to and from memory."""

    peak: float
    bandwidth: float

    def bound(self, operations: int, moved_bytes: int) -> Bound:
        """The bound of a layer with these operations and bytes. Raises ShapeError for numbers beyond floats."""
        try:
            arithmetic, memory = operations / self.peak, moved_bytes / self.bandwidth
        except OverflowError:
            raise ShapeError(
                "peak: a layer must have fewer than 10^308 operations and bytes to be timed, got more; leave it out"
            ) from None
        return Bound("compute", arithmetic) if arithmetic > memory else Bound("memory", memory)

    @property
    def ridge(self) -> float:
        """Operations per byte from which arithmetic is the bound."""
        return self.peak / self.bandwidth


def machine(peak: str | None, bandwidth: str | None) -> Machine | None:
    """The machine with these rates, None without both. Raises NotationError for one alone or a text that is no rate."""
    if peak is None and bandwidth is None:
        return None
    if peak is None or bandwidth is None:
        missing = "peak" if peak is None else "bandwidth"
        raise NotationError(f"{missing}: must be given too, as in --peak 100GOPS --bandwidth 10GB/s")
    return Machine(
        _rate(peak, "peak", OPERATIONS, "100GOPS, 2TFLOPS or 50GMACS"),
        _rate(bandwidth, "bandwidth", BYTES_PER_SECOND, "10GB/s"),
    )


def _rate(text: str, name: str, units: dict[str, int], example: str) -> float:
    found = _RATE.fullmatch(text)
    unit = (found[3] or next(iter(units))).lower() if found else ""
    if not found or unit not in units:
        raise NotationError(f"{name}: must be a rate such as {example}, got {quoted(text)}")
    rate = float(found[1]) * _SCALE[found[2]] * units[unit]
    if not rate > 0 or not isfinite(rate):
        raise NotationError(f"{name}: must be more than 0 and finite, got {quoted(text)}")
    return rate
