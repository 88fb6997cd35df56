"""What the axes of arrays mean: every form is brought to the full one and back."""

from __future__ import annotations

import numpy as np
import pytest

from convcalc.errors import DataError
from convcalc.proof.forms import Named, full_input, full_kernels, kernel_stages, restored, spatial_axes
from convcalc.recipes import RECIPES, recipe_named

FIRST, LAST = "channels-first", "channels-last"


def named(*shape: int) -> Named:
    """An array of distinct numbers."""
    return Named("a.npy", np.arange(int(np.prod(shape))).reshape(shape))


@pytest.mark.parametrize(("axes", "dims"), [(1, 1), (2, 2), (4, 2), (5, 3)])
def test_spatial_axes_by_the_kernel(axes: int, dims: int) -> None:
    def unasked(_: int) -> bool:
        pytest.fail("the number of axes decides")

    assert spatial_axes(named(9, 9), [named(*[1] * axes)], unasked) == dims


def test_spatial_axes_by_the_kernel_with_most() -> None:
    kernels = [named(3, 2, 2), named(4, 3, 1, 1), named(2, 2)]
    assert spatial_axes(named(3, 9, 9), kernels, lambda _: False) == 2


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_three_axes_by_the_one_reading_that_fits(dims: int) -> None:
    assert spatial_axes(named(3, 9, 9), [named(3, 2, 2)], lambda asked: asked == dims) == dims


@pytest.mark.parametrize(("fitting", "count"), [((1, 2), "2"), ((2, 3), "2"), ((1, 2, 3), "3"), ((), "none")])
def test_three_axes_lists_the_readings(fitting: tuple[int, ...], count: str) -> None:
    with pytest.raises(DataError, match=rf"a.npy: .*\(3, 2, 2\).*\(3, 9, 9\), which fits {count} of the") as refusal:
        spatial_axes(named(3, 9, 9), [named(3, 2, 2)], lambda dims: dims in fitting)
    listed = {dims for dims in (1, 2, 3) if f"--dims {dims} for " in str(refusal.value)}
    assert listed == set(fitting or (1, 2, 3))


@pytest.mark.parametrize("shape", [(), (1,) * 6])
def test_kernels_with_too_few_or_too_many_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="a kernel has 1 to 5 axes, got shape"):
        spatial_axes(named(9), [Named("k.npy", np.ones(shape))], lambda _: True)


@pytest.mark.parametrize("layout", [FIRST, LAST])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("form", [0, 1, 2])
def test_input_and_back(form: int, dims: int, layout: str) -> None:
    """(batch, channels, *spatial) whatever was given, and a result of as many channels in the form of the input."""
    spatial, channels, batch = (5, 7, 6)[:dims], 3, 2
    first = ((), (channels,), (batch, channels))[form] + spatial
    full = named(*first).array
    given = full if layout == FIRST or form == 0 else np.moveaxis(full, form - 1, -1)
    x = full_input(Named("a.npy", given), dims, layout)
    np.testing.assert_array_equal(x, full.reshape((1,) * (2 - form) + full.shape))
    np.testing.assert_array_equal(restored(np.ascontiguousarray(x), Named("a.npy", given), dims, layout), given)


@pytest.mark.parametrize(("layout", "shape"), [(FIRST, (4, 5, 6)), (LAST, (5, 6, 4))])
def test_several_filters_need_a_channel_axis(layout: str, shape: tuple[int, ...]) -> None:
    out = named(1, 4, 5, 6).array
    result = restored(out, named(9, 9), 2, layout)
    assert result.shape == shape
    np.testing.assert_array_equal(result, out[0] if layout == FIRST else np.moveaxis(out[0], 0, -1))


