"""`convcalc net --check`: predictions that hold are confirmed, and every kind of false one is caught."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.axis.positions import Positions
from convcalc.axis.strands import Field
from convcalc.graph.graph import Network, Node
from convcalc.graph.primitives import Unknown
from convcalc.graph.stages import Correlate
from convcalc.proof import network as module
from convcalc.proof.arrays import drawn_arrays, drawn_input
from convcalc.proof.checks import Check
from convcalc.proof.network import NetworkRun, check_network
from convcalc.proof.reference import Reference
from convcalc.proof.walk import run_layers
from convcalc.questions.receptive import Along, Fields, receptive_fields
from convcalc.readers.toml.document import network_from_toml
from tests.test_cli import CONVCALC, Run, exit_code, output, refusal
from tests.test_net_execute import RESIDUAL

__all__ = ["output", "refusal"]

PLAIN = """
input = "3x31x26"
[[layers]]
name = "stem"
op = "conv"
filters = 6
kernel = [3, 4]
stride = [2, 1]
padding = [[1, 0], [1, 2]]
bias = true
[[layers]]
name = "norm"
op = "batch_norm"
[[layers]]
name = "act"
op = "relu"
[[layers]]
name = "deep"
op = "ds"
filters = 8
kernel = 3
dilation = 2
padding = 2
[[layers]]
name = "pool"
op = "max_pool"
kernel = 2
[[layers]]
name = "last"
op = "conv"
filters = 5
kernel = 3
[[layers]]
op = "global_avg_pool"
[[layers]]
name = "scores"
op = "linear"
filters = 4
bias = true
"""
UPDOWN = """
input = "2x24x20"
[[layers]]
name = "down"
op = "conv"
filters = 4
kernel = 4
stride = 2
padding = 1
[[layers]]
name = "up"
op = "transposed"
filters = 4
kernel = 5
stride = 3
padding = 1
[[layers]]
name = "upsampled"
op = "upsample"
factor = 2
mode = "bilinear"
[[layers]]
op = "avg_pool"
kernel = 3
stride = 2
padding = 1
ceil_mode = true
count_include_pad = false
"""
CROPPED = """
input = "2x33x29"
[[layers]]
name = "cut"
op = "crop"
padding = [[4, 3], [2, 5]]
[[layers]]
op = "conv"
filters = 3
kernel = 5
padding = 2
[[layers]]
op = "conv"
filters = 3
kernel = [3, 5]
padding = [1, 2]
"""
MIRRORED = """
input = "2x41x37"
[[layers]]
op = "pad"
padding = 3
mode = "reflect"
[[layers]]
op = "conv"
filters = 4
kernel = 7
"""
VOLUME = """
input = "2x9x11x8"
[[layers]]
op = "conv"
filters = 4
kernel = [3, 2, 1]
stride = [1, 2, 1]
padding = 1
[[layers]]
op = "max_pool"
kernel = [2, 1, 3]
"""
SIGNAL = """
input = "2x97"
[[layers]]
op = "conv"
filters = 4
kernel = 9
dilation = 3
[[layers]]
op = "instance_norm"
[[layers]]
op = "conv"
filters = 2
kernel = 2
stride = 2
"""
ODD = """
input = "3x35x37"
[[layers]]
op = "conv"
filters = 4
kernel = 2
stride = 2
[[layers]]
op = "conv"
filters = 4
kernel = 2
stride = 3
[[layers]]
op = "conv"
filters = 4
kernel = 3
padding = 1
"""
ALONE = """
input = "2x40x33"
[[layers]]
op = "conv"
filters = 4
kernel = [1, 3]
padding = [3, 0]
[[layers]]
op = "conv"
filters = 4
kernel = [3, 1]
stride = 2
padding = [1, 2]
"""
WHOLE = """
input = "2x9x8"
[[layers]]
op = "adaptive_avg_pool"
output_size = 1
[[layers]]
op = "linear"
filters = 3
"""
FEATURES = 'input = 12\n[[layers]]\nop = "linear"\nfilters = 5\n[[layers]]\nop = "softmax"\n'
NETWORKS = {
    "plain": PLAIN, "updown": UPDOWN, "cropped": CROPPED, "mirrored": MIRRORED, "volume": VOLUME, "signal": SIGNAL,
    "odd": ODD, "alone": ALONE, "whole": WHOLE, "features": FEATURES, "residual": RESIDUAL.decode(),
}  # fmt: skip


def network(text: str = PLAIN, **options: int) -> Network:
    return network_from_toml(text.encode(), "net.toml", **options)  # type: ignore[arg-type]


def named(run: NetworkRun, name: str, layer: str = "") -> Check:
    return next(check for check in run.checks if (check.name, check.layer) == (name, layer))


def altered(net: Network, name: str, change: Callable[[Node], Node]) -> Network:
    return replace(net, nodes=tuple(change(node) if node.name == name else node for node in net.nodes))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_prediction_holds(name: str, batch: int) -> None:
    run = check_network(network(NETWORKS[name], batch=batch))
    assert run.ok, [check for check in run.checks if not check.ok]
    fields = [check for check in run.checks if check.name == "receptive_field"]
    assert all(check.measured is not None for check in fields)
    assert bool(fields) == (name != "features")


@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd", "fft"])
def test_multiplications_are_those_of_the_definition_whatever_the_algorithm(algorithm: str) -> None:
    run = check_network(network(), algorithm=algorithm)
    assert run.ok
    count = named(run, "multiplications")
    by_hand = (6 * 3 * 12 + 6 * 9 + 6 * 8) * 15 * 26 + 8 * 5 * 9 * 5 * 11 + 5 * 4
    assert count.predicted == count.measured == by_hand


def test_what_is_measured_at_the_first_and_last_output() -> None:
    """Stem 3 wide in steps of 2, then 5 of those (dilated), then 2 by 2, then 3: by hand along the height.

    Output 0 of 5 reads pooled 0 to 2, dilated 0 to 5, stem -2 to 7, input -5 to 15; output 4 is 16 further on, up to
    31 of a height that ends at 30, and as the last of 15 windows of the stem ends at 29, nothing reads 30.
    """
    run = check_network(network())
    first, last = [check for check in run.checks if check.name == "receptive_field"]
    assert first.measured[0] == [0, 15]
    assert (last.predicted[0], last.measured[0], last.ok) == ([11, 30], [11, 29], True)
    assert "border pixels that no window reaches" in last.how


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["plain", "updown", "volume", "odd", "cropped"])
def test_fields_that_are_off_are_caught(name: str, axis: int) -> None:
    net = network(NETWORKS[name])
    fields = receptive_fields(net)

    def changed(change: Callable[[Positions], Positions]) -> Fields:
        along = fields.seen[fields.mapped][axis]
        [strand] = along.field.strands
        field = Field((replace(strand, phases=tuple(map(change, strand.phases))),), along.field.whole)
        seen = list(fields.seen[fields.mapped])
        seen[axis] = Along(along.axis, field)
        return with_seen(fields, tuple(seen))

    assert check_network(net, fields=changed(lambda seen: seen)).ok
    moves = {
        "one on": lambda seen: seen.moved(1),
        "one back": lambda seen: seen.moved(-1),
        "one less at the end": lambda seen: seen.within(seen.first, seen.last),
        "one less at the start": lambda seen: seen.within(seen.first + 1, seen.last + 1),
        "one less inside": lambda seen: without(seen, [*seen][seen.count // 2]),
    }
    if name != "cropped":  # there the border of a map inside explains a field that is smaller than predicted
        moves["one more at the end"] = lambda seen: with_more(seen, seen.last + 1)
        moves["one more at the start"] = lambda seen: with_more(seen, seen.first - 1)
    for move, change in moves.items():
        run = check_network(net, fields=changed(change))
        assert not run.ok, move
        assert {check.name for check in run.checks if not check.ok} == {"receptive_field"}


def with_seen(fields: Fields, seen: tuple[Along, ...]) -> Fields:
    """The fields with another one for the layer whose field is the network's."""
    return replace(fields, seen=(*fields.seen[: fields.mapped], seen, *fields.seen[fields.mapped + 1 :]))


