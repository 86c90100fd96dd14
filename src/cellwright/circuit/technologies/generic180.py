"""A generic 1.8 V process of 0.18 um: nobody's, so that it can be given away, and fast to simulate."""

from __future__ import annotations

from typing import ClassVar

from cellwright.circuit.technologies.technology import CORNERS, Corner, Spread, Technology, Wrapped, subcircuits
from cellwright.errors import named

_SHIFTS = {"typical": (0, 0), "fast": (-1, -1), "slow": (1, 1), "fast-slow": (-1, 1), "slow-fast": (1, -1)}
"""Which way the thresholds of n and p transistors go at a corner, in steps of ``_STEP``."""

_STEP = 0.04
"""V: a rounded textbook spread between wafers, three standard deviations."""

_CARD = """\
.model n18 nmos level=8 version=3.3.0 tnom=27 tox=4.1e-9 xj=0.1e-6 nch=2.4e17 vth0={n} k1=0.55 k2=0.01 u0=0.030
+ vsat=9e4 ua=-1e-9 ub=2e-18 uc=5e-11 rdsw=150 nfactor=1.2 voff=-0.09 eta0=0.01 dsub=0.3 pclm=1.0 pdiblc1=0.2
+ pdiblc2=0.002 cgso=3e-10 cgdo=3e-10 cj=1e-3 cjsw=2e-10 capmod=3
.model p18 pmos level=8 version=3.3.0 tnom=27 tox=4.1e-9 xj=0.1e-6 nch=2.4e17 vth0={p} k1=0.57 k2=0.01 u0=0.0090
+ vsat=1.1e5 ua=1e-10 ub=1e-18 uc=-1e-10 rdsw=400 nfactor=1.3 voff=-0.10 eta0=0.02 dsub=0.3 pclm=1.2 pdiblc1=0.2
+ pdiblc2=0.002 cgso=3e-10 cgdo=3e-10 cj=1e-3 cjsw=2e-10 capmod=3
"""
_DIFFUSION = 0.5e-6
"""m."""


class Generic180(Technology):
    """BSIM3v3 cards of rounded textbook values: no foundry's, so that no claim about area or power rests on them."""

    name = "generic180"
    title = "generic 0.18 um, 1.8 V"
    source = "own BSIM3v3.3 cards, rounded textbook values"
    supply = 1.8
    shortest = 0.18e-6
    threshold_spread: ClassVar[Spread] = {"n": 5e-9, "p": 5e-9}
    gain_spread: ClassVar[Spread] = {"n": 1e-8, "p": 1e-8}
    capacitor_density = 1e-3
    sheet_resistance = 1000.0
    resistor_width = 1e-6
    claims = False
    densities_source = "rounded: 5 mV um and 1 % um, 1 fF/um2, 1 kohm a square"

    def models(self, corner: Corner = "typical") -> str:
        n, p = named("corner", corner, {each: _SHIFTS[each] for each in CORNERS})
        cards = _CARD.format(n=round(0.40 + n * _STEP, 4), p=round(-0.42 - p * _STEP, 4))
        return cards + subcircuits(Wrapped("n18", _DIFFUSION), Wrapped("p18", _DIFFUSION))


CATALOGUE = {"generic180": Generic180()}
