"""Windows that do not fit their input, and paddings and output sizes beyond their limits."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.axis.window import Window, output_size, smallest_input, transposed_size
from convcalc.errors import ShapeError
from convcalc.graph.primitives import Pool
from convcalc.questions.messages.answer import Answer, accepts, confirm
from convcalc.questions.messages.channels import FEW
from convcalc.questions.messages.idioms import moved, shown, size_text
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import OutputPadding, OutputSize, Padded, Smallest, TooSmall

NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
MAX_CHANNELS = 4
"""An axis of this length beside one that is much longer may be the channels of an image."""
MUCH = 8


def too_small_answer(framework: str, trouble: TooSmall) -> Answer:
    """On which axes the window is longer than its input, and by how much."""
    sizes, extents = trouble.sizes, trouble.extents
    if not sizes or None in sizes:
        return _unsized(trouble)
    if not extents or len(extents) != len(sizes):
        return _without_kernel(framework, trouble)
    names = NAMES.get(len(sizes), tuple(f"axis {n}" for n in range(len(sizes))))
    short = [n for n, (size, extent) in enumerate(zip(sizes, extents, strict=True)) if (size or 0) < (extent or 0)]
    if not short:
        return _without_kernel(framework, trouble)
    for n in short:
        window = Window(extents[n] or 1)
        confirm(not _fits(sizes[n] or 0, window), f"{extents[n]} does not fit {sizes[n]}")
        confirm(_fits(smallest_input(window), window), f"{extents[n]} fits its smallest input")
    lacking = max((extents[n] or 0) - (sizes[n] or 0) for n in short)
    where = _listed([f"{sizes[n]} along the {names[n]}" for n in short])
    window_name = "pool's window" if trouble.pool else "kernel"
    cause = f"the {window_name} of {size_text(extents)} pixels is larger than its padded input: {where}"
    evidence = [f"{names[n]}: {sizes[n]} - {extents[n]} = {(sizes[n] or 0) - (extents[n] or 0)} < 0" for n in short]
    layout = _layout(framework, trouble)
    if layout is not None:
        return Answer(layout[0], layout[1], tuple(evidence), (f"{cause}: use a larger image",))
    if framework in ("Keras", "TensorFlow"):
        fix = "padding='same' in this layer"
    else:
        fix = f"padding larger by {-(-lacking // 2)} in this layer"
    others = [] if (hint := _hint(framework, trouble)) is None else [hint]
    fix += f", or an image so large that {size_text(_least(trouble))} pixels arrive here"
    return Answer(f"{cause}.", fix, tuple(evidence), tuple(others))


def _listed(texts: Sequence[str]) -> str:
    """One, two, three -> one, two and three."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _least(trouble: TooSmall) -> Shape:
    return tuple(max(size or 0, extent or 0) for size, extent in zip(trouble.sizes, trouble.extents, strict=True))


def _fits(size: int, window: Window) -> bool:
    try:
        return output_size(size, window) > 0
    except ShapeError:
        return False


def _layout(framework: str, trouble: TooSmall) -> tuple[str, str] | None:
    """Channels first where channels last are expected: the weight was made for the width of a square image."""
    shape = trouble.shape
    if framework not in ("Keras", "TensorFlow") or len(shape) != 4 or not trouble.weight:
        return None
    if shape[3] == 1 and shape[2] in FEW and shape[0] == shape[1] and (shape[0] or 0) > MAX_CHANNELS:
        image = shape[:3]
        return (
            f"an image of {shown(image)} came without its batch axis: its rows were read as the batch.",
            f"x = x[None]  # {shown((1, *image))}",
        )
    first, height, width = shape[1], shape[2], shape[3]
    if first is None or first > MAX_CHANNELS or height != width or height is None or height <= first * 2:
        return None
    fixed = (shape[0], height, width, first)
    return (
        f"the input is channels first, {shown(shape)}: its {first} channels were read as the height.",
        f"{moved(framework, (0, 2, 3, 1))}  # {shown(fixed)}, or input_shape={shown(fixed[1:])}",
    )


def _hint(framework: str, trouble: TooSmall) -> str | None:
    sizes = [size or 0 for size in trouble.sizes]
    if len(sizes) > 1 and min(sizes) <= 2 * MAX_CHANNELS and max(sizes) >= MUCH * min(sizes):
        wanted = "(N, H, W, C)" if framework in ("Keras", "TensorFlow") else "(N, C, H, W)"
        return f"{min(sizes)} beside {max(sizes)} may be the channels: print x.shape, {wanted} is expected"
    return None


