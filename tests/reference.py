"""What a convolution does, in plain loops: every output and every tap is visited, nothing is computed in closed form.

A stage is a dictionary as `convcalc.analyze(...).to_dict()["stages"]` gives it, of which only the geometry is
read: op, kernel, stride, padding, dilation, groups, output_padding, in_channels, out_channels, input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

Stage = dict[str, Any]
Place = tuple[int, ...]


def slid(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """Positions of a window slid along a padded axis, one by one."""
    count, start = 0, -before
    while start + dilation * (kernel - 1) < size + after:
        count, start = count + 1, start + stride
    return count


def spread(size: int, kernel: int, stride: int, dilation: int, before: int, after: int, longer: int) -> int:
    """Outputs of a transposed convolution: the last position that any tap reaches, lengthened and cropped."""
    reached = {position * stride + tap * dilation for position in range(size) for tap in range(kernel)}
    return max(reached) + 1 + longer - before - after


def output_of(stage: Stage) -> list[int]:
    """[channels, *spatial] of a stage's output."""
    sizes = []
    for axis, size in enumerate(stage["input"][1:]):
        window = [stage[key][axis] for key in ("kernel", "stride", "dilation")]
        if stage["op"] == "conv_transpose":
            sizes.append(spread(size, *window, *stage["padding"][axis], stage["output_padding"][axis]))
        else:
            sizes.append(slid(size, *window, *stage["padding"][axis]))
    return [stage["out_channels"], *sizes]


@dataclass
class Counts:
    """What happened in one stage, for a batch of one unless said otherwise."""

    output: list[int]
    weights: int
    biases: int
    multiplications: int
    effective: int
    zero_inserted: int
    additions: int
    taps_on_data: list[int]
    outputs_reached: list[int]


