"""Whether a data set on disk is whole: its form is recognised, then every file is read and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellwright.data.layouts.content import Count, counted, matches, miscounted, opened
from cellwright.data.layouts.known_set import Form, KnownFile, KnownSet
from cellwright.errors import CellwrightError

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A file, or the files of a pattern: what was expected, what was found.

    Attributes:
        checksum: "as known", "differs", or "none known".
        wrong: what is wrong with it, in words that follow its name; empty if it serves.
    """

    path: str
    expected: str
    found: str
    checksum: str
    wrong: str

    @property
    def verdict(self) -> str:
        """``ok``, ``layout ok`` where the checksum says nothing, ``wrong``."""
        if self.wrong:
            return "wrong"
        return {"as known": "ok", "differs": "layout ok, other bytes"}.get(self.checksum, "layout ok")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found.

    Attributes:
        folder: where the files of the form lie.
    """

    known: KnownSet
    form: Form
    folder: Path
    files: tuple[CheckedFile, ...]

    @property
    def wrong(self) -> tuple[CheckedFile, ...]:
        """The files that do not serve."""
        return tuple(file for file in self.files if file.wrong)


def check(known: KnownSet, folder: Path) -> Checked:
    """Find a set in a folder of data sets, or in the folder of its own, and read every file of it.

    Raises:
        CellwrightError: there is no such folder; no file of any form is there.
    """
    form, place = located(known, folder)
    files = tuple(_checked(file, place) for file in form.files)
    return Checked(known=known, form=form, folder=place, files=files)


def located(known: KnownSet, folder: Path) -> tuple[Form, Path]:
    """The form of a set that is there, and the folder of its files: the first that is whole, else the most whole one.

    Raises:
        CellwrightError: there is no such folder; no file of any form is there.
    """
    try:
        there = folder.is_dir()
        best = _most_whole(known, folder) if there else None
    except OSError as error:
        raise CellwrightError(
            f"cannot look into the folder {folder}: {error.strerror}; name another with --path"
        ) from error
    if not there:
        raise CellwrightError(
            f"there is no folder {folder} with data sets: name one with --path, or in the variable CELLWRIGHT_DATA"
        )
    if best is None:
        official = known.forms[0]
        names = ", ".join(file.path for file in official.files[:3]) + ", ..." * (len(official.files) > 3)
        raise CellwrightError(
            f"{known.name} is not in {folder}: expected {names} in {official.folders[0]}/; get it from {known.source}"
        )
    return best


def _most_whole(known: KnownSet, folder: Path) -> tuple[Form, Path] | None:
    best, most = None, 0.0
    for form in known.forms:
        for place in (*(folder / name for name in form.folders), folder):
            there = sum(_share(file, place) for file in form.files) / len(form.files)
            if there > most:
                best, most = (form, place), there
    return best


def _share(file: KnownFile, place: Path) -> float:
    """How much of a file, or of the files of a pattern, is there: 0 to 1."""
    needed = 1 if file.count is None else file.count if isinstance(file.count, int) else file.count[0]
    return min(1.0, len(paths_of(file, place)) / needed)


def paths_of(file: KnownFile, folder: Path) -> list[Path]:
    """The files on disk that a known file stands for, in order of their names."""
    if "*" in file.path:
        return sorted(path for path in folder.glob(file.path) if path.is_file())
    plain = folder / file.path
    return [path for path in (plain, plain.with_name(plain.name + ".gz")) if path.is_file()][:1]


def whats_wrong(checked: Checked) -> str:
    """One line: what is wrong with the first file, what was expected, where to get it."""
    first, *others = checked.wrong
    more = f"; {len(others)} more {'files are' if len(others) > 1 else 'file is'} wrong" if others else ""
    known = checked.known
    return f"{known.name}: {checked.folder / first.path} {first.wrong}{more}; get it anew from {known.source}"


def _checked(file: KnownFile, folder: Path) -> CheckedFile:
    paths = paths_of(file, folder)
    expected = file.content.expected
    if file.count is not None:
        return _checked_many(file, file.count, paths)
    if not paths:
        return CheckedFile(
            path=file.path, expected=expected, found="missing", checksum="", wrong=f"is missing: expected {expected}"
        )
    name = paths[0].relative_to(folder).as_posix()
    found, wrong = _examined(file, paths[0])
    checksum = "none known" if not file.sha256 or wrong else _compared(file.sha256, paths[0])
    return CheckedFile(path=name, expected=expected, found=found, checksum=checksum, wrong=wrong)


def _checked_many(file: KnownFile, count: Count, paths: list[Path]) -> CheckedFile:
    expected = f"{counted(count, 'files')}, each {file.content.expected}"
    wrong = "" if matches(len(paths), count) else f"is {miscounted(len(paths), count, 'files')}"
    for path in paths:
        if wrong:
            break
        _, fault = _examined(file, path)
        wrong = f"has {path.name}, which {fault}" if fault else ""
    found = f"{len(paths)} file{'s' * (len(paths) != 1)}"
    return CheckedFile(path=file.path, expected=expected, found=found, checksum="none known", wrong=wrong)


def _examined(file: KnownFile, path: Path) -> tuple[str, str]:
    """What a file holds and what is wrong with it."""
    try:
        if path.stat().st_size == 0:
            return "empty", f"is empty: expected {file.content.expected}"
        with opened(path) as stream:
            examined = file.content.examine(stream)
    except CellwrightError:  # a package is missing: that says nothing of the file
        raise
    except Exception as error:  # libraries raise whatever they like on damaged files
        reason = (error.strerror if isinstance(error, OSError) else "") or " ".join(str(error).split())
        return "unreadable", f"cannot be read ({reason}): expected {file.content.expected}"
    return examined.found, f"is not as expected: {examined.wrong}" if examined.wrong else ""


def _compared(sha256: str, path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return "as known" if digest.hexdigest() == sha256 else "differs"


def _chunks(path: Path) -> Iterator[bytes]:
    with opened(path) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
