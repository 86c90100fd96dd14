"""What a training run tells while it runs: a plain callback, and a progress bar that is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

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


@contextmanager
def progress_bar(console: Console | None, label: str = "training") -> Iterator[Callback]:
    """A callback that draws a bar with epoch, loss and time left on ``console``; silent where that is no terminal."""
    if console is None or not console.is_terminal:
        yield ignore
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[status]}"))
    with RichProgress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=1.0, status="")

        def draw(progress: Progress) -> None:
            bar.update(task, completed=progress.done, status=status_line(progress))

        yield draw
        # An early stop leaves the bar short of its end; the run is over all the same.
        bar.update(task, completed=1.0)


def status_line(progress: Progress) -> str:
    """``epoch 12/800  loss 0.0123  validation 0.0145  0:07 left``."""
    validation = "" if progress.validation_loss is None else f"  validation {progress.validation_loss:.4g}"
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    epoch = f"epoch {progress.epoch}/{progress.epochs}"
    return f"{epoch}  loss {progress.loss:.4g}{validation}  {minutes}:{seconds:02d} left"


def both(*callbacks: Callback) -> Callback:
    """One callback that calls all of ``callbacks`` in order."""

    def call(progress: Progress) -> None:
        for callback in callbacks:
            callback(progress)

    return call
