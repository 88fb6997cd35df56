"""Receptive fields carried forward through networks: against sets read back along every path."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from random import Random
from typing import NamedTuple

import pytest

from convcalc.axis.positions import Positions, spread, union
from convcalc.axis.sampling import adaptive_reads, resize_reads
from convcalc.axis.strands import AxisField, Field, Reads, centre, merged
from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from convcalc.questions.chain import chain_fields
from convcalc.questions.report import layer_report, network_report
from convcalc.readers.toml.document import network_from_toml
from convcalc.readers.words import row_graph
from tests.reference import Windows, read_back


class Link(NamedTuple):
    """One window of a chain, and whether it is transposed."""

    window: Window
    transposed: bool


def random_link(random: Random) -> Link:
    window = Window(
        random.randint(1, 5), random.randint(1, 4), random.randint(1, 4), random.randint(0, 3), random.randint(0, 3)
    )
    return Link(window, random.random() < 0.35)


def after(field: Field, link: Link) -> Field:
    return field.after(Reads.spread(link.window) if link.transposed else Reads.through(link.window))


def seen(links: Sequence[Link], output: int) -> set[int]:
    return read_back(windows(links), [output])


def windows(links: Sequence[Link]) -> Windows:
    return [(link.transposed, *link.window[:4]) for link in links]


@pytest.mark.parametrize("seed", range(20))
def test_chains_carried_forward_see_what_is_read_back(seed: int) -> None:
    random = Random(seed)
    for _ in range(50):
        links = [random_link(random) for _ in range(random.randint(1, 5))]
        field = Field.identity()
        for link in links:
            field = after(field, link)
        for output in range(-3, 9):
            assert set(field.at(output)) == seen(links, output), (links, output)
        assert field.summary(100, 1000) == shown(links), links


def shown(links: Sequence[Link]) -> AxisField:
    """Size, jump, start and coverage: of the widest set in one round of the outputs' pattern."""
    down = prod(link.window.stride for link in links if not link.transposed)
    up = prod(link.window.stride for link in links if link.transposed)
    phases = [seen(links, output) for output in range(up)]
    spans = [(max(phase) - min(phase) + 1, len(phase)) if phase else (0, 0) for phase in phases]
    size, coverage = max(spans)
    return AxisField(size, Fraction(down, up), min(phases[0], default=None), coverage)


@pytest.mark.parametrize("seed", range(20))
def test_branches_see_what_their_paths_see(seed: int) -> None:
    """Branches of equal total stride that meet: the sets of the merge are the union over paths, each read back."""
    random = Random(seed)
    for _ in range(30):
        strides = [(random.randint(1, 3), random.random() < 0.3) for _ in range(random.randint(1, 3))]
        paths = []
        for _ in range(random.randint(2, 3)):
            path = []
            for stride, transposed in strides:
                link = random_link(random)
                w = link.window
                path.append(Link(Window(w.kernel, stride, w.dilation, w.before, w.after), transposed))
            paths.append(path)
        branches = []
        for path in paths:
            field = Field.identity()
            for link in path:
                field = after(field, link)
            branches.append(field)
        whole = merged(branches)
        assert len(whole.strands) == 1
        tail = random_link(random)
        ahead = after(whole, tail)
        for output in range(-2, 6):
            expected = set().union(*(seen(path, output) for path in paths))
            assert set(whole.at(output)) == expected, paths
            expected = set().union(*(seen([*path, tail], output) for path in paths))
            assert set(ahead.at(output)) == expected, (paths, tail)


def test_branches_of_unequal_jumps_keep_their_sets() -> None:
    slow, fast = Field.identity(), after(Field.identity(), Link(Window(3, stride=2, before=1), False))
    field = merged([slow, fast])
    assert len(field.strands) == 2
    assert [sorted(field.at(p)) for p in range(3)] == [[-1, 0, 1], [1, 2, 3], [2, 3, 4, 5]]
    assert field.summary(8, 16) == AxisField(9, Fraction(1), -1, 4)  # output 7 reads 7 and 13, 14, 15


def test_what_reads_everything_no_longer_moves() -> None:
    field = after(Field.identity(), Link(Window(3, stride=4, before=1), False)).all_of(3, 12)
    assert sorted(field.at(0)) == sorted(field.at(7)) == [0, 1, 3, 4, 5, 7, 8, 9]
    assert field.summary(3, 12) == AxisField(10, Fraction(0), 0, 8)


