"""conv and conv_transpose: against PyTorch, by relations that hold between results, by hand, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError, conv, conv_transpose

MOST = {1: 17, 2: 8, 3: 5}
NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Unhashable:
    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Drawn:
    """A random layer with integer arrays, unequal on every axis."""

    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    output_padding: tuple[int, ...]

    @property
    def dims(self) -> int:
        return len(self.stride)

    @property
    def extents(self) -> tuple[int, ...]:
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.w.shape[2:], strict=True))

    def options(self, **changed: Any) -> dict[str, Any]:
        own = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}
        return {**own, **changed}


def drawn(seed: int, *, transposed: bool = False, dims: int | None = None) -> Drawn:
    """A layer whose window fits, or whose crop leaves an output."""
    rng = np.random.default_rng(seed)
    dims = dims or int(rng.integers(1, 4))

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high + 1, dims))

    groups, each_in, each_out, batch = (int(n) for n in rng.integers(1, 4, 4))
    sizes, kernel, stride, dilation = axes(1, MOST[dims]), axes(1, 4), axes(1, 3), axes(1, 3)
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    longer = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True))
    if transposed:
        full = [(n - 1) * s + e + o for n, s, e, o in zip(sizes, stride, extents, longer, strict=True)]
        before = [int(rng.integers(0, min(4, size))) for size in full]
        after = [int(rng.integers(0, min(4, size - crop))) for size, crop in zip(full, before, strict=True)]
    else:
        before, after = list(axes(0, 3)), list(axes(0, 3))
        sizes = tuple(max(n, e - b - a) for n, e, b, a in zip(sizes, extents, before, after, strict=True))
    shape = (groups * each_in, each_out, *kernel) if transposed else (groups * each_out, each_in, *kernel)
    return Drawn(
        rng.integers(-9, 10, (batch, groups * each_in, *sizes)),
        rng.integers(-9, 10, shape),
        rng.integers(-99, 100, groups * each_out),
        stride,
        tuple(zip(before, after, strict=True)),
        dilation,
        groups,
        longer,
    )


def padded(x: np.ndarray, padding: tuple[tuple[int, int], ...], mode: str = "zeros") -> np.ndarray:
    """The input with its spatial axes padded by NumPy."""
    return np.pad(x, ((0, 0),) * (x.ndim - len(padding)) + padding, NUMPY_MODES[mode])


def cropped(full: np.ndarray, padding: tuple[tuple[int, int], ...]) -> np.ndarray:
    """A full transposed result without `padding`."""
    sizes = full.shape[-len(padding) :]
    return full[(..., *(slice(b, n - a) for n, (b, a) in zip(sizes, padding, strict=True)))]


# PyTorch


@cache
def oracle() -> Any:
    """PyTorch on one thread: several would wait for each other over such small layers."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def torch_conv(layer: Drawn, x: Any, w: Any, bias: Any, mode: str) -> np.ndarray:
    torch = oracle()
    functional = torch.nn.functional
    function = getattr(functional, f"conv{layer.dims}d")
    flat = [n for pair in reversed(layer.padding) for n in pair]
    x = torch.as_tensor(x)
    x = functional.pad(x, flat) if mode == "zeros" else functional.pad(x, flat, mode)
    bias = None if bias is None else torch.as_tensor(bias)
    result = function(x, torch.as_tensor(w), bias, layer.stride, 0, layer.dilation, layer.groups)
    return np.asarray(result.numpy())


def torch_transpose(layer: Drawn, x: Any, w: Any, bias: Any) -> np.ndarray:
    torch = oracle()
    function = getattr(torch.nn.functional, f"conv_transpose{layer.dims}d")
    bias = None if bias is None else torch.as_tensor(bias)
    x, w = torch.as_tensor(x), torch.as_tensor(w)
    full = function(x, w, bias, layer.stride, 0, layer.output_padding, layer.groups, layer.dilation)
    return cropped(full.numpy(), layer.padding)


