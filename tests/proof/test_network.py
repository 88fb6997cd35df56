"""A network checked: predictions that hold are confirmed, and every kind of false one is caught and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.axis.positions import Positions
from convcalc.axis.strands import Field
from convcalc.errors import DataError
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import Correlate, Unknown
from convcalc.proof import network as module
from convcalc.proof.arrays import drawn_arrays, drawn_input
from convcalc.proof.executed import Check
from convcalc.proof.network import NetworkRun, check_network
from convcalc.proof.reference import Reference
from convcalc.proof.walk import executed
from convcalc.questions.cost import Cost, cost
from convcalc.questions.follow import Along
from convcalc.questions.receptive import Fields, receptive_fields
from convcalc.recipes.options import LayerOptions, layer_graph
from tests.proof.running import NETWORKS, alone, mirrored, plain


def named(run: NetworkRun, name: str, layer: str = "") -> Check:
    return next(check for check in run.checks if (check.name, check.layer) == (name, layer))


def altered(net: Graph, name: str, change: Callable[[Node], Node]) -> Graph:
    """The network with the node of that name changed."""
    assert any(node.name == name for node in net.nodes)
    return replace(net, nodes=tuple(change(node) if node.name == name else node for node in net.nodes))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_prediction_holds(name: str, batch: int) -> None:
    run = check_network(NETWORKS[name](batch))
    assert run.ok, [check for check in run.checks if not check.ok]
    fields = [check for check in run.checks if check.name == "receptive_field"]
    assert all(check.measured is not None for check in fields)
    assert bool(fields) == (name != "features")


@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd", "fft"])
def test_multiplications_are_those_of_the_definition_whatever_the_algorithm(algorithm: str) -> None:
    run = check_network(plain(), algorithm=algorithm)
    assert run.ok
    count = named(run, "multiplications")
    by_hand = (6 * 3 * 12 + 6 * 9 + 6 * 8) * 15 * 26 + 8 * 5 * 9 * 5 * 11 + 5 * 4
    assert count.predicted == count.measured == by_hand


def test_what_is_measured_at_the_first_and_last_output() -> None:
    """Stem 3 wide in steps of 2, then 5 of those (dilated), then 2 by 2, then 3: by hand along the height.

    Output 0 of 5 reads pooled 0 to 2, dilated 0 to 5, stem -2 to 7, input -5 to 15; output 4 is 16 further on, up to
    31 of a height that ends at 30, and as the last of 15 windows of the stem ends at 29, nothing reads 30.
    """
    run = check_network(plain())
    first, last = [check for check in run.checks if check.name == "receptive_field"]
    assert first.measured[0] == [0, 15]
    assert (last.predicted[0], last.measured[0], last.ok) == ([11, 30], [11, 29], True)
    assert "border pixels that no window reaches" in last.how


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["plain", "updown", "volume", "odd", "cropped"])
def test_fields_that_are_off_are_caught(name: str, axis: int) -> None:
    net = NETWORKS[name]()
    fields = receptive_fields(net)

    def changed(change: Callable[[Positions], Positions]) -> Fields:
        along = fields.seen[fields.mapped][axis]
        [strand] = along.field.strands
        field = Field((strand._replace(phases=tuple(map(change, strand.phases))),), along.field.whole)
        seen = list(fields.seen[fields.mapped])
        seen[axis] = Along(along.axis, field)
        return with_seen(fields, tuple(seen))

    assert check_network(net, fields=changed(lambda seen: seen)).ok
    moves = {
        "one on": lambda seen: seen.shifted(1),
        "one back": lambda seen: seen.shifted(-1),
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
    return fields._replace(seen=(*fields.seen[: fields.mapped], seen, *fields.seen[fields.mapped + 1 :]))


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
    net = plain()
    fields = receptive_fields(net)
    seen = fields.seen[fields.mapped]
    [strand] = seen[0].field.strands
    narrow = strand._replace(phases=(strand.phases[0].within(0, 10),))
    wrong = with_seen(fields, (Along(2, Field((narrow,), Positions.none())), seen[1]))
    run = check_network(net, fields=wrong)
    first = named(run, "receptive_field")
    assert (first.predicted[0], first.measured[0], first.ok) == ([0, 9], [0, 15], False)


def test_a_shape_predicted_wrongly_is_caught_and_named() -> None:
    net = altered(plain(), "act", lambda node: node._replace(shape=(1, 6, 15, 27)))
    run = check_network(net)
    assert (run.ok, run.wrong_layers) == (False, ("act",))
    check = named(run, "output_shape", "act")
    assert (check.predicted, check.measured) == ([6, 15, 27], [6, 15, 26])
    net = altered(plain(), "scores", lambda node: node._replace(shape=(1, 5)))
    run = check_network(net)
    assert run.wrong_layers == ("scores",)
    assert not named(run, "output_shape").ok
    net = altered(plain(), "deep/depthwise", lambda node: node._replace(shape=(1, 6, 15, 27)))
    assert check_network(net).wrong_layers == ("deep",)  # more multiplications are predicted than there are
    net = altered(plain(), "deep/pointwise", lambda node: node._replace(shape=(1, 8, 15, 27)))
    assert check_network(net).wrong_layers == ("deep",)


def test_a_stride_that_is_another_is_caught() -> None:
    def other(node: Node) -> Node:
        assert isinstance(node.primitive, Correlate)
        return node._replace(primitive=node.primitive._replace(stride=(1, 1)))

    net = plain()
    run = check_network(altered(net, "stem", other), fields=receptive_fields(net))
    assert not run.ok
    assert {"stem", "norm", "act", "deep", "pool", "last"} <= {*run.wrong_layers}
    assert not named(run, "multiplications", "deep").ok
    assert not named(run, "receptive_field").ok


@pytest.mark.parametrize("name", ["stem", "deep/depthwise", "deep/pointwise", "last", "scores", "norm"])
def test_weights_of_another_size_are_caught(name: str) -> None:
    net = plain()
    arrays = drawn_arrays(net)
    first, *rest = arrays[name]
    more = np.concatenate([first, first[:1]])
    run = check_network(net, arrays={name: (more, *rest)})
    assert not run.ok
    assert name.partition("/")[0] in run.wrong_layers
    assert not named(run, "parameters").ok


def test_a_bias_that_is_not_there_is_caught() -> None:
    net = altered(plain(), "scores", lambda node: node._replace(primitive=node.primitive._replace(bias=True)))
    run = check_network(net, arrays={"scores": drawn_arrays(net)["scores"][:1]})
    assert named(run, "execution", "scores").measured == "tuple index out of range"
    assert run.out is None
    assert named(run, "output_shape").ok is None


def test_given_arrays_and_data_are_what_the_network_runs_on() -> None:
    net = plain(batch=3)
    arrays = drawn_arrays(net, seed=8)
    x = drawn_input((3, 3, 31, 26), seed=9)
    *_, last = executed(net, [x], arrays)
    run = check_network(net, x, arrays)
    assert run.out is not None
    assert_array_equal(run.out, last.out)
    wide = check_network(net, x.astype(np.float64), arrays)
    assert wide.out is not None
    assert wide.out.dtype == np.float64


def test_nan_in_the_data_leaves_the_checks_as_they_are() -> None:
    x = drawn_input((1, 3, 31, 26))
    x[0, 1, 5, 5] = np.nan
    run = check_network(plain(), x)
    assert run.ok
    assert run.out is not None
    assert np.isnan(run.out).all()


def test_weights_that_overflow_leave_the_field_unmeasured() -> None:
    net = plain()
    weight, bias = drawn_arrays(net)["stem"]
    run = check_network(net, arrays={"stem": (weight * np.float32(1e38), bias * np.float32(np.inf))})
    field = named(run, "receptive_field")
    assert (field.ok, field.measured) == (None, None)
    assert "NaN whatever the input" in field.how


def test_a_reference_is_compared_with_a_tolerance() -> None:
    net = plain()
    out = check_network(net).out
    assert out is not None
    for values, ok in ((out, True), (out * (1 + 1e-6), True), (out * 1.001, False), (out * np.nan, False),
                       (out[:, 1:], False)):  # fmt: skip

        def given(inputs: Sequence[np.ndarray], values: np.ndarray = values) -> list[np.ndarray]:
            assert inputs[0].shape == (1, 3, 31, 26)
            return [values]

        check = named(check_network(net, reference=Reference("another", given)), "values")
        assert check.ok == ok
        assert "another" in check.how
    check = named(check_network(net, reference=Reference("another", None)), "values")
    assert (check.ok, check.measured, check.how) == (None, None, "another is not installed")


def test_progress_goes_up_to_the_end() -> None:
    answered: list[tuple[int, int]] = []
    check_network(plain(), progress=lambda done, of: answered.append((done, of)))
    assert answered == sorted(answered)
    assert answered[-1][0] == answered[-1][1]


def test_checks_are_totals_then_those_of_every_layer_by_its_name() -> None:
    """A layer of several stages has one row of checks: the sum of its stages, and the last one's shape."""
    net = plain()
    run = check_network(net)
    assert [check.name for check in run.totals] == [
        "output_shape", "parameters", "multiplications", "receptive_field", "receptive_field"
    ]  # fmt: skip
    layers = [check.layer for check in run.checks if check.name == "output_shape" and check.layer]
    assert layers == [group.name for group in net.layers]
    deep = {check.name: check.measured for check in run.checks if check.layer == "deep"}
    assert deep == {"output_shape": [8, 15, 26], "parameters": 6 * 9 + 8 * 6, "multiplications": 102 * 15 * 26}
    assert [check.name for check in run.checks if check.layer == "act"] == ["output_shape"]
    keys = {"name", "layer", "predicted", "measured", "ok", "how"}
    assert {*named(run, "parameters", "deep").to_dict()} == keys
    assert {*named(run, "parameters").to_dict()} == keys - {"layer"}


