"""Published figures of digital accelerators beside what the cost models make of the same machines."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.cells import find
from cellwright.digital.accelerator import Work
from cellwright.digital.fpga import SUN_2018, SUN_2018_PEAK
from cellwright.digital.systolic import CHIPMUNK, CHIPMUNK_FAST

FRAMES = 100.0
"""Frames of speech a second: one every 10 ms (assumed to be that of Graves, Mohamed & Hinton 2013)."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A published figure beside ours, in SI units.

    Attributes:
        network: on which.
        is_bound: the published figure is an upper bound ("less than").
        is_fitted: a constant of the model was set by this figure, so that agreement says nothing.
    """

    machine: str
    quantity: str
    unit: str
    network: str
    published: float
    ours: float
    is_bound: bool = False
    is_fitted: bool = False

    @property
    def difference(self) -> float:
        """Ours beside the published figure, as a fraction of that."""
        return self.ours / self.published - 1


def own_layer() -> Work:
    """The layer that fills one Chipmunk: an LSTM of 96 units with 96 inputs."""
    cell = find("lstm")
    return Work.of_cell(cell, cell.sizes(96, 96))


def speech_layers() -> tuple[Work, ...]:
    """CTC-3L-421H-UNI (Graves, Mohamed & Hinton 2013): 123 inputs, three layers of 421 units with peepholes."""
    cell = find("peephole")
    return tuple(Work.of_cell(cell, cell.sizes(inputs, 421)) for inputs in (123, 421, 421))


def comparisons() -> tuple[Comparison, ...]:
    """Every published figure that a model can be held to."""
    slow, fast = CHIPMUNK.step_cost(own_layer()), CHIPMUNK_FAST.step_cost(own_layer())
    assert slow.efficiency is not None
    assert fast.power_w is not None
    layer, peak = "LSTM, 96 units, 96 inputs", "peak"
    return (
        Comparison(
            machine=CHIPMUNK.name, quantity="efficiency", unit="op/s/W", network=layer,
            published=3.08e12, ours=slow.efficiency,
        ),
        Comparison(
            machine=CHIPMUNK.name, quantity="throughput", unit="op/s", network=layer,
            published=3.8e9, ours=slow.throughput,
        ),
        Comparison(
            machine=CHIPMUNK_FAST.name, quantity="throughput", unit="op/s", network=peak,
            published=32.3e9, ours=CHIPMUNK_FAST.peak_throughput,
        ),
        Comparison(
            machine=CHIPMUNK_FAST.name, quantity="efficiency", unit="op/s/W", network=peak,
            published=32.3e9 / 29.03e-3, ours=CHIPMUNK_FAST.peak_throughput / fast.power_w,
        ),
        Comparison(
            machine="Chipmunk, 3 x 5 x 5", quantity="mean power", unit="W", network="CTC-3L-421H-UNI, 10 ms a frame",
            published=13e-3, ours=speech_power(), is_bound=True,
        ),
        Comparison(
            machine=SUN_2018.name, quantity="throughput", unit="op/s", network=peak,
            published=SUN_2018_PEAK.value, ours=SUN_2018.peak_throughput, is_fitted=True,
        ),
    )  # fmt: skip


def speech_power() -> float:
    """Mean watts of three grids of 5 x 5 engines, one a layer, which take nothing between frames."""
    energies = [CHIPMUNK.grid(5, 5).step_cost(work).energy_per_step_j for work in speech_layers()]
    return FRAMES * sum(energy for energy in energies if energy is not None)
