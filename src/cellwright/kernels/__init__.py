"""Compiled kernels: the time loop of a cell as machine code, wherever that does what the interpreter does.

``enabled()`` tells whether kernels are used, ``switched(False)`` turns them off in a block, and CELLWRIGHT_KERNELS=0
in a process. What a kernel cannot do is interpreted, and the logger ``cellwright.kernels`` says so once a cell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_enabled: ContextVar[bool] = ContextVar(
    "whether kernels are used", default=os.environ.get("CELLWRIGHT_KERNELS", "1") not in ("", "0")
)


def enabled() -> bool:
    """Whether kernels are used."""
    return _enabled.get()


@contextmanager
def switched(on: bool) -> Iterator[None]:
    """Use kernels, or do not, inside of a block."""
    token = _enabled.set(on)
    try:
        yield
    finally:
        _enabled.reset(token)
