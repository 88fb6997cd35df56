"""Sample rates, as people type them."""

from __future__ import annotations

import re
from fractions import Fraction

from convcalc.errors import NotationError, quoted

_RATE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})\s*([kKM]?)(?:[hH][zZ])?")
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


def show_sample_rate(rate: Fraction) -> str:
    """A rate with its unit.

    >>> show_sample_rate(Fraction(44100)), show_sample_rate(Fraction(50))
    ('44.1 kHz', '50 Hz')
    """
    value, unit = (rate / 1000, "kHz") if rate >= 1000 else (rate, "Hz")
    return f"{value.numerator if value.denominator == 1 else f'{float(value):.6g}'} {unit}"
