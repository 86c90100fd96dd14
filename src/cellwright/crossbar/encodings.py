"""How a digital input becomes pulses on a word line.

- ``amplitude``: one pulse whose voltage is the value, from a converter of all its bits.
- ``bit-serial``: one pulse for each bit of the magnitude, of the read voltage and the value's sign; every partial
  result is converted, shifted and added (Shafiee et al. 2016, ISAAC, section IV). A read takes a pulse for each bit.
- ``pulse-width``: one pulse of the read voltage that lasts for a part of the read; the bit line's charge is converted.

Pulses of one height leave no room for a device's nonlinear current-voltage curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor
InputEncoding = Literal["amplitude", "bit-serial", "pulse-width"]

_PRODUCTS = 4_000_000  # of two voltages at once


def check_encoding(encoding: str, bits: int | None) -> None:
    """Raise an error where an input encoding is unknown or needs a resolution that is missing.

    Raises:
        CellwrightError: see above.
    """
    if encoding not in get_args(InputEncoding):
        raise CellwrightError(f"an input encoding is one of {', '.join(get_args(InputEncoding))}; got {encoding!r}")
    if encoding == "bit-serial" and bits is None:
        raise CellwrightError("bit-serial inputs have a number of bits: set input_bits, or take amplitude encoding")


def pulses_a_read(encoding: InputEncoding, bits: int | None) -> int:
    """How many pulses, each with a conversion of its own, a read takes: the sign is in the voltage."""
    return bits - 1 if encoding == "bit-serial" and bits is not None else 1


def bit_planes(codes: Tensor, bits: int) -> Iterator[tuple[Tensor, float]]:
    """Codes of a converter as pulses of -1, 0 and 1, each with the weight of its bit, largest first.

    Args:
        codes: whole numbers of at most 2^(bits-1) - 1. NaN stays NaN in every pulse.

    Returns:
        pairs of pulses and weight; the weighted sum of the pulses is ``codes``.
    """
    left, sign = codes.abs(), codes.sign()
    for weight in (2.0**place for place in range(bits - 2, -1, -1)):
        plane = torch.floor(left / weight)
        left = left - plane * weight
        yield plane * sign, weight


def second_moment(inputs: Tensor, encoding: InputEncoding) -> Tensor:
    """(chips, rows, rows): what the products of two word-line voltages add up to over a batch of reads.

    Args:
        inputs: (chips, reads, rows), in full scales; for bit-serial inputs their pulses.
        encoding: two pulses of different width overlap for as long as the shorter lasts, and so does their product.
    """
    if encoding != "pulse-width":
        return inputs.transpose(-1, -2) @ inputs
    total = inputs.new_zeros(inputs.shape[0], inputs.shape[-1], inputs.shape[-1])
    for part in inputs.split(max(1, _PRODUCTS // (total.numel() or 1)), 1):
        shorter = torch.minimum(part.abs()[..., :, None], part.abs()[..., None, :])
        sign = part.sign()
        total += (shorter * sign[..., :, None] * sign[..., None, :]).sum(1)
    return total
