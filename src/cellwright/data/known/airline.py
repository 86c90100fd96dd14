"""Airline passengers, the series that every textbook forecasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import as_numbers, first_of, read_rows
from cellwright.data.series import Series

_FILE = "airline-passengers.csv"


def _series(folder: Path, part: str) -> Series:
    rows = read_rows(first_of(folder, _FILE), skipped=1)
    times = np.array([month for month, _ in rows], dtype="datetime64[M]")
    return Series(columns={"passengers": as_numbers(value for _, value in rows)}, times=times)


SET = KnownSet(
    name="airline",
    title="international airline passengers, monthly totals in thousands, January 1949 to December 1960",
    shape="1 series of 144 months",
    licence="none stated; textbook data",
    source="https://github.com/jbrownlee/Datasets",
    citation="Box & Jenkins, Time Series Analysis: Forecasting and Control, Holden-Day 1976, series G",
    forms=(
        Form(
            title="CSV with a header",
            folders=("airline",),
            files=(
                KnownFile(
                    path=_FILE,
                    content=Rows(
                        rows=144, columns=2, header=("Month", "Passengers"), words=(0,), lowest=104, highest=622
                    ),
                    sha256="8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
                ),
            ),
        ),
    ),
    series=_series,
)
