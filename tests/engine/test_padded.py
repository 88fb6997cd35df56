"""What blocks of windows read along a padded axis: every tap meets the input that it should, or a zero."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from convcalc.axis.modes import source, zones
from convcalc.axis.window import Window, output_size
from convcalc.engine.padded import padded_axis


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_every_tap_of_a_block_meets_its_input(mode: str) -> None:
    """A slab is as long as the span of its block, or as its taps if that is shorter; blocks begin anywhere."""
    random, ways = Random(4), set()
    for _ in range(250):
        size, most = random.randint(3, 9), random.choice((2, 5))
        window = Window(
            random.randint(1, most),
            random.randint(1, 7),
            random.choice((1, 2, 9)),
            random.randint(0, 2),
            random.randint(0, 2),
        )
        if window.extent > size + window.before + window.after:
            continue
        outputs, given = output_size(size, window), zones(size, window, mode)
        first, tap = random.randrange(outputs), random.randrange(window.kernel)
        positions, taps = slice(first, random.randint(first, outputs - 1) + 1), slice(tap, window.kernel)
        count, kernel = positions.stop - first, taps.stop - tap
        reads = padded_axis(size, window, mode).reads(positions, taps)
        span = (count - 1) * window.stride + (kernel - 1) * window.dilation + 1
        assert reads.length == min(span, count * kernel)
        slab = np.zeros(reads.length, int)
        for into, part in reads.pieces:
            slab[into] = np.arange(1, size + 1)[part]
        for p in range(count):
            for t in range(kernel):
                at = (first + p) * window.stride + (tap + t) * window.dilation - window.before
                shown = source(given, at)
                met = slab[p * reads.position_step + t * reads.tap_step]
                assert met == (0 if shown is None else shown + 1), (window, size, positions, taps)
        ways.add((span <= count * kernel, kernel <= count))
    assert len(ways) == 4
