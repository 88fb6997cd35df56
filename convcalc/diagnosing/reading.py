"""A reading: one mistake that may have made y, as a change of the setup, with its sentence and its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

from convcalc.axis.padding import padded
from convcalc.axis.window import Window
from convcalc.diagnosing.setup import Axis, Finish, Setup, Stage, with_stage
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes, show_axes, show_padding


class Reading(NamedTuple):
    """One mistake. `text` says what is different about y; `change` makes any setup of the same shapes give it.

    `fix` makes both agree: options of `run`, or NumPy on the arrays x, w, b (of several stages w1, w2, ...) and y;
    several are joined by `; `. A change gives None where it changes nothing or cannot be made.
    `finish` is the whole change if it is a function of every output alone. `unknowns` are the numbers taken from y.
    """

    id: str
    text: str
    fix: str
    change: Callable[[Setup], Setup | None]
    family: str
    finish: Finish | None = None
    unknowns: int = 0


def then(first: Reading, second: Reading) -> Reading:
    """Two mistakes at once. If one has no fix, the other's alone would not make both agree: then there is none."""

    def change(setup: Setup) -> Setup | None:
        changed = first.change(setup)
        return None if changed is None else second.change(changed)

    return Reading(
        f"{first.id} + {second.id}",
        f"{first.text}, and {second.text}",
        f"{first.fix}; {second.fix}" if first.fix and second.fix else "",
        change,
        "pair",
        unknowns=first.unknowns + second.unknowns,
    )


def of_stage(number: int, change: Callable[[Stage], Stage | None]) -> Callable[[Setup], Setup | None]:
    """The change of one stage as a change of the setup; the stages after it keep up with its sizes."""

    def changed(setup: Setup) -> Setup | None:
        stage = change(setup.stages[number])
        return None if stage is None else with_stage(setup, number, stage)

    return changed


def named(setup: Setup, number: int, id: str, text: str) -> tuple[str, str]:
    """The id and sentence of a mistake in one stage; in a type of several stages they name it."""
    if len(setup.stages) == 1:
        return id, text
    name = setup.stages[number].name
    return f"{name}/{id}", f"in the {name} stage {text}"


def kernel_name(setup: Setup, number: int) -> str | None:
    """What the kernel of a stage is called in a fix, None if it has no file of its own."""
    kernels = len(setup.files.kernel_axes)
    if kernels != len(setup.stages):
        return None
    return "w" if kernels == 1 else f"w{number + 1}"


def axis_words(dims: int, axes: Iterable[int]) -> str:
    """`height and width`."""
    return " and ".join(AXIS_NAMES[dims][axis] for axis in axes)


def axis_id(dims: int, axes: Iterable[int]) -> str:
    """`height-width`, for ids."""
    return "-".join(AXIS_NAMES[dims][axis] for axis in axes)


def subsets(axes: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """All of the axes first, then every other choice of at least one."""
    axes = tuple(axes)
    for count in range(len(axes), 0, -1):
        yield from combinations(axes, count)


def resolved(stage: Stage) -> Stage:
    """A convolution whose padding is a word, with that padding as it is for its present stride and dilation."""
    if stage.word is None or stage.transposed:
        return stage
    axes = []
    for axis, kernel in zip(stage.axes, stage.kernel, strict=True):
        before, after = padded(stage.word, axis.size, Window(kernel, axis.stride, axis.dilation))
        axes.append(axis._replace(before=before, after=after))
    return stage._replace(axes=tuple(axes))


class Options(NamedTuple):
    """The options of the command that the stages together mean, per axis."""

    stride: Axes
    dilation: Axes
    padding: tuple[tuple[int, int], ...]
    output_padding: Axes
    mode: str


def options_of(setup: Setup) -> Options:
    """Every axis has its stride, padding and dilation in one of the stages, and neutral ones in the others."""
    along: list[tuple[Axis, ...]] = [*zip(*(stage.axes for stage in setup.stages), strict=True)]
    return Options(
        tuple(max(axis.stride for axis in axes) for axes in along),
        tuple(max(axis.dilation for axis in axes) for axes in along),
        tuple((sum(axis.before for axis in axes), sum(axis.after for axis in axes)) for axes in along),
        tuple(sum(axis.output_padding for axis in axes) for axes in along),
        next((axis.mode for axes in along for axis in axes if axis.mode != "zeros"), "zeros"),
    )


def option_fix(setup: Setup, changed: Setup) -> str:
    """The options with which the command computes the changed setup; nothing if no options do."""
    expected = options_of(
        setup._replace(stages=tuple(_reworded(a, b) for a, b in zip(setup.stages, changed.stages, strict=True)))
    )
    now = options_of(changed)
    if (
        min(min(pair) for pair in now.padding) < 0
        or now.mode == "symmetric"
        or any(a.blank for s in changed.stages for a in s.axes)
    ):
        return ""
    limits = zip(now.output_padding, now.stride, now.dilation, strict=True)
    if any(end and end >= max(stride, dilation) for end, stride, dilation in limits):
        return ""
    parts = []
    if now.stride != expected.stride:
        parts.append(f"--stride {show_axes(now.stride)}")
    if now.dilation != expected.dilation:
        parts.append(f"--dilation {show_axes(now.dilation)}")
    if now.padding != expected.padding:
        parts.append(f"--padding {show_padding(now.padding)}")
    if now.output_padding != expected.output_padding:
        parts.append(f"--output-padding {show_axes(now.output_padding)}")
    if now.mode != expected.mode:
        parts.append(f"--padding-mode {now.mode}")
    if parts and 3 in setup.files.kernel_axes and not setup.files.dims_given:
        parts.append(f"--dims {setup.dims}")  # beside other options a kernel of 3 axes may be read in two ways
    return " ".join(parts)


def _reworded(stage: Stage, changed: Stage) -> Stage:
    """The stage with the padding that its word would mean beside the changed stride and dilation."""
    if stage.word is None or stage.transposed:
        return stage
    pairs = zip(stage.axes, changed.axes, strict=True)
    axes = resolved(
        stage._replace(axes=tuple(old._replace(stride=new.stride, dilation=new.dilation) for old, new in pairs))
    ).axes
    return stage._replace(
        axes=tuple(old._replace(before=new.before, after=new.after) for old, new in zip(stage.axes, axes, strict=True))
    )
