"""What will hurt: for every rule the smallest layer that triggers it and a neighbour that does not; every fix mends."""

from __future__ import annotations

import re

import pytest

from convcalc.notation import is_size, parse_words
from convcalc.questions.lint import RULES, Finding, lint
from convcalc.questions.subject import subject_of
from convcalc.recipes import BY_NAME

CASES = [
    # rule, the smallest that triggers it, its neighbour, what the text says
    ("unread-border", "1x4x3 k3s2", "1x5x3 k3s2", "the last pixel is never read along the height"),
    ("unread-border", "1x9 max:k5s3", "1x8 max:k5s3", "the last pixel"),
    ("unread-border", "1x12x11 k3x5s3x4", "1x12x9 k3x5s3x4", "the last 2 pixels are never read along the width"),
    ("unread-border", "3x8x8 k3s2p0:0x1:0", "3x8x8 k3s2p0:1x1:0", "along the height"),
    ("skipped-pixels", "1x3x4 1x1:s2", "1x3x4 k2s2p0:1x0", "reads 1 of every 4 pixels"),
    ("skipped-pixels", "1x9 k2s3f8", "1x9 k3s3f8", "2 of every 3 pixels"),
    ("skipped-pixels", "max:k1x2s2", "max:k2s2", "reads 1 of every 2 pixels"),
    ("skipped-pixels", "1x14 k2d2s4p1f8", "1x14 k3d2s3p1f8", "1 of every 2 pixels"),
    ("checkerboard", "t:k3s2", "t:k4s2", "outputs sum 1, 2, 1, 2, ... inputs, together 1 to 4"),
    ("checkerboard", "5x4 t:k2s3p0a1", "5x4 t:k3s3", "sum 0, 1, 1, 0"),
    ("checkerboard", "2x3x4 t:k4x3s2x2psame", "2x3x4 t:k4x4s2psame", "along the width outputs sum 1, 2, 1, 2"),
    ("checkerboard", "3x5 t:k4s2d2", "3x5 t:k4s2d3", "dilation 2 and stride 2"),
    ("checkerboard", "t:k25s16p5", "t:k32s16p8", "1 or 2 inputs (7 and 9 of every 16)"),
    ("gridding", "k3d2", "k3 k3d2", "spans 5 pixels and reads 3 along each axis"),
    ("gridding", "k3d2*3", "k3d2 k3d2 k3", "spans 13 pixels and reads 7"),
    ("gridding", "1x40 k3p1d1 k3p4d4", "1x40 k3p1d1 k3p3d3", "spans 11 pixels and reads 9 along the length"),
    ("gridding", "k2pcausald1 k2pcausald4", "k2pcausald1 k2pcausald2", "spans 6 pixels and reads 4"),
    ("gridding", "k5s2 k3d3", "k5s2 k3d2", "spans 17 pixels and reads 15"),
    ("unmixed-groups", "8x5x6 grouped:k1g2*2", "8x5x6 grouped:k1g2", "depends on 4 of the 8 channels of input"),
    ("unmixed-groups", "6x5x6 k1g3*2", "6x5x6 shuffled:k1g3 k1g3", "2 of the 6 channels"),
    ("unmixed-groups", "5x9 dw:k3 dw:k3m2", "5x9 dw:k3 1x1:f7", "1 of the 5 channels"),
    ("unmixed-groups", "12x9x9 k3f8 k3g2 bn relu dw:k3 k3g4 gap fc8", "12x9x9 k3f8 k3g2 dw:k3 1x1 k3g4 gap fc8", ""),
    ("small-receptive-field", "1x4x3 k3p1 gap", "1x3x3 k3p1 gap", "sees 3x3 of 4x3 pixels, and the mean"),
    ("small-receptive-field", "3x41x23 k3p1*4 gap fc8", "3x9x9 k3p1*4 gap fc8", "9x9 of 41x23"),
    ("small-receptive-field", "1x21 k3p1 k3p1", "1x20 k3p1 k3p1", "5 of 21 pixels"),
    ("large-receptive-field", "1x2 k11p5 k11p5", "1x3 k11p5 k11p5", "21 pixels on an input of 2, 10.5 times"),
    ("padding-share", "1x2x2 k3p1", "1x3x3 k3p1", "56% of its products are with padding"),
    ("padding-share", "1x28x31 k3p20d20", "1x28x31 k3p9d9", "dilation 20, padding 20 on 28x31"),
    ("padding-share", "1x3 k7psame", "1x3 k3psame", "57%"),
    ("channel-multiple", "3x9x9 k3f10", "3x9x9 k3f16", "10 channels, no multiple of 8: a matrix unit may compute 16"),
    ("channel-multiple", "6x9x9 k3f12g3 k3f16", "6x9x9 k3f24g3 k3f16", "12 channels"),
    ("channel-multiple", "3x9x9 gap fc30 relu fc10", "3x9x9 gap fc32 relu fc10", "30 channels"),
]  # fmt: skip


