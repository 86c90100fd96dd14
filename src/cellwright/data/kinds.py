"""What a file is where it is no table and no text: told by its first bytes, so that the remedy can be named."""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from cellwright.errors import CellwrightError

HEAD = 4096
"""The bytes that a kind is told by."""

_PAGE = "HTML or XML, such as a page that says why there was no file: fetch the file anew"
_KINDS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook: save the sheet as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save the sheet as CSV"),
    (b"\x1f\x8b", "packed by gzip: give it the ending .gz, or unpack it"),
    (b"PAR1", "Parquet: give it the ending .parquet"),
    (codecs.BOM_UTF16_LE, "text in UTF-16: save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "text in UTF-16: save it as UTF-8"),
    (b"<!doctype html", _PAGE),
    (b"<html", _PAGE),
    (b"<?xml", _PAGE),
)
_JSON = re.compile(rb"[\[{]\s*[\"\[{]")


def check_file(path: Path, instead: str) -> None:
    """
    Args:
        instead: what to do where it is a folder.

    Raises:
        CellwrightError: there is nothing of that name, or no file: a folder, or a pipe or device, which may never end.
    """
    if path.is_dir():
        raise CellwrightError(f"{path} is a folder: {instead}")
    if not path.exists():
        raise CellwrightError(f"there is no file {path}{_nearest_file(path)}")
    if not path.is_file():
        raise CellwrightError(f"{path} is no regular file but a pipe or a device: save what comes from it to a file")


def check_kind(path: Path, head: bytes) -> None:
    """
    Args:
        head: the first bytes of a file, unpacked where its name says that it is packed.

    Raises:
        CellwrightError: the file is of a kind that is known and is none of ours.
    """
    begun = head.lstrip().lower()
    kind = next((kind for beginning, kind in _KINDS if begun.startswith(beginning.lower())), None)
    if kind is None and _JSON.match(begun):
        kind = "JSON: write its numbers as text, separated by commas"
    if kind is not None:
        packed = ", unpacked," if path.suffix.lower() == ".gz" else ""
        raise CellwrightError(f"{path}{packed} is {kind}")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there, unpacked where its name ends in ``.gz``.

    Raises:
        CellwrightError: it is of a kind that is none of ours.
        OSError, EOFError, zlib.error: it cannot be read or unpacked.
    """
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        check_kind(path, file.read(HEAD))
        file.seek(0)
        yield file  # type: ignore[misc]  # a GzipFile is an IO[bytes] in all but name


def line_that_is_no_text(path: Path) -> int | None:
    """The first line of a file that is no UTF-8, from 1."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None


def _nearest_file(path: Path) -> str:
    """What to do about a file that is not there, as the end of a sentence."""
    if path.is_symlink():
        return f": it is a link to {path.readlink()}, which cannot be found; link it anew"
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f": nor a folder {path.parent}; check its name and folder"
    near = get_close_matches(path.name, beside, n=1)
    return f": did you mean {path.parent / near[0]}?" if near else ": check its name and folder"
