"""A small pool of threads, for parts of a batch. Compiled code lets go of the interpreter's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class _Pool:
    """Threads, made when first needed and never fewer than before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._size = 0

    def of_size(self, size: int) -> ThreadPoolExecutor:
        """At least so many threads. A smaller pool that others use finishes what it has begun."""
        with self._lock:
            if self._threads is None or self._size < size:
                self._threads, self._size = ThreadPoolExecutor(size, thread_name_prefix="cellwright"), size
            return self._threads


_pool = _Pool()

if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads, and perhaps a lock that nobody will open.
    os.register_at_fork(after_in_child=_pool.__init__)  # type: ignore[misc]


def in_parallel(run: Callable[[int], object], parts: int) -> None:
    """Call ``run(0)`` to ``run(parts - 1)``, each in a thread of its own, the first in this one."""
    if parts == 1:
        run(0)
        return
    pool = _pool.of_size(parts - 1)
    others = [pool.submit(run, part) for part in range(1, parts)]
    try:
        run(0)
    finally:
        for other in others:
            other.result()
