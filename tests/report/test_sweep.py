"""The page, the figures and the table of a sweep, from a record made up here."""

import re
from dataclasses import replace
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cellwright import CellwrightError
from cellwright.report import Baseline, Score, sweep_story
from cellwright.report.canvas import svg
from cellwright.report.sweep_figures import baselines_in_sight, sensitivity, sweep_figures
from cellwright.report.sweep_page import html
from cellwright.report.sweep_record import SweepReport, SweptAxis, SweptPoint
from cellwright.report.sweep_table import results_table

SVG = "{http://www.w3.org/2000/svg}"
ATTACK = "<script>alert('x')</script>\"'&"
AXES = (
    SweptAxis(name="bits", values=(4, 6, 8), texts=("4", "6", "8"), base="8"),
    SweptAxis(name="segment_ohm", values=(0.0, 0.1, 10.0), texts=("0", "0.1", "10"), base="0.36"),
    SweptAxis(name="device", values=("li2019", "ideal"), texts=("li2019", "ideal"), base="li2019"),
)


def point(texts=("8", "0", "li2019"), errors=(14.0,), energy=2e-10, **more):
    errors = np.asarray(errors, dtype=float)
    given = {"departures": np.abs(errors - 13.8), "software": np.array([13.8]), "latency_per_step_s": 1.4e-7}
    given |= {"area_m2": 2.5e-8, "pulses": 1275.0, "yield_fraction": 0.999}
    return SweptPoint(key="k", texts=texts, errors=errors, energy_per_step_j=energy, **(given | more))


def made(axes=AXES, points=None, **more):
    draw = np.random.default_rng(0)
    if points is None:
        points = [
            point(
                texts,
                13.8 + draw.gamma(2, 0.4 / float(texts[0]), 40) + 0.02 * float(texts[1]),
                energy=1e-10 + 1e-12 * 2 ** float(texts[0]),
                area_m2=1e-8 * float(texts[0]),
            )
            for texts in product(*(axis.texts for axis in axes))
        ]
    fields = {
        "task": "airline",
        "title": "International airline passengers",
        "unit": "thousand passengers",
        "period": "month",
        "value_range": 518.0,
        "recipe": "best",
        "cell": "lstm",
        "device": "li2019",
        "baselines": [
            Baseline(name="persistence", title="y[t-1]", error=48.04),
            Baseline(name="difference", title="y[t-12] + y[t-1] - y[t-13]", error=14.2),
        ],
        "software": Score.of([13.75, 13.85]),
        "chips": 20,
        "networks": 2,
        "chip_seed": 0,
        "missing": 0,
        "commands": ["cellwright sweep airline --over bits=4,6,8"],
        "chip_settings": {"input converters": "8 bits; assumed"},
        "versions": {"cellwright": "0"},
    }
    return SweepReport(axes=axes, points=points, **(fields | more))


@pytest.fixture(scope="module")
def record():
    return made()


@pytest.fixture(scope="module")
def documents(record):
    return {name: svg(figure, name) for name, figure in sweep_figures(record).items()}


def shown(document):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(document).iter(f"{SVG}text")]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12))
def test_the_front_is_what_no_point_beats(pairs):
    """Beside the definition, all pairs compared: no point is on it that another beats, and every other is beaten."""
    record = made(points=[point(errors=(error,), energy=float(energy)) for error, energy in pairs])
    front = [(p.error.median, p.energy_per_step_j) for p in record.front("energy_per_step_j")]
    unbeaten = {
        (error, energy)
        for error, energy in pairs
        if not any(e <= error and c <= energy and (e, c) != (error, energy) for e, c in pairs)
    }
    assert set(front) == unbeaten
    assert front == sorted(front, key=lambda pair: pair[1])
    assert len(front) == len(set(front))


def test_a_point_without_a_number_is_not_on_the_front():
    record = made(points=[point(errors=(np.nan, 14.0), energy=1e-12), point(errors=(14.0,))])
    assert record.front("energy_per_step_j") == [record.points[1]]


def test_what_is_not_costed_is_on_no_front_and_the_page_says_so():
    free = point(energy=1e-12, not_costed=("input converters",))
    record = made(points=[free, point(errors=(15.0,))])
    assert record.front("energy_per_step_j") == [record.points[1]]
    assert "1 point with ideal input converters, to which the model gives no cost, stays out of it." in html(record)


def test_pooling_takes_all_chips_of_a_value_or_those_otherwise_at_the_base():
    axes = AXES[::2]
    points = [
        point(("4", "li2019"), (1.0, 2.0)), point(("8", "li2019"), (3.0, 5.0)), point(("4", "ideal"), (6.0, 7.0)),
    ]  # fmt: skip
    record = made(axes=axes, points=points)
    assert record.pooled(0, "4", "error") == Score.of([1.0, 2.0, 6.0, 7.0])
    assert record.pooled(0, "4", "error", at_base=True) == Score.of([1.0, 2.0])
    assert record.pooled(1, "ideal", "error", at_base=True) is None
    assert record.pooled(0, "6", "departure") is None
    assert record.pooled(0, "8", "departure") == Score.of([10.8, 8.8])


