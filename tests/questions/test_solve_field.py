"""Chains by receptive field against every chain of small ranges, and pixels seen counted one by one."""

from __future__ import annotations

import itertools

import pytest

from convcalc.errors import NotationError
from convcalc.questions.chain import chain_fields
from convcalc.questions.solve_field import solve_field
from convcalc.readers.words import row_graph


def seen(layers: tuple[tuple[int, int], ...]) -> set[int]:
    """The pixels that one output of (dilation, kernel) layers depends on."""
    return {sum(taps) for taps in itertools.product(*([d * t for t in range(k)] for d, k in layers))}


def tried(size: int, kernels: range, dilations: range, most: int) -> set[tuple[tuple[int, int], ...]]:
    """All chains of at most that many layers, in growing order, that see `size` pixels without a hole."""
    found = set()
    layers = [(d, k) for d in dilations for k in kernels if k > 1]
    for count in range(1, most + 1):
        for chain in itertools.combinations_with_replacement(layers, count):
            if 1 + sum(d * (k - 1) for d, k in chain) == size and seen(chain) == set(range(size)):
                found.add(chain)
    return found


@pytest.mark.parametrize(
    ("size", "kernels", "dilations"),
    [(15, (3, 3), (1, 5)), (17, (2, 3), (1, 4)), (16, (2, 4), (1, 6)), (11, (5, 6), (1, 3))],
)
def test_all_chains_are_found(size: int, kernels: tuple[int, int], dilations: tuple[int, int]) -> None:
    solved = solve_field(size, kernels, dilations)
    found = [tuple((layer.dilation, layer.kernel) for layer in chain.layers) for chain in solved.chains]
    every = tried(size, range(kernels[0], kernels[1] + 1), range(dilations[0], dilations[1] + 1), solved.layers.last)
    costs = {chain: sum(k for _, k in chain) for chain in every}
    fewest = min(costs.values())
    assert len(found) == len(set(found))
    assert set(found) == {chain for chain in every if costs[chain] <= fewest + kernels[0]}
    order = [(costs[chain], len(chain), list(chain[::-1])) for chain in found]
    assert order == sorted(order)


def test_the_receptive_field_of_the_words_is_the_one_asked_for() -> None:
    solved = solve_field(65, 3, "1..16")
    assert solved.chains[0].multiplications == 15  # three taps in each of five layers; one kernel would need 65
    assert any(chain.words == "k3*2 k3d4 k3d10 k3d16" for chain in solved.chains)
    for chain in solved.chains[::67]:
        field = chain_fields(row_graph(chain.words.split(), None), sized=False).layers[-1].receptive_field[0]
        assert field.size == field.coverage == 65
    [four] = solve_field(81, 3, None, 4).chains
    assert four.words == "k3 k3d3 k3d9 k3d27"


def test_sizes_that_no_chain_sees() -> None:
    assert solve_field(64, 3).nearest == (63, 65)
    assert solve_field(65, 3, None, 3).nearest == (27,)
    assert solve_field(5, 3, None, 3).nearest == (7,)
    assert solve_field(65, 3, "2..9").chains == ()
    assert solve_field(10**40 + 1, 3).nearest == (3**64,)


def test_more_chains_than_can_be_listed() -> None:
    solved = solve_field(10001, 3)
    assert solved.chains[0].words.startswith("k3 k3d3 k3d9 k3d27 k3d81 k3d243 k3d729")
    listed = solved.to_dict()
    assert listed["more"] is True
    assert len({chain["words"] for chain in listed["solutions"]}) == 1000
    costs = [chain["multiplications"] for chain in listed["solutions"]]
    assert costs == sorted(costs)
    assert solve_field(81, 3, None, 4).to_dict()["more"] is False


def test_ranges_that_are_too_wide_are_refused() -> None:
    for size, kernel, dilation, layers in (
        (500001, "3..10", "1..1000", None),
        (65, "2..40", None, None),
        (9, 3, None, 65),
    ):
        with pytest.raises(NotationError, match=r"such as -k 10|; use -"):
            solve_field(size, kernel, dilation, layers)
