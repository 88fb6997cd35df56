"""Mistakes in where windows lie: padding, its mode, stride and its phase, dilation, and the crop of transposed ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import numpy as np

from convcalc.diagnosing.reading import Reading, axis_words, named, of_stage, option_fix, options_of, resolved, subsets
from convcalc.diagnosing.setup import Axis, Setup, Stage, output_shape, with_stage
from convcalc.notation import show_axes, show_padding

MAX_SPLITS = 128
"""Ways to split the padding of all axes that are tried together; with more, the axes are split alike."""
MODES = ("zeros", "reflect", "replicate", "circular", "symmetric")

Axial = tuple[Axis, ...]


def window_readings(setup: Setup) -> Iterator[Reading]:
    """All of this file, for every stage, each change once."""
    for number, stage in enumerate(setup.stages):
        if max(stage.kernel) == 1 and all(a.stride == 1 and a.before == a.after == 0 for a in stage.axes):
            continue
        seen = {stage.axes}
        for id, text, axes in _changes(setup.dims, stage):
            if axes not in seen:
                seen.add(axes)
                yield _reading(setup, number, id, text, axes)
        yield from _borders(setup, number, stage)


def _changes(dims: int, stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """(id, text, axes) of every change; an empty text is made from the options that changed."""
    yield from _words(stage)
    yield from _splits(stage)
    yield from _modes(stage)
    yield from _dilations(stage)
    yield from _strides(stage)
    yield from _paddings(dims, stage)
    yield from _phases(dims, stage)
    if stage.transposed:
        yield from _lengthened(stage)


def _reading(setup: Setup, number: int, id: str, text: str, axes: Axial) -> Reading:
    old = setup.stages[number].axes

    def change(stage: Stage) -> Stage | None:
        """Only what differs is changed, so that two such changes can be made one after the other."""
        return stage._replace(axes=tuple(map(_merged, stage.axes, old, axes)))

    changed = with_stage(setup, number, setup.stages[number]._replace(axes=axes))
    text = text or _difference(setup, changed)
    fix = option_fix(setup, changed) or _statement(setup, number, axes)
    return Reading(*named(setup, number, id, text), fix, of_stage(number, change), f"window-{id.split('-')[0]}")


def _merged(axis: Axis, old: Axis, new: Axis) -> Axis:
    values = {name: b for name, a, b in zip(Axis._fields, old, new, strict=True) if a != b}
    return axis._replace(**values)  # type: ignore[arg-type]


def _difference(setup: Setup, changed: Setup) -> str:
    """`the padding is 0:1 instead of 1:0`."""
    old, new = options_of(setup), options_of(changed)
    parts = []
    for name, show in (("stride", show_axes), ("dilation", show_axes)):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            parts.append(f"the {name} is {show(now)} instead of {show(was)}")
    moved = [now[0] - was[0] for was, now in zip(old.padding, new.padding, strict=True)]
    transposed = any(stage.transposed for stage in setup.stages)
    if transposed and any(moved) and output_shape(setup) == output_shape(changed):
        parts.append(_moved(setup.dims, moved, tuple(-end for end in old.output_padding)))
        return ", ".join(parts)
    if old.padding != new.padding:
        parts.append(f"the padding is {show_padding(new.padding)} instead of {show_padding(old.padding)}")
    if old.output_padding != new.output_padding:
        parts.append(
            f"the output padding is {show_axes(new.output_padding)} instead of {show_axes(old.output_padding)}"
        )
    return ", ".join(parts)


def _moved(dims: int, moved: Sequence[int], lengthened: Sequence[int]) -> str:
    """Of a transposed convolution whose result is cropped elsewhere: by how much, along which axes."""
    if tuple(moved) == tuple(lengthened):
        return "the output padding is at the begin instead of the end"
    parts = [
        f"{abs(by)} more at the {'begin' if by > 0 else 'end'} of the {axis_words(dims, [axis])}"
        for axis, by in enumerate(moved)
        if by
    ]
    return f"the result is cropped elsewhere: by {' and '.join(parts)}, and less at the other"


def _statement(setup: Setup, number: int, axes: Axial) -> str:
    """NumPy on x for what no option can say: an input cropped at its begin, or padded by repeating the border pixel."""
    if number or axes[0].transposed:
        return ""
    first = setup.files.layout == "channels-first"
    crop = [max(0, -axis.before) for axis in axes]
    padding = tuple((max(0, axis.before), axis.after) for axis in axes)
    if min(axis.after for axis in axes) < 0:
        return ""
    parts = []
    if axes[0].mode == "symmetric":
        form = setup.files.input_axes - setup.dims
        before = [(0, 0)] * form if first else [(0, 0)] * max(0, form - 1)
        after = [] if first or not form else [(0, 0)]
        parts.append(f"x = np.pad(x, {[*before, *padding, *after]}, 'symmetric')")
        parts.append("--padding 0")
        if setup.stages[number].axes[0].mode != "zeros":
            parts.append("--padding-mode zeros")
    elif any(crop):
        slices = ", ".join(f"{begin}:" if begin else ":" for begin in crop)
        last = ", :" if not first and setup.files.input_axes > setup.dims else ""
        parts.append(f"x = x[..., {slices}{last}]")
        parts.append(f"--padding {show_padding(padding)}")
    return "; ".join(parts)


WORDS = {
    "same": "same, the odd pixel at the end",
    "same-lower": "same, the odd pixel at the begin",
    "full": "full",
    "causal": "causal",
}


def _words(stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """The padding that a word means."""
    now = show_padding([(axis.before, axis.after) for axis in stage.axes])
    for word, meaning in WORDS.items() if not stage.transposed else ():
        axes = resolved(stage._replace(word=word)).axes
        pairs = [(axis.before, axis.after) for axis in axes]
        meant = meaning if any(before != after for before, after in pairs) else word
        yield _padding_id(axes), f"the padding is {show_padding(pairs)} ({meant}) instead of {now}", axes


def _splits(stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """The same padding or crop in total, split into begin and end in every way."""
    ways = [
        [axis._replace(before=before, after=after, output_padding=end) for before, after, end in _pairs(axis)]
        for axis in stage.axes
    ]
    if prod(map(len, ways)) <= MAX_SPLITS:
        every: Iterator[Axial] = product(*ways)
    else:
        at = range(max(map(len, ways)))
        every = (tuple(way[min(i, len(way) - 1)] for way in ways) for i in at)
    for axes in every:
        yield _padding_id(axes), "", axes


def _padding_id(axes: Axial) -> str:
    """`padding-0:1x0:1`, with the output padding if the convolution is transposed."""
    ends = "x".join(str(axis.output_padding) for axis in axes)
    return f"padding-{show_padding([(a.before, a.after) for a in axes])}{f'-{ends}' if axes[0].transposed else ''}"


def _pairs(axis: Axis) -> Iterator[tuple[int, int, int]]:
    """(before, after, output padding) with the same number of outputs."""
    total = axis.before + axis.after - axis.output_padding
    if axis.transposed:
        most = max(axis.before, axis.after) + axis.output_padding
        for before in range(min(0, total, -axis.output_padding), most + 1):
            after = total - before
            yield before, max(0, after), max(0, -after)
        return
    for before in range(total + 1):
        yield before, total - before, 0


def _modes(stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    now = stage.axes[0].mode
    if stage.transposed or not any(axis.before or axis.after for axis in stage.axes):
        return
    for mode in MODES:
        if mode == "reflect" and any(max(axis.before, axis.after) >= axis.size for axis in stage.axes):
            continue
        text = "symmetric (mirrored, the border pixel repeated)" if mode == "symmetric" else mode
        yield (
            f"mode-{mode}",
            f"the padding mode is {text} instead of {now}",
            tuple(a._replace(mode=mode) for a in stage.axes),
        )


def _factors(values: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Other strides or dilations: exchanged between axes, missing, doubled, and all of 1, 2 and 3."""
    yield values[::-1]
    yield (1,) * len(values)
    yield tuple(2 * value for value in values)
    yield from ((value,) * len(values) for value in (1, 2, 3))
    yield from product((1, 2, 3), repeat=len(values))