def channel_pairs(stage: Stage) -> list[tuple[int, int]]:
    """(input channel, output channel) of the same group."""
    inputs, outputs, groups = stage["in_channels"], stage["out_channels"], stage["groups"]
    pairs = product(range(inputs), range(outputs))
    return [(c, n) for c, n in pairs if c // (inputs // groups) == n // (outputs // groups)]


def counts(stage: Stage, *, bias: bool = False, batch: int = 1) -> Counts:
    """Visits every output (transposed: every input) with every tap, and counts."""
    output = output_of(stage)
    if stage["op"] == "channel_shuffle":
        return Counts(output, 0, 0, 0, 0, 0, 0, [], [])
    axes = range(len(output) - 1)
    transposed = stage["op"] == "conv_transpose"
    pairs = len(channel_pairs(stage))
    per_output = pairs // stage["out_channels"]
    met: list[list[tuple[int, int]]] = []  # per axis, the (output, tap) pairs that touch data or land inside
    for axis in axes:
        steps, inside = (stage["input"], output) if transposed else (output, stage["input"])
        met.append([])
        for position, tap in product(range(steps[axis + 1]), range(stage["kernel"][axis])):
            other = _other_end(stage, axis, position, tap)
            if 0 <= other < inside[axis + 1]:
                met[axis].append((other, tap) if transposed else (position, tap))
    spatial = list(product(*(range(size) for size in output[1:])))
    taps = list(product(*(range(size) for size in stage["kernel"])))
    products = dict.fromkeys(spatial, 0)  # of one output channel
    for pair in product(*met):
        products[tuple(place for place, _ in pair)] += per_output
    effective = sum(products.values()) * stage["out_channels"]
    every_tap = sum(per_output for _ in product(spatial, taps)) * stage["out_channels"]
    if transposed:
        inputs = product(*(range(size) for size in stage["input"][1:]))
        multiplications = sum(pairs for _ in product(inputs, taps))
        additions = sum(max(0, count - 1) + bias for count in products.values()) * stage["out_channels"]
    else:
        multiplications = every_tap
        additions = sum(len(taps) * per_output - 1 + bias for _ in spatial) * stage["out_channels"]
    return Counts(
        output=output,
        weights=pairs * len(taps),
        biases=stage["out_channels"] * bias,
        multiplications=multiplications * batch,
        effective=effective * batch,
        zero_inserted=every_tap * batch,
        additions=additions * batch,
        taps_on_data=[len(pairs) for pairs in met],
        outputs_reached=[len({place for place, _ in pairs}) for pairs in met],
    )


def _other_end(stage: Stage, axis: int, position: int, tap: int) -> int:
    """Where a tap of a window position reads (transposed: where a tap of an input position writes)."""
    at = position * stage["stride"][axis] + tap * stage["dilation"][axis]
    return int(at - stage["padding"][axis][0])


@dataclass
class Tally:
    """How many multiplications and additions of `Counted` numbers were carried out."""

    multiplications: int = 0
    additions: int = 0


@dataclass(slots=True)
class Counted:
    """A number that counts what is done with it."""

    value: int
    tally: Tally

    def __mul__(self, other: Counted) -> Counted:
        self.tally.multiplications += 1
        return Counted(self.value * other.value, self.tally)

    def __add__(self, other: Counted) -> Counted:
        self.tally.additions += 1
        return Counted(self.value + other.value, self.tally)


def executed(stage: Stage, *, bias: bool = False, padding_counts: bool = True) -> tuple[Tally, dict[Place, int]]:
    """Pushes counted numbers through a convolution written as a plain loop: the tally, and the outputs by place.

    All inputs, weights and biases are 1. With padding_counts, zeros of the padding are multiplied like data, and a
    transposed convolution forms the products that its crop throws away.
    """
    tally = Tally()
    one, zero = Counted(1, tally), Counted(0, tally)
    output = output_of(stage)
    sums: dict[Place, Counted] = {}
    for c, n in channel_pairs(stage):
        for place, other in _reads(stage, output):
            if stage["op"] == "conv_transpose":
                inside = all(0 <= at < size for at, size in zip(other, output[1:], strict=True))
                source, target = one, (n, *other)
            else:
                inside = all(0 <= at < size for at, size in zip(other, stage["input"][1:], strict=True))
                source, target = one if inside else zero, (n, *place)
            if not (inside or padding_counts):
                continue
            assert 0 <= c < stage["in_channels"]
            term = source * one
            if inside or stage["op"] == "conv":
                sums[target] = sums[target] + term if target in sums else term
    if bias:
        for place in product(*(range(size) for size in output)):
            sums[place] = sums.get(place, zero) + one
    return tally, {place: number.value for place, number in sums.items()}


def _reads(stage: Stage, output: Sequence[int]) -> Iterator[tuple[Place, Place]]:
    """Every (window position, position met) of every tap, over the spatial axes."""
    steps = stage["input"] if stage["op"] == "conv_transpose" else output
    for place in product(*(range(size) for size in steps[1:])):
        for taps in product(*(range(size) for size in stage["kernel"])):
            yield place, tuple(_other_end(stage, axis, place[axis], tap) for axis, tap in enumerate(taps))


@dataclass(frozen=True)
class Field:
    """The receptive field along one axis, found by following every input position forwards.

    jump and start are None where no output, or not the first, reads anything.
    """

    size: int
    jump: Fraction | None
    start: int | None
    coverage: int
    widest: frozenset[int]


Windows = Sequence[tuple[bool, int, int, int, int]]
"""Along one axis: whether it is transposed, kernel, stride, dilation and padding before."""


def read_back(windows: Windows, outputs: Iterable[int]) -> set[int]:
    """The input positions that outputs depend on together, found from the last window back, tap by tap."""
    seen = set(outputs)
    for transposed, kernel, stride, dilation, before in reversed(windows):
        taps = range(0, kernel * dilation, dilation)
        if transposed:
            sources = {output + before - tap for output in seen for tap in taps}
            seen = {source // stride for source in sources if source % stride == 0}
        else:
            seen = {output * stride + tap - before for output in seen for tap in taps}
    return seen


def field(stages: Sequence[Stage], axis: int) -> Field:
    """Follows sets of input positions through the stages, on an axis long enough to have no border."""
    windows = windows_along(stages, axis)
    shift = 1  # outputs after which the pattern repeats: every transposed stride divides it
    for transposed, _, stride, *_ in windows:
        shift *= stride if transposed else 1
    seen = followed(windows, range(2 * shift))
    phases = [seen[output] for output in range(shift)]
    widest = max(phases, key=lambda positions: (_span(positions), len(positions)))
    moves = [min(seen[output + shift]) - min(seen[output]) for output in range(shift) if seen[output]]
    jump = Fraction(moves[0], shift) if moves else None
    start = min(seen[0]) if seen[0] else None
    return Field(_span(widest), jump, start, len(widest), widest)


def _span(positions: frozenset[int]) -> int:
    return max(positions) - min(positions) + 1 if positions else 0


def windows_along(stages: Sequence[Stage], axis: int) -> Windows:
    """The windows of the stages that have any."""
    return [
        (stage["op"] == "conv_transpose", *(stage[key][axis] for key in ("kernel", "stride", "dilation")),
         stage["padding"][axis][0])
        for stage in stages
        if stage["op"] != "channel_shuffle"
    ]  # fmt: skip


def followed(windows: Windows, outputs: range) -> dict[int, frozenset[int]]:
    """Output position -> the input positions it depends on, on an axis so long that these outputs see no border."""
    radius = 64
    while True:
        seen = _followed(windows, radius)
        if all(output in seen for output in outputs):
            return seen
        radius *= 2


def _followed(windows: Windows, radius: int) -> dict[int, frozenset[int]]:
    """The same for the outputs that see no border of -radius..radius."""
    seen = {position: frozenset({position}) for position in range(-radius, radius + 1)}
    for transposed, kernel, stride, dilation, before in windows:
        if not seen:
            return {}
        first, last = min(seen), max(seen)
        following: dict[int, frozenset[int]] = {}
        if transposed:
            for output in range(first * stride - before, last * stride + (kernel - 1) * dilation - before + 1):
                sources = [output + before - tap * dilation for tap in range(kernel)]
                inputs = [source // stride for source in sources if source % stride == 0]
                reach = (kernel - 1) * dilation
                if output + before - reach >= first * stride and output + before <= last * stride:
                    following[output] = frozenset().union(*(seen[i] for i in inputs))
        else:
            for output in range((first + before) // stride, (last + before) // stride + 1):
                inputs = [output * stride + tap * dilation - before for tap in range(kernel)]
                if inputs[0] >= first and inputs[-1] <= last:
                    following[output] = frozenset().union(*(seen[i] for i in inputs))
        seen = following
    return seen
