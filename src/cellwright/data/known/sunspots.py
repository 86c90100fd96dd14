"""Yearly sunspot numbers since 1700."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import as_numbers, first_of, read_rows
from cellwright.data.series import Series

_OFFICIAL, _COPY = "SN_y_tot_V2.0.csv", "sunspots.csv"


def _series(folder: Path, part: str) -> Series:
    path = first_of(folder, _OFFICIAL, _COPY)
    rows = read_rows(path, ";") if path.name.startswith(_OFFICIAL) else read_rows(path, skipped=1)
    years = np.array([str(int(float(row[0]))) for row in rows], dtype="datetime64[Y]")
    return Series(columns={"sunspots": as_numbers(row[1] for row in rows)}, times=years)


SET = KnownSet(
    name="sunspots",
    title="yearly mean sunspot number since 1700, after Wolf",
    shape="1 series of a value a year; the copy: 309, 1700 to 2008",
    licence="SILSO: CC BY-NC 4.0; the copy of statsmodels: public domain",
    source="https://www.sidc.be/SILSO/datafiles",
    citation="Clette & Lefèvre, SILSO Sunspot Number V2.0, Royal Observatory of Belgium 2015, doi:10.24414/qnza-ac80",
    forms=(
        Form(
            title="SILSO, version 2.0: year; mean; deviation; observations; definitive or not",
            folders=("sunspots",),
            files=(
                KnownFile(
                    path=_OFFICIAL, content=Rows(rows=(310, None), columns=5, separator=";", lowest=-1, highest=1e6)
                ),
            ),
            note="grows by a line a year, so no checksum lasts; its values are not those of version 1",
        ),
        Form(
            title="statsmodels' copy of version 1: CSV with a header",
            folders=("sunspots", "statsmodels/datasets/sunspots"),
            files=(
                KnownFile(
                    path=_COPY,
                    content=Rows(rows=309, columns=2, header=("YEAR", "SUNACTIVITY"), lowest=0, highest=2008),
                    sha256="f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
                ),
            ),
        ),
    ),
    series=_series,
)
