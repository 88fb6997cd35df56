"""Shapes, parameters and multiplications of a run: each check fails if what it guards is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convcalc import Report, analyze
from convcalc.graph.primitives import Correlate
from convcalc.proof import checks
from convcalc.proof.checks import (
    BY_AXES,
    COUNTED,
    Numbers,
    check_multiplications,
    check_parameters,
    check_shape,
    check_total_multiplications,
    measured,
    together,
)
from convcalc.proof.executed import Check, convolved
from convcalc.proof.forms import Named
from convcalc.proof.run import RunOptions, run
from convcalc.proof.walk import executed
from tests.proof.examples import EXAMPLES
from tests.proof.running import disagreeing, run_nodes


@pytest.fixture(params=EXAMPLES)
def report(request: pytest.FixtureRequest) -> Report:
    return EXAMPLES[request.param]


def ran(report: Report) -> Numbers:
    """What a run of the layer shows."""
    nodes = run_nodes(report)
    return together(map(measured, nodes), nodes[-1].out.shape)


def assert_notices(agreed: Check, *wrong: Check) -> None:
    assert agreed.ok
    assert agreed.predicted == agreed.measured
    for check in wrong:
        assert not check.ok
        assert check.predicted != check.measured
        assert check.measured == agreed.measured


def test_shape_notices_every_axis(report: Report) -> None:
    found = ran(report).shape
    right = (report.batch, *report.output)
    wrong = [tuple(n + (a == axis) for a, n in enumerate(right)) for axis in range(1, len(right))]
    wrong.append((*right[:2], *right[:1:-1]))
    assert_notices(check_shape(right, found), *(check_shape(shape, found) for shape in wrong))


def test_a_batch_that_is_another_is_shown() -> None:
    assert check_shape((2, 3, 4), (2, 3, 4)).measured == [3, 4]
    other = check_shape((2, 3, 4), (1, 3, 4), "layer")
    assert (other.ok, other.predicted, other.measured, other.layer) == (False, [2, 3, 4], [1, 3, 4], "layer")
    assert check_shape((2, 3), None).measured is None
    assert check_shape(None, (2, 3)).predicted is None


def test_parameters_notices_one_more_or_less(report: Report) -> None:
    found, right = ran(report).parameters, report.parameters
    assert_notices(check_parameters(right, found), *(check_parameters(right + d, found) for d in (-1, 1)))


def test_multiplications_notices_one_more_or_less(report: Report) -> None:
    found, right = ran(report), report.multiplications
    assert_notices(check_multiplications(right, found), *(check_multiplications(right + d, found) for d in (-1, 1)))


@pytest.mark.parametrize("algorithm", ["winograd", "fft"])
def test_multiplications_of_an_algorithm_that_executes_others(algorithm: str) -> None:
    """They are measured by the definition, axis by axis, and not by what the algorithm happened to multiply."""
    answered = analyze("standard", input=(2, 9, 11), kernel=3, filters=5, padding=((1, 0), (2, 1)), batch=3)
    [node] = run_nodes(answered, algorithm=algorithm)
    assert node.counter.choice is not None
    assert node.counter.choice.algorithm == algorithm
    assert node.counter.multiplications != answered.multiplications
    found = measured(node)
    check = check_multiplications(answered.multiplications, found)
    assert_notices(check, check_multiplications(node.counter.multiplications, found))
    assert check.how == BY_AXES
    direct = Numbers(None, 0, 100)
    together = check_total_multiplications(answered.multiplications + 100, [found, direct])
    assert (together.ok, together.how) == (True, f"{COUNTED}; in 1 layer {BY_AXES}")
    assert check_total_multiplications(100, [direct]).how == COUNTED


@pytest.mark.parametrize(
    ("options", "outputs"),
    [
        ({"kernel": 5, "padding": "2:9"}, 57 + 11 - 5 + 1),
        ({"kernel": 3, "padding": "20:0", "stride": 2, "dilation": 4}, (57 + 20 - 9) // 2 + 1),
        ({"kernel": 1, "padding": "0:30"}, 87),  # the last positions lie on padding alone
    ],
)
def test_multiplications_along_a_long_axis_are_counted_at_some_positions(
    options: dict[str, Any], outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every position executes a product per tap and channel, wherever it is; `outputs` by hand from 57 pixels."""
    monkeypatch.setattr(checks, "COUNTED_PRODUCTS", 60)
    report = analyze(input=(2, 57), filters=3, **options)
    [node] = run_nodes(report, algorithm="fft")
    found = measured(node)
    each = 60 // (3 * options["kernel"])
    assert (found.multiplications, found.sample) == (outputs * options["kernel"] * 2 * 3, (3 * each, outputs))
    how = check_multiplications(report.multiplications, found).how
    assert how == f"{BY_AXES}; at {3 * each} of {outputs} positions of long axes, the first, middle and last ones"
    lost = node.out[..., :-1]
    assert not check_multiplications(report.multiplications, measured(replace(node, out=lost))).ok


