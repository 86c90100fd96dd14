"""What the functions of CTC accept: each check names what was wrong and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import torch

from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.sequences import Masks

Tensor: TypeAlias = torch.Tensor
Labelling: TypeAlias = tuple[int, ...]
"""A string of labels, without blanks."""


def log_probabilities(
    outputs: Any, lengths: Tensor | Sequence[int] | None, dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """The logarithms of the softmax of ``outputs`` (time, batch, labels), and the lengths (batch,).

    What has logarithms of probabilities already comes back as it is. Padding holds zeros before the softmax.
    """
    if not isinstance(outputs, Tensor) or outputs.ndim != 3 or not outputs.is_floating_point():
        got = f"{tuple(outputs.shape)} of {outputs.dtype}" if isinstance(outputs, Tensor) else type(outputs).__name__
        raise CellwrightError(f"outputs are a tensor (time, batch, labels) of real numbers, got {got}")
    steps, batch, labels = outputs.shape
    if steps == 0 or labels < 2:
        raise CellwrightError(
            f"outputs have the shape {tuple(outputs.shape)} in (time, batch, labels), "
            "expected at least one step, and a label beside the blank"
        )
    if lengths is None:
        return outputs.log_softmax(-1, dtype), torch.full((batch,), steps, device=outputs.device)
    own = checks.lengths(lengths, steps, batch, outputs.device)
    return Masks.of(own, None, steps).without_padding({"x": outputs})["x"].log_softmax(-1, dtype), own


def blank(given: Any, labels: int) -> int:
    if not checks.is_whole(given) or not 0 <= given < labels:
        raise CellwrightError(f"blank is the number of a label from 0 to {labels - 1}, got {given!r}")
    return int(given)


def separator(given: Any, labels: int) -> int | None:
    if given is not None and (not checks.is_whole(given) or not 0 <= given < labels):
        raise CellwrightError(f"separator is the number of a label from 0 to {labels - 1}, or None; got {given!r}")
    return None if given is None else int(given)


def no_nan(logarithms: Tensor) -> None:
    if bool(logarithms.isnan().any()):
        raise CellwrightError("outputs hold NaN, or a step without a probable label: nothing can be decoded from them")


def string(given: Any, what: str = "a string") -> tuple[Any, ...]:
    """What a string holds, out of its tensors: as keys, tensors of equal numbers are not equal."""
    if not isinstance(given, Iterable) or (isinstance(given, Tensor) and given.ndim != 1):
        got = f"a tensor of the shape {tuple(given.shape)}" if isinstance(given, Tensor) else repr(given)
        raise CellwrightError(f"{what} is {got}: expected a string of labels, such as [3, 1, 2]")
    return tuple(each.item() if isinstance(each, Tensor) else each for each in given)


def labelling(given: Any, labels: int, what: str, forbidden: int | None = None, why: str = "") -> Labelling:
    """A string of labels; ``what`` says what it is for, ``why`` what must not be in it."""
    own = string(given, what)
    for label in own:
        if not checks.is_whole(label) or not 0 <= label < labels:
            raise CellwrightError(f"{what} holds {label!r}: labels are whole numbers from 0 to {labels - 1}")
        if label == forbidden:
            raise CellwrightError(f"{what} holds {why}: leave it out")
    return tuple(map(int, own))


def targets(given: Any, lengths: Tensor, labels: int, blank: int) -> list[Labelling]:
    """A string of labels for each sequence, such that its length has room for it."""
    if not isinstance(given, Iterable):
        raise CellwrightError(f"targets hold a string of labels for each sequence, got {type(given).__name__}")
    strings = list(given)
    if len(strings) != len(lengths):
        raise CellwrightError(
            f"targets hold {len(strings)} strings of labels, but the outputs {len(lengths)} sequences: one for each"
        )
    why = f"the blank, {blank}"
    own = [labelling(each, labels, f"target {row}", blank, why) for row, each in enumerate(strings)]
    for row, (target, length) in enumerate(zip(own, lengths.tolist(), strict=True)):
        if length < (least := steps_needed(target)):
            repeats = least - len(target)
            also = f" and {repeats} between equal ones" if repeats else ""
            raise CellwrightError(
                f"target {row} has {len(target)} labels, which take {len(target)} steps{also}, but sequence {row} has "
                f"{length}: divide time by less in the layers below, or leave this sequence out"
            )
    return own


def steps_needed(labels: Labelling) -> int:
    """The fewest steps that a string takes: one for each label, and a blank between equal neighbours."""
    return len(labels) + sum(one == other for one, other in pairwise(labels))
