"""A laboratory whose blocks are formulas instead of measurements: tests of the twin need no simulator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from cellwright.circuit import technologies
from cellwright.circuit.blocks.pairs import Pairs
from cellwright.circuit.calibration import Conditions, Laboratory, PairConstants
from cellwright.circuit.design import Design
from cellwright.circuit.table import Table


@dataclass(frozen=True)
class Formulas(Laboratory):
    """Pairs as in weak inversion, amplifiers of a gain and an output resistance, holds with a pedestal.

    Attributes:
        gain: of the amplifiers; their followers have it too.
        resistance: of the amplifiers' outputs within the loop, ohm.
        pedestal: of the holds, V, with as much again per volt.
    """

    design: Design = Design()
    conditions: Conditions = Conditions(technologies.find("generic180"))
    gain: float = 500.0
    resistance: float = 20e3
    pedestal: float = 1e-3

    @cached_property
    def constants(self) -> PairConstants:
        return PairConstants(1.0, 0.033, 0.066, 0.0, 0.0, 0.0)

    def pair(self, block: type[Pairs], sign: int, direction: int) -> Table:
        a, b = np.linspace(-0.4, 0.4, 41), np.linspace(-0.5, 0.5, 51)
        sigma, tanh = 1 / (1 + np.exp(-sign * a / 0.033)), np.tanh(direction * b / 0.066)
        axes = {"sigma": (-0.4, 0.4), "value": (-0.5, 0.5)}
        read = [name for name in axes if name in block.inputs]
        currents = {("sigma",): sigma, ("value",): tanh, ("sigma", "value"): np.outer(sigma, tanh)}[tuple(read)]
        return Table([axes[name] for name in read], self.design.pair_current * currents)

    @cached_property
    def virtual_ground(self) -> Table:
        out, load = np.meshgrid(np.linspace(-0.6, 0.6, 25), np.linspace(-2e-5, 2e-5, 9), indexing="ij")
        return Table([(-0.6, 0.6), (-2e-5, 2e-5)], (np.arctanh(out / 0.9) * 0.9 + self.resistance * load) / self.gain)

    @cached_property
    def follower(self) -> Table:
        return self.virtual_ground

    @cached_property
    def hold(self) -> Table:
        volts = np.linspace(-0.4, 0.4, 17)
        return Table([(-0.4, 0.4)], volts + self.pedestal * (1 + volts))


@pytest.fixture
def formulas() -> type[Formulas]:
    """That laboratory; its arguments are what departs from the equations."""
    return Formulas
