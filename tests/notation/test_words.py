"""Layer words: what each way of writing one says, and the message for what cannot be read."""

from __future__ import annotations

import re
from random import Random
from time import perf_counter
from typing import Any

import pytest

from convcalc.errors import NotationError
from convcalc.notation import (
    LETTERS,
    MAX_LAYERS,
    PADDING_WORDS,
    LayerWord,
    is_size,
    parse_layer,
    parse_padding,
    parse_words,
)
from convcalc.notation.vocabulary import NUMBERED, WORDS
from convcalc.readers.toml.ops import OPS
from convcalc.recipes import BY_NAME

TYPES = tuple(BY_NAME)


def refused(message: str) -> Any:
    return pytest.raises(NotationError, match=f"^{message}")


@pytest.mark.parametrize(
    ("word", "op", "values"),
    [
        ("k3s2p1d2", "standard", {"kernel": "3", "stride": "2", "padding": "1", "dilation": "2"}),
        ("max:k3s2p1", "max_pool", {"kernel": "3", "stride": "2", "padding": "1"}),
        ("avg:k2s2", "avg_pool", {"kernel": "2", "stride": "2"}),
        ("t:k4s2p1a1", "t", {"kernel": "4", "stride": "2", "padding": "1", "output_padding": "1"}),
        ("f64k3p1", "standard", {"filters": "64", "kernel": "3", "padding": "1"}),
        ("k3x5", "standard", {"kernel": "3x5"}),
        ("k3×5,7s1x2", "standard", {"kernel": "3×5,7", "stride": "1x2"}),
        ("k3psame", "standard", {"kernel": "3", "padding": "same"}),
        ("psamed2", "standard", {"padding": "same", "dilation": "2"}),
        ("k3psame-lowers2", "standard", {"kernel": "3", "padding": "same-lower", "stride": "2"}),
        ("k3psame_lowers2", "standard", {"kernel": "3", "padding": "same_lower", "stride": "2"}),
        ("k3pSAME", "standard", {"kernel": "3", "padding": "SAME"}),
        ("k3pSAME_UPPERs2", "standard", {"kernel": "3", "padding": "SAME_UPPER", "stride": "2"}),
        ("k3pSAMEs2", "standard", {"kernel": "3", "padding": "SAME", "stride": "2"}),
        ("k3pVALIDb", "standard", {"kernel": "3", "padding": "VALID", "bias": True}),
        ("k3pfullf8", "standard", {"kernel": "3", "padding": "full", "filters": "8"}),
        ("k3pcausalf8", "standard", {"kernel": "3", "padding": "causal", "filters": "8"}),
        ("k3pcausald2", "standard", {"kernel": "3", "padding": "causal", "dilation": "2"}),
        ("k3p0:1x2:3g4", "standard", {"kernel": "3", "padding": "0:1x2:3", "groups": "4"}),
        ("p0:1x2:2", "standard", {"padding": "0:1x2:2"}),
        ("p0:1k3", "standard", {"padding": "0:1", "kernel": "3"}),
        ("p1", "standard", {"padding": "1"}),
        ("k3b", "standard", {"kernel": "3", "bias": True}),
        ("bk3", "standard", {"kernel": "3", "bias": True}),
        ("depthwise:k3p0:1", "depthwise", {"kernel": "3", "padding": "0:1"}),
        ("dw:k3m2", "dw", {"kernel": "3", "multiplier": "2"}),
        ("ds:k3f64b", "ds", {"kernel": "3", "filters": "64", "bias": True}),
        ("max:k3s2c", "max_pool", {"kernel": "3", "stride": "2", "ceil_mode": True}),
        ("max:ck3psame", "max_pool", {"kernel": "3", "padding": "same", "ceil_mode": True}),
        ("max:k2d3", "max_pool", {"kernel": "2", "dilation": "3"}),
        ("1x1:f8", "1x1", {"filters": "8"}),
        ("1x1:", "1x1", {}),
        ("1x1", "1x1", {}),
        ("dw", "dw", {}),
        ("conv:k3", "conv", {"kernel": "3"}),
        ("DW:k3", "dw", {"kernel": "3"}),
        ("maxpool:k2", "max_pool", {"kernel": "2"}),
        ("max_pool:k2", "max_pool", {"kernel": "2"}),
        ("Max:k2", "max_pool", {"kernel": "2"}),
        ("avgpool:k2", "avg_pool", {"kernel": "2"}),
        ("deconvolution:k4s2", "transposed", {"kernel": "4", "stride": "2"}),
        ("SeparableConv2D:k3f8", "depthwise-separable", {"kernel": "3", "filters": "8"}),
        ("gap", "global_avg_pool", {}),
        ("GAP", "global_avg_pool", {}),
        ("gmp", "global_max_pool", {}),
        ("fc1000", "linear", {"filters": "1000"}),
        ("fc1000b", "linear", {"filters": "1000", "bias": True}),
        ("linear10", "linear", {"filters": "10"}),
        ("Dense10b", "linear", {"filters": "10", "bias": True}),
        ("bn", "batch_norm", {}),
        ("BatchNorm2d", "batch_norm", {}),
        ("ReLU", "relu", {}),
        ("relu6", "relu6", {}),
        ("hswish", "hard_swish", {}),
        ("hard_swish", "hard_swish", {}),
        ("up2", "upsample", {"factor": "2"}),
        ("up2x1", "upsample", {"factor": "2x1"}),
        ("shuffle3", "channel_shuffle", {"groups": "3"}),
        ("gn32", "group_norm", {"groups": "32"}),
        ("flatten", "flatten", {}),
        ("softmax", "softmax", {}),
    ],
)  # fmt: skip
def test_layer_words(word: str, op: str, values: dict[str, Any]) -> None:
    layer = parse_layer(word, TYPES)
    assert (layer.text, layer.op, layer.values) == (word, op, values)


