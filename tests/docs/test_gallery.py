"""The gallery shows what its commands draw today."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = re.compile(r"!\[[^\]]+\]\(pictures/(\S+)\)\n\n```sh\nconvcalc draw .* --svg (\S+)\n```")


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_those_of_their_commands(tmp_path: Path) -> None:
    made = maker().make(tmp_path)
    assert {*made} == {path.name for path in (DOCS / "pictures").iterdir()}
    for name in made:
        assert (tmp_path / name).read_bytes() == (DOCS / "pictures" / name).read_bytes(), (
            f"{name} is not what is drawn now; look at it, then run python docs/pictures.py"
        )


def test_every_picture_has_its_command_below() -> None:
    pairs = PICTURE.findall((DOCS / "gallery.md").read_text(encoding="utf-8"))
    assert len(pairs) == len({*pairs}) == (DOCS / "gallery.md").read_text(encoding="utf-8").count("](pictures/")
    assert all(shown == made for shown, made in pairs)


def test_pictures_in_the_readme_are_there() -> None:
    shown = re.findall(r"docs/pictures/[\w-]+\.svg", (DOCS.parent / "README.md").read_text(encoding="utf-8"))
    assert len({*shown}) == 4
    assert all((DOCS.parent / path).is_file() for path in shown)