def _without_kernel(framework: str, trouble: TooSmall) -> Answer:
    sizes = trouble.sizes
    evidence = [f"arrives: {size_text(sizes)}"]
    if trouble.gives:
        evidence.append(f"would give: {size_text(trouble.gives)}")
        names = NAMES.get(len(sizes), tuple(f"axis {n}" for n in range(len(sizes))))
        short = [names[n] for n, size in enumerate(trouble.gives) if size is not None and size < 1]
        pool = Pool("max", sizes_as_ints(sizes), (1,) * len(sizes), ((0, 0),) * len(sizes), (1,) * len(sizes))
        confirm(accepts(pool, (1, 1, *sizes)), f"a window of {size_text(sizes)} fits")
        cause = f"the map of {size_text(sizes)} is smaller than the pool's window along its {_listed(short)}"
        halved = "leave out the last pool, or use an image twice as large for each pool that is too many"
    else:
        cause = f"the map of {size_text(sizes)} is smaller than the window of the layer"
        halved = "use a larger image, or padding in this layer"
    hint = _hint(framework, trouble)
    return Answer(f"{cause}.", halved, tuple(evidence), () if hint is None else (hint,))


def sizes_as_ints(sizes: Shape) -> tuple[int, ...]:
    """The sizes, an open one as 1."""
    return tuple(size or 1 for size in sizes)


def _unsized(trouble: TooSmall) -> Answer:
    return Answer(
        f"the map that arrives, {shown(trouble.shape or trouble.sizes)}, is smaller than the window.",
        "use a larger image, or padding in this layer",
    )


def smallest_answer(trouble: Smallest) -> Answer:
    """A model that states its smallest image."""
    least, shape = trouble.least, trouble.shape
    channels = shape[len(least) :]
    return Answer(
        f"the model's strides leave nothing of an image below {size_text(least)}.",
        f"input_shape={shown((*least, *channels))}, resizing the images to {size_text(least)} or more",
        (f"got: {shown(shape)}",),
    )


def output_size_answer(trouble: OutputSize) -> Answer:
    """The nearest output sizes that a transposed convolution can give, and the output padding for them."""
    wanted, least, most, sizes = trouble.wanted, trouble.least, trouble.most, trouble.sizes
    nearest = tuple(min(max(w or 0, low or 0), high or 0) for w, low, high in zip(wanted, least, most, strict=True))
    padding = tuple(near - (low or 0) for near, low in zip(nearest, least, strict=True))
    stride = tuple((high or 0) - (low or 0) + 1 for low, high in zip(least, most, strict=True))
    for size, low, step, extra, near in zip(sizes, least, stride, padding, nearest, strict=True):
        kernel = (low or 0) - ((size or 1) - 1) * step
        if kernel > 0:
            reached = transposed_size(size or 1, Window(kernel, step), extra)
            confirm(reached == near, f"output padding {extra} gives {near}")
    return Answer(
        f"{size_text(sizes)} becomes {size_text(least)} to {size_text(most)}, never {size_text(wanted)}.",
        f"output_size={list(nearest)}, which is output_padding={shown(padding)}",
        (f"stride {size_text(stride)}: every size from {size_text(least)} to {size_text(most)} goes back to "
         f"{size_text(sizes)}",),
    )  # fmt: skip


def output_padding_answer(trouble: OutputPadding) -> Answer:
    """The largest output padding."""
    dilation = trouble.dilation or (1,) * len(trouble.stride)
    most = tuple(max(s or 1, d or 1) - 1 for s, d in zip(trouble.stride, dilation, strict=False))
    return Answer(
        f"output padding {size_text(trouble.output_padding)} would add outputs that no input reaches: stride "
        f"{size_text(trouble.stride)} leaves room for {size_text(most)}.",
        f"output_padding={most[0] if len(set(most)) == 1 else shown(most)}, or stride "
        f"{max(n or 0 for n in trouble.output_padding) + 1}",
        ("output padding < stride: it says which of `stride` sizes goes back to the same input",),
    )


def padded_answer(trouble: Padded) -> Answer:
    """The largest padding of that mode."""
    padding, size = trouble.padding, trouble.size
    if trouble.mode == "pool":
        most = size // 2
        return Answer(
            f"a pool's padding is at most half its window: {padding} for {size}.",
            f"padding={most}, or F.pad before the pool for more",
            (f"{size} // 2 = {most}",),
        )
    most = size - 1
    return Answer(
        f"reflection by {padding} reads {padding} pixels beyond the border, and {size} has {most} to reflect.",
        f"padding of at most {most}, mode 'replicate', or an axis of at least {padding + 1} pixels",
        (f"reflected without the border itself: padding <= {size} - 1 = {most}",),
    )
