"""Inputs larger than memory: runs in slabs equal those in one piece, and every check is made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.proof import slabs
from convcalc.storage import memory
from tests.proof.command import Invoked, Saved, refusal

RNG = np.random.default_rng(3)


def ints(*shape: int) -> np.ndarray:
    return RNG.integers(-9, 9, shape)


CASES = {
    "2-D": ([ints(41, 300), ints(3, 5)], "-p 1:2x2 -s 2x1"),
    "reflected": ([ints(37, 310), ints(5, 3)], "-p 2x1 --padding-mode reflect"),
    "circular": ([ints(2, 37, 210), ints(3, 2, 5, 3)], "-p 4:3x1 --padding-mode circular"),
    "replicated": ([ints(1, 37, 210), ints(3, 1, 3, 3)], "-p 2x1 --padding-mode replicate -d 2x1"),
    "images": ([ints(13, 3, 19, 29), ints(4, 3, 3, 3)], "-p 1"),
    "channels last": ([ints(61, 43, 3), ints(3, 3, 3, 5)], "-p 1 --layout channels-last"),
    "images, channels last": ([ints(7, 31, 23, 4), ints(3, 3, 2, 6)], "-g 2 --layout channels-last"),
    "1-D": ([ints(2, 9000), ints(3, 2, 7)], "--dims 1 -s 3 -d 2 -p causal"),
    "3-D": ([ints(23, 19, 31), ints(3, 2, 3)], "--dims 3 -p 1"),
    "depthwise": ([ints(6, 41, 37), ints(6, 1, 3, 3)], "-t depthwise -p same"),
    "several maps of one": ([ints(47, 210), ints(3, 1, 3, 3)], "-p 1 --layout channels-first"),
    "full": ([ints(1, 23, 200), ints(2, 1, 5, 3)], "-p full --flip"),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is only what arrays take, and any input is large."""
    monkeypatch.setattr(slabs, "resident_memory", lambda: 0)
    monkeypatch.setattr(slabs, "WORKSPACES", 0)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", CASES)
