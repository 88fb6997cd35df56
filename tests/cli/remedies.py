"""Following the advice of an error: what its message says after the semicolon becomes the next command line."""

from __future__ import annotations

import re
import shlex

NAMES = {
    "-t": "--type", "-i": "--input", "-k": "--kernel", "--kernel-size": "--kernel", "-f": "--filters",
    "--out-channels": "--filters", "-s": "--stride", "-p": "--padding", "-d": "--dilation", "-g": "--groups",
    "-m": "--multiplier", "-o": "--output",
}  # fmt: skip
FLAGS = ("--bias", "--force", "--check", "--json", "--csv", "--explain", "--no-check", "--flip")
LETTERS = {"groups": "g", "output-padding": "a", "padding": "p"}


def advised(arguments: list[str], message: str) -> list[str] | None:
    """The arguments as the message advises to change them; None if it advises nothing that can be typed."""
    problem, _, advice = message.partition("; ")
    where = problem.removeprefix("error: ").partition(": ")[0]
    word = where.partition(", ")[2] if where.startswith("layer ") else where
    word = word if word in _positional(arguments) else ""
    for form, change in FORMS:
        if found := re.match(form, advice):
            return change(arguments, problem, word, found)
    return None


def _positional(arguments: list[str]) -> list[str]:
    """The arguments that are neither options nor their values."""
    before = zip(["", *arguments], arguments, strict=False)
    return [each for last, each in before if each[0] != "-" and (last in FLAGS or not re.match("--?[A-Za-z]", last))]


def _command(arguments: list[str], _problem: str, _word: str, found: re.Match[str]) -> list[str]:
    told = shlex.split(found[1])
    return told if len(told) > 1 else [*told, *_without(arguments, _problem)[1:]]


def _options(arguments: list[str], problem: str, word: str, found: re.Match[str]) -> list[str]:
    if "no such option" in problem or found[0].endswith("instead"):
        arguments = _without(arguments, problem if "no such option" in problem else "got --type")
    tokens = shlex.split(found[1])
    at = 0
    while at < len(tokens):
        name, value = tokens[at], [] if tokens[at] in FLAGS else tokens[at + 1 : at + 2]
        if name == "--type" and word and arguments[0] != "run":
            arguments = [f"{value[0]}:{each.rpartition(':')[2]}" if each == word else each for each in arguments]
        elif name == "-t":
            arguments = [each for each in _set(arguments, name, value) if each != value[0] or each in ("-t",)] + value
            arguments.remove(value[0])
            arguments += [] if value[0] in arguments else value
        else:
            arguments = _set(arguments, name, value)
        at += 1 + len(value)
    return arguments


def _set(arguments: list[str], name: str, value: list[str]) -> list[str]:
    """The arguments with an option at a value, in place of the value that it has."""
    long = NAMES.get(name, name)
    if name == "--compare":  # another network
        arguments = [each for each in arguments if each not in value or each not in _positional(arguments)]
    kept, at = list[str](), 0
    while at < len(arguments):
        if NAMES.get(arguments[at], arguments[at]) == long and (at or not arguments[at].isalpha()):
            at += 1 if arguments[at] in FLAGS else 2
            continue
        kept.append(arguments[at])
        at += 1
    if long == "--input" and len(kept) > 1 and kept[0] == "net":
        kept = [each for each in kept if each not in value]
    return [*kept, name, *value]


def _without(arguments: list[str], problem: str) -> list[str]:
    """The arguments without the option that the problem names last."""
    name = re.findall(r"(?<!\w)(--?[A-Za-z][\w-]*)", problem)[-1]
    at = next((i for i, each in enumerate(arguments) if each == name or NAMES.get(each) == name), None)
    if at is None:
        return [each for each in arguments if not each.startswith(f"{name}=")]
    last = at + (2 if at + 1 < len(arguments) and not re.match("--?[A-Za-z]", arguments[at + 1]) else 1)
    flag = name in (*FLAGS, "--no-bias", "--flops", "--macs", "--same")
    return arguments[:at] + arguments[at + 1 if flag else last :]


def _leave_out(arguments: list[str], problem: str, word: str, found: re.Match[str]) -> list[str]:
    what = found[1]
    if what == "it":
        return _without(arguments, problem)
    if what.startswith("--"):
        return _without(arguments, what)
    if what == "the others":
        extra = problem.rpartition("got ")[2].removesuffix(" too").split(", ")
        return [each for each in arguments if each not in extra]
    if "--compare" in arguments:
        return _set_compare(arguments, what)
    letter = what if any(character.isdigit() for character in what) else f"{what}[0-9x]*"
    return [re.sub(letter, "", each) if each == word else each for each in arguments]


def _set_compare(arguments: list[str], type: str) -> list[str]:
    at = arguments.index("--compare")
    del type
    return arguments[:at] + arguments[at + 2 :]


