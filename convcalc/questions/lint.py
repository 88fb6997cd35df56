"""What will hurt: the rules of `convcalc lint`, asked of any layers, with their findings grouped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from convcalc.graph.graph import Graph
from convcalc.notation import Axes
from convcalc.questions.linting.checkerboard import checkerboard
from convcalc.questions.linting.field_size import MUCH_LARGER, SHARE_OF_MAP, large_field, small_field
from convcalc.questions.linting.gridding import gridding
from convcalc.questions.linting.misaligned import misaligned_branches
from convcalc.questions.linting.mixing import unmixed_groups
from convcalc.questions.linting.multiples import MULTIPLE, channels_off_multiple
from convcalc.questions.linting.padding_share import padding_share
from convcalc.questions.linting.problem import Inspected, Problem
from convcalc.questions.linting.remedies import Spelling
from convcalc.questions.linting.unread import skipped_pixels, unread_border
from convcalc.questions.report import stage_name
from convcalc.questions.schema import SCHEMA
from convcalc.questions.subject import Subject


class Rule(NamedTuple):
    """A rule: its name, what hurts and by what source, and whether it needs the size of the input."""

    id: str
    why: str
    find: Callable[[Inspected], Iterator[Problem]]
    sized: bool = False


RULES = (
    Rule(
        "misaligned-branches",
        "branches that meet with other centres or jumps add or join values of different places of the input",
        misaligned_branches,
    ),
    Rule(
        "gridding",
        "dilations without a common plan leave pixels between the taps that no output's field reads; "
        "Yu, Koltun & Funkhouser 2017, Wang et al. 2018",
        gridding,
    ),
    Rule(
        "unmixed-groups",
        "grouped layers in a row exchange nothing between groups without a shuffle or a pointwise layer; "
        "Zhang et al. 2018, section 3.1",
        unmixed_groups,
        sized=True,
    ),
    Rule(
        "small-receptive-field",
        "an output that sees only a part of the input cannot know the rest: of a pooled map less than the input, "
        f"of a map less than 1/{SHARE_OF_MAP} along an axis; on fields and accuracy: Araujo, Norris & Sim 2019",
        small_field,
        sized=True,
    ),
    Rule(
        "large-receptive-field",
        f"a field of more than {MUCH_LARGER} inputs: layers that already see all add little; Richter et al. 2021",
        large_field,
        sized=True,
    ),
    Rule(
        "checkerboard",
        "if the stride does not divide the kernel, neighbouring outputs sum unequal numbers of inputs; "
        "Odena, Dumoulin & Olah 2016",
        checkerboard,
    ),
    Rule(
        "skipped-pixels",
        "a stride larger than the kernel throws pixels away everywhere; He et al. 2019, Bag of Tricks, ResNet-D",
        skipped_pixels,
    ),
    Rule(
        "unread-border",
        "a stride that does not divide what is left of the input never reads its last pixels; "
        "Dumoulin & Visin 2016, section 2.4",
        unread_border,
        sized=True,
    ),
    Rule(
        "padding-share",
        "more of a layer's products are with padding than with pixels; Chen et al. 2017, section 3.3",
        padding_share,
        sized=True,
    ),
    Rule(
        "channel-multiple",
        f"tensor cores are efficient on float16 channels divisible by {MULTIPLE}; others are padded or run slower; "
        "NVIDIA, Convolutional Layers User's Guide",
        channels_off_multiple,
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's finding: at which layers, a sentence with the numbers, and what to type so that it is gone."""

    rule: str
    layers: tuple[str, ...]
    text: str
    fix: str
    changed: tuple[str, ...] = ()
    """The layers that the fix changes, if it changes any."""

    @property
    def where(self) -> str:
        """The first layer, and how many more have the same finding."""
        more = len(self.layers) - 1
        return f"{self.layers[0]} and {more:,} more" if more else self.layers[0]

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule, "where": self.where, "text": self.text, "fix": self.fix, "layers": list(self.layers),
            "changed": list(self.changed),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings, the rules that were asked, and those that were not because they need the size of the input."""

    name: str
    findings: tuple[Finding, ...]
    asked: tuple[str, ...]
    unasked: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The findings as plain JSON values."""
        return {
            "schema": SCHEMA,
            "findings": [finding.to_dict() for finding in self.findings],
            "rules": list(self.asked),
            "not_asked": list(self.unasked),
            "notes": list(self.notes),
        }


def lint(subject: Subject) -> Findings:
    """What the rules find in a layer, a row or a model; those of the same words at several layers are one finding."""
    sized = subject.size is not None
    graph = subject.graph if sized else subject.at(_roomy(subject.graph))
    inspected = Inspected(graph, sized, subject.is_model, subject.at if sized else None)
    spelling = Spelling(graph, subject.words, subject.is_model)
    found: dict[tuple[str, str, str], list[Problem]] = {}
    for rule in RULES:
        if rule.sized and not sized:
            continue
        for problem in rule.find(inspected):
            found.setdefault((rule.id, problem.text, spelling.fix(problem)), []).append(problem)
    names = [_name(graph, number, subject.is_model) for number in range(len(graph.nodes))]
    findings = [
        Finding(
            rule,
            tuple(names[number] for problem in problems for number in problem.nodes),
            text,
            fix + _effect(problems) if fix else "",
            tuple(names[change.node] for problem in problems for change in problem.changes),
        )
        for (rule, text, fix), problems in found.items()
    ]
    unasked = () if sized else tuple(rule.id for rule in RULES if rule.sized)
    notes = (f"not asked, since the input's size is not given: {', '.join(unasked)}",) if unasked else ()
    own = [note for note in graph.notes if note not in graph.remarks]
    asked = tuple(rule.id for rule in RULES if rule.id not in unasked)
    return Findings(subject.name, tuple(findings), asked, unasked, (*own, *notes))


def _effect(problems: Sequence[Problem]) -> str:
    """What the fix changes besides, if it is the same everywhere."""
    effects = {problem.effect for problem in problems}
    return f" ({effects.pop()})" if len(effects) == 1 and "" not in effects else ""


def _roomy(graph: Graph) -> Axes:
    """A made-up input on which layers still fit that a fix makes wider."""
    shape = graph.inputs[0].shape
    assert shape is not None
    return (shape[1], *(4 * size + 64 for size in shape[2:]))


def _name(graph: Graph, number: int, model: bool) -> str:
    """A node as the answers about the same layers call it."""
    return graph.labels[number] if model else stage_name(graph.groups[graph.group_of[number]], graph.nodes[number])
