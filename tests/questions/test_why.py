"""`why`: messages as the frameworks write them, provoked or from public threads, and the layers they are about."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from convcalc.errors import ConvcalcError
from convcalc.questions.messages import KNOWN, read_message
from convcalc.questions.messages.known import Known, last_reading
from convcalc.questions.messages.text import plain
from convcalc.questions.why import why


def table(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


PROVOKED = table("provoked")
"""Texts with the code that provoked each, the version, and what was put in; the fix where it was worked out by hand."""
THREADS = table("threads")
"""Texts of public threads, their numbers, and the fix that was the answer there or follows by hand."""
OLDER = table("older")
"""Wordings of releases that are not installed."""
MATRICES = "mat1 and mat2 shapes cannot be multiplied"


@pytest.mark.parametrize("case", [*PROVOKED, *THREADS], ids=lambda case: case["text"][:60])
def test_a_message_is_read(case: dict[str, Any]) -> None:
    found = why(case["text"]).to_dict()
    assert found["kind"] == case["kind"]
    assert {name: found["numbers"].get(name) for name in case["numbers"]} == case["numbers"]
    if "fix" in case:
        assert found["fix"] == case["fix"]
    assert found["cause"].endswith(".")


def test_every_kind_of_message_is_met_somewhere() -> None:
    texts = [plain(text) for text in (*(case["text"] for case in (*PROVOKED, *THREADS)), *OLDER)]
    read = [(text, read_message(text)) for text in texts]

    def met(known: Known) -> bool:
        return any(reading is not None and last_reading(known, text) == reading for text, reading in read)

    assert [known.wording for known in KNOWN if not met(known)] == []


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("nn.Conv2d(3, 64, 7)", (1, 20, 24, 3)),
        ("nn.Conv3d(3, 5, 2)", (1, 6, 7, 8, 3)),
        ("nn.Conv1d(40, 64, 3)", (8, 100, 40)),
        ("nn.Conv2d(1, 6, 5)", (8, 28, 27)),
        ("nn.Conv2d(1, 6, 5)", (28, 28)),
        ("nn.Conv2d(1, 6, 5)", (32, 784)),
        ("nn.Conv2d(3, 6, 5)", (32, 3 * 19 * 19)),
        ("nn.Conv2d(3, 6, 3)", (2, 5, 3, 16, 17)),
        ("nn.Conv2d(6, 5, 3)", (1, 6, 6, 16, 17)),
        ("nn.Conv2d(3, 4, 3)", (2, 1, 9, 11)),
        ("nn.Conv2d(3, 4, 3)", (2, 4, 9, 11)),
        ("nn.Conv2d(16, 32, (3, 5), groups=2)", (1, 12, 9, 7)),
        ("nn.ConvTranspose2d(3, 4, 3, stride=2)", (1, 5, 6, 7)),
        ("nn.Linear(120, 84)", (32, 400)),
        ("nn.Linear(400, 120)", (2, 16, 5, 5)),
        ("nn.BatchNorm2d(64)", (2, 32, 4, 4)),
        ("nn.BatchNorm1d(64)", (2, 64, 4, 4)),
        ("nn.LayerNorm(64)", (2, 10, 32)),
        ("nn.LayerNorm([64, 7, 7])", (2, 64, 8, 9)),
    ],
)
def test_the_fix_works_in_pytorch(layer: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    space = {"torch": torch, "nn": torch.nn, "x": torch.zeros(shape)}
    module = eval(layer, space)
    with pytest.raises((RuntimeError, ValueError)) as raised:
        module(space["x"])
    code = why(str(raised.value)).fix.split(", or ")[0].split(", which ")[0]
    if code.startswith("x = "):
        exec(code, space)
        wanted = code.partition("# ")[2]
        assert not wanted or tuple(space["x"].shape) == eval(wanted)
    else:
        module = eval(code.replace("BatchNorm2d", "BatchNorm2d(64)") if code.endswith("d") else code, space)
    module(space["x"])


@pytest.mark.parametrize(
    ("code", "fixed"),
    [
        ("nn.MaxPool2d(5, padding=4)(torch.zeros(1, 2, 9, 9))", "nn.MaxPool2d(5, {fix})(torch.zeros(1, 2, 9, 9))"),
        (
            "nn.ConvTranspose2d(3, 4, 3, stride=3, output_padding=5)(torch.zeros(1, 3, 5, 6))",
            "nn.ConvTranspose2d(3, 4, 3, stride=3, {fix})(torch.zeros(1, 3, 5, 6))",
        ),
        (
            "nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1)(torch.zeros(1, 3, 5, 6), output_size=(13, 12))",
            "nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1)(torch.zeros(1, 3, 5, 6), {fix})",
        ),
        ("nn.GroupNorm(5, 64)", "nn.GroupNorm(int('{fix}'.removeprefix('groups=')), 64)"),
    ],
)
def test_the_option_works_in_pytorch(code: str, fixed: str) -> None:
    torch = pytest.importorskip("torch")
    space = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    with pytest.raises((RuntimeError, ValueError)) as raised:
        eval(code, space)
    option = why(str(raised.value)).fix.split(" or ")[0].split(", which ")[0].rstrip(",").split(", or")[0]
    eval(fixed.format(fix=option), space)


@pytest.mark.parametrize(
    ("x", "skip", "add"),
    [
        ((2, 3, 9), (2, 3, 7), "x + skip"),
        ((2, 3, 20, 12), (2, 3, 20, 9), "x + skip"),
        ((2, 3, 12, 9), (2, 3, 10, 9), "x + skip"),
        ((2, 3, 12, 9), (2, 5, 10, 7), "torch.cat([x, skip], 1)"),
        ((2, 3, 5, 8, 11), (2, 3, 5, 7, 11), "x + skip"),
    ],
)
def test_both_ways_to_equal_sizes_work_in_pytorch(x: tuple[int, ...], skip: tuple[int, ...], add: str) -> None:
    torch = pytest.importorskip("torch")
    space = {"torch": torch, "F": torch.nn.functional, "x": torch.zeros(x), "skip": torch.zeros(skip)}
    with pytest.raises(RuntimeError) as raised:
        eval(add, space)
    resized, _, cropped = why(str(raised.value)).fix.partition(", or crop the branch of ")
    for code in (resized, f"x = {cropped.partition(': ')[2]}"):
        changed = dict(space)
        exec(code, changed)
        eval(add, changed)


@pytest.mark.parametrize(
    ("shapes", "fix"),
    [
        ("(None, 28, 27, 3), (None, 25, 27, 3)", "layers.Cropping2D(((1, 2), (0, 0))) on the branch of 28"),
        ("(None, 28, 3), (None, 25, 3)", "layers.Cropping1D((1, 2)) on the branch of 28"),
    ],
)
def test_only_the_axes_that_differ_are_cropped(shapes: str, fix: str) -> None:
    text = "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. Received: "
    assert why(f"{text}input_shape=[{shapes}]").fix == fix


@pytest.mark.parametrize("batch", ["32", "None"])
def test_a_dense_layer_on_maps_lacks_its_flatten(batch: str) -> None:
    """784 = 28 · 28; with 27 columns a Flatten would give 756."""
    text = 'Input 0 of layer "dense" is incompatible with the layer: expected axis -1 of input shape to have value '
    assert why(f"{text}784, but received input with shape ({batch}, 28, 28)").fix == (
        f"x = layers.Flatten()(x)  # ({batch}, 784)"
    )
    assert "Flatten" not in why(f"{text}784, but received input with shape ({batch}, 27, 28)").fix


def test_an_input_may_need_several_changes() -> None:
    indices = "index: 0 Got: 4 Expected: 2 index: 1 Got: 1 Expected: 3 index: 2 Got: 28 Expected: 32"
    fix = why(f"Got invalid dimensions for input: img for the following indices {indices}").fix
    batch, colour, size = fix.split("; and ")
    assert batch.startswith("run it on 2 at a time")
    assert colour.startswith("x = x.repeat(3, axis=1)")
    assert size.startswith("resize the image to 32,")


def place(text: str, *words: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = why(text, words, **options).to_dict()
    return found


LENET = ("k5f6", "max:k2", "k5f16", "max:k2")


def test_the_map_before_a_linear_layer_is_found() -> None:
    found = place(f"{MATRICES} (32x400 and 120x84)", *LENET, input="3x32x32")
    assert (found["where"]["layer"], found["where"]["output"]) == ("4", [16, 5, 5])
    assert "16x5x5 = 400" in found["where"]["text"]
    assert found["fix"] == "nn.Linear(400, 84)"


def test_the_image_that_gives_other_features_is_found() -> None:
    """A map of 6x6 needs 36 pixels: ((36 - 4) / 2 - 4) / 2 = 6."""
    found = place(f"{MATRICES} (32x576 and 400x84)", *LENET, "fc84", input="3x32x32")
    assert found["where"]["layer"] == "5"
    assert "576 for an input of 3x36x36" in found["where"]["text"]
    assert found["fix"] == "resize the image to 3x32x32"


def test_a_pasted_layer_that_does_not_fit_is_the_place() -> None:
    rows = ("Conv2d(3, 16, 3)", "relu", "Conv2d(32, 64, 3)")
    text = (
        "weight of size [64, 32, 3, 3], expected input[1, 16, 30, 30] to have 32 channels, but got 16 channels instead"
    )
    found = place(text, *rows, input="3x32x32")
    assert found["where"]["text"].startswith("layer 3 of 3, Conv2d(32, 64, 3): takes in_channels=32, got 16")
    assert found["where"]["input"] == [16, 30, 30]


def test_the_elements_of_a_view_are_those_of_a_layer() -> None:
    found = place("shape '[-1, 400]' is invalid for input of size 2304", *LENET, input="3x36x36")
    assert found["where"]["layer"] == "4"
    assert "2304 = 4 · 576" in found["where"]["text"]


def test_the_input_behind_a_small_map_and_the_smallest_input() -> None:
    """Four halvings that round up: 4 pixels come from 49 to 64, the 7 of the kernel from 97."""
    text = "Calculated padded input size per channel: (4 x 4). Kernel size: (7 x 7). Kernel size can't be greater"
    found = place(text, "k3s2p1f8*4", "k7f8", input="3x128x128")
    assert found["where"]["layer"] == "5"
    assert "arrives at layer 5 (k7f8) for an input of 3x49x49" in found["where"]["text"]
    assert found["fix"] == "an input of at least 3x97x97"
    stopped = place(text, "k3s2p1f8*4", "k7f8", input="3x64x64")
    assert stopped["where"]["text"].startswith("layer 5 of 5, k7f8")
    assert "3x97x97" in stopped["where"]["text"]
    assert stopped["where"]["input"] == [8, 4, 4]


def test_a_layer_of_a_model_is_known_by_its_weight() -> None:
    text = "weight of size [64, 3, 7, 7], expected input[1, 1, 224, 224] to have 3 channels, but got 1 channels instead"
    found = place(text, "resnet50")
    assert found["where"]["layer"] == "conv1"
    assert found["where"]["input"] == [3, 224, 224]
    keras = "Depth of input (4) is not a multiple of input depth of filter (3) with input shapes: [1,9,9,4],[7,7,3,64]"
    assert place(keras, "resnet50")["where"]["layer"] == "conv1"


UNET = """name = "u"
input = "1x56x56"
layers = [
    {name = "a", op = "conv", filters = 8, kernel = 3, padding = 1}, {op = "max_pool", kernel = 2},
    {name = "b", op = "conv", filters = 4, kernel = 3, padding = 1}, {op = "max_pool", kernel = 2},
    {name = "up", op = "transposed", filters = 4, kernel = 2, stride = 2},
    {name = "join", op = "concat", from = ["up", "b"]},
]
"""


def test_the_skip_that_does_not_fit_and_the_nearest_size_that_does(tmp_path: Path) -> None:
    """54 is halved to 27, then to 13, which come back as 26; the next multiple of 4 is 56."""
    model = tmp_path / "u.toml"
    model.write_text(UNET)
    text = "Sizes of tensors must match except in dimension 1. Expected size 26 but got size 27 for tensor number 1"
    found = place(text, str(model), input="1x54x54")
    assert found["where"]["layer"] == "join"
    assert "join gets 26x26 from up and 27x27 from b; the nearest" in found["where"]["text"]
    assert found["fix"] == "pad or resize the image to 1x56x56"
    unasked = place(text, str(model))
    assert "from up and b if the input is 1x54x54; sizes that fit repeat every 4" in unasked["where"]["text"]


def test_a_stride_that_loses_a_pixel_is_found() -> None:
    found = place("The size of tensor a (54) must match the size of tensor b (55) at non-singleton dimension 2",
                  "k3p1f4", "max:k2", "t:k2s2", input="3x55x60")  # fmt: skip
    assert found["where"]["layer"] == "2"
    assert "makes 27 of 55" in found["where"]["text"]


def test_layers_without_these_numbers_are_said_to_have_none() -> None:
    assert place(f"{MATRICES} (32x401 and 120x84)", *LENET, input="3x32x32")["where"] is None


def test_without_the_size_of_the_input_square_ones_are_tried() -> None:
    """Sizes of maps are never those of an input that was made up."""
    assert place(f"{MATRICES} (32x576 and 400x84)", *LENET, "fc84")["where"] == {
        "layer": "5", "text": "576 features arrive before layer 5 (fc84) for an input of 1x36x36",
        "input": None, "output": None, "fix": "nn.Linear(576, 84)",
    }  # fmt: skip
    assert place(f"{MATRICES} (32x576 and 400x84)", *LENET)["where"]["text"].startswith(
        "576 features leave layer 4 (max:k2)"
    )
    small = place("Calculated padded input size per channel: (4 x 4). Kernel size: (7 x 7)", "k3s2p1f8*4", "k7f8")
    assert small["where"]["text"] == "this map arrives at layer 5 (k7f8) for an input of 1x49x49"  # 49, 25, 13, 7, 4
    for text in ("shape '[-1, 400]' is invalid for input of size 2304", f"{MATRICES} (32x577 and 400x84)"):
        assert (
            place(text, *LENET)["where"]["text"] == "needs the size of the input before the layers, such as 3x224x224"
        )
        assert "nn.Linear(16," not in json.dumps(place(text, *LENET))


@pytest.mark.parametrize(
    ("size", "text"),
    [("3x32x32", "layer 3 (k5f16) gets 3x14x14"), (None, "layer 3 (k5f16) gets 3 channels")],
)
def test_a_weight_that_the_code_has_for_other_channels_is_found(size: str | None, text: str) -> None:
    message = "Given groups=1, weight of size [16, 6, 5, 5], expected input[4, 3, 14, 14] to have 6 channels, but got 3"
    found = place(message, "k5f3", "max:k2", "k5f16", input=size)
    assert found["where"]["text"] == f"{text}; in the code its weight is for 6 channels"


def test_a_rule_without_numbers_gets_them_from_the_layers() -> None:
    found = place("ValueError: in_channels must be divisible by groups", "Conv2d(10, 20, 3, groups=3)", input="10x9x9")
    assert "groups=3 and in_channels=10" in found["where"]["text"]


def test_the_layer_of_a_checkpoint_is_found() -> None:
    text = "size mismatch for fc.weight: copying a param with shape torch.Size([1000, 512]) from checkpoint, the shape "
    found = place(text + "in current model is torch.Size([10, 512]).", "resnet18")
    assert found["where"]["text"] == "fc has the weight of the file, 1000x512"


def test_the_crop_of_a_transposed_convolution_is_undone() -> None:
    """2 pixels of kernel 1 and stride 2 make 3; padding 3 leaves -3, padding 1 leaves 1."""
    text = "Given input size per channel: (2 x 2). Calculated output size per channel: (-3 x -3). Output size is too"
    assert why(text).fix.startswith("padding smaller by 2")


LONG = "Given groups=1, weight of size [64, 3, 7, 7], expected input[1, 224, 224, 3] to have 3 channels, but got 224"


@pytest.mark.parametrize(
    "text",
    [
        f'Traceback (most recent call last):\n  File "a.py", line 12, in forward\n    x = self.conv(x)\n{LONG}',
        LONG.replace(" ", "\n    "),
        LONG.replace(" ", "\\n "),
        f"\x1b[31m{LONG.replace('[', chr(27) + '[1m[')}\x1b[0m",
        f"'{LONG}'",
        f"│ {LONG.replace('expected', '│' + chr(10) + '│ expected')} │",
        f"{'y' * 300_000} {LONG}",
        f"mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)\nthen another: {LONG}",
    ],
    ids=["traceback", "broken", "escaped", "colours", "quoted", "framed", "long", "the last"],
)
def test_a_message_is_found_in_what_people_paste(text: str) -> None:
    assert why(text).fix == "x = x.permute(0, 3, 1, 2)  # (1, 3, 224, 224)"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "hello", "loss is nan at (3, 4) after 17", "[" * 90_000, "(1, " * 30_000, "1" * 99_000,
        "weight of size [" + "3, " * 60 + "3], expected input[1, 2] to have 3 channels, but got 5",
        "mat1 and mat2 shapes cannot be multiplied (1x" + "9" * 5000 + " and 3x4)",
        "shape '[" + "7" * 190 + "]' is invalid for input of size 3",
        "Given groups=1, weight of size [" * 3000,
        "for the following indices " + "index: 1 Got: 2 Expected: 3 " * 3000,
        "Negative dimension size caused by subtracting 3 from 2 for " * 1500,
        "Input 0 of layer " * 5000,
        "(1 x 1 x 1" * 9000,
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConvcalcError) as raised:
        why(text)
    assert str(raised.value).startswith("why: ")


def test_the_refusal_says_what_was_read() -> None:
    with pytest.raises(ConvcalcError, match=r"the shapes \(3, 4\), the numbers 17"):
        why("loss is nan at (3, 4) after 17")


@pytest.mark.parametrize(
    "text",
    [
        f"{MATRICES} (0x0 and 0x0)", f"{MATRICES} (5x5 and 5x5)", "shape '[]' is invalid for input of size 0",
        "The size of tensor a (0) must match the size of tensor b (0) at non-singleton dimension 9",
        "Given groups=0, weight of size [], expected input[] to have 0 channels, but got 0",
        "Given groups=7, weight of size [3], expected input[5] to have 3 channels, but got 5",
        "Calculated padded input size per channel: (9 x 9). Kernel size: (7 x 7)",
        "Calculated padded input size per channel: (-1 x 0). Kernel size: (0 x -2)",
        "Given groups=3, expected weight to be divisible by 3 at dimension 0, but got weight of size [9, 1] instead",
        "shape '[-1, 400]' is invalid for input of size 800", "running_mean should contain 0 elements not 0",
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [0]",
        "Expected 9D (unbatched) or 9D (batched) input to conv9d, but got input of size: [1, 2]",
        "requested an output size of (2,), but valid sizes range from [9] to [3] (for an input of torch.Size([0]))",
    ],
)  # fmt: skip
def test_numbers_that_contradict_themselves_end_in_an_answer_or_a_line(text: str) -> None:
    try:
        found = why(text)
    except ConvcalcError:
        return
    assert found.fix


@pytest.mark.parametrize(
    ("words", "small", "layer"),
    [
        (("k5s2p1f4", "max:k3s2p1", "k4p1f6", "max:k5s1p2", "k3f2"), 13, "5"),
        (("max:k2s2", "k3s3p1f5", "k2f3", "max:k4s2p1"), 13, "4"),
        (("k3p1f2", "k4s3f3", "k5s2p2f4", "k2f2"), 7, "4"),
    ],
)
def test_the_layer_that_raises_in_pytorch_is_found(words: tuple[str, ...], small: int, layer: str) -> None:
    """From the message alone and layers on a large input; the smallest input passes in PyTorch, one less does not."""
    torch = pytest.importorskip("torch")
    parts, channels = [], 3
    for word in words:
        k, s, p, f = (int(m[1]) if (m := re.search(rf"{letter}(\d+)", word.partition(":")[2] or word)) else default
                      for letter, default in (("k", 1), ("s", 1), ("p", 0), ("f", channels)))  # fmt: skip
        pool = word.startswith("max")
        parts.append(torch.nn.MaxPool2d(k, s, p) if pool else torch.nn.Conv2d(channels, f, k, s, p))
        channels = f
    whole = torch.nn.Sequential(*parts)
    with pytest.raises(RuntimeError) as raised:
        whole(torch.zeros(1, 3, small, small))
    found = place(str(raised.value), *words, input="3x200x200")["where"]
    assert f"layer {layer} (" in found["text"]
    least = int(re.findall(r"accept is 3x(\d+)x", found["text"])[0])
    whole(torch.zeros(1, 3, least, least))
    with pytest.raises(RuntimeError):
        whole(torch.zeros(1, 3, least - 1, least - 1))
