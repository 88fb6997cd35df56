"""Channels that are not those a layer is for: in its input, in its weights, in its groups."""

from __future__ import annotations

from math import prod

from convcalc.errors import plural
from convcalc.graph.primitives import Correlate, TransposedCorrelate
from convcalc.questions.messages.answer import Answer, accepts, confirm
from convcalc.questions.messages.idioms import CHANNELS_FIRST, channel_axis, convolution, moved, shown, size_text
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import UNSTATED, Channels, Groups, OneValue, Weights

FEW = (1, 3, 4)
"""Channels of an image as files have it."""
MAX_KERNEL = 15
"""A larger axis of a weight is one of its channels."""


def channels_answer(framework: str, trouble: Channels) -> Answer:
    """Why a layer gets other channels than it is for."""
    if trouble.layer == "norm":
        return _norm(framework, trouble)
    found = _candidates(framework, trouble)
    others = tuple(f"{cause}: {fix}" for cause, fix in found[1:])
    return Answer(f"{found[0][0]}.", found[0][1], _evidence(framework, trouble), others)


def _candidates(framework: str, trouble: Channels) -> list[tuple[str, str]]:
    """Causes with their fixes, the likeliest first."""
    expected, got, shape = trouble.expected, trouble.got, trouble.shape
    found: list[tuple[str, str]] = []
    axis = channel_axis(framework, shape) if shape else 0
    fixed = _moved_channels(framework, trouble, axis)
    lifted = framework == "PyTorch" and expected == 1 and len(shape) > 2 and shape[0] == 1 and got > 1
    if fixed is not None:
        found.append(fixed)
    if lifted:
        cause = f"a batch of {got} without its channel axis was read as one sample of {got} channels"
        found.append((cause, f"x = x.unsqueeze(1)  # {shown((got, 1, *shape[2:]))}"))
    if (weights := _weight_order(framework, trouble)) is not None:
        found.append(weights)
    if (image := _image(framework, trouble)) is not None:
        found.insert(0 if lifted and got in FEW else len(found), image)
    if trouble.groups > 1 and expected == got * trouble.groups:
        cause = f"the weight has all {got} channels for each of {trouble.groups} groups, as with one group"
        found.append((cause, f"weights for {got // trouble.groups} channels per group, or one group"))
    cause = f"the layer is for {plural(expected, 'channel')} and the layer before it gives {got}"
    return [*found, (cause, _layer_for(framework, trouble))]


def _moved_channels(framework: str, trouble: Channels, axis: int) -> tuple[str, str] | None:
    """The channels that are expected, found on the axis where the other layout has them."""
    shape, expected = trouble.shape, trouble.expected
    if len(shape) < 3:
        return None
    first = framework in CHANNELS_FIRST
    elsewhere = len(shape) - 1 if first else 1
    if shape[elsewhere] != expected or expected == trouble.got:
        return None
    rest = [n for n in range(1, len(shape)) if n != elsewhere]
    order = (0, elsewhere, *rest) if first else (0, *rest, elsewhere)
    fixed = tuple(shape[n] for n in order)
    confirm(fixed[axis] == expected, f"{shown(fixed)} has {expected} channels")
    given, wanted = ("last", "first") if first else ("first", "last")
    verb = "is" if expected == 1 else "are"
    cause = (
        f"the {plural(expected, 'channel')} {verb} on axis {elsewhere}: channels {given}, where {wanted} is expected"
    )
    return cause, f"{moved(framework, order)}  # {shown(fixed)}"


def _weight_order(framework: str, trouble: Channels) -> tuple[str, str] | None:
    """A weight in Keras's order (*kernel, in, out) where PyTorch's (out, in, *kernel) is expected."""
    weight = trouble.weight
    if framework != "PyTorch" or len(weight) < 4 or trouble.layer != "conv" or None in weight:
        return None
    kernel, (inner, outer) = weight[:-2], weight[-2:]
    likely = len(set(kernel)) == 1 and max(n or 0 for n in kernel) <= MAX_KERNEL and inner == trouble.got
    if not likely or weight[2:] == kernel:
        return None
    order = (len(weight) - 1, len(weight) - 2, *range(len(weight) - 2))
    fixed = tuple(weight[n] for n in order)
    return f"the weight is (*kernel, in, out), as Keras has it: {outer} filters", (
        f"{moved(framework, order, 'weight')}  # {shown(fixed)}"
    )