def test_a_layer_alone_can_be_checked_as_a_network() -> None:
    options = LayerOptions(input=(3, 20, 21), kernel=3, filters=5, stride=2, padding=1, bias=True)
    run = check_network(layer_graph("depthwise-separable", options))
    assert run.ok
    assert {check.layer for check in run.checks} == {"", "pointwise"}


def test_a_cost_predicted_wrongly_is_caught_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(node: Node) -> Cost:
        return cost(node)._replace(weights=7) if node.stage == "depthwise" else cost(node)

    monkeypatch.setattr(module, "cost", wrong)
    run = check_network(plain())
    assert run.wrong_layers == ("deep",)
    check = named(run, "parameters", "deep")
    assert (check.predicted, check.measured) == (7 + 48, 102)
    assert not named(run, "parameters").ok


def test_a_layer_that_fails_in_its_middle_is_named_once() -> None:
    net = plain()
    depthwise = drawn_arrays(net)["deep/depthwise"][0]
    run = check_network(net, arrays={"deep/depthwise": (depthwise[:5],)})
    assert (run.out, run.wrong_layers) == (None, ("deep",))
    assert [(check.ok, check.how) for check in run.totals] == [(None, "deep could not be run")] * 4
    failure = named(run, "execution", "deep")
    assert (failure.predicted, failure.how) == ([8, 15, 26], "could not be run on what reached it")
    assert "deep could not be run" in named(run, "receptive_field").how
    assert not any(check.name == "output_shape" and check.layer == "deep" for check in run.checks)


