"""Whatever is typed: written out and read again it is the same, and any text ends in a value or one line."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.errors import NotationError, quoted
from convcalc.notation import (
    LETTERS,
    PADDING_WORDS,
    parse_axes,
    parse_features,
    parse_layer,
    parse_layout,
    parse_padding,
    parse_padding_mode,
    parse_size,
    parse_words,
    rewritten,
    show_axes,
    show_padding,
    show_size,
    split_words,
    typed_words,
    whole_number,
)
from convcalc.notation.rates import parse_sample_rate, show_sample_rate
from convcalc.notation.spans import parse_sides, parse_spans, parse_targets
from convcalc.recipes import BY_NAME
from convcalc.storage.memory import limited_memory, memory_budget
from tests.strategies import answer_or_line, near

NUMBER = st.integers(1, 10**30)
MARKS = st.sampled_from(["x", "X", "×", ","])
TYPES = tuple(BY_NAME)


def put(numbers: list[int], mark: str, form: str) -> str:
    return form.format(mark.join(map(str, numbers)))


@given(st.lists(NUMBER, min_size=2, max_size=4), MARKS, st.sampled_from(["{}", "({})", "[{}]", " {} ", "( {} )"]))
def test_sizes_are_read_in_any_form(size: list[int], mark: str, form: str) -> None:
    first, last = tuple(size), (size[-1], *size[:-1])
    text = put(size, mark, form)
    assert parse_size(text) == parse_size(show_size(first)) == parse_features(text) == parse_size(first) == first
    assert parse_size(text, layout="NHWC") == parse_size(show_size(last, "channels-last"), layout="hwc") == last


@given(st.lists(NUMBER, min_size=1, max_size=3), MARKS)
def test_values_per_axis(values: list[int], mark: str) -> None:
    dims = len(values)
    expected = tuple(values)
    assert parse_axes(put(values, mark, "{}"), "kernel", dims) == expected
    assert parse_axes(show_axes(values), "kernel", dims) == parse_axes(expected, "kernel", dims) == expected


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=3))
def test_paddings(pairs: list[tuple[int, int]]) -> None:
    dims, expected = len(pairs), tuple(pairs)
    written = (show_padding(pairs), str(expected), str([list(pair) for pair in pairs]), expected)
    for padding in written:
        assert parse_padding(padding, dims) == expected


@given(st.sampled_from(PADDING_WORDS), st.sampled_from(["_", "-", ""]), st.booleans())
def test_padding_words(word: str, between: str, upper: bool) -> None:
    text = word.replace("-", between)
    assert parse_padding(text.upper() if upper else text, 2) == word


def axes(low: int) -> st.SearchStrategy[str]:
    return st.lists(st.integers(low, 99), min_size=1, max_size=3).map(lambda values: "x".join(map(str, values)))


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=3).map(
    lambda pairs: "x".join(f"{begin}:{end}" for begin, end in pairs)
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "kernel": axes(1), "stride": axes(1), "dilation": axes(1), "groups": st.integers(1, 99).map(str),
    "padding": st.one_of(st.sampled_from(PADDING_WORDS), axes(0), PAIRS), "filters": st.integers(1, 10**6).map(str),
    "output_padding": axes(0), "multiplier": st.integers(1, 9).map(str), "bias": st.just(True),
}  # fmt: skip


@st.composite
def words(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """A word in letters in any order, its type, and its values."""
    values = {name: draw(VALUES[name]) for name in draw(st.lists(st.sampled_from([*VALUES]), unique=True))}
    letters = {name: letter for letter, name in LETTERS.items()}
    text = "".join(letters[name] + ("" if value is True else value) for name, value in values.items())
    head = draw(st.sampled_from(["", *TYPES]))
    return (f"{head}:{text}" if head else text), head or "standard", values


@given(words(), st.integers(1, 50))
def test_layer_words(word: tuple[str, str, dict[str, Any]], times: int) -> None:
    text, op, values = word
    if not values:
        return
    read = parse_layer(text, TYPES)
    assert (read.op, read.values) == (op, values)
    assert parse_words([f"{text}*{times}"], TYPES) == (read,) * times
    again = parse_layer(rewritten(read, {}), TYPES)
    assert (again.op, again.values) == (op, values)
    changed = parse_layer(rewritten(read, {"kernel": "5x7"}), TYPES)
    assert (changed.op, changed.values) == (op, {**values, "kernel": "5x7"})
    assert split_words(f" {text}  gap ") == [text, "gap"]


CALL = st.fixed_dictionaries(
    {"kernel_size": st.integers(1, 11), "stride": st.integers(1, 9), "padding": st.integers(0, 9)},
    optional={"dilation": st.integers(1, 9), "groups": st.integers(1, 9), "bias": st.booleans()},
)


@given(st.integers(1, 999), st.integers(1, 999), CALL, st.sampled_from([1, 2, 3]), st.sampled_from(["", "nn.", "x = "]))
def test_pasted_code(channels: int, filters: int, options: dict[str, Any], dims: int, before: str) -> None:
    """By name, by position and with blanks: the same layer, the one that the arguments name."""
    named = ", ".join(f"{name}={value}" for name, value in options.items())
    placed = ", ".join(str(options[name]) for name in ("kernel_size", "stride", "padding"))
    others = "".join(f",{name} = {options[name]}" for name in options if name in ("dilation", "groups", "bias"))
    expected = {"bias": True, **options, "kernel": options["kernel_size"], "in_channels": channels, "filters": filters}
    del expected["kernel_size"]
    for text in (
        f"{before}Conv{dims}d({channels}, {filters}, {named})",
        f"{before}Conv{dims}d({channels},{filters} ,{placed}{others})",
    ):
        read = parse_layer(text, TYPES)
        assert (read.op, read.dims, dict(read.values)) == ("standard", dims, expected)


NEAR = near(
    "0123456789x×,.:()[] -+*=ksdpgfambct_/'\"\n\x1b\u202e", "3x224x224", "(3, 224, 224)", "k3s2p1d2", "t:k4s2p0:1x1",
    "f64k3p1*3", "max:k3s2c", "dw:k3m2b", "same", "SAME_UPPER", "gap", "fc1000", "up2x3", "1x1", "ds:k3psame",
    "nn.Conv2d(3, 64, 7, stride=2, padding=3)", "Conv2D(64, (3, 3), padding='same')", "Sequential(ReLU(), [Flatten()])",
    "0..5:0..2", "3..7x5", "5*n", "n//2", "44.1 kHz", "16k", "256MiB", "NHWC", "reflect",
)  # fmt: skip


@given(NEAR)
def test_any_text(text: str) -> None:
    for read in (
        lambda: parse_size(text), lambda: parse_size(text, layout="NHWC"), lambda: parse_features(text),
        lambda: parse_layout(text), lambda: parse_axes(text, "kernel", 2), lambda: parse_padding(text, 2),
        lambda: parse_padding(text, 1), lambda: parse_padding_mode(text), lambda: whole_number(text, "filters"),
        lambda: parse_spans(text, "kernel", 2), lambda: parse_targets(text), lambda: parse_sides(text),
        lambda: parse_sample_rate(text), lambda: parse_words(typed_words([text, "gap"], TYPES), TYPES),
        lambda: limited_memory(text).__enter__(),
    ):  # fmt: skip
        answer_or_line(read, NotationError)
    if (size := answer_or_line(lambda: parse_size(text))) is not None:
        assert prod(size) > 0
        assert parse_size(show_size(size)) == size


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=6,
)


@given(ANYTHING)
def test_any_object(value: Any) -> None:
    """Python callers pass what they like."""
    for read in (
        lambda: parse_size(value), lambda: parse_axes(value, "kernel", 2), lambda: parse_padding(value, 3),
        lambda: parse_padding_mode(value), lambda: whole_number(value, "filters"), lambda: parse_layout(value),
        lambda: parse_spans(value, "kernel"), lambda: parse_targets(value), lambda: parse_sides(value),
    ):  # fmt: skip
        answer_or_line(read, NotationError)
    assert quoted(value).isprintable()


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.sampled_from(["..", " .. "]))
def test_ranges(first: int, more: int, dots: str) -> None:
    [span] = parse_spans(f"{first}{dots}{first + more}", "kernel")
    assert (span.first, span.last, span.size) == (first, first + more, more + 1)
    assert parse_spans(str(span), "kernel") == parse_spans((first, first + more), "kernel") == (span,)
    if more:
        with pytest.raises(NotationError, match=f"a range goes up, got .*; write {first}..{first + more}"):
            parse_spans(f"{first + more}..{first}", "kernel")


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 9999))
def test_outputs(times: int, divisor: int, size: int) -> None:
    texts = {f"{times}n": size * times, f"{times} * n": size * times, f"n//{divisor}": size // divisor,
             f"n/{divisor}": -(-size // divisor), f"{times}": times}  # fmt: skip
    for text, expected in texts.items():
        [target] = parse_targets(text)
        assert target.of(size) == expected
        assert parse_targets(str(target)) == (target,)


@given(st.integers(1, 10**9), st.integers(0, 3))
def test_rates(number: int, places: int) -> None:
    decimal = f"{number // 10**places}.{number % 10**places:0{places}d}" if places else str(number)
    rate = Fraction(number, 10**places)
    assert parse_sample_rate(f"{decimal}k") == parse_sample_rate(f" {decimal} kHz ") == 1000 * rate
    assert parse_sample_rate(decimal) == rate
    if 1000 * rate < 10**9 and (1000 * rate).denominator == 1 and number < 10**6:
        assert parse_sample_rate(show_sample_rate(1000 * rate)) == 1000 * rate


@given(st.integers(1, 999), st.sampled_from(["", "k", "M", "G", "Ki", "mi", "Gi"]), st.sampled_from(["", "B", "b"]))
def test_bytes(number: int, unit: str, byte: str) -> None:
    factor = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}[unit.lower()]
    with limited_memory(f"{number}{unit}{byte}"):
        allowed = memory_budget()
        assert allowed is not None
        assert allowed == number * factor or allowed < number * factor > 2**28
