"""Calling a model on sequences: outputs, what of them counts, the mean loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellwright.errors import CellwrightError
from cellwright.learning.data import SequenceSource, as_source
from cellwright.learning.state import device_of

Loss = Callable[[Tensor, Tensor], Tensor]


def evaluate(
    model: torch.nn.Module,
    data: SequenceSource | tuple[Tensor, Tensor],
    loss: Loss = torch.nn.functional.mse_loss,
    batch_size: int | None = None,
) -> float:
    """The mean loss of ``model`` on ``data``, in evaluation mode and without gradients.

    Raises:
        CellwrightError: data that does not fit.
    """
    source = as_source(data)
    total, weight = 0.0, 0
    with torch.no_grad(), mode(model, training=False):
        for indices in torch.arange(len(source)).split(batch_size or len(source)):
            batch = source.select(indices).to(device_of(model))
            part = counted(outputs_of(model(batch.inputs)), batch.targets, batch.mask, loss)
            if part.weight:
                total += float(loss(part.outputs, part.targets)) * part.weight
                weight += part.weight
    return total / max(weight, 1)


def outputs_of(returned: Any) -> Tensor:
    """The outputs of a model that returns outputs or (outputs, state)."""
    outputs = returned[0] if isinstance(returned, tuple) else returned
    if not isinstance(outputs, Tensor):
        raise CellwrightError(f"the model returned a {type(outputs).__name__}: expected outputs or (outputs, state)")
    return outputs


class Counted(NamedTuple):
    """The outputs and targets that a loss sees, and how many they are (its weight in a mean of means)."""

    outputs: Tensor
    targets: Tensor
    weight: int


def counted(outputs: Tensor, targets: Tensor, mask: Tensor | None, loss: Loss) -> Counted:
    """What of the outputs counts.

    Raises:
        CellwrightError: shapes that the loss would silently broadcast.
    """
    if _compares_elements(loss) and outputs.shape != targets.shape:
        raise CellwrightError(
            f"the model returned shape {tuple(outputs.shape)} for targets of shape {tuple(targets.shape)}: "
            "this loss compares element by element, so they must be the same"
        )
    if mask is None:
        return Counted(outputs, targets, targets.numel())
    return Counted(outputs[mask], targets[mask], int(targets[mask].numel()))


_ELEMENTWISE = {
    functional.mse_loss: nn.MSELoss,
    functional.l1_loss: nn.L1Loss,
    functional.smooth_l1_loss: nn.SmoothL1Loss,
    functional.huber_loss: nn.HuberLoss,
    functional.binary_cross_entropy: nn.BCELoss,
    functional.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss,
}


def _compares_elements(loss: Loss) -> bool:
    return loss in _ELEMENTWISE or isinstance(loss, tuple(_ELEMENTWISE.values()))


@contextmanager
def mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Within: every module trains or evaluates. After: each is in the mode that it was in."""
    before = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, was_training in before.items():
            module.training = was_training