def of_dtype(layer: Drawn, dtype: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The layer's arrays filled with normally distributed numbers."""
    rng = np.random.default_rng(seed)

    def filled(shape: tuple[int, ...]) -> np.ndarray:
        values = rng.standard_normal(shape)
        return (values + 1j * rng.standard_normal(shape) if dtype.startswith("c") else values).astype(dtype)

    return filled(layer.x.shape), filled(layer.w.shape), filled(layer.bias.shape)


def assert_rounding_only(ours: np.ndarray, theirs: np.ndarray, magnitudes: np.ndarray, terms: int) -> None:
    """Both within terms * eps * sum|products| of the exact result (Higham 2002, section 3.1)."""
    complexity = 4 if ours.dtype.kind == "c" else 1
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    bound = 2 * complexity * (terms + 2) * float(np.finfo(ours.dtype).eps) * magnitudes
    np.testing.assert_array_less(np.abs(ours - theirs), bound + 1e-30)


@pytest.mark.parametrize("chunk", range(8))
def test_integers_equal_torch_exactly(chunk: int) -> None:
    for seed in range(chunk * 150, chunk * 150 + 150):
        layer = drawn(seed)
        bias = layer.bias if seed % 2 else None
        ours = conv(layer.x, layer.w, bias, **layer.options())
        theirs = torch_conv(
            layer, layer.x.astype(float), layer.w.astype(float), None if bias is None else bias.astype(float), "zeros"
        )
        assert ours.dtype == np.int64
        np.testing.assert_array_equal(ours, theirs, err_msg=f"seed {seed}")


@pytest.mark.parametrize("chunk", range(8))
def test_transposed_integers_equal_torch_exactly(chunk: int) -> None:
    for seed in range(chunk * 150, chunk * 150 + 150):
        layer = drawn(seed, transposed=True)
        bias = layer.bias if seed % 2 else None
        ours = conv_transpose(layer.x, layer.w, bias, output_padding=layer.output_padding, **layer.options())
        theirs = torch_transpose(
            layer, layer.x.astype(float), layer.w.astype(float), None if bias is None else bias.astype(float)
        )
        assert ours.dtype == np.int64
        np.testing.assert_array_equal(ours, theirs, err_msg=f"seed {seed}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_floats_equal_torch(dtype: str, mode: str) -> None:
    for seed in range(60):
        layer = drawn(1000 + seed)
        sizes = layer.x.shape[2:]
        if mode in ("reflect", "circular") and any(max(p) >= n for p, n in zip(layer.padding, sizes, strict=True)):
            continue  # circular padding as large as the input is tested against NumPy below
        x, w, bias = of_dtype(layer, dtype, seed)
        ours = conv(x, w, bias, padding_mode=mode, **layer.options())
        if dtype.startswith("c"):  # PyTorch pads no complex numbers by mode
            alike = Drawn(layer.x, w, bias, layer.stride, ((0, 0),) * layer.dims, layer.dilation, layer.groups, ())
            theirs = torch_conv(alike, padded(x, layer.padding, mode), w, bias, "zeros")
        else:
            theirs = torch_conv(layer, x, w, bias, mode)
        magnitudes = torch_conv(layer, *(np.abs(a).astype(float) for a in (x, w, bias)), mode)
        assert_rounding_only(ours, theirs, magnitudes, w[0].size + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_transposed_floats_equal_torch(dtype: str) -> None:
    for seed in range(150):
        layer = drawn(2000 + seed, transposed=True)
        x, w, bias = of_dtype(layer, dtype, seed)
        ours = conv_transpose(x, w, bias, output_padding=layer.output_padding, **layer.options())
        theirs = torch_transpose(layer, x, w, bias)
        magnitudes = torch_transpose(layer, *(np.abs(a).astype(float) for a in (x, w, bias)))
        assert_rounding_only(ours, theirs, magnitudes, w.size)


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_padding_modes_are_those_of_torch_layers(dims: int, mode: str) -> None:
    torch = oracle()
    padding = (2, 1, 3)[:dims]
    layer = getattr(torch.nn, f"Conv{dims}d")(
        4, 6, (3, 2, 4)[:dims], (1, 2, 1)[:dims], padding, (1, 1, 2)[:dims], 2, padding_mode=mode, dtype=torch.float64
    )
    x = np.random.default_rng(dims).standard_normal((2, 4, *(7, 5, 9)[:dims]))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    ours = conv(
        x, weight, bias, stride=(1, 2, 1)[:dims], padding=padding, dilation=(1, 1, 2)[:dims], groups=2,
        padding_mode=mode,
    )  # fmt: skip
    np.testing.assert_allclose(ours, layer(torch.as_tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-12)


# Relations between results: exact, because the numbers are integers


@pytest.fixture(params=range(60))
def layer(request: pytest.FixtureRequest) -> Drawn:
    return drawn(5000 + request.param)


@pytest.fixture(params=range(60))
def transposed(request: pytest.FixtureRequest) -> Drawn:
    return drawn(7000 + request.param, transposed=True)


def test_linear_in_the_input_and_in_the_kernel(layer: Drawn) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, layer.x.shape), rng.integers(-9, 10, layer.w.shape)
    options = layer.options()
    np.testing.assert_array_equal(
        conv(3 * layer.x - 5 * x, layer.w, **options),
        3 * conv(layer.x, layer.w, **options) - 5 * conv(x, layer.w, **options),
    )
    np.testing.assert_array_equal(
        conv(layer.x, 2 * layer.w + 7 * w, **options),
        2 * conv(layer.x, layer.w, **options) + 7 * conv(layer.x, w, **options),
    )


def test_bias_is_added_to_its_filter(layer: Drawn) -> None:
    shift = layer.bias.reshape(-1, *(1,) * layer.dims)
    np.testing.assert_array_equal(
        conv(layer.x, layer.w, layer.bias, **layer.options()), conv(layer.x, layer.w, **layer.options()) + shift
    )


def test_shift_by_a_stride_moves_one_position(layer: Drawn) -> None:
    options = layer.options(padding=0)
    x = padded(layer.x, tuple((0, e + s) for e, s in zip(layer.extents, layer.stride, strict=True)))
    for axis, stride in enumerate(layer.stride):
        moved = np.moveaxis(x, 2 + axis, 0)[stride:]
        whole = np.moveaxis(conv(x, layer.w, **options), 2 + axis, 0)
        np.testing.assert_array_equal(
            np.moveaxis(conv(np.moveaxis(moved, 0, 2 + axis), layer.w, **options), 2 + axis, 0), whole[1:]
        )


def test_dilation_is_a_kernel_with_holes(layer: Drawn) -> None:
    holes = np.zeros((*layer.w.shape[:2], *layer.extents), int)
    holes[(..., *(slice(None, None, d) for d in layer.dilation))] = layer.w
    np.testing.assert_array_equal(
        conv(layer.x, layer.w, **layer.options()), conv(layer.x, holes, **layer.options(dilation=1))
    )


def test_stride_is_every_so_manieth_position(layer: Drawn) -> None:
    every = conv(layer.x, layer.w, **layer.options(stride=1))
    np.testing.assert_array_equal(
        conv(layer.x, layer.w, **layer.options()), every[(..., *(slice(None, None, s) for s in layer.stride))]
    )


def block_diagonal(w: np.ndarray, groups: int) -> np.ndarray:
    """The kernel of one group that sees every channel, with zeros between the groups; either layout."""
    rows, columns = w.shape[0] // groups, w.shape[1]
    full = np.zeros((w.shape[0], columns * groups, *w.shape[2:]), w.dtype)
    for g in range(groups):
        full[g * rows : (g + 1) * rows, g * columns : (g + 1) * columns] = w[g * rows : (g + 1) * rows]
    return full


def test_groups_are_a_block_diagonal_kernel(layer: Drawn) -> None:
    np.testing.assert_array_equal(
        conv(layer.x, layer.w, **layer.options()),
        conv(layer.x, block_diagonal(layer.w, layer.groups), **layer.options(groups=1)),
    )


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_padding_is_a_padded_input(layer: Drawn, mode: str) -> None:
    x = padded(layer.x, tuple((0, extent) for extent in layer.extents), "replicate")  # so that the window fits alone
    most = {"reflect": -1, "circular": 0}.get(mode, 99)
    padding = tuple((min(b, n + most), min(a, n + most)) for (b, a), n in zip(layer.padding, x.shape[2:], strict=True))
    np.testing.assert_array_equal(
        conv(x, layer.w, padding_mode=mode, **layer.options(padding=padding)),
        conv(padded(x, padding, mode), layer.w, **layer.options(padding=0)),
    )


def test_no_batch_and_batches_one_by_one(layer: Drawn) -> None:
    one_by_one = [conv(x, layer.w, layer.bias, **layer.options()) for x in layer.x]
    np.testing.assert_array_equal(conv(layer.x, layer.w, layer.bias, **layer.options()), np.stack(one_by_one))


def test_exchanged_axes_exchange_the_result(layer: Drawn) -> None:
    backwards = (0, 1, *range(layer.dims + 1, 1, -1))
    turned = layer.options(stride=layer.stride[::-1], padding=layer.padding[::-1], dilation=layer.dilation[::-1])
    np.testing.assert_array_equal(
        conv(layer.x.transpose(backwards), layer.w.transpose(backwards), **turned),
        conv(layer.x, layer.w, **layer.options()).transpose(backwards),
    )


def test_adjoint_identity(layer: Drawn) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, the definition of the transpose; output padding gives x's size back."""
    outputs = conv(layer.x, layer.w, **layer.options())
    y = np.random.default_rng(0).integers(-9, 10, outputs.shape)
    longer = tuple(
        (n + sum(p) - e) % s
        for n, p, e, s in zip(layer.x.shape[2:], layer.padding, layer.extents, layer.stride, strict=True)
    )
    back = conv_transpose(y, layer.w, output_padding=longer, **layer.options())
    assert back.shape == layer.x.shape
    assert (outputs * y).sum() == (layer.x * back).sum()


def test_transposed_is_a_convolution_of_the_input_with_zeros_inserted(transposed: Drawn) -> None:
    """Dumoulin & Visin 2016, section 4.5: stride - 1 zeros between inputs, extent - 1 around them, kernel flipped."""
    layer, axes = transposed, range(transposed.dims)
    batch, channels, *sizes = layer.x.shape
    inserted = np.zeros((batch, channels, *((n - 1) * s + 1 for n, s in zip(sizes, layer.stride, strict=True))), int)
    inserted[(..., *(slice(None, None, s) for s in layer.stride))] = layer.x
    around = tuple((layer.extents[i] - 1, layer.extents[i] - 1 + layer.output_padding[i]) for i in axes)
    grouped = layer.w.reshape(layer.groups, -1, *layer.w.shape[1:]).swapaxes(1, 2)
    flipped = np.flip(grouped, tuple(range(3, 3 + layer.dims))).reshape(-1, *grouped.shape[2:])
    full = conv(padded(inserted, around), flipped, dilation=layer.dilation, groups=layer.groups)
    np.testing.assert_array_equal(
        conv_transpose(layer.x, layer.w, output_padding=layer.output_padding, **layer.options()),
        cropped(full, layer.padding),
    )


def test_transposed_groups_are_a_block_diagonal_kernel(transposed: Drawn) -> None:
    layer, longer = transposed, transposed.output_padding
    np.testing.assert_array_equal(
        conv_transpose(layer.x, layer.w, output_padding=longer, **layer.options()),
        conv_transpose(
            layer.x, block_diagonal(layer.w, layer.groups), output_padding=longer, **layer.options(groups=1)
        ),
    )


def test_transposed_padding_crops(transposed: Drawn) -> None:
    layer, longer = transposed, transposed.output_padding
    full = conv_transpose(layer.x, layer.w, layer.bias, output_padding=longer, **layer.options(padding=0))
    np.testing.assert_array_equal(
        conv_transpose(layer.x, layer.w, layer.bias, output_padding=longer, **layer.options()),
        cropped(full, layer.padding),
    )


def test_transposed_shift_moves_a_stride(transposed: Drawn) -> None:
    layer = transposed
    whole = conv_transpose(layer.x, layer.w, **layer.options(padding=0))
    for axis, stride in enumerate(layer.stride):
        later = padded(layer.x, tuple((int(a == axis), 0) for a in range(layer.dims)))
        moved = np.moveaxis(conv_transpose(later, layer.w, **layer.options(padding=0)), 2 + axis, 0)
        np.testing.assert_array_equal(moved[stride:], np.moveaxis(whole, 2 + axis, 0))
        assert not moved[:stride].any()


def test_transposed_linear_and_one_by_one(transposed: Drawn) -> None:
    layer, longer = transposed, transposed.output_padding
    x = np.random.default_rng(0).integers(-9, 10, layer.x.shape)

    def of(values: np.ndarray) -> np.ndarray:
        return conv_transpose(values, layer.w, output_padding=longer, **layer.options())

    np.testing.assert_array_equal(of(3 * layer.x - 5 * x), 3 * of(layer.x) - 5 * of(x))
    np.testing.assert_array_equal(of(layer.x), np.stack([of(one) for one in layer.x]))


def test_flipped_kernel_is_numpys_convolution() -> None:
    rng = np.random.default_rng(0)
    for size, kernel in ((11, 3), (8, 4), (5, 5), (7, 1)):
        x, w = rng.integers(-9, 10, size), rng.integers(-9, 10, kernel)
        for padding, mode in (("valid", "valid"), ("full", "full")):
            np.testing.assert_array_equal(
                conv(x[np.newaxis], w[np.newaxis, np.newaxis, ::-1], padding=padding)[0], np.convolve(x, w, mode)
            )
            np.testing.assert_array_equal(
                conv(x[np.newaxis], w[np.newaxis, np.newaxis], padding=padding)[0], np.correlate(x, w, mode)
            )


def test_as_a_matrix() -> None:
    """Dumoulin & Visin 2016, section 4.1: for a 4x4 input and a 3x3 kernel C is 4x16, and the transpose is C^T."""
    rng = np.random.default_rng(0)
    w, x, y = rng.integers(-9, 10, (3, 3)), rng.integers(-9, 10, (4, 4)), rng.integers(-9, 10, (2, 2))
    matrix = np.zeros((4, 16), int)
    for (row, column), (down, right) in product(np.ndindex(2, 2), np.ndindex(3, 3)):
        matrix[2 * row + column, 4 * (row + down) + column + right] = w[down, right]
    np.testing.assert_array_equal(conv(x[np.newaxis], w[np.newaxis, np.newaxis]).ravel(), matrix @ x.ravel())
    np.testing.assert_array_equal(
        conv_transpose(y[np.newaxis], w[np.newaxis, np.newaxis]).ravel(), matrix.T @ y.ravel()
    )
    columns = [conv(unit.reshape(1, 4, 4), w[np.newaxis, np.newaxis]).ravel() for unit in np.eye(16, dtype=int)]
    np.testing.assert_array_equal(np.stack(columns, axis=1), matrix)


# Numbers by hand


def test_transposed_3x3_on_2x2() -> None:
    """Dumoulin & Visin 2016, figures 4.1 and 4.5: 4x4 with stride 1, 5x5 with stride 2."""
    ones, kernel = np.ones((1, 2, 2), int), np.ones((1, 1, 3, 3), int)
    np.testing.assert_array_equal(conv_transpose(ones, kernel)[0], np.outer([1, 2, 2, 1], [1, 2, 2, 1]))
    np.testing.assert_array_equal(conv_transpose(ones, kernel, stride=2)[0], np.outer([1, 1, 2, 1, 1], [1, 1, 2, 1, 1]))


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("same", [21, 32, 3]),  # 0 before and 1 after, as PyTorch and TensorFlow pad
        ("same-lower", [10, 21, 32]),  # 1 before and 0 after, ONNX SAME_LOWER
        ("valid", [21, 32]),
        ("full", [10, 21, 32, 3]),
        ("causal", [10, 21, 32]),
        ((0, 1), None),
        (((0, 1),), [21, 32, 3]),
        ("0:1", [21, 32, 3]),
        (1, [10, 21, 32, 3]),
        ("1", [10, 21, 32, 3]),
    ],
)
def test_padding_by_hand(padding: Any, expected: list[int] | None) -> None:
    x, w = np.array([[1, 2, 3]]), np.array([[[1, 10]]])
    if expected is None:  # two numbers are two axes, not two sides
        with pytest.raises(ConvcalcError, match="padding: takes one value for all axes or 1"):
            conv(x, w, padding=padding)
    else:
        np.testing.assert_array_equal(conv(x, w, padding=padding)[0], expected)


def test_same_with_a_stride() -> None:
    """Output ceil(7/2) = 4; SAME pads (4 - 1)*2 + 2 - 7 = 1, at the end."""
    x = np.arange(1, 8)[np.newaxis]
    np.testing.assert_array_equal(conv(x, [[[1, 10]]], padding="same", stride=2)[0], [21, 43, 65, 7])
    np.testing.assert_array_equal(conv(x, [[[1, 10]]], padding="same-lower", stride=2)[0], [10, 32, 54, 76])


@pytest.mark.parametrize(
    ("padding", "kernel", "expected"),
    [
        ("same", [1, 10, 100], [1, 10, 102, 20]),  # the odd pixel of 3 - 2 = 1 is cropped at the end
        ("same-lower", [1, 10, 100], [10, 102, 20, 200]),
        ("valid", [1, 10, 100], [1, 10, 102, 20, 200]),
        ("same", [5], [5, 0, 10, 0]),  # nothing to crop: lengthened to input*stride
    ],
)
def test_words_of_the_transposed(padding: str, kernel: list[int], expected: list[int]) -> None:
    np.testing.assert_array_equal(conv_transpose([[1, 2]], [[kernel]], stride=2, padding=padding)[0], expected)


def test_causal_sees_nothing_later() -> None:
    x = np.arange(9)[np.newaxis]
    later = x.copy()
    later[0, 5:] += 100
    outputs = [conv(data, [[[3, 5, 7]]], padding="causal", dilation=2)[0] for data in (x, later)]
    np.testing.assert_array_equal(outputs[0][:5], outputs[1][:5])
    assert (outputs[0][5:] != outputs[1][5:]).all()


def test_notation_and_numbers_are_the_same() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (4, 7, 9)), rng.integers(-9, 10, (6, 2, 3, 2))
    plain = conv(x, w, stride=(2, 1), padding=((1, 0), (2, 2)), dilation=(1, 3), groups=2)
    typed = conv(x, w, stride="2x1", padding="1:0x2", dilation="1,3", groups=np.int8(2))
    mixed = conv(x, w, stride=[np.int64(2), 1], padding=[[1, 0], (2, 2)], dilation="1×3", groups="2")  # type: ignore[arg-type]
    np.testing.assert_array_equal(plain, typed)
    np.testing.assert_array_equal(plain, mixed)


