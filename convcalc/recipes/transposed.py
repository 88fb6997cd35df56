"""The transposed convolution, which maps an output size back to the input size."""

from collections.abc import Sequence

from convcalc.axis.window import transposed_size
from convcalc.errors import ShapeError
from convcalc.graph.primitives import Stages, TransposedCorrelate, windows
from convcalc.graph.request import Request
from convcalc.graph.shapes import AXIS_NAMES, resolved
from convcalc.notation import Axes, show_axes, show_padding
from convcalc.recipes.recipe import ImpliedOptions, Recipe


def lower(request: Request) -> Stages:
    if request.padding in ("same", "same-lower") and any(request.output_padding):
        raise ShapeError(
            f"output-padding: padding '{request.padding}' fixes the output to input*stride, "
            f"got output padding {show_axes(request.output_padding)}; leave --output-padding out"
        )
    stage = _stage(request, request.output_padding)
    if request.output_size is not None:
        stage = _stage(request, _output_padding(request, stage))
    return (("transposed", stage),)


def _stage(request: Request, output_padding: Axes) -> TransposedCorrelate:
    return TransposedCorrelate(
        request.channels,
        request.filters,
        request.kernel,
        request.stride,
        request.padding,
        request.dilation,
        request.groups,
        output_padding,
        request.bias,
    )


def _output_padding(request: Request, stage: TransposedCorrelate) -> Axes:
    """The output padding that gives the requested output size.

    Raises ShapeError with the possible sizes: a convolution with this stride maps each of them to the same size.
    """
    assert request.output_size is not None
    if request.spatial is None:
        raise ShapeError("output-size: needs the input size; give --input")
    if any(request.output_padding):
        raise ShapeError("output-size: it decides the output padding; leave --output-padding out")
    fixed = resolved(stage, request.spatial)
    names = AXIS_NAMES[request.dims]
    result = []
    for axis, (size, wanted, window) in enumerate(
        zip(request.spatial, request.output_size, windows(fixed), strict=True)
    ):
        least = transposed_size(size, window, fixed.output_padding[axis])
        most = least + max(window.stride, window.dilation) - 1 - fixed.output_padding[axis]
        if not least <= wanted <= most:
            raise ShapeError(
                f"output-size: {names[axis]} must be from {least} to {most}, got {wanted}; {_what_fits(request, fixed)}"
            )
        result.append(wanted - least)
    return tuple(result)


def _what_fits(request: Request, fixed: TransposedCorrelate) -> str:
    """The padding with which the output has the requested size, and a larger kernel where no padding does."""
    assert request.spatial is not None
    assert request.output_size is not None
    paddings, kernel = [], []
    for size, wanted, window in zip(request.spatial, request.output_size, windows(fixed), strict=True):
        steps = max(window.stride, window.dilation)
        excess = wanted - (size - 1) * window.stride - window.extent
        larger = -(-max(0, excess - steps + 1) // window.dilation)
        kernel.append(window.kernel + larger)
        paddings.append(_padding(max(0, larger * window.dilation - excess), even=steps > 1 < wanted))
    grown = f" --kernel {show_axes(kernel)}" if tuple(kernel) != request.kernel else ""
    return f"use --padding {show_padding(paddings)}{grown}"


def _padding(crop: int, even: bool) -> tuple[int, int]:
    """The padding that crops so many outputs; one more if it must be even, which output padding gives back."""
    crop += crop % 2 if even else 0
    return crop // 2, crop - crop // 2


def options_from_kernels(shapes: Sequence[Axes], channels: int, groups: int | None) -> ImpliedOptions:
    """Options implied by one kernel (channels, filters/groups, *kernel)."""
    del channels
    [shape] = shapes
    return {"filters": shape[1] * (groups or 1), "kernel": shape[2:]}


TRANSPOSED = Recipe(
    name="transposed",
    aliases=("deconv", "t"),
    summary="spreads every input value over its window; padding crops the result",
    multiplications="I*channels*filters*K, I input positions",
    source="Dumoulin & Visin 2016, chapter 4, relationship 14",
    lower=lower,
    options_from_kernels=options_from_kernels,
    options=frozenset({"groups", "output_padding", "output_size"}),
)
