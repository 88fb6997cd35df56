"""`stream`: the answer outside, on a terminal and in a pipe; what is refused, with the form that works."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from convcalc.proof import streamed
from tests.commands import OnTerminal, Run, exit_code

CAUSAL = ("k3pcausalf8", "k3d2pcausalf8", "k3d4pcausalf8")


def test_the_json_of_a_causal_chain(output: Run) -> None:
    answer = json.loads(output("stream", *CAUSAL, "--rate", "16000", "--json"))
    expected = {
        "schema": 1, "left_context": 14, "look_ahead": 0, "latency_samples": 1, "latency_ms": 0.0625,
        "smallest_chunk": 1, "state_values": 98, "rate": 16000, "output_rate": 16000,
        "multiplications_per_second": 408 * 16000,
    }  # fmt: skip
    assert {key: answer[key] for key in expected} == expected
    assert [(layer["name"], layer["state"]) for layer in answer["layers"]] == [
        ("1/conv", [1, 2]), ("2/conv", [8, 4]), ("3/conv", [8, 8]),
    ]  # fmt: skip
    assert answer["overlapped"] == {"samples": 15, "recomputed": 14 / 15, "multiplications_per_second": 408 * 240_000}


@pytest.mark.parametrize(
    ("rate", "milliseconds"), [("16k", 1.0), ("16000", 1.0), ("32 kHz", 0.5), ("44.1k", 16 / 44.1), ("0.5", 32_000.0)]
)
def test_rates(rate: str, milliseconds: float, output: Run) -> None:
    """16 samples: two strides of 4, causal."""
    answer = json.loads(output("stream", "k4s4p0:3", "k4s4p0:3", "--rate", rate, "--json"))
    assert (answer["latency_samples"], answer["latency_ms"]) == (16, milliseconds)


def test_a_chunk_may_be_a_time(output: Run) -> None:
    for rate, time, samples in (("16k", "10ms", 160), ("44.1k", "10 ms", 441), ("8k", "0.5s", 4000)):
        found = json.loads(output("stream", "k3pcausal", "--rate", rate, "--chunk", time, "--json"))
        assert found["chunk"]["samples"] == samples


def test_layers_that_keep_nothing_have_a_state_of_no_length(output: Run) -> None:
    answer = json.loads(output("stream", "k3pcausalf8", "relu", "k1f2", "--json"))
    assert [layer["state"] for layer in answer["layers"]] == [[1, 2], [8, 0], [2, 0]]


def test_a_pipe_has_all_numbers_one_in_a_row(output: Run) -> None:
    rows = [line.split("\t") for line in output("stream", *CAUSAL, "--chunk", "160").splitlines()]
    assert rows[0] == ["quantity", "layer", "value", "unit"]
    assert ["latency in chunks of 160", "", "10.0", "ms"] in rows
    assert ["state", "3/conv", "64", "values"] in rows
    assert ["state", "3/conv", "8x8", "inputs"] in rows
    assert {len(row) for row in rows} == {4}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "words", [" ".join(CAUSAL), "k7pcausalf32 k8s4p4:3f64*3 k7pcausal*30 t:k8s4p0:4f32*3 --chunk 500"]
)
def test_an_answer_fits_a_screen(width: int, words: str, on_terminal: OnTerminal) -> None:
    lines = on_terminal(width, "stream", *words.split())
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert any("latency" in line for line in lines)


def test_the_check_agrees_or_says_what_does_not(
    output: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(output("stream", "1x18", "k15s6pcausalf4", "--check", "--json"))
    assert answer["ok"] is True
    assert {check["name"] for check in answer["checks"]} >= {"state_values", "left_context", "values, chunks of 6"}
    filled = streamed._filled
    monkeypatch.setattr(streamed, "_filled", lambda like, at, length, value: filled(like, at, length, value + 1))
    assert exit_code("stream", "k3pcausal", "--check") == 1
    assert "DISAGREES" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("k3 --rate fast", "rate: must be samples a second, such as 16000, 16k or 44.1k, got 'fast'"),
        ("k3 --rate 0", "rate: must be samples a second"),
        ("k3 --rate -5", "rate: must be samples a second"),
        ("k3 --chunk 0", "chunk: must be at least 1, got 0"),
        ("k3 --axis height", "axis: must be length, got 'height'"),
        ("2x9x9 k3 --axis time", "axis: must be height or width, got 'time'"),
        ("k3 --padding-mode reflect", "stream: --padding-mode reflect shows samples of other times; leave it out"),
        ("k3 --check --explain", "stream: --check cannot be combined with --explain; leave --explain out"),
        (
            "k3x5",
            "stream: layers with 2 axes need the size of the input first, got none; use convcalc stream 3x224x224 k3x5",
        ),
        ("1x9 k3 gap fc10", "stream: every layer must run piece by piece, got layer 2, gap: it reads all positions"),
        ("resnet18", "stream: every layer must run piece by piece, got avgpool (global_avg_pool): it reads all"),
        ("k3s2psame", "stream: every layer must run piece by piece, got layer 1, k3s2psame: its padding same at"),
    ],
)
def test_refusals(arguments: str, message: str, refusal: Run) -> None:
    assert refusal("stream", *shlex.split(arguments)).startswith(message)


def test_a_model_up_to_the_layer_that_can(refusal: Run, output: Run) -> None:
    assert refusal("stream", "resnet18").endswith("; those before can, with --until layer4/2/relu2")
    answer = json.loads(output("stream", "resnet18", "--until", "relu", "--json"))
    assert (answer["left_context"], answer["look_ahead"], answer["smallest_chunk"]) == (3, 2, 2)
    assert refusal("stream", "resnet18", "--until", "relv").startswith("until: must be a layer of resnet18, got 'relv'")
    assert refusal("stream", "deeplab").endswith("; use convcalc stream deeplab-v3-aspp")


@pytest.mark.parametrize("words", ["k3s2p1 max:k2 gap fc10", "3x64 k5 in k3", "4x30 k3*3 fc10"])
def test_the_layers_before_an_obstacle_can_be_asked_for(words: str, refusal: Run, output: Run) -> None:
    remedy = refusal("stream", *words.split()).partition("can: convcalc ")[2]
    assert output(*shlex.split(remedy))


def test_the_padding_advised_for_same_streams(refusal: Run, output: Run) -> None:
    assert "; 3:2 does not" in refusal("stream", "k6s3psame")
    assert output("stream", "k6s3p3:2")


def test_a_model_from_a_file(output: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(
        'input = "1x64"\n[[layers]]\nop = "conv"\nfilters = 4\nkernel = 5\npadding = "causal"\n'
        '[[layers]]\nop = "add"\nfrom = ["conv1", "input"]\n'
    )
    answer = json.loads(output("stream", str(path), "--rate", "8k", "--json"))
    assert (answer["left_context"], answer["state_values"], answer["latency_ms"]) == (4, 4, 0.125)
    assert json.loads(output("stream", str(path), "--check", "--json"))["ok"] is True
