"""Regularisation of recurrent layers: zoneout, variational dropout, dropout of the recurrent weights.

All of it is drawn anew at each call in training, from torch's generator, and is deterministic in evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import torch
from torch.nn.functional import dropout

from cellwright.cells import Cell
from cellwright.cells.regularised import (
    RECURRENT_MASK,
    ExpectedZoneout,
    Masked,
    has_recurrent_matrix,
    zoneout_draw,
)
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.program.storage import size_of

Tensor: TypeAlias = torch.Tensor
RECURRENT_WEIGHT = "weight_hh"


@dataclass(frozen=True)
class Regularisation:
    """The probabilities of a layer, checked.

    Attributes:
        zoneout: of each state that a unit of it keeps its value at a step (Krueger et al. 2017).
        input_dropout: of dropping a feature of the input x for a whole sequence (Gal & Ghahramani 2016).
        recurrent_dropout: the same for what the recurrent matrix reads.
        weight_dropout: of dropping a recurrent weight for a whole call (Merity et al. 2018).
    """

    zoneout: tuple[tuple[str, float], ...] = ()
    input_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    weight_dropout: float = 0.0

    @classmethod
    def of(
        cls, cell: Cell, zoneout: float | Mapping[str, float], input_dropout: Any, recurrent: Any, weight: Any
    ) -> Self:
        """From a layer's arguments.

        Raises:
            CellwrightError: what is no probability; a state that the cell does not have; no recurrent matrix.
        """
        given = cls(
            _zoneout(cell, zoneout),
            checks.probability("input_dropout", input_dropout),
            checks.probability("recurrent_dropout", recurrent),
            checks.probability("weight_dropout", weight),
        )
        for name in ("recurrent_dropout", "weight_dropout"):
            if getattr(given, name) and not has_recurrent_matrix(cell):
                raise CellwrightError(f"{name} acts on {RECURRENT_WEIGHT}, which {cell} does not have: leave it 0")
        return given

    @property
    def keeps_masks(self) -> bool:
        """Whether something is drawn once for a whole sequence, so that steps cannot be called one by one."""
        return bool(self.input_dropout or self.recurrent_dropout or self.weight_dropout)

    @property
    def is_random(self) -> bool:
        """Whether anything is drawn in training."""
        return bool(self.zoneout) or self.keeps_masks

    def options(self) -> list[str]:
        """The dropouts that there are, as they are written; the cell tells of zoneout."""
        names = ("input_dropout", "recurrent_dropout", "weight_dropout")
        return [f"{name}={getattr(self, name)}" for name in names if getattr(self, name)]

    def in_evaluation(self, cell: Cell) -> Cell:
        """The cell that computes the expectation; itself without zoneout."""
        return ExpectedZoneout(cell=cell, zoneout=self.zoneout) if self.zoneout else cell

    def in_training(self, cell: Cell) -> Cell:
        """The cell that reads masks; itself where none act on its steps."""
        if not (self.zoneout or self.recurrent_dropout):
            return cell
        states = tuple(state for state, _ in self.zoneout)
        return Masked(cell=cell, zoneout=states, recurrent_dropout=self.recurrent_dropout > 0)

    def drawn_inputs(
        self, cell: Cell, sizes: Mapping[str, int], sequences: Mapping[str, Tensor], resets: Tensor | None
    ) -> dict[str, Tensor]:
        """What the cell of training reads: the sequences, x through its mask, and masks, drawn in this order.

        Args:
            cell: what ``in_training`` returned.
            sequences: (time, batch, ...), in the direction in which they are read.
            resets: (time, batch); each sequence of a row has masks of its own.
        """
        x = sequences["x"]
        steps, rows = x.shape[:2]
        new = dict(sequences)
        if self.input_dropout:
            new["x"] = x * _for_whole_sequences(x, x.shape[2:], self.input_dropout, resets)
        if not isinstance(cell, Masked):
            return new
        shapes = {name: size_of(axes, sizes) for name, axes in cell.masks().items()}
        if self.recurrent_dropout:
            shape = shapes[RECURRENT_MASK]
            mask = _for_whole_sequences(x, shape, self.recurrent_dropout, resets)
            new[RECURRENT_MASK] = mask.expand(steps, rows, *shape)
        for state, probability in self.zoneout:
            draws = torch.rand(steps, rows, *shapes[zoneout_draw(state)], dtype=x.dtype, device=x.device)
            new[zoneout_draw(state)] = draws - probability
        return new

    def drawn_weights(self, stored: dict[str, Tensor], on_chip: bool) -> dict[str, Tensor]:
        """The stored parameters with some recurrent weights dropped and the others scaled by 1 / (1 - p).

        Raises:
            CellwrightError: something else than the stored weights, a chip, computes the products.
        """
        if not self.weight_dropout:
            return stored
        if on_chip:
            raise CellwrightError("weight_dropout drops stored weights, but a chip holds its own: train without it")
        return {**stored, RECURRENT_WEIGHT: dropout(stored[RECURRENT_WEIGHT], self.weight_dropout)}


def _for_whole_sequences(x: Tensor, shape: tuple[int, ...], probability: float, resets: Tensor | None) -> Tensor:
    """A mask of zeros and 1 / (1 - p), (1, batch, ...), or (time, batch, ...) where a row has several sequences."""
    steps, rows = x.shape[:2]
    if resets is None:
        return dropout(x.new_ones(1, rows, *shape), probability)
    drawn = dropout(x.new_ones(steps, rows, *shape), probability)
    time = torch.arange(steps, device=x.device).unsqueeze(-1)
    start = torch.where(resets, time, 0).cummax(0).values
    return drawn.gather(0, start.reshape(steps, rows, *(1 for _ in shape)).expand_as(drawn))


def _zoneout(cell: Cell, given: Any) -> tuple[tuple[str, float], ...]:
    states = tuple(cell.state_axes())
    named = given if isinstance(given, Mapping) else dict.fromkeys(states, given)
    if unknown := [name for name in named if name not in states]:
        raise CellwrightError(f"zoneout names the state {unknown[0]!r}; {cell} has: {', '.join(states)}")
    found = [(name, checks.probability(f"zoneout of {name}", named[name])) for name in states if name in named]
    return tuple((name, probability) for name, probability in found if probability)
