"""The catalogue of topologies: every one has a picture, equations and a source, and is built and tested somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cellwright.errors import CellwrightError
from cellwright.layers import Topology, topologies
from cellwright.layers.listing import file_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", topologies())
def test_a_topology_has_equations_a_source_and_tests(name: str) -> None:
    topology = topologies()[name]
    assert topology.equations
    assert re.search(r"\b(19|20)\d\d\b", topology.citation), "a citation has a year"
    assert all((ROOT / "examples" / example).is_file() for example in topology.examples)
    assert any((ROOT / "tests" / "layers").rglob(f"test_{file_of(name)}.py")) or file_of(name) == "recurrent"


def test_a_picture_whose_arrows_lead_nowhere_is_refused() -> None:
    with pytest.raises(CellwrightError, match="an arrow at 'b'"):
        Topology("two", "2020", ("a",), (("a",),), (("a", "b"),))


def test_a_picture_that_has_a_label_twice_is_refused() -> None:
    with pytest.raises(CellwrightError, match="a label twice"):
        Topology("two", "2020", ("a",), (("a", "a"),), ())
