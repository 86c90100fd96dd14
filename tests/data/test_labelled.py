"""Files of labelled sequences: what is read, what is refused and how, and that no other error comes out."""

from __future__ import annotations

import gzip
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.data import LabelledSequences, read_labelled
from cellwright.data import test_file_beside as file_beside
from cellwright.errors import CellwrightError

TS = """#a comment: with, anything
@problemName Made Up
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
1,2,3:4,5,6:up
1.5,-2e3:0,1:down
"""


@pytest.fixture
def write(tmp_path):
    def writer(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writer


def test_the_2018_archive(write):
    data = read_labelled(write("Made_TRAIN.tsv", "2\t1.5\t-2\t3e-1\n-1\t4\t5\tNaN\n10\t1\t2\t3\n"))
    assert (data.name, data.classes, data.labels) == ("Made", ("-1", "2", "10"), ("2", "-1", "10"))
    assert data.channels == ("value",)
    assert data.lengths.tolist() == [3, 2, 3]
    assert data.sequences[0].tolist() == [[1.5], [-2.0], [0.3]]
    assert data.sequences[0].dtype == np.float64
    assert data.counts == {"-1": 1, "2": 1, "10": 1}


@pytest.mark.parametrize("separator", [",", "  ", " , "])
def test_the_older_archive(write, separator):
    rows = (("  1.0000000e+00", "1", "2"), (" 2.0000000e+00", "3", "4"))
    data = read_labelled(write("Made_TEST.txt", "\r\n".join(separator.join(row) for row in rows)))
    assert (data.name, data.labels) == ("Made", ("1", "2"))
    assert np.array_equal(np.stack(data.sequences)[..., 0], [[1, 2], [3, 4]])


def test_a_label_may_be_a_word(write):
    assert read_labelled(write("a.tsv", "up\t1\ndown\t2\n1.5\t1\n")).classes == ("1.5", "down", "up")


def test_ts(write):
    data = read_labelled(write("Made_TRAIN.ts", TS))
    assert (data.name, data.classes, data.labels) == ("Made Up", ("up", "down"), ("up", "down"))
    assert data.channels == ("dimension 1", "dimension 2")
    assert data.sequences[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert data.sequences[1].tolist() == [[1.5, 0], [-2000, 1]]


def test_ts_with_gaps_at_the_end(write):
    assert read_labelled(write("a.ts", TS + "1,?,?:2,?,?:up\n")).lengths.tolist() == [3, 2, 1]


def test_a_packed_file_is_read_alike(write):
    plain, packed = write("a.ts", TS), write("a.ts.gz", gzip.compress(TS.encode()))
    for ours, theirs in zip(read_labelled(plain).sequences, read_labelled(packed).sequences, strict=True):
        assert np.array_equal(ours, theirs)


def test_comments_may_hold_any_bytes(write):
    assert len(read_labelled(write("a.ts", b"# caf\xe9 \x00\n" + TS.encode()))) == 2


def test_a_mark_of_the_encoding_is_no_part_of_the_label(write):
    assert read_labelled(write("a.tsv", b"\xef\xbb\xbf1\t2\n")).labels == ("1",)


def test_the_archives_own_files(needs):
    """Counts, lengths, channels and classes as the archives describe them."""
    for name, count, lengths, channels, classes in (
        ("ucr_small/ECG200_TRAIN.tsv", 100, {96}, 1, 2),
        ("ucr_wafer/Wafer_TRAIN.tsv.gz", 1000, {152}, 1, 2),
        ("uea_small/JapaneseVowels_TRAIN.ts", 270, set(range(7, 27)), 12, 9),
        ("uea_small/BasicMotions_TEST.ts", 40, {100}, 6, 4),
    ):
        data = read_labelled(needs.data(name))
        assert (len(data), len(data.channels), len(data.classes)) == (count, channels, classes)
        assert set(data.lengths.tolist()) <= lengths


def test_the_test_file_beside(write):
    train = write("A_TRAIN.tsv", "1\t2\n")
    assert file_beside(train) is None
    packed = write("A_TEST.tsv.gz", "")
    assert file_beside(train) == packed
    assert file_beside(str(train)) == packed
    assert file_beside(write("A_TEST.tsv", "")) is None
    assert file_beside(write("A.tsv", "")) is None


FINITE = st.floats(min_value=-1e100, max_value=1e100)
SETS = st.lists(st.lists(FINITE, min_size=1, max_size=6), min_size=1, max_size=6)


@given(SETS, st.sampled_from(["\t", ",", " "]))
def test_what_is_written_as_ucr_is_read_back(tmp_path_factory, rows, separator):
    path = tmp_path_factory.mktemp("ucr") / "a.tsv"
    most = max(map(len, rows))
    texts = [
        separator.join(map(repr, [k % 3, *row])) + f"{separator}NaN" * (most - len(row)) for k, row in enumerate(rows)
    ]
    path.write_text("\n".join(texts))
    data = read_labelled(path)
    assert [values[:, 0].tolist() for values in data.sequences] == rows
    assert data.labels == tuple(str(k % 3) for k in range(len(rows)))


@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(st.tuples(*[FINITE] * n), min_size=1), min_size=1)))
def test_what_is_written_as_ts_is_read_back(tmp_path_factory, sets):
    path = tmp_path_factory.mktemp("uea") / "a.ts"
    texts = [":".join(",".join(map(repr, column)) for column in zip(*rows, strict=True)) + ":a" for rows in sets]
    path.write_text("\n".join(["@problemName x", "@classLabel true a b", "@data", *texts]))
    data = read_labelled(path)
    assert [values.tolist() for values in data.sequences] == [[list(step) for step in rows] for rows in sets]
    assert data.classes == ("a", "b")


