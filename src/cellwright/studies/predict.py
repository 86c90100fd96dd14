"""The networks of a finished run on new data: the rows that come after a file's, or the classes of its sequences."""

from __future__ import annotations

from pathlib import Path

from cellwright.errors import CellwrightError
from cellwright.files import write_atomically
from cellwright.studies.job import bare_name
from cellwright.studies.narration import SILENT, Narration
from cellwright.studies.predict_classes import Decided, classify_sequences
from cellwright.studies.predict_rows import RowForecast, forecast_rows
from cellwright.tasks.stored import StoredForecaster, read_stored


def predict(run: Path, file: Path, out: Path | None = None, *, narration: Narration = SILENT) -> RowForecast | Decided:
    """Let the networks of a finished run answer for a file.

    Args:
        run: folder of a finished ``cellwright run FILE``.
        file: with the same columns, or sequences with as many dimensions.
        out: CSV to write; by default ``RUN/predictions/FILE.csv``.
        narration: to whom the result is told; by default to nobody.

    Raises:
        CellwrightError: a file of the run or the one with the data would be overwritten; no such run, damaged files, a
            file that does not fit the run or cannot be read.
    """
    target = out or run / "predictions" / f"{bare_name(file)}.csv"
    _check_target(target, run, file)
    stored = read_stored(run)
    found = forecast_rows(stored, file) if isinstance(stored, StoredForecaster) else classify_sequences(stored, file)
    write_atomically(target, found.csv())
    found.tell(narration)
    narration.say(f"written: {target}")
    return found


def _check_target(target: Path, run: Path, file: Path) -> None:
    """
    Raises:
        CellwrightError: writing there would destroy what is needed.
    """
    place = target.resolve()
    if place == file.resolve():
        raise CellwrightError(f"--out {target} is the file to answer for: name another file")
    if place.is_relative_to(run.resolve()) and not place.is_relative_to((run / "predictions").resolve()):
        raise CellwrightError(f"--out {target} lies among the files of the run: expected a place outside of {run}")
