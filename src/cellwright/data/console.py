"""What the command line says of known data sets: the catalogue, and whether a copy is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cellwright.data.known import catalogue, data_folder, select
from cellwright.data.layouts import Checked, KnownSet, check, whats_wrong
from cellwright.errors import CellwrightError


def list_datasets(console: Console, *, as_json: bool = False) -> None:
    """Print the catalogue; as JSON with the citation, the forms and their files."""
    if as_json:
        _print_json([_described(known) for known in catalogue().values()], console)
        return
    for name, known in catalogue().items():
        console.print(Text(name, style="bold"))
        for about in (known.title, known.shape, f"licence: {known.licence}"):
            console.print(Padding(Text(about), (0, 0, 0, 2)))
        # A terminal opens an address only where no line break is in it.
        console.print(Text(f"  {known.source}"), soft_wrap=True)


def check_datasets(name: str, path: Path | None, console: Console, *, as_json: bool = False) -> None:
    """Check a set, or all sets that lie in a folder of that name; print a table of the files of each, and a last line.

    Args:
        name: of the set or the folder.
        path: folder with the data sets, or of this one; by default CELLWRIGHT_DATA, else ``data``.
        console: takes the tables.
        as_json: print one JSON list instead, an entry a set.

    Raises:
        CellwrightError: no such set; it is not there; a file of it is missing or wrong.
    """
    folder = path if path is not None else data_folder()
    found: list[Checked] = []
    faults: list[str] = []
    for known in select(name):
        try:
            checked = check(known, folder)
        except CellwrightError as error:
            faults.append(str(error))
            continue
        found.append(checked)
        if not as_json:
            _print_checked(checked, console)
        if checked.wrong:
            faults.append(whats_wrong(checked))
    if as_json:
        _print_json([_found(checked) for checked in found], console)
    if faults:
        more = f"; {len(faults) - 1} more of {name} wrong" if len(faults) > 1 else ""
        raise CellwrightError(faults[0] + more)


def summary(checked: Checked) -> str:
    """One line: whether the set is whole, and how surely."""
    official = checked.form is checked.known.forms[0]
    name, count = checked.known.name if official else f"this form of {checked.known.name}", len(checked.files)
    files = f"{count} file{'s' * (count != 1)}"
    if checked.wrong:
        return f"{name} is not whole: {len(checked.wrong)} of {files} missing or wrong."
    other = sum(file.checksum == "differs" for file in checked.files)
    unknown = sum(file.checksum == "none known" for file in checked.files)
    doubts = (
        [f"{other} of {files} with other bytes than the known copy, as mirrors differ in line ends"] if other else []
    )
    doubts += [f"no checksum is known for {unknown} of {files}"] if unknown else []
    if doubts:
        return f"{'warning: ' * bool(other)}{name} is whole by its layout: {'; '.join(doubts)}."
    return f"{name} is whole: {files} as known, to the byte."


def _print_checked(checked: Checked, console: Console) -> None:
    console.print(Text(f"{checked.known.name}, {checked.form.title}, in {checked.folder}"), soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("file", "expected", "found", "ok"):
        table.add_column(heading, overflow="fold")
    for file in checked.files:
        table.add_row(*map(Text, (file.path, file.expected, file.found, file.verdict)))
    console.print(table)
    if checked.form.note:
        console.print(Text(f"Note: {checked.form.note}."), soft_wrap=True)
    console.print(Text(summary(checked)), soft_wrap=True)


def _described(known: KnownSet) -> dict[str, Any]:
    forms = [
        {
            "title": form.title,
            "folders": list(form.folders),
            "note": form.note,
            "files": [{"path": f.path, "expected": f.content.expected, "sha256": f.sha256} for f in form.files],
        }
        for form in known.forms
    ]
    words = {key: getattr(known, key) for key in ("name", "title", "shape", "licence", "source", "citation")}
    return words | {"series": list(known.parts), "halves": list(known.halves or ()), "forms": forms}


def _found(checked: Checked) -> dict[str, Any]:
    return {
        "name": checked.known.name,
        "form": checked.form.title,
        "folder": str(checked.folder),
        "whole": not checked.wrong,
        "files": [
            {
                "path": file.path,
                "expected": file.expected,
                "found": file.found,
                "checksum": file.checksum,
                "wrong": file.wrong,
            }
            for file in checked.files
        ],
    }


def _print_json(entries: list[dict[str, Any]], console: Console) -> None:
    # Rich would break the lines of JSON at the width of the terminal.
    console.file.write(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
