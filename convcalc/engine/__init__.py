"""The arithmetic itself, on NumPy arrays, in bounded memory, and exact for integers."""

from convcalc.engine.api import conv, conv_transpose

__all__ = ["conv", "conv_transpose"]
