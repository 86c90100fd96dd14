"""HDF5 files, which need a package of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cellwright.data.layouts.content import UnreadableError
from cellwright.errors import CellwrightError


@contextmanager
def hdf5(file: Path | IO[bytes]) -> Iterator[Any]:
    """An open HDF5 file.

    Raises:
        CellwrightError: h5py is not installed.
        UnreadableError: it is no HDF5 file.
    """
    try:
        import h5py
    except ImportError as error:
        raise CellwrightError("an HDF5 file needs the package h5py: pip install 'cellwright[keras]'") from error
    try:
        opened = h5py.File(file, "r")
    except OSError:
        raise UnreadableError("it is no whole HDF5 file") from None
    with opened:
        yield opened
