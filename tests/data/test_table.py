"""Tables of numbers: what is read, what is refused and in which words, in bounded memory."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.data import read_table
from cellwright.data.csv_files import ROWS
from cellwright.errors import CellwrightError


def written(tmp_path: Path, text: str, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, columns: list[str], **options: str) -> str:
    with pytest.raises(CellwrightError) as caught:
        read_table(path, columns, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


@given(
    st.lists(
        st.tuples(st.floats(-1e100, 1e100), st.integers(-(10**15), 10**15)),
        min_size=1,
        max_size=30,
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1).filter(
        lambda name: name.strip() == name and name not in ("b", "")
    ),
)
def test_what_the_csv_module_writes_is_read_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int]], name: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((name, "b"))
        writer.writerows((repr(one), other) for one, other in rows)
    table = read_table(path, ["b", name])
    assert np.array_equal(table.block(0, len(rows)), np.array(rows, dtype=float)[:, ::-1])


@pytest.mark.parametrize(("name", "delimiter", "mark"), [
    ("a.csv", "", ","), ("a.tsv", "", "\t"), ("a.csv", ";", ";"), ("a.txt", "tab", "\t"), ("a.csv.gz", "", ","),
    ("a.tsv.gz", "", "\t"),
])  # fmt: skip
def test_endings_and_delimiters(tmp_path: Path, name: str, delimiter: str, mark: str) -> None:
    text = "\ufeff" + f"x{mark}y\r\n1{mark}2\r\n\r\n3{mark}4\r\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert read_table(path, ["y", "x"], delimiter=delimiter).block(0, 2).tolist() == [[2, 1], [4, 3]]


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    days = np.arange("2024-01-30", "2024-02-02", dtype="datetime64[D]")
    columns = {"day": pa.array(days), "count": pa.array([1, 2, 3]), "share": pa.array([0.5, None, 1.5])}
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table(columns), path)
    table = read_table(path, ["count"], time="day")
    assert table.block(0, 3)[:, 0].tolist() == [1, 2, 3]
    assert table.labels([0, 2, 3]) == ["2024-01-30", "2024-02-01", "2024-02-02"]
    assert refused(path, ["share"]) == (
        "FILE: column 'share' has gaps in row 2: expected a number in every row; fill the gaps, or leave those rows out"
    )
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read as Parquet" in refused(path, ["count"])


def test_columns_may_be_called_by_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "773869,767541\n64.4,67.6\n")
    assert read_table(path, ["767541"]).block(0, 1).tolist() == [[67.6]]


def test_windows_are_the_rows_of_the_file(tmp_path: Path) -> None:
    values = np.arange(24.0).reshape(12, 2)
    path = written(tmp_path, "a,b\n" + "".join(f"{a},{b}\n" for a, b in values))
    windows = read_table(path, ["a", "b"]).windows([0, 5, 9], 3)
    assert np.array_equal(windows, np.stack([values[0:3], values[5:8], values[9:12]]))


def test_equal_digests_are_equal_tables(tmp_path: Path) -> None:
    one = read_table(written(tmp_path, "a,b\n1,2\n3,4\n"), ["a", "b"])
    same = read_table(written(tmp_path, "b;a\n2.0;1\n4;3\n", "b.csv"), ["a", "b"], delimiter=";")
    other = read_table(written(tmp_path, "a,b\n1,2\n3,4.0000001\n", "c.csv"), ["a", "b"])
    assert one.digest == same.digest != other.digest


def test_problems_are_counted_over_the_whole_file(tmp_path: Path) -> None:
    rows = ["1"] * (ROWS + 10)
    for index in (3, 4, 7, 9, 11, ROWS + 5):
        rows[index] = ""
    assert "has gaps in lines 5, 6, 9, 11, 13 and 1 more:" in refused(
        written(tmp_path, "a,b\n" + "".join(f"{row},1\n" for row in rows)), ["a"]
    )


REFUSED = [
    ("", "a", "FILE is empty: expected a line of column names, then rows of numbers"),
    ("a,b\n", "a", "FILE has a header and no rows: expected rows of numbers below it"),
    (
        "1,2\n",
        "a",
        (
            "FILE has no column 'a' and begins with numbers: expected a first line that names the columns; put one "
            "above them"
        ),
    ),
    ("a,a\n1,2\n", "a", "FILE has two columns called 'a': give each its own name"),
    (
        "a,b\n1,2\n3\n5,6\n",
        "a",
        (
            "FILE: line 3 has not the 2 fields of the header: expected as many, separated by ','; "
            "quote text that holds one, write decimals with a point, or give --delimiter"
        ),
    ),
    ("price,b\n1,2\n", "prize", "FILE has no column 'prize': did you mean 'price'? it has 'price', 'b'"),
    ("a;b\n1;2\n", "a", "FILE has no column 'a': it has 'a;b'; it looks separated by ';': give --delimiter ';'"),
    (
        "a,b\n1,2\n3,4\n5,x7\n",
        "b",
        (
            "FILE: column 'b' has text, such as 'x7', in line 4: expected numbers like 3.14, with a point and no unit; "
            "choose another column, or clean this one"
        ),
    ),
    (
        "a,b\n1,inf\n",
        "b",
        ("FILE: column 'b' has infinities in line 2: expected finite numbers; replace them, or leave those rows out"),
    ),
    (
        "a,b\n1,NaN\n2,\n",
        "b",
        (
            "FILE: column 'b' has gaps in lines 2 and 3: expected a number in every row; fill the gaps, or leave those "
            "rows out"
        ),
    ),
    (
        'a,b\n1,"2\n',
        "b",
        "FILE is no CSV file from line 2 on (unexpected end of data): check its quotes and its delimiter",
    ),
]


@pytest.mark.parametrize(("text", "column", "said"), REFUSED)
def test_what_is_refused(tmp_path: Path, text: str, column: str, said: str) -> None:
    assert refused(written(tmp_path, text), [column]) == said


def test_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,\0\n")
    assert refused(path, ["a"]) == "FILE is a binary file: expected text with columns (CSV), or .parquet"
    path.write_bytes("Größe,b\n1,2\n".encode("latin-1"))
    assert "FILE is no text in UTF-8 (line 1)" in refused(path, ["b"])
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n" * 10_000)[:-30])
    assert "is no whole gzip file" in refused(packed, ["a"])
    assert refused(tmp_path, ["a"]) == "FILE is a folder: name a file with columns, such as CSV or Parquet"
    assert refused(tmp_path / "b.csv", ["a"]) == f"there is no file FILE: did you mean {tmp_path}/a.csv?"


TIMES = {
    "months": (["1960-10", "1960-11", "1960-12"], ["1961-01", "1961-02"], "month"),
    "quarters": (["2020-01-01", "2020-04-01", "2020-07-01"], ["2020-10-01", "2021-01-01"], "quarter"),
    "days": (["2024-02-27", "2024-02-28"], ["2024-02-29", "2024-03-01"], "day"),
    "weeks": (["2023-12-18", "2023-12-25"], ["2024-01-01", "2024-01-08"], "week"),
    "minutes": (["2024-12-31 23:50", "2024-12-31 23:55"], ["2025-01-01 00:00", "2025-01-01 00:05"], "row"),
    "seconds": (["2024-12-31T23:59:58", "2024-12-31T23:59:59"], ["2025-01-01T00:00:00", "2025-01-01T00:00:01"],
                "second"),
    "month ends": (["2023-11-30", "2023-12-31", "2024-01-31"], ["2024-02-29", "2024-03-31"], "month"),
    "quarter ends": (["2022-09-30", "2022-12-31"], ["2023-03-31", "2023-06-30"], "quarter"),
    "a month left out": (["2024-01", "2024-02", "2024-04", "2024-05"], ["2024-06", "2024-07"], "row"),
    "slashes": (["2024/01/30", "2024/01/31"], ["2024-02-01", "2024-02-02"], "day"),
    "numbers": (["1949", "1950"], ["1951", "1952"], "row"),
    "uneven": (["1", "2", "4", "5"], ["6", "7"], "row"),
    "one": (["7"], ["8", "9"], "row"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TIMES)
def test_times_go_on_beyond_the_end(tmp_path: Path, kind: str) -> None:
    given_times, following, period = TIMES[kind]
    path = written(tmp_path, "t,y\n" + "".join(f"{time},1\n" for time in given_times))
    table = read_table(path, ["y"], time="t")
    count = len(given_times)
    assert table.labels([count, count + 1]) == following
    assert table.labels([0]) == [given_times[0].replace("/", "-")]
    assert table.period == period
    assert table.is_even == (kind not in ("uneven", "a month left out"))


def test_labels_are_as_fine_as_the_finest_time(tmp_path: Path) -> None:
    path = written(tmp_path, "t,y\n2024-01-01,1\n2024-01-01 12:00,1\n2024-01-02,1\n")
    assert read_table(path, ["y"], time="t").labels([0, 1, 3]) == [
        "2024-01-01 00:00",
        "2024-01-01 12:00",
        "2024-01-02 12:00",
    ]


def test_the_mark_of_utc_is_read_without_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path, "t,y\n2024-01-01T00:00Z,1\n2024-01-01T06:00Z,1\n")
    assert read_table(path, ["y"], time="t").labels([1, 2]) == ["2024-01-01T06:00Z", "2024-01-01T12:00Z"]


def test_rows_are_counted_where_there_are_no_times(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "y\n5\n6\n"), ["y"])
    assert table.labels([0, 1, 2]) == ["1", "2", "3"]


@pytest.mark.parametrize(("times", "said"), [
    ("2024-01-01 2024-01-02 2024-01-02", "has the time of the row before in line 4"),
    ("2024-01-01 2024-01-03 2024-01-02", "goes back in line 4"),
    ("2024-01-01 2024-01-32 2024-02-01", "has '2024-01-32' in line 3"),
    ("2024-01-01 soon 2024-02-01", "has 'soon' in line 3"),
    ("01/02/2024 02/02/2024 03/02/2024", "has '01/02/2024' in lines 2, 3 and 4"),
    ("1 2 2024-02-01", "has '2024-02-01' in line 4"),
    ("1 nan 3", "has 'nan' in line 3"),
])  # fmt: skip
def test_times_that_are_refused(tmp_path: Path, times: str, said: str) -> None:
    path = written(tmp_path, "t,y\n" + "".join(f"{time},1\n" for time in times.split()))
    assert said in refused(path, ["y"], time="t")


def test_columns_that_may_end_earlier(tmp_path: Path) -> None:
    path = written(tmp_path, "y,holiday\n1,0\n2,1\n,0\n,1\n")
    table = read_table(path, ["y", "holiday"], unfinished=("y",))
    assert (table.rows, table.ahead) == (2, 2)
    assert table.block(2, 4)[:, 1].tolist() == [0, 1]
    assert np.isnan(table.block(2, 4)[:, 0]).all()
    assert "column 'y' has gaps in lines 4 and 5" in refused(path, ["y", "holiday"])
    gap = written(tmp_path, "y,holiday\n1,0\n,1\n3,0\n,1\n", "gap.csv")
    with pytest.raises(CellwrightError, match=r"column 'y' has gaps in line 3:"):
        read_table(gap, ["y", "holiday"], unfinished=("y",))
