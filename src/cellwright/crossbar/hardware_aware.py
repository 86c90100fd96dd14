"""Training that meets the chip: every batch runs through a chip of its own, and gradients pass through it.

The chip is the one of ``program``, made anew from the weights of the moment: the same mapping, wires, converters, noise
and calibration, differentiable from the weights to the outputs. Three steps have no derivative. What write-verify
leaves is drawn from the distribution that it leaves, without pulses, and added to the targets. Rounding passes
gradients straight through. Ranges, scales and corrections are taken as constants. Failed devices are not worked
around, and devices that are not linear have the conductance of the read voltage.

With few causes switched on this is the usual injection of noise: ``ChipSettings().only("programming", "read_noise")``.
After Joshi et al. 2020 (Nature Communications 11, 2473), who inject the devices' noise into the weights of each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from cellwright.crossbar.array import AnalogArray
from cellwright.crossbar.chip import Sites, batch_of, mapped
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.settings import ChipSettings
from cellwright.errors import CellwrightError

Tensor = torch.Tensor


class HardwareAware(nn.Module):
    """A model that trains on chips and, in eval mode, answers in software.

    Its parameters are the model's own: train this module, then ``program`` the model.

    Args:
        model: stays where it is and gets the gradients.
        settings: of the chips; the default is ``ChipSettings()``.
        calibration: training inputs, one tensor or the tuple of the model's arguments. Every new chip is calibrated
            with them, as ``program`` does.
        seed: of all draws: chip number k of a training is the same in every training.
        batches_a_chip: so many calls meet the same chip; its weights are new each time. How many calls there were is
            part of the module's state, so that a training that is resumed meets the chips that it would have met.
        allow_digital, batch_dimension: as in ``program``.

    Raises:
        CellwrightError: as in ``program``; ``batches_a_chip`` is not positive.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: ChipSettings | None = None,
        *,
        calibration: Tensor | Sequence[Any],
        seed: int = 0,
        batches_a_chip: int = 1,
        allow_digital: Sequence[str] = (),
        batch_dimension: int | None = None,
    ) -> None:
        super().__init__()
        if batches_a_chip < 1:
            raise CellwrightError(f"batches_a_chip is at least 1, got {batches_a_chip}")
        self.model = model
        self.settings = settings or ChipSettings()
        self.seed, self.batches_a_chip = seed, batches_a_chip
        self.batches: Tensor
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))  # so that a resumed training goes on
        self._calibration = (calibration,) if isinstance(calibration, Tensor) else tuple(calibration)
        # Modules of their own on the same parameters; in a tuple, so that torch does not count these twice.
        self._copies = tuple(Sites(_on_the_same_parameters(model), allow_digital, batch_dimension) for _ in range(2))
        on_chip, _ = self._copies
        self._slots = {site.matrix.name: _Slot(len(site.matrix.weights)) for site in on_chip.found}
        for site in on_chip.found:
            site.install(self._slots[site.matrix.name], on_chip.rows)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the model answers: on a new chip in training mode, in software in eval mode."""
        if not self.training:
            return self.model(*inputs, **options)
        on_chip, _ = self._copies
        self._manufacture(on_chip)
        self.batches.add_(1)
        dimension = on_chip.rows.batch_dimension
        on_chip.rows.begin(batch_of(inputs, dimension), dimension)
        return on_chip.model.train()(*inputs, **options)

    def _manufacture(self, on_chip: Sites) -> None:
        """Arrays from the weights of the moment, calibrated in software with these weights."""
        in_software = self._copies[1]
        in_software.model.eval()
        recorded = in_software.record(self._moved(self._calibration))
        number = int(self.batches) // self.batches_a_chip
        for site in on_chip.found:
            matrix = site.matrix
            draws = Draws(self.seed, 1, "training", number, device=matrix.weights.device)
            array = AnalogArray(matrix, self.settings, draws, recorded[matrix.name], drawn=True)
            self._slots[matrix.name].array = array

    def _moved(self, value: Any) -> Any:
        """Calibration inputs to where the parameters are; floating-point ones in their precision."""
        like = next(self.model.parameters())

        def one(tensor: Tensor) -> Tensor:
            return tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)

        return mapped(value, one)


def _on_the_same_parameters(model: nn.Module) -> nn.Module:
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return deepcopy(model, shared)


class _Slot:
    """The place of an array that is made anew for every batch; it has one chip."""

    chips = 1

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.array: AnalogArray | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the array, which has the graph of the last batch."""
        return {"outputs": self.outputs, "array": None}

    def __call__(self, inputs: Tensor) -> Tensor:
        assert self.array is not None
        return self.array(inputs)
