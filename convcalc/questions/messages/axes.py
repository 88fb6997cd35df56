"""Inputs with too few or too many axes, and inputs of another shape than a model states."""

from __future__ import annotations

from math import isqrt

from convcalc.errors import plural
from convcalc.questions.messages.answer import Answer, confirm
from convcalc.questions.messages.channels import FEW
from convcalc.questions.messages.idioms import CHANNELS_FIRST, axis_added, channel_axis, moved, reshaped, shown
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import Axes, Fed

Fix = tuple[str, str, Shape]
"""A cause, the code, and the shape that it gives."""
_WANTED = {1: "L", 2: "H, W", 3: "D, H, W"}


def axes_answer(framework: str, trouble: Axes) -> Answer:
    """Which axes an input lacks, or has too many."""
    needed = max(trouble.allowed)
    wanted = _wanted(framework, trouble, needed)
    fixes = _fixes(framework, trouble.shape, needed) if trouble.dims else []
    for _, code, shape in fixes:
        confirm(len(shape) in trouble.allowed, f"{code} gives {needed} axes")
    evidence = [f"wanted: {wanted}", f"got: {shown(trouble.shape)}"] if trouble.shape else [f"wanted: {wanted}"]
    if fixes:
        cause, code, shape = fixes[0]
        others = tuple(f"{other}: {line}  # {shown(result)}" for other, line, result in fixes[1:])
        return Answer(f"{cause}.", f"{code}  # {shown(shape)}", tuple(evidence), others)
    lacking = needed - trouble.got
    numbers = " or ".join(map(str, trouble.allowed))
    cause = f"the layer takes {numbers} axes and gets {trouble.got}."
    if trouble.layer.startswith("BatchNorm"):
        dims = {2: "1", 3: "1", 4: "2", 5: "3"}.get(trouble.got)
        fix = f"nn.BatchNorm{dims}d, which is for {trouble.got} axes" if dims else f"give it {wanted}"
        return Answer(cause, fix, tuple(evidence))
    if lacking == 1:
        return Answer(cause, f"{axis_added(framework, 0, trouble.got)}, if the batch axis is missing", tuple(evidence))
    return Answer(cause, f"give it {wanted}", tuple(evidence))


def _wanted(framework: str, trouble: Axes, needed: int) -> str:
    if trouble.dims is None or trouble.dims not in _WANTED:
        return f"{needed} {'axis' if needed == 1 else 'axes'}"
    spatial = _WANTED[trouble.dims]
    whole = f"(N, C, {spatial})" if framework in CHANNELS_FIRST else f"(N, {spatial}, C)"
    return whole if len(trouble.allowed) == 1 else f"{whole}, or without N"


def _fixes(framework: str, shape: Shape, needed: int) -> list[Fix]:
    """What the shape may have been meant as, the likeliest first."""
    first, lacking = framework in CHANNELS_FIRST, needed - len(shape)
    found: list[Fix] = []
    if lacking == 2:
        found += _flat(framework, shape, needed)
        if needed == 4:
            whole = (1, 1, *shape) if first else (1, *shape, 1)
            code = "x = x[None, None]" if first else "x = x[None, ..., None]"
            image = "an image lacks its batch and channel axes", code, whole
            found.insert(0 if shape[0] == shape[1] else len(found), image)
    elif lacking == 1:
        batch: Fix = ("the batch axis is missing", axis_added(framework, 0, len(shape)), (1, *shape))
        place = 1 if first else len(shape)
        channel = ("the channel axis is missing", axis_added(framework, place, len(shape)),
                   (*shape[:place], 1, *shape[place:]))  # fmt: skip
        is_image = shape[0] in FEW if first else shape[-1] in FEW
        found += [batch, channel] if is_image else [channel, batch]
    elif lacking == -1:
        found += _too_many(shape, first)
    return found