def test_a_gate_beside_a_map_keeps_the_border() -> None:
    """A squeeze-and-excitation gate: every output reads the whole image, and nothing outside of it."""
    convolved = after(Field.identity(), Link(Window(3, before=1, after=1), False))
    gated = merged([convolved, convolved.all_of(10, 10)])
    assert gated.summary(10, 10) == AxisField(10, Fraction(1), 0, 10)


def test_nothing_is_read_of_what_does_not_depend_on_the_input() -> None:
    assert Field.nothing().summary(5, 9) == AxisField(0, Fraction(0), None, 0)


def test_centres() -> None:
    one_sided = after(Field.identity(), Link(Window(3, stride=2, after=1), False))
    assert centre(one_sided) == 1
    assert centre(after(Field.identity(), Link(Window(2, stride=2), False))) == Fraction(1, 2)
    assert centre(one_sided.all_of(4, 8)) is None
    halved = after(Field.identity(), Link(Window(2, stride=2), False))
    assert centre(after(halved, Link(Window(2, stride=2), True))) == 0  # outputs 0 and 1 read pixels 0 and 1


@pytest.mark.parametrize(("before", "after_size"), [(7, 3), (6, 3), (5, 8), (13, 5), (4, 1), (3, 7)])
def test_adaptive_pools_read_what_their_definition_says(before: int, after_size: int) -> None:
    field = Field.identity().after(adaptive_reads(before, after_size))
    for output in range(after_size):
        first, end = output * before // after_size, -(-(output + 1) * before // after_size)
        assert list(field.at(output)) == list(range(first, end))


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "align_corners"])
@pytest.mark.parametrize(("before", "after_size"), [(4, 8), (6, 9), (9, 6), (5, 7)])
def test_resizes_read_the_neighbours_of_their_coordinates(before: int, after_size: int, coordinates: str) -> None:
    field = Field.identity().after(resize_reads(before, after_size, coordinates, "linear", "floor"))
    for output in range(after_size):
        at = {
            "asymmetric": Fraction(output * before, after_size),
            "half_pixel": Fraction((2 * output + 1) * before, 2 * after_size) - Fraction(1, 2),
            "align_corners": Fraction(output * (before - 1), after_size - 1),
        }[coordinates]
        low = at.numerator // at.denominator
        assert list(field.at(output)) == ([low] if at == low else [low, low + 1]), output


def test_nearest_upsampling_and_a_convolution() -> None:
    doubled = Field.identity().after(resize_reads(5, 10, "asymmetric", "nearest", "floor"))
    assert [list(doubled.at(p)) for p in range(4)] == [[0], [0], [1], [1]]
    assert after(doubled, Link(Window(3, before=1), False)).summary(10, 5) == AxisField(2, Fraction(1, 2), -1, 2)


@pytest.mark.parametrize("seed", range(10))
def test_unions_and_spreads(seed: int) -> None:
    random = Random(seed)

    def some() -> Positions:
        runs, at = [], 0
        for _ in range(random.randint(0, 4)):
            at += random.randint(2, 4)
            runs.append((at, at := at + random.randint(0, 3)))
        return Positions(random.randint(-9, 9), random.randint(1, 5), tuple(runs))

    for _ in range(100):
        left, right = some(), some()
        assert list(union(left, right)) == sorted({*left, *right})
        kernel, hop = random.randint(1, 4), random.randint(-5, 5)
        assert list(spread(left, kernel, hop)) == sorted({p + t * hop for p in left for t in range(kernel)})
        low, high = sorted(random.choices(range(-20, 40), k=2))
        assert list(left.within(low, high)) == [p for p in left if low <= p < high]
        assert list(left.shifted(hop)) == [p + hop for p in left]


def test_absurd_strides_are_refused() -> None:
    with pytest.raises(ShapeError, match="repeats only after 1000000 outputs"):
        Reads.spread(Window(3, stride=10**6))
    field = Field.identity().after(Reads.spread(Window(251, 251))).after(Reads.spread(Window(241, 241)))
    with pytest.raises(ShapeError, match="repeats only after 14457349 outputs"):
        field.after(Reads.spread(Window(239, 239)))


