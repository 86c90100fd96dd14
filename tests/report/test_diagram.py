"""Diagrams: what reads what, laid out from left to right."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from cellwright.cells import catalogue, entries
from cellwright.layers import topologies
from cellwright.report.catalogue import picture
from cellwright.report.cell_diagram import cell_diagram
from cellwright.report.diagram import Box, Diagram, flowing, in_rows

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    """The middle of each box by its label, without notes."""
    texts = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return {
        "".join(text.itertext()): (float(text.get("x")), float(text.get("y")))
        for text in texts
        if text.get("font-size") == "14"
    }


@pytest.mark.parametrize("name", [*entries(), *topologies()])
def test_every_picture_is_whole(name: str) -> None:
    svg = picture({**entries(), **topologies()}[name])
    root = ElementTree.fromstring(svg)
    width, height = (float(root.get(side)) for side in ("width", "height"))
    for x, y in boxes(svg).values():
        assert 0 < x < width
        assert 0 < y < height
    assert all(float(text.get("y")) < height - 5 for text in root.iter(f"{SVG}text")), "a note is cut off"
    assert not re.search(r"nan|inf[, ]", svg)


def test_the_lstm_is_one_crossbar_its_activations_and_its_states() -> None:
    diagram = cell_diagram(catalogue()["lstm"].program())
    labels = sorted(box.label for box in diagram.boxes.values())
    assert labels == sorted([
        "x_t", "h_t−1", "c_t−1", "W, U: i f g o", "σ", "σ", "σ", "tanh", "tanh", "×", "×", "×", "+", "h_t", "c_t",
    ])  # fmt: skip
    read = [start for start, end in diagram.arrows if diagram.boxes[end].kind == "product"]
    assert sorted(diagram.boxes[name].label for name in read) == ["h_t−1", "x_t"]


def test_a_number_and_a_weight_stand_inside_the_box_that_takes_them() -> None:
    gru, peephole = (cell_diagram(catalogue()[name].program()) for name in ("gru", "peephole"))
    assert "1−" in [box.label for box in gru.boxes.values()]
    assert [box.label for box in peephole.boxes.values()].count("p×") == 3


def test_each_box_lies_to_the_right_of_what_it_reads() -> None:
    diagram = Diagram(
        {"a": Box("a", "input"), "b": Box("b", "function"), "c": Box("c", "operation"), "d": Box("d", "output")},
        (("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("b", "d")),
    )
    placed = boxes(flowing(diagram, "four"))
    assert placed["a"][0] < placed["b"][0] < placed["c"][0] < placed["d"][0]


def test_rows_are_kept_and_an_arrow_past_a_box_goes_around_it() -> None:
    names = {name: Box(name, "place") for name in "abc"}
    rows = (("a",), ("b",), ("c",))
    straight = in_rows(Diagram(names, (("c", "b"),)), rows, "up")
    bowed = in_rows(Diagram(names, (("c", "a"),)), rows, "up")
    placed = boxes(straight)
    assert placed["a"][1] < placed["b"][1] < placed["c"][1]
    assert " C" not in straight
    assert " C" in bowed


def test_words_of_people_are_escaped() -> None:
    svg = flowing(Diagram({"a": Box("<b>", "input"), "c": Box("c", "output")}, (("a", "c"),)), "<script>")
    assert "<script>" not in svg
    assert "&lt;b&gt;" in svg
