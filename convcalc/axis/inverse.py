"""The arithmetic of one axis solved for its unknowns: which padding, which inputs, which pixels are left over.

A convolution makes `output` of `input` if the padded input holds that many windows and not one more:

    (output - 1)*stride + extent <= input + padding_begin + padding_end < output*stride + extent

All answers here are this line solved for one of its terms; for a transposed convolution, the sizes change places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from convcalc.axis.window import Window, pairs_inside
from convcalc.notation.spans import Span


def paddings(sizes: Iterable[tuple[int, int]], window: Window) -> Span:
    """The total paddings, begin + end, with which a convolution makes each (input, output) pair; may be negative.

    The padding of `window` itself does not matter.
    Source: Dumoulin & Visin 2016, relationships 6 and 15, solved for the padding.

    >>> paddings([(224, 112)], Window(kernel=7, stride=2))  # 2:3 or 3:2, and 3:3
    Span(first=5, last=6)
    """
    spans = [
        Span((output - 1) * window.stride + window.extent - size, output * window.stride + window.extent - size - 1)
        for size, output in sizes
    ]
    return Span(max(span.first for span in spans), min(span.last for span in spans))


def crops(sizes: Iterable[tuple[int, int]], window: Window, output_padding: int = 0) -> Span:
    """The total paddings with which a transposed convolution makes each (input, output) pair: one or none.

    Source: Dumoulin & Visin 2016, relationship 14, solved for the padding.

    >>> crops([(n, 5 * n) for n in (1, 2, 100)], Window(kernel=10, stride=5), output_padding=1)
    Span(first=6, last=6)
    """
    totals = [(size - 1) * window.stride + window.extent + output_padding - output for size, output in sizes]
    return Span(max(totals), min(totals))


def inputs_for(output: int, window: Window) -> Span:
    """The input sizes of which a convolution makes `output` pixels.

    >>> inputs_for(112, Window(kernel=3, stride=2, before=1, after=1))
    Span(first=223, last=224)
    """
    least = (output - 1) * window.stride + window.extent - window.before - window.after
    return Span(max(1, least), least + window.stride - 1)


def transposed_inputs_for(output: int, window: Window, output_padding: int = 0) -> Span:
    """The input size of which a transposed convolution makes `output` pixels: one or none.

    >>> transposed_inputs_for(10, Window(kernel=4, stride=2, before=1, after=1))
    Span(first=5, last=5)
    """
    steps, rest = divmod(output + window.before + window.after - window.extent - output_padding, window.stride)
    return Span(steps + 1, steps + 1) if rest == 0 and steps >= 0 else Span(1, 0)


def never_read(size: int, positions: int, window: Window) -> tuple[int, int]:
    """How many pixels at the begin and at the end of `size` no tap of any of the positions meets.

    Found by bisection over the count of pairs that meet a pixel, in a few hundred steps whatever the sizes.

    >>> never_read(18, 3, Window(kernel=15, stride=6, before=14))
    (0, 5)
    """
    if window.dilation == 1 and window.before < window.kernel:  # the first window has pixel 0
        last = (positions - 1) * window.stride - window.before + window.kernel
        if window.stride <= window.kernel or last <= size:
            return 0, max(0, size - last)
    total = pairs_inside(positions, size, window)
    if not total:
        return size, 0
    begin = first_true(0, size, lambda n: pairs_inside(positions, n + 1, window) > 0)
    end = first_true(0, size, lambda n: pairs_inside(positions, n, window) == total)
    return begin, size - end


def never_used(positions: int, size: int, window: Window) -> tuple[int, int]:
    """How many positions at the begin and at the end have no tap that meets one of `size` pixels.

    Of a transposed convolution, the inputs that a crop leaves without any output.

    >>> never_used(4, 2, Window(kernel=2, stride=2, before=4, after=2))  # outputs 4 and 5 of 8 are left
    (2, 1)
    >>> never_used(1, 3, Window(kernel=2, dilation=4, before=1, after=1))  # taps 0 and 4 of 5 are cropped
    (1, 0)
    """
    if window.dilation == 1 and window.before < window.kernel and window.after < window.kernel:
        return 0, 0  # the first and the last position each have a tap inside
    total = pairs_inside(positions, size, window)
    if not total:
        return positions, 0
    begin = first_true(0, positions, lambda n: pairs_inside(n + 1, size, window) > 0)
    end = first_true(0, positions, lambda n: pairs_inside(n, size, window) == total)
    return begin, positions - end


def first_true(low: int, high: int, test: Callable[[int], bool]) -> int:
    """The first number of low..high for which the test holds, if it holds from there on; `high` if before it nowhere.

    >>> first_true(0, 100, lambda n: n * n >= 50)
    8
    """
    while low < high:
        middle = (low + high) // 2
        if test(middle):
            high = middle
        else:
            low = middle + 1
    return low
