"""One draw of mismatch in two languages: parameters of a netlist's instances, and offsets and factors of the twin's.

Both name an instance as the netlist does, so that they get the same transistors. Switches are drawn in netlists alone:
what their mismatch does to a hold is far below an amplifier's offset (``docs/circuit-mismatch.md`` has figures).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from cellwright.circuit.blocks.block import Block
from cellwright.circuit.blocks.multiplier import Multiplier
from cellwright.circuit.blocks.pairs import Pairs
from cellwright.circuit.calibration import Laboratory, bias_components
from cellwright.circuit.components import Component, Instance, Mosfet
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.multiplier_sensitivities import amplifier_influence, multiplier_sensitivities
from cellwright.circuit.sensitivities import Sensitivities, amplifier_sensitivities, envelope, pair_sensitivities
from cellwright.circuit.table import Table

Tensor = torch.Tensor

_ALONE = "bias"
"""The place under which transistors that belong to no block are drawn."""


def departed(
    components: Iterable[Component], blocks: Mapping[str, Block], mismatch: Mismatch, chip: int
) -> list[Component]:
    """Components of a netlist with the draws of a chip; the blocks' subcircuits are to be written with departures."""
    found: list[Component] = []
    for each in components:
        if isinstance(each, Instance) and each.block in blocks:
            drawn = mismatch.draw(chip, each.name, blocks[each.block].transistors)
            each = replace(each, parameters={**each.parameters, **drawn})
        elif isinstance(each, Mosfet):
            drawn = mismatch.draw(chip, _ALONE, (each,))
            each = replace(each, departure=(drawn[f"vt_{each.name}"], drawn[f"mu_{each.name}"]))
        found.append(each)
    return found


@dataclass(frozen=True)
class PairDepartures:
    """Of pairs of transistors, each (chips, units).

    Attributes:
        sigma_offset, value_offset: V between the gates of each pair.
        gain: factor of the current.
        mirror: factor by which the last mirror returns one half of the current.
    """

    sigma_offset: Tensor
    value_offset: Tensor
    gain: Tensor
    mirror: Tensor

    def current(self, block: type[Pairs], table: Table, signs: Mapping[str, int], volts: Sequence[Tensor]) -> Tensor:
        """What the blocks draw instead of the table's current.

        Args:
            signs: -1 for a port whose signal stands at the other transistor of its pair, by the port's name.
            volts: (..., chips, units) at the block's ports.
        """
        offsets = {"sigma": self.sigma_offset, "value": self.value_offset}
        arguments = [each + signs[port] * offsets[port] for port, each in zip(block.inputs[::2], volts, strict=True)]
        nominal = table(*arguments)
        if "value" not in block.inputs:
            return self.gain * nominal
        both = signs["value"] * envelope(table, torch.broadcast_tensors(*arguments))
        return self.gain * ((both + nominal) - self.mirror * (both - nominal)) / 2


@dataclass(frozen=True)
class MultiplierDepartures:
    """Of multipliers, each (chips, units).

    Attributes:
        first_offset, second_offset: V at the factors.
        gain: factor of the current.
        offset: A, of the current of a single one.
        amplifier_offset: V, of the amplifier that belongs to it; None where none does.
        by_amplifier: S, what that offset does to the current, over both factors.
    """

    first_offset: Tensor
    second_offset: Tensor
    gain: Tensor
    offset: Tensor
    amplifier_offset: Tensor | None = None
    by_amplifier: Table | None = None

    def current(self, table: Table, first: Tensor, second: Tensor) -> Tensor:
        """What one draws instead of the table's current, the factors being (..., chips, units)."""
        current = self.gain * table(first + self.first_offset, second + self.second_offset) + self.offset
        if self.amplifier_offset is None or self.by_amplifier is None:
            return current
        return current + self.amplifier_offset * self.by_amplifier(first, second)


@dataclass(frozen=True)
class Chips:
    """Chips as the twin sees them: what mismatch makes of each block in its place.

    Attributes:
        laboratory: that measured the blocks.
        mismatch: the draws.
        numbers: of the chips.
    """

    laboratory: Laboratory
    mismatch: Mismatch
    numbers: Sequence[int]

    def amplifiers(self, names: Sequence[str]) -> Tensor:
        """The voltage by which each amplifier's minus input lies below its plus input, V, (chips, instances)."""
        found = self._effects(amplifier_sensitivities(self.laboratory), names, self._bias["opamp_bias"])
        return torch.from_numpy(found[0])

    def pairs(self, names: Sequence[str], block: Pairs) -> PairDepartures:
        """What sets the pairs of these instances apart."""
        single = pair_sensitivities(self.laboratory, type(block))
        # The same transistors, side by side as often as the block has them.
        found = self._effects(replace(single, transistors=block.transistors), names, self._bias["pair_bias"])
        sigma, value, gain, mirror = map(torch.from_numpy, found)
        return PairDepartures(sigma, value, gain.exp(), mirror.exp())

    def multipliers(self, names: Sequence[str], block: Multiplier, direction: int) -> MultiplierDepartures:
        """What sets the multipliers of these instances apart."""
        single = multiplier_sensitivities(self.laboratory, direction)
        found = self._effects(replace(single, transistors=block.matched), names, self._bias["pair_bias"])
        first, second, gain, offset = map(torch.from_numpy, found)
        by_amplifier = amplifier_influence(self.laboratory, direction)
        amplifier = None if by_amplifier is None else self.amplifiers([name + block.own_amplifier for name in names])
        return MultiplierDepartures(first, second, gain.exp(), offset, amplifier, by_amplifier)

    def _effects(self, found: Sensitivities, names: Sequence[str], bias: Mapping[str, np.ndarray]) -> np.ndarray:
        return found.effect(self.mismatch.draw_many(self.numbers, names, found.transistors), bias)

    @cached_property
    def _bias(self) -> dict[str, dict[str, np.ndarray]]:
        """``vt`` and ``mu``, (chips, 1), of the transistors that make bias voltages, by name."""
        found = {}
        for each in bias_components(self.laboratory.design):
            if isinstance(each, Mosfet):
                drawn = self.mismatch.draw_many(self.numbers, [_ALONE], (each,))
                found[each.name] = {kind: drawn[f"{kind}_{each.name}"] for kind in ("vt", "mu")}
        return found