def test_a_row_whose_field_is_not_enumerated_is_counted_all_the_same() -> None:
    """A window that skips pixels leaves as many pieces as it has outputs; only the field is an upper bound then."""
    row = row_graph(["k3s5f8", "gap", "fc10"], "1x960000")
    report = layer_report(row)
    assert report.output == (10,)
    assert report.multiplications == 192_000 * 3 * 8 + 80
    assert report.notes[0].startswith("receptive field: an upper bound from 2 on, because the whole length is taken: a")
    assert chain_fields(row, sized=True).notes == report.notes[:1]


def test_many_long_patterns_are_not_enumerated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that triple and halve: each pattern is three times as long as the one before, and all are listed."""
    words = ["t:k5s3d2", "k4d3s2"] * 5
    assert chain_fields(row_graph(words, "1x30"), sized=True).layers[-1].receptive_field[0].size > 1
    monkeypatch.setattr("convcalc.axis.strands.MAX_ENUMERATED", 500)
    listed = 2 * (3 + 9 + 27 + 81) + 243  # a stride of 2 leaves three phases three
    report = layer_report(row_graph(words, "1x30"))
    assert report.notes[0].startswith(
        "receptive field: an upper bound from 10 on, because the whole length is taken: wi"
    )
    [note] = chain_fields(row_graph(words, "1x30"), sized=True).notes
    assert note == report.notes[0]
    assert f"with the layers before it, patterns of {listed + 243} outputs would be listed, more than 500 are" in note


BOUNDED = {
    "too many phases": ('input = "4x1000003"', 'op = "adaptive_avg_pool"\noutput_size = 99991', "(1000003, 0, 0)",
                        "the whole length is taken: it repeats only after 99991 outputs"),
    "maps side by side": ('input = "4x9x12"', 'op = "concat"\nfrom = ["input", "input"]\naxis = 1', "(9, 0, 0)",
                          "it joins maps along the height"),
}  # fmt: skip


@pytest.mark.parametrize("case", BOUNDED)
def test_what_cannot_be_told_exactly_is_told_to_be_a_bound(case: str) -> None:
    """The other answers are given all the same."""
    top, layer, field, note = BOUNDED[case]
    text = f'{top}\n[[layers]]\nname = "first"\n{layer}\n[[layers]]\nop = "conv"\nfilters = 3\nkernel = 1\n'
    answer = network_report(network_from_toml(text.encode(), "net.toml"))
    axis = answer.layers[-1].receptive_field[0]
    assert str((axis.size, int(axis.jump), axis.start)) == field
    assert answer.parameters == 12
    [said] = [answered for answered in answer.notes if "first" in answered]
    assert said.startswith(f"receptive field: an upper bound from first on, because {note}")


@pytest.mark.parametrize("sizes", [((5, 5), (7, 7)), ((5, 5), (7, 8)), ((5, 6), (7, 7)), ((6, 5), (7, 5))])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "cubic"])
def test_resizes_of_axes_that_are_alike(mode: str, sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Axes of equal sizes share their work: each has the field that it has alone in one dimension."""
    (before, between), fields = sizes, []
    for shape, target in ((before, between), *(((a,), (b,)) for a, b in zip(before, between, strict=True))):
        layers = "".join(f"[[layers]]\nop = 'upsample'\nsize = {list(to)}\nmode = '{mode}'\n" for to in (target, shape))
        text = f"input = '1x{'x'.join(map(str, shape))}'\n{layers.replace('bilinear', 'linear')}"
        fields.append(network_report(network_from_toml(text.encode(), "net.toml")).to_dict()["receptive_field"])
    both, *alone = fields
    assert both == {key: [field[key][0] for field in alone] for key in both}


def test_patterns_of_very_many_taps_are_not_listed() -> None:
    """9,999 outputs of 9,999 taps each: the field is an upper bound, and the answer says so."""
    found = chain_fields(row_graph(["t:k9999s9999", "k9999s9998"], None), sized=False).to_dict()
    [note] = [note for note in found["notes"] if "an upper bound from 2 on" in note]
    assert f"patterns of {9999 * 9999} taps would be listed" in note
    few = chain_fields(row_graph(["t:k99s99", "k99s98"], None), sized=False).to_dict()
    assert few["receptive_field"]["size"] == [2, 2]
    assert not any("upper bound" in note for note in few["notes"])
