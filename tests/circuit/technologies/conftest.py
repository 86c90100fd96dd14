"""What the tests of foundries' models share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from cellwright.circuit import simulate

Pairs = Sequence[tuple[float, float]]


@pytest.fixture
def currents() -> Callable[[str, str, float, Pairs, Pairs], list[float]]:
    """Drain currents of n and p transistors, ``call`` of each (width, length), under each (gate, drain) voltage.

    In a call ``{p}`` stands for the polarity, ``{w}`` and ``{l}`` for the size in um.
    """

    def measured(models: str, call: str, supply: float, sizes: Pairs, biases: Pairs) -> list[float]:
        lines, names = [], []
        for index, (width, length) in enumerate(sizes):
            for bias, (gate, drain) in enumerate(biases):
                for polarity, ground, sign in (("n", "0", 1), ("p", "vdd", -1)):
                    called = call.format(p=polarity, w=width, l=length)
                    name = f"{polarity}{index}{bias}"
                    lines += [
                        f"Vg{name} g{name} {ground} {sign * gate}",
                        f"V{name} d{name} {ground} {sign * drain}",
                        f"X{name} d{name} g{name} {ground} {ground} {called}",
                    ]
                    names.append(f"i(v{name})")
        done = simulate("\n".join(["* transistors", models, f"Vdd vdd 0 {supply}", *lines, ".op", ".end", ""]))
        return [done[name][0] for name in names]

    return measured
