"""Trimming finds what was hidden in a chip, from its states alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.departures import PairDepartures
from cellwright.circuit.schematic import schematic
from cellwright.circuit.trim import Trim, TrimSettings, calibrate
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import wire
from cellwright.errors import CellwrightError

Tensor = torch.Tensor


def _twin(laboratory: Laboratory) -> Twin:
    """Of an LSTM of two units."""
    torch.manual_seed(2)
    layer = Recurrent("lstm", 1, 2, dtype=torch.float64)
    stored = {name: tensor.detach() for name, tensor in layer.stored(0, "_l0").items()}
    design, constants = laboratory.design, laboratory.constants
    return Twin(wire(schematic(layer.cell), stored, layer.layer_sizes(0), design, constants), laboratory)


def test_what_is_hidden_in_two_chips_is_taken_away(formulas) -> None:
    twin = _twin(formulas())
    wiring, laboratory = twin.wiring, twin.laboratory
    hidden = Trim(
        {node.out.name: 1e-6 * torch.randn(2, 2, dtype=torch.float64) for node in wiring.nodes},
        {node.out.name: 1 + 0.03 * torch.randn(2, 2, dtype=torch.float64) for node in wiring.nodes if node.products},
    )
    x = 2 * torch.rand(4, 12, 1, dtype=torch.float64) - 1
    right = twin.run({"x": x})
    targets = {name: right[name] for name in ("h", "c")}

    def measure(trim: Trim) -> Mapping[str, Tensor]:
        both = Trim(
            {name: each + trim.conductance[name] for name, each in hidden.conductance.items()},
            {name: each * trim.feedback[name] for name, each in hidden.feedback.items()},
        )
        return Twin(both.applied(wiring), laboratory).run({"x": x.unsqueeze(-2)})

    def error(trim: Trim) -> Tensor:
        found = measure(trim)
        departures = [found[name] - each.unsqueeze(-2) for name, each in targets.items()]
        return torch.stack(departures).square().mean((0, 1, 2, 4)).sqrt()

    nothing = Trim(
        {name: torch.zeros_like(each) for name, each in hidden.conductance.items()},
        {name: torch.ones_like(each) for name, each in hidden.feedback.items()},
    )
    trim = calibrate(twin, {"x": x}, targets, measure, 2)
    assert (error(trim) < 0.1 * error(nothing)).all()
    # What was set is what devices and taps can be set to.
    settings, (least, most) = TrimSettings(), laboratory.design.conductances
    steps = trim.conductance["i_in"] / ((most - least) / (2**settings.bits - 1))
    assert torch.allclose(steps, steps.round(), atol=1e-6)
    assert trim.chip(1).feedback["h"].shape == (2,)


class _Offset:
    """One chip, whose amplifiers of h have the offset of a bad one (three standard deviations), and nothing else."""

    numbers = (0,)

    def amplifiers(self, names: Sequence[str]) -> Tensor:
        return torch.tensor([[10e-3 if name in ("h0", "h1") else 0.0 for name in names]], dtype=torch.float64)

    def pairs(self, names: Sequence[str], _: object) -> PairDepartures:
        nothing, one = torch.zeros(1, len(names)).double(), torch.ones(1, len(names)).double()
        return PairDepartures(nothing, nothing, one, one)


def test_an_offset_of_ten_millivolts_is_within_reach(formulas) -> None:
    """Which is a tenth of a one: the devices that trim are read far above it."""
    twin = _twin(formulas())
    x = 2 * torch.rand(4, 6, 1, dtype=torch.float64) - 1
    right = twin.run({"x": x})
    targets = {name: right[name] for name in ("h", "c")}

    def measure(trim: Trim) -> Mapping[str, Tensor]:
        return Twin(trim.applied(twin.wiring), twin.laboratory, _Offset()).run({"x": x})  # type: ignore[arg-type]

    found = measure(calibrate(twin, {"x": x}, targets, measure, 1))["h"]
    assert (found.squeeze(-2) - right["h"]).abs().mean() < 0.01


def test_settings_that_trim_nothing_are_refused() -> None:
    with pytest.raises(CellwrightError, match="bits is at least 1"):
        TrimSettings(bits=0)