def _dilations(stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """Dilations with the padding as it is, as its word has it, and widened so that the size stays."""
    for values in _factors(tuple(axis.dilation for axis in stage.axes)):
        held = tuple(a._replace(dilation=value) for a, value in zip(stage.axes, values, strict=True))
        name = "x".join(map(str, values))
        yield f"dilation-{name}", "", held
        if stage.word:
            yield f"dilation-{name}-{stage.word}", "", resolved(stage._replace(axes=held)).axes
        more = [(v - a.dilation) * (k - 1) for v, a, k in zip(values, stage.axes, stage.kernel, strict=True)]
        kept = tuple(
            a._replace(before=a.before + m // 2, after=a.after + m - m // 2) for a, m in zip(held, more, strict=True)
        )
        if all(m % 2 == 0 and min(axis.before, axis.after) >= 0 for m, axis in zip(more, kept, strict=True)):
            yield f"dilation-{name}-kept", "", kept


def _strides(stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    for values in _factors(tuple(axis.stride for axis in stage.axes)):
        held = tuple(a._replace(stride=value) for a, value in zip(stage.axes, values, strict=True))
        yield f"stride-{'x'.join(map(str, values))}", "", held
        if stage.word:
            yield f"stride-{'x'.join(map(str, values))}-{stage.word}", "", resolved(stage._replace(axes=held)).axes


def _paddings(dims: int, stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """No padding, that of the axes in reverse order, the same on all sides, and begin or end off by one."""
    axes = stage.axes
    turned = tuple(a._replace(before=b.before, after=b.after) for a, b in zip(axes, axes[::-1], strict=True))
    yield _padding_id(turned), "", turned
    yield "padding-missing", "", tuple(a._replace(before=0, after=0) for a in axes)
    most = max(a.dilation * (k - 1) + 1 for a, k in zip(axes, stage.kernel, strict=True))
    for width in range(min(most, 8) + 1):
        alike = tuple(a._replace(before=width, after=width) for a in axes)
        yield _padding_id(alike), "", alike
        for only in range(dims) if dims > 1 else ():
            alone = tuple(a._replace(before=width, after=width) if i == only else a for i, a in enumerate(axes))
            yield _padding_id(alone), "", alone
    for chosen in subsets(range(dims)):
        for begin, end in ((1, -1), (-1, 1), (1, 0), (-1, 0), (0, 1), (0, -1)):
            moved = tuple(
                a._replace(before=a.before + begin, after=a.after + end) if i in chosen else a
                for i, a in enumerate(axes)
            )
            if min(min(a.before, a.after) for a in moved) >= 0:
                yield _padding_id(moved), "", moved


def _phases(dims: int, stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """Windows that begin at another pixel, as strides do that are counted from elsewhere."""
    if stage.transposed:
        return
    for chosen in subsets(range(dims)):
        for phase in range(1, max(2, min(8, max(stage.axes[i].stride for i in chosen)))):
            axes = tuple(a._replace(before=a.before - phase) if i in chosen else a for i, a in enumerate(stage.axes))
            where = axis_words(dims, chosen)
            text = f"the windows begin {phase} pixel{'s' if phase > 1 else ''} later along the {where}"
            yield f"phase-{phase}-{where.replace(' and ', '-')}", text, axes
            # the same number of outputs, the last windows reaching further
            kept = tuple(
                a._replace(before=a.before - phase, after=a.after + phase) if i in chosen else a
                for i, a in enumerate(stage.axes)
            )
            yield f"phase-{phase}-{where.replace(' and ', '-')}-kept", text, kept


def _lengthened(stage: Stage) -> Iterator[tuple[str, str, Axial]]:
    """What becomes of output padding and padding in a transposed convolution."""
    axes = stage.axes
    yield "output-padding-missing", "", tuple(a._replace(output_padding=0) for a in axes)
    if any(a.output_padding for a in axes):
        blank = tuple(a._replace(blank=a.output_padding) for a in axes)
        yield "output-padding-blank", "the output padding is appended without sums", blank
        grown = tuple(a._replace(after=a.after - a.output_padding * (a.stride - 1)) for a in axes)
        yield "output-padding-input", "the output padding is added to the input instead of the output", grown
    yield (
        "padding-of-input", "the padding is added to the input instead of cropped from the output",
        tuple(a._replace(before=-a.before * a.stride, after=-a.after * a.stride) for a in axes),
    )  # fmt: skip
    yield (
        "padding-as-convolution", "the padding is that of the convolution over inserted zeros",
        tuple(
            a._replace(before=a.dilation * (k - 1) - a.before, after=a.dilation * (k - 1) - a.after)
            for a, k in zip(axes, stage.kernel, strict=True)
        ),
    )  # fmt: skip
    for value in range(1, min(4, max(max(a.stride, a.dilation) for a in axes))):
        yield f"output-padding-{value}", "", tuple(a._replace(output_padding=value) for a in axes)


def _borders(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    """Borders that are not computed: zero, or as the input has them."""
    if number != len(setup.stages) - 1:
        return
    if stage.transposed:
        if any(axis.output_padding for axis in stage.axes):
            yield _border(setup, number, "output-padding-zero", "the output padding is appended as zeros", None)
    elif any(axis.before or axis.after for axis in stage.axes):
        yield _border(setup, number, "border-zero", "outputs whose windows touch the padding are 0", None)
        if len(setup.stages) == 1 and stage.channels == stage.filters and all(a.stride == 1 for a in stage.axes):
            yield _border(
                setup, number, "border-input", "outputs whose windows touch the padding are the input's pixels", setup
            )


def _border(setup: Setup, number: int, id: str, text: str, copied: Setup | None) -> Reading:
    def change(setup: Setup) -> Setup | None:
        stage = setup.stages[number]

        def finish(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
            inside = inside_padding(stage, positions)
            if copied is None:
                zeroed: np.ndarray = values * inside
                return zeroed
            at = tuple(np.minimum(positions[:, 1 + i], axis.size - 1) for i, axis in enumerate(stage.axes))
            pixels = np.moveaxis(setup.x, 1, -1)[(positions[:, 0], *at)]
            return np.where(inside, values, pixels)

        return with_stage(setup, number, stage._replace(after=(*stage.after, finish)))

    return Reading(*named(setup, number, id, text), "", change, "window-border")


def inside_padding(stage: Stage, positions: np.ndarray) -> np.ndarray:
    """(positions, 1): whether every tap of these outputs reads the input.

    Of a transposed convolution, whether they are part of the result before it is lengthened.
    """
    inside = np.ones((len(positions), 1), bool)
    for number, (axis, kernel) in enumerate(zip(stage.axes, stage.kernel, strict=True)):
        at = positions[:, 1 + number, np.newaxis]
        if axis.transposed:
            whole = (axis.size - 1) * axis.stride + axis.dilation * (kernel - 1) + 1 - axis.before - axis.after
            inside &= at < whole
            continue
        first = at * axis.stride - axis.before
        inside &= (first >= 0) & (first + axis.dilation * (kernel - 1) < axis.size)
    return inside
