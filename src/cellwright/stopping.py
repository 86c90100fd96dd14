"""Being asked to stop: Ctrl-C and SIGTERM as exceptions, of which the first is never lost and the second is at once."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

_asked: int | None = None
"""The signal that this process was sent within `stoppable`."""


class Terminated(KeyboardInterrupt):  # no error: somebody asked for it
    """SIGTERM: what a batch system sends before it kills. It is answered as Ctrl-C is."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Within, SIGTERM is answered as Ctrl-C is, and no request to stop is lost.

    An exception that is raised while a library is imported, or while an object is deleted, may never arrive: `check`
    raises it again. The second signal ends the process at once. What is ignored, as Ctrl-C is in a background job,
    stays so. For the main thread; elsewhere, and within another `stoppable`, nothing changes.
    """
    global _asked  # noqa: PLW0603
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if in_main_thread else {}
    taken = {number: handler for number, handler in before.items() if handler not in (stop, signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)
        if taken:
            _asked = None


def stop(number: int, frame: FrameType | None) -> None:
    """The handler of the first signal: raises `Terminated`, or KeyboardInterrupt for Ctrl-C."""
    global _asked  # noqa: PLW0603
    _asked = number
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is stop:
            signal.signal(each, _leave)
    check()


def check() -> None:
    """Between two steps of long work: stop, if that was asked for and did not arrive."""
    if _asked is not None:
        raise Terminated if _asked == signal.SIGTERM else KeyboardInterrupt


def farewell(error: BaseException) -> tuple[str, int] | None:
    """What to say of an error, and the exit status, where it is a request to stop or came of one; else None."""
    if _asked is None and not isinstance(error, KeyboardInterrupt):
        return None
    terminated = _asked == signal.SIGTERM or isinstance(error, Terminated)
    what, status = ("terminated", TERMINATED) if terminated else ("interrupted", INTERRUPTED)
    return f"{what}; the same command resumes", status


def leave(status: int) -> None:
    """End the process after a request to stop, with what is to be done at exit.

    Python itself would end it by SIGINT, whatever status is asked for, where Ctrl-C fell into code that a library runs
    from C, as many do while they are imported.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)


def raises(handler: Any) -> bool:
    """Whether a signal's handler raises an exception: Python's own for Ctrl-C does, and ours."""
    return handler in (signal.default_int_handler, stop)


def _leave(number: int, frame: FrameType | None) -> None:
    """The handler of the second signal. A bar on a terminal has hidden the cursor."""
    told = farewell(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
    with suppress(OSError):
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), b"\x1b[?25h\n")
        if told:
            os.write(2, f"cellwright: {told[0]}\n".encode())
    os._exit(128 + number)
