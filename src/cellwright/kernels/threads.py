"""Threads for the parts of a call: those that torch has already, or a small pool.

torch's OpenMP threads wait for work by spinning, so that others would have to fight with them for the cores; on Linux
they are asked to do it. They do not survive a fork: a forked child, and every other system, gets a pool of its own.
Compiled code lets go of the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import ir

from cellwright.kernels.vector_ir import INDEX, POINTER, constant, counted_by

Part = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
"""What does a part: ``(table, addresses, steps, one, other)``, where the last two say which part."""


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


class _Team:
    """The OpenMP threads of this process, if it has them and is not a fork of one that had."""

    def __init__(self) -> None:
        self.is_lost = False

    def lose(self) -> None:
        self.is_lost = True

    @cache  # noqa: B019  (there is one team)
    def functions(self) -> tuple[Any, int, int] | None:
        """What begins a parallel region, and the addresses of what tells a thread its number and how many there are."""
        maps = Path("/proc/self/maps")
        if not sys.platform.startswith("linux") or not maps.exists():
            return None
        lines = maps.read_text().splitlines()
        found = {line[line.index("/") :] for line in lines if "/libgomp" in line or "/libiomp5" in line}
        paths = {path for path in found if "/torch" in path} or found
        if len(paths) != 1:
            return None  # none, or several that know nothing of each other
        library = ctypes.CDLL(paths.pop())
        names = ("omp_get_thread_num", "omp_get_num_threads")
        if not all(hasattr(library, name) for name in ("GOMP_parallel", *names)):
            return None
        begin = library.GOMP_parallel
        begin.argtypes, begin.restype = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint), None
        number, count = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names)
        return begin, number, count


_pool, _team = _Pool(), _Team()


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and perhaps a lock that nobody will open."""
    global _pool  # noqa: PLW0603
    _pool = _Pool()
    _team.lose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def share(code: Any, table: int, addresses: bytes, steps: int, parts: Sequence[tuple[int, int]], member: int) -> None:
    """Do all parts, each in a thread of its own.

    Args:
        code: a ``Part``.
        table, addresses, steps: its first arguments; ``parts`` the last two of each part.
        member: the address of the compiled ``member``, see ``define_member``.
    """
    if len(parts) == 1:
        code(table, addresses, steps, *parts[0])
        return
    team = None if _team.is_lost else _team.functions()
    if team is None:
        _share_among_pool(code, table, addresses, steps, parts)
        return
    begin, number, count = team
    edges = struct.pack(f"{2 * len(parts)}q", *(edge for part in parts for edge in part))
    fields = (ctypes.cast(code, ctypes.c_void_p).value, table, _place(addresses), steps, len(parts), _place(edges))
    begin(member, struct.pack("8q", *fields, number, count), len(parts), 0)


def _place(content: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value or 0


def _share_among_pool(code: Any, table: int, addresses: bytes, steps: int, parts: Sequence[tuple[int, int]]) -> None:
    pool = _pool.of_size(len(parts) - 1)
    others: list[Future[Any]] = []
    try:
        others += (pool.submit(code, table, addresses, steps, *part) for part in parts[1:])
        code(table, addresses, steps, *parts[0])
    finally:
        _wait(others)
    for other in others:
        other.result()


def _wait(others: Sequence[Future[Any]]) -> None:
    """Wait for all, come what may: they work in memory that the caller frees."""
    try:
        wait(others)
    except BaseException:  # Ctrl-C, say
        wait(others)
        raise


def define_member(module: ir.Module) -> None:
    """Define ``member(fields)``, what each thread of a team does: parts, beginning with that of its number."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "member")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    places = [b.gep(function.args[0], [constant(k)], source_etype=INDEX) for k in range(8)]
    code, table, addresses, steps, parts, edges, number, count = (b.load(p, typ=INDEX, align=8) for p in places)
    table, addresses, edges = (b.inttoptr(value, POINTER) for value in (table, addresses, edges))
    part = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INDEX, INDEX, INDEX])
    told = ir.FunctionType(ir.IntType(32), [])
    first, step = (b.sext(b.call(b.inttoptr(f, ir.PointerType(told)), []), INDEX) for f in (number, count))
    with counted_by(b, first, parts, step) as index:
        at = b.gep(edges, [b.mul(index, constant(2))], source_etype=INDEX)
        one, other = (b.load(b.gep(at, [constant(k)], source_etype=INDEX), typ=INDEX, align=8) for k in range(2))
        b.call(b.inttoptr(code, ir.PointerType(part)), [table, addresses, steps, one, other])
    b.ret_void()
