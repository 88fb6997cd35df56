"""The numbers behind the rules of lint, against plain loops over every position, tap and channel."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from convcalc.axis.window import Window
from convcalc.graph.graph import Builder
from convcalc.graph.primitives import Correlate, Reshape, ShuffleChannels, Transpose, windows
from convcalc.questions.channels import mixing
from convcalc.questions.lint import lint
from convcalc.questions.linting.checkerboard import phase_counts, sums_in_words
from convcalc.questions.linting.gridding import Step, filling
from convcalc.questions.linting.mixing import unmixed_groups
from convcalc.questions.linting.padding_share import share_of_padding
from convcalc.questions.linting.problem import Inspected
from convcalc.questions.subject import subject_of
from tests.words import graph

RANDOM = random.Random(7)


def rules_of(row: str) -> set[str]:
    size, *words = row.split()
    return {finding.rule for finding in lint(subject_of(words, size)).findings}


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [tuple(RANDOM.randint(*ends) for ends in ((7, 23), (1, 5), (1, 6), (0, 2), (0, 2))) for _ in range(60)],
)
def test_unread_and_skipped_pixels_are_those_that_no_tap_meets(
    size: int, kernel: int, stride: int, before: int, after: int
) -> None:
    outputs = (size + before + after - kernel) // stride + 1
    read = {p * stride + t - before for p, t in product(range(outputs), range(kernel))} & {*range(size)}
    between = {*range(max(read) + 1)} - read if read else set()
    found = rules_of(f"8x{size} k{kernel}s{stride}p{before}:{after}")
    assert ("skipped-pixels" in found) == bool(between)
    if not between and read:
        assert ("unread-border" in found) == (max(read) < size - 1)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [*product((1, 2, 3, 4, 5, 7), (2, 3, 4, 9), (1, 2, 3))])
def test_phases_sum_as_many_inputs_as_taps_reach_them(kernel: int, stride: int, dilation: int) -> None:
    reached = [0] * (40 * stride + dilation * kernel)
    for position, tap in product(range(40), range(kernel)):
        reached[position * stride + tap * dilation] += 1
    inner = reached[10 * stride : 20 * stride]
    window = Window(kernel, stride, dilation)
    assert phase_counts(window) == (min(inner), max(inner))
    words = sums_in_words(window)
    if stride <= 8:
        listed = [int(n) for n in words.split(", ...")[0].split(", ")]
        assert any(inner[i : i + len(listed)] == listed for i in range(stride))
    else:
        counts = sorted(set(inner))
        assert words.startswith(" or ".join(map(str, counts)))
        assert str(inner.count(counts[0]) // 10) in words


@pytest.mark.parametrize("word", ["k3p1", "k3x2p2:0x0:1", "k2s2p1x0", "k3d3p3", "k5psame", "k2x3pfull"])
def test_the_share_of_padding_is_that_of_the_taps_outside(word: str) -> None:
    [_, node] = graph(f"2x5x4 {word}f3").nodes
    assert isinstance(node.primitive, Correlate)
    assert node.shape is not None
    inside = total = 0
    for at in product(*map(range, node.shape[2:])):
        for taps in product(*map(range, node.primitive.kernel)):
            places = [p * w.stride + t * w.dilation - w.before for p, t, w in
                      zip(at, taps, windows(node.primitive), strict=True)]  # fmt: skip
            total += 1
            inside += all(0 <= place < size for place, size in zip(places, (5, 4), strict=True))
    assert share_of_padding(node) == 1 - Fraction(inside, total)


@pytest.mark.parametrize(
    "row",
    [
        "12x5x5 k1g3 k1g2 relu k1g3",
        "12x5x5 shuffled:k1g3 k1g4 dw:k3 shuffled:k1g2f24 k1g6",
        "12x9x9 dw:k3m2 k1g4f8 max:k2 dw:k2",
        "12x5x5 k1g4f24 k1g3f6 up2 bn k1g2",
        "12x5x5 ds:k3f6 k1g3 k1g3",
        "12x7 t:k2g4s2 dw:k3p1 t:k2g2f6",
    ],
)
def test_channels_depend_on_what_the_wiring_joins(row: str) -> None:
    """A matrix per layer, multiplied: which channels of the input each channel depends on."""
    nodes = graph(row).nodes
    joined = np.eye(12, dtype=bool)
    for number, (node, state) in enumerate(zip(nodes, mixing(graph(row)), strict=True)):
        primitive = node.primitive
        if hasattr(primitive, "out_channels"):
            shape = primitive.out_channels, primitive.in_channels
            made, read = (n // primitive.groups for n in shape)
            wires = np.array([[o // made == i // read for i in range(shape[1])] for o in range(shape[0])])
            joined = wires @ joined
        elif isinstance(primitive, ShuffleChannels):
            joined = joined[np.arange(len(joined)).reshape(primitive.groups, -1).T.ravel()]
        if joined.all():
            break
        assert state.source == 0, number
        assert [[bool(reads >> i & 1) for i in range(12)] for reads in state.each] == joined.tolist()


@pytest.mark.parametrize(("order", "mixed"), [((0, 2, 1, 3), True), ((0, 1, 2, 3), False)])
def test_a_shuffle_written_as_reshapes_mixes(order: tuple[int, ...], mixed: bool) -> None:
    """As PyTorch exports it: 6 channels as 2x3, their axes exchanged, and 6 again."""
    builder = Builder()
    at = builder.input((1, 6, 5))
    pointwise = Correlate(6, 6, (1,), (1,), ((0, 0),), (1,), 2)
    stages = (pointwise, Reshape((1, 2, 3, 5)), Transpose(order), Reshape((1, 6, 5)), pointwise)
    for number, stage in enumerate(stages):
        at = builder.add(f"n{number}", "", stage, [at])
    network = builder.graph("shuffle", at)
    assert mixing(network)[-1].source == (at if mixed else 0)
    assert bool(list(unmixed_groups(Inspected(network)))) != mixed


def test_dilations_that_fill_are_checked_by_adding_every_tap() -> None:
    for _ in range(200):
        kernels = [RANDOM.randint(2, 4) for _ in range(RANDOM.randint(1, 5))]
        steps = [Step(n, k, RANDOM.choice((1, 1, 2, 3, 4, 8)), Fraction(1)) for n, k in enumerate(kernels)]
        found = filling(steps)
        assert found.keys() == {step.node for step in steps if step.dilation > 1}
        read, before = {0}, {0}
        for step in steps:
            dilation = found.get(step.node, step.dilation)
            read = {at + t * dilation for at in read for t in range(step.kernel)}
            before = {at + t * step.dilation for at in before for t in range(step.kernel)}
        if any(step.dilation == 1 for step in steps) or len(read) == max(read) + 1:
            assert read == {*range(max(read) + 1)}
        assert max(read) <= max(before)
        if before == {*range(max(before) + 1)}:
            assert read == before, "what has no holes is left as it is"


@pytest.mark.parametrize(("dilations", "filled"), [((2, 2, 2), (1, 2, 3)), ((2, 4, 8), (1, 3, 9)), ((5,), (1,))])
def test_dilations_of_the_literature(dilations: tuple[int, ...], filled: tuple[int, ...]) -> None:
    """1, 2, 3 in place of 2, 2, 2 is the example of Wang et al. 2018, section 3.2; powers of three are the widest."""
    steps = [Step(n, 3, dilation, Fraction(1)) for n, dilation in enumerate(dilations)]
    assert tuple(filling(steps)[n] for n in range(len(dilations))) == filled