# Types of numbers


@pytest.mark.parametrize(
    ("x", "w", "result"),
    [
        ("float16", "float16", "float16"),
        ("float16", "float32", "float32"),
        ("float32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
        ("complex128", "complex64", "complex128"),
        ("uint8", "float32", "float32"),
        ("int8", "float16", "float16"),
        ("int32", "float32", "float64"),
        ("int64", "complex64", "complex128"),
        ("bool", "float16", "float16"),
        ("bool", "bool", "int64"),
        ("uint8", "uint8", "int64"),
        ("int8", "uint64", "int64"),
        ("uint64", "int64", "int64"),
        (">f4", "<f4", "float32"),
        (">i2", ">i8", "int64"),
        (">c16", ">f8", "complex128"),
    ],
)
def test_dtype_of_the_result(x: str, w: str, result: str) -> None:
    values, taps = np.array([[1, 0, 1, 1]]), np.array([[[1, 1]]])
    ours = conv(values.astype(x), taps.astype(w))
    assert ours.dtype == np.dtype(result)
    assert ours.dtype.isnative
    np.testing.assert_array_equal(ours, [[1, 1, 2]])
    spread = conv_transpose(values.astype(x), taps.astype(w))
    assert spread.dtype == np.dtype(result)
    np.testing.assert_array_equal(spread, [[1, 1, 1, 2, 1]])


def test_float16_is_summed_in_float32() -> None:
    """In float16 2048 + 1 is 2048, so a sum of 4096 ones would stop there."""
    ones = np.ones((1, 4096), np.float16)
    assert conv(ones, ones[np.newaxis]).item() == 4096
    assert conv_transpose(np.ones((4096, 1), np.float16), np.ones((4096, 1, 1), np.float16)).item() == 4096
    pieces = np.array([[2048, 1, 1]], np.float16)
    assert conv_transpose(pieces, np.ones((1, 1, 3), np.float16))[0, 2] == 2050


def test_integers_are_exact_near_the_end_of_int64() -> None:
    big = 2**61 + 1
    np.testing.assert_array_equal(conv([[big, big, -big]], [[[1, 1]]]), [[2 * big, 0]])
    np.testing.assert_array_equal(conv([[big]], [[[3]]], [2**60]), [[3 * big + 2**60]])
    np.testing.assert_array_equal(conv_transpose([[big, big]], [[[1, 2]]]), [[big, 3 * big, 2 * big]])
    assert conv(np.array([[2**63 - 1]], np.uint64), [[[-1]]]).item() == -(2**63 - 1)
    assert conv([[2**53 + 1, -(2**53)]], [[[1, 1]]]).item() == 1
    # each filter has its own sum: 2^62 + 2^62 would not fit, 2^62 does
    np.testing.assert_array_equal(conv([[2**31]], [[[2**31]], [[-(2**31)]]]).ravel(), [2**62, -(2**62)])


def test_layout_in_memory_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (2, 3, 6, 7)), rng.integers(-9, 10, (4, 3, 2, 3))
    plain = conv(x, w, padding=1)
    frozen = x.copy()
    frozen.setflags(write=False)
    sparse = np.zeros((2, 3, 12, 7), int)
    sparse[:, :, ::2] = x
    for same in (np.asfortranarray(x), x[..., ::-1].copy()[..., ::-1], frozen, sparse[:, :, ::2], x.astype(">i8")):
        np.testing.assert_array_equal(conv(same, w, padding=1), plain)
    np.testing.assert_array_equal(conv(x, np.asfortranarray(w), padding=1), plain)
    np.testing.assert_array_equal(conv(x.tolist(), w.tolist(), padding=1), plain)
    assert plain.flags.c_contiguous


