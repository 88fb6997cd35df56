"""Layers as words: `k3s2p1`, `max:k3s2c`, `ds:k3f64*3`, `gap`, `fc1000`, and pasted constructors.

A word in letters is `[TYPE:]LETTERS[*N]`: the letters in any order, each at most once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from convcalc.errors import NotationError, quoted, shortened
from convcalc.notation.layer_word import MAX_LAYERS, LayerWord, WordError
from convcalc.notation.relatives import relative
from convcalc.notation.spellings import (
    PADDING_WORDS,
    mode_spelling,
    nearest,
    padding_spelling,
    pool_spelling,
    stated_dims,
    type_spelling,
)
from convcalc.notation.values import whole_number
from convcalc.notation.vocabulary import NUMBERED, WORDS, plain_op

LETTERS = {
    "k": "kernel", "s": "stride", "p": "padding", "d": "dilation", "g": "groups", "f": "filters",
    "a": "output_padding", "m": "multiplier", "b": "bias", "c": "ceil_mode",
}  # fmt: skip
POOL_OPTIONS = ("kernel", "stride", "padding", "dilation", "ceil_mode")
HOW = f"a layer is written like k3s2p1f64, with the letters {' '.join(LETTERS)}"
HOW_WORDS = "a layer is written like k3s2p1f64, max:k2, gap or fc10"
_AXES = "[0-9]+(?:[x×,][0-9]+)*"
_PAIRS = "[0-9]+(?::[0-9]+)?(?:[x×,][0-9]+(?::[0-9]+)?)*"
_PADDING_WORD = "(?i:same[-_]?(?:lower|upper)|same|valid|full|causal)"
_TOKEN = re.compile(f"[ksda]{_AXES}|[gfm][0-9]+|p(?:{_PADDING_WORD}|{_PAIRS})|[bc]")
_ONLY_LETTERS = re.compile(f"(?:{_TOKEN.pattern})+")
_PADDING_BEGINS = re.compile(f".*p{_AXES}")
"""The text before the colon of a one-sided padding, as in k3p0:1."""
_NUMBERED = re.compile(f"([a-z]+)({_AXES})?(b?)", re.IGNORECASE)
_SIGN = re.compile("-(?=[0-9])")
_COLON = re.compile(":(?=[a-z])")
_TYPE_AND_NUMBERS = re.compile("([a-z_-]+?)(?:[23]d)?:?([0-9].*)")
"""A kernel without its letter, as in conv3x3, max2 and max:2s2."""
_BETWEEN_LETTERS = re.compile("[,;/_-]+(?=[a-z])")
_BARE_PADDING = re.compile("(?<!p)(same|valid|full|causal)")
_FRACTION = re.compile(r"(?:up|upsample)([0-9]*\.[0-9]+)", re.IGNORECASE)
_SIZE = re.compile(r"[-+(\[\s]*[0-9][0-9\sxX×,()\[\].*+-]*")
_SIZE_PIECE = re.compile(r"[(\[]?[0-9]+,?[)\]]?|[xX×*,]")
"""A number of a size, or what stands between two, as an argument of its own."""
_POINTWISE = re.compile(r"1[xX×]1(?:\s*\*.*)?")


def is_size(text: str) -> bool:
    """Whether the text is meant as a size, valid or not, rather than as a layer word.

    No word consists of numbers alone, but for `1x1`, which is the pointwise convolution.

    >>> [is_size(text) for text in ("3x224x224", "(3, 224, 224)", "784", "k3", "3d:k3", "1x1")]
    [True, True, True, False, False, False]
    """
    return bool(_SIZE.fullmatch(text)) and not _POINTWISE.fullmatch(text)


def parted_size(texts: Sequence[str]) -> str | None:
    """The size whose numbers stand apart in the first of the texts; None if they are not those of one size.

    >>> parted_size(["3", "224", "224", "k3"]), parted_size(["3,", "9"]), parted_size(["3", "k3"])
    ('3x224x224', '3x9', None)
    """
    pieces = list(takewhile(_SIZE_PIECE.fullmatch, texts))
    numbers = [number for piece in pieces if (number := piece.strip("xX×*,()[]"))]
    return "x".join(numbers) if len(numbers) > 1 else None


def split_words(text: str) -> list[str]:
    """The words of a row written as one text; blanks inside brackets part no words.

    >>> split_words("3x8x8 nn.Conv2d(3, 8, (3, 5)) gap")
    ['3x8x8', 'nn.Conv2d(3, 8, (3, 5))', 'gap']
    """
    words, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character.isspace() and depth <= 0:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]


def typed_words(texts: Sequence[str], types: Sequence[str]) -> tuple[str, ...]:
    """The words of a command line; a row inside quotation marks is parted as if there were none.

    >>> typed_words(["3x33x33 k3f4", "k3"], []), typed_words(["3, 224, 224", "Conv2d(3, 8, 3)"], [])
    (('3x33x33', 'k3f4', 'k3'), ('3, 224, 224', 'Conv2d(3, 8, 3)'))
    """
    words: list[str] = []
    for text in texts:
        parts = [text] if is_size(text) else split_words(text)
        row = len(parts) > 1 and (is_size(parts[0]) or all(_reads(part, types) for part in parts))
        words += parts if row else [text]
    return tuple(words)


def parse_words(texts: Sequence[str], types: Sequence[str]) -> tuple[LayerWord, ...]:
    """The layers that the words stand for, in order, with repetitions written out.

    `types` are the names of convolution types that may stand before a colon; `max` and `avg` always may. A pasted
    SeparableConv2D with a bias is two layers, because Keras has that bias after the pointwise convolution only.

    Raises NotationError naming the word, what in it cannot be read, and what would work.

    >>> [word.values for word in parse_words(["k3p1*2", "max:k2"], ["conv"])]
    [{'kernel': '3', 'padding': '1'}, {'kernel': '3', 'padding': '1'}, {'kernel': '2'}]
    """
    read: dict[str, tuple[LayerWord, ...]] = {}
    layers: list[LayerWord] = []
    for text in texts:
        if text not in read:
            read[text] = _read(text, types)
        layers += read[text]
        if len(layers) > MAX_LAYERS:
            raise NotationError(f"{shortened(text)}: a row may stand for {MAX_LAYERS:,} layers, got more; use fewer")
    return tuple(layers)


def parse_layer(text: str, types: Sequence[str]) -> LayerWord:
    """The one layer that a word stands for. Raises NotationError as parse_words does, and for several layers.

    >>> parse_layer("max:k3x5s2", []).values
    {'kernel': '3x5', 'stride': '2'}
    """
    layers = parse_words([text], types)
    if len(layers) != 1:
        raise NotationError(f"{shortened(text)}: must be one layer here, got {len(layers):,}; use one word per layer")
    return layers[0]


def _read(text: str, types: Sequence[str]) -> tuple[LayerWord, ...]:
    """The layers of one word; whatever is wrong with it becomes one sentence here."""
    try:
        return _repeated(text, types)
    except WordError as error:
        near = next((f"did you mean {near}?" for near in _near_misses(text, types) if _reads(near, types)), "")
        remedy = near or error.remedy
        raise NotationError(f"{_where(text)}: {error.problem}" + (f"; {remedy}" if remedy else "")) from None
    except NotationError as error:
        raise NotationError(f"{_where(text)}: {error}") from None


def _where(text: str) -> str:
    return shortened(text) if text.strip() else quoted(text)


def _repeated(text: str, types: Sequence[str]) -> tuple[LayerWord, ...]:
    word, star, count = text.rpartition("*")
    if not star or ")" in count:  # a star inside a constructor's brackets repeats nothing
        return _layers(text, types)
    layers = _layers(word.rstrip(), types)
    try:
        times = whole_number(count, "repetitions")
    except NotationError as error:
        raise WordError(str(error), f"write for example {shortened(word)}*2") from None
    if times > MAX_LAYERS:
        raise WordError(f"repetitions: must be at most {MAX_LAYERS:,}, got {count.strip()}", "use fewer")
    return layers * times


def _layers(text: str, types: Sequence[str]) -> tuple[LayerWord, ...]:
    if _ONLY_LETTERS.fullmatch(text):
        return (LayerWord(text, "standard", _values(text, "standard")),)
    if "(" in text:
        from convcalc.notation.constructors import is_call, read_constructor  # rarely needed, and long to load

        if is_call(text):
            return read_constructor(text)
    op = plain_op(text)
    return (LayerWord(text, op, {}) if op else _numbered(text) or _typed(text, types),)


def _numbered(text: str) -> LayerWord | None:
    """A word that ends in its number: `fc1000`, `fc1000b`, `up2x1`, `shuffle3`."""
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        raise WordError(f"factor must be whole numbers, got {fraction[1]}", f"use Upsample(scale_factor={fraction[1]})")
    parts = _NUMBERED.fullmatch(text)
    if not parts or parts[1].lower() not in NUMBERED:
        return None
    name, number, bias = parts.groups()
    op, option, example = NUMBERED[name.lower()]
    if number is None:
        raise WordError(f"needs its number ({option}), got none", f"write for example {example}")
    if option != "factor" and not number.isdecimal():
        raise WordError(f"{option} must be one number, got {number}", f"write for example {example}")
    if bias and op != "linear":
        raise WordError("only a linear layer's word may end in b (bias)", "leave the b out")
    return LayerWord(text, op, {option: number, "bias": True} if bias else {option: number})


def _values(letters: str, op: str) -> dict[str, Any]:
    """The values that the letters say, as text; flags are True."""
    values: dict[str, Any] = {}
    for letter, token in _tokens(letters):
        name = LETTERS[letter]
        if name in values:
            raise WordError(f"{letter} ({name}) is given twice", "give it once")
        values[name] = token or True
        if (name not in POOL_OPTIONS) if op.endswith("_pool") else name == "ceil_mode":
            what = "pool" if op.endswith("_pool") else "convolution"
            raise WordError(
                f"a {what} has no {name.replace('_', ' ')}, got {token or letter}", f"leave {letter}{token} out"
            )
    return values


def _tokens(letters: str) -> list[tuple[str, str]]:
    """Each letter with what follows it, all read before any is judged: conv3 is no word that begins with c."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(letters):
        token = _TOKEN.match(letters, at)
        if not token:
            unread = letters if not any(value for _, value in found) else letters[at:]
            how = HOW if any(character.isdigit() for character in letters) else HOW_WORDS
            raise WordError(f"cannot read {quoted(unread)}{_why_unread(unread)}", how)
        found.append((letters[at], token[0][1:]))
        at = token.end()
    return found


