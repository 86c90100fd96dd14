"""The loss of connectionist temporal classification: torch's, for outputs and lengths as the layers give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import nn

from cellwright.errors import CellwrightError
from cellwright.layers import checks as layer_checks
from cellwright.layers.ctc import checks

Tensor: TypeAlias = torch.Tensor
Reduction = Literal["none", "sum", "mean"]


def ctc_loss(
    outputs: Tensor,
    targets: Sequence[Sequence[int] | Tensor],
    lengths: Tensor | Sequence[int] | None = None,
    *,
    blank: int = 0,
    reduction: Reduction = "mean",
) -> Tensor:
    """-ln p(target | outputs), summed over all alignments (Graves, Fernández, Gomez & Schmidhuber 2006, section 4).

    It is torch's: it has first derivatives alone, and gradients of NaN where an output is -inf. Mask labels by a large
    negative number instead.

    Args:
        outputs: (time, batch, labels), before the softmax or logarithms of probabilities. One of the labels is blank.
        targets: a string of labels for each sequence, without blanks; it may be empty.
        lengths: steps of each sequence; all of them by default. What the padding holds has no effect.
        blank: which label is the blank.
        reduction: ``"none"`` for the loss of each sequence (batch,), ``"sum"``, as published, or ``"mean"``, torch's:
            each loss over the number of labels of its target, and the mean of these.

    Returns:
        the loss, in float32 where the outputs are in half precision.

    Raises:
        CellwrightError: shapes that do not fit, labels out of range, a blank in a target, a target that is longer than
            its sequence has room for: each label takes a step, and a blank stands between equal ones.
    """
    layer_checks.choice("reduction", reduction, get_args(Reduction))
    in_half = isinstance(outputs, Tensor) and outputs.dtype in (torch.float16, torch.bfloat16)
    logarithms, steps = checks.log_probabilities(outputs, lengths, torch.float32 if in_half else None)
    if not len(steps):
        raise CellwrightError(f"outputs have the shape {tuple(outputs.shape)}: expected one sequence at least")
    labels = outputs.shape[-1]
    strings = checks.targets(targets, steps, labels, checks.blank(blank, labels))
    flat = torch.tensor([label for string in strings for label in string], dtype=torch.int64, device=outputs.device)
    sizes = torch.tensor([len(string) for string in strings], device=outputs.device)
    return nn.functional.ctc_loss(logarithms, flat, steps, sizes, blank, reduction)
