"""Accepted sizes, against every size tried one by one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc import ConvcalcError
from convcalc.graph.graph import Graph
from convcalc.notation import Axes
from convcalc.questions.accepted import AcceptedSizes, AxisSizes, accepted_sizes
from convcalc.questions.ranges import Range, ranges_of
from convcalc.questions.sizes import placed, sizes_of
from convcalc.questions.subject import subject_of
from convcalc.readers.toml.document import network_from_toml

Rows = list[dict[str, Any]]


def written(rows: Rows, top: str = "") -> bytes:
    tables = ["\n".join(["[[layers]]", *(f"{key} = {value!r}" for key, value in row.items())]) for row in rows]
    return (top + "\n".join(tables).replace("True", "true")).encode()


def network(rows: Rows) -> Callable[[Axes], Graph]:
    """A network in TOML, which can be placed on any input."""
    data = written(rows)
    return lambda size: network_from_toml(data, "net", input=size)


def unet(depth: int, up: dict[str, Any], *, padding: int | str = 1, join: str = "concat", sized: bool = False) -> Rows:
    rows: Rows = []
    for level in range(depth):
        rows.append({"name": f"down{level}", "op": "conv", "filters": 2, "kernel": 3, "padding": padding})
        rows.append({"op": "max_pool", "kernel": 2})
    rows.append({"name": "up", "op": "conv", "filters": 2, "kernel": 3, "padding": padding})
    for level in reversed(range(depth)):
        before = rows[-1]["name"]
        rows.append({"name": f"up{level}", **up, **({"from": [before, f"down{level}"]} if sized else {})})
        rows.append({"name": f"join{level}", "op": join, "from": [f"down{level}", f"up{level}"]})
        rows.append({"name": f"out{level}", "op": "conv", "filters": 2, "kernel": 3, "padding": padding})
    return rows


TRANSPOSED = {"op": "transposed", "kernel": 2, "stride": 2, "filters": 2}
UPSAMPLED = {"op": "upsample", "factor": 2}


def listed(ranges: tuple[Range, ...]) -> list[int]:
    return sorted(n for first, last, step in ranges for n in range(first, last + 1, step))


def check(
    found: AxisSizes, at: Callable[[Axes], Graph], size: Callable[[int], Axes], last: int, axes: Sequence[int]
) -> None:
    """The same sizes are accepted, and come back, as when the network is placed on each of them."""
    accepted, returns = [], []
    for n in range(1, last + 1):
        try:
            graph = at(size(n))
        except ConvcalcError:
            continue
        accepted.append(n)
        shape = graph.nodes[graph.output].shape
        if shape is not None and len(shape) == len(size(n)) + 1 and all(shape[2 + i] == n for i in axes):
            returns.append(n)
    assert listed(found.accepted) == accepted
    assert listed(found.returns) == returns
    if accepted:
        assert found.smallest == accepted[0]
    else:
        assert found.smallest is None or found.smallest > last


def check_all(sizes: AcceptedSizes, at: Callable[[Axes], Graph], channels: int, last: int) -> None:
    assert sizes.found == "derived"
    own = sizes.own or ()
    check(sizes.every, at, lambda n: (channels, *(n,) * (len(own) - 1)), last, range(len(own) - 1))
    for i, axis in enumerate(sizes.axes, 1):
        check(axis, at, lambda n, i=i: (*own[:i], n, *own[i + 1 :]), last, [i - 1])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rows", "own"),
    [
        (unet(3, TRANSPOSED), (2, 16, 24)),
        (unet(2, UPSAMPLED, join="add"), (2, 8, 20)),
        (unet(2, UPSAMPLED, padding="same", join="maximum"), (3, 32, 12)),
        (unet(2, {"op": "upsample"}, sized=True), (2, 9, 14)),
        (
            [
                {"name": "a", "op": "conv", "filters": 2, "kernel": 3, "stride": 2},
                {"name": "b", "op": "conv", "filters": 2, "kernel": 3, "stride": 3, "from": "input"},
                {"op": "multiply", "from": ["a", "b"]},  # 5 becomes 2 and 1, which is stretched
            ],
            (1, 6, 5),
        ),
        (unet(1, {"op": "upsample", "factor": 3}), (2, 3, 3)),
        (
            [
                {"name": "a", "op": "conv", "filters": 2, "kernel": 3, "stride": 2},
                {"name": "b", "op": "conv", "filters": 2, "kernel": [4, 5], "stride": 2, "padding": 1, "from": "input"},
                {"op": "add", "from": ["a", "b"]},
            ],
            (1, 21, 20),
        ),
        (
            [
                {"name": "a", "op": "max_pool", "kernel": 3, "stride": 2, "ceil_mode": True},
                {"op": "upsample", "factor": 2.5},
                {"name": "b", "op": "pad", "padding": [[2, 1], [0, 3]]},
                {"op": "crop", "from": ["b", "input"]},
            ],
            (1, 7, 9),
        ),
        ([{"op": "pixel_unshuffle", "factor": 3}, {"op": "conv", "kernel": 2, "filters": 4, "stride": 2}], (1, 12, 9)),
        ([{"op": "conv", "kernel": 3, "filters": 2, "stride": 3}, {"op": "linear", "filters": 5}], (1, 12, 9)),
        ([{"op": "conv", "kernel": 3, "filters": 2, "stride": 3}, {"op": "reshape", "size": [6, 2]}], (1, 8, 9)),
        ([{"op": "layer_norm", "size": [2, 7]}, {"op": "conv", "kernel": 2, "filters": 2}], (1, 2, 7)),
        ([{"op": "conv", "kernel": 5, "filters": 4}, {"op": "adaptive_avg_pool", "output_size": 3}], (1, 9, 9)),
        ([{"op": "upsample", "size": 7}, {"op": "conv", "kernel": 3, "filters": 4, "padding": 1}], (1, 9, 9)),
    ],
)  # fmt: skip
def test_every_size_is_told_right(rows: Rows, own: Axes) -> None:
    at = network(rows)
    check_all(accepted_sizes(at(own), at, 1, 50), at, own[0], 50)


@pytest.mark.parametrize("seed", range(12))
def test_random_chains(seed: int) -> None:
    """Strides, dilations, words, one-sided padding, rounding up, transposed layers, resizes and shuffles."""
    rng = random.Random(seed)
    letters = [
        lambda: f"k{rng.randint(1, 5)}s{rng.randint(1, 3)}p{rng.randint(0, 2)}:{rng.randint(0, 2)}d{rng.randint(1, 2)}",
        lambda: f"k{rng.randint(1, 4)}s{rng.randint(1, 3)}p{rng.choice(['same', 'same-lower', 'full', 'causal'])}",
        lambda: f"max:k{rng.randint(2, 4)}s{rng.randint(1, 3)}p{rng.randint(0, 1)}c",
        lambda: f"t:k{rng.randint(1, 4)}s{rng.randint(2, 3)}p{rng.randint(0, 1)}a{rng.randint(0, 1)}",
        lambda: f"up{rng.randint(2, 3)}",
        lambda: f"PixelUnshuffle({rng.randint(2, 3)})",
        lambda: "Upsample(scale_factor=0.7)",
    ]
    words = [rng.choice(letters)() for _ in range(rng.randint(1, 5))]
    subject = placed(words, (2, 90, 72))
    check_all(accepted_sizes(subject.graph, subject.at, 1, 40), subject.at, 2, 40)


@pytest.mark.parametrize("model", ["unet", "squeezenet1-1", "shufflenet-v2-x1", "alexnet", "wavenet"])
def test_networks_of_the_zoo(model: str) -> None:
    subject = subject_of([model])
    own = subject.size or ()
    sizes = accepted_sizes(subject.graph, subject.at)
    assert sizes.every.smallest is not None
    assert sizes.found == "derived"
    for n in (*range(max(1, sizes.every.smallest - 2), sizes.every.smallest + 3), 1, 101, 254, 512):
        try:
            accepted = bool(subject.at((own[0], *(n,) * (len(own) - 1))))
        except ConvcalcError:
            accepted = False
        assert accepted == (n in listed(sizes.every.accepted)), n


def test_the_known_ones() -> None:
    """Encoders of speech need 465 samples: ((((1 - 1)*2 + 4 - 1)*2 + 4 - 1)*2 + 4 - 1)*4 + 8 - 1, and so on."""
    wav2vec = sizes_of(["k10s5", "k8s4", "k4s2", "k4s2", "k4s2"]).sizes
    assert (wav2vec.every.smallest, wav2vec.every.accepted, wav2vec.every.modulus) == (465, (Range(465, 512, 1),), 1)
    assert (wav2vec.own, wav2vec.axes) == (None, ())
    at = network(unet(5, TRANSPOSED))
    found = accepted_sizes(at((3, 64, 64)), at, 1, 10**12)
    multiples = (Range(32, 10**12, 32),)
    assert (found.every.smallest, found.every.modulus, found.every.remainders) == (32, 32, (0,))
    assert found.every.accepted == found.every.returns == multiples
    assert found.alike


def test_a_long_chain_of_strides_has_its_smallest_input_far_off() -> None:
    """2^18 - 1: each layer of kernel 3 and stride 2 doubles and adds one."""
    found = sizes_of(["k3s2*17"]).sizes.every
    assert (found.smallest, found.accepted) == (2**18 - 1, ())


def test_what_a_refused_size_lacks(tmp_path: Path) -> None:
    """100 is halved to 50, 25, 12: back up 24 meets 25, and if that is cropped, 48 meets 50 and 96 meets 100.

    75 is halved to 37, 18, 9: back up 18 fits, 36 meets 37, and if that is cropped, 72 meets 75; or padded, 74 does.
    """
    model = tmp_path / "net.toml"
    model.write_bytes(written(unet(3, UPSAMPLED), 'input = "2x64x64"\n'))
    asked = sizes_of([str(model)], (2, 100, 75)).asked
    assert asked is not None
    assert (asked.accepted, asked.below, asked.above) == (False, (2, 96, 72), (2, 104, 80))
    assert [(each.layer, each.inputs, each.sizes) for each in asked.unmet] == [
        ("join2", ("down2", "up2"), ((25, 18), (24, 18))),
        ("join1", ("down1", "up1"), ((50, 37), (50, 36))),
        ("join0", ("down0", "up0"), ((100, 75), (100, 74))),
    ]
    assert [each.pad for each in asked.unmet] == [((0, 0), (1, 0)), ((0, 0), (0, 1)), ((0, 0), (0, 1))]
    assert [each.crop for each in asked.unmet] == [((1, 0), (0, 0)), ((2, 1), (0, 0)), ((4, 3), (0, 0))]
    fitting = sizes_of([str(model)], (2, 96, 72)).asked
    assert fitting is not None
    assert (fitting.accepted, fitting.output) == (True, (2, 96, 72))


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ((2, 100, 75), "; sizes must be multiples of 8, the nearest: 2x96x72 and 2x104x80"),
        ((2, 4, 64), "; sizes must be multiples of 8, the nearest: 2x8x64"),
        ((5, 36, 64), "; sizes must be multiples of 8, the nearest: 5x32x64 and 5x40x64"),
    ],
)  # fmt: skip
def test_the_error_of_a_network_names_the_nearest_sizes(tmp_path: Path, size: Axes, advice: str) -> None:
    model = tmp_path / "net.toml"
    model.write_bytes(written(unet(3, TRANSPOSED), 'input = "2x64x64"\n'))
    with pytest.raises(ConvcalcError) as error:
        convcalc.network(model, input=size)
    assert str(error.value).endswith(advice)


def test_the_error_of_a_network_names_the_smallest_input() -> None:
    """AlexNet: 63 is 15, 7 and 3 before its last pool, which reads 3."""
    with pytest.raises(ConvcalcError, match=r"; the smallest input that the whole network accepts is 3x63x63$"):
        convcalc.network("alexnet", input=(3, 40, 300))
    assert convcalc.network("alexnet", input=(3, 63, 63)).output == (1000,)


def test_an_accepted_range_of_features() -> None:
    """The 7x7 maps that a linear layer of 4*7*7 takes come from 28 to 31 pixels: two halvings, rounded down."""
    found = sizes_of(["k3p1f4", "max:k2", "max:k2", "Linear(196,5)"]).sizes.every
    assert (found.smallest, found.accepted, found.modulus) == (28, (Range(28, 31, 1),), None)


@pytest.mark.parametrize(
    ("numbers", "step", "ranges"),
    [
        ([4, 5, 8, 9, 12, 13, 16], 4, [(4, 16, 4), (5, 13, 4)]),
        ([7, 8, 9], 1, [(7, 9, 1)]),
        ([3, 32, 64, 96], 32, [(3, 3, 1), (32, 96, 32)]),
        ([], 8, []),
    ],
)  # fmt: skip
def test_ranges(numbers: list[int], step: int, ranges: list[tuple[int, int, int]]) -> None:
    assert list(ranges_of(numbers, step)) == ranges
