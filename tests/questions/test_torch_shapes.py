"""Shapes and parameter counts of thousands of random layers against torch.nn modules, refusals included.

The modules live on the meta device: PyTorch works out the shapes and checks the arguments, but computes nothing.
Only output padding is checked where PyTorch computes, so it is tried on a single pixel as well.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from convcalc import ConvcalcError, analyze
from convcalc.graph.shapes import place
from convcalc.recipes.pool import pool_stage
from tests.cases import CASES, Case

torch = pytest.importorskip("torch")

CONV = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
TRANSPOSED = {1: torch.nn.ConvTranspose1d, 2: torch.nn.ConvTranspose2d, 3: torch.nn.ConvTranspose3d}
REFUSED = (ValueError, RuntimeError)


def drawn(random: Random, *, transposed: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """(options for analyze, arguments for torch.nn), unequal on every axis and not always fitting."""
    dims = random.randint(1, 3)

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(random.randint(low, high) for _ in range(dims))

    groups = random.choice((1, 1, 2, 3, 5))
    channels, filters = groups * random.randint(1, 4), groups * random.randint(1, 4)
    if random.random() < 0.05:
        channels += 1
    if random.random() < 0.05:
        filters += 1
    given = {"kernel": axes(1, 7), "stride": axes(1, 5), "padding": axes(0, 4), "dilation": axes(1, 4)}
    bias = random.random() < 0.5
    options = {"input": (channels, *axes(1, 29)), "filters": filters, "groups": groups, "bias": bias, **given}
    arguments = {
        "in_channels": channels, "out_channels": filters, "groups": groups, "bias": bias,
        "kernel_size": given["kernel"], **{key: given[key] for key in ("stride", "padding", "dilation")},
    }  # fmt: skip
    if transposed:
        options["output_padding"] = arguments["output_padding"] = axes(0, random.choice((0, 1, 2, 4)))
    return options, arguments


def of_torch(module: Any, arguments: dict[str, Any], size: tuple[int, ...], batch: int) -> tuple[Any, ...] | None:
    """(output shape, weights, biases), or None where PyTorch refuses."""
    try:
        layer = module(**arguments, device="meta")
        output = layer(torch.empty((batch, *size), device="meta"))
        if any(arguments.get("output_padding", ())):
            on_one_pixel = module(**{**arguments, "in_channels": 1, "out_channels": 1, "groups": 1, "padding": 0})
            on_one_pixel(torch.ones((1, 1, *(1 for _ in size[1:]))))
    except REFUSED:
        return None
    if min(output.shape) < 1:  # PyTorch returns some empty results where it should have refused
        return None
    return tuple(output.shape), layer.weight.numel(), 0 if layer.bias is None else layer.bias.numel()


def of_convcalc(type: str, options: dict[str, Any], batch: int) -> tuple[Any, ...] | None:
    try:
        report = analyze(type, **options, batch=batch)
    except ConvcalcError:
        return None
    return (batch, *report.output), report.weights, report.biases


@pytest.mark.parametrize(("type", "modules", "seed"), [("standard", CONV, 51), ("transposed", TRANSPOSED, 52)])
def test_random_layers(type: str, modules: dict[int, Any], seed: int) -> None:
    random = Random(seed)
    answered = refused = 0
    for _ in range(4000):
        options, arguments = drawn(random, transposed=type == "transposed")
        batch = random.randint(1, 3)
        expected = of_torch(modules[len(options["input"]) - 1], arguments, options["input"], batch)
        assert of_convcalc(type, options, batch) == expected, (type, options)
        answered += expected is not None
        refused += expected is None
    assert answered > 1500
    assert refused > 300


def test_random_pools() -> None:
    """Padding up to half the kernel, whatever the dilation, and the last window of ceil_mode."""
    random = Random(54)
    answered = refused = 0
    for _ in range(3000):
        dims = random.randint(1, 3)
        kernel, stride, padding, dilation, size = (
            tuple(random.randint(low, high) for _ in range(dims))
            for low, high in ((1, 5), (1, 4), (0, 2), (1, 3), (1, 14))
        )
        ceil_mode = random.random() < 0.5
        options = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
        theirs: tuple[int, ...] | None
        try:
            pool = getattr(torch.nn.functional, f"max_pool{dims}d")
            theirs = tuple(pool(torch.zeros(1, 1, *size), kernel, stride, padding, dilation, ceil_mode).shape[1:])
        except REFUSED:
            theirs = None
        try:
            ours = (place(pool_stage("max", options, dims), [(1, 1, *size)]).shape or ())[1:]
        except ConvcalcError:
            ours = None
        assert ours == theirs, options | {"size": size}
        answered += theirs is not None
        refused += theirs is None
    assert answered > 500
    assert refused > 500


def test_output_sizes_of_transposed_layers() -> None:
    """PyTorch derives the output padding from output_size the same way, and refuses the sizes that do not exist."""
    random = Random(53)
    answered = refused = 0
    for _ in range(1500):
        options, arguments = drawn(random, transposed=True)
        options.pop("output_padding")
        arguments.pop("output_padding")
        dims = len(options["input"]) - 1
        if options["input"][0] % options["groups"] or options["filters"] % options["groups"]:
            continue
        if of_convcalc("transposed", options, 1) is None:
            continue
        smallest = analyze("transposed", **options).output[1:]
        wanted = tuple(size + random.randint(-1, 3) for size in smallest)
        stride, dilation = options["stride"], options["dilation"]
        layer = TRANSPOSED[dims](**arguments, device="meta")
        try:
            expected = tuple(layer(torch.empty((1, *options["input"]), device="meta"), output_size=wanted).shape)
        except REFUSED:
            expected = None
        found = of_convcalc("transposed", {**options, "output_size": wanted}, 1) if min(wanted) > 0 else None
        if expected is not None:
            assert found is not None, (options, wanted)
            assert found[0] == expected == (1, options["filters"], *wanted)
            answered += 1
        else:  # PyTorch's output_size stops at stride - 1 more; its output_padding may also fill the dilation
            reach = tuple(max(s, d) for s, d in zip(stride, dilation, strict=True))
            exists = all(0 <= w - s < r for w, s, r in zip(wanted, smallest, reach, strict=True))
            assert (found is not None) == exists, (options, wanted)
            refused += 1
    assert answered > 50
    assert refused > 300


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_same_and_valid_padding() -> None:
    random = Random(54)
    for _ in range(600):
        options, arguments = drawn(random, transposed=False)
        options["padding"] = arguments["padding"] = word = random.choice(("same", "valid"))
        if word == "same":
            options["stride"] = arguments["stride"] = 1
        dims = len(options["input"]) - 1
        assert of_convcalc("standard", options, 1) == of_torch(CONV[dims], arguments, options["input"], 1), options


def test_depthwise_layers() -> None:
    """torch.nn.Conv with groups = in_channels and out_channels = K * in_channels is a depthwise convolution."""
    random = Random(55)
    for _ in range(600):
        options, arguments = drawn(random, transposed=False)
        channels, multiplier = options["input"][0], random.randint(1, 4)
        arguments |= {"groups": channels, "out_channels": channels * multiplier}
        options = {key: value for key, value in options.items() if key not in ("groups", "filters")}
        expected = of_torch(CONV[len(options["input"]) - 1], arguments, options["input"], 1)
        assert of_convcalc("depthwise", {**options, "multiplier": multiplier}, 1) == expected, options


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_table_of_cases(case: Case) -> None:
    """The numbers of the table, from arrays of ones: their sums count the products."""
    batch = case.options.get("batch", 1)
    shape, weights, multiplications, effective = None, 0, 0, 0
    for stage in analyze(case.type, **case.options).to_dict()["stages"]:
        shape = tuple(stage["input"]) if shape is None else shape
        if stage["op"] == "channel_shuffle":
            continue
        dims, groups = len(shape) - 1, stage["groups"]
        settings = {key: tuple(stage[key]) for key in ("stride", "dilation")} | {"groups": groups}
        ones = torch.ones((batch, *shape), dtype=torch.float64)
        outer = (stage["in_channels"], stage["out_channels"])
        outer = outer if stage["op"] == "conv_transpose" else outer[::-1]
        weight = torch.ones((outer[0], outer[1] // groups, *stage["kernel"]), dtype=torch.float64)
        if stage["op"] == "conv":
            function = getattr(torch.nn.functional, f"conv{dims}d")
            edges = [edge for pair in reversed(stage["padding"]) for edge in pair]
            padded = torch.nn.functional.pad(ones, edges)
            result = function(padded, weight, **settings)
            multiplications += int(function(torch.ones_like(padded), weight, **settings).sum())
        else:
            full = getattr(torch.nn.functional, f"conv_transpose{dims}d")(ones, weight, **settings)
            multiplications += int(full.sum())
            longer = [edge for end in reversed(stage["output_padding"]) for edge in (0, end)]
            full = torch.nn.functional.pad(full, longer)
            crop = [slice(b, size - e) for (b, e), size in zip(stage["padding"], full.shape[2:], strict=True)]
            result = full[(slice(None), slice(None), *crop)]
        effective += int(result.sum())
        weights += weight.numel()
        shape = tuple(result.shape[1:])
    assert (shape, weights, multiplications, effective) == (
        case.output, case.weights, case.multiplications, case.effective,
    )  # fmt: skip
    assert math.prod(case.output) > 0


def test_multiplications_are_those_of_the_flop_counter() -> None:
    """torch.utils.flop_counter counts two operations a multiplication; transposed, every input with every weight."""
    counter = pytest.importorskip("torch.utils.flop_counter")
    random = Random(56)
    for transposed in (False, True):
        type, modules = ("transposed", TRANSPOSED) if transposed else ("standard", CONV)
        counted = 0
        while counted < 100:
            options, arguments = drawn(random, transposed=transposed)
            dims = len(options["input"]) - 1
            if of_torch(modules[dims], arguments, options["input"], 2) is None:
                continue
            layer = modules[dims](**arguments, device="meta")
            with counter.FlopCounterMode(display=False) as mode:
                layer(torch.empty((2, *options["input"]), device="meta"))
            assert analyze(type, **options, batch=2).flops == mode.get_total_flops(), options
            counted += 1
