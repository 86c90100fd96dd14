"""What the record says of an array, from what its tiles say."""

import pytest
import torch

from cellwright import LSTM
from cellwright.crossbar import ChipSettings, program
from cellwright.studies.summary import _array, programming_of

CHIPS = 3
INPUTS = torch.rand(2, 5, 1, generator=torch.Generator().manual_seed(0))


def test_a_repaired_array_is_told_as_one_chip_has_it() -> None:
    """A repair gives each chip targets of its own: they count once, not once a chip."""
    settings = ChipSettings(stuck_on=0.02, stuck_off=0.02, compensate=True, remap=True, tile=(8, 16))
    torch.manual_seed(0)
    chip = program(LSTM(1, 6, batch_first=True), settings, chips=CHIPS, calibration=INPUTS)
    chip(INPUTS)
    (array,) = chip.arrays.values()
    written = [tile.programmed for tile in array.tiles]
    assert len(written) > 1
    assert written[0].targets.ndim == 3
    told = programming_of(array)
    pulses = sum((tile.set_pulses + tile.reset_pulses).sum().item() for tile in written)
    assert told.pulses == pytest.approx(pulses / CHIPS)
    within = [tile.within for tile in written]
    assert told.yield_fraction == pytest.approx(sum(w.sum().item() for w in within) / sum(w.numel() for w in within))
    shown = _array(array)
    assert shown.target.shape == shown.programmed.shape
    first = array.physical([tile.targets[0] for tile in written]).numpy()
    assert (shown.target == first).all()
