"""A systolic array for recurrent networks, as Chipmunk is.

One engine has U units, each with one multiplier, one accumulator and the weights of its rows. An input is broadcast to
all units, and each adds its product with the weight of its row: a gate with r rows and k inputs takes ceil(r / U) k
cycles, a pointwise operation on n numbers ceil(n / U). Larger layers are cut over a grid of engines: rows of the grid
share the units out, columns the inputs; a row's partial sums then pass from engine to engine, one a cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from cellwright.digital.accelerator import Accelerator, Constant, Product, Work, pointwise_cycles
from cellwright.digital.arithmetic import FixedPoint
from cellwright.errors import CellwrightError


@dataclass(frozen=True, kw_only=True)
class Systolic(Accelerator):
    """Engines of ``units`` multipliers in a grid.

    Attributes:
        units: of one engine.
        inputs: columns of each gate's matrix that one engine keeps in its memory.
        gates: that one engine keeps in its memory.
        port: bits a cycle by which an engine takes new weights.
        rows, columns: of the grid.
    """

    units: Constant
    inputs: Constant
    gates: Constant
    port: Constant
    rows: int = 1
    columns: int = 1

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise CellwrightError(f"a grid has at least one row and one column, got {self.rows} x {self.columns}")

    @property
    def engines(self) -> int:
        return self.rows * self.columns

    @property
    def peak(self) -> int:
        return 2 * int(self.units.value) * self.engines

    @property
    def constants(self) -> Mapping[str, Constant]:
        own = {"units": self.units, "inputs": self.inputs, "gates": self.gates, "port": self.port, "clock": self.clock}
        return own | {name: c for name, c in (("power", self.power), ("area", self.area)) if c is not None}

    def grid(self, rows: int, columns: int) -> Systolic:
        """A grid of these engines: it takes as many times their power and area."""
        count = rows * columns / self.engines

        def times(constant: Constant | None) -> Constant | None:
            return constant and replace(constant, value=constant.value * count)

        power, area = times(self.power), times(self.area)
        return replace(
            self, name=f"{self.name}, {rows} x {columns}", power=power, area=area, rows=rows, columns=columns
        )

    def cycles(self, work: Work) -> int:
        units = int(self.units.value) * self.rows
        products = sum(self._product(product) for product in work.products)
        return products + pointwise_cycles(work, units) + self._reload(work)

    def _product(self, product: Product) -> int:
        passes = ceil(product.rows / (self.units.value * self.rows))
        hops = (self.columns - 1) * min(int(self.units.value), product.rows)
        return passes * (ceil(product.columns / self.columns) + hops)

    def _reload(self, work: Work) -> int:
        """A layer that the engines cannot keep is loaded at every step, all engines at once."""
        capacity = self.units.value * self.inputs.value * self.gates.value * self.engines
        if work.multiplications <= capacity:
            return 0
        bits = work.multiplications * self.arithmetic.width("weights")
        return ceil(bits / (self.port.value * self.engines))


_CHIPMUNK = "Conti et al. 2018"

CHIPMUNK = Systolic(
    name="Chipmunk at 0.75 V",
    citation="Conti, Cavigelli, Paulin, Susmelj & Benini 2018, Chipmunk: a systolically scalable 0.9 mm2, "
    "3.08 Gop/s/mW @ 1.2 mW accelerator for near-sensor recurrent neural network inference, CICC, "
    "doi:10.1109/CICC.2018.8357068 (arXiv:1711.05734)",
    clock=Constant(20e6, "Hz", f"{_CHIPMUNK}, at 0.75 V; second-hand"),
    power=Constant(1.24e-3, "W", f"{_CHIPMUNK}, abstract"),
    area=Constant(0.93e-6, "m2", f"{_CHIPMUNK}, the core, 65 nm; second-hand"),
    units=Constant(96, "", f"{_CHIPMUNK}: 96 parallel LSTM units; second-hand"),
    inputs=Constant(192, "", "assumed: 96 inputs and 96 states, as many as it has units"),
    gates=Constant(4, "", "assumed: the gates of an LSTM"),
    port=Constant(8, "bit", "assumed: one weight a cycle"),
    arithmetic=FixedPoint(weights=8, states=16, sums=16),
)
"""Chipmunk where it is most efficient; weights of 8 bits, all else of 16, as published.

"Second-hand" is what was not read in the paper or its abstract, but as others quote it.
"""

CHIPMUNK_FAST = replace(
    CHIPMUNK,
    name="Chipmunk at 1.24 V",
    clock=Constant(168e6, "Hz", f"{_CHIPMUNK}, at 1.24 V; second-hand"),
    power=Constant(29.03e-3, "W", f"{_CHIPMUNK}, at 1.24 V; second-hand"),
)
"""Chipmunk where it is fastest."""
