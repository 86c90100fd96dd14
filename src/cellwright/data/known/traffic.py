"""METR-LA: speed of traffic on the motorways of Los Angeles."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.data.layouts import Form, Hdf5, KnownFile, KnownSet, Rows
from cellwright.data.layouts.hdf5 import hdf5
from cellwright.data.layouts.reading import as_numbers, first_of, read_rows
from cellwright.data.series import Series

_OFFICIAL, _WEEK = "metr-la.h5", "los_speed.csv"
_START = np.datetime64("2012-03-01T00:00", "m")
_STEP = np.timedelta64(5, "m")


def _series(folder: Path, part: str) -> Series:
    """Speeds in mph by sensor. Zeros of the official file are gaps; in the copy of one week they are filled in."""
    path = first_of(folder, _OFFICIAL, _WEEK)
    if path.name == _OFFICIAL:
        with hdf5(path) as file:
            sensors = [name.decode() for name in file["df/axis0"][:]]
            speeds = np.asarray(file["df/block0_values"][:], dtype=np.float64)
            times = file["df/axis1"][:].astype("datetime64[ns]").astype("datetime64[m]")
        speeds[speeds == 0] = np.nan
    else:
        sensors, *rows = read_rows(path)
        speeds = np.array([as_numbers(row) for row in rows])
        times = _START + _STEP * np.arange(len(speeds))
    return Series(columns={sensor: speeds[:, at] for at, sensor in enumerate(sensors)}, times=times)


SET = KnownSet(
    name="traffic",
    title="METR-LA: speed of traffic (mph) at 207 sensors on motorways of Los Angeles, every 5 minutes from 1 "
    "March 2012",
    shape="207 series of 34272 steps; the copy: 2016 steps, 1 to 7 March",
    licence="none stated",
    source="https://github.com/liyaguang/DCRNN",
    citation="Li, Yu, Shahabi & Liu, Diffusion Convolutional Recurrent Neural Network, ICLR 2018; the copy: Zhao "
    "et al., T-GCN, IEEE Transactions on Intelligent Transportation Systems 21, 3848-3858, 2020",
    forms=(
        Form(
            title="METR-LA as published: HDF5 of pandas",
            folders=("METR-LA", "metr-la", "DCRNN/data"),
            files=(KnownFile(path=_OFFICIAL, content=Hdf5(array="df/block0_values", shape=(34272, 207))),),
            note="needs h5py; a speed of 0 is a missing value",
        ),
        Form(
            title="Los-loop, one week, from T-GCN: CSV with the sensors as header, and their adjacency",
            folders=("traffic", "T-GCN/data"),
            files=(
                KnownFile(
                    path=_WEEK,
                    content=Rows(rows=2016, columns=207, skipped=1, lowest=1, highest=70),
                    sha256="7b732d86ae32b2930595becba28aff39dacbfb2197e250fc0332e1744ce2cbf4",
                ),
                KnownFile(
                    path="los_adj.csv",
                    content=Rows(rows=207, columns=207, lowest=0, highest=1),
                    sha256="7a6eb41e10677992b5af50f5ab187c6c05c5c3a92cb973950cfddbf857361e76",
                ),
            ),
            note="zeros of the original are filled in already",
        ),
    ),
    series=_series,
)