def _flat(framework: str, shape: Shape, needed: int) -> list[Fix]:
    """Rows of pixels that were an image: 784 = 1·28·28."""
    if len(shape) != 2 or needed != 4 or shape[1] is None or shape[0] == shape[1]:
        return []
    for channels in (1, 3):
        side = isqrt(shape[1] // channels)
        if channels * side * side == shape[1] and side > 1:
            sides = (channels, side, side) if framework in CHANNELS_FIRST else (side, side, channels)
            whole = (shape[0], *sides)
            cause = f"images were flattened: {shape[1]} = {channels}·{side}·{side}"
            return [(cause, reshaped(whole), whole)]
    return []


def _too_many(shape: Shape, first: bool) -> list[Fix]:
    found: list[Fix] = []
    axis = next((n for n in range(len(shape)) if shape[n] == 1 and (n != 1 or len(shape) < 5)), None)
    if axis is not None:
        left = shape[:axis] + shape[axis + 1 :]
        found.append((f"axis {axis} of length 1 is one too many", f"x = x.squeeze({axis})", left))
    if None not in shape[:2]:
        merged = ((shape[0] or 0) * (shape[1] or 0), *shape[2:])
        open_ended: Shape = (None, *shape[2:])
        inner = shape[2] if first else shape[-1]
        cause = f"each of {shape[0]} samples holds {plural(shape[1] or 0, 'image')}"
        fix: Fix = (cause, reshaped(open_ended), merged)
        found.insert(0 if inner in FEW and axis is None else len(found), fix)
    return found


def fed_answer(framework: str, trouble: Fed) -> Answer:
    """Why a model's input does not have the shape that the model states."""
    differing = trouble.differing
    evidence = tuple(f"axis {axis}: got {got}, expected {expected}" for axis, got, expected in differing)
    if trouble.shape and not differing:
        wanted, shape = trouble.wanted, trouble.shape
        evidence = (f"wanted: {shown(wanted)}", f"got: {shown(shape)}")
        missing = [n for n in range(len(wanted)) if len(wanted) == len(shape) + 1 and _fits(shape, wanted, n)]
        if missing:
            axis = missing[-1]
            code = axis_added(framework, axis, len(shape))
            return Answer(f"axis {axis}, of length {wanted[axis] or 1}, is missing.", code, evidence)
        return Answer(
            f"the model takes {len(wanted)} axes, {shown(wanted)}, and gets {len(shape)}.",
            f"give it {shown(wanted)}", evidence,
        )  # fmt: skip
    got, expected = {a: g for a, g, _ in differing}, {a: e for a, _, e in differing}
    if (order := _order(trouble)) is not None:
        return Answer(
            "the axes are in another order: the same lengths stand elsewhere.", moved(framework, order), evidence
        )
    channel = channel_axis(framework, trouble.shape)
    fixes = []
    if 0 in got:
        opened = f", or export it with an open batch: dynamic_axes={{{trouble.name!r}: {{0: 'batch'}}}}"
        fixes.append(f"run it on {expected[0]} at a time" + opened * (framework == "ONNX Runtime"))
    if is_colour := expected.get(channel) in FEW:
        fixes.append(_recoloured(got[channel], expected[channel], channel))
    sizes = [size for axis, size in expected.items() if axis != 0 and not (is_colour and axis == channel)]
    if sizes:
        resized = "x".join(map(str, sizes))
        fixes.append(f"resize the image to {resized}, or export the model with these axes open")
    if list(got) == [0]:
        cause = f"the model was exported for a batch of {expected[0]}, and gets {got[0]}."
    elif list(got) == [channel] and is_colour:
        cause = f"the model takes {plural(expected[channel] or 0, 'channel')}, and gets {got[channel]}."
    else:
        wanted_sizes, given = ("x".join(map(str, lengths.values())) for lengths in (expected, got))
        axes = f"{'axis' if len(got) == 1 else 'axes'} {' and '.join(map(str, got))}"
        cause = f"the model is for {wanted_sizes} along {axes}, and gets {given}."
    return Answer(cause, "; and ".join(fixes), evidence)


def _fits(shape: Shape, wanted: Shape, axis: int) -> bool:
    """Whether the shape is the wanted one without an axis of length 1, or of any length at the front."""
    rest = wanted[:axis] + wanted[axis + 1 :]
    alike = all(w is None or g == w for g, w in zip(shape, rest, strict=True))
    return alike and (wanted[axis] == 1 or (axis == 0 and wanted[0] is None))


def _order(trouble: Fed) -> tuple[int, ...] | None:
    """The order of axes that makes the shape the expected one; None if none does, or the rank is not known."""
    got, expected = {a: g for a, g, _ in trouble.differing}, {a: e for a, _, e in trouble.differing}
    if len(got) < 2 or sorted(map(str, got.values())) != sorted(map(str, expected.values())):
        return None
    if sorted(got) == [1, 3]:  # 32x32x3 where 3x32x32 is expected: axis 2 has the same length in both
        return (0, 3, 1, 2) if got[1] == expected[3] else None
    if sorted(got) == [1, 2, 3]:
        for order in ((0, 3, 1, 2), (0, 2, 3, 1)):
            if all(got[order[axis]] == expected[axis] for axis in (1, 2, 3)):
                return order
    return None


def _recoloured(got: int | None, expected: int | None, axis: int) -> str:
    if (got, expected) == (1, 3):
        return f"x = x.repeat(3, axis={axis}), or load it with image.convert('RGB')"
    if (got, expected) == (3, 1):
        return "load it with image.convert('L')"
    return f"give it {plural(expected or 0, 'channel')}" + (", without opacity: image.convert('RGB')" * (got == 4))
