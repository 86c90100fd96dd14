"""The page about circuits lists the memristors that there are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_of_the_page_is_current() -> None:
    spec = importlib.util.spec_from_file_location("memristors_tool", ROOT / "tools" / "memristors.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs" / "circuit.md").read_text(encoding="utf-8")
    assert "\n".join(tool.table()) in page, "run tools/memristors.py and take its table over"
    assert tool.PICTURE.is_file()