def _why_unread(unread: str) -> str:
    """What is wrong with the rest of a word, if one character says it."""
    first = unread[:1]
    if first in LETTERS and (len(unread) == 1 or not unread[1].isalpha() or first == "p"):
        what = "numbers or a word" if first == "p" else "no number" if first in "bc" else "a number"
        return f", {first} ({LETTERS[first].replace('_', ' ')}) takes {what}"
    if first.isdigit():
        return ", which has no letter before it"
    return "" if first.isspace() or first in LETTERS or len(unread) > 2 else ", which is no letter here"


def _typed(text: str, types: Sequence[str]) -> LayerWord:
    """A type alone, or a type and letters."""
    op = _op(text, types)
    if op:
        return LayerWord(text, op, {}, stated_dims(text))
    head, colon, letters = text.partition(":")
    if not colon or _ONLY_LETTERS.fullmatch(head) or _PADDING_BEGINS.fullmatch(head):
        if is_size(text):
            raise WordError(
                "is a size, not a layer", f"write k{shortened(text)} for a kernel; a size comes before the layers"
            )
        if not text:
            raise WordError("cannot read ''", HOW_WORDS)
        if padding := padding_spelling(text):
            raise NotationError(f"is a padding, not a layer; write k3p{padding}")
        if mode_spelling(text):
            raise NotationError("is a padding mode, not a layer, and changes no size or count; leave it out")
        known = relative(text)
        if known is not None:
            instead = f"write {known.type}:k3, {known.what}" if known.type else known.what
            raise NotationError(f"is no layer word here: {known.why}; {instead}")
        return LayerWord(text, "standard", _values(text, "standard"))
    op = _op(head, types)
    if op is None:
        raise _unknown_type(head, letters)
    return LayerWord(text, op, _values(letters, op), stated_dims(head))


