"""Train a torch module on sequences: one loop, resumable to the same bits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cellwright.errors import CellwrightError
from cellwright.learning.checkpoint import Checkpointer
from cellwright.learning.data import SequenceSource, as_source
from cellwright.learning.evaluate import Loss, mode
from cellwright.learning.interrupt import DeferredInterrupt
from cellwright.learning.loop import Loop
from cellwright.learning.progress import Callback, both, ignore, progress_bar
from cellwright.learning.settings import FitSettings, plain
from cellwright.learning.state import History, TrainingState, own_random_numbers

if TYPE_CHECKING:
    from rich.console import Console

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True)
class FitResult:
    """What a run did.

    ``history``: mean loss an epoch; ``best_epoch``: the epoch (from 1) with the lowest validation loss, without
    validation data the last one; ``seconds``: wall time, over all interruptions.
    """

    history: History
    best_epoch: int
    stopped_early: bool
    seconds: float


def fit(
    model: torch.nn.Module,
    data: SequenceSource | tuple[Tensor, Tensor],
    settings: FitSettings,
    *,
    validation: SequenceSource | tuple[Tensor, Tensor] | None = None,
    loss: Loss = torch.nn.functional.mse_loss,
    checkpoint: str | Path | None = None,
    seconds_between_checkpoints: float = 5.0,
    callback: Callback = ignore,
    console: Console | None = None,
) -> FitResult:
    """Train ``model`` in place.

    The model is called as ``model(inputs)`` and returns outputs, or (outputs, state). With ``settings.truncate``
    it must return (outputs, state) and is called as ``model(chunk, state)`` from the second chunk on.
    ``loss(outputs, targets)`` returns a mean over the targets; where the data has a mask, it sees the counted
    rows alone, as (count, ...).

    The same seed gives the same bits on one machine, however often the run was killed and resumed. torch's global
    random numbers are left as they were. Ctrl-C stops between two batches, after writing the checkpoint.

    Args:
        model: any module; its training mode afterwards is what it was before.
        data: (inputs, targets), each with the batch first, or a ``SequenceData``, or any ``SequenceSource``.
        settings: how to train.
        validation: data to judge each epoch by; needed for early stopping.
        loss: a torch loss.
        checkpoint: a file to keep the run in. If it exists, the run goes on from there.
        seconds_between_checkpoints: wall time between two writes; 0 writes after every batch.
        callback: called with a ``Progress`` after every batch.
        console: where to draw a progress bar; None draws none.

    Raises:
        CellwrightError: data or settings that do not fit, a loss that is not finite, a checkpoint that is damaged,
            foreign or made with other settings.
        KeyboardInterrupt: Ctrl-C.
    """
    source = as_source(data)
    held_out = None if validation is None else as_source(validation, "validation")
    if settings.patience is not None and held_out is None:
        raise CellwrightError("patience needs validation data: give validation=, or leave patience=None")
    state = TrainingState.start(model, settings)
    made_with = _made_with(state, settings, source, held_out, loss)
    path = None if checkpoint is None else Path(checkpoint)
    checkpointer = Checkpointer(path, made_with, seconds_between_checkpoints)
    with (
        mode(model, training=True),
        own_random_numbers(state.device, settings.seed),
        DeferredInterrupt() as interrupt,
        progress_bar(console) as bar,
    ):
        checkpointer.check_readable(state.capture())
        _resume(state, checkpointer, settings)
        Loop(state, settings, source, held_out, loss, checkpointer, interrupt, both(bar, callback)).run()
    if state.best_weights is not None:
        model.load_state_dict(state.best_weights)
    return FitResult(state.history, state.best_epoch, state.stopped_early, state.seconds)


def _resume(state: TrainingState, checkpointer: Checkpointer, settings: FitSettings) -> None:
    tree = checkpointer.resume()
    if tree is None:
        return
    try:
        state.restore(tree)
    except Exception as error:
        raise CellwrightError(f"{checkpointer.path} does not fit this run: {error}") from error
    if state.epoch > settings.epochs:
        raise CellwrightError(
            f"{checkpointer.path} is already at epoch {state.epoch}, past epochs={settings.epochs}: "
            "ask for at least as many, or delete it to start anew"
        )


def _made_with(
    state: TrainingState, settings: FitSettings, data: SequenceSource, held_out: SequenceSource | None, loss: Loss
) -> dict[str, Any]:
    """What two runs must have in common for one to go on where the other stopped."""
    return {
        "settings": settings.described(),
        "loss": plain(loss),
        "optimizer": {"class": plain(type(state.optimizer)), "options": plain(state.optimizer.defaults)},
        "schedule": None if state.schedule is None else plain(type(state.schedule)),
        "schedule options": None if state.schedule is None else plain(state.schedule.state_dict()),
        "architecture": _ADDRESS.sub("", repr(state.model)),
        "model": {name: f"{tuple(p.shape)} {p.dtype}" for name, p in state.model.state_dict().items()},
        "trained": [name for name, p in state.model.named_parameters() if p.requires_grad],
        "data": _digest(data),
        "validation": None if held_out is None else _digest(held_out),
    }


def _digest(source: SequenceSource) -> str:
    digest = getattr(source, "digest", None)
    return f"{len(source)} sequences" if digest is None else str(digest())