def _word(arguments: list[str], problem: str, word: str, found: re.Match[str]) -> list[str]:
    """One word in place of another; a size in place of the input."""
    new = found[1].rstrip("?,")
    if re.fullmatch(r"[0-9]+(x[0-9]+)*", new):
        return _input(arguments, new)
    if new.startswith("--"):
        old = re.findall(r"option: (\S+)", problem)[0]
        return [each.replace(old, new) for each in arguments]
    received = [each for each in re.findall("'([^']*)'", problem) if each in arguments]
    old = word or (received[0] if received else problem.removeprefix("error: ").partition(": ")[0])
    return [new if each == old else each.replace(f"={old}", f"={new}") for each in arguments]


def _input(arguments: list[str], size: str) -> list[str]:
    old = next((i for i, each in enumerate(arguments[1:], 1) if re.fullmatch(r"[\[(]?[0-9]+([x,][0-9]+)*[\])]?", each)
                and arguments[i - 1] in (*("-i", "--input"), *arguments[:1])), None)  # fmt: skip
    if old is None:
        return [arguments[0], size, *arguments[1:]]
    return [*arguments[:old], size, *arguments[old + 1 :]]


def _at_least(arguments: list[str], _problem: str, _word: str, found: re.Match[str]) -> list[str]:
    """Every spatial size of the input at least as large."""
    shown = (each for each in arguments[1:] if re.fullmatch(r"[0-9]+(x[0-9]+)+", each))
    old = next(shown, "3x7x7")  # of the worked example
    last = "NHWC" in arguments or "channels-last" in arguments
    sizes = old.split("x")
    grown = [each if i == (len(sizes) - 1 if last else 0) else str(max(int(each), int(found[1])))
             for i, each in enumerate(sizes)]  # fmt: skip
    return _input(arguments, "x".join(grown))


def _before(arguments: list[str], _problem: str, word: str, found: re.Match[str]) -> list[str]:
    at = arguments.index(word)
    return [*arguments[:at], found[1], *arguments[at:]]


def _number(arguments: list[str], problem: str, word: str, found: re.Match[str]) -> list[str]:
    """A number for the option that the rule is about, in the layer word if there is one."""
    name = next(name for name in LETTERS if name in problem)
    if not word:
        return _set(arguments, f"--{name}", [found[1]])
    letter = LETTERS[name]
    if not re.search(f"{letter}[0-9]", word):
        letter = "shuffle|gn" if re.match("shuffle|gn", word) else ""
    new = re.sub(f"({letter})[0-9]+", rf"\g<1>{found[1]}", word) if letter else f"{word}g{found[1]}"
    return [new if each == word else each for each in arguments]


def _letter(arguments: list[str], _problem: str, word: str, found: re.Match[str]) -> list[str]:
    """A letter's value in the word, in place of the one that it has."""
    letter = found[1][0]
    new = re.sub(rf"{letter}[0-9]+(x[0-9]+)*", "", word) + found[1]
    return [new if each == word else each for each in arguments]


def _type(arguments: list[str], _problem: str, word: str, found: re.Match[str]) -> list[str]:
    new = f"{found[1] or found[2]}:{word.rpartition(':')[2]}"
    return [new if each == word else each for each in arguments]


def _argument(arguments: list[str], _problem: str, word: str, found: re.Match[str]) -> list[str]:
    """Another value of an argument in a pasted constructor."""
    name = found[1].partition("=")[0]
    return [re.sub(rf"\b{name}=[^,)]+", found[1], each) if each == word else each for each in arguments]


def _there(arguments: list[str], problem: str, word: str, found: re.Match[str]) -> list[str]:
    """A number in place of the one that a pasted constructor has."""
    old = re.findall(r"=(\d+)", problem)[-1]
    return [re.sub(rf"\b{old}\b", found[1], each, count=1) if each == word else each for each in arguments]


FORMS = (
    ("use convcalc (.*)", _command),
    (r"(?:use|add) (-[^,;]*?)(?: instead)?(?= or |,|;|$)", _options),
    (r"use ([kspdgfam][0-9]\S*)", _letter),
    (r"use (\S+): or|use (\S+):$", _type),
    (r"leave (\S+(?: others)?) out", _leave_out),
    ("leave (it) out", _leave_out),
    (r"did you mean (\S+?)\?", _word),
    (r"write for example (\w+=\S+)", _argument),
    (r"write for example (\S+?)(?:[,;]|$)", _word),
    (r"write (\d+) there", _there),
    (r"write (\S+) before it", _before),
    (r"write (LayerNorm\(\[.*?\]\))", _word),
    (r"write (\S+?)(?:[,;]|\s|$)", _word),
    (r"(?:try|use at most|use up to) (\d+)", _number),
    (r"the smallest input that fits is (\d+)(?!.*chain)", _at_least),
    (r".*the smallest input that the whole chain accepts is (\S+?)(?:;|$)", lambda a, _p, _w, f: _input(a, f[1])),
    (r"the whole network accepts is (\S+?)(?:;|$)", lambda a, _p, _w, f: _input(a, f[1])),
    (r"the nearest(?: that fit)?: (\S+)", lambda a, _p, _w, f: _input(a, f[1])),
    (r"input \S+ was read as .*?: .*? write (\S+?)(?:,|;|$)", _word),
    (r"an input for it is written like (\S+)", _word),
    (r"use ([A-Z]\w+\(.*\))", _word),
)
"""Each form of an advice, and how to follow it."""
