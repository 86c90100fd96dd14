"""Compiled code on disk, keyed by a hash of its text and of the host; what cannot be read is compiled again."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from cellwright.files import write_atomically
from cellwright.kernels.host import Host

_lock = threading.Lock()
_engines: list[Any] = []  # code lives as long as its engine
_functions: dict[str, Callable[[int], None]] = {}


def folder() -> Path:
    """Where compiled code is kept: CELLWRIGHT_CACHE, or the platform's folder for caches."""
    if given := os.environ.get("CELLWRIGHT_CACHE"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "cellwright"
    base = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cellwright"


def function(text: str, name: str, host: Host) -> Callable[[int], None]:
    """The function ``name`` of a module's text, compiled for the host: from this process, from disk, or anew."""
    parts = (text, name, host.triple, host.cpu, host.features, llvmlite.__version__)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    with _lock:
        if key not in _functions:
            code = _read(key)
            if code is None:
                code = host.compile(text)
                _write(key, code)
            _functions[key] = _load(code, name, host)
        return _functions[key]


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


def _load(code: bytes, name: str, host: Host) -> Callable[[int], None]:
    empty = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(empty, host.machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    # ctypes lets go of the interpreter's lock during the call.
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address(name))