def test_arguments_are_left_alone() -> None:
    x, w, bias = np.ones((1, 5)), np.ones((1, 1, 2)), np.ones(1)
    conv(x, w, bias, padding=1)
    conv_transpose(x, w, bias)
    assert all((array == 1).all() for array in (x, w, bias))
    assert not np.shares_memory(conv(x, np.ones((1, 1, 1))), x)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("x", "w", "options", "expected"),
    [
        ([1, NAN, 1, 1], [1, 1], {}, [NAN, NAN, 2]),
        ([1, INF, 1, 1], [1, 2], {}, [INF, INF, 3]),
        ([1, INF, 1, 1], [1, 0], {}, [NAN, INF, 1]),  # Inf*0 is NaN
        ([INF, -INF, 1], [1, 1], {}, [NAN, -INF]),
        ([1, 2, 3], [NAN, 1], {"padding": 1}, [NAN] * 4),  # padding zeros are values, and 0*NaN is NaN
        ([1, 2, 3], [INF, 1], {"padding": ((1, 0),)}, [NAN, INF, INF]),
        ([1, NAN, 1, 1, 1], [1, 1], {"dilation": 2}, [2, NAN, 2]),
        ([1, NAN, 1, NAN, 1], [1, 1], {"dilation": 2, "stride": 2}, [2, 2]),  # never read
        ([0, 0, NAN], [1, 1], {"padding": ((0, 1),), "padding_mode": "circular"}, [0, NAN, NAN]),
    ],
)
def test_nan_and_inf_where_direct_arithmetic_puts_them(
    dtype: str, x: list[float], w: list[float], options: dict[str, Any], expected: list[float]
) -> None:
    ours = conv(np.array([x], dtype), np.array([[w]], dtype), **options)
    np.testing.assert_array_equal(ours[0], np.array(expected, dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("x", "w", "options", "expected"),
    [
        ([1, NAN], [1, 1, 1], {"stride": 2}, [1, 1, NAN, NAN, NAN]),
        ([1, 2], [1, NAN], {"stride": 3}, [1, NAN, 0, 2, NAN]),  # what nothing reaches is 0
        ([1, 2], [NAN, 1], {"padding": ((1, 0),)}, [NAN, 2]),
        ([1, INF], [1, 0], {"stride": 2, "output_padding": 1}, [1, 0, INF, NAN, 0]),
        ([NAN, 1], [1, 1, 1], {"dilation": 2, "output_padding": 1}, [NAN, 1, NAN, 1, NAN, 1, 0]),
    ],
)
def test_nan_and_inf_of_the_transposed_only_where_they_are_spread(
    dtype: str, x: list[float], w: list[float], options: dict[str, Any], expected: list[float]
) -> None:
    ours = conv_transpose(np.array([x], dtype), np.array([[w]], dtype), **options)
    np.testing.assert_array_equal(ours[0], np.array(expected, dtype))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("filters", [1, 3])
def test_complex_inf_where_direct_arithmetic_puts_it(dtype: str, filters: int) -> None:
    """(Inf + 0i)*(1 + 2i) is Inf + Inf i, and stays so when finite products are added."""
    x = np.ones((2, 70), dtype)
    x[0, 1] = INF
    w = np.full((filters, 2, 1), 1 + 2j, dtype)
    for ours in (conv(x, w), conv_transpose(x, w.swapaxes(0, 1)), conv(x, w, stride=(2,), padding=1)):
        bad = ~np.isfinite(ours)
        assert bad.sum() == filters
        assert (ours[bad].real == INF).all()
        assert (ours[bad].imag == INF).all()


def test_complex_kernels_are_not_conjugated() -> None:
    assert conv([[1j]], [[[1j]]]).item() == -1
    assert conv_transpose([[1j]], [[[1j]]]).item() == -1


# Refusals

X, W = np.ones((4, 7, 9)), np.ones((6, 4, 3, 3))
CONV_REFUSALS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "channels": ((X, np.ones((6, 3, 3, 3))), {}, r"kernel: .*got shape \(6, 3, 3, 3\) on 4 channels .*\(6, 4, 3, 3\)$"),
    "channels of a group": ((X, W), {"groups": 2}, r"4 channels with groups=2; .*\(6, 2, 3, 3\)"),
    "filters in groups": (
        (X, np.ones((5, 2, 3, 3))), {"groups": 2}, "groups must divide filters, got groups=2 and filters=5; try 1"
    ),
    "no axes": ((X, np.ones(3)), {}, r"kernel: must have 3 to 5 axes, .*got shape \(3,\)"),
    "too many axes": ((X, np.ones((1,) * 6)), {}, "kernel: must have 3 to 5 axes"),
    "input axes": ((np.ones((4, 7)), W), {}, r"input: must have 3 or 4 axes for a 2-D kernel, got shape \(4, 7\)"),
    "input axes, too many": ((np.ones((1, 1, 4, 7, 9)), W), {}, "input: must have 3 or 4 axes for a 2-D kernel"),
    "empty batch": ((np.ones((0, 4, 7, 9)), W), {}, "input: every axis must have at least one element"),
    "empty kernel": ((X, np.ones((6, 4, 0, 3))), {}, "kernel: every axis must have at least one element"),
    "no filters": ((X, np.ones((0, 4, 3, 3))), {}, "kernel: every axis must have at least one element"),
    "stride 0": ((X, W), {"stride": 0}, "stride: must be at least 1, got 0"),
    "stride -1": ((X, W), {"stride": (1, -1)}, "stride: must be at least 1, got -1"),
    "stride float": ((X, W), {"stride": 2.0}, "stride: must be a whole number of at least 1, got 2.0"),
    "stride bool": ((X, W), {"stride": True}, "stride: must be a whole number of at least 1, got True"),
    "stride None": ((X, W), {"stride": None}, "stride: must be a whole number of at least 1, got None"),
    "stride word": ((X, W), {"stride": "same"}, "stride: must be a whole number of at least 1, got 'same'"),
    "stride of three axes": ((X, W), {"stride": (1, 2, 3)}, "stride: takes one value for all axes or 2, one per"),
    "dilation 0": ((X, W), {"dilation": 0}, "dilation: must be at least 1, got 0"),
    "dilation float": ((X, W), {"dilation": (1, 1.5)}, "dilation: must be a whole number of at least 1, got 1.5"),
    "dilation of three axes": ((X, W), {"dilation": "1x2x3"}, "dilation: takes one value for all axes or 2"),
    "padding -1": ((X, W), {"padding": -1}, "padding: must be at least 0, got -1"),
    "padding float": ((X, W), {"padding": 0.5}, "padding: must be a whole number of at least 0, got 0.5"),
    "padding bool": ((X, W), {"padding": True}, "padding: must be a whole number of at least 0, got True"),
    "padding word": ((X, W), {"padding": "sam"}, "padding: must be numbers .* the words: valid, same, same-lower"),
    "padding of three axes": ((X, W), {"padding": (1, 2, 3)}, "padding: takes one value for all axes or 2"),
    "padding of three sides": ((X, W), {"padding": ((1, 2, 3), 1)}, "padding: an axis takes one number or begin:end"),
    "groups 0": ((X, W), {"groups": 0}, "groups: must be at least 1, got 0"),
    "groups float": ((X, W), {"groups": 1.0}, "groups: must be a whole number of at least 1, got 1.0"),
    "groups bool": ((X, W), {"groups": True}, "groups: must be a whole number of at least 1, got True"),
    "window": ((X, np.ones((6, 4, 8, 3))), {}, "height: the window must fit .* the smallest input that fits is 8"),
    "dilated window": ((X, W), {"dilation": (1, 5)}, "width: the window must fit the padded input, got extent 11"),
    "mode": ((X, W), {"padding_mode": "same"}, "padding-mode: must be one of zeros, reflect, replicate, circular"),
    "mode None": ((X, W), {"padding_mode": None}, "padding-mode: must be one of zeros"),
    "reflect": (
        (X, W), {"padding": 7, "padding_mode": "reflect"}, "reflect padding must be smaller than the input, .*at most 6"
    ),
    "circular": ((X, W), {"padding": "0:8x0", "padding_mode": "circular"}, "circular padding must be .*at most 7"),
    "bias shape": ((X, W, np.ones(4)), {}, r"bias: .*one bias per filter, got shape \(4,\); use shape \(6,\)"),
    "bias axes": ((X, W, np.ones((6, 1))), {}, r"bias: .*one bias per filter, got shape \(6, 1\); use shape \(6,\)"),
    "bias number": ((X, W, 1.0), {}, r"bias: .*one bias per filter, got shape \(\); use shape \(6,\)"),
    "bias kind": ((X.astype(int), W.astype(int), np.ones(6)), {}, "bias must be of the result's kind, got a float64"),
    "bias complex": ((X, W, np.ones(6, complex)), {}, "bias must be of the result's kind, got a complex128 bias on a"),
    "bias strings": ((X, W, ["a"] * 6), {}, "bias: dtype must be one of float16/32/64"),
    "objects": ((X.astype(object), W), {}, "input: dtype must be one of float16/32/64, .*got object"),
    "strings": ((X, W.astype(str)), {}, "kernel: dtype must be one of float16/32/64, .*got <U"),
    "longdouble": ((X.astype(np.longdouble), W), {}, "input: dtype must be one of .*got float(128|96|64)"),
    "strings without a hash": (
        (np.full(X.shape, "a", np.dtypes.StringDType(na_object=Unhashable())), W), {}, "input: dtype must be one of",
    ),
    "dates": ((X.astype("datetime64[s]"), W), {}, "input: dtype must be one of .*got datetime64"),
    "integers beyond int64": (([[2**70]], [[[1]]]), {}, "input: dtype must be one of .*got object"),
    "overflow": (([[2**62]], [[[1, 1]]]), {"padding": 1}, "must be sure to fit int64, .*convert .* to float64"),
    "overflow by the bias": (([[2**62]], [[[1]]], [2**62]), {}, "must be sure to fit int64"),
    "overflow of uint64": ((np.array([[2**64 - 1]], np.uint64), [[[1]]]), {}, "must be sure to fit int64"),
    "lowest int64": ((np.array([[-(2**63)]]), [[[1]]]), {}, "must be sure to fit int64"),
}  # fmt: skip
if np.dtype(np.longdouble) == np.dtype(np.float64):
    del CONV_REFUSALS["longdouble"]

