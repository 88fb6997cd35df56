"""Random layers of every type and dimension, small enough to count one by one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from convcalc import ConvcalcError, Report, analyze
from convcalc.recipes import RECIPES

TYPES = tuple(recipe.name for recipe in RECIPES)
GROUPED = ("grouped", "pointwise-grouped", "shuffled-grouped")


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fails where the work inside counts one by one what has a closed form, instead of hanging.

    Seconds are those of the processor, which other programs do not take away.
    """

    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer after {seconds} seconds")

    former = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)


def random_options(random: Random, type: str, dims: int) -> dict[str, Any]:
    """Options that such a layer accepts unless the window does not fit: unequal on every axis."""
    most = {1: 13, 2: 7, 3: 4}[dims]

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(random.randint(low, high) for _ in range(dims))

    groups = random.choice((1, 2, 3)) if type in ("standard", "pointwise", "dilated", "transposed") else 1
    groups = random.choice((2, 3)) if type in GROUPED else groups
    options: dict[str, Any] = {
        "input": (groups * random.randint(1, 3), *axes(2, most)),
        "stride": axes(1, 4),
        "dilation": axes(1, 3),
        "padding": tuple((random.randint(0, 2), random.randint(0, 2)) for _ in range(dims)),
        "bias": random.random() < 0.5,
        "batch": random.choice((1, 1, 2)),
    }
    if random.random() < 0.2:
        options["padding"] = random.choice(("valid", "same", "same-lower"))
    if groups > 1:
        options["groups"] = groups
    if not type.startswith("pointwise"):
        options["kernel"] = axes(1, 4)
    if type != "depthwise":
        options["filters"] = groups * random.randint(1, 3)
    if type.startswith("depthwise"):
        options["multiplier"] = random.randint(1, 3)
    if type == "spatially-separable":
        options["mid_channels"] = random.randint(1, 4)
    if type == "transposed" and not isinstance(options["padding"], str):
        least = (max(s, d) for s, d in zip(options["stride"], options["dilation"], strict=True))
        options["output_padding"] = tuple(random.randint(0, most - 1) for most in least)
    return options


def random_layers(seed: int, count: int) -> list[tuple[str, dict[str, Any], Report]]:
    """`count` layers of every type with their reports; draws whose window does not fit are drawn again."""
    random = Random(seed)
    layers: list[tuple[str, dict[str, Any], Report]] = []
    for type in TYPES:
        made = 0
        while made < count:
            dims = random.randint(2 if type == "spatially-separable" else 1, 3)
            options = random_options(random, type, dims)
            try:
                report = analyze(type, **options)
            except ConvcalcError as error:
                if "must fit" in str(error) or "at least one output" in str(error):
                    continue
                raise
            layers.append((type, options, report))
            made += 1
    return layers
