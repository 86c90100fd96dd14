"""What docs/bad-input.md says of the corpus and of fuzzing is what they are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/bad-input.md").read_text(encoding="utf-8")


def rows(text: str) -> list[str]:
    """The lines of all tables, without blanks around their cells."""
    squeezed = (re.sub(r" *\| *", "|", re.sub(r"-+", "-", line)) for line in text.splitlines())
    return [line for line in squeezed if line.startswith("|")]


def test_the_table_counts_the_corpus_by_topic(corpus: list[Any]) -> None:
    counts = Counter(entry.topic for entry in corpus)
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"|`{path.name}`|{title.rstrip('.')}|{counts[path.stem]}|" in rows(PAGE)
    assert f"|all||{len(corpus)}|" in rows(PAGE)
    assert f"{len(corpus)} bad inputs" in PAGE


def test_the_lines_that_are_shown_are_lines_of_the_corpus(corpus: list[Any]) -> None:
    shown = re.findall(r"^cellwright: (.*)$", PAGE, re.MULTILINE)
    assert len(shown) >= 5
    assert set(shown) <= {entry.says for entry in corpus}


def test_the_figures_of_fuzzing_are_the_measured_ones() -> None:
    command = [sys.executable, ROOT / "benchmarks/fuzz_readers.py", "--markdown"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(rows(printed)) > 10
    assert set(rows(printed)) <= set(rows(PAGE))
    assert rows(printed)[-1].split("|")[5] == "0", "what fuzzing finds is to be mended"
