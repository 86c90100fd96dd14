"""How to train, as frozen data that checks itself."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cellwright.errors import CellwrightError, named

OptimizerFactory = Callable[[Iterable[torch.nn.Parameter]], Optimizer]
ScheduleFactory = Callable[[Optimizer], LRScheduler]


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How to train.

    epochs: passes over the data; with ``patience`` the most there can be.
    optimizer: a name in ``torch.optim`` in any case ("adam", "sgd", ...) with ``learning_rate`` and
        ``optimizer_options`` (momentum, weight_decay, ...), or a factory that takes the parameters.
    schedule: a factory that takes the optimiser and returns one of torch's learning-rate schedules, such as
        ``functools.partial(torch.optim.lr_scheduler.StepLR, step_size=50)``; stepped each ``schedule_each``.
    batch_size: sequences a step; None takes all of them at once. ``shuffle`` draws the order anew each epoch.
    truncate: time steps a chunk of truncated backpropagation through time (Williams & Peng 1990, h = h');
        the state is carried over chunks and detached, one optimiser step a chunk. None: the whole sequence.
    clip_norm, clip_value: bound of the gradient's total 2-norm (Pascanu et al. 2013) and of each element.
    patience: stop after this many epochs without a validation loss lower by more than ``min_improvement``.
    restore_best: with validation data, end with the weights of the best epoch instead of the last.
    seed: of the order of batches and of what the model draws while it trains (dropout).

    Raises:
        CellwrightError: a value out of its range, an unknown optimiser.
    """

    epochs: int
    optimizer: str | OptimizerFactory = "adam"
    learning_rate: float | None = None
    optimizer_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    schedule: ScheduleFactory | None = None
    schedule_each: Literal["epoch", "step"] = "epoch"
    batch_size: int | None = None
    shuffle: bool = True
    truncate: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    patience: int | None = None
    min_improvement: float = 0.0
    restore_best: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer_options", dict(self.optimizer_options))
        for name in ("epochs", "batch_size", "truncate", "patience"):
            self._check_count(name)
        for name in ("learning_rate", "clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise CellwrightError(f"{name}={value!r}: expected a finite number above 0")
        if not (_is_number(self.min_improvement) and self.min_improvement >= 0):
            raise CellwrightError(f"min_improvement={self.min_improvement!r}: expected a finite number, at least 0")
        if self.schedule_each not in ("epoch", "step"):
            raise CellwrightError(f'schedule_each={self.schedule_each!r}: expected "epoch" or "step"')
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise CellwrightError(f"seed={self.seed!r}: expected an integer")
        self._check_optimizer()

    def _check_count(self, name: str) -> None:
        value = getattr(self, name)
        optional = name != "epochs"
        if optional and value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise CellwrightError(f"{name}={value!r}: expected an integer above 0{' or None' if optional else ''}")

    def _check_optimizer(self) -> None:
        if isinstance(self.optimizer, str):
            _optimizer_class(self.optimizer)
        elif not callable(self.optimizer):
            raise CellwrightError(f"optimizer={self.optimizer!r}: expected a name in torch.optim or a factory")
        elif self.learning_rate is not None or self.optimizer_options:
            raise CellwrightError("an optimizer factory sets its own options: give learning_rate to the factory")

    def build_optimizer(self, model: torch.nn.Module) -> Optimizer:
        """A fresh optimiser over the parameters of ``model`` that are not frozen.

        Raises:
            CellwrightError: nothing to train, or options that the optimiser does not take.
        """
        parameters = [p for p in model.parameters() if p.requires_grad]
        if not parameters:
            raise CellwrightError(f"{type(model).__name__} has no parameter with requires_grad: nothing to train")
        if not isinstance(self.optimizer, str):
            made = self.optimizer(parameters)
            if not isinstance(made, Optimizer):
                raise CellwrightError(f"the optimizer factory made a {type(made).__name__}: expected a torch Optimizer")
            return made
        rate = {} if self.learning_rate is None else {"lr": self.learning_rate}
        make: Callable[..., Optimizer] = _optimizer_class(self.optimizer)
        try:
            return make(parameters, **rate, **self.optimizer_options)
        except (TypeError, ValueError) as error:
            raise CellwrightError(f"optimizer {self.optimizer!r} refuses its options: {error}") from error

    def described(self) -> dict[str, Any]:
        """Every setting as a plain value (numbers, text, None), for a checkpoint or a report."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def plain(value: Any) -> Any:
    """``value`` as numbers, text, lists and dicts; a function becomes its name with its bound arguments."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, torch.Tensor):
        return plain(value.tolist())
    if isinstance(value, functools.partial):
        return {"call": plain(value.func), "args": plain(value.args), "keywords": plain(value.keywords)}
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, torch.nn.Module):
        return repr(value)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _optimizer_class(name: str) -> type[Optimizer]:
    known = {
        key.lower(): value
        for key, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
    }
    return named("optimiser of torch.optim", name.lower(), known)
