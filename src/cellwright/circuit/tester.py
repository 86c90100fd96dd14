"""What a tester does with chips of a trained layer: random sequences go in, states come out, trims are set."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cellwright.circuit.circuit import Circuit
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.trim import Trim, TrimSettings, calibrate
from cellwright.layers import Recurrent

Tensor = torch.Tensor

SEQUENCES, STEPS = 8, 6
"""What a chip is given in each run: enough to tell its trims apart, and a millisecond of the tester's time."""


def stimuli(known: Tensor, seed: int = 0) -> Tensor:
    """Random sequences, (STEPS, SEQUENCES, features), each feature uniform over what it is in known inputs.

    Args:
        known: (..., features) that the layer was trained on.
    """
    flat = known.reshape(-1, known.shape[-1]).double()
    least, most = flat.amin(0), flat.amax(0)
    generator = torch.Generator().manual_seed(seed)
    return least + (most - least) * torch.rand(STEPS, SEQUENCES, len(least), dtype=torch.float64, generator=generator)


def trim_chips(
    circuit: Circuit,
    layer: Recurrent,
    mismatch: Mismatch,
    numbers: Sequence[int],
    known: Tensor,
    settings: TrimSettings | None = None,
) -> Trim:
    """The setting of each chip with which its states follow the layer's.

    Args:
        circuit: of the layer, which is of one layer and one direction, in float64.
        numbers: of the chips.
        known: inputs that the layer was trained on, (..., features).
    """
    x = stimuli(known)
    results = circuit.wiring.schematic.results
    name = circuit.wiring.schematic.inputs[0].name
    with torch.no_grad():
        software = layer(x.transpose(0, 1), record=tuple(results))[2]
        targets = {result.name: software[f"{state}_l0"].transpose(0, 1) for state, result in results.items()}
        return calibrate(
            circuit.twin,
            {name: x},
            targets,
            lambda trim: circuit.trimmed(trim).chips(mismatch, numbers).run({name: x}),
            len(numbers),
            settings,
        )
