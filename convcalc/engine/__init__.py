"""The arithmetic itself, on NumPy arrays, in bounded memory and exact where the numbers are integers."""

from convcalc.engine.api import conv, conv_transpose

__all__ = ["conv", "conv_transpose"]
