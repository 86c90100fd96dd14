"""What is cut out of a foundry's files, kept in a file of its own: short to read, and at a path that ngspice takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cellwright.errors import CellwrightError, in_words
from cellwright.files import write_atomically
from cellwright.kernels.cache import folder


def included(name: str, content: Callable[[], str]) -> str:
    """A line that includes this text, from a file in the folder of caches that is written if it is not there.

    Args:
        name: what the file's name begins with; the rest tells texts apart.

    Raises:
        CellwrightError: a file could not be read or written.
    """
    try:
        text = content()
        path = folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.spice"
        if not path.is_file():
            write_atomically(path, text)
    except OSError as error:
        raise CellwrightError(f"the models {name}: {in_words(error)}") from None
    return f'.include "{path.resolve()}"'


def first_with(files: Sequence[str], folders: Iterable[Path]) -> Path | None:
    """The first of these folders that holds all of these files."""
    return next((each.resolve() for each in folders if all((each / name).is_file() for name in files)), None)
