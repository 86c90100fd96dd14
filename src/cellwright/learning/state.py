"""Everything that a training run is at one moment: enough to go on from there to the same bits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from cellwright.learning.settings import FitSettings


@dataclass
class History:
    """The mean loss of each epoch so far, in order; ``validation`` is empty without validation data."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)


@dataclass
class TrainingState:
    """A run between two batches.

    ``epoch`` counts the finished epochs, ``batch`` the finished batches of the present one, ``order`` is the order
    of sequences in it, ``loss_sum`` and ``loss_weight`` its loss so far. Epochs are counted from 1 in ``best_epoch``.
    """

    model: torch.nn.Module
    optimizer: Optimizer
    schedule: LRScheduler | None
    sampler: torch.Generator
    device: torch.device
    epoch: int = 0
    batch: int = 0
    order: Tensor | None = None
    loss_sum: float = 0.0
    loss_weight: int = 0
    history: History = field(default_factory=History)
    best_epoch: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, Any] | None = None
    stale_epochs: int = 0
    stopped_early: bool = False
    seconds: float = 0.0

    @classmethod
    def start(cls, model: torch.nn.Module, settings: FitSettings) -> TrainingState:
        """The state before the first batch."""
        optimizer = settings.build_optimizer(model)
        schedule = None if settings.schedule is None else settings.schedule(optimizer)
        sampler = torch.Generator().manual_seed(derived_seed(settings.seed, "order"))
        return cls(model, optimizer, schedule, sampler, device_of(model))

    def capture(self) -> dict[str, Any]:
        """The state as a tree of plain values and tensors; they share memory with the model: write them at once."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "sampler": self.sampler.get_state(),
            "random": _random_state(self.device),
            "best_weights": self.best_weights,
            "history": {"train": self.history.train, "validation": self.history.validation},
            "counters": {name: getattr(self, name) for name in _COUNTERS},
        }

    def restore(self, tree: dict[str, Any]) -> None:
        """Become the state that ``capture`` wrote down."""
        self.model.load_state_dict(tree["model"])
        self.optimizer.load_state_dict(tree["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(tree["schedule"])
        self.sampler.set_state(tree["sampler"])
        _set_random_state(self.device, tree["random"])
        self.best_weights = tree["best_weights"]
        self.history = History(**tree["history"])
        for name in _COUNTERS:
            setattr(self, name, tree["counters"][name])

    def add_loss(self, loss: float, weight: int) -> None:
        """Count the mean loss of ``weight`` targets into the present epoch."""
        self.loss_sum += loss * weight
        self.loss_weight += weight

    @property
    def mean_loss(self) -> float:
        """The mean loss of the present epoch so far."""
        return self.loss_sum / max(self.loss_weight, 1)

    def finish_epoch(self, validation_loss: float | None, settings: FitSettings) -> None:
        """Write the epoch into the history, remember the best weights, decide on stopping, clear the counters."""
        self.epoch += 1
        self.history.train.append(self.mean_loss)
        if validation_loss is None:
            self.best_epoch, self.best_loss = self.epoch, self.mean_loss
        else:
            self.history.validation.append(validation_loss)
            self._judge(validation_loss, settings)
        if settings.schedule_each == "epoch":
            self.step_schedule(self.mean_loss if validation_loss is None else validation_loss)
        self.batch, self.order, self.loss_sum, self.loss_weight = 0, None, 0.0, 0

    def _judge(self, loss: float, settings: FitSettings) -> None:
        if loss < self.best_loss - settings.min_improvement or self.best_epoch == 0:
            self.best_epoch, self.best_loss, self.stale_epochs = self.epoch, loss, 0
            if settings.restore_best:
                self.best_weights = {k: _copied(v) for k, v in self.model.state_dict().items()}
        else:
            self.stale_epochs += 1
        self.stopped_early = settings.patience is not None and self.stale_epochs >= settings.patience

    def step_schedule(self, loss: float) -> None:
        """One step of the learning-rate schedule, if there is one."""
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(loss)
        elif self.schedule is not None:
            self.schedule.step()

    def finished(self, settings: FitSettings) -> bool:
        """Whether no epoch is left to train."""
        return self.stopped_early or self.epoch >= settings.epochs


_COUNTERS = (
    "epoch", "batch", "order", "loss_sum", "loss_weight",
    "best_epoch", "best_loss", "stale_epochs", "stopped_early", "seconds",
)  # fmt: skip


def derived_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose, so that two streams drawn from one seed are not the same numbers."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little") >> 1


def device_of(model: torch.nn.Module) -> torch.device:
    """The device of the model's first parameter; the CPU if it has none."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


@contextmanager
def own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Within: torch's global generators (CPU and ``device``) start from ``seed``. After: they are as before."""
    before = _random_state(device)
    torch.default_generator.manual_seed(derived_seed(seed, "model"))
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(derived_seed(seed, "model"))
    try:
        yield
    finally:
        _set_random_state(device, before)


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.default_generator.get_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _set_random_state(device: torch.device, state: dict[str, Tensor]) -> None:
    torch.default_generator.set_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
