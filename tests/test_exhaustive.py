"""A new primitive is a type error in every question until the question answers for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed; it is in the extra `lint`")

PACKAGE = Path(__file__).parent.parent / "convcalc"
QUESTIONS = {
    "graph/primitives.py": "the arrays that it learns",
    "graph/shapes.py": "its output shape",
    "questions/cost.py": "what it costs",
    "questions/follow.py": "what its outputs read",
    "questions/channels.py": "which channels each of its channels depends on",
    "questions/timeline.py": "what it does to a stream",
    "questions/schema.py": "what kind of layer it is",
    "explain/node.py": "how its numbers come about",
    "engine/primitive.py": "how it runs",
}
"""The files with a match over all primitives, and what each answers."""


def test_every_question_complains_about_a_primitive_that_nothing_handles(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "convcalc", ignore=shutil.ignore_patterns("__pycache__"))
    primitives = tmp_path / "convcalc" / "graph" / "primitives.py"
    text = primitives.read_text()
    added = '@dataclass(frozen=True, slots=True)\nclass Fold:\n    """A primitive that nothing handles."""\n\n\n'
    text = text.replace("Convolution: TypeAlias", f"{added}Convolution: TypeAlias", 1)
    text = re.sub(r"(Primitive: TypeAlias = \(\n\s+)", r"\1Fold | ", text, count=1)
    primitives.write_text(text)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache"),
         "-p", "convcalc"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    complained = set(re.findall(r'^convcalc/([\w/.]+):\d+: error: .*incompatible type "Fold"', checked.stdout, re.M))
    assert complained >= QUESTIONS.keys(), checked.stdout
