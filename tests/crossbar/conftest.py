"""A chip with every cause of error that there is."""

from dataclasses import dataclass, field

import pytest

from cellwright.crossbar import ChipSettings, ConverterErrors, ReadOut
from cellwright.crossbar.devices.li2019 import Li2019


@dataclass(frozen=True, kw_only=True)
class Troubled(Li2019):
    """Li et al.'s cell with differences between devices, a curved current-voltage line, drift and read disturb."""

    linear = False
    spread: dict[str, float] = field(default_factory=lambda: {"slope": 0.02, "curve": 0.1})
    curve: float = 0.05  # of the current at the read voltage that is cubic

    def current(self, state, voltage, temperature=300.0, time_since_programming=0.0):
        aged = state * (1 + time_since_programming) ** -0.01 * (1 + 1e-3 * (temperature - 300.0))
        return aged * voltage * (1 - self.curve + self.curve * (voltage / self.read.voltage) ** 2)

    def disturbed(self, state, reads):
        return state * (1 + 1e-7 * reads)


WHOLE = ChipSettings(
    device=Troubled(),
    stuck_on=0.02,
    stuck_off=0.02,
    input_errors=ConverterErrors(offset=0.002, gain=0.002, inl=0.004),
    output_errors=ConverterErrors(offset=0.002, gain=0.002, inl=0.004),
    read_out=ReadOut(),
    time=1000.0,
    temperature=320.0,
    reads=1e4,
)


@pytest.fixture
def whole():
    return WHOLE
