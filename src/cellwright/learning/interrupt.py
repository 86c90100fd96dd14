"""Ctrl-C between two batches instead of inside an optimiser's step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class DeferredInterrupt:
    """Within, the first Ctrl-C only sets ``pending``; a second one interrupts at once, and leaving interrupts late.

    Only where Python's own handler would have raised KeyboardInterrupt: in the main thread, with no handler of
    somebody else's. Elsewhere ``pending`` stays False and nothing changes.
    """

    def __init__(self) -> None:
        self.pending = False
        self._active = False

    def __enter__(self) -> DeferredInterrupt:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.pending and kind is None:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.pending:
            raise KeyboardInterrupt
        self.pending = True
