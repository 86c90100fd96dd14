"""What the networks of a run forecast beyond the rows of a file, and how well they forecast those rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table as Grid
from rich.text import Text

from cellwright.data import Table
from cellwright.errors import CellwrightError
from cellwright.report.plain import as_csv
from cellwright.report.wording import formula, printable
from cellwright.studies.narration import Narration
from cellwright.tasks import naive
from cellwright.tasks.stored import StoredForecaster
from cellwright.tasks.table import assumed_ahead, bearable, last_window, open_rows
from cellwright.tasks.thinned import thinned

Floats = NDArray[np.float64]

MOST = 1_000
"""The most rows whose forecasts are compared with what came, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class RowForecast:
    """What a saved run says of new rows.

    Attributes:
        target: the column.
        labels: of the rows to come.
        forecast, low, high: of the rows to come, with the ends of their interval, (horizon,).
        level: of the interval.
        errors: root mean square errors over the rows that are there, of the networks and of the naive forecasts, by
            name; empty where there are too few rows.
        compared: the forecasts that the errors are over.
        note: what was taken for granted of the future, in sentences; empty where nothing was.
    """

    target: str
    labels: list[str]
    forecast: Floats
    low: Floats
    high: Floats
    level: float
    errors: dict[str, float]
    compared: int
    note: str = ""

    def plain(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts."""
        rows = zip(self.labels, self.forecast.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        return {
            "forecast": [dict(zip(("time", "forecast", "low", "high"), row, strict=True)) for row in rows],
            "level": self.level,
            "rmse": self.errors,
            "compared": self.compared,
            "note": self.note,
        }

    def csv(self) -> str:
        """One row for each row to come."""
        leads = [str(lead) for lead in range(1, len(self.labels) + 1)]
        texts: dict[str, Any] = {"time": self.labels, "lead": leads}
        return as_csv(texts | {"forecast": self.forecast, "low": self.low, "high": self.high})

    def tell(self, narration: Narration) -> None:
        """Say what is to come, and how well the rows that are there were forecast."""
        grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in (f"forecast of {printable(self.target)}", "value", f"{100 * self.level:.0f} % interval"):
            grid.add_column(Text(heading))
        for label, value, low, high in zip(self.labels, self.forecast, self.low, self.high, strict=True):
            grid.add_row(Text(label), f"{value:.6g}", f"{low:.6g} to {high:.6g}")
        narration.say(grid)
        if self.errors:
            told = ", ".join(f"{formula(name)} {error:.4g}" for name, error in self.errors.items())
            narration.say(
                Text(
                    f"Root mean square error over {self.compared:,} forecasts of the file's rows, with those that the "
                    f"networks were trained on, if it has any: {told}"
                )
            )
        if self.note:
            narration.say(Text(printable(self.note)))


def forecast_rows(stored: StoredForecaster, file: Path) -> RowForecast:
    """Forecast what comes after the rows of a file.

    Raises:
        CellwrightError: a file that lacks a column or has too few rows, see ``read_table``.
    """
    shape = stored.encoding.shape
    table = open_rows(shape, file, time=stored.time, delimiter=stored.delimiter)
    if table.rows < shape.reach:
        raise CellwrightError(
            f"{file} has {table.rows} rows, expected {shape.reach:,} or more: the networks of the run see the last "
            f"{shape.reach:,}; give a longer file"
        )
    forecast = stored.forecast(last_window(shape, table))[0]
    low, high = stored.interval.around(forecast)
    errors, compared = _errors(stored, table)
    return RowForecast(
        target=shape.target,
        labels=table.labels(np.arange(table.rows, table.rows + shape.horizon)),
        forecast=forecast,
        low=low,
        high=high,
        level=stored.interval.level,
        errors=errors,
        compared=compared,
        note=assumed_ahead(shape, table),
    )


def _errors(stored: StoredForecaster, table: Table) -> tuple[dict[str, float], int]:
    shape = stored.encoding.shape
    most = bearable(MOST, shape.length * len(shape.columns))
    origins = thinned(range(shape.reach - 1, table.rows - shape.horizon), most)
    if not len(origins):
        return {}, 0
    windows = table.windows(origins - shape.reach + 1, shape.length)
    past, came = windows[:, : shape.reach, 0], windows[:, shape.reach :, 0]
    forecasts = {"networks": stored.forecast(windows)} | {
        rule.written(shape.horizon, shape.season): rule.forecast(past, shape.horizon, shape.season)
        for rule in naive.rules(shape.season)
    }
    return {name: float(np.sqrt(np.square(one - came).mean())) for name, one in forecasts.items()}, len(origins)
