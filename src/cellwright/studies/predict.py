"""The networks of a finished run on new data: the rows that come after a file's, or the classes of its sequences."""

from __future__ import annotations

from pathlib import Path

from cellwright.files import write_atomically
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
        CellwrightError: no such run, damaged files, a file that does not fit the run or cannot be read.
    """
    stored = read_stored(run)
    found = forecast_rows(stored, file) if isinstance(stored, StoredForecaster) else classify_sequences(stored, file)
    target = out or run / "predictions" / f"{file.name.partition('.')[0]}.csv"
    write_atomically(target, found.csv())
    found.tell(narration)
    narration.say(f"written: {target}")
    return found
