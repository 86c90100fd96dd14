"""What is known of a data set: where it comes from, the forms in which people have it, and what each file must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cellwright.data.layouts.content import Content, Count
from cellwright.data.series import Series


@dataclass(frozen=True, kw_only=True)
class KnownFile:
    """A file of a form, or many of one kind.

    Attributes:
        path: below the form's folder, with ``/``; with ``*`` it stands for many. A single one may be
            compressed with gzip (.gz).
        content: what it must hold.
        sha256: of the file, or of what is within when it is compressed with gzip; empty if none is known.
        count: for a path with ``*``, how many files there must be.
    """

    path: str
    content: Content
    sha256: str = ""
    count: Count | None = None


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way in which a set is found on disk.

    Attributes:
        title: what distinguishes it: "as the archive has it", "the training half alone".
        folders: where its files lie below a folder of data sets, likeliest first; that folder itself is also tried.
        files: all must be there.
        note: what to know before using it.
    """

    title: str
    folders: tuple[str, ...]
    files: tuple[KnownFile, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A data set.

    Attributes:
        name: as its archive or its users call it.
        title: what it is, in one line.
        shape: how much of it there is: sequences and their lengths.
        licence: as stated where it comes from; or that none is.
        source: the official address.
        citation: authors, title, where, year.
        forms: the official one first.
        series: reads one series of it, from the folder of any of its forms; None for sets that are no series.
        parts: names of its series, where it has several; the first is read when none is named.
        parts_in: names of the series in a folder, for a set that has more of them than ``parts`` lists.
        halves: paths of the training and the test file, for sets of labelled sequences in the archives' formats.
    """

    name: str
    title: str
    shape: str
    licence: str
    source: str
    citation: str
    forms: tuple[Form, ...]
    series: Callable[[Path, str], Series] | None = None
    parts: tuple[str, ...] = ()
    parts_in: Callable[[Path], Iterable[str]] | None = None
    halves: tuple[str, str] | None = None
