"""A size in words, as it was read, and what else its writer may have meant by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from convcalc.errors import NotationError, ShapeError, plural
from convcalc.notation.spellings import Layout, layout_dims
from convcalc.notation.values import Axes, parse_layout, show_size

IMAGE_CHANNELS = (1, 3, 4)
"""Channels of an image as files have it: grey, colour, colour with opacity."""
WAS_READ = " was read as "
"""In every question about a size."""
MIN_SIDE = 8
"""A shorter axis is not taken for a side of an image,"""
MIN_SQUARE = 4
"""unless all sides are equal, as in the 7x7x3 of textbooks."""


def size_in_words(size: Sequence[int]) -> str:
    """How a size (channels, *spatial) was read.

    >>> size_in_words((3, 224, 224)), size_in_words((1, 16000)), size_in_words((784,))
    ('2-D, 3 channels of 224x224', '1-D, 1 channel of length 16,000', '784 features')
    """
    return f"{len(size) - 1}-D, {_channels_of(size)}" if len(size) > 1 else plural(size[0], "feature")


def size_questions(size: Axes, layout: str, stated: int | None, *, has_layout: bool = True) -> tuple[str, ...]:
    """A note that asks whether another size was meant than (channels, *spatial); none if that is as it seems.

    `layout` is the one that the size was written in; `stated` is the number of spatial axes that the rest of the
    request names, if it names one; without `has_layout` the request cannot be given another layout.
    Raises NotationError for a size that has a batch in front: if the request names one axis less, or names none and
    the size is 1 and an image.

    >>> size_questions((224, 224, 3), "channels-first", None)[0].partition(": ")[2]
    'for 3 channels of 224x224 write 3x224x224, or add --layout channels-last'
    >>> size_questions((3, 224, 224), "channels-first", None)
    ()
    """
    order = parse_layout(layout)
    stated = layout_dims(layout) if stated is None else stated
    _check_axes(size, order, stated, has_layout)
    meant = _meant(size, order, stated, has_layout)
    return (f"input {show_size(size, order)}{WAS_READ}{size_in_words(size)}: {meant}",) if meant else ()


@contextmanager
def asking(questions: Sequence[str]) -> Iterator[None]:
    """Puts the questions about a size after the message of a ShapeError, which it may well have caused."""
    try:
        yield
    except ShapeError as error:
        raise ShapeError("; ".join([str(error), *questions])) from None


def size_for(dims: int, size: Axes, layout: str) -> str:
    """How a size of `dims` spatial axes is written, from one of another number: without its batch, or with a channel.

    >>> size_for(2, (1, 3, 64, 64), "channels-first"), size_for(2, (5, 7), "channels-last")
    ('3x64x64', '7x5x1')
    """
    order = parse_layout(layout)
    typed = _typed(size, order)
    if typed[0] == 1 and len(size) == dims + 2:
        return show_size(typed[1:])
    if dims == 2 and len(size) == 2:
        return show_size((1, *typed), order)
    return show_size((3,) + (32,) * dims, order)


def with_axes(size: Axes, own: Axes) -> Axes:
    """The size with as many axes as `own` that is most likely meant by one with more or fewer.

    >>> with_axes((1, 3, 64, 64), (3, 224, 224)), with_axes((64,), (3, 224, 224)), with_axes((64, 48), (3, 224, 224))
    ((3, 64, 64), (3, 64, 64), (3, 64, 48))
    """
    if len(size) > len(own):
        return size[len(size) - len(own) :]
    sides = size * (len(own) - 1) if len(size) == 1 else size
    return (own[0], *sides) if len(sides) == len(own) - 1 else own


def _typed(size: Axes, order: Layout) -> Axes:
    return (*size[1:], size[0]) if order == "channels-last" else size


def _channels_of(size: Sequence[int]) -> str:
    return f"{plural(size[0], 'channel')} of {f'length {size[1]:,}' if len(size) == 2 else show_size(size[1:])}"


def _looks_like_image(size: Axes) -> bool:
    return len(size) > 2 and size[0] in IMAGE_CHANNELS and min(size[1:]) >= MIN_SIDE


def _looks_like_square(size: Axes) -> bool:
    return len(size) == 3 and size[0] in IMAGE_CHANNELS and size[1] == size[2] >= MIN_SQUARE


def _check_axes(size: Axes, order: Layout, stated: int | None, has_layout: bool) -> None:
    """Raises NotationError for a batch in front, and for an image without its channel."""
    typed = _typed(size, order)
    dims, shown = len(size) - 1, show_size(typed)
    if dims == 1 and stated == 2:
        image = size_for(2, size, order)
        raise NotationError(
            f"input: 2-D data has channels and two sizes, got {shown}; write {image} for one channel of {shown}"
        )
    if typed[0] != 1 or dims < 2:
        return
    without = show_size(typed[1:])
    if stated == dims - 1:
        raise NotationError(f"input: a size has no batch, got {shown}; write {without}")
    if stated is None and dims == 3 and (order == "channels-last" or _is_image_in_batch(size)):
        if order == "channels-first" and not _looks_like_image(size[1:]) and _looks_like_image((size[3], *size[1:3])):
            without = show_size((size[3], *size[1:3]))
        letters = "CDHW" if order == "channels-first" else "DHWC"
        three = f"add --layout {letters}" if has_layout else "write a kernel such as [3, 3, 3]"
        raise NotationError(
            f"input: a size has no batch, got {shown}; write {without}, or {three} for {_channels_of(size)} in 3-D"
        )


def _is_image_in_batch(size: Axes) -> bool:
    """Whether 1x3x224x224, 1x224x224x3 or 1x64x56x56: an image in either layout, or square maps that are no cube."""
    _, first, second, third = size
    if _looks_like_image(size[1:]) or _looks_like_image((third, first, second)):
        return True
    return second == third != first


def _meant(size: Axes, order: Layout, stated: int | None, has_layout: bool) -> str | None:
    """What is as likely as the size, and how it is written."""
    if order == "channels-last":
        typed = _typed(size, order)
        if _looks_like_image(typed) and not _looks_like_image(size):
            return f"for {_channels_of(typed)} leave --layout channels-last out"
    elif len(size) == 4 and stated is None and (size[0] == 1 or _looks_like_image(size[1:])):
        batch = "" if size[0] == 1 else f" --batch {size[0]}"
        return f"for a batch of {size[0]} write {show_size(size[1:])}{batch}"
    else:
        moved = (size[-1], *size[:-1])
        if _looks_like_image(moved) or (moved != size and _looks_like_square(moved)):
            layout = ", or add --layout channels-last" if has_layout else ""
            return f"for {_channels_of(moved)} write {show_size(moved)}{layout}"
    if len(size) == 2 and size[0] == size[1] > 1 and stated is None:
        image = show_size((1, *size), order)
        return f"for one channel of {show_size(size)} write {image}"
    return None