def test_unknown_layers_cannot_be_run() -> None:
    unknown = Unknown("no rule for it", (1, 8, 7, 13))
    net = altered(plain(), "pool", lambda node: node._replace(primitive=unknown))
    message = r"check: every layer must be one that can be run, got pool \(max_pool\): no rule for it; what depends on"
    with pytest.raises(DataError, match=message):
        check_network(net)


def test_a_mirrored_border_is_looked_at_in_the_middle_alone() -> None:
    """Padding 3 by reflection, kernel 7: the middle output of 41 reads 17 to 23; of 5 pixels none is away."""
    [check] = [check for check in check_network(mirrored()).checks if check.name == "receptive_field"]
    assert (check.ok, check.measured) == (True, [[17, 23], [15, 21]])
    [check] = [check for check in check_network(mirrored(height=5)).checks if check.name == "receptive_field"]
    assert (check.ok, check.measured) == (None, None)
    assert "shows inputs again, and no output is away from the border" in check.how


def test_outputs_of_padding_alone_are_looked_at_in_the_middle_too() -> None:
    checks = [check for check in check_network(alone()).checks if check.name == "receptive_field"]
    assert len(checks) == 3
    assert (checks[0].measured, checks[0].ok) == (None, True) or checks[0].ok
    assert checks[2].predicted == checks[2].measured
