"""Series with a discord each: valves, electrocardiograms, power demand, blood pressure."""

from __future__ import annotations

from pathlib import Path

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import as_numbers, first_of, read_numbers, read_rows
from cellwright.data.series import Series

_SERIES = {  # file: values, lowest, highest, sha256
    "TEK14.txt": (5000, -3.1, 7.06, "79df4866a554b94c83ac6becf7d32bd8390d30301bf5241d8c75a6b54027d0c1"),
    "TEK16.txt": (5000, -3.1, 7.06, "747cc3d3eb606c3fe3fbb323ee7905fde41b36caf1a6edddccd25f39b07503bf"),
    "TEK17.txt": (5000, -3.1, 7.06, "e9107cea9ebd17aa562817a04fef0644a50e49b77bf12d2a875c120b927b7198"),
    "dutch_power_demand.txt": (35040, 614, 2152, "7beeb0192ca3b8477277c93007f904313541ed2b13f9b67f83936e9f82fcf6bd"),
    "chfdbchf15_1.csv": (15000, -2.38, 3.505, "dddf420c0cb5da1637513d2d1c20ecba9484191dc71b284355973d6d5d64f8a1"),
    "chfdbchf15_2.csv": (15000, -3.815, 2.155, "30514166da939352d2ece539212b707a2235ca428ac8abfc9898619b19604c10"),
    "ecg0606_1.csv": (2299, -6.31, -3.94, "1e9cd0c1fccd5056cc9dea468be68255a87c96a1ed5bb516e21f0541aae746db"),
    "mitdb__100_180.txt": (5401, -0.65, 1.035, "c82555704f8ce1b91730f9008d4f457f0d299941b9ac4d88b14765f743ce113d"),
    "stdb_308_0.txt": (5400, -1.054, 0.845, "49768306e8fdb4752e5be16f2fe5be0bd316d5ee756f9a56f591837b6593b396"),
}
_BLEEDING = "135_UCR_Anomaly_InternalBleeding16"
_BLEEDING_HALVES = {  # rows, anomalous ones, sha256
    "TRAIN": (1200, {"0": 1200}, "a531b6f4f556b17c0321d144c3f6b4a7bdf5e8464b2218566181702e77962c2b"),
    "TEST": (7501, {"0": 7489, "1": 12}, "fe26577b94896943e8205d04d56bf2511fe05c008df535a1ec3826adff3597e2"),
}

_DISCORDS = tuple(
    KnownFile(
        path=path, content=Rows(rows=rows, columns=1, separator=None, lowest=lowest, highest=highest), sha256=sha256
    )
    for path, (rows, lowest, highest, sha256) in _SERIES.items()
)
_LABELLED = tuple(
    KnownFile(
        path=f"{_BLEEDING}_{half}.csv",
        content=Rows(rows=rows, columns=3, header=("timestamp", "value", "is_anomaly"), label=2, labels=labels),
        sha256=sha256,
    )
    for half, (rows, labels, sha256) in _BLEEDING_HALVES.items()
)


def _series(folder: Path, part: str) -> Series:
    if part.startswith(_BLEEDING):
        rows = read_rows(first_of(folder, f"{part}.csv"), skipped=1)
        return Series(
            columns={name: as_numbers(row[at] for row in rows) for at, name in ((1, "value"), (2, "is_anomaly"))}
        )
    return Series(columns={"value": read_numbers(first_of(folder, f"{part}.txt", f"{part}.csv"), None)[:, 0]})


SET = KnownSet(
    name="anomaly_discords",
    title="classical discords: space shuttle valve (TEK), Dutch power demand, electrocardiograms, internal bleeding",
    shape="10 series of 2299 to 35040 values",
    licence="none stated for the series; the collection that holds them (GrammarViz 2) is GPL-2.0, aeon BSD-3-Clause",
    source="https://www.cs.ucr.edu/~eamonn/discords/",
    citation="Keogh, Lin & Fu, HOT SAX: Efficiently Finding the Most Unusual Time Series Subsequence, ICDM 2005",
    forms=(
        Form(
            title="one value a line, with one labelled series of the UCR anomaly archive in aeon's CSV",
            folders=("anomaly_discords",),
            files=_DISCORDS + _LABELLED,
            note="only the last series has labels; positions of the other discords are in the papers",
        ),
        Form(title="GrammarViz 2, folder data: one value a line", folders=("grammarviz2_src/data",), files=_DISCORDS),
    ),
    series=_series,
    parts=(*(Path(path).stem for path in _SERIES), *(f"{_BLEEDING}_{half}" for half in _BLEEDING_HALVES)),
)
