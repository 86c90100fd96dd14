"""Compiled code on disk, keyed by a hash of its text and of the host; what cannot be read is compiled again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from cellwright.files import write_atomically
from cellwright.kernels.host import Host

_lock = threading.Lock()
_engines: dict[str, Any] = {}


def _renew_lock() -> None:
    """A child that was forked while another thread compiled has a lock that nobody will open."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def folder() -> Path:
    """Where compiled code is kept: CELLWRIGHT_CACHE, or the platform's folder for caches."""
    if given := os.environ.get("CELLWRIGHT_CACHE"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "cellwright"
    base = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cellwright"


def address(text: str, name: str, host: Host) -> int:
    """The address of a function of a module's text, compiled for the host: in this process, on disk, or now."""
    parts = (text, host.triple, host.cpu, host.features, llvmlite.__version__)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    with _lock:
        if key not in _engines:
            code = _read(key)
            if code is None:
                code = host.compile(text)
                _write(key, code)
            _engines[key] = _loaded(code, host)  # code lives as long as its engine
        return int(_engines[key].get_function_address(name))


def _read(key: str) -> bytes | None:
    """The object file kept under a key, if it is whole: it begins with a hash of the rest."""
    try:
        content = (folder() / f"{key}.bin").read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(key: str, code: bytes) -> None:
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time, not results
        folder().mkdir(parents=True, exist_ok=True)
        write_atomically(folder() / f"{key}.bin", hashlib.sha256(code).digest() + code)


def _loaded(code: bytes, host: Host) -> Any:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), host.machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine
