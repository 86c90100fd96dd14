"""Files of labelled sequences, by the ending of their name."""

from __future__ import annotations

from pathlib import Path

from cellwright.data.sequences import LabelledSequences
from cellwright.data.ucr import read_ucr
from cellwright.data.uea import read_uea
from cellwright.errors import CellwrightError

_READERS = {".tsv": read_ucr, ".txt": read_ucr, ".ts": read_uea}
_PARTS = {"_TRAIN": "_TEST", "_train": "_test", "_Train": "_Test"}


def read_labelled(path: str | Path) -> LabelledSequences:
    """The labelled sequences of a file: UCR (``.tsv``, the older ``.txt``) or UEA (``.ts``), each also as ``.gz``.

    Raises:
        CellwrightError: another ending; a file that is not there, empty, binary or damaged; what is wrong in which
            line.
    """
    path = Path(path)
    stem, ending = _split(path)
    if ending not in _READERS:
        raise CellwrightError(
            f"{path} is no file of labelled sequences: expected the ending {', '.join(_READERS)}, or one of these "
            "and .gz; for forecasting leave --task away"
        )
    for mark in (part for pair in _PARTS.items() for part in pair):
        stem = stem.removesuffix(mark)
    return _READERS[ending](path, stem)


def test_file_beside(path: str | Path) -> Path | None:
    """``NAME_TEST.ext`` where ``path`` is ``NAME_TRAIN.ext`` and that file is there, packed or not."""
    path = Path(path)
    stem, ending = _split(path)
    for train, test in _PARTS.items():
        if stem.endswith(train):
            name = stem.removesuffix(train) + test + ending
            beside = (path.with_name(name), path.with_name(name + ".gz"))
            return next((file for file in beside if file.is_file()), None)
    return None


# The name is one that pytest would take for a test's.
test_file_beside.__test__ = False  # type: ignore[attr-defined]


def _split(path: Path) -> tuple[str, str]:
    """The name without its ending, and the ending in small letters without ``.gz``."""
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.stem, inner.suffix.lower()
