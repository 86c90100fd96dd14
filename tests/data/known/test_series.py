"""Series of known sets: from official layouts (made up, a few lines) and from the copies at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellwright.data.known import catalogue, read_series
from cellwright.data.series import Series
from cellwright.errors import CellwrightError
from cellwright.tasks.airline import PASSENGERS

ALL_SERIES = [
    (known.name, part)
    for known in catalogue().values()
    if known.series and known.name not in ("co2", "sunspots")
    for part in known.parts or ("",)
]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("name", "part"), ALL_SERIES)
def test_a_copy_at_hand_is_read_whole(needs, name: str, part: str) -> None:
    series = read_series(name, needs.data(name).parent, part)
    assert series.gaps == {}
    assert all(values.shape == (len(series),) and values.dtype == np.float64 for values in series.columns.values())
    assert all(np.isfinite(values).all() for values in series.columns.values())
    if series.times is not None:
        assert len(series.times) == len(series)
        backward = (np.diff(series.times) < np.timedelta64(0)).sum()
        assert backward == (part == "machine_temperature_system_failure"), "as the note of the set says"


def test_the_airline_series_is_that_of_the_task(needs) -> None:
    series = read_series("airline", needs.data("airline"))
    np.testing.assert_array_equal(series.columns["passengers"], PASSENGERS)
    assert (str(series.times[0]), str(series.times[-1])) == ("1949-01", "1960-12")


def test_streamflow_and_weather_as_camels_publishes_them(tmp_path: Path) -> None:
    weather = "  44.82\n 133.00\n 587675987\nYear Mnth Day Hr\tdayl(s)\tprcp(mm/day)\n"
    weather += "2000 01 01 12\t31185.97\t0.50\n2000 01 02 12\t31302.05\t1.00\n2000 01 03 12\t31400.00\t2.00\n"
    flow = "01022500 1999 12 31    10.00 A\n01022500 2000 01 01    20.00 A:e\n01022500 2000 01 02  -999.00 M\n"
    files = {
        "basin_mean_forcing/daymet/01/01022500_lump_cida_forcing_leap.txt": weather,
        "usgs_streamflow/01/01022500_streamflow_qc.txt": flow,
    }
    series = read_series("camels_us", written(tmp_path, files), "01022500")
    assert list(series.columns) == ["streamflow", "dayl", "prcp"]
    assert series.times.astype(str).tolist() == ["2000-01-01", "2000-01-02"]
    # 1 ft³ is 0.028316846592 m³ by the definition of the foot.
    np.testing.assert_allclose(series.columns["streamflow"], [20 * 0.028316846592, np.nan], rtol=1e-14)
    assert series.columns["prcp"].tolist() == [0.5, 1.0]
    assert series.gaps == {"streamflow": 1}


def test_metr_la_as_published(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "metr-la.h5", "w") as file:
        file["df/axis0"] = np.array([b"773869", b"767541"])
        start, step = 1_330_560_000, 300  # 1 March 2012 in seconds since 1970
        file["df/axis1"] = 10**9 * (start + step * np.arange(3))
        file["df/block0_values"] = np.array([[64.375, 67.5], [0.0, 68.0], [62.0, 69.0]])
    series = read_series("traffic", tmp_path)
    assert list(series.columns) == ["773869", "767541"]
    assert series.times.astype(str).tolist() == ["2012-03-01T00:00", "2012-03-01T00:05", "2012-03-01T00:10"]
    assert series.gaps == {"773869": 1}
    assert series.filled().columns["773869"].tolist() == [64.375, (64.375 + 62) / 2, 62.0]


def test_sunspots_of_silso_and_of_the_copy(tmp_path: Path) -> None:
    official = written(
        tmp_path / "a", {"SN_y_tot_V2.0.csv": "1700.5;   8.3; -1.0;    -1;1\n1701.5;  18.3; -1.0;    -1;1\n"}
    )
    copy = written(tmp_path / "b", {"sunspots.csv": '"YEAR","SUNACTIVITY"\n1700,5\n1701,11\n'})
    for folder, values in ((official, [8.3, 18.3]), (copy, [5.0, 11.0])):
        series = read_series("sunspots", folder)
        assert series.columns["sunspots"].tolist() == values
        assert series.times.astype(str).tolist() == ["1700", "1701"]


def test_a_week_without_carbon_dioxide_is_a_gap_listed_or_left_out(tmp_path: Path) -> None:
    header = "\n" * 27
    forms = {
        "weekly_in_situ_co2_mlo.csv": '" words, in quotes"\n1999-12-18, 368.1\n2000-01-01, 369.1\n',
        "maunaloa_c.dat": header + "MLO    991218   4    0         368.10\nMLO    000101   6    0         369.10\n",
        "co2.csv": "date,co2\n19991218,368.1\n19991225,\n20000101,369.1\n",
    }
    for name, text in forms.items():
        series = read_series("co2", written(tmp_path / name.split(".")[0], {name: text}))
        assert series.times.astype(str).tolist() == ["1999-12-18", "1999-12-25", "2000-01-01"]
        np.testing.assert_array_equal(series.columns["co2"], [368.1, np.nan, 369.1])
        assert series.filled().columns["co2"][1] == pytest.approx(368.6)


def test_streams_of_the_benchmark_are_read_from_its_repository(tmp_path: Path) -> None:
    files = {
        "data/realKnownCause/nyc_taxi.csv": "timestamp,value\n2014-07-01 00:00:00,10844\n2014-07-01 00:30:00,8127\n"
    }
    series = read_series("nab", written(tmp_path / "NAB", files).parent)
    assert series.columns["value"].tolist() == [10844.0, 8127.0]
    assert str(series.times[1]) == "2014-07-01T00:30:00"


def test_gaps_at_the_ends_take_the_nearest_value_and_empty_columns_stay() -> None:
    nan = np.nan
    series = Series(columns={"a": np.array([nan, 1.0, nan, 3.0, nan]), "b": np.full(5, nan)})
    assert series.filled().columns["a"].tolist() == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert series.filled().gaps == {"b": 5}


def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CellwrightError, match="fsdd is no set of series"):
        read_series("fsdd", tmp_path)
    with pytest.raises(CellwrightError, match="airline is not in"):
        read_series("airline", tmp_path)
    damaged = written(tmp_path, {"airline-passengers.csv": '"Month","Passengers"\n"1949-01",x\n'})
    with pytest.raises(
        CellwrightError, match=r"cannot be read \(could not convert .*\): cellwright data check airline says"
    ):
        read_series("airline", damaged)
    half = written(tmp_path / "half", {"01022500_streamflow_qc.txt": "01022500 2000 01 01    20.00 A\n"})
    with pytest.raises(CellwrightError, match=r"there is no 01022500_lump_cida_forcing_leap\.txt or "):
        read_series("camels_us", half)


def test_a_part_that_a_set_has_not_names_the_nearest_of_those_it_has(tmp_path: Path) -> None:
    stream = "timestamp,value\n2014-07-01 00:00:00,1\n"
    folder = written(tmp_path, {"data/realTweets/Twitter_volume_AAPL.csv": stream, "airline-passengers.csv": "x"})
    assert len(read_series("nab", folder, "Twitter_volume_AAPL")) == 1
    with pytest.raises(
        CellwrightError, match=r"nab has no series 'Twitter_AAPL': did you mean 'Twitter_volume_AAPL'\?"
    ):
        read_series("nab", folder, "Twitter_AAPL")
    with pytest.raises(CellwrightError, match="airline has no series 'b': it is a single one"):
        read_series("airline", folder, "b")


def test_any_basin_of_the_published_set_is_read(tmp_path: Path) -> None:
    weather = "1\n2\n3\nYear Mnth Day Hr\tdayl(s)\n2000 01 01 12\t31185.97\n"
    files = {
        "basin_mean_forcing/daymet/02/02000000_lump_cida_forcing_leap.txt": weather,
        "usgs_streamflow/02/02000000_streamflow_qc.txt": "02000000 2000 01 01    20.00 A\n",
    }
    assert len(read_series("camels_us", written(tmp_path, files), "02000000")) == 1
    with pytest.raises(CellwrightError, match="camels_us has no series '02000001': did you mean '02000000'"):
        read_series("camels_us", tmp_path, "02000001")