def _ts(**changes: str) -> str:
    """The made-up file with lines replaced by what follows their tag, or (data) added at its end."""
    lines = TS.splitlines()
    for tag, text in changes.items():
        if tag == "data":
            lines.append(text)
        else:
            lines = [text if line.startswith(f"@{tag}") else line for line in lines]
    return "\n".join(lines)


BAD = {
    "nothing.tsv": ("", "is empty: expected labelled sequences"),
    "blank.tsv": ("\n \n", "blank.tsv is empty: expected labelled sequences"),
    "blanks.tsv": ("1\t2\n\u2028\n\x85\n\x1f\n1\tx\n", "line 5: value 1 is 'x'"),
    "binary.tsv": (b"1\t2\n\x00\x01\t3\n", "line 2: this is no text in UTF-8 but binary data"),
    "latin.tsv": (b"1\t2\n\xe9\t3\n", "line 2: this is no text"),
    "word.tsv": ("1\t2\t3\n1\t2\tabc\n", "line 2: value 2 is 'abc', expected a number"),
    "header.tsv": ("label\tv1\n1\t2\n", "line 1: value 1 is 'v1', expected a number"),
    "underscore.tsv": ("1\t2_0\n", "line 1: value 1 is '2_0', expected a number"),
    "comma.tsv": ("1\t2,5\n", "a decimal comma must be a point"),
    "infinite.tsv": ("1\t2\tinf\n", "line 1: value 2 is 'inf', expected a finite number"),
    "immense.tsv": ("1\t1e999\n", "line 1: value 1 is '1e999', expected a finite number"),
    "alone.tsv": ("1\n", "'1' is a label without values"),
    "semicolons.tsv": ("1;2;3\n", "separated by semicolons: expected tabs, commas or blanks"),
    "other.tsv": ("1\t2\n1,3\n", "'1,3' is a label without values"),
    "unlabelled.tsv": ("1\t2\nNaN\t3\n", "line 2: the label is missing ('NaN')"),
    "gap.tsv": ("1\t2\tNaN\t3\n", "line 1: the value at time step 2 is missing, with values after it"),
    "first.tsv": ("1\tNaN\t3\n", "time step 1 is missing"),
    "none.tsv": ("1\tNaN\tNaN\n", "the sequence has no value at all"),
    "long.tsv": ("1\t" + "x" * 5000 + "\n", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"),
    "damaged.tsv.gz": (b"1\t2\n", "is no complete gzip file"),
    "cut.tsv.gz": (gzip.compress(b"1\t2\n" * 9)[:-9], "is no complete gzip file"),
    "bomb.tsv.gz": (gzip.compress(b"1\t" + b"2" * 20_000_000), "unpacks to more than 200 times its size"),
    "table.csv": ("1,2\n", "is no file of labelled sequences: expected the ending .tsv, .txt, .ts"),
    "empty.ts": ("", "is empty"),
    "comments.ts": ("# only\n", "has no line @data"),
    "foreign.ts": ("1\t2\t3\n", "stands before @data"),
    "undone.ts": ("@problemName x\n@classLabel true a b\n", "has no line @data"),
    "nodata.ts": ("@classLabel true a b\n@data\n", "has no sequences after @data"),
    "nolabels.ts": (_ts(classLabel="@missing false"), "line 9: @data comes without @classLabel"),
    "falselabels.ts": (_ts(classLabel="@classLabel false"), "line 8: @classLabel false means"),
    "noclass.ts": (_ts(classLabel="@classLabel true"), "@classLabel true names no class"),
    "twice.ts": (_ts(classLabel="@classLabel true a a"), "@classLabel names a class twice"),
    "switch.ts": (_ts(missing="@missing maybe"), "line 4: '@missing' says 'maybe': expected true or false"),
    "noswitch.ts": (_ts(missing="@missing"), "'@missing' says ''"),
    "count.ts": (_ts(dimensions="@dimensions two"), "'@dimensions' says 'two': expected a whole number above 0"),
    "zero.ts": (_ts(dimensions="@dimensions 0"), "expected a whole number above 0"),
    "target.ts": (_ts(classLabel="@targetLabel true"), "@targetLabel true means numbers to predict"),
    "stamps.ts": (_ts(timeStamps="@timeStamps true"), "line 9: @timeStamps true is not supported"),
    "label.ts": (_ts(data="1,2:3,4:left"), "line 12: the label 'left' is none of @classLabel ('up, down')"),
    "missing.ts": (_ts(data="1,2:3,4:?"), "line 12: the label is missing"),
    "three.ts": (_ts(data="1:2:3:up"), "line 12: there are dimensions: 3; expected 2"),
    "univariate.ts": (_ts(univariate="@univariate true"), "line 10: there are dimensions: 2; expected 1"),
    "uneven.ts": (_ts(data="1,2:3:up"), "line 12: dimension 2 has 1 values, dimension 1 has 2"),
    "wordy.ts": (_ts(data="1,2:3,x:up"), "line 12: dimension 2, value 2 is 'x', expected a number"),
    "stamped.ts": (_ts(data="(0,1),(1,2):(0,1),(1,2):up"), "line 12: dimension 1, value 1 is '(0', expected a number"),
    "gap.ts": (_ts(data="1,?,3:1,2,3:up"), "the value at time step 2 of dimension 1 is missing"),
    "unequal.ts": (_ts(equalLength="@equalLength true"), "line 11: the sequence has 2 time steps, expected 3"),
    "length.ts": (_ts(equalLength="@equalLength true\n@seriesLength 4"), "has 3 time steps, expected 4"),
    "unseparated.ts": (_ts(data="up"), "line 12: 'up' has no ':'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_in_one_line(write, name):
    content, says = BAD[name]
    with pytest.raises(CellwrightError) as raised:
        read_labelled(write(name, content))
    message = str(raised.value)
    assert says in message
    assert "\n" not in message
    assert len(message) < 400


def test_no_such_file(tmp_path):
    with pytest.raises(CellwrightError, match=r"there is no file .*none\.ts: check its name"):
        read_labelled(tmp_path / "none.ts")
    (tmp_path / "folder.ts").mkdir()
    with pytest.raises(CellwrightError, match="is a folder"):
        read_labelled(tmp_path / "folder.ts")


PIECES = [
    "@data",
    "@classLabel true a b",
    "@dimensions 2",
    "\n",
    ":",
    ",",
    "\t",
    "1",
    "NaN",
    "?",
    "a",
    "#",
    "1e400",
    "\r",
]


@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map(lambda p: "".join(p).encode())
    )
)
@pytest.mark.parametrize("ending", ["tsv", "ts", "tsv.gz", "ts.gz"])
def test_nothing_but_our_error(tmp_path_factory, ending, content):
    path = tmp_path_factory.mktemp("fuzz") / f"a.{ending}"
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") and len(content) % 2 else content)
    with suppress(CellwrightError):
        assert isinstance(read_labelled(path), LabelledSequences)


def _made(**changes):
    given = {"name": "made", "sequences": (np.zeros((3, 1)), np.ones((2, 1))), "labels": ("a", "b")}
    return LabelledSequences(**{**given, "classes": ("a", "b"), "channels": ("value",), **changes})


def test_select_keeps_the_classes():
    part = _made().select([1])
    assert (part.labels, part.classes, part.counts) == (("b",), ("a", "b"), {"a": 0, "b": 1})
    assert part.sequences[0].tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sequences": (), "labels": ()}, "made has no sequences"),
        ({"labels": ("a",)}, "2 sequences and 1 labels"),
        ({"labels": ("a", "c")}, "the label 'c', which is none of its classes"),
        (
            {"sequences": (np.zeros((3, 1)), np.zeros((3, 2)))},
            r"sequence 2 has the shape \(3, 2\): expected \(time, 1\)",
        ),
        ({"sequences": (np.zeros((3, 1)), np.zeros((0, 1)))}, "at least one time step"),
        ({"sequences": (np.zeros((3, 1)), np.full((3, 1), np.nan))}, "sequence 2 has a value that is no finite number"),
        ({"sequences": (np.zeros((3, 1)), np.full((3, 1), 1e101))}, "no finite number"),
    ],
)
def test_bad_sequences(changes, says):
    with pytest.raises(CellwrightError, match=says):
        _made(**changes)