def without(seen: Positions, position: int) -> Positions:
    return positions([each for each in seen if each != position])


def with_more(seen: Positions, position: int) -> Positions:
    return positions([*seen, position])


def positions(values: Sequence[int]) -> Positions:
    runs: list[tuple[int, int]] = []
    for value in sorted(values):
        if runs and runs[-1][1] == value - 1:
            runs[-1] = runs[-1][0], value
        else:
            runs.append((value, value))
    return Positions(0, 1, tuple(runs))


def test_a_field_predicted_too_small_is_measured_as_it_is() -> None:
    net = network()
    fields = receptive_fields(net)
    seen = fields.seen[fields.mapped]
    [strand] = seen[0].field.strands
    narrow = replace(strand, phases=(strand.phases[0].within(0, 10),))
    wrong = with_seen(fields, (Along(2, Field((narrow,), Positions.none())), seen[1]))
    run = check_network(net, fields=wrong)
    first = named(run, "receptive_field")
    assert (first.predicted[0], first.measured[0], first.ok) == ([0, 9], [0, 15], False)


def test_a_shape_predicted_wrongly_is_caught_and_named() -> None:
    net = altered(network(), "act", lambda node: replace(node, shape=(1, 6, 15, 27)))
    run = check_network(net)
    assert (run.ok, run.wrong_layers) == (False, ("act",))
    check = named(run, "output_shape", "act")
    assert (check.predicted, check.measured) == ([6, 15, 27], [6, 15, 26])
    net = altered(network(), "scores", lambda node: replace(node, shape=(1, 5)))
    run = check_network(net)
    assert run.wrong_layers == ("scores",)
    assert not named(run, "output_shape").ok