def _image(framework: str, trouble: Channels) -> tuple[str, str] | None:
    """Grey, colour and colour with opacity, taken for one another."""
    first = framework in CHANNELS_FIRST
    repeat = "x = x.repeat(1, 3, 1, 1)" if framework == "PyTorch" else (
        "x = x.repeat(3, axis=1)" if first else "x = x.repeat(3, axis=-1)"
    )  # fmt: skip
    match trouble.got, trouble.expected:
        case 1, 3:
            return "a grey image meets a layer for colour", f"{repeat}, or load it with image.convert('RGB')"
        case 4, 3:
            cut = "x = x[:, :3]" if first else "x = x[..., :3]"
            return "the image has a fourth channel, opacity", f"{cut}, or load it with image.convert('RGB')"
        case 3, 1:
            return "a colour image meets a layer for grey", "load it with image.convert('L')"
    return None


def _layer_for(framework: str, trouble: Channels) -> str:
    weight, shape = trouble.weight, trouble.shape
    dims = max(len(weight), len(shape), 3) - 2
    if trouble.layer == "transposed":
        if len(weight) < 3 or framework != "PyTorch":
            return f"weights for {plural(trouble.got, 'channel')}"
        kernel = weight[2:]
        size = kernel[0] if len(set(kernel)) == 1 else shown(kernel)
        return f"nn.ConvTranspose{dims}d({trouble.got}, {weight[1]}, {size})"
    filters, kernel = (weight[0], weight[2:]) if framework == "PyTorch" and weight else (None, ())
    if weight and framework != "PyTorch":
        filters, kernel = weight[-1], weight[:-2]
    if framework == "Keras":
        return f"build the model for {plural(trouble.got, 'channel')}, or give it {trouble.expected}"
    return convolution(framework, dims, trouble.got, filters, kernel)


def _evidence(framework: str, trouble: Channels) -> tuple[str, ...]:
    """What arrives and what is expected, held against the rule for channels."""
    shape, expected, groups = trouble.shape, trouble.expected, trouble.groups
    lines: list[str] = []
    dims = max(len(shape), 3) - 2
    ones = (1,) * dims
    if expected % groups == 0 and expected > 0 and trouble.got > 0:
        layer: Correlate | TransposedCorrelate = Correlate(expected, groups, ones, ones, ((0, 0),) * dims, ones, groups)
        right, wrong = ((1, channels, *ones) for channels in (expected, trouble.got))
        confirm(accepts(layer, right) and not accepts(layer, wrong), f"a layer for {expected} refuses {trouble.got}")
    if shape:
        lines.append(f"arrives: {shown(shape)}, channels on axis {channel_axis(framework, shape)}: {trouble.got}")
    if trouble.weight:
        lines.append(f"weight: {shown(trouble.weight)}" + (f", {groups} groups" if groups > 1 else ""))
        if groups > 1:
            lines.append(f"in_channels = {expected // groups} per group · {groups} groups = {expected}")
    return tuple(lines)


def _norm(framework: str, trouble: Channels) -> Answer:
    got, expected, shape = trouble.got, trouble.expected, trouble.shape
    evidence = (f"arrives: {shown(shape)}",) if shape else ()
    if len(trouble.weight) > 1:
        tail = shape[len(shape) - len(trouble.weight) :]
        return Answer(
            f"the layer normalizes over {size_text(trouble.weight)}, and {size_text(tail)} arrives.",
            f"nn.LayerNorm({list(tail)}), or give the image the size that the layer is for",
            evidence,
        )
    name = "nn.LayerNorm" if trouble.weight else "nn.BatchNorm2d"
    line = f"{name}({got})" if framework == "PyTorch" else f"build it again for {plural(got, 'channel')}"
    if expected == UNSTATED:
        return Answer(f"the normalization's arrays are not for the {got} channels that arrive.", line, evidence)
    return Answer(
        f"the normalization is for {plural(expected, 'channel')} and gets {got}.",
        line,
        evidence,
        (f"the layer before it should have {expected} filters",),
    )


