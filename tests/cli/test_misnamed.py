"""Options by other tools' names, and arguments in the wrong place: the error names the form that works."""

from __future__ import annotations

import shlex

import pytest

from tests.commands import Run, exit_code

LAYER = "-i 3x32x32 -k 3 -f 8"


@pytest.mark.parametrize(
    ("command", "typed", "instead"),
    [
        ("shape", "--kernel-shape 3", "--kernel 3"),
        ("params", "--ksize=3x5", "--kernel 3x5"),
        ("shape", "--strides 2", "--stride 2"),
        ("shape", "--pads 1", "--padding 1"),
        ("rf", "--dilation_rate 2", "--dilation 2"),
        ("shape", "--dilations 2", "--dilation 2"),
        ("cost", "--group 1", "--groups 1"),
        ("shape", "--num-filters 5", "--filters 5"),
        ("shape", "--output-channels 5", "--filters 5"),
        ("shape", "--Out_Channels 5", "--out-channels 5"),
        ("cost", "--input-size 3x8x8", "--input 3x8x8"),
        ("shape", "--batch-size 2", "--batch 2"),
        ("shape", "--use-bias", "--bias"),
        ("shape", "--data-format NHWC", "--layout NHWC"),
        ("shape", "--depthwise", "--type depthwise"),
        ("shape", "--same", "--padding same"),
        ("cost", "--fp16", "--dtype fp16"),
        ("shape", "--channels-last", "--layout channels-last"),
        ("shape", "--input-shape '3x8x8 '", "--input '3x8x8 '"),
    ],
)
def test_an_option_under_another_name_names_ours(command: str, typed: str, instead: str, refusal: Run) -> None:
    name = typed.partition(" ")[0].partition("=")[0]
    assert refusal(command, *shlex.split(typed)) == f"{command}: no such option: {name}; use {instead}"
    assert exit_code(command, *shlex.split(instead)) == 0


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (f"shape {LAYER} --no-bias", "leave it out, it is so without --bias"),
        (f"cost {LAYER} --flops", "leave it out, the answer has flops anyway"),
        (f"shape {LAYER} --flops", "use convcalc cost"),
        (f"cost {LAYER} --receptive-field", "use convcalc rf"),
        ("net resnet18 --flops", "leave it out, the table has parameters and multiplications (macs"),
        ("net resnet 50", "use convcalc net resnet-50"),
        ("net resnet50 224x224", "leave the others out"),
        ("net ds", "use convcalc cost 3x224x224 ds:k3"),
        ("net resnet18 -k 3", "it is an option of shape, params, cost, rf"),
        (f"shape {LAYER} --preview", "it is an option of run"),
        ("run x.npy w.npy --kernel 3", "leave it out, the arrays give it"),
        (f"shape {LAYER} --stirde 2", "did you mean --stride?"),
        (f"shape {LAYER} --op conv", "use --type conv"),
        (f"shape {LAYER} --op 1", "use --output-padding 1"),
        ("shape -i 3x9x9 padding=same kernel_size=5", "use --padding same --kernel 5"),
        ("rf 3x9x9 stride='(2, 2)'", "use --stride '(2, 2)'"),
        ("draw transposed --png t.png", "use --svg FILE.svg"),
        ("draw transposed -o t.svg", "use --svg FILE.svg"),
        (f"shape {LAYER} --zzz", "see 'convcalc shape --help'"),
        ("net resnet18 mobilenet-v2", "use --compare mobilenet-v2"),
        ("net resnet18 VGG16 net.onnx", "use --compare VGG16 --compare net.onnx"),
        ("net resnet18 3x64x64", "use --input 3x64x64"),
        ("net resnet18 k3", "leave the others out"),
        ("net 3x8x8 k3f8 gap", "use convcalc cost 3x8x8 k3f8 gap"),
        ("net 'nn.Conv2d(3, 8, 3)'", "use convcalc cost 3x224x224 'nn.Conv2d(3, 8, 3)'"),
    ],
)  # fmt: skip
def test_what_is_typed_in_the_wrong_place(arguments: str, remedy: str, refusal: Run) -> None:
    assert refusal(*shlex.split(arguments)).partition("; ")[2].startswith(remedy)