@pytest.mark.parametrize(
    ("word", "dims"),
    [("k3", None), ("3d:k3", 3), ("1d:k3", 1), ("Conv2d:k3", 2), ("MaxPool3d:k2", 3), ("max:k2", None), ("gap", None)],
)
def test_axes_that_a_word_states(word: str, dims: int | None) -> None:
    assert parse_layer(word, TYPES).dims == dims


def test_only_the_types_given_stand_before_a_colon() -> None:
    assert parse_layer("max:k2", []).op == "max_pool"
    with refused("dw:k3: unknown layer type 'dw'"):
        parse_layer("dw:k3", ["t"])


def test_repetitions() -> None:
    layers = parse_words(["k3p1f64*3", "max:k2", "Conv2d(64, 64, 3)*2", "relu * 2", "1x1*2"], TYPES)
    assert [layer.text for layer in layers] == ["k3p1f64"] * 3 + ["max:k2"] + ["Conv2d(64, 64, 3)"] * 2 + [
        "relu", "relu", "1x1", "1x1",
    ]  # fmt: skip
    assert layers[0].values == layers[2].values == {"kernel": "3", "padding": "1", "filters": "64"}


def test_a_row_has_an_end() -> None:
    assert len(parse_words([f"k3*{MAX_LAYERS}"], TYPES)) == MAX_LAYERS
    with refused(r"k3\*20001: repetitions: must be at most 20,000, got 20001; use fewer"):
        parse_words(["k3*20001"], TYPES)
    with refused(r"k5\*10001: a row may stand for 20,000 layers, got more"):
        parse_words(["k3*10000", "k5*10001"], TYPES)
    with refused(r"k3\*9{74}\.\.\.: repetitions: a number may have 100 digits"):
        parse_words(["k3*" + "9" * 101], TYPES)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("k", "k: cannot read 'k', k .kernel. takes a number; a layer is written like"),
        ("", "'': cannot read ''; a layer is written like"),
        ("k3q5", "k3q5: cannot read 'q5', which is no letter here; .* with the letters k s p d g f a m b c$"),
        ("k-3", "k-3: cannot read 'k-3'"),
        ("k3x", "k3x: cannot read 'x'"),
        ("k3xs2", "k3xs2: cannot read 'xs2'"),
        ("K3S2", "K3S2: cannot read 'K3S2'; did you mean k3s2[?]$"),
        ("k３", "k３: cannot read 'k３'"),
        ("k3 s2", "k3 s2: cannot read ' s2'; did you mean k3s2[?]"),
        ("k=3", "k=3: cannot read 'k=3', k .kernel. takes a number; did you mean k3[?]"),
        ("k3k5", r"k3k5: k \(kernel\) is given twice; give it once"),
        ("k3bb", r"k3bb: b \(bias\) is given twice"),
        ("k3psome", "k3psome: cannot read 'psome', p .padding. takes numbers or a word; did you mean k3psame[?]"),
        ("k3pvald", "k3pvald: cannot read 'pvald', p .padding. takes numbers or a word; did you mean k3pvalid[?]"),
        ("k3p1:", "k3p1:: cannot read ':'"),
        ("f3x5", "f3x5: cannot read 'x5'"),
        ("k3c", "k3c: a convolution has no ceil mode, got c; leave c out"),
        ("max:k3f8", "max:k3f8: a pool has no filters, got 8; leave f8 out"),
        ("max:k3b", "max:k3b: a pool has no bias, got b; leave b out"),
        ("avg:k3m2", "avg:k3m2: a pool has no multiplier, got 2; leave m2 out"),
        ("max:k3a1", "max:k3a1: a pool has no output padding, got 1; leave a1 out"),
        ("maximum:k3", "maximum:k3: unknown layer type 'maximum'; did you mean max:k3[?]$"),
        ("maxx:k2", "maxx:k2: unknown layer type 'maxx'; did you mean max:k2[?]"),
        ("dpethwise:k3", "dpethwise:k3: unknown layer type 'dpethwise'; did you mean depthwise:k3[?]"),
        (":k3", ":k3: unknown layer type ''; did you mean k3[?]"),
        ("max:t:k3", "max:t:k3: cannot read 't:k3'"),
        ("k3s2:1", "k3s2:1: cannot read ':1'"),
        ("k3:s2", "k3:s2: cannot read ':s2'; did you mean k3s2[?]"),
        ("gpa", "gpa: cannot read 'gpa'; did you mean gap[?]"),
        ("rellu", "rellu: cannot read 'rellu'; did you mean relu[?]"),
        ("fcc10", "fcc10: cannot read 'fcc10'; did you mean fc10[?]"),
        ("fc", r"fc: needs its number \(filters\), got none; .*write for example fc1000"),
        ("up", r"up: needs its number \(factor\), got none; .*write for example up2"),
        ("fc10x2", "fc10x2: filters must be one number, got 10x2"),
        ("up2b", r"up2b: only a linear layer's word may end in b \(bias\); leave the b out"),
        ("shuffle2x2", "shuffle2x2: groups must be one number"),
        ("k3*0", r"k3\*0: repetitions: must be at least 1, got 0; write for example k3\*2"),
        ("k3*x", r"k3\*x: repetitions: must be a whole number of at least 1, got 'x'; write for example k3\*2"),
        ("k3*", r"k3\*: repetitions: must be a whole number"),
        ("k3*2*2", r"k3\*2\*2: "),
        ("*3", r"\*3: cannot read ''"),
        ("(k3p1)*3", r"\(k3p1\)\*3: cannot read"),
        ("3x3", "3x3: is a size, not a layer; write k3x3 for a kernel; a size comes before the layers"),
        ("k3d", "k3d: cannot read 'd', d .dilation. takes a number; a layer"),
        ("up2.5", r"up2.5: factor must be whole numbers, got 2.5; use Upsample\(scale_factor=2.5\)$"),
        ("conv3", "conv3: cannot read 'conv3'; did you mean conv:k3[?]"),
        ("conv2d3x3s2", "conv2d3x3s2: cannot read 'conv2d3x3s2'; did you mean conv:k3x3s2[?]"),
        ("dw3m2", "dw3m2: cannot read 'dw3m2'; did you mean dw:k3m2[?]"),
        ("max2", "max2: cannot read 'max2'; did you mean max:k2[?]"),
        ("maxpool:2s2", "maxpool:2s2: cannot read '2s2', which has no letter before it; did you mean maxpool:k2s2[?]"),
        ("linear:10", "linear:10: unknown layer type 'linear'; did you mean linear10[?]"),
        ("k3SAMEs2", "k3SAMEs2: cannot read 'SAMEs2'; did you mean k3psames2[?]"),
        ("k3,s2", "k3,s2: cannot read ',s2'; did you mean k3s2[?]$"),
        ("p-1", r"p-1: cannot read 'p-1', p \(padding\) takes numbers or a word; did you mean p1"),
        ("k3b2", "k3b2: cannot read '2', which has no letter before it; a layer is"),
        ("foo:k3", "foo:k3: unknown layer type 'foo'; convcalc types lists them, max and avg are pools$"),
        ("deform:k3s2", "deform:k3s2: .* its taps move with the data; write standard:k3s2,"),
        ("causal:k3", "causal:k3: 'causal' is a padding, not a type; write k3pcausal$"),
        ("attention", "attention: is no layer word here: it is no convolution; export the network to ONNX, for net$"),
        ("conv lstm", "conv lstm: is no layer word here: it is recurrent; write standard:k3, on input plus hidden"),
        ("sperable", "sperable: cannot read 'sperable'; did you mean separable:k3[?]"),
        ("shuffle", r"shuffle: needs its number \(groups\), got none; write for example shuffle3$"),
    ],
)  # fmt: skip
def test_layer_words_that_cannot_be_read(word: str, message: str) -> None:
    with refused(message) as raised:
        parse_layer(word, TYPES)
    for near in re.findall(r"did you mean (.*?)\?|write for example (\S+)", str(raised.value)):
        assert parse_words([near[0] or near[1]], TYPES), "a remedy can be read"


