"""Archives of many small files, read without unpacking them."""

from __future__ import annotations

import fnmatch
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from cellwright.data.layouts.content import Content, Count, Examined, UnreadableError, counted, miscounted

_ZIP = b"PK\3\4"


@dataclass(frozen=True, kw_only=True)
class Archive(Content):
    """A zip or tar file (by its name, any compression) whose members of a pattern all hold the same kind of content."""

    pattern: str
    members: Count
    each: Content

    @property
    def expected(self) -> str:
        return f"{counted(self.members, 'files')} {self.pattern}"

    def examine(self, stream: IO[bytes]) -> Examined:
        count, wrong = 0, ""
        for name, member in _members(stream):
            if not fnmatch.fnmatch(name, self.pattern):
                continue
            count += 1
            if not wrong:
                examined = self.each.examine(member)
                wrong = f"its file {name}: {examined.wrong}" if examined.wrong else ""
        return Examined(found=f"{count} files", wrong=miscounted(count, self.members, "files") or wrong)


def _members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    zipped = stream.read(len(_ZIP)) == _ZIP
    stream.seek(0)
    if zipped:
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    yield name, member
        return
    try:
        with tarfile.open(fileobj=stream) as tar:
            for entry in tar:
                if (inner := tar.extractfile(entry)) is not None:
                    yield entry.name, inner
    except tarfile.ReadError as error:
        raise UnreadableError(f"it is no whole archive: {error}") from None
