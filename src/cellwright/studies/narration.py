"""What a study says while it runs, and to whom: a terminal, a pipe, a log file, or nobody."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cellwright import stopping
from cellwright.errors import CellwrightError, in_words
from cellwright.learning.progress import Callback, Tell, bar, status_line
from cellwright.units import clock

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_LOG_WIDTH = 120


class RunLog:
    """A file to which lines are appended, each with its time, at once and whole: other processes may read along.

    Raises:
        CellwrightError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            error.filename = str(path)
            raise CellwrightError(f"the log cannot be written: {in_words(error)}") from error

    def write(self, text: str) -> None:
        """Append a text, line by line.

        Raises:
            OSError: naming the file.
        """
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        lines = [f"{now} {line.rstrip()}\n" for line in text.splitlines() if line.strip()]
        try:
            for line in lines:
                os.write(self._descriptor, line.encode("utf-8", "replace"))
        except OSError as error:
            error.filename = str(self.path)
            raise

    def close(self) -> None:
        os.close(self._descriptor)


class Narration:
    """Tells what a study does.

    Whenever something is told, a request to stop that got lost in a library is obeyed.

    Long work is a bar with the time left on a terminal, and elsewhere a plain line now and then, so that a log of a
    batch job shows that something goes on.

    Args:
        console: for people; None for nobody.
        log: has all that people are told, and more.
        seconds_between_lines: of progress, where the console is no terminal.
        seconds_between_log_lines: of progress.
    """

    def __init__(
        self,
        console: Console | None = None,
        log: RunLog | None = None,
        *,
        seconds_between_lines: float = 30.0,
        seconds_between_log_lines: float = 5.0,
    ) -> None:
        self.console, self.log = console, log
        self._lines, self._log_lines = _Pace(seconds_between_lines), _Pace(seconds_between_log_lines)

    def say(self, what: RenderableType) -> None:
        """A line of text, in which nothing is taken for markup, or a table."""
        stopping.check()
        self._print(what)
        if self.log is not None:
            self.log.write(what if isinstance(what, str) else _plain(what))

    def note(self, text: str) -> None:
        """What only the log has."""
        if self.log is not None:
            self.log.write(text)

    @contextmanager
    def work(self, label: str) -> Iterator[Tell]:
        """Long work: what it gives is to be called at every step, and tells those who are due."""
        with ExitStack() as stack:
            listeners = []
            if self.console is not None and self.console.is_terminal:
                listeners.append(stack.enter_context(bar(self.console, label)))
            elif self.console is not None:
                listeners.append(self._lines.slowed(lambda status: self._print(f"{label}: {status}")))
            if self.log is not None:
                listeners.append(self._log_lines.slowed(lambda status: self.note(f"{label}: {status}")))

            def tell(done: float, status: str) -> None:
                stopping.check()
                for listener in listeners:
                    listener(done, status)

            yield tell

    @contextmanager
    def training(self, label: str) -> Iterator[Callback]:
        """The training of a network, as a callback for ``fit``."""
        with self.work(label) as tell:
            yield lambda progress: tell(progress.done, status_line(progress))

    @contextmanager
    def steps(self, label: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
        """Work in equal steps, some of which may be done already: what it gives is to be called after each."""
        started, count = time.monotonic(), done
        with self.work(label) as tell:

            def advance() -> None:
                nonlocal count
                count += 1
                left = (time.monotonic() - started) / (count - done) * (total - count)
                tell(count / total, f"{count}/{total}  {clock(left)} left")

            yield advance

    def _print(self, what: RenderableType) -> None:
        if self.console is not None:
            self.console.print(what, markup=False, highlight=False, soft_wrap=isinstance(what, str))


class _Pace:
    """When it is time to say something again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last = time.monotonic()

    def slowed(self, say: Callable[[str], None]) -> Tell:
        """What says a status only now and then; several of one pace take turns."""

        def tell(done: float, status: str) -> None:
            now = time.monotonic()
            if now - self._last >= self.seconds:
                self._last = now
                say(status)

        return tell


def _plain(what: RenderableType) -> str:
    from rich.console import Console

    page = io.StringIO()
    Console(file=page, width=_LOG_WIDTH, color_system=None).print(what)
    return page.getvalue()


SILENT = Narration()
"""Tells nobody."""
