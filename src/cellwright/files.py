"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DRAFT = re.compile(r"\.[0-9a-f]{16}\.(.+)")


def drafted(name: str) -> str:
    """The name of the file that a draft was to become; empty for a name that is no draft's.

    Only a process that was killed leaves a draft behind.
    """
    found = _DRAFT.fullmatch(name)
    return found[1] if found else ""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to; on leaving the block without an error, that file takes the place of ``path``.

    For writers that want a file name (``safetensors.torch.save_file``, ``Figure.savefig``). The name keeps the ending
    of ``path``, by which such writers choose a format. A reader of ``path`` sees the old content or the new,
    never a part, whenever the process or the machine stops. Folders that are missing are made.

    Raises:
        OSError: the folder cannot be made or written to, or is full; it names ``path``, which is then as it was, and
            nothing is left beside it.
    """
    target = Path(path)
    # Replacing a symbolic link would cut it off from the file that it stands for.
    target = target.resolve() if target.is_symlink() else target
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{secrets.token_hex(8)}.{target.name}")
    try:
        yield draft
        _flush_to_disk(draft)
        os.replace(draft, target)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(draft)):
            # A full disk is noticed by a descriptor, which has no name; and nobody knows the name of a draft.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    # The new name is durable only when the folder is.
    _flush_to_disk(target.parent)


def write_atomically(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Make ``data`` the content of the file ``path``; text is written as UTF-8 with its line endings untouched.

    Raises:
        OSError: as in `replacing`.
    """
    with replacing(path) as draft:
        draft.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
