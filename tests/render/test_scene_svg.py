"""SVG pictures: one file that needs nothing else, every cell in it, nothing beyond the page, each frame as computed."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from itertools import combinations
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from convcalc.render.scene_svg import LOOKS, scenes_svg
from convcalc.scenes.scene import Cell, Role, Scene
from convcalc.scenes.view import View
from tests.layers import random_layers
from tests.render.browser import CHROMIUM, RSVG, screenshot
from tests.render.png import Image, read_png
from tests.scenes.drawn import graph_of, row, scenes

SVG = "{http://www.w3.org/2000/svg}"
PER_CHARACTER = 0.62
"""Width of a character of the widest usual monospaced font, in font sizes."""
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
FILE = View(None, 24, 24)


def drawn(graph: Any, picture: str | None = None, **view: Any) -> list[Scene]:
    return scenes(graph, picture, **{"rows": FILE.rows, "columns": FILE.columns, **view})


PICTURES = {
    "strided": drawn(row("1x5x5", "k3s2p1"), every=True),
    "reflected": drawn(row("1x6x6", "k3d2p1"), mode="reflect"),
    "never read": drawn(row("1x20x20", "k3s5")),
    "cut": drawn(row("3x224x224", "k7s2p3f64"), every=True),
    "3-D": drawn(row("1x6x7x9", "k3x3x3p1")),
    "1-D": drawn(row("1x40", "k3s2d2p2")),
    "transposed": drawn(row("1x4x4", "t:k4s2p1a1"), every=True),
    "transposed 1-D": drawn(row("1x5", "t:k3s2p1")),
    "transposed 3-D": drawn(row("2x2x3x3", "t:k2x2x2s2f2")),
    "channels": drawn(row("40x5x5", "ds:k3f128"), "channels"),
    "shuffle": drawn(
        graph_of("shuffled-grouped", {"input": (6, 5, 5), "kernel": 3, "filters": 6, "groups": 3}), "channels"
    ),
    "flattened": drawn(graph_of("flattened", {"input": (3, 7, 7, 7), "kernel": 3, "filters": 1000}), "channels"),
    "matrix": drawn(row("1x6x6", "k3"), "matrix"),
    "field": drawn(row("1x19x19", "k3d2", "k3d2", "k3d2"), "rf"),
    "over time": drawn(row("1x16", *(f"k2d{d}pcausal" for d in (1, 2, 4, 8))), "rf"),
    "several": drawn(row("3x12x12", "k3p1f8", "max:k2s2", "t:k2s2f3"), every=True),
}


@pytest.fixture(params=PICTURES)
def pictures(request: pytest.FixtureRequest) -> list[Scene]:
    return PICTURES[request.param]


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def squares(path: ElementTree.Element) -> list[tuple[float, float, float]]:
    """(x, y, side) of each square of a path; none for lines."""
    found = re.findall(r"M([\d.-]+) ([\d.-]+)h([\d.]+)v", path.get("d", ""))
    return [(float(x), float(y), float(side)) for x, y, side in found]


@pytest.mark.parametrize("seconds", [None, 0.5])
def test_a_file_needs_nothing_else(pictures: list[Scene], seconds: float | None) -> None:
    svg = scenes_svg(pictures, seconds)
    root = parsed(svg)
    assert root.tag == f"{SVG}svg"
    assert svg.count("http") == 1
    for word in ("<script", "<animate", "<image", "<foreignObject", "var(", "url(", "@import", "@font-face", "href"):
        assert word not in svg
    assert root.get("role") == "img"
    assert [child.tag for child in root][:4] == [f"{SVG}{tag}" for tag in ("title", "desc", "style", "rect")]
    assert all(child.text for child in root[:3])
    assert [root[3].get(side) for side in ("width", "height")] == root.get("viewBox", "").split()[2:]
    assert root[3].get("fill") == "#ffffff"
    moving = seconds is not None and any(len(scene.steps) > 1 for scene in pictures)
    assert ("@keyframes" in svg) == moving
    assert scenes_svg(pictures, seconds) == svg


def test_every_cell_is_a_square_of_its_role(pictures: list[Scene]) -> None:
    root = parsed(scenes_svg(pictures))
    found = Counter[str]()
    for path in root.iter(f"{SVG}path"):
        found[path.get("class", "")] += len(squares(path))
    expected = Counter[str]()
    for scene in pictures:
        expected.update(cell.role.value for grid in scene.grids for cell in grid.cells)
        expected.update(mark.role.value for mark in scene.steps[scene.shown].marks)
        expected.update(role.value for role, _ in scene.legend)
    assert +found == expected
    crosses = [path.get("d", "").count("L") for path in root.iter(f"{SVG}path") if path.get("class") == "unread"]
    unread = [sum(cell.unread for grid in scene.grids for cell in grid.cells) for scene in pictures]
    assert sum(crosses) == 2 * sum(many + 1 for many in unread if many)


def words(element: ElementTree.Element, y: float = 0) -> list[tuple[float, float, float, str]]:
    """(left, right, baseline, text) of all texts but those of hidden steps."""
    found = []
    if element.get("visibility") == "hidden":
        return []
    y += float(re.sub(r"translate\(0 (.*)\)|.*", r"\1", element.get("transform", "")) or 0)
    for child in element:
        if child.tag == f"{SVG}text":
            text, x, size = child.text or "", float(child.get("x", 0)), float(child.get("font-size", 0))
            wide = PER_CHARACTER * size * len(text)
            left = x - {"start": 0, "middle": wide / 2, "end": wide}[child.get("text-anchor", "start")]
            found.append((left, left + wide, y + float(child.get("y", 0)), text))
        found += words(child, y)
    return found


def test_no_words_leave_the_page_or_overlap(pictures: list[Scene]) -> None:
    assert_tidy(pictures)


def test_random_layers_are_tidy_too() -> None:
    for type, options, _ in random_layers(seed=91, count=1):
        graph = graph_of(type, options)
        for picture in (None, "channels", "matrix"):
            assert_tidy(drawn(graph, picture))


def assert_tidy(pictures: list[Scene]) -> None:
    root = parsed(scenes_svg(pictures))
    width, height = (float(side) for side in root.get("viewBox", "").split()[2:])
    assert 440 <= width <= 720
    found = words(root)
    for left, right, y, text in found:
        assert left >= 0, text
        assert right <= width, text
        assert 0 < y < height, text
    for path in root.iter(f"{SVG}path"):
        assert all(x >= 0 and x + side <= width for x, _, side in squares(path))
    for one, other in combinations(found, 2):
        same = one == other  # a value, and the same again on its mark
        if one[2] == other[2] and not same and not (one[3].lstrip("-").isdigit() or other[3].lstrip("-").isdigit()):
            assert one[1] <= other[0] + 1 or other[1] <= one[0] + 1, (one, other)


@pytest.mark.parametrize("picture", ["channels", "shuffle", "flattened"])
def test_lines_between_channels_lead_to_the_right(picture: str) -> None:
    [lines] = parsed(scenes_svg(PICTURES[picture])).findall(f".//{SVG}path[@class='between']")
    ends = re.findall(r"M([\d.]+) [\d.]+L([\d.]+) ", lines.get("d", ""))
    assert len(ends) == len(PICTURES[picture][0].links)
    assert all(float(left) < float(right) for left, right in ends)


def test_steps_are_groups_that_take_turns() -> None:
    svg = scenes_svg(PICTURES["several"], 0.5)
    names = re.findall(r"<g class='m(\d+)-(\d+)'", svg)
    texts = [name for name, count in Counter(names).items() if count == 2]
    steps = [
        (str(number), str(step)) for number, scene in enumerate(PICTURES["several"]) for step in range(len(scene.steps))
    ]
    assert texts == steps
    assert len(names) == 2 * len(steps)
    assert [len(scene.steps) for scene in PICTURES["several"]] == [64, 36, 64]
    assert svg.count("@keyframes k") == 3
    assert [f"@keyframes k{number}{{" in svg for number in range(4)] == [True, True, True, False]
    assert "64 of 144 steps are shown" in svg
    assert "prefers-reduced-motion:no-preference" in svg.partition("@keyframes")[0]


def points(root: ElementTree.Element, scene: Scene) -> list[tuple[Cell, tuple[float, float]]]:
    """Every cell with a point in it that no cross and no outline covers."""
    paths = [path for path in root if path.tag == f"{SVG}path" and squares(path)]
    found, at = [], 0
    for grid in scene.grids:
        for role in Role:
            own = [cell for cell in grid.cells if cell.role == role]
            if own:
                assert paths[at].get("class") == role.value
                places = [(x + side / 2, y + side / 5) for x, y, side in squares(paths[at])]
                found += zip(own, places, strict=True)
                at += 1
    return found


def assert_frame(image: Image, root: ElementTree.Element, scene: Scene, step: int, dark: bool, top: float = 0) -> None:
    """Every cell has the colour of its role, or of its mark in this step."""
    within = points(root, scene)
    grids = [
        number for number, grid in enumerate(scene.grids) for role in Role for cell in grid.cells if cell.role == role
    ]
    marks = {mark[:3]: mark.role for mark in scene.steps[step].marks}
    assert len(within) == sum(len(grid.cells) for grid in scene.grids)
    for grid, (cell, (x, y)) in zip(grids, within, strict=True):
        look = LOOKS[marks.get((grid, cell.row, cell.column), cell.role)]
        assert image.colour(x, y + top) == (look.dark if dark else look.fill), (step, grid, cell)


SMALL = drawn(row("1x4x4", "k2s2d2p1"), every=True)
PAUSED = """<!doctype html><meta name="color-scheme" content="light dark">
<style>body{margin:0}svg{display:block}</style>
%s<script>const all = [...document.querySelectorAll('svg')];
document.getAnimations().forEach(a => {
  a.pause(); a.currentTime = 1000 * (all.indexOf(a.effect.target.closest('svg')) + 0.5) });</script>"""
"""One copy of the picture below the other, at rest in the middle of step 0, 1, ... of a second each."""


@needs_browser
def test_every_frame_in_a_browser(tmp_path: Path) -> None:
    [scene] = SMALL
    assert len(scene.steps) == 4
    svg = scenes_svg(SMALL, 1)
    root = parsed(svg)
    width, height = (int(side) for side in root.get("viewBox", "").split()[2:])
    image = screenshot(PAUSED % (svg * 4), tmp_path, width, 4 * height)
    for step in range(4):
        assert_frame(image, root, scene, step, False, step * height)


@needs_browser
def test_in_the_dark_at_rest_under_reduced_motion(tmp_path: Path) -> None:
    [scene] = SMALL
    svg = scenes_svg(SMALL, 1)
    root = parsed(svg)
    width, height = (int(side) for side in root.get("viewBox", "").split()[2:])
    flags = "--blink-settings=preferredColorScheme=0", "--force-prefers-reduced-motion"
    image = screenshot(PAUSED % (svg * 2), tmp_path, width, 2 * height, *flags)
    for copy in range(2):
        assert_frame(image, root, scene, scene.shown, True, copy * height)


@pytest.mark.skipif(RSVG is None, reason="needs rsvg-convert")
def test_librsvg_draws_the_step_shown(tmp_path: Path) -> None:
    [scene] = SMALL
    svg = scenes_svg(SMALL, 1)
    (tmp_path / "picture.svg").write_text(svg)
    assert RSVG is not None
    subprocess.run([RSVG, "-o", tmp_path / "picture.png", tmp_path / "picture.svg"], check=True, timeout=60)
    assert_frame(read_png(tmp_path / "picture.png"), parsed(svg), scene, scene.shown, False)


def test_a_long_animation_stays_small() -> None:
    """64 steps of two grids of 24x24 cells; and at most 64 steps, whatever the layer."""
    svg = scenes_svg(PICTURES["cut"], 0.5)
    assert len(PICTURES["cut"][0].steps) == 64
    assert len(svg) < 400_000
    assert prod(PICTURES["cut"][0].grids[1].cells[-1][1:3]) == 23 * 23
