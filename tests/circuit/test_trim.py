"""Trimming finds what was hidden in a chip, from its states alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit.schematic import schematic
from cellwright.circuit.trim import Trim, TrimSettings, calibrate
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import wire
from cellwright.errors import CellwrightError

Tensor = torch.Tensor


def test_what_is_hidden_in_two_chips_is_taken_away(formulas) -> None:
    torch.manual_seed(2)
    layer = Recurrent("lstm", 1, 2, dtype=torch.float64)
    laboratory = formulas()
    wiring = wire(
        schematic(layer.cell),
        {name: tensor.detach() for name, tensor in layer.stored(0, "_l0").items()},
        layer.layer_sizes(0),
        laboratory.design,
        laboratory.constants,
    )
    twin = Twin(wiring, laboratory)
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


def test_settings_that_trim_nothing_are_refused() -> None:
    with pytest.raises(CellwrightError, match="bits is at least 1"):
        TrimSettings(bits=0)
