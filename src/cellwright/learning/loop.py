"""The one training loop: epochs of batches of chunks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from cellwright.errors import CellwrightError
from cellwright.learning.checkpoint import Checkpointer
from cellwright.learning.data import Batch, SequenceSource
from cellwright.learning.evaluate import Loss, counted, evaluate, outputs_of
from cellwright.learning.interrupt import DeferredInterrupt
from cellwright.learning.progress import Callback, Progress
from cellwright.learning.settings import FitSettings
from cellwright.learning.state import TrainingState


@dataclass
class Loop:
    """The loop over ``state``; everything that changes is in there."""

    state: TrainingState
    settings: FitSettings
    source: SequenceSource
    held_out: SequenceSource | None
    loss: Loss
    checkpointer: Checkpointer
    interrupt: DeferredInterrupt
    callback: Callback

    def run(self) -> None:
        self._started, self._seconds_before, self._done_before = time.monotonic(), self.state.seconds, self._done()
        if self.state.finished(self.settings):
            return
        while not self.state.finished(self.settings):
            self._epoch()
        self._write()

    def _epoch(self) -> None:
        state, size = self.state, self.settings.batch_size or len(self.source)
        if state.order is None:
            state.order = self._new_order()
        batches = state.order.split(size)
        for indices in batches[state.batch :]:
            self._train_on(self.source.select(indices).to(state.device))
            state.batch += 1
            if state.batch == len(batches):
                self._finish_epoch()
            self._between_batches()

    def _new_order(self) -> Tensor:
        whole = self.settings.batch_size is None or self.settings.batch_size >= len(self.source)
        if whole or not self.settings.shuffle:
            return torch.arange(len(self.source))
        return torch.randperm(len(self.source), generator=self.state.sampler)

    def _train_on(self, batch: Batch) -> None:
        carried = None
        for inputs, targets, mask in self._chunks(batch):
            carried = self._step(inputs, targets, mask, carried)

    def _chunks(self, batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        if self.settings.truncate is None:
            yield batch.inputs, batch.targets, batch.mask
            return
        axis = 1 if self.source.batch_first else 0
        steps, length = batch.inputs.shape[axis], self.settings.truncate
        if batch.targets.dim() <= axis or batch.targets.shape[axis] != steps:
            raise CellwrightError(
                f"truncate={length} needs a target for each of the {steps} time steps; "
                f"the targets have shape {tuple(batch.targets.shape)}: leave truncate=None"
            )
        for start in range(0, steps, length):
            size = min(length, steps - start)
            mask = None if batch.mask is None else batch.mask.narrow(axis, start, size)
            yield batch.inputs.narrow(axis, start, size), batch.targets.narrow(axis, start, size), mask

    def _step(self, inputs: Tensor, targets: Tensor, mask: Tensor | None, carried: Any) -> Any:
        """One step of the optimiser on one chunk; returns the state that the next chunk starts from."""
        model, optimizer = self.state.model, self.state.optimizer
        following: Any = None
        weight = 0

        # A closure, because an optimiser such as L-BFGS evaluates the loss several times a step.
        def evaluate_loss() -> float:
            nonlocal following, weight
            optimizer.zero_grad()
            returned = model(inputs) if carried is None else model(inputs, carried)
            following = self._state_of(returned)
            part = counted(outputs_of(returned), targets, mask, self.loss)
            weight = part.weight
            if weight == 0:
                return 0.0
            value = self.loss(part.outputs, part.targets)
            self._check_finite(value, inputs, targets)
            value.backward()
            self._clip()
            return value.item()

        if mask is not None and not bool(mask.any()):
            with torch.no_grad():
                evaluate_loss()
            return following
        value: Any = optimizer.step(evaluate_loss)
        self.state.add_loss(float(value), weight)
        if self.settings.schedule_each == "step":
            self.state.step_schedule(float(value))
        return following

    def _state_of(self, returned: Any) -> Any:
        if self.settings.truncate is None:
            return None
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise CellwrightError(
                f"truncate={self.settings.truncate} carries the state over chunks: "
                f"{type(self.state.model).__name__} must return (outputs, state) and take model(inputs, state)"
            )
        return _detached(returned[1])

    def _clip(self) -> None:
        parameters = [p for p in self.state.model.parameters() if p.grad is not None]
        if self.settings.clip_value is not None:
            clip_grad_value_(parameters, self.settings.clip_value)
        if self.settings.clip_norm is not None:
            clip_grad_norm_(parameters, self.settings.clip_norm)

    def _check_finite(self, value: Tensor, inputs: Tensor, targets: Tensor) -> None:
        if value.dim() != 0:
            raise CellwrightError(f"the loss has shape {tuple(value.shape)}: expected one number (a mean)")
        if bool(torch.isfinite(value)):
            return
        where = f"the loss became {value.item()} in epoch {self.state.epoch + 1}, batch {self.state.batch + 1}"
        for name, tensor in (("inputs", inputs), ("targets", targets)):
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise CellwrightError(f"{where}: its {name} hold values that are not finite; remove or mask them")
        raise CellwrightError(f"{where}: {self._remedy()}")

    def _remedy(self) -> str:
        rate = self.state.optimizer.param_groups[0].get("lr")
        clip = "" if self.settings.clip_norm is not None else " or clip the gradient (clip_norm=1.0)"
        return f"lower the learning rate (it is {rate}){clip}"

    def _finish_epoch(self) -> None:
        state = self.state
        if not all(bool(p.isfinite().all()) for p in state.model.parameters()):
            raise CellwrightError(f"a weight became infinite or NaN in epoch {state.epoch + 1}: {self._remedy()}")
        loss = None
        if self.held_out is not None:
            loss = evaluate(state.model, self.held_out, self.loss, self.settings.batch_size)
            if not math.isfinite(loss):
                raise CellwrightError(f"the validation loss became {loss} in epoch {state.epoch + 1}: {self._remedy()}")
        state.finish_epoch(loss, self.settings)

    def _between_batches(self) -> None:
        self.callback(self._progress())
        if self.interrupt.pending:
            self._write()
            self.interrupt.act()
        if self.checkpointer.due():
            self._write()

    def _write(self) -> None:
        self.state.seconds = self._seconds()
        self.checkpointer.write(self.state.capture())

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._started

    def _done(self) -> float:
        size = self.settings.batch_size or len(self.source)
        return (self.state.epoch + self.state.batch / -(-len(self.source) // size)) / self.settings.epochs

    def _progress(self) -> Progress:
        state, done, seconds = self.state, self._done(), self._seconds()
        here = done - self._done_before
        at_end = state.batch == 0
        return Progress(
            epoch=state.epoch if at_end else state.epoch + 1,
            epochs=self.settings.epochs,
            done=done,
            loss=state.history.train[-1] if at_end else state.mean_loss,
            validation_loss=state.history.validation[-1] if state.history.validation else None,
            seconds=seconds,
            seconds_left=(seconds - self._seconds_before) * (1 - done) / here,
        )


def _detached(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, dict):
        return {key: _detached(value) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_detached(value) for value in state))
    if isinstance(state, (tuple, list)):
        return type(state)(_detached(value) for value in state)
    return state
