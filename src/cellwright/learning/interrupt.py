"""Ctrl-C between two batches instead of inside an optimiser's step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from cellwright.stopping import raises


class DeferredInterrupt:
    """Within, the first Ctrl-C only sets ``pending``; a second one interrupts at once, and leaving interrupts late.

    Only for signals whose handler would have raised: Python's own for Ctrl-C, and the command line's, which answers
    SIGTERM too; and only in the main thread. Elsewhere ``pending`` stays False and nothing changes.
    """

    def __init__(self) -> None:
        self._pending: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def pending(self) -> bool:
        return self._pending is not None

    def act(self) -> None:
        """Raise what the pending signal would have raised."""
        if self._pending is not None:
            self._before[self._pending](self._pending, None)

    def __enter__(self) -> DeferredInterrupt:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            self._before = {number: handler for number, handler in handlers.items() if raises(handler)}
        for number in self._before:
            signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)
        if kind is None:
            self.act()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self._pending = self.pending, number
        if again:
            self.act()
