"""Checks of whole sets, on a made-up one: what is found, and what is said of files that are not as they should be."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from cellwright.data.layouts import (
    Form,
    Idx,
    Json,
    KnownFile,
    KnownSet,
    Npz,
    PianoRolls,
    Rows,
    check,
    located,
    whats_wrong,
)
from cellwright.data.layouts.content import Count
from cellwright.errors import CellwrightError

TRAIN, TEST = b"1,5\n2,6\n", b"3,7\n"


def known_file(path: str, data: bytes, checksum: bool = True) -> KnownFile:
    rows = Rows(rows=data.count(b"\n"), columns=2)
    return KnownFile(path=path, content=rows, sha256=hashlib.sha256(data).hexdigest() if checksum else "")


FILES = (known_file("a_train.csv", TRAIN), known_file("a_test.csv", TEST))
MADE_UP = KnownSet(
    name="made-up",
    title="numbers",
    shape="3 rows",
    licence="none",
    source="https://example.org/made-up",
    citation="nobody",
    forms=(
        Form(title="official", folders=("official",), files=FILES),
        Form(
            title="many",
            folders=("many",),
            files=(KnownFile(path="part_*.csv", content=Rows(rows=1, columns=2), count=2),),
        ),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "official"
    place.mkdir()
    (place / "a_train.csv").write_bytes(TRAIN)
    (place / "a_test.csv").write_bytes(TEST)
    return tmp_path


def refused(folder: Path) -> str:
    checked = check(MADE_UP, folder)
    line = whats_wrong(checked)
    assert "\n" not in line
    assert line.startswith(f"made-up: {folder / 'official'}")
    assert line.endswith("; get it anew from https://example.org/made-up")
    return line


def test_a_whole_set(folder: Path) -> None:
    for place in (folder, folder / "official"):
        checked = check(MADE_UP, place)
        assert checked.form.title == "official"
        assert [(file.path, file.verdict) for file in checked.files] == [("a_train.csv", "ok"), ("a_test.csv", "ok")]
        assert checked.wrong == ()


def test_a_gzip_copy_is_the_same_file(folder: Path) -> None:
    plain = folder / "official" / "a_train.csv"
    plain.with_name("a_train.csv.gz").write_bytes(gzip.compress(TRAIN, compresslevel=1))
    plain.unlink()
    first, _ = check(MADE_UP, folder).files
    assert (first.path, first.verdict) == ("a_train.csv.gz", "ok")


def test_a_gzip_copy_that_is_cut_short(folder: Path) -> None:
    plain = folder / "official" / "a_train.csv"
    plain.with_name("a_train.csv.gz").write_bytes(gzip.compress(TRAIN)[:-9])
    plain.unlink()
    assert "a_train.csv.gz cannot be read (Compressed file ended" in refused(folder)


def test_a_missing_file(folder: Path) -> None:
    (folder / "official" / "a_test.csv").unlink()
    assert "a_test.csv is missing: expected 1 row of 2" in refused(folder)


def test_a_truncated_file(folder: Path) -> None:
    (folder / "official" / "a_train.csv").write_bytes(TRAIN[:4])
    assert "a_train.csv is not as expected: too short: 1 rows, expected 2 rows" in refused(folder)


def test_an_empty_file(folder: Path) -> None:
    (folder / "official" / "a_train.csv").write_bytes(b"")
    assert "a_train.csv is empty: expected 2 rows of 2" in refused(folder)


def test_a_binary_file(folder: Path) -> None:
    (folder / "official" / "a_train.csv").write_bytes(bytes(range(256)))
    assert "a_train.csv cannot be read (line 1 has zero bytes, so it is no text): expected 2 rows of 2" in refused(
        folder
    )


def test_an_edited_file_with_the_layout_in_order_is_no_failure(folder: Path) -> None:
    (folder / "official" / "a_train.csv").write_bytes(TRAIN.replace(b"\n", b"\r\n"))
    checked = check(MADE_UP, folder)
    assert checked.wrong == ()
    assert [file.verdict for file in checked.files] == ["layout ok, other bytes", "ok"]


def test_several_wrong_files_are_counted(folder: Path) -> None:
    (folder / "official" / "a_train.csv").write_bytes(b"x")
    (folder / "official" / "a_test.csv").unlink()
    assert "; 1 more file is wrong; get it anew" in refused(folder)


def test_no_checksum_is_said(folder: Path) -> None:
    files = (known_file("a_train.csv", TRAIN, checksum=False),)
    checked = check(_with(Form(title="f", folders=("official",), files=files)), folder)
    assert (checked.files[0].checksum, checked.files[0].verdict) == ("none known", "layout ok")


def test_files_of_a_pattern_are_counted_and_all_are_read(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"part_{number}.csv").write_text("1,2\n")
    (checked,) = check(MADE_UP, tmp_path).files
    assert (checked.found, checked.expected, checked.wrong) == ("2 files", "2 files, each 1 row of 2", "")
    (tmp_path / "part_1.csv").write_text("1,2\n3,4\n")
    (checked,) = check(MADE_UP, tmp_path).files
    assert checked.wrong == "has part_1.csv, which is not as expected: too long: 2 rows, expected 1 row"
    (tmp_path / "part_1.csv").unlink()
    (checked,) = check(MADE_UP, tmp_path).files
    assert checked.wrong == "is too short: 1 files, expected 2 files"


def test_the_whole_form_is_taken_before_one_that_is_not(folder: Path) -> None:
    (folder / "official" / "a_test.csv").unlink()
    (folder / "many").mkdir()
    for number in range(2):
        (folder / "many" / f"part_{number}.csv").write_text("1,2\n")
    assert located(MADE_UP, folder)[0].title == "many"


def test_a_form_of_many_files_is_as_whole_as_files_are_there(tmp_path: Path) -> None:
    rows = Rows(rows=1, columns=2)
    counts: dict[str, Count] = {"all": 100, "some": (1, None)}
    forms = [
        Form(title=title, folders=("f",), files=(KnownFile(path="*.csv", content=rows, count=count),))
        for title, count in counts.items()
    ]
    (tmp_path / "f").mkdir()
    for number in range(100):
        (tmp_path / f"f/{number}.csv").write_text("1,2\n")
        assert located(_with(*forms), tmp_path)[0].title == ("all" if number == 99 else "some")
        assert located(_with(forms[0]), tmp_path)[0].title == "all"


def test_a_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CellwrightError) as caught:
        check(MADE_UP, tmp_path)
    assert str(caught.value) == (
        f"made-up is not in {tmp_path}: expected a_train.csv, a_test.csv in official/; "
        "get it from https://example.org/made-up"
    )
    with pytest.raises(CellwrightError, match=r"cannot look into the folder a+: File name too long; name another"):
        check(MADE_UP, Path("a" * 5000))
    with pytest.raises(CellwrightError, match=r"there is no folder .*: name one with --path"):
        check(MADE_UP, tmp_path / "nowhere")


def test_whatever_the_bytes_a_check_ends_in_words(tmp_path: Path) -> None:
    known = _with(Form(title="f", folders=(".",), files=(KnownFile(path="a.json", content=Json(entries=1)),)))
    for data in (b"{", b'{"a": 1}'[::-1], b"\xff\xfe", b"[" * 100_000):
        (tmp_path / "a.json").write_bytes(data)
        assert check(known, tmp_path).wrong


def _with(*forms: Form) -> KnownSet:
    return KnownSet(
        name="other", title="t", shape="s", licence="l", source="https://example.org", citation="c", forms=forms
    )


def saved(save: Callable[..., None], **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays) if save is np.savez else save(stream, arrays)
    return stream.getvalue()


BINARY = {
    "idx": (Idx(shape=(2, 3)), bytes((0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3)) + bytes(6)),
    "npz": (Npz(arrays={"x": (4,)}), saved(np.savez, x=np.zeros(4))),
    "mat": (PianoRolls(sequences=(1, 1, 1), length=4, keys=3), saved(savemat, traindata=np.eye(4))),
}


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
def test_damaged_binary_files_end_in_words(name: str, data: st.DataObject, tmp_path_factory) -> None:
    content, whole = BINARY[name]
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "file").write_bytes(damaged)
    checked = check(_with(Form(title="f", folders=(".",), files=(KnownFile(path="file", content=content),))), folder)
    assert all("\n" not in file.wrong for file in checked.files)