def test_every_kind_of_message_says_what_was_received() -> None:
    long = "k" * 5000
    with refused("k{77}[.]{3}: cannot read 'k{76}[.]{3}; a layer is") as raised:
        parse_layer(long, TYPES)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("text", ["k3p1" * 500, "p" * 3000, "k3," * 2000, "p0:1x" * 1500 + ":", "*" * 3000, "a" * 3000])
def test_long_nonsense_is_refused_soon(text: str) -> None:
    begin = perf_counter()
    with refused(""):
        parse_words([text], TYPES)
    assert perf_counter() - begin < 1


def test_every_word_is_an_op_of_network_files_and_every_example_can_be_read() -> None:
    assert set(WORDS.values()) <= set(OPS)
    assert {op for op, _, _ in NUMBERED.values()} <= set(OPS)
    for op, option, example in NUMBERED.values():
        layer = parse_layer(example, TYPES)
        assert layer.op == op
        assert list(layer.values) == [option]
    for word, op in WORDS.items():
        assert parse_layer(word, TYPES).op == op


@pytest.mark.parametrize(
    "text",
    ["3x224x224", "3,224,224", "(3, 224, 224)", "[3, 224, 224]", "3 x 5", "224x224x3", "1x16000", "3×5×7", "784",
     "3x0x5", "3xx5", "3x5x", "3x-1x5", "3.5x2", "-3x5", "(3, 224", "1x1x1", "(1, 1)", "3*224*224", " 3x5 "],
)  # fmt: skip
def test_sizes_are_told_from_words(text: str) -> None:
    assert is_size(text)


