"""The arithmetic of one axis, against windows slid and taps visited one by one."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from convcalc.axis.padding import cropped, padded
from convcalc.axis.window import (
    Window,
    ceiled_size,
    max_output_padding,
    output_size,
    outputs_reached,
    pairs_inside,
    smallest_input,
    transposed_size,
)
from convcalc.errors import ShapeError
from convcalc.notation import PADDING_WORDS, POOL_WORDS
from tests.reference import slid, spread


def random_window(random: Random, most: int = 7) -> Window:
    kernel, stride, dilation = random.randint(1, most), random.randint(1, most), random.randint(1, 4)
    return Window(kernel, stride, dilation, random.randint(0, 5), random.randint(0, 5))


def slid_by(size: int, window: Window) -> int:
    return slid(size, window.kernel, window.stride, window.dilation, window.before, window.after)


@pytest.mark.parametrize(
    ("size", "window", "expected"),
    [
        (5, Window(3), 3),  # Dumoulin & Visin 2016, relationship 1
        (5, Window(4, before=2, after=2), 6),  # relationship 2, figure 2.2
        (5, Window(3, before=1, after=1), 5),  # relationship 3, figure 2.3
        (5, Window(3, before=2, after=2), 7),  # relationship 4, figure 2.4
        (5, Window(3, stride=2), 2),  # relationship 5, figure 2.5
        (5, Window(3, stride=2, before=1, after=1), 3),  # relationship 6, figure 2.6
        (6, Window(3, stride=2, before=1, after=1), 3),  # relationship 6, figure 2.7: the floor
        (7, Window(3, dilation=2), 3),  # relationship 15, figure 5.1
        (224, Window(7, stride=2, before=3, after=3), 112),  # He et al. 2016, table 1, conv1
        (112, Window(3, stride=2, before=1, after=1), 56),  # He et al. 2016, table 1, the pool of conv2_x
        (227, Window(11, stride=4), 55),  # Krizhevsky et al. 2012, conv1 on the 227 pixels it needs
    ],
)
def test_output_sizes_of_the_literature(size: int, window: Window, expected: int) -> None:
    assert output_size(size, window) == expected


@pytest.mark.parametrize(
    ("size", "window", "output_padding", "expected"),
    [
        (2, Window(3), 0, 4),  # Dumoulin & Visin 2016, figure 4.1
        (6, Window(4, before=2, after=2), 0, 5),  # figure 4.2
        (5, Window(3, before=1, after=1), 0, 5),  # figure 4.3
        (7, Window(3, before=2, after=2), 0, 5),  # figure 4.4
        (2, Window(3, stride=2), 0, 5),  # figure 4.5
        (3, Window(3, stride=2, before=1, after=1), 0, 5),  # figure 4.6
        (3, Window(3, stride=2, before=1, after=1), 1, 6),  # figure 4.7
        (8, Window(4, stride=2, before=1, after=1), 0, 16),  # Radford et al. 2016, figure 1: every layer doubles
    ],
)
def test_transposed_sizes_of_the_literature(size: int, window: Window, output_padding: int, expected: int) -> None:
    assert transposed_size(size, window, output_padding) == expected


def test_output_size_is_that_of_a_sliding_window() -> None:
    random = Random(1)
    for _ in range(3000):
        window, size = random_window(random), random.randint(1, 23)
        expected = slid_by(size, window)
        if expected:
            assert output_size(size, window) == expected, (size, window)
        else:
            with pytest.raises(ShapeError, match=f"the smallest input that fits is {smallest_input(window)}$"):
                output_size(size, window)


def test_smallest_input_is_the_first_size_that_fits() -> None:
    random = Random(2)
    for _ in range(500):
        window = random_window(random)
        fits = next(size for size in range(1, 60) if slid_by(size, window))
        assert smallest_input(window) == fits, window


def test_transposed_size_is_that_of_the_taps_that_reach_furthest() -> None:
    random = Random(3)
    refused = 0
    for _ in range(3000):
        window, size, longer = random_window(random), random.randint(1, 11), random.randint(0, 3)
        expected = spread(size, window.kernel, window.stride, window.dilation, window.before, window.after, longer)
        if expected >= 1:
            assert transposed_size(size, window, longer) == expected, (size, window, longer)
        else:
            refused += 1
            most = expected + window.before + window.after - 1
            with pytest.raises(ShapeError, match=f"total padding of at most {most}$"):
                transposed_size(size, window, longer)
    assert refused


def test_a_transposed_convolution_undoes_the_size_of_a_convolution() -> None:
    """Dumoulin & Visin 2016, relationship 14: the sizes that the stride maps to one differ by the output padding."""
    random = Random(4)
    for _ in range(1000):
        window, size = random_window(random), random.randint(20, 40)
        steps = output_size(size, window)
        lost = (size + window.before + window.after - window.extent) % window.stride
        assert transposed_size(steps, window, lost) == size


def test_pairs_inside_are_those_visited_one_by_one() -> None:
    random = Random(5)
    for _ in range(3000):
        window, positions, size = random_window(random), random.randint(1, 13), random.randint(1, 13)
        expected = sum(
            0 <= position * window.stride + tap * window.dilation - window.before < size
            for position, tap in product(range(positions), range(window.kernel))
        )
        assert pairs_inside(positions, size, window) == expected, (positions, size, window)


def test_outputs_reached_are_those_visited_one_by_one() -> None:
    random = Random(6)
    gaps = 0
    for _ in range(3000):
        window, positions, size = random_window(random, 11), random.randint(1, 7), random.randint(1, 31)
        reached = {
            position * window.stride + tap * window.dilation - window.before
            for position, tap in product(range(positions), range(window.kernel))
        } & set(range(size))
        gaps += len(reached) < size
        assert outputs_reached(positions, size, window) == len(reached), (positions, size, window)
    assert gaps > 100


def test_pairs_inside_a_huge_axis() -> None:
    """Kernel k, stride 1, padding (k - 1)/2 on n pixels: n*k pairs less 1 + 2 + ... + (k - 1)/2 at both ends."""
    size, kernel = 10**40, 2 * 10**15 + 1
    half = kernel // 2
    window = Window(kernel, before=half, after=half)
    assert pairs_inside(size, size, window) == size * kernel - half * (half + 1)


def test_same_gives_ceil_of_input_over_stride() -> None:
    """TensorFlow, tf.nn.convolution: output ceil(input/stride), and of an odd total the larger half at the end."""
    random = Random(7)
    for _ in range(2000):
        bare, size = random_window(random), random.randint(1, 23)
        plain = Window(bare.kernel, bare.stride, bare.dilation)
        before, after = padded("same", size, plain)
        assert after - before in (0, 1)
        assert padded("same-lower", size, plain) == (after, before)
        window = Window(plain.kernel, plain.stride, plain.dilation, before, after)
        assert slid_by(size, window) == -(-size // plain.stride), (size, plain)
        if before + after:  # and no more padding than that needs
            less = Window(plain.kernel, plain.stride, plain.dilation, before, after - 1)
            assert slid_by(size, less) < -(-size // plain.stride), (size, plain)


@pytest.mark.parametrize(
    ("word", "size", "window", "expected"),
    [
        ("same", 7, Window(2), (0, 1)),  # TensorFlow: the odd pixel at the end
        ("same-lower", 7, Window(2), (1, 0)),  # ONNX SAME_LOWER: at the beginning
        ("same", 7, Window(2, stride=2), (0, 1)),  # 4 outputs read 8 pixels
        ("same", 7, Window(1, stride=5), (0, 0)),  # never negative
        ("full", 7, Window(3, dilation=4), (8, 8)),
        ("causal", 7, Window(3, dilation=4), (8, 0)),
        ("valid", 7, Window(3, dilation=4), (0, 0)),
        ("same", None, Window(5, dilation=3), (6, 6)),  # stride 1: no input needed
    ],
)
def test_padding_words(word: str, size: int | None, window: Window, expected: tuple[int, int]) -> None:
    assert padded(word, size, window) == expected


def test_same_with_a_stride_needs_the_input() -> None:
    with pytest.raises(ShapeError, match="padding 'same' with stride 2 depends on the input size; give --input"):
        padded("same", None, Window(3, stride=2))


def test_causal_outputs_read_no_later_input() -> None:
    for kernel, dilation in product(range(1, 6), range(1, 4)):
        before, after = padded("causal", 11, Window(kernel, dilation=dilation))
        assert after == 0
        for output in range(11):
            assert max(output + tap * dilation - before for tap in range(kernel)) == output


def test_full_has_every_position_that_touches_data() -> None:
    for kernel, dilation in product(range(1, 6), range(1, 4)):
        before, after = padded("full", 5, Window(kernel, dilation=dilation))
        touching = sum(start <= 4 and start + dilation * (kernel - 1) >= 0 for start in range(-100, 100))
        assert output_size(5, Window(kernel, dilation=dilation, before=before, after=after)) == touching


def test_transposed_same_gives_input_times_stride() -> None:
    for kernel, stride, dilation, size in product(range(1, 7), range(1, 6), range(1, 4), (1, 2, 7)):
        plain = Window(kernel, stride, dilation)
        before, after, longer = cropped("same", plain)
        assert after - before in (0, 1)
        assert cropped("same-lower", plain) == (after, before, longer)
        assert spread(size, kernel, stride, dilation, before, after, longer) == size * stride
        assert longer == 0 or before + after == 0
        assert cropped("valid", plain) == (0, 0, 0)


@pytest.mark.parametrize("word", sorted(set(PADDING_WORDS) - set(POOL_WORDS)))
def test_words_that_a_transposed_convolution_refuses(word: str) -> None:
    with pytest.raises(ShapeError, match=f"got '{word}'; use numbers or valid, same, same-lower"):
        cropped(word, Window(3))


@pytest.mark.parametrize(
    ("size", "window", "expected"),
    [
        (4, Window(2, stride=2, before=1), 3),  # at -1, 1 and 3, the last of which reads pixel 3 and one beyond
        (4, Window(3, stride=2, after=1), 2),  # at 0 and 2: 4 would be a place in the padding alone
        (5, Window(3, stride=2, after=1), 3),  # at 0, 2 and 4
        (3, Window(2, stride=4, before=1), 1),  # at -1; 3 is the first place after the input
        (3, Window(2, stride=4, before=2), 2),  # at -2 and 2
        (2, Window(3, stride=2), 1),  # a pixel is missing, less than a step
        (5, Window(2, stride=3, before=1, after=1), 2),  # at -1 and 2; 5 is beyond the input, though padded
    ],
)
def test_ceiled_sizes_by_hand(size: int, window: Window, expected: int) -> None:
    """Places from -before on, a stride apart, as long as something is left to read and the place is not beyond it."""
    assert ceiled_size(size, window) == expected


def test_a_ceiled_window_that_misses_a_whole_step_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"the window must fit the padded input, got extent 4 .* on 2 \+ 0 \+ 0"):
        ceiled_size(2, Window(4, stride=2))


def test_output_padding_is_shorter_than_a_stride_or_a_dilation() -> None:
    assert [max_output_padding(Window(4, *axis)) for axis in ((1, 1), (5, 3), (3, 5))] == [0, 4, 4]
