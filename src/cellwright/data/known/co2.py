"""Carbon dioxide over Mauna Loa, a value a week."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import first_of, read_rows
from cellwright.data.series import Series

_SCRIPPS, _CDIAC, _COPY = "weekly_in_situ_co2_mlo.csv", "maunaloa_c.dat", "co2.csv"
_HEADER_LINES = 27
"""Of CDIAC's file."""


def _series(folder: Path, part: str) -> Series:
    """One row a week from the first to the last; a week without a measurement is NaN, whether listed or left out."""
    path = first_of(folder, _SCRIPPS, _CDIAC, _COPY)
    if path.name.startswith(_SCRIPPS):
        found = [(row[0], row[1]) for row in read_rows(path, comment='"')]
    elif path.name.startswith(_CDIAC):
        found = [(_of_century(row[1]), row[4]) for row in read_rows(path, None, skipped=_HEADER_LINES)]
    else:
        found = [(row[0], row[1]) for row in read_rows(path, skipped=1)]
    measured = {_day(date): float(value) for date, value in found if value}
    first, last = min(measured), max(measured)
    weeks = np.arange(first, last + 1, np.timedelta64(7, "D"))
    values = np.full(len(weeks), np.nan)
    for day, value in measured.items():
        values[round((day - first) / np.timedelta64(7, "D"))] = value
    return Series(columns={"co2": values}, times=weeks)


def _of_century(date: str) -> str:
    """YYMMDD with the century: the record begins in 1958."""
    return ("19" if date >= "58" else "20") + date


def _day(date: str) -> np.datetime64:
    return np.datetime64(date if "-" in date else f"{date[:4]}-{date[4:6]}-{date[6:]}", "D")


SET = KnownSet(
    name="co2",
    title="carbon dioxide (ppm) over Mauna Loa, weekly means since March 1958",
    shape="1 series; the copy: 2284 weeks to December 2001, 59 of them without a value",
    licence="Scripps: CC BY 4.0; the copy of statsmodels: public domain",
    source="https://scrippsco2.ucsd.edu/data/atmospheric_co2/primary_mlo_co2_record.html",
    citation="Keeling & Whorf, Atmospheric CO2 concentrations derived from flask air samples at sites in the SIO "
    "network, in Trends: A Compendium of Data on Global Change, CDIAC, Oak Ridge 2004",
    forms=(
        Form(
            title="Scripps' weekly file of today: date, value after lines in quotes",
            folders=("co2",),
            files=(
                KnownFile(
                    path=_SCRIPPS,
                    content=Rows(rows=(2225, None), columns=2, comment='"', words=(0,), lowest=300, highest=600),
                ),
            ),
            note="grows by a line a week, so no checksum lasts",
        ),
        Form(
            title="CDIAC, September 2004: station, date, weight, flag, value; weeks without a value are left out",
            folders=("co2", "statsmodels/datasets/co2/src"),
            files=(
                KnownFile(
                    path=_CDIAC,
                    content=Rows(rows=2225, columns=5, separator=None, skipped=_HEADER_LINES, words=(0,)),
                    sha256="3534a5022f756e0c5b18a55f07160bfb3f40a54dba76e47de9ae570daea87bdb",
                ),
            ),
        ),
        Form(
            title="statsmodels' copy of CDIAC's: CSV with a header, weeks without a value left empty",
            folders=("co2", "statsmodels/datasets/co2"),
            files=(
                KnownFile(
                    path=_COPY,
                    content=Rows(
                        rows=2284, columns=2, header=("date", "co2"), words=(0,), gaps=True, lowest=300, highest=400
                    ),
                    sha256="16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
                ),
            ),
        ),
    ),
    series=_series,
)
