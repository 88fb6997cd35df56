"""Lint on whole networks, on files and on one layer by its options: what it finds, and that what it advises mends."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from convcalc.questions.lint import RULES, Finding, lint
from convcalc.questions.subject import subject_of
from convcalc.readers import zoo_names
from tests.commands import OnTerminal, Run

SHORTCUT = "kernel 1, stride 2 reads 1 of every 4 pixels; another branch reads the rest"
ZOO = {
    "deeplab-v3-aspp": {("convs/3/conv", "padding-share")},  # the paper, section 3.3: rate 36 becomes a 1x1 convolution
    "r2plus1d-18": {
        ("layer2/1/downsample/conv1 and 2 more", "skipped-pixels"),
        ("layer2/1/conv1/spatial and 1 more", "channel-multiple"),  # 230, 460 and 921: the paper's matched parameters
        ("layer3/1/conv1/spatial and 1 more", "channel-multiple"),
        ("layer4/1/conv1/spatial and 1 more", "channel-multiple"),
    },
    "r3d-18": {("layer2/1/downsample/conv1 and 2 more", "skipped-pixels")},
    "resnet18": {("layer2/1/downsample/conv1 and 2 more", "skipped-pixels")},
    "resnet50": {("layer2/1/downsample/conv1 and 2 more", "skipped-pixels")},
    "resnet50-v1": {("layer2/1/conv1 and 5 more", "skipped-pixels")},
    "resnext50-32x4d": {("layer2/1/downsample/conv1 and 2 more", "skipped-pixels")},
    "wide-resnet50-2": {("layer2/1/downsample/conv1 and 2 more", "skipped-pixels")},
    "shufflenet-v1": {
        ("stage2/down/branch/gconv1 and 3 more", "channel-multiple"),  # 60 channels, read in 3 groups: 72
    },
    "shufflenet-v2-x1": {
        ("stage2/down/branch1/pointwise/conv and 8 more", "channel-multiple"),  # 58
        ("stage3/down/branch1/pointwise/conv and 16 more", "channel-multiple"),  # 116
    },
    "squeezenet1-1": {
        ("relu10", "small-receptive-field"),  # 207 of 224
        ("conv1", "unread-border"),  # unpadded: (224 - 3) / 2 leaves a pixel
    },
}
"""Every finding in the zoo, each looked at; all other networks have none."""


def found(model: str, rule: str, size: str | None = None) -> list[Finding]:
    return [finding for finding in lint(subject_of([model], size)).findings if finding.rule == rule]


def test_the_zoo_has_these_findings_and_no_others() -> None:
    for name in zoo_names():
        findings = lint(subject_of([name])).findings
        assert {(finding.where, finding.rule) for finding in findings} == ZOO.get(name, set()), name
        assert all(finding.fix for finding in findings)


def test_a_shortcut_that_skips_is_told_from_a_block_that_loses_pixels() -> None:
    assert [f.text for f in found("resnet50", "skipped-pixels")] == [SHORTCUT]
    [finding] = found("resnet50-v1", "skipped-pixels")
    assert "no other layer reads the rest" in finding.text
    assert finding.fix == "stride = 1, avg:k2s2 before it"


def test_a_network_for_large_images_on_small_ones() -> None:
    [finding] = found("resnet18", "large-receptive-field", "3x32x32")
    assert "435x435 pixels on an input of 32x32, 13.6 times" in finding.text
    assert finding.fix.startswith("--input 3x44x44")
    assert not found("resnet18", "large-receptive-field", "3x44x44")
    assert found("resnet18", "large-receptive-field", "3x43x43")


BRANCHES = """
name = "two-branches"
input = "4x20x18"
layers = [
    {name = "stem", op = "conv", kernel = 3, padding = 1, filters = 8},
    {name = "branch", op = "conv", filters = 8, KEYS},
    {name = "sum", op = "add", from = ["branch", "stem"]},
]
"""


@pytest.mark.parametrize(
    ("keys", "aligned"),
    [
        ('kernel = 3, padding = "2:0"', 'kernel = 3, padding = "1"'),
        ('kernel = 2, padding = "0:1"', 'kernel = 3, padding = "1"'),
        ('kernel = [3, 5], padding = "1x3:1"', 'kernel = [3, 5], padding = "1x2"'),
    ],
)
def test_branches_out_of_line_are_told_how_to_meet(keys: str, aligned: str, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(BRANCHES.replace("KEYS", keys))
    [finding] = found(str(path), "misaligned-branches")
    assert finding.where == "sum"
    assert "output 0 is centred on" in finding.text
    assert finding.changed == ("branch",)
    path.write_text(BRANCHES.replace("KEYS", aligned))
    assert not found(str(path), "misaligned-branches")
    for part in finding.fix.removesuffix(" in branch").split(", "):
        name, _, value = part.partition(" = ")
        assert f"{name} = {value}".replace('"', "") in aligned.replace('"', ""), finding.fix


def test_the_fix_in_a_file_names_the_keys_of_each_layer(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    layer = '{name = "NAME", op = "conv", kernel = 3, dilation = 2, padding = 2, filters = 8}'
    layers = ", ".join(layer.replace("NAME", name) for name in "abc")
    path.write_text(f'name = "holes"\ninput = "8x20x18"\nlayers = [{layers}]')
    [finding] = found(str(path), "gridding")
    assert (finding.where, finding.fix) == (
        "a and 2 more",
        "dilation = 1, padding = 1 in a; dilation = 3, padding = 3 in c",
    )


SUM = """
input = "12x20x18"
layers = [
    {name = "a", op = "conv", kernel = 3, padding = 1, filters = 12},
    {name = "b", op = "conv", kernel = 1, filters = 12},
    {name = "sum", op = "add", from = ["b", "OTHER"]},
    {name = "c", op = "conv", kernel = 3, groups = GROUPS, filters = 48},
]
"""


@pytest.mark.parametrize(
    ("other", "groups", "fixes"),
    [("a", 1, {"filters = 16"}), ("a", 3, {"filters = 24"}), ("input", 1, {"filters = 16", ""})],
)
def test_channels_that_are_added_change_together_or_not_at_all(
    other: str, groups: int, fixes: set[str], tmp_path: Path
) -> None:
    """The input's 12 channels stay, so that those of b must, while those of a may change."""
    path = tmp_path / "net.toml"
    text = SUM.replace("OTHER", other).replace("GROUPS", str(groups))
    path.write_text(text)
    findings = found(str(path), "channel-multiple")
    assert {finding.fix for finding in findings} == fixes
    assert [finding.layers for finding in findings if not finding.fix] == ([("b",)] if other == "input" else [])
    for finding in findings:
        for name in finding.changed:
            before = re.search(f'name = "{name}".*', text)
            assert before is not None
            text = text.replace(before[0], before[0].replace("filters = 12", finding.fix))
    path.write_text(text)
    assert [each.layers for each in found(str(path), "channel-multiple")] == [f.layers for f in findings if not f.fix]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ("-t transposed -i 3x5x9 -k 3 -s 2", "checkerboard"),
        ("-t transposed -i 3x5x9 -k 5x3 -s 2 -p same", "checkerboard"),
        ("-i 3x8x11 -k 3 -s 2", "unread-border"),
        ("-i 3x9x12 -k 2x1 -s 3 -f 8", "skipped-pixels"),
        ("-i 3x9x12 -k 3 -d 2", "gridding"),
        ("-i 3x2x2 -k 3 -p 1", "padding-share"),
        ("-i 3x9x9 -k 3 -f 20", "channel-multiple"),
        ("-t ds -i 3x12x9 -k 4 -s 3 -f 20", "unread-border"),
    ],
)
def test_the_fix_of_one_layer_is_its_options(options: str, rule: str, output: Run) -> None:
    def asked(arguments: str) -> list[dict[str, str]]:
        answer = json.loads(output("lint", *shlex.split(arguments), "--json"))
        return [finding for finding in answer["findings"] if finding["rule"] == rule]

    [finding] = asked(options)
    assert finding["fix"].startswith("--")
    short = {"--kernel": "-k", "--stride": "-s", "--padding": "-p", "--dilation": "-d", "--filters": "-f"}
    given = dict(zip(shlex.split(options)[::2], shlex.split(options)[1::2], strict=True))
    typed = shlex.split(finding["fix"].partition(" (")[0])
    given |= {short.get(name, name): value for name, value in zip(typed[::2], typed[1::2], strict=True)}
    assert not asked(shlex.join(part for pair in given.items() for part in pair))


