"""`convcalc run`: where results go, and every refusal."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc import analyze
from convcalc.cli import exit_code
from tests.commands import CONVCALC
from tests.proof.command import (
    CHECKS,
    IMAGE,
    RUN_KEYS,
    SOBEL,
    Invoked,
    Saved,
    by_definition,
    refusal,
)


def test_output_file_holds_exactly_the_array(saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    out = tmp_path / "out.NPY"
    code, stdout, stderr = invoked(saved("x", IMAGE), saved("k", SOBEL), "-o", str(out))
    assert code == 0
    assert "every check agrees" in stdout + stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k.npy", "out.NPY", "x.npy"]
    expected = by_definition(
        analyze(input=(1, 6, 7), filters=1).to_dict()["stages"][0], IMAGE[None, None], SOBEL[None, None]
    )
    np.testing.assert_array_equal(np.load(out, allow_pickle=False), expected[0, 0])


def test_table_has_a_row_for_every_check(saved: Saved, invoked: Invoked) -> None:
    code, stdout, _ = invoked(saved("x", IMAGE), saved("k", SOBEL))
    rows = [line.split("\t") for line in stdout.splitlines()]
    assert code == 0
    assert rows[0][:4] == ["check", "predicted", "measured", "ok"]
    assert [row[0] for row in rows[1:6]] == CHECKS
    assert rows[1][1:4] == ["1x4x5", "1x4x5", "yes"]
    assert rows[3][1:4] == ["180", "180", "yes"]


def test_missing_directory_is_refused_before_anything_is_computed(
    saved: Saved, invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcalc.proof.run.run", lambda *_: pytest.fail("computed in vain"))
    message = refusal(invoked, saved("x", IMAGE), saved("k", SOBEL), "-o", str(tmp_path / "none" / "out.npy"))
    assert "its directory must exist" in message


def test_existing_output_is_left_alone_on_error(saved: Saved, invoked: Invoked, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    out.write_bytes(b"precious")
    for arguments in (
        [saved("x", IMAGE), saved("k", np.ones((9, 9)))],
        [saved("x", IMAGE), str(tmp_path / "none.npy")],
    ):
        refusal(invoked, *arguments, "-o", str(out))
        assert out.read_bytes() == b"precious"
    assert invoked(saved("x", IMAGE), saved("k", SOBEL), "-o", str(out))[0] == 0
    assert np.load(out).shape == (4, 5)


@pytest.mark.parametrize("name", ["x.npy", "./x.npy", "hard.npy", "link.npy", "k.npy", "b.npy"])
def test_output_overwrites_an_input_only_by_force(
    saved: Saved, invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    arguments = [saved("x", IMAGE), saved("k", SOBEL), "--bias", saved("b", np.ones(1, int))]
    monkeypatch.chdir(tmp_path)
    os.link("x.npy", "hard.npy")
    os.symlink("x.npy", "link.npy")
    before = Path(name).read_bytes()
    message = refusal(invoked, *arguments, "-o", name)
    assert message.startswith(f"error: {name}: the output must not be an input, got the file of ")
    assert message.endswith("; add --force\n")
    assert Path(name).read_bytes() == before
    assert invoked(*arguments, "-o", name, "--force")[0] == 0
    assert np.load(name).shape == (4, 5)


def test_output_overwrites_what_is_read_from_stdin_only_by_force(saved: Saved) -> None:
    x, k = saved("x", IMAGE), saved("k", SOBEL)
    with open(x, "rb") as source:
        done = subprocess.run([*CONVCALC, "run", "-", k, "-o", x], stdin=source, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"got the file of -; add --force" in done.stderr
    assert_array_equal(np.load(x), IMAGE)


@pytest.mark.parametrize(
    ("name", "problem", "remedy"),
    [
        ("blurred.jpg", "the extension .jpg", "use -o blurred.npy"),
        ("y.mat", "the extension .mat", "use -o y.npy"),
        ("y", "no extension", "use -o y.npy"),
        ("my y.tsv", "the extension .tsv", "use -o 'my y.npy'"),
    ],
)
def test_output_is_what_its_extension_says(
    saved: Saved, invoked: Invoked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str,
    remedy: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    arguments = [saved("x", IMAGE), saved("k", SOBEL)]
    message = refusal(invoked, *arguments, "-o", name)
    assert message == f"error: {name}: the output is a .npy, .npz, .csv or .png file, got {problem}; {remedy}\n"
    assert sorted(os.listdir(tmp_path)) == ["k.npy", "x.npy"]
    assert invoked(*arguments, *shlex.split(remedy.removeprefix("use ")))[0] == 0


def test_stdin_and_stdout(saved: Saved) -> None:
    kernel = saved("k", SOBEL)
    data = io.BytesIO()
    np.save(data, IMAGE)
    command = [sys.executable, "-m", "convcalc", "run"]
    done = subprocess.run(
        [*command, "-", kernel, "-o", "-"], input=data.getvalue(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(io.BytesIO(done.stdout))[0, 0], (IMAGE[:3, :3] * SOBEL).sum())
    assert done.stdout.startswith(b"\x93NUMPY")
    assert b"every check agrees" in done.stderr
    assert b"output_shape" in done.stderr
    chained = subprocess.run(
        [*command, saved("x", IMAGE), "-", "--json"], input=Path(kernel).read_bytes(), capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert chained.returncode == 0
    assert json.loads(chained.stdout)["ok"]
    assert chained.stderr == b""


def test_stdin_that_ends_too_soon(saved: Saved) -> None:
    data = io.BytesIO()
    np.save(data, IMAGE)
    done = subprocess.run(
        [sys.executable, "-m", "convcalc", "run", "-", saved("k", SOBEL)],
        input=data.getvalue()[:-1], capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: stdin: must hold 336 bytes of data")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("extra", [["-o", "-"], ["--preview"]])
def test_json_fills_stdout_alone(extra: list[str], saved: Saved, invoked: Invoked) -> None:
    assert "--json fills stdout" in refusal(invoked, saved("x", IMAGE), saved("k", SOBEL), "--json", *extra)


def test_one_array_on_stdin(saved: Saved, invoked: Invoked) -> None:
    assert "stdin holds one array" in refusal(invoked, "-", "-")
    assert "stdin holds one array" in refusal(invoked, "-", saved("k", SOBEL), "--bias", "-")


def test_a_preview_is_part_of_the_answer(saved: Saved, invoked: Invoked) -> None:
    x = np.zeros((8, 8))
    x[:, 4:] = 1
    asked = [saved("x", x), saved("k", SOBEL), "-p", "same"]
    plain, (code, stdout, _) = invoked(*asked)[1], invoked(*asked, "--preview")
    assert code == 0
    assert stdout.endswith(plain)
    assert len(stdout.removesuffix(plain).splitlines()) > 4


def test_a_preview_and_the_working_out_never_mix_with_data(
    saved: Saved, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked, printed = ["run", saved("x", IMAGE), saved("k", SOBEL), "-o", "-"], []
    for more in ([], ["--preview"], ["--explain"]):
        assert exit_code([*asked, *more]) == 0
        printed.append(capsysbinary.readouterr())
    plain, pictured, explained = printed
    assert plain.out == pictured.out == explained.out
    assert plain.out.startswith(b"\x93NUMPY")
    assert pictured.err.endswith(plain.err)
    assert len(pictured.err.splitlines()) > len(plain.err.splitlines()) + 2
    assert b"(4*5) * (1 / 1) * (3*3)\t180" in explained.err


@pytest.mark.parametrize(
    ("kernel", "options", "said"),
    [
        (np.ones((3, 1, 2, 2)), ["-t", "depthwise"], "red, green, blue"),
        (np.ones((3, 3, 2, 2)), [], "3 channels, on one scale"),
        (np.ones((6, 1, 2, 2)), ["-t", "depthwise"], "6 channels, on one scale"),
        (np.ones((3, 3, 2, 2)), ["--channel", "3"], "channel 3 of 3"),
        (np.ones((3, 1, 2, 2)), ["-t", "depthwise", "--channel", "1"], "channel 1 of 3"),
    ],
)
def test_three_channels_are_colours_only_if_each_comes_from_its_own(
    kernel: np.ndarray, options: list[str], said: str, saved: Saved, invoked: Invoked
) -> None:
    x = np.arange(75, dtype=np.uint8).reshape(3, 5, 5)
    code, stdout, _ = invoked(saved("x", x), saved("k", kernel), *options, "--preview")
    assert code == 0
    assert said in stdout
    assert ("red, green" in stdout) == (said == "red, green, blue")


def test_a_channel_that_is_not_there_is_refused_and_nothing_written(
    saved: Saved, invoked: Invoked, tmp_path: Path
) -> None:
    asked = [saved("x", np.ones((3, 5, 5))), saved("k", np.ones((2, 3, 2, 2))), "-o", str(tmp_path / "y.npy")]
    message = refusal(invoked, *asked, "--preview", "--channel", "3")
    assert message == "error: run: --channel must be from 1 to 2, got 3; use --channel 2\n"
    assert "got no --preview" in refusal(invoked, *asked, "--channel", "2")
    assert not (tmp_path / "y.npy").exists()
    last = invoked(*asked, "--preview", "--channel", "2", "--layout", "channels-first")
    assert "channel 2 of 2" in last[1]


def test_the_working_out_is_with_the_answer(saved: Saved, invoked: Invoked) -> None:
    asked = [saved("x", IMAGE), saved("k", SOBEL), "--explain"]
    rows = json.loads(invoked(*asked, "--json")[1])["explanations"]
    found = {row["quantity"]: (row["numbers"], row["result"]) for row in rows}
    assert found["multiplications"] == ("1 * 1 * (4*5) * (1 / 1) * (3*3)", 180)
    assert found["size along height and width"] == ("1 + (3 - 1)*1*1", 3)


def test_no_check_only_convolves(saved: Saved, invoked: Invoked, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("check_values", "check_receptive_field", "check_multiplications"):
        monkeypatch.setattr(f"convcalc.proof.run.{name}", lambda *_: pytest.fail("checked"))
    code, stdout, _ = invoked(saved("x", IMAGE), saved("k", SOBEL), "--no-check", "--json")
    found = json.loads(stdout)
    assert code == 0
    assert found["checks"] == []
    assert found["max_abs_error"] is None
    assert set(found) == RUN_KEYS


# Refusals


def broken_files(folder: Path) -> dict[str, str]:
    """Files that are no good, by what is wrong with them."""
    whole = io.BytesIO()
    np.save(whole, IMAGE)
    files = {
        "truncated": whole.getvalue()[:-1],
        "header only": whole.getvalue()[:128],
        "half a header": whole.getvalue()[:40],
        "too long": whole.getvalue() + b"x",
        "empty": b"",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    np.save(folder / "objects.npy", np.array([{"a": 1}, None], object), allow_pickle=True)
    np.save(folder / "strings.npy", np.array(["a", "b"]))
    np.save(folder / "dates.npy", np.array(["2000-01-01"], "datetime64[D]"))
    np.save(folder / "records.npy", np.zeros(3, [("a", int), ("b", float)]))
    np.save(folder / "nothing.npy", np.zeros((0, 3)))
    (folder / "folder").mkdir()
    return {path.name: str(path) for path in folder.iterdir()} | {"missing": str(folder / "nowhere" / "x.npy")}


BROKEN = ("truncated", "header only", "half a header", "too long", "empty", "objects.npy", "strings.npy",
          "dates.npy", "records.npy", "nothing.npy", "folder", "missing")  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_good(name: str, tmp_path: Path, invoked: Invoked) -> None:
    (tmp_path / "broken").mkdir()
    broken = broken_files(tmp_path / "broken")[name]
    np.save(tmp_path / "good.npy", IMAGE)
    good, out = str(tmp_path / "good.npy"), tmp_path / "out.npy"
    for arguments in ([broken, good], [good, broken], [good, good, "--bias", broken]):
        message = refusal(invoked, *arguments, "-o", str(out))
        assert f"{broken}: " in message
        assert not out.exists()


def test_file_name_cannot_break_the_line(invoked: Invoked) -> None:
    message = refusal(invoked, "no\nsuch\x1b[31m.npy", "k.npy")
    assert r"no\nsuch\x1b[31m.npy" in message


@pytest.mark.parametrize(
    ("x", "kernels", "arguments", "message"),
    [
        ((3, 9, 9), [(4, 3, 2, 2)] * 2, [], "standard takes 1 kernel (conv), got 2"),
        ((3, 9, 9), [(3, 1, 2, 2)], ["-t", "ds"], "depthwise-separable takes 2 kernels (depthwise, pointwise), got 1"),
        ((3, 9, 9), [(3, 1, 2, 2)] * 3, ["-t", "spatial"], "spatially-separable takes 2 kernels (column, row), got 3"),
        (
            (3, 9, 9),
            [(4, 2, 2, 2)],
            [],
            "(N, C/groups, *k), got shape (4, 2, 2, 2) on 3 channels with groups=1; use a kernel of shape (4, 3, 2, 2)",
        ),
        (
            (3, 9, 9),
            [(4, 2, 2, 2)],
            ["-t", "t"],
            "(C, N/groups, *k), got shape (4, 2, 2, 2) on 3 channels with groups=1; use a kernel of shape (3, 2, 2, 2)",
        ),
        ((3, 9, 9), [(3, 1, 2, 2), (4, 2, 1, 1)], ["-t", "ds"], "the pointwise stage takes a kernel (N, C/groups, *k)"),
        ((3, 9, 9), [(4, 3, 3, 3), (5, 4, 3, 3)], ["-t", "spatial"], "the column stage takes a kernel"),
        ((3, 9, 9), [(2, 2)], [], "use --type depthwise"),
        ((9, 9, 3), [(2, 2, 3, 4)], [], "use --layout channels-last"),
        ((8, 9, 9), [(4, 2, 3, 3)], [], "use --groups 4"),
        ((8, 9, 9), [(4, 2, 3, 3)], ["-g", "3"], "use --groups 4"),
        ((3, 9, 9), [(1, 1, 2, 2)], [], "use a kernel of shape (1, 3, 2, 2)"),
        ((3, 9, 9), [(4, 3, 3, 3)], ["-g", "2"], "groups must divide in_channels, got groups=2 and in_channels=3"),
        ((9, 9), [(10, 2)], [], "height: the window must fit the padded input"),
        ((9, 9), [(3, 3)], ["-t", "1x1"], "kernel: is 1 on every axis for this type, got 3"),
        ((9,), [(3, 3)], [], "2-D data has 2 axes, 3 with channels or 4 with a batch, got shape (9,)"),
        ((1,) * 6, [(3, 3)], [], "2-D data has 2 axes"),
        ((9, 9), [(1,) * 6], [], "a kernel has 1 to 5 axes"),
        ((9, 9), [()], [], "a kernel has 1 to 5 axes, got shape ()"),
        ((), [(3,)], [], "1-D data has 1 axes"),
        ((3, 9, 9), [(4, 3, 2, 2)], ["--dims", "1"], "a 1-D kernel has 1 to 3 axes, got shape (4, 3, 2, 2)"),
        ((9, 9), [(3, 3)], ["--dims", "4"], "dims: must be 1, 2 or 3, got 4"),
        ((9, 9), [(3, 3)], ["--dims", "1", "-t", "2d"], "dims: must be 2, got 1"),
        ((9, 9), [(3, 3)], ["-t", "nosuch"], "unknown convolution type 'nosuch'"),
        ((9, 9), [(3, 3)], ["-s", "0"], "stride: must be at least 1, got 0"),
        ((9, 9), [(3, 3)], ["-s", "1x2x3"], "stride: takes one value for all axes or 2"),
        ((9, 9), [(3, 3)], ["-p", "sane"], "padding: must be numbers like 1"),
        ((9, 9), [(3, 3)], ["-p", "-1"], "padding"),
        ((9, 9), [(3, 3)], ["-d", "1.5"], "dilation: must be a whole number"),
        ((9, 9), [(3, 3)], ["--padding-mode", "mirror"], "must be one of zeros, reflect, replicate, circular"),
        ((9, 9), [(3, 3)], ["--padding-mode", "reflect", "-p", "9"], "reflect padding must be smaller than the input"),
        ((9, 9), [(3, 3)], ["-t", "t", "--padding-mode", "reflect"], "a transposed convolution has zeros only"),
        ((9, 9), [(3, 3)], ["-t", "t", "-p", "full"], "padding of a transposed convolution crops its result"),
        ((9, 9), [(3, 3)], ["-t", "t", "--output-size", "99"], "output-size: height must be from 11 to 11, got 99"),
        ((9, 9), [(3, 3)], ["--output-padding", "1"], "output-padding: is not an option of standard"),
        ((9, 9), [(3, 3)], ["--layout", "last"], "layout: must be channels-first or channels-last, got 'last'"),
        ((9, 9), [(3, 3)], ["--rank", "1"], "rank: is for one full kernel of type spatially-separable"),
        ((9, 9), [(3, 3)], ["-t", "spatial", "--rank", "0"], "rank: must be at least 1, got 0"),
        ((9, 9), [(3, 3)], ["-t", "spatial", "--rank", "99999999999"], "rank must be at most 3"),
        ((9, 9), [(3, 3)], ["--kernel", "3"], "no such option: --kernel"),
    ],
)
def test_what_does_not_go_together(
    x: tuple[int, ...], kernels: list[tuple[int, ...]], arguments: list[str], message: str, saved: Saved,
    invoked: Invoked,
) -> None:  # fmt: skip
    names = [saved("x", np.ones(x)), *(saved(f"k{i}", np.ones(shape)) for i, shape in enumerate(kernels))]
    assert message in refusal(invoked, *names, *arguments)


def test_bias_that_does_not_fit(saved: Saved, invoked: Invoked) -> None:
    x, kernel = saved("x", np.ones((3, 9, 9))), saved("k", np.ones((4, 3, 2, 2)))
    wrong, right = saved("wrong", np.ones(3)), saved("right", np.ones(4))
    assert "wrong.npy: the conv stage takes one bias per filter, got shape (3,); use shape (4,)" in refusal(
        invoked, x, kernel, "--bias", wrong
    )
    assert "give one bias, for the last stage, or 1, got 2" in refusal(
        invoked, x, kernel, "--bias", right, "--bias", right
    )


def test_integers_that_could_overflow_are_refused(saved: Saved, invoked: Invoked) -> None:
    x, kernel = saved("x", np.full((3, 3), 2**62)), saved("k", np.ones((2, 2), int))
    assert "integer results must be sure to fit int64" in refusal(invoked, x, kernel)


def test_missing_arguments(invoked: Invoked) -> None:
    assert "INPUT" in refusal(invoked)
    assert "KERNEL" in refusal(invoked, "x.npy")


def test_the_article_s_first_example_is_typed(invoked: Invoked) -> None:
    """Dumoulin & Visin 2016, figure 1.1: its numbers are in every form of the answer."""
    x = "[[3,3,2,1,0],[0,0,1,3,1],[3,1,2,2,3],[2,0,0,2,2],[2,0,0,0,1]]"
    arguments = (x, "[[0,1,2],[2,2,0],[0,1,2]]")
    code, _, stderr = invoked(*arguments)
    assert code == 0
    assert [line.split() for line in stderr.splitlines()[-4:-1]] == [
        ["12", "12", "17"], ["10", "17", "19"], ["9", "6", "14"],
    ]  # fmt: skip
    assert json.loads(invoked(*arguments, "--json")[1])["output"]["values"] == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


def test_several_maps_each_have_their_place(invoked: Invoked) -> None:
    _, _, stderr = invoked("[[[[3,3],[2,1.5]]]]", "[[[[0,1]]],[[[1,-1]]]]", "--dims", "2")
    assert [line.strip() for line in stderr.splitlines()[-7:-1]] == ["[0,0]", "3", "1.5", "[0,1]", "0", "0.5"]


def test_large_results_are_not_printed(invoked: Invoked, saved: Saved) -> None:
    found = json.loads(invoked(saved("x", np.ones((13, 14))), "[[1, 1]]", "--json")[1])
    assert found["output"]["values"] is None


@pytest.mark.parametrize("extension", ["npz", "csv"])
def test_results_in_other_forms(invoked: Invoked, saved: Saved, tmp_path: Path, extension: str) -> None:
    out, again = tmp_path / f"out.{extension}", tmp_path / "again.npy"
    assert invoked(saved("x", IMAGE), saved("k", SOBEL), "-o", str(out))[0] == 0
    assert invoked(str(out), "[[1]]", "-o", str(again))[0] == 0
    assert invoked(saved("x", IMAGE), saved("k", SOBEL), "-o", str(tmp_path / "plain.npy"))[0] == 0
    assert_array_equal(np.load(again), np.load(tmp_path / "plain.npy"))


def test_an_input_in_an_archive_is_not_overwritten(invoked: Invoked, tmp_path: Path) -> None:
    path = str(tmp_path / "x.npz")
    np.savez(path, x=IMAGE, k=SOBEL)
    before = Path(path).read_bytes()
    assert "must not be an input" in refusal(invoked, f"{path}:x", f"{path}:k", "-o", path)
    assert Path(path).read_bytes() == before
    assert invoked(f"{path}:x", f"{path}:k")[0] == 0
