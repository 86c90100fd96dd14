"""One run at a time in a folder: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import json
import os
import socket
import weakref
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cellwright.errors import CellwrightError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".cellwright.lock"
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FolderLock:
    """Holds a folder until it is released, or until the process ends.

    The lock is the operating system's own (``flock`` on a file in the folder): a killed process holds nothing, and the
    file that it leaves says nothing. Where there is none (Windows, some network file systems), the file counts as long
    as the process that it names is alive on this machine; then two that begin in the same instant may both get it. On
    NFS it holds between machines only if the server and the mount pass locks on (not with ``nolock`` or
    ``local_lock``).

    Raises:
        CellwrightError: another run holds the folder; names its process.
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / LOCK
        while True:
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o666)
            if not _taken(descriptor):
                holder = _holder(descriptor)
                os.close(descriptor)
                raise CellwrightError(f"{folder} is in use by {holder}: wait for it, or name another folder with --out")
            if _is(descriptor, self.file):
                break
            os.close(descriptor)  # the run before has ended and removed the file since it was opened
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_this_process()).encode())
        self.release = weakref.finalize(self, _release, self.file, descriptor)


def _release(file: Path, descriptor: int) -> None:
    """The file goes before the lock: who opens it in between sees that it is gone."""
    with suppress(OSError):
        if _is(descriptor, file):
            file.unlink()
    os.close(descriptor)


def _taken(descriptor: int) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        else:
            return True
    named = _content(descriptor)
    return not (named.get("host") == socket.gethostname() and _alive(named.get("pid")))


def _alive(pid: Any) -> bool:
    """Whether there is such a process on this machine; on Windows nobody is asked, and it counts as alive."""
    if not isinstance(pid, int) or os.name == "nt":
        return isinstance(pid, int)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _this_process() -> dict[str, Any]:
    begun = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "begun": begun}


def _holder(descriptor: int) -> str:
    """Who holds the lock, in words."""
    named = _content(descriptor)
    if named.get("pid") == os.getpid() and named.get("host") == socket.gethostname():
        return "another run of this process"
    where = "" if named.get("host") in (None, socket.gethostname()) else f" on {named['host']}"
    since = f", since {named['begun']}" if "begun" in named else ""
    return f"process {named['pid']}{where}{since}" if "pid" in named else "another run that has just begun"


def _content(descriptor: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0) if hasattr(os, "pread") else os.read(descriptor, 4096))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is(descriptor: int, file: Path) -> bool:
    """Whether a name still stands for an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except OSError:
        return False
