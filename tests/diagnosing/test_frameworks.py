"""Outputs of other libraries under their own conventions are explained, and the fix makes both agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.diagnosing import recorded
from tests.diagnosing.asking import asked, mended, names
from tests.diagnosing.recorded import filled


def explained(x: np.ndarray, w: Any, y: np.ndarray, text: str, **options: Any) -> dict[str, Any]:
    """The answer, whose only explanation says `text` and, if one kernel is changed, has a fix that works."""
    found = asked(x, w, y, **options)
    assert not found["agrees"]
    [answer] = found["explanations"]
    assert text in answer["text"]
    if not isinstance(w, list):
        assert mended(x, w, y, answer["fix"], **options)
    return found


def test_tensorflow_pads_same_at_the_end() -> None:
    x, w = filled(2, 6, 7), filled(3, 2, 3, 3)
    found = explained(
        x,
        w,
        recorded.TF_SAME_STRIDE_2,
        "the padding is 0:1x1 (same, the odd pixel at the end) instead of 1",
        stride=2,
        padding=1,
    )
    assert found["explanations"][0]["fix"] == "--padding 0:1x1"
    assert asked(x, w, recorded.TF_SAME_STRIDE_2, stride=2, padding="same")["agrees"]


def test_a_depthwise_kernel_of_keras_in_the_place_of_pytorchs() -> None:
    """(*k, C, M) from a file, read as (C*M, 1, *k)."""
    x, raw = filled(2, 5, 6), filled(3, 2, 2, 2)
    found = explained(x, raw.reshape(4, 1, 3, 2), recorded.KERAS_DEPTHWISE, "HWCM", type="depthwise")
    assert "kernel-read-HWCM" in names(found)


def test_the_transposed_convolution_of_jax_is_not_flipped() -> None:
    x, w = filled(3, 4, 5), filled(3, 2, 3, 4)
    found = explained(x, w, recorded.JAX_TRANSPOSED, "flipped", type="transposed", stride=2)
    assert "kernel-flipped" in names(found)


def test_keras_crops_a_transposed_convolution_at_the_end() -> None:
    x, w = filled(3, 4, 5), filled(3, 2, 3, 3)
    options = {"type": "transposed", "stride": 2, "padding": 1, "output_padding": 1}
    found = explained(x, w, recorded.KERAS_TRANSPOSED_SAME, "at the begin instead of the end", **options)
    assert found["explanations"][0]["fix"] == "--padding 0:1 --output-padding 0"


def test_causal_padding_of_keras() -> None:
    x, w = filled(2, 9), filled(3, 2, 3)
    explained(x, w, recorded.KERAS_CAUSAL, "the padding is 4:0 (causal) instead of 2", type="1d", dilation=2, padding=2)


def test_keras_separable_and_its_pointwise_kernel_as_stored() -> None:
    """(1, 1, C, N) from a file, read as (N, C, 1, 1)."""
    x, depthwise, pointwise = filled(3, 5, 6), filled(3, 2, 3, 1), filled(1, 1, 3, 4)
    first = np.moveaxis(depthwise, (-2, -1), (0, 1))
    options: dict[str, Any] = {"type": "depthwise-separable"}
    right = [first, np.moveaxis(pointwise, (-1, -2), (0, 1))]
    assert asked(x, right, recorded.KERAS_SEPARABLE, **options)["agrees"]
    found = asked(x, [first, pointwise.reshape(4, 3, 1, 1)], recorded.KERAS_SEPARABLE, **options)
    assert "pointwise/kernel-read-IOHW" in names(found) | {n.replace("HWIO", "IOHW") for n in names(found)}


def test_scipy_convolves_and_correlates() -> None:
    signal = pytest.importorskip("scipy.signal")
    x, w = filled(9, 11), filled(4, 3)
    explained(x, w, signal.convolve2d(x, w, mode="valid"), "flipped")
    full = signal.convolve2d(x, w)
    found = asked(x, w, full)
    assert names(found) == {"kernel-flipped + padding-3x2"}
    assert mended(x, w, full, found["explanations"][0]["fix"])
    assert asked(x, w, signal.correlate2d(x, w, mode="valid"))["agrees"]
    filters, wide = pytest.importorskip("scipy.ndimage"), filled(5, 3)
    mirrored = filters.correlate(x, wide)  # its reflect repeats the border pixel
    explained(x, wide, mirrored, "symmetric", padding="2x1", padding_mode="reflect")


def test_pytorch_and_its_conventions() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x, w = filled(1, 6, 9, 8), filled(4, 3, 3, 2)

    def tensor(array: np.ndarray) -> Any:
        return torch.tensor(np.ascontiguousarray(array))

    y = functional.conv2d(tensor(x), tensor(w), groups=2, padding=(1, 0))
    assert asked(x, w, y.numpy(), groups=2, padding="1x0")["agrees"]
    dealt = functional.conv2d(tensor(x[:, [0, 2, 4, 1, 3, 5]]), tensor(w), groups=2)
    explained(x, w, dealt.numpy(), "dealt to 2 groups", groups=2)
    shuffled = functional.channel_shuffle(functional.conv2d(tensor(x), tensor(w), groups=2), 2)
    explained(x, w, shuffled.numpy(), "the output's channels", groups=2)
    circular = functional.conv2d(functional.pad(tensor(x), (1, 1, 1, 1), mode="circular"), tensor(w), groups=2)
    explained(x, w, circular.numpy(), "circular", groups=2, padding=1)
    relu = functional.leaky_relu(functional.conv2d(tensor(x), tensor(w), groups=2), 0.1)
    explained(x, w, relu.numpy(), "leaky ReLU of slope 0.1", groups=2)


def test_half_precision_of_pytorch_is_rounding() -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(3)
    x, w = (random.standard_normal(shape).astype(np.float32) for shape in ((1, 8, 12, 13), (6, 8, 3, 3)))
    for dtype, name in ((torch.float16, "float16"), (torch.bfloat16, "bfloat16")):
        y = torch.nn.functional.conv2d(torch.tensor(x).to(dtype), torch.tensor(w).to(dtype)).float().numpy()
        found = asked(x, w, y)
        [answer] = found["explanations"]
        assert f"rounding of {name}" in answer["text"]
        option, accepted = answer["fix"].split()
        assert option == "--tolerance"
        assert asked(x, w, y, tolerance=float(accepted))["agrees"]


def test_onnx_runtime_and_its_same_lower() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    x, w = filled(1, 2, 6, 7), filled(3, 2, 4, 3)
    helper = onnx.helper
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER")
    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info("x", 1, x.shape)],
        [helper.make_tensor_value_info("y", 1, None)], [onnx.numpy_helper.from_array(w, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    [y] = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    assert asked(x, w, y, padding="same-lower")["agrees"]
    explained(x, w, y, "the padding is 2:1x1 (same, the odd pixel at the begin) instead of 1:2x1", padding="same")
