"""CAMELS-US: weather over river basins, and the streamflow that it causes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import as_numbers, first_of, read_rows
from cellwright.data.series import Series

_CUBIC_FOOT = 0.3048**3
"""In cubic metres."""

_FORCING, _FLOW = "_lump_cida_forcing_leap.txt", "_streamflow_qc.txt"
_FORCINGS, _FLOWS = f"basin_mean_forcing/daymet/*/*{_FORCING}", f"usgs_streamflow/*/*{_FLOW}"
_FOLDERS = (
    "camels_us",
    "CAMELS_US",
    "basin_dataset_public_v1p2",
    "basin_timeseries_v1p2_metForcing_obsFlow/basin_dataset_public_v1p2",
)
_BASINS = {  # days of forcing, sha256 of the forcing and of the streamflow of the copy
    "01022500": (
        1461,
        "4cf26ec6c7f5405d7c31cfa2e7c01faad7802dae003768b86a520530740879e7",
        "b6d2a5397fbab6533555040ea916d9999dd2551594318fd19bbbb3f5d9f77d8d",
    ),
    "01547700": (
        1096,
        "bedda0efa0fea1689c041a4e82bc09e7a0ad1371c49ec29e5c2faeaae8b4b9d7",
        "1eb1c9788834c53b9e63dafae5d85a6875f205f3e8a994fc22c937c58ddeec86",
    ),
    "02064000": (
        1096,
        "3163c584c3f091dcd3d7c93292c5928918a315a15565501dd961cfba8ac0769c",
        "c9045488f0232cb0c59abf5ff89181cbec4ce86e3357df07c2c2b0fcf3ac0836",
    ),
    "03015500": (
        1096,
        "defa0726e41493b7b4525e86159aee9ad85e10c9a3fc346d7e53bbf11669a83d",
        "3c85ccbb3632e8a28231de99226e5f82868f8b603efffcf1a2164d459a27ac2d",
    ),
}
_ATTRIBUTES = {  # columns, sha256 of the copy
    "clim": (12, "fbe2e1c1a2706614579b0e31b61ec6362ecaee7281a621c95c902b644b97e166"),
    "geol": (8, "dbeba5f5e24dd6dfac2433e4db536df8f2abbd827ffd153c252fb1cd9efaccf8"),
    "hydro": (14, "7434775e5e8dd7e1e74267a5ff4e2a17711115448d68cc8a738e02b602f60f6b"),
    "name": (3, "3d7687243a007fb9606f2e1b77b0f55ea767f728c034c9e215437b49c8adec8b"),
    "soil": (12, "2bf2e1e6bae4cbb3c3d3a9db7777d4afee2463b9e9290b7bf685e524f58d1a9c"),
    "topo": (7, "817af3322b74519f41ca153979cc0eafebf9d719800952dc57711651afd0cde4"),
    "vege": (10, "b02cd68729619968ac74043d7b7b659f7cb8a4aed12abe2d7e673c3fa21d178b"),
}


def _forcing(days: int | tuple[int, int]) -> Rows:
    # Latitude, elevation and area come first, one a line, then the names of the columns.
    return Rows(rows=days, columns=11, separator=None, skipped=4)


def _flow(days: int | tuple[int, int]) -> Rows:
    return Rows(rows=days, columns=6, separator=None, words=(5,))


def _attributes(kind: str, basins: int) -> Rows:
    columns, _ = _ATTRIBUTES[kind]
    return Rows(rows=basins, columns=columns, separator=";", skipped=1, words=tuple(range(columns)))


def _dates(rows: list[list[str]], first: int) -> list[np.datetime64]:
    return [np.datetime64("-".join(part.zfill(2) for part in row[first : first + 3]), "D") for row in rows]


def _series(folder: Path, part: str) -> Series:
    """Streamflow and Daymet forcing of a basin on the days that both have.

    Streamflow in m³/s (the file has ft³/s; -999 is a gap); dayl in s, prcp in mm a day, srad in W/m², swe in mm,
    tmax and tmin in °C, vp in Pa.
    """
    forcing = first_of(folder, part + _FORCING, f"basin_mean_forcing/daymet/*/{part}{_FORCING}")
    names, *weather = read_rows(forcing, None, skipped=3)
    flow = read_rows(first_of(folder, part + _FLOW, f"usgs_streamflow/*/{part}{_FLOW}"), None)
    measured = dict(zip(_dates(flow, 1), as_numbers(row[4] for row in flow), strict=True))
    measured = {day: value if value > -999 else np.nan for day, value in measured.items()}
    both = [(day, row) for day, row in zip(_dates(weather, 0), weather, strict=True) if day in measured]
    columns = {"streamflow": np.array([measured[day] * _CUBIC_FOOT for day, _ in both])}
    for at, name in enumerate(names[4:], start=4):
        columns[name.split("(")[0]] = as_numbers(row[at] for _, row in both)
    return Series(columns=columns, times=np.array([day for day, _ in both], dtype="datetime64[D]"))


def _basins(folder: Path) -> list[str]:
    return sorted(path.name.split("_")[0] for path in folder.glob(_FLOWS))


SET = KnownSet(
    name="camels_us",
    title="rainfall and runoff of river basins in the United States: daily weather (Daymet) and streamflow",
    shape="671 basins, daily, 1980 to 2014; the copy: 4 basins, 2000 to 2002",
    licence="as UCAR/NCAR state it there; cite both papers",
    source="https://doi.org/10.5065/D6MW2F4D",
    citation="Newman et al., Hydrology and Earth System Sciences 19, 209-223, 2015; attributes: Addor et al., "
    "Hydrology and Earth System Sciences 21, 5293-5313, 2017",
    forms=(
        Form(
            title="as published (version 1.2): a folder a region",
            folders=_FOLDERS,
            files=(
                KnownFile(path=_FORCINGS, content=_forcing(12784), count=(671, None)),
                KnownFile(path=_FLOWS, content=_flow((1, 12784)), count=(671, None)),
            ),
            note="some basins have fewer days of streamflow than of weather; a missing streamflow is -999",
        ),
        Form(
            title="some basins or years, in folders as published",
            folders=_FOLDERS,
            files=(
                KnownFile(path=_FORCINGS, content=_forcing((1, 12784)), count=(1, None)),
                KnownFile(path=_FLOWS, content=_flow((1, 12784)), count=(1, None)),
            ),
            note="which basins and days there should be is not known, so none is missed",
        ),
        Form(
            title="four basins of three years, from the tests of NeuralHydrology",
            folders=("camels_us",),
            files=(
                *(
                    file
                    for basin, (days, forcing, flow) in _BASINS.items()
                    for file in (
                        KnownFile(path=basin + _FORCING, content=_forcing(days), sha256=forcing),
                        KnownFile(path=basin + _FLOW, content=_flow(1096), sha256=flow),
                    )
                ),
                *(
                    KnownFile(path=f"camels_{kind}.txt", content=_attributes(kind, 5), sha256=sha256)
                    for kind, (_, sha256) in _ATTRIBUTES.items()
                ),
            ),
        ),
    ),
    series=_series,
    parts=tuple(_BASINS),
    parts_in=_basins,
)
