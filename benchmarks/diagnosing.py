"""How long `run --expect` looks for a mistake, beside one convolution of the same layer by the engine.

Run: python benchmarks/diagnosing.py [runs]. Both in turn, so that a machine whose speed drifts slows both; prints the
medians of the seconds and of their ratio, for one mistake that is found and for an output that nothing explains.
"""

from __future__ import annotations

import sys
from statistics import median
from time import perf_counter

import numpy as np

from convcalc.diagnosing.expect import expect
from convcalc.proof.forms import Named
from convcalc.proof.run import RunOptions, run

LAYERS = {
    "4 to 6 channels, 9x11": ((2, 4, 9, 11), (6, 4, 3, 2), {}),
    "64 to 64 channels, 56x56": ((1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
}


def measured(
    shape: tuple[int, ...], taps: tuple[int, ...], options: dict[str, int], *, related: bool
) -> tuple[float, ...]:
    """Seconds of the convolution, and of the search in which a flipped kernel is found or nothing is."""
    random = np.random.default_rng(0)
    x, w = random.standard_normal(shape).astype(np.float32), random.standard_normal(taps).astype(np.float32)
    settings = RunOptions(check=False, **options)
    flipped = run(Named("x", x), [Named("w", np.flip(w, (2, 3)))], [], settings).out
    y = flipped if related else random.standard_normal(flipped.shape).astype(np.float32)
    began = perf_counter()
    done = run(Named("x", x), [Named("w", w)], [], settings)
    convolved = perf_counter()
    found = expect(Named("x", x), [Named("w", w)], [], settings, done, Named("y", y))
    ended = perf_counter()
    assert bool(found.explanations) == related
    return convolved - began, ended - convolved


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("layer\tmistake\tsearch, s\ttimes one convolution")
    for name, (shape, taps, options) in LAYERS.items():
        for related in (True, False):
            seconds = [measured(shape, taps, options, related=related) for _ in range(runs)]
            ratio = median(search / convolution for convolution, search in seconds)
            print(f"{name}\t{'flipped' if related else 'none'}\t{median(s for _, s in seconds):.2f}\t{ratio:.0f}")


if __name__ == "__main__":
    main()