def _unknown_type(head: str, letters: str) -> Exception:
    """Why the text before a colon is no type: one of those that people know gets no near miss."""
    padding = padding_spelling(head)
    if padding and letters:
        return NotationError(f"{quoted(head)} is a padding, not a type; write {letters}p{padding}")
    known = relative(head)
    if known is None or head.lower() in NUMBERED:
        return WordError(f"unknown layer type {quoted(head)}", "convcalc types lists them, max and avg are pools")
    instead = f"write {known.type}:{letters}, {known.what}" if known.type else known.what
    return NotationError(f"{quoted(head)} is no layer type here: {known.why}; {instead}")


def _op(name: str, types: Sequence[str]) -> str | None:
    """The op of a type's name or spelling."""
    pool = pool_spelling(name)
    if pool or name in types:
        return pool or name
    spelled = type_spelling(name)
    return spelled if spelled in types else None


def _names(types: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(("max", "avg", *types)))


def _near_misses(text: str, types: Sequence[str]) -> Iterator[str]:
    """Words like the one that cannot be read, the likeliest first; they may be unreadable too."""
    if "(" in text:
        return
    word = text.strip().lower()
    yield word
    yield word.replace(" ", "")
    yield _SIGN.sub("", word)
    yield _COLON.sub("", word, count=1)
    yield word.replace("=", "")
    yield _BETWEEN_LETTERS.sub("", word)
    numbers = _TYPE_AND_NUMBERS.fullmatch(word)
    if numbers and _op(numbers[1], types):
        yield f"{numbers[1]}:k{numbers[2]}"
    yield word.replace(":", "")
    yield _BARE_PADDING.sub(r"p\1", word)
    head, colon, rest = word.partition(":")
    if colon:
        yield from (f"{near}:{rest}" for near in nearest(head, _names(types)))
        return
    if not _TOKEN.match(word) and word not in NUMBERED:
        near = nearest(word, (*WORDS, *_names(types)))
        yield from (name if name in WORDS else f"{name}:k3" for name in near)  # a type alone lacks its kernel
    name = word.rstrip("0123456789x×,")
    if name.isalpha():
        yield from (f"{near}{word[len(name) :]}" for near in nearest(name, NUMBERED))
    before, letter, padding = word.rpartition("p")
    yield from (f"{before}{letter}{near}" for near in nearest(padding, PADDING_WORDS))


def _reads(text: str, types: Sequence[str]) -> bool:
    try:
        _repeated(text, types)
    except (WordError, NotationError):
        return False
    return True
