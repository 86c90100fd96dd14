"""The catalogue page is what the definitions make of it, and its links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from cellwright.cells import entries
from cellwright.layers import topologies

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogue_tool", ROOT / "tools" / "catalogue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_and_its_pictures_are_current(tool: ModuleType) -> None:
    wanted = tool.files()
    stale = [str(path) for path, text in wanted.items() if not _is(ROOT / path, text)]
    assert not stale, f"run make catalogue, and look at what it wrote: {', '.join(stale)}"
    pictures = {path.relative_to(ROOT) for path in (ROOT / tool.PICTURES).glob("*.svg")}
    assert pictures <= set(wanted), "a picture belongs to nothing that is listed: run make catalogue"


def test_every_link_of_the_page_leads_to_a_file(tool: ModuleType) -> None:
    page = (ROOT / tool.PAGE).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", page)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_no_cell_has_the_name_of_a_topology() -> None:
    assert entries().keys().isdisjoint(topologies())


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
