"""`solve` against brute force: every layer of random ranges tried, windows laid out one by one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from math import ceil

import pytest

from convcalc.errors import NotationError
from convcalc.questions.solve import MAX_SOLUTIONS, Solved, layer_word, solve
from convcalc.questions.solve_axis import Solution, simplicity

Found = set[tuple[int, ...]]


def starts(size: int, kernel: int, stride: int, dilation: int, begin: int, end: int) -> list[int]:
    """Where every window of a convolution begins, laid out one by one; negative ones are in the padding."""
    found, at = [], -begin
    while at + dilation * (kernel - 1) < size + end:
        found.append(at)
        at += stride
    return found


def made(size: int, layer: tuple[int, ...], transposed: bool) -> int:
    """The output size of (kernel, stride, dilation, begin, end, output_padding), 0 if it does not fit."""
    kernel, stride, dilation, begin, end, longer = layer
    if not transposed:
        return len(starts(size, kernel, stride, dilation, begin, end))
    if longer >= max(stride, dilation):
        return 0
    written = {at * stride + tap * dilation for at in range(size) for tap in (0, kernel - 1)}
    return max(0, len(range(min(written), max(written) + 1 + longer)) - begin - end)


def unread(size: int, layer: tuple[int, ...]) -> tuple[int, int, int]:
    """How many pixels no window reads: at the begin, at the end, and between."""
    kernel, stride, dilation, begin, end, _ = layer
    first = starts(size, kernel, stride, dilation, begin, end)
    read = {at + tap * dilation for at in first for tap in range(kernel)} & set(range(size))
    before, after = (min(read), size - 1 - max(read)) if read else (size, 0)
    return before, after, size - len(read) - before - after


def tried(size: int, wanted: int, ranges: dict[str, tuple[int, int]], padding: str, transposed: bool) -> Found:
    """All layers within the ranges that make `wanted` of `size`."""
    found: Found = set()
    spans = [range(low, high + 1) for low, high in ranges.values()]
    for kernel, stride, dilation, longer in itertools.product(*spans):
        for begin, end in pairs(padding, dilation * (kernel - 1) + 1):
            layer = kernel, stride, dilation, begin, end, longer
            if made(size, layer, transposed) == wanted:
                found.add(layer)
    return found


def pairs(padding: str, extent: int) -> Iterator[tuple[int, int]]:
    """The paddings that a text names, in words of this test."""
    begin, _, end = (padding or f"0..{extent - 1}").partition(":")
    low, _, high = begin.partition("..")
    first = range(int(low), int(high or low) + 1)
    low, _, high = (end or begin).partition("..")
    last = range(int(low), int(high or low) + 1)
    return ((a, b) for a in first for b in last if end or abs(a - b) <= 1)


def parameters(solution: Solution) -> tuple[int, ...]:
    window = solution.window
    return (
        window.kernel, window.stride, window.dilation, window.before, window.after, solution.output_padding,
    )  # fmt: skip


def found(solved: Solved) -> Found:
    layers = [parameters(layer[0]) for layer in solved.layers()]
    assert len(layers) == solved.count
    return set(layers)


def a_range(random: random.Random, low: int, most: int) -> tuple[int, int]:
    first = random.randint(low, most)
    return first, random.randint(first, most)


def as_text(span: tuple[int, int]) -> str:
    return f"{span[0]}..{span[1]}"


@pytest.mark.parametrize("seed", range(24))
def test_all_layers_of_random_ranges_are_found(seed: int) -> None:
    draw = random.Random(seed)
    transposed = seed % 2 == 1
    ranges = {"kernel": a_range(draw, 1, 6), "stride": a_range(draw, 1, 4), "dilation": a_range(draw, 1, 3)}
    ranges["output_padding"] = a_range(draw, 0, 3) if transposed else (0, 0)
    padding = draw.choice(["", "2", "0..3", "1:0", "0..2:1..4", "1..2:0"])
    options = {name: as_text(span) for name, span in ranges.items() if transposed or name != "output_padding"}
    size = draw.randint(1, 11)
    for wanted in (draw.randint(1, 6), draw.randint(1, 40)):
        solved = solve(size, wanted, {**options, "padding": padding or None}, transposed=transposed)
        assert found(solved) == tried(size, wanted, ranges, padding, transposed)


@pytest.mark.parametrize("seed", range(12))
def test_which_inputs_give_an_output(seed: int) -> None:
    draw = random.Random(100 + seed)
    transposed = seed % 2 == 1
    inputs = a_range(draw, 1, 14)
    inputs = inputs[0], inputs[1] + 1
    ranges = {"kernel": a_range(draw, 1, 5), "stride": a_range(draw, 1, 4), "dilation": a_range(draw, 1, 2)}
    ranges["output_padding"] = a_range(draw, 0, 1) if transposed else (0, 0)
    options = {name: as_text(span) for name, span in ranges.items() if transposed or name != "output_padding"}
    wanted = draw.randint(1, 20)
    padding = draw.choice(["", "1..2", "0..1:2"])
    solved = solve(as_text(inputs), wanted, {**options, "padding": padding or None}, transposed=transposed)
    expected = {
        (size, *layer)
        for size in range(inputs[0], inputs[1] + 1)
        for layer in tried(size, wanted, ranges, padding, transposed)
    }
    assert {
        (size, *parameters(s)) for (s,) in solved.layers() for size in range(s.inputs.first, s.inputs.last + 1)
    } == expected
    assert solved.count == len({layer[1:] for layer in expected})


@pytest.mark.parametrize("output", ["n", "n/2", "n//2", "n/3", "n//3", "2n"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("inputs", [(5, 6), (4, 10)])
def test_layers_that_scale_every_input(output: str, transposed: bool, inputs: tuple[int, int]) -> None:
    ranges = {
        "kernel": (1, 6),
        "stride": (1, 5),
        "dilation": (1, 2),
        "output_padding": (0, 2) if transposed else (0, 0),
    }
    options = {name: as_text(span) for name, span in ranges.items() if transposed or name != "output_padding"}
    solved = solve(as_text(inputs), output, options, transposed=transposed)
    factor = int("".join(c for c in output if c.isdigit()) or 1)
    each: dict[str, Callable[[int], int]] = {
        "n": lambda n: n * factor,
        "n/": lambda n: ceil(n / factor),
        "n//": lambda n: n // factor,
    }
    kind = "n" if "/" not in output else output.rstrip("0123456789")
    expected = set.intersection(
        *(tried(n, each[kind](n), ranges, "", transposed) for n in range(inputs[0], inputs[1] + 1))
    )
    assert found(solved) == expected


@pytest.mark.parametrize("size", [7, 18])
def test_what_a_layer_leaves_unread_and_which_sizes_are_alike(size: int) -> None:
    options = {"kernel": "1..4", "stride": "1..5", "dilation": "1..3", "padding": "0..3:0..2"}
    for wanted in (2, 3, 5):
        for (solution,) in solve(size, wanted, options).layers():
            layer = parameters(solution)
            assert (*solution.never_read, solution.holes) == unread(size, layer), layer
            alike = [n for n in range(1, 40) if made(n, layer, False) == wanted]
            assert [*range(solution.same_output.first, solution.same_output.last + 1)] == alike, layer


def test_inputs_and_outputs_that_a_transposed_layer_leaves_out() -> None:
    options = {"kernel": "1..4", "stride": "1..4", "dilation": "1..2", "padding": "0..4:0..5", "output_padding": "0..2"}
    for wanted in (3, 11):
        for (solution,) in solve(5, wanted, options, transposed=True).layers():
            kernel, stride, dilation, begin, _, _ = parameters(solution)
            written = [{p * stride + t * dilation - begin for t in range(kernel)} & {*range(wanted)} for p in range(5)]
            used = [p for p in range(5) if written[p]]
            assert solution.never_read == ((used[0], 4 - used[-1]) if used else (5, 0)), solution
            assert solution.holes == wanted - len(set().union(*written)), solution


@pytest.mark.parametrize(
    ("input", "output", "options", "transposed", "words"),
    [
        (224, 112, {"kernel": 7, "stride": 2}, False, "k7s2p3 k7s2p2:3 k7s2p3:2"),
        (224, 112, {"kernel": "2..4", "padding": "valid"}, False, "k2s2"),
        ("1..100", "5n", {"kernel": 10}, True, "t:k10s5p3a1 t:k10s5p2:3 t:k10s5p3:2"),
        (1, 4, {"kernel": "4..6"}, True, "t:k4 t:k6p1 t:k5p0:1 t:k5p1:0"),  # as DCGAN begins
        (7, 1, {}, False, "k7 k9p1 k11p2 k8p0:1 k10p1:2 k8p1:0 k10p2:1"),
        ("224x320", "112x160", {"kernel": 3}, False, "k3s2p1 k3s2p0:1 k3s2p1:0"),
        ("5x80", "5x40", {"kernel": 2, "padding": 0}, False, ""),
        ("5x80", "5x40", {"kernel": "1x2", "padding": 0}, False, "k1x2s1x2"),
        ("9x20", "9x10", {"kernel": 3, "padding": 1}, False, "k3s1x2p1"),
        (50, "n/2", {"kernel": 3, "padding": "same"}, False, "k3s2p0:1"),  # TensorFlow pads an even input at its end
        (51, "n/2", {"kernel": 3, "padding": "same"}, False, "k3s2p1"),
        (9, 9, {"kernel": 3, "padding": "causal", "dilation": "1..3"}, False, "k3p2:0 k3d2p4:0 k3d3p6:0"),
        (9, 13, {"kernel": "2..5", "padding": "full"}, False, "k5p4 k3d2p4"),
        (4, 8, {"kernel": "1..4", "padding": "same"}, True, "t:k2s2 t:k4s2p1 t:k3s2p0:1 t:k1s2a1"),
    ],
)  # fmt: skip
def test_known_answers(
    input: int | str, output: int | str, options: dict[str, int | str], transposed: bool, words: str
) -> None:
    options = {"dilation": "1..2", **options} if "full" in options.values() else options
    solved = solve(input, output, options, transposed=transposed)
    assert [layer_word(layer) for layer in solved.layers()] == words.split()


@pytest.mark.parametrize("padding", [None, "0..3:0..4", "2..9"])
@pytest.mark.parametrize("output", [16, 1])
def test_layers_are_ordered_and_the_first_is_known_without_listing_them(output: int, padding: str | None) -> None:
    solved = solve(31, output, {"kernel": "1..9", "stride": "1..6", "padding": padding, "dilation": "1..3"})
    layers = solved.layers()
    keys = [simplicity(layer[0]) for layer in layers]
    assert keys == sorted(keys)
    assert layers[:1] == [family.simplest for family in solved.families[:1]]
    for family in solved.families:
        assert family.simplest == min(family.layers(), key=lambda layer: simplicity(layer[0]))


@pytest.mark.parametrize("transposed", [False, True])
def test_the_nearest_outputs_if_none_is_right(transposed: bool) -> None:
    ranges = {
        "kernel": (3, 4),
        "stride": (3, 5),
        "dilation": (2, 2),
        "output_padding": (0, 1) if transposed else (0, 0),
    }
    options = {name: as_text(span) for name, span in ranges.items() if transposed or name != "output_padding"}
    for size in (9, 14):
        reached = {n for n in range(1, 90) if tried(size, n, ranges, "1..2", transposed)}
        for wanted in set(range(1, 90)) - reached:
            below = max((n for n in reached if n < wanted), default=None)
            above = min((n for n in reached if n > wanted), default=None)
            solved = solve(size, wanted, {**options, "padding": "1..2"}, transposed=transposed)
            assert solved.to_dict()["nearest"] == [[below, above]], (size, wanted)
            assert solved.to_dict()["solutions"] == []


def test_sizes_of_any_length_and_ranges_that_are_too_wide() -> None:
    big = 10**40
    solved = solve(2 * big, big, {"kernel": "1..3", "padding": "0..1", "stride": f"1..{big}"})
    assert [layer_word(family.simplest) for family in solved.families] == ["k2s2", "k3s2p1", "k1s2"]
    [which] = solve(f"1..{3 * big}", big, {"kernel": 3, "stride": 2, "padding": 1}).layers()
    assert which[0].inputs == (2 * big - 1, 2 * big)
    for options in ({"kernel": f"1..{big}"}, {"stride": f"1..{big}", "padding": f"0..{big}", "dilation": f"1..{big}"}):
        with pytest.raises(NotationError, match="narrow them, such as --"):
            solve(224, 112, options)
    many = solve(18600, 62, {})
    assert many.count > MAX_SOLUTIONS
    assert layer_word(many.families[0].simplest) == "k300s300"
    with pytest.raises(NotationError, match="such as -k 300 -s 300 -d 1"):
        many.to_dict()
    with pytest.raises(NotationError, match=r"use --input 2\.\.9"):
        solve("1..9", "n//2", {})


@pytest.mark.parametrize(
    ("sizes", "wanted"), [((9, 6), (9, 3)), ((12, 20), (6, 10)), ((7, 15), (4, 8)), ((5, 20), (5, 4))]
)
def test_axes_share_their_padding_or_else_their_kernel(sizes: tuple[int, int], wanted: tuple[int, int]) -> None:
    ranges = {"kernel": (1, 5), "stride": (1, 5), "dilation": (1, 2), "output_padding": (0, 0)}
    options = {name: as_text(span) for name, span in ranges.items() if name != "output_padding"}
    solved = solve("x".join(map(str, sizes)), "x".join(map(str, wanted)), {**options, "padding": "0..2"})
    height, width = (tried(*pair, ranges, "0..2", False) for pair in zip(sizes, wanted, strict=True))
    alike = {(layer, layer) for layer in height & width}
    done = {(layer[0], layer[2]) for layer, _ in alike}
    apart = {
        (one, other)
        for one, other in itertools.product(height, width)
        if (one[0], one[2]) == (other[0], other[2]) and (one[0], one[2]) not in done
    }
    layers = [tuple(map(parameters, layer)) for layer in solved.layers()]
    assert len(layers) == solved.count
    assert set(layers) == alike | apart
    assert [set(map(parameters, axis)) for axis in solved.each_axis()] == [height, width]
