"""What every section works with: layers with their inputs, the two modes, and a run of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from measuring import Cores, Timings, side_by_side
from rows import INFERENCE, TRAINING, Row, Size
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import cellwright
from cellwright.program import counts
from cellwright.program.storage import size_of

MODES = (INFERENCE, TRAINING)
TORCH_LSTM, TORCH_GRU, TORCH_RNN = "torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN"
VANILLA = 'Recurrent("lstm")'

MATRICES_READING_X = 2
OTHER_PRODUCTS = 3
"""How often a training step computes a product of the forward pass: once forward; once for the gradient of the weight;
and once for that of the other factor, unless that is x, which asks for no gradient here."""


@dataclass(frozen=True)
class Work:
    """A layer and what it is called with.

    Attributes:
        options: named arguments of the call.
        steps: time steps of all sequences together, without padding.
    """

    layer: nn.Module
    x: torch.Tensor | PackedSequence
    steps: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def inference(self) -> None:
        """One call without gradients."""
        with torch.no_grad():
            self.layer(self.x, **self.options)

    def training_step(self) -> None:
        """Everything between two updates of the weights: the same for every layer."""
        self.layer.zero_grad()
        output = self.layer(self.x, **self.options)[0]
        numbers = output.data if isinstance(output, PackedSequence) else output
        numbers.square().mean().backward()

    def in_mode(self, mode: str) -> Callable[[], None]:
        """What is timed. In inference the layer is in evaluation mode, which spares torch its workspace."""
        self.layer.train(mode == TRAINING)
        return self.training_step if mode == TRAINING else self.inference


@dataclass(frozen=True)
class Bench:
    """A run of the benchmark, in a process with one thread count.

    Attributes:
        repeats: turns of each row.
        peak: GFLOP/s, as measured.
        report: takes each row when it is there.
    """

    threads: int
    sizes: Sequence[Size]
    repeats: int
    cores: Cores
    peak: float
    report: Callable[[Row], None]

    def timed(self, works: Mapping[str, Work], mode: str, repeats: int | None = None) -> Timings:
        """Time works side by side in a mode."""
        return side_by_side(
            {name: work.in_mode(mode) for name, work in works.items()}, repeats or self.repeats, self.cores
        )

    def share_of_peak(self, work: Work, mode: str, microseconds: float) -> float:
        """The floating point operations that a work needs, in its time, over the measured peak."""
        operations = 2 * multiplications(work.layer, mode) * work.steps
        return 1e-3 * operations / microseconds / self.peak


def recurrent(cell: str, size: Size, **options: Any) -> Work:
    """A layer of a cell of the catalogue, and random input; ``options`` go with the call.

    A cell that projects, or has output units inside, gets half as many of them as it has units.
    """
    half = max(size.units // 2, 1) if cellwright.cells.find(cell).projects else 0
    return work_of(cellwright.Recurrent(cell, size.features, size.units, proj_size=half), size, **options)


def work_of(layer: nn.Module, size: Size, **options: Any) -> Work:
    """A layer with a random input of full length."""
    return Work(layer, torch.randn(size.steps, size.rows, size.features), size.steps * size.rows, options)


def multiplications(layer: nn.Module, mode: str) -> int:
    """Multiplications that one time step of one sequence needs, for one of our layers."""
    if not isinstance(layer, cellwright.Recurrent):
        raise TypeError("multiplications are counted from the program of a cell")
    sizes = layer.layer_sizes(0)
    tallies = counts(layer.cell.program())
    total = tallies.at(sizes)
    weights = total.get("weights", 0)
    between_signals = total.get("products", 0) + total.get("scalings", 0)
    if mode == INFERENCE:
        return weights + between_signals
    reading_x = sum(
        number * prod(size_of(axes, sizes))
        for axes, number in tallies.tallies.get("weights", {}).items()
        if "feature" in axes
    )
    return MATRICES_READING_X * reading_x + OTHER_PRODUCTS * (weights - reading_x + between_signals)


def has_cell(name: str) -> bool:
    """Whether the catalogue has a cell of this name."""
    return name in cellwright.cells.catalogue()


def missing(section: str, subject: str) -> Row:
    """The row of a subject that this version does not have."""
    return Row(section, subject, note="not available in this version")