def test_a_stride_that_is_another_is_caught() -> None:
    def other(node: Node) -> Node:
        [step] = node.steps
        assert isinstance(step.stage, Correlate)
        return replace(node, steps=(replace(step, stage=replace(step.stage, stride=(1, 1))),))

    net = network()
    run = check_network(altered(net, "stem", other), fields=receptive_fields(net))
    assert not run.ok
    assert {"stem", "norm", "act", "deep", "pool", "last"} <= {*run.wrong_layers}
    assert not named(run, "multiplications", "deep").ok
    assert not named(run, "receptive_field").ok


@pytest.mark.parametrize("name", ["stem", "deep", "last", "scores", "norm"])
def test_weights_of_another_size_are_caught(name: str) -> None:
    net = network()
    arrays = drawn_arrays(net)
    first, *rest = arrays[name]
    more = np.concatenate([first, first[:1]])
    run = check_network(net, arrays={name: (more, *rest)})
    assert not run.ok
    assert name in run.wrong_layers
    assert not named(run, "parameters").ok


def test_a_bias_that_is_not_there_is_caught() -> None:
    net = altered(network(), "scores", lambda node: replace(node, operator=replace(node.operator, bias=True)))
    run = check_network(net, arrays={"scores": drawn_arrays(net)["scores"][:1]})
    assert named(run, "execution", "scores").measured == "tuple index out of range"
    assert run.out is None
    assert not named(run, "output_shape").ok


def test_given_arrays_and_data_are_what_the_network_runs_on() -> None:
    net = network(batch=3)
    arrays = drawn_arrays(net, seed=8)
    x = drawn_input((3, 3, 31, 26), seed=9)
    *_, last = run_layers(net, [x], arrays)
    run = check_network(net, x, arrays)
    assert run.out is not None
    assert_array_equal(run.out, last.out)
    wide = check_network(net, x.astype(np.float64), arrays)
    assert wide.out is not None
    assert wide.out.dtype == np.float64


def test_nan_in_the_data_leaves_the_checks_as_they_are() -> None:
    x = drawn_input((1, 3, 31, 26))
    x[0, 1, 5, 5] = np.nan
    run = check_network(network(), x)
    assert run.ok
    assert run.out is not None
    assert np.isnan(run.out).all()


def test_weights_that_overflow_leave_the_field_unmeasured() -> None:
    net = network()
    weight, bias = drawn_arrays(net)["stem"]
    run = check_network(net, arrays={"stem": (weight * np.float32(1e38), bias * np.float32(np.inf))})
    field = named(run, "receptive_field")
    assert not field.ok
    assert "not measured" in field.how


def test_a_reference_is_compared_with_a_tolerance() -> None:
    net = network()
    out = check_network(net).out
    assert out is not None
    for values, ok in ((out, True), (out * (1 + 1e-6), True), (out * 1.001, False), (out * np.nan, False),
                       (out[:, 1:], False)):  # fmt: skip

        def given(inputs: Sequence[np.ndarray], values: np.ndarray = values) -> np.ndarray:
            assert inputs[0].shape == (1, 3, 31, 26)
            return values

        check = named(check_network(net, reference=Reference("another", given)), "values")
        assert check.ok == ok
        assert "another" in check.how
    check = named(check_network(net, reference=Reference("another", None)), "values")
    assert (check.ok, check.measured, check.how) == (True, None, "not compared: another is not installed")


