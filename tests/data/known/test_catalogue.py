"""The catalogue of known sets: entries are complete, copies at hand as described, and so is the page of the docs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import pytest

from cellwright.data.known import catalogue, data_folder, find, labelled_files, select
from cellwright.data.layouts import Form, KnownSet, check, whats_wrong
from cellwright.errors import CellwrightError

PAGE = Path(__file__).parents[3] / "docs/data-sets.md"
SETS = catalogue().values()
FORMS = [(known, form) for known in SETS for form in known.forms]
# Where the copies at hand lie. Sunspots and CO2 are not among them.
COPIES = {
    name: folder
    for folder, names in {
        "ecg5000": "ECG5000",
        "mnist_t10k": "mnist",
        "ucr_small": "ECG200 GunPoint ItalyPowerDemand ToeSegmentation1",
        "ucr_wafer": "Wafer",
        "uea_small": "BasicMotions Daphnet Epilepsy JapaneseVowels PenDigits StandWalkJump",
    }.items()
    for name in names.split()
}


@pytest.mark.parametrize("known", SETS, ids=lambda known: known.name)
def test_an_entry_is_complete(known: KnownSet) -> None:
    for words in (known.name, known.title, known.shape, known.licence, known.source, known.citation):
        assert words.strip() == words != ""
        assert "\n" not in words
    address = urlparse(known.source)
    assert address.scheme in ("https", "http")
    assert "." in address.netloc
    assert re.search(r"\b(19|20)\d\d\b", known.citation), "a citation has its year"
    assert known.forms
    assert (known.series is None) or (known.halves is None)


@pytest.mark.parametrize(("known", "form"), FORMS, ids=[f"{known.name}-{form.title}" for known, form in FORMS])
def test_a_form_is_complete(known: KnownSet, form: Form) -> None:
    assert form.title
    assert form.folders
    assert form.files
    paths = [file.path for file in form.files]
    assert len(set(paths)) == len(paths)
    for file in form.files:
        assert not file.path.endswith(".gz"), "a copy compressed with gzip is found by itself"
        assert file.content.expected
        assert re.fullmatch(r"([0-9a-f]{64})?", file.sha256)
        assert ("*" in file.path) == (file.count is not None)
    if known.halves:
        assert set(known.halves) <= {file.path for file in known.forms[0].files}


def test_names_differ_by_more_than_capitals() -> None:
    assert len({known.name.lower() for known in SETS}) == len(SETS) >= 31


def test_a_set_is_found_whatever_the_capitals() -> None:
    assert find("ecg200") is find("ECG200")
    with pytest.raises(CellwrightError, match="no data set is called 'GunPiont': did you mean 'GunPoint'"):
        find("GunPiont")


def test_the_name_of_a_folder_stands_for_all_sets_in_it() -> None:
    assert [known.name for known in select("ucr_small")] == [
        "ECG200",
        "GunPoint",
        "ItalyPowerDemand",
        "ToeSegmentation1",
    ]
    assert [known.name for known in select("ucr_wafer")] == ["Wafer"]
    assert [known.name for known in select("nab")] == ["nab"]


def test_where_data_sets_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_DATA", "/somewhere")
    assert data_folder() == Path("/somewhere")
    monkeypatch.delenv("CELLWRIGHT_DATA")
    assert data_folder() == Path("data")


@pytest.mark.parametrize("name", [known.name for known in SETS if known.name not in ("co2", "sunspots")])
def test_the_copy_at_hand_is_whole(needs, name: str) -> None:
    folder = needs.data(COPIES.get(name, name))
    checked = check(find(name), folder.parent)
    assert checked.folder == folder
    assert not checked.wrong, whats_wrong(checked)
    assert {file.checksum for file in checked.files} == {"as known"}


def test_files_of_labelled_sets(needs, tmp_path: Path) -> None:
    folder = needs.data("ucr_small").parent
    train, test = labelled_files("GunPoint", folder)
    assert (train.name, test.name) == ("GunPoint_TRAIN.tsv", "GunPoint_TEST.tsv")
    assert labelled_files("Wafer", folder) == (folder / "ucr_wafer/Wafer_TRAIN.tsv.gz", None)
    with pytest.raises(CellwrightError, match=r"ECG5000 in .* has no ECG5000_TRAIN.tsv \(there is: one NumPy file"):
        labelled_files("ECG5000", folder)
    with pytest.raises(CellwrightError, match="airline is no set of labelled sequences"):
        labelled_files("airline", folder)
    with pytest.raises(CellwrightError, match="GunPoint is not in"):
        labelled_files("GunPoint", tmp_path)


def _row(known: KnownSet) -> str:
    read = "series" if known.series else "labelled" if known.halves else ""
    cells = (f"`{known.name}`", known.title, known.shape, read, known.licence, f"<{known.source}>")
    return f"| {' | '.join(cells)} |"


def _forms(known: KnownSet) -> str:
    lines = [f"**{known.name}.** {known.citation}.", ""]
    for form in known.forms:
        files = [f"`{file.path}`" for file in form.files]
        shown = ", ".join(files[:4]) + (f" and {len(files) - 4} more" if len(files) > 4 else "")
        sure = "with checksums" if all(file.sha256 for file in form.files) else "by layout"
        folders = ", ".join(f"`{folder}`" for folder in form.folders)
        note = f"; {form.note}" if form.note else ""
        lines.append(f"- {form.title} ({sure}): {shown}; in {folders}{note}")
    return "\n".join(lines)


def test_the_page_shows_the_catalogue(request: pytest.FixtureRequest) -> None:
    head = ["| name | what it is | how much | read as | licence | where from |", "|---|---|---|---|---|---|"]
    shown = {"sets": "\n".join([*head, *map(_row, SETS)]), "forms": "\n\n".join(map(_forms, SETS))}
    text = PAGE.read_text(encoding="utf-8")
    for name, part in shown.items():
        begin, end = f"<!-- {name}: written by the tests -->\n", f"\n<!-- end of {name} -->"
        before, rest = text.split(begin)
        old, after = rest.split(end)
        if request.config.getoption("--update-goldens"):
            old, text = part, before + begin + part + end + after
            PAGE.write_text(text, encoding="utf-8")
        assert old == part, "docs/data-sets.md is not the catalogue's: run pytest --update-goldens, then read it"


def test_the_catalogue_reads_as_before(golden: Callable[[str, str], None]) -> None:
    names = "\n".join(f"{known.name}: {known.title}" for known in SETS)
    golden("data_sets.txt", names + "\n")