@pytest.mark.parametrize(
    "text",
    ["k3", "3d:k3", "3d", "1x1", "1x1:f8", "1×1", "1x1*3", "gap", "Conv2d(3, 64, 3)", "", "-", ".", "(", "resnet50",
     "x", "2net.toml", "k3x224", "(k3)*3", "４x５"],
)  # fmt: skip
def test_words_are_told_from_sizes(text: str) -> None:
    assert not is_size(text)


def test_every_type_is_no_size() -> None:
    assert not [name for name in BY_NAME if is_size(name)]


PLAIN = {"kernel": 1, "stride": 1, "dilation": 1, "output_padding": 0}


def _random_layer(random: Random) -> tuple[str, dict[str, Any]]:
    """A type and options, as the word's letters say them."""
    axes = random.randint(1, 3)
    kind = random.choice(["", "max", "avg", "t", "ds", "depthwise", "1x1", "3d", "spatially-separable"])
    letters = "kspdc" if kind in ("max", "avg") else "kspdgfamb"
    values: dict[str, Any] = {}
    for letter in random.sample(letters, random.randint(1, len(letters))):
        name = LETTERS[letter]
        if letter in "bc":
            values[name] = True
        elif letter in "gfm":
            values[name] = str(random.randint(1, 5000))
        elif letter == "p" and random.random() < 0.5:
            word = random.choice(PADDING_WORDS)
            values[name] = random.choice([word, word.upper(), word.replace("-", "_").upper()])
        elif letter == "p":
            pairs = [
                random.choice(["{}", "{}:{}"]).format(random.randint(0, 9), random.randint(0, 99)) for _ in range(axes)
            ]
            values[name] = random.choice("x×,").join(pairs)
        else:
            values[name] = random.choice("x×,").join(str(random.randint(PLAIN[name], 40)) for _ in range(axes))
    return kind, values


def test_words_made_from_options_say_the_same_options() -> None:
    random = Random(20260)
    by_name = {name: letter for letter, name in LETTERS.items()}
    for _ in range(3000):
        kind, values = _random_layer(random)
        letters = "".join(by_name[n] + ("" if value is True else value) for n, value in values.items())
        word = f"{kind}:{letters}" if kind else letters
        times = random.choice([1, 1, 2, 7])
        layers = parse_words([word if times == 1 else f"{word}*{times}"], TYPES)
        op = {"": "standard", "max": "max_pool", "avg": "avg_pool"}.get(kind, kind)
        assert layers == (LayerWord(word, op, values, 3 if kind == "3d" else None),) * times, word
        if "padding" in values:
            parse_padding(values["padding"], len(re.split("[x×,]", values["padding"])))


def test_long_rows_are_read_at_once() -> None:
    words = [f"k3p1f{64 << i % 4}" for i in range(1600)]
    best = min(_seconds(words) for _ in range(5))
    assert best < 0.005


def _seconds(words: list[str]) -> float:
    begin = perf_counter()
    parse_words(words, TYPES)
    return perf_counter() - begin
