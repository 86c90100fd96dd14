"""What each kind of file must hold: small made-up files pass, and each fault is told in the right words."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import wave
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.data.layouts import (
    Archive,
    Cases,
    Content,
    Fasta,
    Hdf5,
    Idx,
    Json,
    Letters,
    Npz,
    PianoRolls,
    Rows,
    Sentences,
    Sound,
    Trees,
)
from cellwright.data.layouts.content import LONGEST_LINE, UnreadableError
from cellwright.data.layouts.pickles import Pickle


def fault(content: Content, data: bytes | str) -> str:
    """What is wrong with a file of these bytes; nothing, or words."""
    try:
        return content.examine(io.BytesIO(data.encode() if isinstance(data, str) else data)).wrong
    except UnreadableError as error:
        return str(error)


ROWS = Rows(rows=3, columns=2, header=("time", "value"), words=(0,), lowest=0, highest=9)
TABLE = "time,value\na,1\nb,2.5\nc,9\n"


def test_a_table_with_its_header_rows_and_range() -> None:
    assert fault(ROWS, TABLE) == ""
    assert fault(ROWS, TABLE.replace("\n", "\r\n")) == ""
    assert fault(ROWS, '"time","value"\n"a",1\n"b",2\n\n"c",3') == ""
    assert ROWS.expected == "3 rows of 2"
    assert ROWS.examine(io.BytesIO(TABLE.encode())).found == "3 rows of 2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TABLE.removesuffix("c,9\n"), "too short: 2 rows, expected 3 rows"),
        (TABLE + "d,3\n", "too long: 4 rows, expected 3 rows"),
        (TABLE.replace("b,2.5", "b"), "line 3 has 1 values, expected 2"),
        (TABLE.replace("2.5", "two"), "line 3, value 2 is 'two', expected a number"),
        (TABLE.replace("2.5", ""), "line 3, value 2 is '', expected a number"),
        (TABLE.replace("2.5", "12"), "line 3, value 2 is 12, expected 0 to 9"),
        (TABLE.replace("2.5", "nan"), "line 3, value 2 is nan, expected a finite number"),
        (TABLE.replace("2.5", "-inf"), "line 3, value 2 is -inf, expected a finite number"),
        (TABLE.replace("value", "price"), "its header is 'time,price', expected 'time,value'"),
        (TABLE.replace("a,", "\0,"), "line 2 has zero bytes, so it is no text"),
        (TABLE.encode() + b"\xff,1\n", "line 5 is no UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_table(text: str | bytes, words: str) -> None:
    assert fault(ROWS, text) == words


def test_a_line_without_end_is_no_text_and_is_not_read_into_memory() -> None:
    assert "longer than 16 MiB" in fault(ROWS, b"1" * (LONGEST_LINE + 1))


def test_gaps_comments_and_lines_before_the_rows() -> None:
    rows = Rows(rows=2, columns=2, skipped=1, comment='"', gaps=True)
    assert fault(rows, '7\n" a word, or two\n1,2\n3,\n') == ""


def test_classes_are_counted_however_they_are_written() -> None:
    rows = Rows(rows=3, columns=2, separator="\t", label=0, labels={"1": 2, "-1": 1})
    assert rows.expected == "3 rows of 2, 2 classes"
    assert fault(rows, "1\t5\n-1.0000e+00\t6\n1.0\t7\n") == ""
    assert fault(rows, "1\t5\n-1\t6\n-1\t7\n") == "cases by class are 1: 1, -1: 2, expected 1: 2, -1: 1"


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1))
def test_any_table_of_numbers_passes_and_a_cut_one_does_not(table: list[list[float]]) -> None:
    text = "\n".join(",".join(map(repr, row)) for row in table)
    assert fault(Rows(rows=len(table), columns=2), text) == ""
    assert "too short" in fault(Rows(rows=len(table) + 1, columns=2), text)


CASES = Cases(cases=2, channels=2, length=(2, 3), labels={"up": 1, "down": 1})
TS = "#words\n@classLabel true up down\n@data\n1,2,3:4,5,6:up\n1,2:3,4:down\n"


def test_cases_of_the_uea_archive() -> None:
    assert fault(CASES, TS) == ""
    assert CASES.expected == "2 cases of 2 × 2 to 3, 2 classes"
    assert CASES.examine(io.BytesIO(TS.encode())).found == "2 cases of length 2 to 3"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TS.removesuffix("1,2:3,4:down\n"), "too short: 1 cases, expected 2 cases"),
        (TS.replace("@data\n", ""), "too short: 0 cases, expected 2 cases"),
        (TS.replace("1,2:3,4", "1,2"), "line 5 has 1 channels, expected 2"),
        (TS.replace("1,2:3,4", "1,2:3"), "line 5 has a channel of 1 values, expected 2 to 3 values"),
        (TS.replace("3,4:down", "3,x:down"), "line 5 has a value that is no finite number"),
        (TS.replace("down\n", "up\n"), "cases by class are up: 2, expected up: 1, down: 1"),
    ],
)
def test_what_is_wrong_with_cases(text: str, words: str) -> None:
    assert fault(CASES, text.replace("@classLabel true up up", "@classLabel true up down")) == words


def test_sentences_and_letters() -> None:
    text = "a b c\na  b\n"
    assert fault(Sentences(lines=2, words=5, vocabulary=3), text) == ""
    assert fault(Sentences(lines=3), text) == "too short: 2 lines, expected 3 lines"
    assert fault(Sentences(lines=2, words=6), text) == "too short: 5 words, expected 6 words"
    assert fault(Sentences(lines=2, vocabulary=2), text) == "too long: 3 different words, expected 2 different words"
    assert fault(Letters(characters=len(text), alphabet=5), text) == ""
    assert fault(Letters(characters=99, alphabet=5), text) == "too short: 11 characters, expected 99 characters"


def test_trees() -> None:
    trees = Trees(trees=2, labels={"3": 1, "1": 1})
    assert fault(trees, "(3 (2 a) (4 b))\n(1 c)\n") == ""
    assert fault(trees, "(3 (2 a) (4 b)\n(1 c)\n") == "line 1 is no tree: its brackets do not close"
    assert fault(trees, "(3 a)\n(3 c)\n") == "cases by class are 3: 2, expected 3: 1, 1: 1"


def test_fasta() -> None:
    fasta = Fasta(sequences=2, length=(2, 5))
    assert fault(fasta, ">a\nMK\nVL\n>b\nAC\n") == ""
    assert fault(fasta, ">a\nMK\n") == "too short: 1 sequences, expected 2 sequences"
    assert fault(fasta, ">a\nMK\n>b\nA\n") == "a sequence has 1 letters, expected 2 to 5 letters"
    assert "the letter '?'" in fault(fasta, ">a\nM?\n>b\nAC\n")
    assert "before the first name" in fault(fasta, "MK\n>b\nAC\n")


def test_json() -> None:
    whole = json.dumps({"train": [1, 2], "test": [3]})
    assert fault(Json(entries=2, members={"train": 2}), whole) == ""
    assert fault(Json(members={"train": 3}), whole) == "too short: 2 entries of 'train', expected 3 entries of 'train'"
    assert fault(Json(entries=2), whole[:-3]).startswith("it is no whole JSON: ")
    assert fault(Json(entries=2), "[1]") == "it is JSON, but no object with names"


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes((0, 0, 8, values.ndim)) + sizes + values.astype(np.uint8).tobytes()


def test_idx() -> None:
    values = np.array([[0, 1, 1], [2, 0, 0]])
    content = Idx(shape=(2, 3), labels={"0": 3, "1": 2, "2": 1})
    assert fault(content, idx(values)) == ""
    assert fault(content, idx(values)[:-1]) == "too short: 5 values, expected 6 values"
    assert fault(content, idx(values.T)) == "its shape is 3 × 2, expected 2 × 3"
    assert fault(content, idx(values + 1)).startswith("cases by class are ")
    assert "does not begin as an IDX file" in fault(content, b"\x1f\x8b\x08\0")


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def test_npz_is_looked_at_without_loading_objects() -> None:
    arrays = {"x": np.zeros((4, 2), np.float32), "y": np.array([1, 1, 2, 2])}
    content = Npz(arrays={"x": (4, 2), "y": (4,)}, labels={"y": {"1": 2, "2": 2}})
    assert content.expected == "x 4 × 2, y 4"
    assert fault(content, npz(**arrays)) == ""
    assert fault(content, npz(**arrays | {"x": np.zeros(3)})) == "its array x is 3, expected 4 × 2"
    assert fault(content, npz(x=arrays["x"])) == "its array y is missing, expected 4"
    assert fault(content, npz(**arrays | {"y": np.array([1, 1, 1, 2])})).startswith("cases by class are 1: 3")
    objects = npz(z=np.array([{}, {}], dtype=object))
    assert fault(Npz(arrays={"z": (2,)}), objects) == ""
    with pytest.raises(zipfile.BadZipFile):
        fault(content, npz(**arrays)[:-30])


def rolls(*sequences: list[np.ndarray]) -> bytes:
    from scipy.io import savemat

    stream, cells = io.BytesIO(), {}
    for name, parts in zip(("traindata", "validdata", "testdata"), sequences, strict=True):
        cells[name] = np.empty((1, len(parts)), dtype=object)
        for at, part in enumerate(parts):
            cells[name][0, at] = part
    savemat(stream, cells)
    return stream.getvalue()


def test_piano_rolls() -> None:
    roll = np.eye(5, 3, dtype=np.uint8)
    content = PianoRolls(sequences=(2, 1, 1), length=(4, 6), keys=3)
    assert fault(content, rolls([roll, roll], [roll], [roll])) == ""
    assert (
        fault(content, rolls([roll], [roll], [roll]))
        == "too short: 1 rolls in traindata, expected 2 rolls in traindata"
    )
    assert fault(content, rolls([roll, roll], [roll[:, :2]], [roll])) == "a roll of validdata has 2 keys, expected 3"
    assert fault(content, rolls([roll, roll[:2]], [roll], [roll])).endswith("has 2 steps, expected 4 to 6 steps")
    assert fault(content, rolls([roll, 2 * roll], [roll], [roll])).endswith("has values other than 0 and 1")
    assert "no whole MATLAB file" in fault(content, b"")


def test_hdf5() -> None:
    h5py = pytest.importorskip("h5py")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["df/block0_values"] = np.zeros((5, 2))
    assert fault(Hdf5(array="df/block0_values", shape=(5, 2)), stream.getvalue()) == ""
    assert (
        fault(Hdf5(array="df/block0_values", shape=(6, 2)), stream.getvalue()) == "its shape is 5 × 2, expected 6 × 2"
    )
    assert fault(Hdf5(array="df/axis0", shape=(2,)), stream.getvalue()) == "it has no array df/axis0"
    assert fault(Hdf5(array="df", shape=(2,)), stream.getvalue()[:100]) == "it is no whole HDF5 file"


def wav(samples: int, rate: int = 8000, channels: int = 1) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\1\0" * samples * channels)
    return stream.getvalue()


def test_sound() -> None:
    content = Sound(rate=8000, samples=(5, 9))
    assert fault(content, wav(7)) == ""
    assert fault(content, wav(3)) == "too short: 3 samples, expected 5 to 9 samples"
    assert fault(content, wav(7)[:-4]) == "too short: 5 samples, expected 7 samples"
    assert fault(content, wav(7, rate=16000)).endswith("at 16000 Hz, expected 1 of 16 at 8000")
    assert "no WAV file" in fault(content, b"RIFX" + bytes(40))


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"set/{name}.txt", data)
        archive.writestr("set/README.md", "words")
    return stream.getvalue()


def tarred(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"set/{name}.txt")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_archives_are_read_member_by_member(pack) -> None:
    content = Archive(pattern="set/*.txt", members=2, each=Rows(rows=1, columns=2))
    assert fault(content, pack(a=b"1,2\n", b=b"3,4\n")) == ""
    assert fault(content, pack(a=b"1,2\n")) == "too short: 1 files, expected 2 files"
    assert fault(content, pack(a=b"1,2\n", b=b"3\n")) == "its file set/b.txt: line 1 has 1 values, expected 2"


def test_what_is_no_archive() -> None:
    content = Archive(pattern="*", members=1, each=Rows(rows=1, columns=1))
    assert "no whole archive" in fault(content, b"words")


def test_an_archive_within_gzip() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("set/a.txt")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"1,2\n"))
    with gzip.open(io.BytesIO(packed.getvalue())) as stream:
        assert Archive(pattern="set/*.txt", members=1, each=Rows(rows=1, columns=2)).examine(stream).wrong == ""


class Trap:
    def __reduce__(self):
        return print, ("loaded",)


def test_pickles_are_never_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    content = Pickle(names=("train", "test"))
    assert fault(content, pickle.dumps({"train": [(60,)], "test": [Trap()]})) == ""
    assert fault(content, pickle.dumps({"train": [(60,)]})) == "it has no 'test'"
    assert "no whole pickle" in fault(content, pickle.dumps({"train": 1, "test": 2})[:-5])
    assert capsys.readouterr().out == ""
