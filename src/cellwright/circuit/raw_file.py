"""ngspice's raw files: what a simulation computed, analysis by analysis."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellwright.errors import CellwrightError


@dataclass(frozen=True)
class Analysis:
    """What one analysis computed.

    Attributes:
        name: as ngspice calls it: ``Transient Analysis``, ``DC transfer characteristic``, ``Operating Point``, ...
        vectors: one number a point, complex ones for an AC analysis, by ngspice's names in small letters: ``time``,
            ``v(out)``, ``i(v1)``. The first one is what was swept.
    """

    name: str
    vectors: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        """A vector by its name, in either case; ``out`` stands for ``v(out)``."""
        wanted = name.lower()
        for known in (wanted, f"v({wanted})"):
            if known in self.vectors:
                return self.vectors[known]
        raise CellwrightError(f"{self.name} has no vector {name!r}; it has: {', '.join(self.vectors)}")

    def __len__(self) -> int:
        return len(next(iter(self.vectors.values())))

    def check_numbers(self) -> None:
        """Refuse NaN and infinity, which a simulation that went wrong may leave.

        Raises:
            CellwrightError: a vector has one; the message names it and its point.
        """
        for name, values in self.vectors.items():
            finite = np.isfinite(values)
            if not finite.all():
                raise CellwrightError(
                    f"{self.name} has no number for {name} at point {np.argmin(finite)}: look for divisions by 0 "
                    "and for values out of range"
                )


def read_raw(path: Path) -> list[Analysis]:
    """The analyses of a raw file, binary or in letters, in the order in which they ran.

    Raises:
        CellwrightError: it is no raw file, or it ends before its numbers do.
    """
    data = path.read_bytes()
    stream, found = io.BytesIO(data), []
    while stream.tell() < len(data):
        header = _header(stream, path)
        found.append(Analysis(header["Plotname"], dict(_vectors(header, stream, path))))
        _skip_blank_lines(stream)
    return found


def _header(stream: io.BytesIO, path: Path) -> dict[str, str]:
    """The lines before the numbers by their word; those of the variables lie under ``Variables``, a line each."""
    header: dict[str, str] = {}
    while line := stream.readline().decode("latin-1"):
        word, _, text = line.strip().partition(":")
        if word in ("Binary", "Values"):
            missing = {"Plotname", "Flags", "No. Variables", "No. Points", "Variables"} - header.keys()
            if missing:
                break
            return header | {"kind": word}
        header[word] = text.strip()
        if word == "Variables":
            lines = [stream.readline().decode("latin-1") for _ in range(_number(header, "No. Variables", path))]
            header[word] = "".join(lines)
    raise CellwrightError(f"{path.name} is no raw file of ngspice, or its beginning is cut off")


def _vectors(header: Mapping[str, str], stream: io.BytesIO, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    names = [line.split()[1].lower() for line in header["Variables"].splitlines()]
    points, kind = _number(header, "No. Points", path), "complex" if "complex" in header["Flags"] else "real"
    read = _binary if header["kind"] == "Binary" else _lettered
    table = read(stream, points, len(names), kind)
    if table is None:
        raise CellwrightError(f"{path.name} ends before the {points} points that it announces: run the simulation anew")
    for column, name in enumerate(names):
        yield name, table[:, column].copy()


def _binary(stream: io.BytesIO, points: int, variables: int, kind: str) -> np.ndarray | None:
    dtype = np.dtype(np.complex128 if kind == "complex" else np.float64)
    data = stream.read(points * variables * dtype.itemsize)
    complete = len(data) == points * variables * dtype.itemsize
    return np.frombuffer(data, dtype).reshape(points, variables) if complete else None


def _lettered(stream: io.BytesIO, points: int, variables: int, kind: str) -> np.ndarray | None:
    words: list[str] = []
    wanted = points * (variables + 1)  # each point begins with its number
    while len(words) < wanted and (line := stream.readline()):
        words += line.decode("latin-1").split()
    if len(words) < wanted:
        return None
    table = np.array(words[:wanted], dtype=object).reshape(points, variables + 1)[:, 1:]
    if kind == "real":
        return table.astype(np.float64)
    return np.array([[complex(*map(float, word.split(","))) for word in row] for row in table], dtype=np.complex128)


def _skip_blank_lines(stream: io.BytesIO) -> None:
    while (at := stream.tell()) >= 0 and (line := stream.readline()):
        if line.strip():
            stream.seek(at)
            return


def _number(header: Mapping[str, str], word: str, path: Path) -> int:
    try:
        return int(header[word].split()[0])
    except (KeyError, IndexError, ValueError):
        raise CellwrightError(f"{path.name} is no raw file of ngspice: it has no {word!r}") from None
