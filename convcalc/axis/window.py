"""All arithmetic along one axis; N-d layers map it over their axes.

A window is a kernel that steps along an axis. A convolution reads input position
`p*stride + t*dilation - before` with tap t of window position p; a transposed convolution writes
output position `p*stride + t*dilation - before` with tap t of input position p. The same relation
serves both, with input and output exchanged, so both are counted by the same functions.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

from convcalc.errors import ShapeError


class Window(NamedTuple):
    """One axis of a layer; before and after are its padding in pixels (transposed: the crop)."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def extent(self) -> int:
        """Pixels from the first tap to the last: dilation*(kernel - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1


def output_size(size: int, window: Window) -> int:
    """Number of window positions along one axis, in output pixels.

    Counts the starts 0, stride, 2*stride, ... whose last tap is still inside the padded input.

    Raises ShapeError if not even one position fits.
    Source: Dumoulin & Visin 2016, relationships 6 (stride, padding) and 15 (dilation).

    >>> output_size(7, Window(kernel=3, stride=2, before=1, after=1))
    4
    """
    room = size + window.before + window.after - window.extent
    if room < 0:
        raise ShapeError(
            f"the window must fit the padded input, got extent {window.extent} "
            f"({window.dilation}*({window.kernel} - 1) + 1) on {size} + {window.before} + {window.after}; "
            f"the smallest input that fits is {smallest_input(window)}"
        )
    return room // window.stride + 1


def ceiled_size(size: int, window: Window) -> int:
    """Window positions if a last one may run past the padded end, as in pools with ceil_mode.

    A window that would begin in the padding after the input, or beyond it, is left out.
    Raises ShapeError if not even one position fits.
    Source: PyTorch, torch.nn.MaxPool2d, note on ceil_mode.

    >>> ceiled_size(6, Window(kernel=3, stride=2)), ceiled_size(3, Window(kernel=1, stride=3, after=1))
    (3, 1)
    """
    room = size + window.before + window.after - window.extent
    if room <= -window.stride:
        return output_size(size, window)  # raises the error
    positions = -(-room // window.stride) + 1
    return positions - ((positions - 1) * window.stride >= size + window.before)


def smallest_input(window: Window) -> int:
    """The fewest input pixels on which the window has one position.

    >>> smallest_input(Window(kernel=3, dilation=4, before=1))
    8
    """
    return max(1, window.extent - window.before - window.after)


def transposed_size(size: int, window: Window, output_padding: int = 0) -> int:
    """Output pixels of a transposed convolution along one axis.

    The first input pixel reaches `extent` outputs, every further one `stride` more; the padding crops
    the result and output_padding lengthens it at the end.

    Raises ShapeError if the crop leaves nothing.
    Source: Dumoulin & Visin 2016, relationship 14, with the dilated extent in place of k.

    >>> transposed_size(2, Window(kernel=3, stride=2))
    5
    """
    full = (size - 1) * window.stride + window.extent
    result = full + output_padding - window.before - window.after
    if result < 1:
        raise ShapeError(
            f"the crop must leave at least one output, got padding {window.before} + {window.after} "
            f"of {full + output_padding}; use a total padding of at most {full + output_padding - 1}"
        )
    return result


def max_output_padding(window: Window) -> int:
    """The longest output padding: with more, there would be outputs that no input size can explain.

    Source: PyTorch, torch.nn.ConvTranspose2d: output_padding must be smaller than either stride or dilation.
    """
    return max(window.stride, window.dilation) - 1


def pairs_inside(positions: int, size: int, window: Window) -> int:
    """How many (position, tap) pairs meet a real pixel: 0 <= p*stride + t*dilation - before < size.

    For a convolution, the taps that touch data rather than padding (positions = outputs, size = input);
    for a transposed one, the taps that land inside the output (positions = inputs, size = output).
    Closed form: the pairs below the end less the pairs below the beginning.

    >>> pairs_inside(5, 5, Window(kernel=3, before=1, after=1))  # 15 taps, one outside at each end
    13
    """
    return _pairs_below(size + window.before, positions, window) - _pairs_below(window.before, positions, window)


def outputs_reached(positions: int, size: int, window: Window) -> int:
    """How many of `size` outputs of a transposed convolution receive at least one product.

    An output receives none if the stride exceeds the kernel's extent, or in output padding. Two pairs of
    (position, tap) meet in one output only if their taps are a multiple of `period` apart, and each such family of
    taps covers an unbroken run of outputs, stride apart, or its taps never meet.

    >>> outputs_reached(3, 7, Window(kernel=1, stride=3))  # outputs 0, 3 and 6
    3
    """
    period = window.stride // gcd(window.stride, window.dilation)
    hop = window.dilation * period // window.stride  # positions that one period of taps is worth
    if window.kernel <= period or hop > positions:  # no two pairs meet
        return pairs_inside(positions, size, window)
    rounds, longer = divmod(window.kernel, period)  # the first `longer` families have one tap more
    reached = 0
    for first, families, taps in ((0, longer, rounds + 1), (longer, period - longer, rounds)):
        family = window._replace(kernel=families, before=window.before - first * window.dilation)
        reached += pairs_inside((taps - 1) * hop + positions, size, family) if families else 0
    return reached


def _pairs_below(limit: int, positions: int, window: Window) -> int:
    """Pairs with p*stride + t*dilation < limit, for 0 <= p < positions and 0 <= t < kernel.

    Tap t has ceil((limit - t*dilation) / stride) positions below the limit, held between 0 and `positions`:
    the first taps have all of them, the last none, and those between are a sum of floors.
    """
    stride, dilation = window.stride, window.dilation
    full = _clamp(-((stride * (positions - 1) - limit) // dilation), window.kernel)
    some = _clamp(-(-limit // dilation), window.kernel)
    first = limit + stride - 1 - dilation * (some - 1)  # ceil(a/s) = floor((a + s - 1)/s), smallest term first
    between = _floor_sum(some - full, stride, dilation, first) if some > full else 0
    return full * positions + between


def _clamp(value: int, limit: int) -> int:
    return max(0, min(value, limit))


def _floor_sum(count: int, modulus: int, step: int, start: int) -> int:
    """Sum of floor((start + step*i) / modulus) for i in range(count), all arguments >= 0.

    Exchanges the roles of step and modulus as Euclid's algorithm does, so it takes logarithmic time.
    Source: Graham, Knuth & Patashnik, Concrete Mathematics, section 3.5.
    """
    total = 0
    while True:
        total += count * (count - 1) // 2 * (step // modulus) + count * (start // modulus)
        step, start = step % modulus, start % modulus
        last = step * count + start
        if last < modulus:
            return total
        count, start = last // modulus, last % modulus
        modulus, step = step, modulus
