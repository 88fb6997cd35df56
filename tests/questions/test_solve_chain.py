"""Chains of `solve` against every chain of random ranges, tried one by one."""

from __future__ import annotations

import itertools
import random

import pytest

from convcalc.errors import NotationError
from convcalc.questions.solve import layer_word
from convcalc.questions.solve_chain import SolvedChains, solve_chains, usual_kernels
from tests.questions.test_solve import a_range, as_text, made, pairs, parameters

Chain = tuple[tuple[int, ...], ...]


def chains(solved: SolvedChains) -> set[Chain]:
    """Every chain as (kernel, stride, dilation, begin, end, output_padding) of each layer, alternatives written out."""
    found: set[Chain] = set()
    for _, chain in solved.chains():
        each = [[parameters(layer[0]) for layer in (choice.simplest, *choice.others())] for choice in chain]
        found |= set(itertools.product(*each))
    return found


def tried(
    sizes: tuple[int, int],
    count: int,
    ranges: dict[str, tuple[int, int]],
    padding: str,
    transposed: bool,
    rounded: bool = False,
) -> set[Chain]:
    """All chains whose sizes stay between input and output; without a padding, of layers that scale by their stride."""
    spans = [range(low, high + 1) for low, high in ranges.values()]
    layers = [
        (kernel, stride, dilation, begin, end, longer)
        for kernel, stride, dilation, longer in itertools.product(*spans)
        for begin, end in pairs(padding, dilation * (kernel - 1) + 1)
    ]
    low, high = sorted(sizes)
    paths: dict[Chain, int] = {(): sizes[0]}
    for _ in range(count):
        longer_paths = {}
        for path, size in paths.items():
            for layer in layers:
                after = made(size, layer, transposed)
                scaled = size * layer[1] if transposed else -(-size // layer[1])
                whole = transposed or rounded or size % layer[1] == 0
                if low <= after <= high and (padding or (after == scaled and whole)):
                    longer_paths[(*path, layer)] = after
        paths = longer_paths
    return {path for path, size in paths.items() if size == sizes[1]}


@pytest.mark.parametrize("seed", range(20))
def test_all_chains_of_random_ranges_are_found(seed: int) -> None:
    draw = random.Random(seed)
    transposed = seed % 2 == 1
    padding = ["", "0..1", "1:0", ""][seed % 4 if seed % 3 else 0]
    ranges = {"kernel": a_range(draw, 1, 4), "stride": (1, draw.randint(1, 3)), "dilation": (1, 1)}
    ranges["output_padding"] = (0, 1) if transposed else (0, 0)
    options = {name: as_text(span) for name, span in ranges.items() if transposed or name != "output_padding"}
    count, size = draw.randint(2, 3), draw.randint(2, 9)
    ratio = draw.choice([1, 2, 3, 4, 6])
    sizes = (size, size * ratio) if transposed else (size * ratio - draw.randint(0, 1), size)
    solved = solve_chains(*sizes, count, {**options, "padding": padding or None}, transposed=transposed)
    expected = tried(sizes, count, ranges, padding, transposed) or tried(
        sizes, count, ranges, padding, transposed, rounded=True
    )
    if expected or padding:
        assert chains(solved) == expected
    else:
        assert "last layer alone" in solved.between
    for path in solved.paths:
        assert path.count == len(list(itertools.product(*path.choices)))


def test_upsampling_300_times_in_two_layers() -> None:
    """A vocoder's 62 frames to 18,600 samples: kernels 30 and 40, strides 15 and 20."""
    solved = solve_chains(62, 18600, 2, {}, transposed=True)
    assert [path.sizes[1][0] // 62 for path in solved.paths] == sorted(
        (n for n in range(1, 301) if 300 % n == 0), key=lambda n: (n + 300 // n, n)
    )
    words = [[layer_word(choice.simplest) for choice in chain] for _, chain in solved.chains()]
    assert words[0] == ["t:k15s15", "t:k20s20"]
    assert ["t:k30s15p8a1", "t:k40s20p10"] in words
    answer = solved.to_dict()
    [known] = [s for s in answer["solutions"] if [layer["kernel"] for layer in s["layers"]] == [30, 40]]
    assert known["sizes"] == [62, 930, 18600]
    assert known["layers"][0]["alternatives"] == [
        {"padding": [7, 8], "output_padding": 0},
        {"padding": [8, 7], "output_padding": 0},
    ]


def test_a_size_that_no_strides_make_takes_its_rest_from_the_last_layer() -> None:
    solved = solve_chains(62, 18601, 2, {}, transposed=True)
    assert "the last layer alone" in solved.between
    for path, chain in solved.chains():
        first, last = (parameters(choice.simplest[0]) for choice in chain)
        assert path.sizes[1][0] == made(62, first, True) == 62 * first[1]
        assert made(path.sizes[1][0], last, True) == 18601
        assert any(last[0] in range(span.first, span.last + 1) for span in usual_kernels(last[1]))


def test_the_layers_of_a_discriminator_and_of_a_generator() -> None:
    """DCGAN: four times kernel 4, stride 2, padding 1, then a kernel over all that is left; and the way back."""
    down, up = ["k4s2p1"] * 4 + ["k4s4"], ["t:k4s4"] + ["t:k4s2p1"] * 4  # of one pixel, any stride is the same
    for sizes, known in (((64, 1), down), ((1, 64), up)):
        paths = solve_chains(*sizes, 5, {"kernel": 4}, transposed=known is up).paths
        assert known in [[layer_word(layer) for layer in path.simplest] for path in paths]


def test_axes_share_their_layers() -> None:
    [path] = solve_chains("224x320", "7x10", 5, {"kernel": 3, "stride": 2}).paths
    assert path.sizes[2] == (56, 80)
    assert [layer_word(layer) for layer in path.simplest] == ["k3s2p1"] * 5
    [path] = solve_chains("80x100", "80x400", 2, {"kernel": 4, "stride": "1..2"}, transposed=True).paths
    assert [layer_word(layer) for layer in path.simplest] == ["t:k4s1x2p1:2x1"] * 2
    solved = solve_chains("80x100", "80x400", 2, {"kernel": "3x4", "stride": "1x2"}, transposed=True)
    assert " ".join(map(layer_word, solved.paths[0].simplest)) == "t:k3x4s1x2p1 t:k3x4s1x2p1"


def test_chains_that_are_too_many() -> None:
    solved = solve_chains(224, 112, 64, {})
    assert solved.count > 10**30
    with pytest.raises(NotationError, match=r"such as -k 2$"):
        solved.to_dict()
    assert len(solve_chains(224, 112, 64, {"kernel": 2}).to_dict()["solutions"]) == 64
    for layers, options in ((3, {}), (2, {"kernel": "1..99", "padding": "0..99"})):
        with pytest.raises(NotationError, match=r"too many (chains|layers)"):
            solve_chains(10**40, 7, layers, options)
    with pytest.raises(NotationError, match="use --layers 64"):
        solve_chains(224, 112, 65, {})
    with pytest.raises(NotationError, match="got 5n"):
        solve_chains(224, "5n", 2, {})