T = np.ones((4, 6, 3, 3))
TRANSPOSE_REFUSALS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "channels": ((X, np.ones((3, 6, 3, 3))), {}, r"kernel: .*got shape \(3, 6, 3, 3\) on 4 channels .*\(4, 6, 3, 3\)$"),
    "groups": ((X, T), {"groups": 3}, "groups must divide in_channels, got groups=3 and in_channels=4; try"),
    "full": ((X, T), {"padding": "full"}, "padding of a transposed convolution crops its result, got 'full'; use"),
    "causal": ((X, T), {"padding": "causal"}, "padding of a transposed convolution crops its result, got 'causal'"),
    "crop": ((X, T), {"padding": 5}, "the crop must leave at least one output"),
    "output padding": (
        (X, T), {"output_padding": 1}, "height: output-padding must be smaller than stride or dilation, .*use at most 0"
    ),
    "output padding of one axis": (
        (X, T), {"output_padding": (1, 2), "stride": 2}, "width: output-padding must be smaller .*use at most 1"
    ),
    "output padding -1": ((X, T), {"output_padding": -1}, "output-padding: must be at least 0, got -1"),
    "output padding word": ((X, T), {"output_padding": "same"}, "output-padding: must be a whole number of at least 0"),
    "output padding of three axes": ((X, T), {"output_padding": (0, 0, 0)}, "output-padding: takes one value"),
    "stride": ((X, T), {"stride": 0}, "stride: must be at least 1, got 0"),
    "dilation": ((X, T), {"dilation": "1x"}, "dilation: must be a whole number of at least 1, got ''"),
    "axes": ((X[0], T), {}, "input: must have 3 or 4 axes for a 2-D kernel"),
    "bias": ((X, T, np.ones(4)), {}, r"bias: .*one bias per filter, got shape \(4,\); use shape \(6,\)"),
    "objects": ((X, T.astype(object)), {}, "kernel: dtype must be one of"),
    "overflow": (([[2**62, 2**62]], [[[1, 1]]]), {}, "must be sure to fit int64"),
}  # fmt: skip


