"""Fixed-point logic on an FPGA.

P multipliers work on the products of a gate side by side and sum them in a tree: a gate with r rows and k inputs takes
ceil(r k / P) cycles, a pointwise operation on n numbers ceil(n / E) with E pointwise units. Each of the two stages
fills its pipeline once a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from cellwright.digital.accelerator import Accelerator, Constant, Work, pointwise_cycles
from cellwright.digital.arithmetic import FixedPoint
from cellwright.errors import CellwrightError


@dataclass(frozen=True, kw_only=True)
class Fpga(Accelerator):
    """An FPGA with so many multipliers.

    Attributes:
        multipliers: P. pointwise: E. pipeline: cycles until a stage's first result.
    """

    multipliers: Constant
    pointwise: Constant
    pipeline: Constant

    @property
    def peak(self) -> int:
        return 2 * int(self.multipliers.value)

    @property
    def constants(self) -> Mapping[str, Constant]:
        own = {"multipliers": self.multipliers, "pointwise units": self.pointwise, "pipeline": self.pipeline}
        published = {"clock": self.clock, "power": self.power, "area": self.area}
        return own | {name: constant for name, constant in published.items() if constant is not None}

    def cycles(self, work: Work) -> int:
        products = sum(ceil(product.multiplications / self.multipliers.value) for product in work.products)
        pointwise = pointwise_cycles(work, int(self.pointwise.value))
        stages = bool(products) + bool(pointwise)
        return products + pointwise + stages * int(self.pipeline.value)


def multipliers_for(throughput: float, clock_hz: float) -> int:
    """How many multipliers reach a peak of so many operations a second: the nearest whole number to T / (2 f).

    Raises:
        CellwrightError: less than half a multiplier, or a clock that is not positive.
    """
    if not clock_hz > 0 or throughput < clock_hz:
        raise CellwrightError(f"no multiplier is needed for {throughput:g} operations a second at {clock_hz:g} Hz")
    return round(throughput / (2 * clock_hz))


SUN_2018_PEAK = Constant(13.45e9, "op/s", "Sun et al. 2018, abstract")
"""The peak of an FPGA for data of test flights, which Smagulova & James 2019 quote beside 28.76 times a CPU."""

_CLOCK = Constant(150e6, "Hz", "assumed: the abstract gives no clock")

SUN_2018 = Fpga(
    name="FPGA of Sun et al.",
    citation="Sun, Zhu, Zheng, Wu, Cao, Xiong, Hou, Huang & Que 2018, FPGA acceleration of LSTM based on data for test "
    "flight, SmartCloud, doi:10.1109/SmartCloud.2018.00009",
    clock=_CLOCK,
    multipliers=Constant(
        multipliers_for(SUN_2018_PEAK.value, _CLOCK.value), "",
        "assumed: as many as its published peak takes at that clock; its own number was not to be had",
    ),
    pointwise=Constant(4, "", "assumed: one a gate"),
    pipeline=Constant(8, "cycle", "assumed"),
    arithmetic=FixedPoint(bits=16),
)  # fmt: skip
"""An FPGA with the published peak. Its network, clock, width and power are not in the abstract: all assumed here."""