@pytest.mark.parametrize(("shape", "dims"), [((9,), 2), ((1,) * 5, 2), ((), 1), ((9, 9), 3)])
def test_input_with_another_number_of_axes(shape: tuple[int, ...], dims: int) -> None:
    with pytest.raises(DataError, match=rf"x.npy: {dims}-D data has {dims} axes, .*--dims"):
        full_input(Named("x.npy", np.ones(shape)), dims, FIRST)


def kernels(type: str, channels: int, dims: int, *given: np.ndarray, layout: str = FIRST) -> list[np.ndarray]:
    found = full_kernels(recipe_named(type), [Named("k.npy", array) for array in given], channels, dims, layout)
    return [kernel.array for kernel in found]


def test_full_kernels_are_taken_as_they_are() -> None:
    weight = named(6, 3, 2, 5).array
    for type in ("standard", "transposed", "depthwise", "grouped"):
        [full] = kernels(type, 3, 2, weight)
        np.testing.assert_array_equal(full, weight)


def test_channels_last_kernels() -> None:
    weight = named(2, 5, 3, 4).array  # (*k, C/groups, N)
    [full] = kernels("standard", 3, 2, weight, layout=LAST)
    assert full.shape == (4, 3, 2, 5)
    assert full[1, 2, 0, 4] == weight[0, 4, 2, 1]
    [one] = kernels("standard", 3, 2, weight[..., 0], layout=LAST)
    assert one.shape == (1, 3, 2, 5)
    assert one[0, 2, 0, 4] == weight[0, 4, 2, 0]


def test_one_filter() -> None:
    one = named(3, 2, 5).array
    np.testing.assert_array_equal(kernels("standard", 3, 2, one)[0], one[np.newaxis])
    np.testing.assert_array_equal(kernels("transposed", 3, 2, one)[0], one[:, np.newaxis])
    np.testing.assert_array_equal(kernels("standard", 1, 2, one[0])[0], one[:1][np.newaxis])
    np.testing.assert_array_equal(kernels("transposed", 1, 2, one[0])[0], one[:1][np.newaxis])


def test_depthwise_filters() -> None:
    each = named(3, 2, 5).array
    np.testing.assert_array_equal(kernels("depthwise", 3, 2, each)[0], each[:, np.newaxis])
    [same] = kernels("depthwise", 3, 2, each[0])
    assert same.shape == (3, 1, 2, 5)
    assert (same == each[0]).all()
    depthwise, pointwise = kernels("depthwise-separable", 3, 2, each[0], np.ones((4, 3, 1, 1)))
    assert depthwise.shape == (3, 1, 2, 5)
    assert pointwise.shape == (4, 3, 1, 1)


def test_channels_go_from_stage_to_stage() -> None:
    """After the lateral stage of a flattened convolution there are as many channels as it has filters."""
    lateral, vertical, horizontal = kernels("flattened", 3, 2, np.ones((5, 3, 1, 1)), np.ones((4, 1)), np.ones((1, 2)))
    assert lateral.shape == (5, 3, 1, 1)
    assert vertical.shape == (5, 1, 4, 1)
    assert horizontal.shape == (5, 1, 1, 2)


@pytest.mark.parametrize("type", [recipe.name for recipe in RECIPES])
def test_number_of_kernels(type: str) -> None:
    names, stages = kernel_stages(recipe_named(type), 2)
    assert len(names) == len(stages)
    with pytest.raises(DataError, match=rf"k.npy: {type} takes {len(stages)} kernels? \({', '.join(names)}\), got 4"):
        kernels(type, 4, 2, *[np.ones((4, 4, 1, 1))] * 4)


@pytest.mark.parametrize(("shape", "dims"), [((3,), 2), ((1,) * 5, 2), ((2, 2), 3), ((1,) * 4, 1)])
def test_kernel_with_another_number_of_axes(shape: tuple[int, ...], dims: int) -> None:
    with pytest.raises(DataError, match=rf"k.npy: a {dims}-D kernel has {dims} to {dims + 2} axes, .*--dims"):
        kernels("standard", 1, dims, np.ones(shape))