def weights_answer(framework: str, trouble: Weights) -> Answer:
    """Why weights from a file do not fit the model."""
    file, model = trouble.file, trouble.model
    evidence = (f"in the file: {shown(file)}", f"in the model: {shown(model)}")
    if len(file) == len(model) > 2:
        to_torch = (len(file) - 1, len(file) - 2, *range(len(file) - 2))
        to_keras = (*range(2, len(file)), 1, 0)
        for order, whose in ((to_keras, "PyTorch's"), (to_torch, "Keras's")):
            if tuple(file[n] for n in order) == model and file != model:
                code = f"weight = weight.transpose({', '.join(map(str, order))})"
                return Answer(f"the weight is in {whose} order of axes.", f"{code}  # {shown(model)}", evidence)
    differing = [n for n, (a, b) in enumerate(zip(file, model, strict=False)) if a != b]
    last = 0 if framework == "PyTorch" else len(file) - 1
    inner = 1 if framework == "PyTorch" else len(file) - 2
    if len(file) != len(model) or len(differing) != 1:
        return Answer(
            f"{trouble.name} belongs to another architecture: {shown(file)} in the file, {shown(model)} in the model.",
            "build the model with the options that it was trained with",
            evidence,
        )
    a, b = file[differing[0]], model[differing[0]]
    if differing[0] == last:
        return Answer(
            f"{trouble.name} has {a} outputs in the file and {b} in the model, such as another number of classes.",
            f"build the model with {a} outputs, or load all other weights and train this layer",
            evidence,
        )
    what = "input channels" if differing[0] == inner and len(file) > 2 else "inputs"
    if differing[0] != inner:
        what = "kernel size"
    return Answer(
        f"{trouble.name} was trained for {what} of {a}, and the model has {b}.",
        f"build the model for {a}" + (", and give it such images" if what == "input channels" else ""),
        evidence,
    )


def groups_answer(trouble: Groups) -> Answer:
    """Groups that work near those that do not."""
    groups = trouble.groups
    count = trouble.channels if trouble.channels is not None else trouble.filters or 0
    what = "channels of the input" if trouble.channels is not None else "filters"
    if groups < 1 or count < 1:
        return Answer(f"{groups} groups cannot share {count} {what}.", "use at least 1 of each")
    divisors = [n for n in range(1, min(count, 1 << 16) + 1) if count % n == 0]
    near = sorted(sorted(divisors, key=lambda n: (abs(n - groups), n))[:2])
    lower, upper = count // groups * groups, -(-count // groups) * groups
    multiples = " or ".join(str(n) for n in (lower, upper) if n)
    return Answer(
        f"{groups} groups do not divide {count} {what}: {count} = {count // groups}·{groups} + {count % groups}.",
        f"groups={' or '.join(map(str, near))}, or {multiples} {'channels' if trouble.channels is not None else what}",
        (f"divisors of {count}: {', '.join(map(str, divisors[:12]))}{', ...' * (len(divisors) > 12)}",),
    )


def one_value_answer(trouble: OneValue) -> Answer:
    """A variance of one value is not defined: a batch of one, or a map that has shrunk to one pixel."""
    shape: Shape = trouble.shape
    spatial = tuple(n or 1 for n in shape[2:])
    values = (shape[0] or 1) * prod(spatial) if shape else 1
    pixels = f" with maps of {size_text(spatial)}" if spatial else ""
    return Answer(
        f"a normalization in training needs several values per channel: a batch of {shape[0] or 1 if shape else 1}"
        f"{pixels} has {values}.",
        "drop the last small batch: DataLoader(..., drop_last=True); to predict, call model.eval() first",
        (f"values per channel = batch · pixels = {values}",),
        ("the map has shrunk to one pixel: use a larger image, or one stride less",) if spatial else (),
    )
