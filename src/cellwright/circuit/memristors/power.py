"""Powers, by the operators that programs have."""

from __future__ import annotations

from cellwright.program.operators import exp, log, maximum
from cellwright.program.values import Value


def power(base: Value, exponent: float) -> Value:
    """A base to the power of a number above 0: by products for a whole one, else by exp and log of a base from 0."""
    if exponent == int(exponent) and 1 <= exponent <= 64:
        return _whole_power(base, int(exponent))
    return exp(exponent * log(maximum(base, 1e-300)))


def _whole_power(base: Value, exponent: int) -> Value:
    if exponent == 1:
        return base
    half = _whole_power(base, exponent // 2)
    return half * half * base if exponent % 2 else half * half