def test_slabs_equal_the_whole(case: str, saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    (x, kernel), options = CASES[case]
    files = saved("x", x), saved("k", kernel)
    whole, parts = str(tmp_path / "whole.npy"), str(tmp_path / "parts.npy")
    code, told, _ = invoked(*files, *options.split(), "-o", whole, "--json")
    assert code == 0
    code, found, _ = invoked(*files, *options.split(), "-o", parts, "--json", "--max-memory", f"{x.nbytes}")
    assert code == 0
    expected, result = json.loads(told), json.loads(found)
    assert_array_equal(np.load(parts), np.load(whole))
    assert np.load(parts).dtype == np.load(whole).dtype
    assert any(" slabs of at most " in note for note in result["report"]["notes"])
    assert [check["ok"] for check in result["checks"]] == [True] * 5
    assert [check["measured"] for check in result["checks"]] == [check["measured"] for check in expected["checks"]]
    for key in ("shape", "dtype", "min", "max", "nan", "inf"):
        assert result["output"][key] == expected["output"][key], key
    assert result["output"]["mean"] == pytest.approx(expected["output"]["mean"], rel=1e-12, abs=1e-12)


@pytest.mark.usefixtures("small")
def test_the_direct_algorithm_gives_the_same_bits(saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    x, kernel = RNG.standard_normal((1, 900, 307)).astype("f4"), RNG.standard_normal((4, 1, 3, 5)).astype("f4")
    files = saved("x", x), saved("k", kernel)
    outs = [tmp_path / "whole.npy", tmp_path / "parts.npy"]
    for out, limit in zip(outs, ([], ["--max-memory", "3MB"]), strict=True):
        assert invoked(*files, "-p", "1", "--algorithm", "direct", "-o", str(out), *limit)[0] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.mark.usefixtures("small")
def test_odd_values_are_found_in_every_slab(saved: Saved, invoked: Invoked) -> None:
    x = np.ones((90, 210))
    x[3, 5], x[77, 200] = np.nan, np.inf
    code, found, _ = invoked(saved("x", x), "[[1.0, 1.0]]", "--json", "--max-memory", "40kB")
    output = json.loads(found)["output"]
    assert code == 0
    assert (output["nan"], output["inf"], output["min"], output["finite"]["max"]) == (2, 2, None, 2)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wrong", ["x.npy", "out.npy"])
def test_a_misplaced_slab_is_found(saved: Saved, invoked: Invoked, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    rows, out = slabs._rows, saved("out", np.zeros(1))

    def misplaced(array: Any, images: slice, at: slice, *more: Any) -> list[slice]:
        """Every slab of one file is taken from the beginning."""
        return rows(array, images, slice(0, at.stop - at.start) if wrong in array.name else at, *more)

    monkeypatch.setattr(slabs, "_rows", misplaced)
    files = saved("x", ints(90, 210)), "[[1, 2]]"
    code, found, _ = invoked(*files, "-o", out, "--force", "--json", "--max-memory", "40kB")
    assert code == 1
    assert [check["ok"] for check in json.loads(found)["checks"]] == [True] * 4 + [False]


@pytest.mark.usefixtures("small")
def test_a_slab_left_out_is_found(saved: Saved, invoked: Invoked, monkeypatch: pytest.MonkeyPatch) -> None:
    all_slabs = slabs._slabs
    monkeypatch.setattr(slabs, "_slabs", lambda plan: [*all_slabs(plan)][:-1])
    code, found, _ = invoked(saved("x", ints(90, 210)), "[[1, 2]]", "--json", "--max-memory", "40kB")
    shape, *_ = json.loads(found)["checks"]
    assert (code, shape["ok"], shape["predicted"][-1]) == (1, False, 209)
    assert shape["measured"][-2] < shape["predicted"][-2] == 90


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--preview", "is not there as a whole, got --preview; leave it out"),
        ("-o out.csv", "is written to a .npy file, got -o out.csv; use -o out.npy"),
        ("-t transposed", "only a single convolution is run in slabs"),
        ("--max-memory 800", "a slab of one output row must fit memory"),
        ("--max-memory much", "max-memory: must be a number of bytes, got 'much'; write for example 256MiB"),
        ("--max-memory 0", "max-memory: must be a number of bytes"),
    ],
)
def test_what_slabs_cannot_do(
    saved: Saved, invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    memory = [] if "--max" in options else ["--max-memory", "40kB"]
    message = refusal(invoked, saved("x", ints(90, 210)), "[[[[1, 2]]]]", *options.split(), *memory)
    assert problem in message
    assert sorted(os.listdir(tmp_path)) == ["x.npy"]
    if "--max-memory 8" in options:
        enough = message.rpartition("--max-memory ")[2].strip()
        assert invoked("x.npy", "[[[[1, 2]]]]", "--max-memory", enough)[0] == 0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("x", [np.asfortranarray(ints(90, 210)), ints(90, 210) > 0], ids=["Fortran order", "bools"])
def test_what_helps_an_array_that_is_read_whole(
    x: np.ndarray, saved: Saved, invoked: Invoked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A larger limit; if there is no more memory, the same numbers saved so that they are run in slabs."""
    run = saved("x", x), "[[1, 2]]", "--json"
    message = refusal(invoked, *run, "--max-memory", f"{x.nbytes - 1}")
    code, whole, _ = invoked(*run, "--max-memory", message.rpartition("; use --max-memory ")[2].strip())
    assert code == 0
    monkeypatch.setattr(memory, "available_memory", lambda: x.nbytes - 1)
    advised = refusal(invoked, *run).strip().partition("; save ")[2].removesuffix(" with numpy.save")
    again = eval(advised, {"numpy": np, "x": x})
    code, parts, _ = invoked(saved("x", again), *run[1:])
    assert (code, " slabs of at most " in parts) == (0, True)
    one, other = (json.loads(each)["output"] for each in (whole, parts))
    assert all(one[key] == other[key] for key in ("shape", "dtype", "min", "max"))


@pytest.mark.usefixtures("small")
def test_an_error_on_the_way_leaves_the_old_file(saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    x = ints(90, 210)
    x[80] = 2**62
    out = saved("out", np.zeros(3))
    before = Path(out).read_bytes()
    assert "must be sure to fit int64" in refusal(invoked, saved("x", x), "[[1, 2]]", "-o", out, "--max-memory", "40kB")
    assert Path(out).read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["out.npy", "x.npy"]