def test_progress_goes_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    check_network(network(), progress=lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "net.toml"
    path.write_text(PLAIN)
    return str(path)


def test_json_is_the_report_with_checks(output: Run, model: str, tmp_path: Path) -> None:
    plain = json.loads(output("net", model, "--json"))
    out = tmp_path / "out.npy"
    answer = json.loads(output("net", model, "--check", "--json", "-o", str(out)))
    assert {key: answer[key] for key in plain} == plain
    assert answer["ok"] is True
    assert answer["seconds"] > 0
    values = np.load(out)
    assert answer["result"]["shape"] == list(values.shape) == [1, 4]
    assert answer["result"]["dtype"] == "float32"
    assert answer["result"]["path"] == str(out)
    assert answer["result"]["max"] == pytest.approx(values.max())
    totals = {check["name"]: check for check in answer["checks"] if "layer" not in check}
    assert totals.keys() == {"output_shape", "parameters", "multiplications", "receptive_field"}
    assert totals["parameters"]["measured"] == plain["totals"]["parameters"]
    layers = {check["layer"] for check in answer["checks"] if "layer" in check}
    assert layers == {layer["name"] for layer in plain["layers"]}
    assert all(check["how"] for check in answer["checks"])


def test_rows_are_totals_and_what_disagrees(output: Run, model: str) -> None:
    rows = [line.split("\t") for line in output("net", model, "--check").splitlines()]
    assert rows[0] == ["check", "predicted", "measured", "ok", "how"]
    assert [row[0] for row in rows[1:]] == [
        "output_shape", "parameters", "multiplications", "receptive_field", "receptive_field"
    ]  # fmt: skip
    assert rows[4][1:4] == ["0..15x0..9", "0..15x0..9", "yes"]


def test_a_network_that_disagrees_exits_1_and_names_its_layers(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = module.layer_cost
    monkeypatch.setattr(
        module, "layer_cost", lambda node: replace(cost(node), weights=7) if node.name == "deep" else cost(node)
    )
    assert exit_code(["net", model, "--check"]) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == "DISAGREES: parameters in deep"
    assert ["parameters", "deep", "7", "102", "no"] in [line.split("\t")[:5] for line in printed.out.splitlines()]
    assert exit_code(["net", model, "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_arrays_with_and_without_batch_and_channels_last(output: Run, model: str, tmp_path: Path) -> None:
    x, path, out = drawn_input((1, 3, 31, 26), 4), str(tmp_path / "x.npy"), tmp_path / "y.npy"
    results = []
    for array, options in ((x, ()), (x[0], ()), (x[0].transpose(1, 2, 0), ("--layout", "channels-last"))):
        np.save(path, array)
        output("net", model, "--check", "--array", path, "-o", str(out), *options)
        results.append(np.load(out))
    assert_array_equal(results[0], results[1][np.newaxis])
    assert_array_equal(results[1], results[2])


def test_the_output_has_the_order_asked_for(output: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "net.toml", tmp_path / "y.npy"
    path.write_text(VOLUME)
    output("net", str(path), "--check", "-o", str(out))
    first = np.load(out)
    output("net", str(path), "--check", "-o", str(out), "--layout", "channels-last")
    assert_array_equal(np.load(out), np.moveaxis(first, 1, -1))


def test_refusals(refusal: Run, model: str, tmp_path: Path) -> None:
    path, out = str(tmp_path / "x.npy"), str(tmp_path / "y.npy")
    np.save(path, np.zeros((3, 31, 27), np.float32))
    assert "must be the network's input, 1x3x31x26" in refusal("net", model, "--check", "--array", path, "-o", out)
    np.save(path, np.zeros((3, 31, 26), np.complex64))
    assert "real numbers, got complex64" in refusal("net", model, "--check", "--array", path, "-o", out)
    assert "--array is for a network that is run; add --check" in refusal("net", model, "--array", path)
    assert "--output is for a network that is run; add --check" in refusal("net", model, "-o", out)
    assert "--csv and --check do not go together" in refusal("net", model, "--check", "--csv")
    assert "--check and --sweep do not go together" in refusal("net", model, "--check", "--sweep", "32..64:32")
    assert "--json fills stdout, got --output -" in refusal("net", model, "--check", "--json", "-o", "-")
    assert "its directory must exist" in refusal("net", model, "--check", "-o", str(tmp_path / "no" / "y.npy"))
    assert not Path(out).exists()


def test_unknown_layers_cannot_be_run(refusal: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load = network_from_toml

    def with_unknown(*given: object, **options: object) -> Network:
        net = load(*given, **options)  # type: ignore[arg-type]
        unknown = Unknown("no rule for it", (1, 8, 7, 13))
        return altered(net, "pool", lambda node: replace(node, op="Magic", operator=unknown))

    monkeypatch.setattr("convcalc.readers.toml.document.network_from_toml", with_unknown)
    line = refusal("net", model, "--check")
    assert line == (
        "check: every layer must be one that can be run, got pool (Magic): no rule for it; "
        "what depends on them cannot be run either"
    )


def test_the_output_can_go_to_a_pipe(model: str) -> None:
    done = subprocess.run([*CONVCALC, "net", model, "--check", "-o", "-"], capture_output=True, check=True)
    assert done.stdout.startswith(b"\x93NUMPY")
    assert b"every check agrees" in done.stderr
    assert b"checking" not in done.stderr  # no progress bar where nobody looks
    assert sys.version_info >= (3, 11)
