"""Sample rates, and numbers of samples as times, as people type them."""

from __future__ import annotations

import re
from fractions import Fraction

from convcalc.errors import NotationError, quoted
from convcalc.notation.values import whole_number

_RATE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})\s*([kKM]?)(?:[hH][zZ])?")
_TIME = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})\s*(m?)s")
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6}


def parse_sample_rate(text: str) -> Fraction:
    """Samples a second, exactly. Raises NotationError for what is no rate above 0.

    >>> parse_sample_rate("44.1k"), parse_sample_rate("16000"), parse_sample_rate("48 kHz")
    (Fraction(44100, 1), Fraction(16000, 1), Fraction(48000, 1))
    """
    found = _RATE.fullmatch(text.strip())
    rate = Fraction(found[1]) * _SCALE[found[2]] if found else Fraction(0)
    if rate <= 0:
        raise NotationError(f"rate: must be samples a second, such as 16000, 16k or 44.1k, got {quoted(text)}")
    return rate


def parse_samples(text: str, name: str, rate: Fraction) -> int:
    """A number of samples, or the samples of a time at this rate.

    Raises NotationError for what is neither, and for a time that is no whole number of samples.

    >>> parse_samples("480", "chunk", Fraction(16000)), parse_samples("10ms", "chunk", Fraction(44100))
    (480, 441)
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return whole_number(text, name)
    count = Fraction(found[1]) * rate / (1000 if found[2] else 1)
    if count.denominator > 1 or count < 1:
        near = max(1, round(count))
        raise NotationError(
            f"{name}: must be a whole number of samples, got {quoted(text)}, which is {float(count):.6g} at "
            f"{show_sample_rate(rate)}; use {near}"
        )
    return int(count)


def show_sample_rate(rate: Fraction) -> str:
    """A rate with its unit.

    >>> show_sample_rate(Fraction(44100)), show_sample_rate(Fraction(50))
    ('44.1 kHz', '50 Hz')
    """
    value, unit = (rate / 1000, "kHz") if rate >= 1000 else (rate, "Hz")
    return f"{value.numerator if value.denominator == 1 else f'{float(value):.6g}'} {unit}"