def test_points_that_do_not_fit_are_refused():
    with pytest.raises(CellwrightError, match="without points"):
        made(points=[])
    with pytest.raises(CellwrightError, match="one value for each of its 3 axes"):
        made(points=[point(texts=("4",))])


def test_every_axis_has_its_figures(documents):
    axes = {f"axis-{number}-{measure}" for number in (1, 2, 3) for measure in ("error", "departure")}
    assert documents.keys() == axes | {"front-energy", "front-energy-narrow", "front-area"}
    assert {"4", "6", "8", "bits", "error (thousand passengers)"} <= set(shown(documents["axis-1-error"]))
    assert {"0", "0.1", "10", "segment_ohm (not to scale)"} <= set(shown(documents["axis-2-departure"]))
    assert {"li2019", "ideal"} <= set(shown(documents["axis-3-error"]))


def test_the_front_is_numbered_and_set_beside_baselines(record, documents):
    texts = shown(documents["front-energy"])
    assert {str(number + 1) for number in range(len(record.front("energy_per_step_j")))} <= set(texts)
    assert {"energy a step", "median error (thousand passengers)", "software"} <= set(texts)
    assert [baseline.name for baseline in baselines_in_sight(record)] == ["difference"]
    assert "y[t−12] + y[t−1] − y[t−13]" in texts
    assert "y[t−1]" not in texts


def test_no_text_is_too_small_to_read_on_a_phone(documents):
    for name in documents.keys() - {"front-energy"}:
        root = ElementTree.fromstring(documents[name])
        width = float(root.get("viewBox").split()[2])
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: ?([\d.]+)px", documents[name])]
        assert sizes, name
        assert min(sizes) * min(1, 328 / width) >= 7.5, name


def test_points_of_the_front_that_lie_together_share_a_label():
    points = [point(errors=(error,), energy=energy) for error, energy in ((15, 1), (14.999, 1.001), (14, 2))]
    texts = shown(svg(sweep_figures(made(points=points))["front-energy"], "front"))
    assert {"1–2", "3"} <= set(texts)


def test_wide_positive_values_get_a_logarithm():
    axis = SweptAxis(name="tolerance", values=(0.001, 0.01, 0.1), texts=("0.001", "0.01", "0.1"), base="0.02")
    points = [point((text,), (14.0, 15.0)) for text in axis.texts]
    (axes,) = sensitivity(made(axes=(axis,), points=points), 0, "error").axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.001", "0.01", "0.1"]


@pytest.mark.parametrize("errors", [(14.0,), (np.nan,), (0.0,)])
def test_one_point_of_one_chip_is_drawn_and_told(errors):
    axes = (SweptAxis(name="bits", values=(8,), texts=("8",), base="8"),)
    record = made(axes=axes, points=[point(("8",), errors)], software=Score.of([13.8]))
    page = html(record)
    assert "<svg" in page
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert sweep_story.strongest(record) == ""


def test_a_value_that_is_not_measured_yet_leaves_a_gap():
    record = made(points=[point(("4", "0", "li2019"), (14.0, 15.0))], missing=26)
    assert "26 jobs of the sweeps below are not done yet" in html(record)


def test_the_page_shows_text_as_text_and_needs_nothing_else(record):
    axes = (*AXES[:2], replace(AXES[2], name=ATTACK, texts=("li2019", ATTACK)))
    page = html(made(axes=axes, commands=[ATTACK], title=ATTACK, chip_settings={ATTACK: ATTACK}))
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert page.lstrip().startswith("<!DOCTYPE html>")


def test_the_page_has_the_command_and_the_front(record):
    page = html(record)
    assert "cellwright sweep airline --over bits=4,6,8" in page
    assert page.count('<th scope="row">') >= len(record.front("energy_per_step_j")) + len(record.baselines) + 1
    assert "Beyond the scale: y[t−1] 48.04." in page
    assert "hindsight" in page


def test_the_story_names_the_best_the_worst_and_the_strongest(record):
    told = sweep_story.headline(record)
    best = min(record.points, key=lambda p: p.error.median)
    worst = max(record.points, key=lambda p: p.error.median)
    assert f"{best.error.median:.2f} ({record.place(best)}) to {worst.error.median:.2f} ({record.place(worst)})" in told
    assert sweep_story.strongest(record).startswith("Of the settings, segment_ohm moves the forecasts most")


def test_the_table_lists_the_front(record):
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(results_table(record))
    rows = capture.get().splitlines()
    front = record.front("energy_per_step_j")
    assert sum("pJ" in row for row in rows) == len(front)
