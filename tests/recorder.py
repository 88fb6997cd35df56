"""What convcalc answers to over 1,000 commands, written down, to prove that moving code about changes no answer.

    python tests/recorder.py record old.json
    python tests/recorder.py compare old.json new.json --ignore explanations --ignore 'stdout.layers.*.stages'

The commands are made of the tables below, and so are the files that they name; ONNX ones where onnx is installed.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from fnmatch import fnmatchcase
from functools import reduce
from hashlib import sha256
from importlib.util import find_spec
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

SETTINGS = {"OMP_NUM_THREADS": "1", "PYTHONINTMAXSTRDIGITS": "0", "COLUMNS": "100", "NO_COLOR": "1"}
IGNORED, MISSING, MAX_PRINTED = ("seconds",), "(missing)", 200

# Layers and chains. A `|` stands between two rows; what is written for three axes is cut to one and two.

ASKING = ("shape", "params", "cost", "rf")
TYPES = {  # options, and the shapes of kernels
    "standard": ("-f 9 -g 3", "12x6x4x3x2"), "pointwise": ("-f 4 -g 2", "12x6x1x1x1"), "dilated": ("", "12x6x3x2x2"),
    "transposed": ("-f 4 -g 2", "6x12x3x4x2"), "grouped": ("-f 8", "12x3x4x3x2"), "depthwise": ("-m 2", "12x1x3x2x4"),
    "depthwise-separable": ("-f 7 -m 3", "12x1x4x3x2 12x12x1x1x1"), "pointwise-grouped": ("-f 9 -g 3", "12x3x1x1x1"),
    "spatially-separable": ("-f 4 --mid-channels 3", "12x6x4x1x1 12x12x1x3x1 12x12x1x1x2"),
    "flattened": ("-f 5", "12x6x1x1x1 12x1x4x1x1 12x1x1x3x1 12x1x1x1x2"), "shuffled-grouped": ("-f 4", "12x3x4x3x2"),
}  # fmt: skip
GEOMETRIES = """| -s 2x3x1 -p 0:2x1x1:0 --bias | -p 3x0x2 -d 2x1x3 --batch 4 | -p same -s 3x2x2 | -p full -s 1x2x3
    | -p same-lower -d 1x2x1 | -p causal -d 3x1x2 --bias --batch 2 | -p valid -s 4x1x2"""
LAYERS = """| -i 3x224x224 -k 7 -s 2 -p 3 -f 64 --bias | -t conv -i 1x3 -k 7 -p 2:5 | -t 1d -i 6x17 -f 9 -g 3
    | -t ds -m 2 | -t 2d -i 2x7x5 -k 2x3 | -t 3d -i 2x5x6x7 | -t 1x1 -s 2 | -t atrous -i 2x19x19 | -t spatial
    | -t dw --out-channels 9 | -t deconv -i 3x5x7 -k 2x3 -s 3x2 -p 0x1 --output-size 15x14 | -t separable -i 5x17
    | -t shuffled -i 6x9x9 -f 6 | -t t -i 6x3x5 -k 3x4 -s 2x3 -p 0:1x2:0 -d 2x1 --output-padding 1x2 -g 2 -f 4
    | --batch 1000000000000 | -i 13x11x6 --layout channels-last -f 4 | -i 1x99999999999999999999 -k 9999999 -f 7"""
COSTS = """--dtype int8 | --compare depthwise | --compare spatial ds | --compare grouped -g 2 -i 8x9x9 -f 8
    | -t t --compare all | -t ds --compare standard,dilated | --compare all --dtype int64"""
CHAINS = {
    "4x64": "k3 k3d2 k3d4 | k2pcausal k2d2pcausal k2d4pcausal | 1d:k7s2 max:k3s2 t:k4s2p1 | ds:k3f9 k1f5",
    "4x40x36": """k3x5s2x1p1x2 | k7s2p3f64 max:k3s2p1 k3p1 k3p1 | k3s2p1 t:k4s2p1 | k3p0:1x1:0 avg:k2s2p1 k3psame
        | dw:k3 1x1:f8 spatial:k5f6 | grouped:k3g2f6 shuffled:k3g3f6 | flattened:k3f8 k3d3 | pointwise-grouped:f8 k1s3
        | t:k3s3 k5s2 t:k2s2a1 | max:k2s2 max:k2s2 t:k2s2 | k3psame-lowers2 k4psame | k3pfull k5pvalid | k2s7 k2s5
        | t:k3s2psame t:k4s3psame-lower | 2d:k3 atrous:k3 | deconv:k5s2p2a1 separable:k3f12 conv:k3""",
    "4x18x20x22": "3d:k3 max:k2s2 k3p1 | k1x3x3p0x1x1 k3x1x1p1x0x0 | t:k2x4x4s1x2x2 k3 | ds:k2x3x4 spatial:k3f6",
}

# Networks. A layer of a TOML file is its op and its keys.

ZOO = """alexnet convnext-tiny dcgan-generator deeplab-v3-aspp densenet121 efficientnet-b0 googlenet inception-v3 vgg16
    mobilenet-v1 mobilenet-v2 mobilenet-v3-large r2plus1d-18 r3d-18 resnet18 resnet50-v1 resnet50 resnext50-32x4d unet
    shufflenet-v1 shufflenet-v2-x1 squeezenet1-1 wavenet wide-resnet50-2"""
QUESTIONS = """| --batch 3 --dtype int8 | --width 0.5 --sort multiplications | --compare resnet18
    | --replace standard=ds | --peak 100GOPS --bandwidth 10GB/s --sort least_seconds | --sweep-width 0.25,0.5
    | --only conv --explain"""
SIZED = """vgg16 --input 3x160x192 | resnet18 --sweep 128..192:32,224x256 | wavenet -i 256x8000
    | dcgan-generator --check | r3d-18 --sweep 64,8x112x112 | mobilenet-v1 --replace depthwise-separable=standard
    | resnet18 -i 3x32x32 --check | resnet18 -i 200x240x3 --layout channels-last
    | resnet50 --only layer1/* --sort name"""
CHANGES = "| --explain | --check | --batch 3 --width 0.5 | --replace standard=ds | --sort bytes_moved --dtype int8"
NETWORKS = {
    "activations": ("4x5x7", """relu | relu6 | elu | selu | celu | gelu | silu | mish | tanh | softplus | softsign | abs
        | hard_sigmoid | hard_swish | hard_tanh | log_sigmoid | sigmoid | exp | square | sqrt
        | prelu, per_channel = true | prelu | swish | identity | softmax | log_softmax | scale | dropout, p = 0.5
        | leaky_relu, alpha = 0.3"""),
    **{f"types-{size}": (size, " | ".join(f'{type}, filters = 12, {"" if "point" in type else "kernel = 3, "}'
        'padding = "same"' for type in TYPES)) for size in ("12x9", "12x9x8", "12x5x6x4")},
    "geometry": ("6x9x13", """conv, filters = 8, kernel = [3, 5], stride = [2, 1], padding = [[0, 1], [2, 0]]
        | conv2d, out_channels = 8, kernel = "3x2", dilation = "1x2", groups = 2, padding = "same-lower"
        | transposed, filters = 4, kernel = 3, stride = 2, output_size = [8, 21], padding = 1, bias = true"""),
    "pools": ("4x17x18", """max_pool, kernel = 3, stride = 2, padding = 1, ceil_mode = true
        | avg_pool, kernel = [2, 3], padding = [1, 0], count_include_pad = false | adaptive_avg_pool, output_size = 3
        | global_max_pool | flatten"""),
    "norms": ("6x7x5", """batch_norm | batch_norm, affine = false | layer_norm | instance_norm, affine = true
        | instance_norm | group_norm, groups = 3 | adaptive_max_pool, output_size = 2
        | linear, out_features = 9, bias = true"""),
    "merges": ("6x9x9", "conv, filters = 6, kernel = 3, padding = 1, fixed_width = true | " + " | ".join(
        f'{op}, from = ["input", "conv1"]' for op in ("add", "subtract", "multiply", "maximum", "concat"))),
    "gate": ("8x10x6", """split, name = "s", parts = 2 | conv, from = "s/1", filters = 4, kernel = 1, fixed_width = true
        | concat, from = ["conv1", "s/2"] | channel_shuffle, groups = 2 | global_avg_pool | fc, filters = 8 | sigmoid
        | multiply, from = ["sigmoid1", "channel_shuffle1"] | split, sizes = [3, 5]"""),
    "resizing": ("2x6x5", """upsample, factor = 2 | upsample, scale = 1.5, from = "input"
        | upsample, size = [9, 4], mode = "bilinear", align_corners = true | upsample, factor = 2, mode = "cubic"
        | crop, padding = 1 | pad, padding = "1:2x0", mode = "reflect" | upsample, from = ["input", "upsample2"]
        | crop, from = ["upsample1", "input"]"""),
    "features": ("24", """linear, filters = 18 | reshape, size = "2x3x3" | pad, padding = 2, mode = "circular"
        | pad, padding = 1, mode = "replicate" | relu"""),
}  # fmt: skip
BLOCKS = """input = "8x16x16"\nwidth_divisor = 4\nwidth_scales = ["filters", "squeeze"]
blocks = [{name = "b", expand = 4, squeeze = 6, layers = [{op = "1x1", filters = "filters"}, {op = "conv", kernel = 3,
    filters = "squeeze", stride = "stride", padding = 1}, {name = "wide", op = "1x1", filters = "expand*filters"},
    {name = "short", from = "input", when = "stride != 1 or channels != expand*filters", op = "1x1", stride = "stride",
    filters = "expand*filters"}, {op = "add", from = ["wide", "short"]}, {op = "relu", when = "index % 2 == 0"}]}]
layers = [{name = "one", block = "b", filters = 4, repeat = 2}, {block = "b", filters = 6, stride = 2, squeeze = 8},
    {repeat = "1 + 1", layers = [{op = "conv", kernel = 3, filters = "divisible(channels, 8)"}]}]"""
BAD_LAYERS = """| conv, filters = 4 | conv, kernel = 3 | cnov, kernel = 3 | MaxPool | relu, stirde = 2 | add | crop
    | linear | conv, filters = 4, kernel = 11 | conv, filters = 4, kernel = 3, groups = 3 | relu, from = "conf1"
    | split, parts = 3 | relu, when = "open(1)" | 1x1, filters = "2*n" | upsample, factor = 2, size = 3
    | elu, alpha = nan | relu, name = 3 | pad, padding = "same" | crop, padding = 4 | group_norm, groups = 3
    | max_pool, kernel = 3, padding = 2"""

# ONNX graphs by the size of x. w:6x3 is an array of floats, q:6x3 of int8; 1,2 and ~1,2.5 are integers and floats.

GRAPHS = {
    "1x6x11x13": """Conv x w:4x3x3x2 b:4 group=2 strides=2,3 pads=1,0,2,1 dilations=2,1 | Conv x w:12x1x3x3 group=6
        | Conv x | Conv x w:4x6x3x2 strides=2,3 auto_pad=SAME_UPPER | Conv x w:4x6x3x2 strides=2,3 auto_pad=SAME_LOWER
        | Relu z | ConvTranspose x w:6x4x3x2 b:4 strides=2,3 pads=1,0,0,1 output_padding=1,2 | Conv x w:4x5x3x3
        | MatMul w:5x11 x | ConvTranspose x w:6x2x3x2 strides=2,3 output_shape=22,38 group=2 | MatMul x w:13x4
        | LRN x size=3 | Hann x | MaxPool x kernel_shape=3,2 strides=3,3 ceil_mode=1 dilations=2,1
        | InstanceNormalization x s:6 b:6 | Pow x ~2
        | AveragePool x kernel_shape=3,3 strides=2,2 pads=1,1,1,1 count_include_pad=1 | Softmax x axis=1 | Clip x ~0 ~6
        | LayerNormalization x s:11x13 b:11x13 axis=-2 | GroupNormalization x s:3 b:3 num_groups=3 | PRelu x s:6x1x1
        | Concat x x axis=-1 | Split x 2,4 axis=1 > y z | Gather x 5,0,3 axis=1 | Slice x 9,1 -100,12 2,-1 -2,3
        | Tile x 1,3,2,1 | Reshape x 7,7 | Pad x 0,0,1,2,0,0,3,-4
        | Resize x - ~1,1,2,1.7 coordinate_transformation_mode=asymmetric | Resize x - - 1,6,17,31 mode=cubic
        | ReduceMean x 2,3 keepdims=0 | ReduceL2 x | ArgMax x axis=1 | Cast x to=6
        | Conv x w:6x6x3x3 b:6 > a; BatchNormalization a s:6 b:6 m:6 v:6 > c; Conv c w:6x6x3x3 b:6 > d; Relu d
        | Sigmoid x > a; Mul a x > c; GlobalAveragePool c > d; Flatten d > e; Gemm e w:4x6 b:4 transB=1 alpha=0.5
        | Reshape x 1,2,3,11,13 > a; Transpose a perm=0,2,1,3,4 > b; Reshape b 1,6,11,13 > c; Conv c w:4x6x3x5
        | Shape x > a; Gather a 3 > b; Mul b 2 > c; Concat 1,-1 c axis=0 > d; Reshape x d | Unsqueeze x 0
        | MatMul x w:13x8 > q; Transpose q perm=0,1,3,2 > t; MatMul q t > a; Softmax a > b; MatMul b q
        | DequantizeLinear q:4x6x3x3 ~0.1 > w; Conv x w b:4 | Constant value_floats=1.0,1.0,2.0,1.5 > c; Resize x - c
        | QLinearConv x ~0.1 q:1 q:4x6x3x3 ~0.1 q:1 ~0.1 q:1 > a; Relu a
        | Conv x w:6x6x1x1 > a; Add a x > b; Mul b a""",
    "1x6x17": "Conv x w:5x6x3 pads=2,0 | ConvTranspose x w:6x2x4 strides=3, | ReduceMax x -1 | Gemm x w:6x4 b:3x1",
}

# Runs. An array's name says its shape, its type, and that it has rank 1 or holds NaN and Inf.

DTYPES = "int8 int16 int32 int64 uint8 bool float16 float32 float64 complex64 complex128"
FORMS = """| -s 2x1x3 -p 1:0x2x0:1 --bias 12-{0}.npy | -p same -d 2x1x1 --padding-mode reflect
    | -p full --bias 12-{0}.npy | -p causal -s 1x2x1 | -p 1 --padding-mode circular --no-check
    | --flip -p same-lower --padding-mode replicate | -d 2"""
ALGORITHMS = ("auto", "direct", "rows", "bands", "planes", "winograd", "fft")
CONVOLVED = """1x3x40x44.npy 16x3x3x3.npy -p 1 | 70x90.npy 9x9.npy | 2x16x20x24.npy 32x16x3x3.npy -p same --bias 32.npy
    | 4x900.npy 4x1x31.npy --dims 1 -g 4 | 1x2x9x10x12.npy 4x2x3x3x3.npy -p 1 | 1x4x9x9.npy 4x6x4x4.npy -t t -s 2 -p 1
    | 1x4x12x14-nan.npy 4x4x3x3.npy -p 1 | 1x8x30x6.npy 8x8x5x5-float64.npy -s 2 -p 2 -d 2x1"""
RUNS = """20.npy 5.npy -p same | 3x9x8.npy 3x3x3.npy --dims 2 | 6x7x8.npy 2x3x2.npy --dims 3 | - 3x3.npy
    | 5.npy 2.npy -t 1d | 6x9x8.npy 3x3.npy -t dw -p same | 6x9x8.npy 6x3x3.npy -t dw --dims 2
    | 6x9x8.npy 3x3.npy 4x6x1x1.npy -t ds | 9x8.npy 3x3-rank1.npy -t spatial | 9x8.npy 3x5-int8-rank1.npy -t spatial
    | 3x9x8.npy 4x3x5x5.npy -t spatial --rank 3 | 1x2x7x7x7.npy 3x2x3x3x3-rank1.npy -t spatial -p 1 --bias 3.npy
    | 13x11x6.npy 3x2x6x9.npy --layout channels-last
    | 1x6x7x5.npy 6x2x3x4.npy -t t -g 2 -s 2x3 -p 0:1x2:0 --output-padding 1x2 | 6x5-int64.npy 2x2-float16.npy
    | 3x5x7.npy 3x2x2x3.npy -t t -s 3 --output-size 16x22 | 9x7x6.npy 3x2x4x6.npy --layout channels-last -t t -g 2"""

# Wrong requests by how they begin, and answers that are text

BAD_LAYER = """-k -3 | -k '' | -k 3.5 | -k 3x3x3 -i 3x7x7 | -k 9 | -i 3 | -i 3x7x7x7x7 | -i 0x7x7 | -i 3x7y7 | -s 0 | -f
    | -p some | -p -1 | -p 1:2:3 | -p 1x | -d 0 | -g 2 -f 3 | -t depthwse | -t dw -f 7 | -t dw -m 0 | --stirde 2 | -t 1d
    | -m 2 | --mid-channels 2 | --output-padding 1 | --output-size 9 | --batch 0 | --layout NHWC -i 7
    | -t pointwise -k 3 | -t t -p full | -t t -s 2 --output-padding 2 | -t t --output-size 99 | -t t -k 2 -p 9
    | -t grouped -g 3 -f 4"""
BAD = {
    "": "shap | frobnicate | --jsn | net frob | shape extra | types depthwise | run | cost flattened | cost --dtype f8",
    "rf": """k3q | k | '' | k3k5 | q:k3 | max:k2g2 | max:f3 | k3 -k 3 | k3 -t ds | k3 --batch 2 | k3x3 k3x3x3 | k0 | dw
        | k9 -i 3x7x7 | k3g2 -i 3x7x7 | k3 -i 3 | 1d:k3 -i 3x7x7 | max:k3p2 | k3s | k3p9x9x9x9 | t:k3pfull""",
    "net": "resnet500 | no.toml | no.onnx | folder.toml | empty.toml | text.onnx | --csv | gate.toml -o 5.npy",
    "net gate.toml --check": "--array 5.npy | -o no/y.npy | -o - | --csv",
    "net vgg16": """-i 3 | -i 3x7x7 | --sort no | --only no | --csv | --width 0 | --width 1e3 | --sweep-width 1,,2
        | --array no.npy | --sweep 9..1 | --dtype f8 | --peak 1GOPS | --peak no --bandwidth 1GB/s | --compare no
        | --replace a=b | -o no.npy""",
    "run": """no.npy 3x3.npy | empty.npy 3x3.npy | 9x8.npy text.npy | pickled.npy 3x3.npy | - - | 9x8.npy
        | 9x8.npy 10x9.npy | 3x9x8.npy 4x2x3x3.npy | 6x9x9.npy 5x3x3x3.npy -g 2 | 6x9x8.npy 6x3x3.npy -t dw
        | 9x8.npy 3x3.npy -t spatial""",
    "run 9x8.npy 3x3.npy": """--rank 1 | -k 3 | --dims 4 | -t ds | --bias 2.npy | --padding-mode no | -o no/y.npy
        | --preview | -p 9 --padding-mode reflect | --algorithm no | -o folder.toml | -o - | -t t -p full
        | -t spatial --rank 9""",
}
TEXTS = """| --version | types | types --json | net | net --json | shape | params --explain | cost --compare all
    | net resnet18 | rf k3 k3d2 max:k2s2 t:k4s2p1 --explain | rf k3 k3s2 -i 3x40x40 | cost --explain
    | run 9x8.npy 3x3.npy --preview -o - | net resnet50 --only layer1/1/conv2 --explain | net merges.toml --check
    | net vgg16 --csv | shape --help | net --help"""


def split(rows: str) -> list[str]:
    """The rows of a table."""
    return [" ".join(row.split()) for row in rows.split("|")]


def cut(words: str, dims: int) -> str:
    """The words with values for three axes, as in 5x3x2, cut to so many axes."""
    return re.sub(r"[\d:]+(x[\d:]+){2,}", lambda found: "x".join(found[0].split("x")[: dims - 3 or None]), words)


def lines(starts: Iterable[str], rows: str, ends: Iterable[str] = ("",)) -> list[str]:
    """Every start with every row of a table and every end."""
    return [f"{start} {row} {end}" for start, row, end in product(starts, split(rows), ends)]


def commands() -> dict[str, str]:
    """Every command line, and the group that it belongs to."""
    layers = lines(ASKING, LAYERS) + lines(["cost"], COSTS)
    runs = lines(["run"], RUNS) + lines(["run"], CONVOLVED, [f"--algorithm {name}" for name in ALGORITHMS])
    for number, (type, geometry, dims) in enumerate(product(TYPES, split(GEOMETRIES), (1, 2, 3))):
        kernel = "" if "point" in type else "-k 4x3x2"
        words = cut(f"-t {type} -i 6x23x13x9 {kernel} {TYPES[type][0]} {geometry}", dims)
        layers.append(f"{(*ASKING, 'cost --compare all')[number % 5]} {words} --explain")
    for size, chains in CHAINS.items():
        layers += lines(["rf"], chains, ("", f"-i {size} --explain"))
    for number, (type, form, dims) in enumerate(product(TYPES, split(FORMS), (1, 2, 3))):
        dtype = DTYPES.split()[number % 11]
        shapes = cut(f"2x6x11x13x9 {TYPES[type][1]}", dims).split()[: dims + 1 + (type != "spatially-separable")]
        arrays = " ".join(f"{shape}-{dtype}.npy" for shape in shapes)
        runs.append(f"run {arrays} -t {type} --dims {dims} {cut(form.format(dtype), dims)} -o out-{number}.npy")
    zoo = lines([f"net {name}" for name in ZOO.split()], QUESTIONS) + lines(["net"], SIZED)
    files = lines([f"net {name}.toml" for name in (*NETWORKS, "blocks")], CHANGES)
    files += lines([f"net {name}.onnx" for name in onnx_graphs()], "| --check | --explain")
    wrong = lines(ASKING, BAD_LAYER) + [f"net wrong-{number}.toml" for number in range(len(split(BAD_LAYERS)))]
    wrong += [line for start, rows in BAD.items() for line in lines([start], rows)]
    groups = {"layers": layers, "runs": runs, "zoo": zoo, "files": files, "wrong": wrong}
    named = {f"{line} --json": group for group, some in groups.items() for line in some}
    named |= dict.fromkeys(split(TEXTS), "texts")
    return {shlex.join(shlex.split(line)): group for line, group in named.items()}


def write_files(words: set[str]) -> None:
    """Write into this directory the arrays that are among the words of commands, the networks, and files of neither."""
    import numpy as np

    for word in words:
        if found := re.fullmatch(r"([\dx]+)-?((?:u?int|float|complex)\d+|bool)?-?(nan|rank1)?\.npy", word):
            np.save(word, array(word, *found.groups()))
    np.save("pickled.npy", np.array([{}], object), allow_pickle=True)
    Path("folder.toml").mkdir()
    files = {"empty.toml": "", "empty.npy": "", "text.npy": "1 2", "text.onnx": "1 2"}
    files["blocks.toml"] = BLOCKS.replace("\n    ", " ")
    wrong = {f"wrong-{number}": ("4x8x8", layer) for number, layer in enumerate(split(BAD_LAYERS))}
    for name, (size, rows) in (NETWORKS | wrong).items():
        layers = ", ".join("{" + re.sub(r"^[\w-]+", r'op = "\g<0>"', row) + "}" for row in split(rows))
        files[f"{name}.toml"] = f'input = "{size}"\nlayers = [{layers}]'
    for name, text in files.items():
        Path(name).write_text(text)
    for name, (size, graph) in onnx_graphs().items():
        Path(f"{name}.onnx").write_bytes(onnx_file(size, graph))


def array(name: str, shape: str, dtype: str | None = None, kind: str | None = None) -> Any:
    """Numbers drawn by the array's name, of rank 1 or with NaN and Inf where `kind` says so."""
    import numpy as np

    random, wanted = np.random.default_rng(crc32(name.encode())), np.dtype(dtype or "float32")
    sizes = [int(size) for size in shape.split("x")]
    values: Any = random.standard_normal(sizes) + (1j * random.standard_normal(sizes) if wanted.kind == "c" else 0)
    if kind == "nan":
        values.flat[5], values.flat[-9] = np.nan, np.inf
    elif kind == "rank1":
        values = reduce(np.multiply.outer, [random.integers(1, 4, size) for size in sizes])
    elif wanted.kind in "iub":
        values = np.rint(4 * values)
    return (np.abs(values) if wanted.kind == "u" or name.startswith("v:") else values).astype(wanted)


def onnx_graphs() -> dict[str, tuple[str, str]]:
    """The size of x and the nodes of every graph by its name; none without onnx."""
    graphs = [(size, graph) for size, rows in GRAPHS.items() for graph in split(rows)] if find_spec("onnx") else []
    return {f"graph-{number}": graph for number, graph in enumerate(graphs)}


def onnx_file(size: str, graph: str) -> bytes:
    """A graph as a file, which returns what its last node writes."""
    import numpy as np
    from onnx import ValueInfoProto, helper, numpy_helper

    nodes, arrays = [], dict[str, Any]()
    for read, _, written in (row.partition(" > ") for row in graph.split("; ")):
        op, *words = read.split()
        settings, inputs = dict[str, Any](), [word for word in words if "=" not in word]
        for name, _, text in (word.partition("=") for word in words if "=" in word):
            values = [json.loads(part) if re.match(r"-?\d", part) else part for part in text.split(",") if part]
            settings[name] = values if "," in text else values[0]
        for word in inputs:
            if ":" in word:
                arrays[word] = array(word, word[2:], "int8" if word[0] == "q" else None)
            elif re.match(r"~|-?\d", word):
                arrays[word] = np.array(json.loads(f"[{word.strip('~')}]"), "float32" if word[0] == "~" else "int64")
        inputs = ["" if word == "-" else word for word in inputs]
        nodes.append(helper.make_node(op, inputs, written.split() or ["y"], **settings))
    x = helper.make_tensor_value_info("x", 1, [int(n) for n in size.split("x")])
    weights = [numpy_helper.from_array(values, name) for name, values in arrays.items()]
    made = helper.make_graph(nodes, "g", [x], [ValueInfoProto(name=nodes[-1].output[0])], weights)
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString())


def answer(line: str) -> dict[str, Any]:
    """A command's exit code, what it printed without times and places, and the digest of the file that it wrote."""
    from convcalc.cli import exit_code

    words = shlex.split(line)
    sys.stdin = io.TextIOWrapper(io.BytesIO(Path("9x8.npy").read_bytes()))
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        code = exit_code(words)
    out, err = (stream.buffer.getvalue().decode(errors="backslashreplace") for stream in streams)
    printed = json.loads(out) if out.startswith("{") else re.sub(r"[\d.]+ m?s\b", "? s", out)
    found = {"exit": code, "stdout": printed, "stderr": err.replace(os.getcwd(), ".")}
    if "-o" in words and (path := Path(words[words.index("-o") + 1])).is_file():
        found["wrote"] = sha256(path.read_bytes()).hexdigest()
    return found


def record(path: Path) -> int:
    """Write the answers of all commands to a file, and say how many there are."""
    groups, place = commands(), path.resolve()
    os.environ.update(SETTINGS)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        write_files({word for line in groups for word in shlex.split(line)})
        with ProcessPoolExecutor(None, get_context("spawn"), os.chdir, (folder,)) as workers:
            answers = dict(zip(groups, workers.map(answer, groups, chunksize=4), strict=True))
        os.chdir(place.parent)
    rows = (f"{json.dumps(line)}: {json.dumps(found)}" for line, found in answers.items())
    place.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    counts = Counter(groups.values()) + Counter(f"exit {found['exit']}" for found in answers.values())
    print(f"{len(groups)} commands:", ", ".join(f"{count} {name}" for name, count in counts.items()))
    return 0


def parts(value: Any) -> dict[str, Any] | None:
    """What a value consists of, a text of its lines; None for a plain value."""
    value = value.splitlines() if isinstance(value, str) and "\n" in value else value
    value = {str(number): part for number, part in enumerate(value)} if isinstance(value, list) else value
    return value if isinstance(value, dict) else None


def differences(old: Any, new: Any, ignored: Sequence[str], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, old, new) of all that differs; an ignored glob is that of a path such as stdout.layers.0, or its end."""
    if any(fnmatchcase(path, glob) or fnmatchcase(path, f"*.{glob}") for glob in ignored):
        return
    before, after = parts(old), parts(new)
    if before is not None and after is not None:
        for key in before | after:
            below = f"{path}.{key}" if path else key
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), ignored, below)
    elif repr(old) != repr(new):
        yield path, old, new


def compare(old: Path, new: Path, ignored: Sequence[str]) -> int:
    """Print what differs between two recordings, and how often by kind; 1 if anything does."""
    before, after = (json.loads(path.read_text()) for path in (old, new))
    kinds, changed = Counter[str](), set()
    for line in before | after:
        for path, was, now in differences(before.get(line, MISSING), after.get(line, MISSING), (*IGNORED, *ignored)):
            changed.add(line)
            kinds[re.sub(r"\.\d+", ".*", path) or "command"] += 1
            if kinds.total() <= MAX_PRINTED:
                print(f"convcalc {line[:200]}\n    {path}: {str(was)[:100]!r} -> {str(now)[:100]!r}")
    print(f"{len(before | after)} commands, {len(changed)} that differ, in {kinds.total()} places")
    for kind, count in kinds.most_common():
        print(f"{count:8} {kind}")
    return int(bool(kinds))


def main() -> int:
    """Record or compare, as the command line says; the exit code."""
    parser = ArgumentParser(description="Record what convcalc answers, or compare two recordings.")
    parser.add_argument("task", choices=("record", "compare"), help="exit 1 if anything differs")
    parser.add_argument("files", metavar="FILE.json", type=Path, nargs="+", help="one to write, or two to compare")
    parser.add_argument("--ignore", metavar="GLOB", action="append", default=[], help="JSON paths, or their ends")
    asked = parser.parse_args()
    if len(asked.files) != (2 if asked.task == "compare" else 1):
        parser.error("record takes one file and compare two")
    sys.set_int_max_str_digits(0)
    return record(asked.files[0]) if asked.task == "record" else compare(asked.files[0], asked.files[1], asked.ignore)


if __name__ == "__main__":
    sys.exit(main())