def found(row: str, rule: str) -> list[Finding]:
    """The findings of a rule in a row, as one would type it."""
    size, *words = row.split() if is_size(row.split()[0]) else [None, *row.split()]
    findings = lint(subject_of(words, size)).findings
    return [finding for finding in findings if finding.rule == rule]


def mended(row: str, finding: Finding) -> str:
    """The row with the fix typed in place of what it names; of an input, in place of the input."""
    size, *texts = row.split() if is_size(row.split()[0]) else ["", *row.split()]
    words = [word.text for word in parse_words(texts, tuple(BY_NAME))]
    fix = re.sub(r" \([^)]*\)$", "", finding.fix)
    if fix.endswith(f" for {size}"):
        return f"{fix.partition(' for ')[0]} {' '.join(words)}"
    new, old = ([word.text for word in parse_words(part.split(" in layer ")[0].split(), tuple(BY_NAME))]
                for part in fix.split(" for "))  # fmt: skip
    places = [int(name.partition("/")[0]) - 1 for name in finding.changed]
    assert [words[i] for i in places][: len(old)] == old
    each = [[word] for word in new] if len(old) == len(new) == len(places) else [new] * len(places)
    for place, several in zip(places, each, strict=True):
        words[place] = " ".join(several)
    return f"{size} {' '.join(words)}"


@pytest.mark.parametrize(("rule", "row", "neighbour", "says"), CASES)
def test_the_smallest_layer_triggers_its_rule_and_the_fix_mends_it(
    rule: str, row: str, neighbour: str, says: str
) -> None:
    [finding] = found(row, rule)
    assert says in finding.text
    assert finding.fix
    assert not found(neighbour, rule)
    assert not found(mended(row, finding), rule), finding.fix


@pytest.mark.parametrize(
    ("row", "fix"),
    [
        ("t:k4s3", "t:k3s3 for t:k4s3"),  # with output padding the last pixels would sum nothing
        ("1x7x9 t:k5s4f3", "t:k4s4f3 for t:k5s4f3 (output 28x36 instead of 29x37)"),
        ("1x7x9 t:k4s3p1f3", "t:k3s3f3 for t:k4s3p1f3 (output 21x27 instead of 20x26)"),
    ],
)
def test_the_fix_of_an_uneven_kernel_leaves_no_output_without_an_input(row: str, fix: str) -> None:
    assert [finding.fix for finding in found(row, "checkerboard")] == [fix]


@pytest.mark.parametrize(
    ("row", "rule", "fix"),
    [
        ("8x24x17 k3f12 relu k5f6g3 k3f8", "channel-multiple", "k3f24 for k3f12"),  # 16 is not divided by 3
        ("8x24x17 k3f3 k3f6g3 k3f8", "channel-multiple", "k3f24 for k3f3"),
        ("8x24x17 k3f12 dw:k3 k3f6g3 k3f8", "channel-multiple", "k3f24 for k3f12"),
        ("8x24x17 k3f12 dw:k3 k3f8g2", "channel-multiple", "k3f16 for k3f12"),
        ("2x30x31 k5p12:9x0:3d3f8", "gridding", "k5p12:9x0:3f8 for k5p12:9x0:3d3f8"),
    ],
)
def test_a_fix_can_be_typed_and_fits_what_follows(row: str, rule: str, fix: str) -> None:
    finding = found(row, rule)[0]
    assert finding.fix.partition(" (")[0] == fix
    assert not [one for one in found(mended(row, finding), rule) if one.layers == finding.layers]


def test_every_rule_has_cases() -> None:
    assert {rule for rule, *_ in CASES} | {"misaligned-branches"} == {rule.id for rule in RULES}
