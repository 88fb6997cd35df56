"""The interactive page: one file without network, whose script computes what Python computes."""

from __future__ import annotations

import json
import random
import re
from math import prod
from pathlib import Path
from typing import Any

import pytest

from convcalc import ConvcalcError, analyze
from convcalc.readers.words import row_graph
from convcalc.recipes.options import LayerOptions, layer_graph
from convcalc.render.scene_page import TYPES, layer_page, scenes_page
from convcalc.scenes import scenes_of
from convcalc.scenes.view import View
from tests.reference import output_of
from tests.render.browser import CHROMIUM, script_result

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def page_of(type: str, **options: Any) -> str:
    page = layer_page(layer_graph(type, LayerOptions(**options)))
    assert page is not None
    return page


def layers(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Random layers that the page has room for, of one to three axes, all different along the axes."""
    draw, found = random.Random(5), list[tuple[str, dict[str, Any]]]()
    while len(found) < count:
        type, dims = draw.choice(TYPES), draw.choice((1, 2, 2, 3))
        axes = range(dims)
        groups = draw.choice((1, 2, 3)) if type in ("standard", "grouped", "transposed") else 1
        channels = groups * draw.randint(1, 3)
        options: dict[str, Any] = {
            "input": (channels, *(draw.randint(4, 11) for _ in axes)),
            "stride": tuple(draw.randint(1, 3) for _ in axes),
            "padding": tuple((draw.randint(0, 2), draw.randint(0, 2)) for _ in axes),
        }
        if type != "pointwise":
            options["kernel"] = tuple(draw.randint(1, 4) for _ in axes)
            options["dilation"] = tuple(draw.randint(1, 2) for _ in axes)
        if type != "depthwise":
            options["filters"] = groups * draw.randint(1, 3)
        if groups > 1:
            options["groups"] = groups
        if type == "transposed":
            options["output_padding"] = tuple(draw.randint(0, stride - 1) for stride in options["stride"])
        try:
            analyze(type, **options)
        except ConvcalcError:
            continue
        found.append((type, options))
    return found


def state_of(page: str) -> dict[str, Any]:
    [text] = re.findall(r"const START = (.*);\n", page)
    return json.loads(text)


@needs_browser
def test_the_page_computes_what_python_computes(tmp_path: Path) -> None:
    asked = layers(200)
    states = [state_of(page_of(type, **options)) for type, options in asked]
    results = script_result(
        page_of("standard", input=(1, 5, 5), filters=1), f"{json.dumps(states)}.map(s => api.counts(s))", tmp_path
    )
    for (type, options), result in zip(asked, results, strict=True):
        report = analyze(type, **options)
        [first, *_] = report.to_dict()["stages"]
        assert result["output"] == list(report.output[1:]) == output_of(first)[1:], (type, options)
        assert result["weights"] == report.weights, (type, options)
        assert result["multiplications"] == report.multiplications, (type, options)
        assert result["effective"] == report.multiplications_effective, (type, options)


@needs_browser
def test_every_value_of_a_slider_is_a_valid_layer(tmp_path: Path) -> None:
    """The ends of a range are answered by Python too, and one further is refused or beyond the page's own limit."""
    asked = layers(60)
    states = [state_of(page_of(type, **options)) for type, options in asked]
    names = ("input", "kernel", "stride", "dilation", "begin", "end")
    script = f"{json.dumps(states)}.map(s => s.axes.map(a => {json.dumps(names)}.map(n => api.range(s, a, n))))"
    ranges = script_result(page_of("standard", input=(1, 5, 5), filters=1), script, tmp_path)
    for state, of_axes in zip(states, ranges, strict=True):
        for axis, of_names in zip(state["axes"], of_axes, strict=True):
            for name, (low, high) in zip(names, of_names, strict=True):
                assert low <= axis[name] <= high
                for value in (low, high):
                    moved = axis | {name: value}
                    word = "k{kernel}s{stride}d{dilation}p{begin}:{end}f1".format(**moved)
                    word = f"t:{word}a{moved['longer']}" if state["type"] == "transposed" else word
                    row_graph([word], f"1x{moved['input']}")


DRIVE = """(() => {
  const all = (kind, role) => [...document.querySelectorAll(`rect.${role}[data-kind=${kind}]`)];
  const cells = (kind, role) => all(kind, role).map(r => r.dataset.at);
  const over = (kind, at) => document.querySelector(`rect[data-kind=${kind}][data-at="${at}"]`);
  const seen = {};
  seen.start = [cells("output", "made"), cells("input", "tap")];
  over("output", "0,2").dispatchEvent(new Event("pointerenter"));
  seen.moved = [cells("output", "made"), cells("input", "tap")];
  over("input", "2,2").dispatchEvent(new Event("pointerenter"));
  seen.readers = cells("output", "tap");
  over("output", "0,2").dispatchEvent(new Event("pointerenter"));
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  seen.keys = cells("output", "made");
  over("output", "1,1").dispatchEvent(new Event("click"));
  over("output", "0,0").dispatchEvent(new Event("pointerenter"));
  seen.pinned = cells("output", "made");
  const kernel = document.querySelector("input[data-name=kernel]");
  kernel.value = 5; kernel.dispatchEvent(new Event("input"));
  seen.kernel = [document.getElementById("title").textContent, cells("input", "tap").length];
  const type = document.querySelector("select");
  type.value = "transposed"; type.dispatchEvent(new Event("change"));
  seen.transposed = [document.getElementById("title").textContent, document.getElementById("words").textContent];
  return seen;
})()"""


@needs_browser
def test_the_page_answers_pointer_keys_and_sliders(tmp_path: Path) -> None:
    page = page_of("standard", input=(1, 7, 7), kernel=3, stride=2, padding=1, filters=2)
    seen = script_result(page, DRIVE, tmp_path)
    below = [f"{row},{column}" for row in (1, 2, 3) for column in (1, 2, 3)]
    assert seen["start"] == [["1,1"], below]
    assert seen["moved"] == [["0,2"], [f"{row},{column}" for row in (-1, 0, 1) for column in (3, 4, 5)]]
    assert seen["readers"] == ["1,1"]  # pixel 2 lies only in the window 1 to 3 along either axis
    assert seen["keys"] == ["1,1"]
    assert seen["pinned"] == ["1,1"]
    assert seen["kernel"] == ["standard 1x7x7 -> 2x3x3", 25]
    title, words = seen["transposed"]
    assert title == "transposed 1x7x7 -> 2x15x15"  # (7 - 1)*2 + 5 - 2
    assert "(7 - 1)*2 + 1*(5 - 1) + 1 + 0 - 1 - 1 = 15" in words
    assert f"parameters {2 * 25} " in words.replace("\xa0", " ")
    assert f"multiplications {prod((7, 7, 2, 25)):,}" in words


def test_the_page_is_one_small_file_without_network() -> None:
    page = page_of("standard", input=(3, 9, 9), filters=4)
    assert len(page.encode()) < 60_000
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=|@import|url\(|fetch\(|XMLHttpRequest", page)
    assert set(re.findall(r"https?://[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}
    assert "{{" not in page


@pytest.mark.parametrize(
    ("words", "size"),
    [("k3 k3", "1x9x9"), ("max:k2", "1x9x9"), ("spatial:k3f2", "1x9x9"), ("k3f2", "1x25x9"), ("k3f65", "1x9")],
)
def test_other_layers_have_no_sliders(words: str, size: str) -> None:
    assert layer_page(row_graph(words.split(), size)) is None


STEP = """(() => {
  const shown = () => [...document.querySelectorAll("g[class^=m0-]")]
    .filter(g => g.getAttribute("visibility") !== "hidden").map(g => g.getAttribute("class"));
  const seen = [shown()];
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  seen.push(shown());
  const slider = document.querySelector("input");
  slider.value = slider.max; slider.dispatchEvent(new Event("input"));
  seen.push(shown());
  return seen;
})()"""


@needs_browser
def test_other_pictures_are_stepped_through(tmp_path: Path) -> None:
    scenes = scenes_of(row_graph(["max:k3s2"], "1x7x9"), View(None, 24, 24, every=True))
    page = scenes_page(scenes)
    assert len(page.encode()) < 60_000
    assert script_result(page, STEP, tmp_path) == [["m0-0"] * 2, ["m0-1"] * 2, ["m0-11"] * 2]
