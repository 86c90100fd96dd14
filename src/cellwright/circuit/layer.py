"""A recurrent layer whose forward pass is the twin of its circuit: to be judged by, and to be trained through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.parameters import single, stored
from cellwright.circuit.products import multiplication
from cellwright.circuit.schematic import schematic
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import Wiring, wire
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import Program

Tensor = torch.Tensor


class TwinLayer(nn.Module):
    """The twin in the place of a layer, with parameters of the same names, shapes and layout.

    The circuit is laid out once, for the weights of the layer and some room above them: the feedback resistors of the
    sums, and thereby the largest weight that the conductances reach, stay as they are while the weights are trained.
    Gradients reach every parameter through its conductances, which are clipped to their window.

    Args:
        layer: one layer in one direction, whose parameters are copied.
        laboratory: blocks that the circuit is made of.
        room: the largest weight of each sum that can be built, beside the largest that is there.
        program: a pass over the cell's program, to be built instead of it.
        twin: makes the twin of a wiring, if it is another than the nominal one.

    Raises:
        CellwrightError: the layer is a stack, or bidirectional, or its cell has no circuit.
    """

    def __init__(
        self,
        layer: Recurrent,
        laboratory: Laboratory,
        room: float = 1.25,
        program: Program | None = None,
        twin: Callable[[Wiring, Laboratory], Twin] = Twin,
    ) -> None:
        super().__init__()
        single(layer)
        if not 1 <= room < float("inf"):
            raise CellwrightError(f"room is a number from 1, got {room!r}")
        self.cell, self.batch_first = layer.cell, layer.batch_first
        self.laboratory, self.sizes, self.twin = laboratory, layer.layer_sizes(0), twin
        self.output_size = layer.output_size
        self._schematic = schematic(layer.cell, program, laboratory.design.products)
        self._multiplication = multiplication(laboratory)
        self._families = tuple(stored(layer))
        for name, tensor in stored(layer).items():
            self.register_parameter(f"{name}_l0", nn.Parameter(tensor.detach().to(torch.float64, copy=True)))
        roomy = {name: tensor.detach() * room for name, tensor in self.stored().items()}
        self.currents = self._wired(roomy, None).currents

    def stored(self) -> dict[str, Tensor]:
        """The parameters by family."""
        return {name: getattr(self, f"{name}_l0") for name in self._families}

    @property
    def wiring(self) -> Wiring:
        """The circuit with the weights as they are; gradients reach them."""
        return self._wired(self.stored(), self.currents)

    def forward(self, input: Tensor, state: Any = None, *, lengths: Any = None) -> tuple[Tensor, Any]:
        """Run the twin over sequences.

        Args:
            input: (time, batch, features), or (batch, time, features) if the layer was batch first.
            state: zeros at the start; nothing else is there.
            lengths: not there: sequences have one length.

        Returns:
            ``output, state`` as of `Recurrent`, in float64: the state is that after the last step. A twin of several
            chips makes a batch of them all, row chip * batch + sequence.

        Raises:
            CellwrightError: a state or lengths are given.
        """
        if state is not None or lengths is not None:
            raise CellwrightError("a twin runs sequences of one length from zero states: leave out state and lengths")
        if input.ndim != 3:
            raise CellwrightError(f"input has the shape {tuple(input.shape)}: expected (time, batch, features)")
        time_first = input.transpose(0, 1) if self.batch_first else input
        signals = self.twin(self.wiring, self.laboratory).run({"x": time_first})
        states = [_as_one_batch(signals[signal.name]) for signal in self._schematic.results.values()]
        output, final = states[0], tuple(each[-1:] for each in states)
        return (output.transpose(0, 1) if self.batch_first else output), final[0] if len(final) == 1 else final

    def _wired(self, stored: Mapping[str, Tensor], currents: Mapping[str, float] | None) -> Wiring:
        laboratory = self.laboratory
        design, constants = laboratory.design, laboratory.constants
        return wire(self._schematic, stored, self.sizes, design, constants, self._multiplication, currents)


def _as_one_batch(values: Tensor) -> Tensor:
    """(time, batch, chips, units) as (time, chips * batch, units)."""
    return values.transpose(1, 2).flatten(1, 2) if values.ndim == 4 else values
