"""What a training run tells while it runs: a plain callback, and a progress bar that is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellwright.units import clock

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a batch.

    ``epoch`` counts from 1 and is the one in work; ``done`` runs from 0 to 1. ``loss`` is the mean of this epoch so
    far, ``validation_loss`` the last known one. ``seconds_left`` assumes that no early stop comes.
    """

    epoch: int
    epochs: int
    done: float
    loss: float
    validation_loss: float | None
    seconds: float
    seconds_left: float


Callback = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """The callback that does nothing."""


Tell = Callable[[float, str], None]
"""Takes how much of some work is done, from 0 to 1, and a status in words."""


@contextmanager
def progress_bar(console: Console | None, label: str = "training") -> Iterator[Callback]:
    """A callback that draws a bar with epoch, loss and time left on ``console``; silent where that is no terminal."""
    if console is None or not console.is_terminal:
        yield ignore
        return
    with bar(console, label) as tell:
        yield lambda progress: tell(progress.done, status_line(progress))


@contextmanager
def bar(console: Console, label: str) -> Iterator[Tell]:
    """A bar on a terminal, which is gone afterwards; what it gives moves it."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[status]}", markup=False),
    )
    with RichProgress(*columns, console=console, transient=True) as drawn:
        task = drawn.add_task(label, total=1.0, status="")
        yield lambda done, status: drawn.update(task, completed=done, status=status)
        # An early stop leaves the bar short of its end; the run is over all the same.
        drawn.update(task, completed=1.0)


def status_line(progress: Progress) -> str:
    """``epoch 12/800  loss 0.0123  validation 0.0145  0:07 left``."""
    validation = "" if progress.validation_loss is None else f"  validation {progress.validation_loss:.4g}"
    epoch = f"epoch {progress.epoch}/{progress.epochs}"
    return f"{epoch}  loss {progress.loss:.4g}{validation}  {clock(progress.seconds_left)} left"


def both(*callbacks: Callback) -> Callback:
    """One callback that calls all of ``callbacks`` in order."""

    def call(progress: Progress) -> None:
        for callback in callbacks:
            callback(progress)

    return call
