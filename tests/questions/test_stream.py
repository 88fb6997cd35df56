"""Layers over a stream: context, look-ahead, latency, chunks and state, against plain loops."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from convcalc.errors import ShapeError
from convcalc.questions.stream import NotStreamableError, Stream, stream
from convcalc.questions.subject import subject_of
from convcalc.readers.words import row_graph


def streamed(words: str, size: str | None = None, chunk: int | None = None, axis: int = 2) -> Stream:
    graph = row_graph(words.split(), size, dims=1, any_size=True)
    return stream(graph, axis, chunk=chunk, sized=size is not None)


def states(found: Stream) -> list[list[int]]:
    return [list(held.shape) for layer in found.layers for held in layer.state]


CAUSAL = "k3pcausalf8 k3d2pcausalf8 k3d4pcausalf8"


def test_a_causal_chain_by_hand() -> None:
    """14 = 2 + 4 + 8; state 1*2 + 8*4 + 8*8; products 3*8 + 3*64 + 3*64 for each sample."""
    found = streamed(CAUSAL)
    assert (found.left_context, found.look_ahead, found.smallest_chunk, found.latency) == (14, 0, 1, 1)
    assert (found.state_values, states(found)) == (98, [[1, 2], [8, 4], [8, 8]])
    assert found.milliseconds(found.latency) == 0.0625
    assert found.multiplications == 3 * 8 + 3 * 64 + 3 * 64
    assert (found.chunk.whole, found.chunk.recomputed) == (15, Fraction(14, 15))


@pytest.mark.parametrize(
    ("words", "left", "ahead", "chunk", "state"),
    [
        ("k5p2", 2, 2, 1, [[1, 4]]),
        ("k4p1:2", 1, 2, 1, [[1, 3]]),
        ("k3", 0, 2, 1, [[1, 2]]),
        ("k8s4p4:0f2", 4, 0, 4, [[1, 4]]),  # as in codecs: kernel 2s, s in front
        ("t:k4s2p0:2f3", 1, 0, 1, [[3, 2]]),
        ("t:k4s2p1", 1, 1, 1, [[1, 2]]),
        ("t:k2s2", 0, 0, 1, []),
        ("k4s2p1f3 k3p1 t:k4s2p1f2", 5, 5, 2, [[1, 3], [3, 2], [2, 2]]),
        ("k3s2pcausal k3s3pcausal", 6, 0, 6, [[1, 2], [1, 2]]),
        ("max:k3s2p1 up2", 1, 0, 2, [[1, 1]]),
        ("k1f4 relu bn", 0, 0, 1, []),
    ],
)
def test_small_chains_by_hand(words: str, left: int, ahead: int, chunk: int, state: list[list[int]]) -> None:
    found = streamed(words)
    assert (found.left_context, found.look_ahead, found.smallest_chunk) == (left, ahead, chunk)
    assert states(found) == state


class Level(NamedTuple):
    """One layer of a random chain, as plain numbers."""

    transposed: bool
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def word(self) -> str:
        name = "t:" if self.transposed else ""
        return f"{name}k{self.kernel}s{self.stride}d{self.dilation}p{self.before}:{self.after}"

    def reads(self, output: int) -> set[int]:
        """By definition: convolution o*s + t*d - b; transposed, all i with i*s + t*d - b = o."""
        taps = [tap * self.dilation for tap in range(self.kernel)]
        if not self.transposed:
            return {output * self.stride + tap - self.before for tap in taps}
        return {
            (output + self.before - tap) // self.stride
            for tap in taps
            if (output + self.before - tap) % self.stride == 0
        }


def random_chain(seed: int) -> list[Level]:
    choose = random.Random(seed)
    levels = []
    for _ in range(choose.randint(1, 4)):
        stride = choose.choice([1, 1, 2, 3])
        if choose.random() < 0.3:
            kernel = stride + choose.randint(0, 3)
            crop = kernel - stride
            before = choose.randint(0, crop)
            levels.append(Level(True, kernel, stride, 1, before, crop - before))
        else:
            kernel, dilation = choose.randint(1, 5), choose.randint(1, 3)
            extent = dilation * (kernel - 1) + 1
            before = choose.choice([extent - 1, (extent - 1) // 2, max(0, extent - stride), 0])
            levels.append(Level(False, kernel, stride, dilation, before, extent - 1 - min(before, extent - 1)))
    return levels


def reads_of(levels: Sequence[Level], output: int) -> set[int]:
    seen = {output}
    for level in reversed(levels):
        seen = {at for position in seen for at in level.reads(position)}
    return seen


@pytest.mark.parametrize("seed", range(40))
def test_random_chains_against_plain_loops(seed: int) -> None:
    levels = random_chain(seed)
    pieces = random.Random(seed).randint(1, 7)
    found = streamed(" ".join(level.word for level in levels), chunk=pieces)
    rate = Fraction(1)
    periods = [rate := rate * level.stride if level.transposed else rate / level.stride for level in levels]
    smallest = next(n for n in range(1, 10**4) if all((n * each).denominator == 1 for each in periods))
    outputs = int(smallest * rate)
    block = [reads_of(levels, output) for output in range(outputs)]
    assert found.smallest_chunk == smallest
    assert found.outputs_per_chunk == outputs
    assert found.left_context == max(0, -min(map(min, block)))
    assert found.look_ahead == max(0, max(map(max, block)) + 1 - smallest)
    # a long stream in pieces: when each block's outputs are there, and how many come at a time
    ready, given, late = [], 0, 0
    for arrived in range(pieces, 40 * max(smallest, pieces), pieces):
        before = given
        while max(reads_of(levels, given)) < arrived:
            given += 1
            if given % outputs == 0:
                late = max(late, arrived - (given // outputs - 1) * smallest)
        ready.append(given - before)
    steady = ready[len(ready) // 2 :]
    assert found.chunk.latency == late
    assert found.chunk.outputs == (min(steady), max(steady))


@pytest.mark.parametrize(
    ("size", "words", "notes"),
    [
        ("1x18", "k15s6pcausal", ["1/conv (k15s6pcausal): never reads the last 5 of its 18; padding 9:5 reads all"]),
        ("1x18", "k15s6p9:5", []),
        ("1x19", "k15s6pcausal", []),
        ("1x23", "k15s6p9:0", ["1/conv (k15s6p9:0): never reads the last 5 of its 23; padding 9:5 reads all"]),
        ("1x23", "k15s6p9:5", []),
        (None, "k4s4pcausal", ["1/conv (k4s4pcausal): never reads the last 3 of whole chunks; padding 0:3 reads all"]),
        ("1x19", "k2s3", ["1/conv (k2s3): never reads the last 2 of its 19"]),
    ],
)
def test_samples_that_a_stride_never_reads(size: str | None, words: str, notes: list[str]) -> None:
    assert list(streamed(words, size).notes) == notes


@pytest.mark.parametrize("size", range(30, 60))
def test_the_remedy_reads_all(size: int) -> None:
    """Whatever the length, the last sample is under the last window, and no other padding is asked for."""
    [layer] = streamed("k15s6p9:5", f"1x{size}").layers
    outputs = (size + 9 + 5 - 15) // 6 + 1
    assert layer.unread is None
    assert (outputs - 1) * 6 - 9 + 14 >= size - 1


@pytest.mark.parametrize(
    ("words", "size", "named"),
    [
        ("k3 gap fc10", None, ["layer 2, gap", "reads all positions"]),
        ("k3 fc10", "1x20", ["layer 2, fc10", "every output reads all positions"]),
        ("in k3", "4x20", ["layer 1, in", "mean over all positions"]),
        ("k3s2psame", None, ["layer 1, k3s2psame", "begins at another sample", "1:1"]),
        ("k3s2psame in gap", None, ["layer 1", "layer 2", "layer 3"]),
    ],
)
def test_what_cannot_run_is_named(words: str, size: str | None, named: list[str]) -> None:
    with pytest.raises(NotStreamableError) as refused:
        streamed(words, size)
    for part in named:
        assert part in str(refused.value)


def test_the_layers_before_are_those_that_can() -> None:
    with pytest.raises(NotStreamableError) as refused:
        streamed("k3 k5d2 gap fc10")
    assert [group.op for group in refused.value.before] == ["k3", "k5d2"]


def test_branches_wait_for_each_other(tmp_path: Path) -> None:
    """A symmetric kernel is two samples late, so that the way around it waits: 5 channels by 2."""
    (tmp_path / "skip.toml").write_text(
        'input = "3x40"\n'
        '[[layers]]\nname = "in"\nop = "conv"\nfilters = 5\nkernel = 1\n'
        '[[layers]]\nname = "late"\nop = "conv"\nfilters = 5\nkernel = 5\npadding = 2\n'
        '[[layers]]\nname = "sum"\nop = "add"\nfrom = ["in", "late"]\n'
    )
    found = stream(subject_of([str(tmp_path / "skip.toml")]).graph, 2)
    kept = {layer.name: [(held.shape, held.of) for held in layer.state] for layer in found.layers if layer.state}
    assert kept == {"late": [((5, 4), "inputs")], "sum": [((5, 2), "inputs from in")]}
    assert (found.left_context, found.look_ahead) == (2, 2)


def test_a_cut_end_that_padding_added_is_no_delay(tmp_path: Path) -> None:
    """A TCN pads 4 on both sides and cuts off the last 4. To cut off 6, the last 2 of what is there are held back."""
    for cut, delay in ((4, 0), (6, 2)):
        (tmp_path / "tcn.toml").write_text(
            'input = "3x40"\n'
            '[[layers]]\nop = "conv"\nfilters = 3\nkernel = 3\ndilation = 2\npadding = 4\n'
            f'[[layers]]\nop = "crop"\npadding = [[0, {cut}]]\n'
        )
        found = stream(subject_of([str(tmp_path / "tcn.toml")]).graph, 2)
        assert (found.left_context, found.look_ahead, found.end_delay) == (4, 0, delay)
    [note] = found.notes
    assert note == "crop1: cuts off the last 2 outputs at the end; to hold these back takes 2 samples more"


@pytest.mark.parametrize(("words", "ahead", "delay"), [("t:k2s4", 0, 1), ("t:k3s2p2", 1, 1), ("t:k2s4a2", 0, 0)])
def test_transposed_layers_that_end_early(words: str, ahead: int, delay: int) -> None:
    """n inputs give 4n - 2 outputs in the end, whose last 2 would be there before, if the stream went on."""
    found = streamed(words)
    assert (found.look_ahead, found.end_delay) == (ahead, delay)


def test_the_axis_of_a_map() -> None:
    """On 2x9x50 the time may be the width, whose frames have 9 rows, or the height."""
    along_width = streamed("k3x5p1:1x4:0f6", "2x9x50", axis=3)
    assert (along_width.left_context, states(along_width)) == (4, [[2, 9, 4]])
    along_height = streamed("k3x5p1:1x4:0f6", "2x9x50", axis=2)
    assert (along_height.left_context, along_height.look_ahead, states(along_height)) == (1, 1, [[2, 2, 50]])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (" ".join(["k3s1000000"] * 20), "the product of strides must be below 2\\^256"),
    ],
)
def test_absurd_requests(words: str, error: str) -> None:
    with pytest.raises(ShapeError, match=error):
        streamed(words)


def test_many_layers() -> None:
    found = streamed("k3pcausal*5000 k2s2*100")
    assert found.left_context == 10_000
    assert found.smallest_chunk == 2**100
