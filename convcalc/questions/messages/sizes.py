"""Lengths that should be equal: features of a linear layer, sizes of two branches, elements of a reshape."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt, prod

from convcalc.errors import plural
from convcalc.graph.primitives import Concat, Linear, Merge, Reshape
from convcalc.questions.messages.answer import Answer, accepts, confirm
from convcalc.questions.messages.idioms import CHANNELS_FIRST, channel_axis, flattened, linear, shown
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import Elements, Features, Sizes

MAP_AXES = 4
"""Axes of a batch of maps."""


def features_answer(framework: str, trouble: Features) -> Answer:
    """Why a linear layer gets other features than it is for."""
    expected, got, rows, out = trouble.expected, trouble.got, trouble.rows, trouble.out
    for features, fits in ((got, got), (expected, expected)):
        layer = Linear(features, out or 1, bias=False)
        confirm(accepts(layer, (rows or 1, fits)), f"a layer for {features} takes {fits}")
        confirm(not accepts(layer, (rows or 1, expected + got - fits)), "and no other")
    evidence = [f"arrives: {got} features" + (f" in {plural(rows, 'row')}" if rows else "")]
    evidence.append(f"the layer is for {expected}" + (f", to {out}" if out else ""))
    if trouble.layer == "recurrent":
        cause = f"the recurrent layer was made for {expected} features and gets {got} on the last axis."
        return Answer(cause, f"input_size={got}", tuple(evidence), ("(N, L, C) with batch_first=True",))
    whole = _not_flattened(trouble)
    resize = f"{_linear(framework, got, out)}, if {got} is what arrives there"
    if whole is not None:
        batch, each = whole
        evidence.append(f"{got} · {each} = {expected}" + (f", {rows} = {batch} · {each}" if rows else ""))
        cause = f"the map was not flattened: {each} rows of {got} belong to one sample of {expected}."
        return Answer(cause, f"{flattened(framework)}  # ({batch}, {expected})", tuple(evidence), (resize,))
    ratio = _side(Fraction(got, expected)) if expected > 0 else None
    others: tuple[str, ...] = ()
    if rows == expected or out == got:
        others = ("the operands may be in the wrong order: x @ weight.T",)
    cause = f"the layer was made for {expected} features and gets {got}."
    if ratio is not None:
        longer = f"{ratio} of" if ratio.denominator > 1 else f"{ratio} times"
        cause = f"{cause[:-1]}: height and width are {longer} the expected."
        evidence.append(f"{got}/{expected} = ({ratio})²")
        others = (f"resize the image to {1 / ratio} of its height and width", *others)
    else:
        common = gcd(got, expected)
        if common > 1:
            evidence.append(f"{got} = {got // common}·{common}, {expected} = {expected // common}·{common}")
        others = ("in_features = channels · height · width of the map that is flattened", *others)
    return Answer(cause, _linear(framework, got, out), tuple(evidence), others)


def _linear(framework: str, features: int, out: int | None) -> str:
    if framework == "Keras":
        return f"give the model the image size it was built for, or build it again: {linear(framework, features, out)}"
    return linear(framework, features, out)


def _side(ratio: Fraction) -> Fraction | None:
    """The root of a ratio of areas, if it is a simple fraction."""
    above, below = isqrt(ratio.numerator), isqrt(ratio.denominator)
    square = above * above == ratio.numerator and below * below == ratio.denominator
    return Fraction(above, below) if square and ratio > 0 and ratio != 1 and below <= 64 else None


def _not_flattened(trouble: Features) -> tuple[int | None, int] | None:
    """The batch, None if it is open, and the rows per sample, if a map was not flattened before the layer."""
    rows, got, expected, shape = trouble.rows, trouble.got, trouble.expected, trouble.shape
    if got < 1 or expected <= got or expected % got:
        return None
    each = expected // got
    if len(shape) > 2 and None not in shape[1:]:
        batch, whole = shape[0], prod(n or 1 for n in shape[1:])
    elif rows and rows % each == 0:
        batch, whole = rows // each, each * got
    else:
        return None
    if whole != expected:
        return None
    confirm(accepts(Linear(expected, 1, bias=False), (batch, whole)), f"{each} rows of {got} fit")
    return batch, each


def sizes_answer(framework: str, trouble: Sizes) -> Answer:
    """Why two branches have other lengths, and how to make them equal."""
    left, right, axis = trouble.left, trouble.right, trouble.axis
    shapes = trouble.shapes
    rank = len(shapes[0]) if shapes else None
    evidence = [f"{shown(shape)}" for shape in shapes] or [f"{left} and {right}"]
    if axis is not None:
        evidence.append(f"axis {axis}: {left} and {right}")
    both = shapes or ((2, left), (2, right))
    at = (axis or 0) if shapes else 1
    joint = Concat(1 if at != 1 else 0) if trouble.joined and len(both[0]) > 1 else Merge("add")
    confirm(not accepts(joint, *both), f"{left} and {right} do not fit together")
    equal = tuple((*shape[:at], max(left, right), *shape[at + 1 :]) for shape in both)
    if len([n for n in range(len(both[0])) if both[0][n] != both[1][n]]) == 1:
        confirm(accepts(joint, *equal), "equal lengths fit together")
    if (rank and rank > 2 and axis == channel_axis(framework, shapes[0])) or (not shapes and axis == 1):
        return _channel_counts(framework, trouble, tuple(evidence))
    if axis == 0:
        return Answer(
            f"the batches have {left} and {right} samples.",
            "take both from the same batch, or give the one a batch of 1, which is broadcast",
            tuple(evidence),
        )
    return _spatial_sizes(framework, trouble, tuple(evidence))


def _channel_counts(framework: str, trouble: Sizes, evidence: tuple[str, ...]) -> Answer:
    left, right = trouble.left, trouble.right
    if framework == "PyTorch":
        fix = f"nn.Conv2d({right}, {left}, 1) on the branch of {right}"
    elif framework == "Keras":
        fix = f"layers.Conv2D({left}, 1) on the branch of {right}"
    else:
        fix = f"a pointwise convolution {right} → {left} on the branch of {right}"
    return Answer(
        f"the branches have {left} and {right} channels: a shortcut around a layer that changes the channels.",
        fix, evidence, (f"give both branches {max(left, right)} filters",),
    )  # fmt: skip


def _spatial_sizes(framework: str, trouble: Sizes, evidence: tuple[str, ...]) -> Answer:
    low, high = sorted((trouble.left, trouble.right))
    apart = high - low
    fix = _crop_or_pad(framework, trouble, low, high)
    if apart == 1:
        odd, even = (high, low) if high % 2 else (low, high)
        halved = f"{odd} // 2 = {odd // 2}" if odd > even else f"ceil({odd} / 2) = {even // 2}"
        return Answer(
            f"{odd} is odd: halved by a stride of 2 and doubled again it comes back as {even}.",
            fix,
            (*evidence, f"{halved}, 2 · {even // 2} = {even}"),
            ("pad or resize the image to a multiple of the network's total stride, such as 32: then no size is odd",),
        )
    if low > 0 and high % low == 0 and high // low in (2, 4, 8, 16, 32):
        factor = high // low
        return Answer(
            f"one branch is {factor} times as long as the other, as after {'a stride' if factor == 2 else 'strides'} "
            f"of {factor} that the other branch has not.",
            f"stride {factor} in the shortcut, or upsample the branch of {low} by {factor}",
            evidence, (fix,),
        )  # fmt: skip
    borders = f": convolutions without padding took {apart // 2} at each end" if apart % 2 == 0 else ""
    return Answer(
        f"the branches are {low} and {high} long{borders}.",
        fix, evidence, ("padding='same' in the convolutions, so that both keep their size",),
    )  # fmt: skip


def _crop_or_pad(framework: str, trouble: Sizes, low: int, high: int) -> str:
    """A line that makes the two equal."""
    if framework == "Keras" or (framework == "TensorFlow" and trouble.joined):
        first, second = (shape[1:-1] for shape in trouble.shapes) if trouble.shapes else ((low,) * 2, (high,) * 2)
        apart = [0 if None in (a, b) else abs((a or 0) - (b or 0)) for a, b in zip(first, second, strict=True)]
        ends = ", ".join(f"({n // 2}, {n - n // 2})" for n in apart)
        return f"layers.Cropping{len(apart)}D({ends if len(apart) == 1 else f'({ends})'}) on the branch of {high}"
    if framework == "PyTorch":
        last = max(trouble.axis or 3, 2)  # axes after the one that differs have equal lengths, or there are none
        cut = ", ".join(f":skip.shape[{axis}]" for axis in range(2, last + 1))
        return f"x = F.interpolate(x, size=skip.shape[2:]), or crop the branch of {high}: x[:, :, {cut}]"
    return f"crop the branch of {high} to its first {low}, or pad the branch of {low} by {high - low}"


def elements_answer(framework: str, trouble: Elements) -> Answer:
    """Why elements cannot take a shape, and the shape that keeps the batch."""
    elements, target, shape = trouble.elements, trouble.target, trouble.shape
    fixed = [n for n in target if n is not None and n >= 0]
    wanted = prod(fixed)
    open_axes = len(target) - len(fixed)
    kind = f"not a multiple of {wanted}" if open_axes else f"not the {wanted} of {shown(target)}"
    evidence = [f"{elements} elements, {kind}"]
    known = _factors(shape)
    if known is not None:
        batch, each, factors = known
        confirm(accepts(Reshape((batch, each)), (elements,)), f"{elements} are {batch} rows of {each}")
        if len(shape) > 2:
            evidence.append(f"{shown(shape)}: {factors} = {each} per sample")
        maps = _maps(framework, target, each)
        if maps is not None:
            confirm(accepts(Reshape((batch, *maps)), (elements,)), f"{shown(maps)} has {each} elements")
            cause = f"a sample has {each} elements, and {shown(target[1:])} has {_tail(target)}."
            code = f"layers.Reshape({shown(maps)})" if framework == "Keras" else f"reshape each sample to {shown(maps)}"
            return Answer(cause, code, tuple(evidence), _sides(each, _tail(target)))
        return Answer(
            f"a sample has {each} elements, and the shape is for {wanted if open_axes else _tail(target)}.",
            f"{flattened(framework)}  # ({batch}, {each}), then in_features={each}",
            tuple(evidence),
        )
    first = target[0] if target else None
    if first is not None and first > 0 and elements % first == 0 and len(target) > 1:
        each = elements // first
        confirm(accepts(Reshape((first, each)), (elements,)), f"{elements} are {first} rows of {each}")
        evidence.append(f"{elements} / {first} = {each} per sample")
        return Answer(
            f"a batch of {first} has {each} elements per sample, and the shape is for {_tail(target)}.",
            f"{flattened(framework)}  # ({first}, {each}), then in_features={each}",
            tuple(evidence), _sides(each, _tail(target)),
        )  # fmt: skip
    return Answer(
        f"{elements} elements cannot be rows of {wanted}: channels · height · width of the map is another number.",
        f"{flattened(framework)}, then in_features = {elements} / batch",
        tuple(evidence), ("the layers give the number: add them after the message",),
    )  # fmt: skip


def _maps(framework: str, target: Shape, each: int) -> tuple[int, int, int] | None:
    """The map (channels and a square) of that many elements with the channels of the target; None if there is none."""
    if len(target) != MAP_AXES:
        return None
    channels = target[channel_axis(framework, target)]
    if channels is None or channels < 1 or each % channels:
        return None
    side = isqrt(each // channels)
    if side * side * channels != each:
        return None
    return (channels, side, side) if framework in CHANNELS_FIRST else (side, side, channels)


def _tail(target: Shape) -> int:
    return prod(n for n in target[1:] if n is not None and n >= 0)


def _sides(each: int, wanted: int) -> tuple[str, ...]:
    ratio = _side(Fraction(each, wanted)) if wanted > 0 else None
    return () if ratio is None else (f"height and width are {ratio} times the expected: {each}/{wanted} = ({ratio})²",)


def _factors(shape: Shape) -> tuple[int, int, str] | None:
    """The batch, the elements of a sample, and them as a product; None for a shape without axes beside the batch."""
    sizes = [n for n in shape[1:] if n is not None]
    if len(shape) < 2 or len(sizes) < len(shape) - 1:
        return None
    return shape[0] or 1, prod(sizes), "·".join(map(str, sizes))
