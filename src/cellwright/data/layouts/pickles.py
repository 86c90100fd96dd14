"""Pickles, looked through without loading them: loading one can run any code."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import IO

from cellwright.data.layouts.content import Content, Examined, UnreadableError


@dataclass(frozen=True, kw_only=True)
class Pickle(Content):
    """A whole pickle in which some names occur as texts."""

    names: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"pickle with {', '.join(self.names)} (never loaded)"

    def examine(self, stream: IO[bytes]) -> Examined:
        found: set[str] = set()
        try:
            for _, argument, _ in pickletools.genops(stream):
                if isinstance(argument, str) and argument in self.names:
                    found.add(argument)
        except ValueError as error:
            raise UnreadableError(f"it is no whole pickle: {error}") from None
        missing = [name for name in self.names if name not in found]
        return Examined(found="pickle", wrong=f"it has no {missing[0]!r}" if missing else "")