def test_arrays_that_an_earlier_node_has_too_count_there() -> None:
    [node] = run_nodes(EXAMPLES["standard"])
    assert node.parameters == EXAMPLES["standard"].parameters
    shared = replace(node, node=node.node._replace(shared=frozenset({"weight"})))
    assert shared.parameters == EXAMPLES["standard"].biases


def test_padding_is_numbers_when_it_runs() -> None:
    """Executed nodes carry the padding as numbers, whatever word asked for them."""
    [node] = run_nodes(analyze(input=(1, 7), kernel=2, filters=1, padding="same", stride=2))
    assert isinstance(node.node.primitive, Correlate)
    assert node.node.primitive.padding == ((0, 1),)
    assert node.node.padding_word == "same"


def test_one_axis_of_a_convolution_has_one_channel_and_the_arrays_kernel() -> None:
    [node] = run_nodes(EXAMPLES["transposed"])
    convolution = convolved(node)
    assert convolution is not None
    along = convolution.along(1)
    assert (along.in_channels, along.out_channels, along.groups, along.bias) == (1, 1, 1, False)
    assert (along.kernel, along.stride, along.padding, along.dilation) == ((4,), (3,), ((0, 2),), (1,))


WRONG = {
    "output_shape": lambda answered: with_output(answered, tuple(n + 1 for n in answered.output)),
    "parameters": lambda answered: replace(answered, cost=answered.cost._replace(weights=answered.weights + 1)),
    "multiplications": lambda answered: replace(
        answered, cost=answered.cost._replace(multiplications=answered.multiplications - 1)
    ),
    "receptive_field": lambda answered: with_field(answered),
}


def with_output(report: Report, output: tuple[int, ...]) -> Report:
    """The report with another output predicted, without its batch."""
    *nodes, last = report.graph.nodes
    return replace(report, graph=replace(report.graph, nodes=(*nodes, last._replace(shape=(report.batch, *output)))))


def with_field(report: Report) -> Report:
    """The report with a receptive field twice as wide as it is."""
    last = report.graph.output
    wide = tuple(axis._replace(size=2 * axis.size) for axis in report.fields.fields[last])
    return replace(report, fields=report.fields._replace(fields=(*report.fields.fields[:last], wide)))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_prediction_makes_the_run_disagree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report that is shown is the one that is checked, number by number."""
    from convcalc.questions.report import layer_report

    arrays = Named("x", np.ones((1, 9, 8))), [Named("k", np.ones((1, 1, 3, 2)))], ()
    assert disagreeing(run(*arrays, RunOptions())) == []
    monkeypatch.setattr("convcalc.proof.run.layer_report", lambda graph: WRONG[name](layer_report(graph)))
    found = run(*arrays, RunOptions())
    assert not found.ok
    assert disagreeing(found) == [name]


def test_an_executed_graph_has_a_run_for_every_node_but_the_inputs() -> None:
    report = EXAMPLES["chain"]
    nodes = run_nodes(report)
    assert [node.node.name for node in nodes] == ["depthwise", "pointwise"]
    again = list(executed(report.graph, [nodes[0].inputs[0]], {node.node.name: node.arrays for node in nodes}))
    np.testing.assert_array_equal(again[-1].out, nodes[-1].out)