def assert_refused(function: Any, arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvcalcError, match=message) as refusal:
        function(*arguments, **options)
    assert isinstance(refusal.value, ValueError)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", CONV_REFUSALS)
def test_conv_refuses(name: str) -> None:
    assert_refused(conv, *CONV_REFUSALS[name])


@pytest.mark.parametrize("name", TRANSPOSE_REFUSALS)
def test_conv_transpose_refuses(name: str) -> None:
    assert_refused(conv_transpose, *TRANSPOSE_REFUSALS[name])


def test_options_are_by_name_only() -> None:
    with pytest.raises(TypeError):
        conv(X, W, None, 1)  # type: ignore[misc]
    with pytest.raises(TypeError):
        conv_transpose(X, T, padding_mode="reflect")  # type: ignore[call-arg]


def test_every_filter_and_channel_is_its_own() -> None:
    """Distinct primes in every place: whatever is exchanged changes the result."""
    x, w = np.array([[2, 3], [5, 7]]), np.array([[[11], [13]], [[17], [19]], [[23], [29]]])
    np.testing.assert_array_equal(
        conv(x, w), [[2 * 11 + 5 * 13, 3 * 11 + 7 * 13], [2 * 17 + 5 * 19, 3 * 17 + 7 * 19],
                     [2 * 23 + 5 * 29, 3 * 23 + 7 * 29]]
    )  # fmt: skip
    assert conv(x, w).shape == (3, 2)
    assert prod(conv_transpose(x, w.swapaxes(0, 1)).shape) == 6
    np.testing.assert_array_equal(conv_transpose(x, w.swapaxes(0, 1)), conv(x, w))
