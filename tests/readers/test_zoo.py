"""The zoo against published figures: one row per network, every number with its source."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pytest

from convcalc.questions.report import Report, network_report
from convcalc.readers import ZOO, load_network, zoo_names
from convcalc.readers.toml.document import network_from_toml
from tests.commands import OnTerminal, Run

TORCHVISION = "torchvision 0.28, num_params and _ops of the weights"


@dataclass(frozen=True)
class Published:
    """What a source says of a network: parameters, multiplications in thousand millions as it prints them, output."""

    name: str
    parameters: int
    gmacs: str
    input: str
    output: tuple[int, ...]
    source: str


CLASSES = (1000,)
PUBLISHED = [
    Published("alexnet", 61_100_840, "0.714", "3x224x224", CLASSES, TORCHVISION),
    Published("convnext-tiny", 28_589_128, "4.456", "3x224x224", CLASSES, TORCHVISION),
    Published("dcgan-generator", 3_576_704, "0.105", "100x1x1", (3, 64, 64), "counted in PyTorch on its example dcgan"),
    Published("deeplab-v3-aspp", 15_535_104, "63.408", "2048x65x65", (256, 65, 65), "counted on torchvision's ASPP"),
    Published("densenet121", 7_978_856, "2.834", "3x224x224", CLASSES, TORCHVISION),
    Published("efficientnet-b0", 5_288_548, "0.386", "3x224x224", CLASSES, TORCHVISION),
    Published("googlenet", 6_624_904, "1.498", "3x224x224", CLASSES, TORCHVISION),
    # torchvision prints 27,161,264 with the auxiliary head: conv0 768x128 and conv1 128x768x5x5, each with a batch
    # norm, and a linear layer of 768x1000 and a bias
    Published("inception-v3", 27_161_264 - (768 * 128 + 2 * 128 + 128 * 768 * 25 + 2 * 768 + 768 * 1000 + 1000),
              "5.713", "3x299x299", CLASSES, TORCHVISION),
    # the paper says 4.2 million
    Published("mobilenet-v1", 4_231_976, "0.569", "3x224x224", CLASSES, "Howard et al. 2017, table 4"),
    Published("mobilenet-v2", 3_504_872, "0.301", "3x224x224", CLASSES, TORCHVISION),
    Published("mobilenet-v3-large", 5_483_032, "0.217", "3x224x224", CLASSES, TORCHVISION),
    Published("r2plus1d-18", 31_505_325, "40.519", "3x16x112x112", (400,), TORCHVISION),
    Published("r3d-18", 33_371_472, "40.697", "3x16x112x112", (400,), TORCHVISION),
    Published("resnet18", 11_689_512, "1.814", "3x224x224", CLASSES, TORCHVISION),
    Published("resnet50", 25_557_032, "4.089", "3x224x224", CLASSES, TORCHVISION),
    # as many parameters as torchvision's, wherever the stride is
    Published("resnet50-v1", 25_557_032, "3.8", "3x224x224", CLASSES, "He et al. 2015, table 1"),
    Published("resnext50-32x4d", 25_028_904, "4.23", "3x224x224", CLASSES, TORCHVISION),
    # the paper prints no parameters
    Published("shufflenet-v1", 1_865_728, "0.137", "3x224x224", CLASSES, "Zhang et al. 2018, table 1"),
    Published("shufflenet-v2-x1", 2_278_604, "0.145", "3x224x224", CLASSES, TORCHVISION),
    Published("squeezenet1-1", 1_235_496, "0.349", "3x224x224", CLASSES, TORCHVISION),
    Published("unet", 31_030_658, "150.428", "1x572x572", (2, 388, 388), "counted in PyTorch on figure 1 of the paper"),
    Published("vgg16", 138_357_544, "15.47", "3x224x224", CLASSES, TORCHVISION),
    # ten layers of two 2x32x32, 32x512 and 32x32; before them 2x256x32, after them 512x512 and 512x256
    Published("wavenet", 10 * (2 * 2 * 32 * 32 + 32 * 512) + 9 * 32 * 32 + 256 * 32 + 512 * 512 + 512 * 256,
              "9.847", "256x16000", (256, 16000), "worked out by hand: every weight once a sample"),
    Published("wide-resnet50-2", 68_883_240, "11.398", "3x224x224", CLASSES, TORCHVISION),
]  # fmt: skip
EVERY = pytest.mark.parametrize("published", PUBLISHED, ids=lambda row: row.name)


@cache
def report(name: str, size: str | None = None, width: float = 1.0) -> Report:
    return network_report(load_network(name, input=size, width=width))


def prints_as(count: int, printed: str, unit: int) -> bool:
    """Whether a count, in this unit, is what a table prints, which may have rounded it or cut it off."""
    exact, place = Decimal(count) / unit, Decimal(printed)
    return place in (exact.quantize(place, ROUND_HALF_UP), exact.quantize(place, ROUND_DOWN))


def test_every_network_has_its_row_and_its_source() -> None:
    assert tuple(row.name for row in PUBLISHED) == zoo_names()
    for name in zoo_names():
        document = tomllib.loads((Path(ZOO) / f"{name}.toml").read_text())
        assert document["name"] == name
        assert document["source"]


@EVERY
def test_parameters(published: Published) -> None:
    assert report(published.name).cost.parameters == published.parameters


@EVERY
def test_multiplications(published: Published) -> None:
    assert prints_as(report(published.name).cost.multiplications, published.gmacs, 10**9)


@EVERY
def test_input_and_output(published: Published) -> None:
    answered = report(published.name)
    assert "x".join(map(str, answered.input)) == published.input
    assert answered.output == published.output
    assert not answered.unsupported


@EVERY
@pytest.mark.parametrize("width", [0.25, 0.5, 2])
def test_every_width_fits_together(published: Published, width: float) -> None:
    answered = report(published.name, width=width)
    assert answered.output is not None
    assert answered.output[-1] == published.output[-1]
    assert (answered.cost.parameters < published.parameters) == (width < 1)


# Elements of running_mean and running_var in torchvision's models, which have a batch norm wherever ours do.
BUFFERS = [
    ("convnext-tiny", 0),
    ("densenet121", 83_648),
    ("efficientnet-b0", 42_016),
    ("mobilenet-v2", 34_112),
    ("mobilenet-v3-large", 24_400),
    ("r2plus1d-18", 25_350),
    ("resnet50", 53_120),
    ("shufflenet-v2-x1", 16_180),
    ("vgg16", 0),
]


@pytest.mark.parametrize(("name", "buffers"), BUFFERS)
def test_running_statistics(name: str, buffers: int) -> None:
    answer = report(name).to_dict()
    assert answer["totals"]["buffers"] == buffers == sum(layer["buffers"] for layer in answer["layers"])


# Araujo, Norris & Sim 2019, Computing Receptive Fields of Convolutional Neural Networks, table 1. Padding shifts a
# field and leaves its size, so that torchvision's padding of 1 and TensorFlow's `same` have the same row.
ARAUJO = [
    ("alexnet", "pool5", 195, 32),
    ("vgg16", "pool5", 212, 32),
    ("resnet50-v1", "layer4/3/relu3", 483, 32),
    ("mobilenet-v1", "block13/relu2", 315, 32),
    ("inception-v3", "Mixed_7c/concat", 1311, 32),
]


@pytest.mark.parametrize(("name", "layer", "size", "jump"), ARAUJO)
def test_receptive_fields_of_the_table(name: str, layer: str, size: int, jump: int) -> None:
    [row] = [row for row in report(name).layers if row.name == layer]
    assert [(axis.size, axis.jump) for axis in row.receptive_field] == [(size, jump)] * 2


@pytest.mark.parametrize(
    ("depth", "layer2", "layer3", "size"), [(50, 4, 6, 483), (101, 4, 23, 1027), (152, 8, 36, 1507)]
)
def test_receptive_fields_of_deeper_resnets(depth: int, layer2: int, layer3: int, size: int) -> None:
    """Araujo, Norris & Sim 2019, table 1; He et al. 2015, table 1 for the depths."""
    text = (Path(ZOO) / "resnet50-v1.toml").read_text()
    text = text.replace("repeat = 4", f"repeat = {layer2}").replace("repeat = 6", f"repeat = {layer3}")
    answered = network_report(network_from_toml(text.encode(), f"resnet{depth}.toml"))
    assert {axis.size for axis in answered.receptive_field} == {size}


def test_other_receptive_fields() -> None:
    assert {axis.size for axis in report("resnet50").receptive_field} == {427}  # the stride in the 3x3 instead
    # van den Oord et al. 2016, section 2.1: 1024 for a stack of dilations up to 512, here after one causal layer
    assert [axis.size for axis in report("wavenet").receptive_field] == [1024]  # van den Oord et al. 2016, section 2.1
    assert not [note for note in report("unet").notes if "misaligned" in note]
    assert not [note for note in report("wavenet").notes if "misaligned" in note]  # causal, on its newest sample


# Howard et al. 2017, tables 6 and 7: width, input, mult-adds and parameters in millions.
MOBILENETS = [
    (1.0, 224, "569", "4.2"),
    (0.75, 224, "325", "2.6"),
    (0.5, 224, "149", "1.3"),
    (0.25, 224, "41", "0.5"),
    (1.0, 192, "418", "4.2"),
    (1.0, 160, "290", "4.2"),
    (1.0, 128, "186", "4.2"),
]


@pytest.mark.parametrize(("width", "size", "multiplications", "parameters"), MOBILENETS)
def test_mobilenets_of_every_width_and_size(width: float, size: int, multiplications: str, parameters: str) -> None:
    answered = report("mobilenet-v1", f"3x{size}x{size}", width)
    assert prints_as(answered.cost.multiplications, multiplications, 10**6)
    assert prints_as(answered.cost.parameters, parameters, 10**6)


def test_mobilenet_of_full_convolutions() -> None:
    """Howard et al. 2017, table 4: 4866 million mult-adds and 29.3 million parameters.

    The table's 4866 are the convolutions' alone; the linear layer, 1024x1000, would make it 4867.
    """
    document = (Path(ZOO) / "mobilenet-v1.toml").read_text()
    full = document.replace('op = "depthwise",', 'op = "conv", filters = "filters",')
    before, pointwise = full.split('    {name = "pointwise"')
    answered = network_report(network_from_toml(f"{before}]".encode(), "full.toml"))
    assert pointwise.count("\n") == 4  # the pointwise convolution, its norm, its ReLU, the bracket
    assert prints_as(answered.by_kind()["conv"].multiplications, "4866", 10**6)
    assert prints_as(answered.cost.parameters, "29.3", 10**6)


# _make_divisible, the rounding of channels to eights, counted in PyTorch on torchvision's models.
WIDTHS = [
    ("mobilenet-v2", 0.25, 1_519_112),
    ("mobilenet-v2", 0.35, 1_677_128),
    ("mobilenet-v2", 0.5, 1_968_680),
    ("mobilenet-v2", 0.75, 2_636_424),
    ("mobilenet-v2", 1.3, 5_386_792),
    ("mobilenet-v2", 1.4, 6_108_776),
    ("mobilenet-v2", 2, 11_258_088),
    ("mobilenet-v3-large", 0.35, 997_064),
    ("mobilenet-v3-large", 0.5, 1_734_576),
    ("mobilenet-v3-large", 0.75, 3_377_576),
    ("mobilenet-v3-large", 1.25, 8_164_744),
    ("mobilenet-v3-large", 2, 19_121_216),
    ("efficientnet-b0", 0.5, 1_712_522),
    ("efficientnet-b0", 1.4, 9_670_210),
]


@pytest.mark.parametrize(("name", "width", "parameters"), WIDTHS)
def test_channels_in_eights(name: str, width: float, parameters: int) -> None:
    assert report(name, width=width).cost.parameters == parameters


def test_the_last_convolution_of_mobilenet_v2_grows_above_width_1() -> None:
    """Sandler et al. 2018, table 4: 585 million multiply-adds and 6.9 million parameters at 1.4; torchvision's model
    gives 582 million, counted layer by layer."""
    assert report("mobilenet-v2", width=1.4).cost.multiplications == 582_195_824


def test_shufflenet_in_half() -> None:
    """Zhang et al. 2018, table 2, 3 groups: 38 million multiply-adds."""
    assert prints_as(report("shufflenet-v1", width=0.5).cost.multiplications, "38", 10**6)


@pytest.mark.parametrize("name", zoo_names())
def test_notes_hold_for_any_input(name: str) -> None:
    """A size in the file's notes is one that a source has, never one of the network at its own input."""
    sizes = [note for note in load_network(name).notes if re.search(r"\d{2,}x\d{2,}", note)]
    assert all("torchvision" in note or "table" in note for note in sizes)


def test_the_list_has_a_line_a_network(on_terminal: OnTerminal, output: Run) -> None:
    """In a pipe with the source in full; on a terminal of 80 columns with its first author."""
    listed = json.loads(output("net", "--json"))["zoo"]
    header, *rows = [line.split("\t") for line in output("net").splitlines()]
    assert header == ["network", "parameters", "multiplications", "input", "year", "source"]
    shown = on_terminal(80, "net")
    for published, network, row in zip(PUBLISHED, listed, rows, strict=True):
        assert row == [str(network[key]) for key in ("name", *header[1:])]
        assert (network["name"], network["parameters"]) == (published.name, published.parameters)
        counts = rf" {network['parameters']:,} +{network['multiplications']:,} +{network['input']} "
        [line] = [line for line in shown if re.search(counts, line)]
        year, author = line.split(maxsplit=5)[4:]
        assert re.match(rf"{author}( et al\.| &|,)?.* {year}, ", network["source"])
    assert output("net", "--columns", "network,year").splitlines()[1] == "alexnet\t2014"
