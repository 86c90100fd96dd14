"""A saved run on new rows: what comes after them, and how well it forecasts them, beside the naive forecasts."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table as Grid
from rich.text import Text

from cellwright.data import Table
from cellwright.errors import CellwrightError
from cellwright.files import write_atomically
from cellwright.studies.narration import SILENT, Narration
from cellwright.tasks import naive
from cellwright.tasks.stored import StoredForecaster
from cellwright.tasks.table import last_window, open_rows, thinned

Floats = NDArray[np.float64]

MOST = 1_000
"""The most rows whose forecasts are compared with what came, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a saved run says of new rows.

    Attributes:
        labels: of the rows to come.
        forecast, low, high: of the rows to come, with the ends of their interval, (horizon,).
        level: of the interval.
        errors: root mean square errors over the rows that are there, of the networks and of the naive forecasts, by
            name; empty where there are too few rows.
        compared: the forecasts that the errors are over.
    """

    labels: list[str]
    forecast: Floats
    low: Floats
    high: Floats
    level: float
    errors: dict[str, float]
    compared: int

    def plain(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts."""
        rows = zip(self.labels, self.forecast.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        return {
            "forecast": [dict(zip(("time", "forecast", "low", "high"), row, strict=True)) for row in rows],
            "level": self.level,
            "rmse": self.errors,
            "compared": self.compared,
        }

    def csv(self) -> str:
        """One row for each row to come."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("time", "lead", "forecast", "low", "high"))
        for lead, (label, *numbers) in enumerate(
            zip(self.labels, self.forecast, self.low, self.high, strict=True), start=1
        ):
            writer.writerow((label, lead, *(f"{number:.6g}" for number in numbers)))
        return text.getvalue()


def predict(run: Path, file: Path, out: Path | None = None, *, narration: Narration = SILENT) -> Prediction:
    """Forecast what comes after the rows of a file with the networks of a finished run.

    Args:
        run: folder of a finished ``cellwright run FILE``.
        file: with the same columns.
        out: CSV to write; by default ``RUN/predictions/FILE.csv``.
        narration: to whom the result is told; by default to nobody.

    Raises:
        CellwrightError: no such run, damaged files, a file that lacks a column or has too few rows, see ``read_table``.
    """
    stored = StoredForecaster.read(run)
    shape = stored.encoding.shape
    table = open_rows(shape, file, time=stored.time, delimiter=stored.delimiter)
    if table.rows < shape.reach:
        raise CellwrightError(
            f"{file} has {table.rows} rows: this run sees the last {shape.reach}; give as many or more"
        )
    forecast = stored.forecast(last_window(shape, table))[0]
    low, high = stored.interval.around(forecast)
    errors, compared = _errors(stored, table)
    found = Prediction(
        labels=table.labels(np.arange(table.rows, table.rows + shape.horizon)),
        forecast=forecast,
        low=low,
        high=high,
        level=stored.interval.level,
        errors=errors,
        compared=compared,
    )
    target = out or run / "predictions" / f"{file.name.partition('.')[0]}.csv"
    write_atomically(target, found.csv())
    _tell(found, shape.target, target, narration)
    return found


def _errors(stored: StoredForecaster, table: Table) -> tuple[dict[str, float], int]:
    shape = stored.encoding.shape
    origins = thinned(np.arange(shape.reach - 1, table.rows - shape.horizon), MOST)
    if not len(origins):
        return {}, 0
    windows = table.windows(origins - shape.reach + 1, shape.length)
    past, came = windows[:, : shape.reach, 0], windows[:, shape.reach :, 0]
    forecasts = {"networks": stored.forecast(windows)} | {
        rule.written(shape.horizon, shape.season): rule.forecast(past, shape.horizon, shape.season)
        for rule in naive.rules(shape.season)
    }
    return {name: float(np.sqrt(np.square(one - came).mean())) for name, one in forecasts.items()}, len(origins)


def _tell(found: Prediction, target: str, path: Path, narration: Narration) -> None:
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (f"forecast of {target}", "value", f"{100 * found.level:.0f} % interval"):
        grid.add_column(Text(heading))
    for label, value, low, high in zip(found.labels, found.forecast, found.low, found.high, strict=True):
        grid.add_row(Text(label), f"{value:.6g}", f"{low:.6g} to {high:.6g}")
    narration.say(grid)
    if found.errors:
        told = ", ".join(f"{name} {error:.4g}" for name, error in found.errors.items())
        narration.say(Text(f"Root mean square error over {found.compared:,} forecasts of the file's rows: {told}"))
    narration.say(f"written: {path}")