def test_pasted_code_is_answered_in_words(output: Run) -> None:
    row = ["lint", "3x8x8", "nn.ConvTranspose2d(3, 16, 3, stride=2, padding=1, output_padding=1)", "--json"]
    [finding] = [f for f in json.loads(output(*row))["findings"] if f["rule"] == "checkerboard"]
    assert finding["fix"].startswith("t:k4s2p1f16b for nn.ConvTranspose2d(3, 16, 3,")


def test_what_needs_the_size_is_not_asked_without_it(output: Run) -> None:
    answer = json.loads(output("lint", "k3s2p1", "--json"))
    assert answer["findings"] == []
    assert set(answer["rules"]) | set(answer["not_asked"]) == {rule.id for rule in RULES}
    assert "unread-border" in answer["not_asked"]
    assert answer["notes"] == [f"not asked, since the input's size is not given: {', '.join(answer['not_asked'])}"]


def test_a_terminal_has_the_findings_and_their_fixes(on_terminal: OnTerminal) -> None:
    shown = on_terminal(80, "lint", "3x16x16", "k3s2f24", "t:k3s2p1f16")
    assert "  fix: t:k4s2p1f16 for t:k3s2p1f16 (output 14x14 instead of 13x13)" in shown
    assert shown[-1] == "2 findings"
    nothing = on_terminal(80, "lint", "vgg16")
    assert nothing[-1] == "nothing found"
    assert all(rule.id in " ".join(nothing) for rule in RULES)


def test_a_pipe_has_rows(output: Run) -> None:
    header, row = output("lint", "t:k3s2").splitlines()
    assert header.split("\t") == ["where", "rule", "finding", "fix"]
    assert row.split("\t")[:2] == ["1/transposed", "checkerboard"]
