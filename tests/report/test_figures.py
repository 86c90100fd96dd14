import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from cellwright.report import ArrayReport, Programming, Score
from cellwright.report.array_maps import array_map
from cellwright.report.canvas import inline, png, svg
from cellwright.report.figures import causes, figures, gates, training

SVG = "{http://www.w3.org/2000/svg}"


def texts(document):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(document).iter(f"{SVG}text")]


def test_every_figure_is_there_and_well_formed(documents):
    maps = {
        f"array-{number}-{which}" for number in (1, 2) for which in ("target", "programmed", "deviation", "wire-loss")
    }
    assert documents.keys() == maps | {
        "forecast", "forecast-narrow", "causes", "training", "gates", "convergence",
    }  # fmt: skip
    for document in documents.values():
        assert ElementTree.fromstring(document).tag == f"{SVG}svg"


def test_axes_have_labels_with_units(documents):
    for name, labels in {
        "forecast": {"thousand passengers", "1949", "forecast"},
        "causes": {"departure from software", "(thousand passengers, root mean square)"},
        "training": {"epoch", "mean squared error (scaled)"},
        "gates": {"i", "f", "g", "o", "c", "h"},
        "convergence": {"write-verify round", "devices within tolerance"},
        "array-1-target": {"target conductance (µS)", "word line", "bit line", "x", "i"},
        "array-1-wire-loss": {"lost in the wires (% of the current)"},
    }.items():
        assert labels <= set(texts(documents[name])), name


def test_no_text_is_too_small_to_read_on_a_phone(documents):
    """A phone shows a figure about 328 pixels wide; what is wider than that shrinks."""
    for name in documents.keys() - {"forecast"}:
        root = ElementTree.fromstring(documents[name])
        width = float(root.get("viewBox").split()[2])
        sizes = [
            float(part.removesuffix("px"))
            for text in root.iter(f"{SVG}text")
            for part in text.get("style").replace(";", " ").split()
            if part.endswith("px")
        ]
        assert sizes, name
        assert min(sizes) * min(1, 328 / width) >= 7.5, name


def test_bars_and_the_line_carry_their_numbers(record, documents):
    shown = texts(documents["causes"])
    for cause in record.causes:
        alone, without = (score.percentiles[50] for score in (cause.departure_alone, cause.departure_without))
        assert {cause.title, f"{alone:.2f}", f"{without:.2f}"} <= set(shown)
    assert f"whole chip {record.departure.percentiles[50]:.2f}" in shown


def test_a_bar_ends_at_the_median(record):
    axes = causes(record).axes[0]
    ends = sorted(bar.get_width() for bar in axes.patches)
    scores = [score for cause in record.causes for score in (cause.departure_alone, cause.departure_without)]
    assert ends == sorted(score.percentiles[50] for score in scores)


@pytest.mark.parametrize("units", [1, 2, 4, 15])
def test_units_are_numbered_from_the_first_to_the_last(record, units):
    figure = gates(replace(record, gates={"i": record.gates["i"][:, :1].repeat(units, axis=1)}))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == (["1", str(units)] if units > 1 else ["1"])
    assert list(figure.axes[0].get_yticks()) == ([0, units - 1] if units > 1 else [0])


def test_no_date_and_no_version_is_written(documents):
    for document in documents.values():
        assert "<dc:date>" not in document
        assert "Matplotlib" not in document


def test_the_users_own_matplotlib_settings_do_not_matter_and_are_kept(record):
    before = svg(training(record), "training")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red", "svg.fonttype": "path"}):
        mine = dict(mpl.rcParams)
        assert svg(training(record), "training") == before
        assert dict(mpl.rcParams) == mine


def test_drawing_leaves_pyplot_alone():
    script = (
        "import sys, cellwright.report.figures, cellwright.report.page\nassert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_names_are_text_in_a_figure(record):
    """Neither mathematics between dollars nor markup: what a person calls a gate is shown as it is."""
    named = replace(record, gates={"$x^2$": record.gates["i"], '<b>&"id="': record.gates["f"]})
    document = svg(gates(named), "gates")
    assert {"$x^2$", '<b>&"id="'} <= set(texts(document))
    element = ElementTree.fromstring(inline(document, "gates", '<script>"a" & b</script>'))
    assert {"$x^2$", '<b>&"id="'} <= {"".join(text.itertext()) for text in element.iter("text")}
    assert element.get("aria-label") == '<script>"a" & b</script>'


def test_figures_on_one_page_share_no_identifiers(documents):
    found = []
    for name in ("training", "convergence"):
        element = ElementTree.fromstring(inline(documents[name], name, "words"))
        own = {part.get("id") for part in element.iter() if part.get("id")}
        used = {part.get("href")[1:] for part in element.iter() if (part.get("href") or "").startswith("#")}
        assert used <= own
        found.append(own)
    assert not found[0] & found[1]


def array(rows, columns, **changes):
    values = np.linspace(0, 1e-4, rows * columns).reshape(rows, columns)
    programming = Programming(convergence=np.ones(1), pulses=1, yield_fraction=1.0, energy_j=1e-9, time_s=1e-6)
    fields = {"target": values, "programmed": values * 1.01, "wire_loss": np.full((rows, columns), 0.99)} | changes
    return ArrayReport(name="a", rows=rows, columns=columns, tiles=1, programming=programming, **fields)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 60), (128, 56), (300, 2)])
@pytest.mark.parametrize("which", ["target", "programmed", "deviation", "wire_loss"])
def test_arrays_of_any_shape_are_drawn(shape, which):
    document = svg(array_map(array(*shape), which), "a")
    assert len(list(ElementTree.fromstring(document).iter(f"{SVG}image"))) >= 1


@pytest.mark.parametrize("which", ["target", "programmed", "deviation", "wire_loss"])
def test_devices_without_a_number_are_left_blank(which):
    nothing = np.full((3, 4), np.nan)
    some = nothing.copy()
    some[0, 0] = 1e-4
    for values in (nothing, some, np.zeros((3, 4))):
        svg(array_map(array(3, 4, target=values, programmed=values, wire_loss=values), which), "a")


def test_the_maps_show_the_values_in_place():
    """Row 0, column 0 is at the top left: the one bright device of this array is documents there."""
    values = np.zeros((4, 5))
    values[0, 0] = 1e-4
    figure = array_map(array(4, 5, target=values, programmed=values), "target")
    image = figure.axes[0].images[0]
    assert image.origin == "upper"
    np.testing.assert_allclose(image.get_array(), 1e6 * values)
    lying = array_map(array(20, 1, target=np.eye(20, 1), programmed=np.eye(20, 1)), "target").axes[0].images[0]
    np.testing.assert_allclose(lying.get_array(), 1e6 * np.eye(20, 1).T)


def test_a_run_with_little_in_it_is_drawn(bare):
    for name, figure in figures(bare).items():
        svg(figure, name)


def test_a_stuck_device_does_not_hide_the_others():
    """Scales follow the targets and what write-verify left; what lies far beyond has the colour of the end."""
    target = np.linspace(1e-4, 2e-4, 200).reshape(10, 20)
    programmed = target + 1e-6 * np.random.default_rng(0).normal(size=target.shape)
    programmed[3, 4], programmed[5, 6] = 0.0, 9e-4
    stuck = array(10, 20, target=target, programmed=programmed)
    assert array_map(stuck, "programmed").axes[0].images[0].get_clim() == pytest.approx((100, 200))
    low, high = array_map(stuck, "deviation").axes[0].images[0].get_clim()
    assert low == -high
    assert 2 < high < 6


@pytest.mark.parametrize("shape", [(14, 16), (10, 1), (1, 1)])
def test_small_arrays_have_small_maps(shape):
    """A device is a few pixels wide, whatever the array: ten devices do not fill the page."""
    figure = array_map(array(*shape), "target")
    figure.draw_without_rendering()
    box = figure.axes[0].get_window_extent()
    assert 72 * figure.get_figwidth() <= 400
    across, down = (shape[1], shape[0]) if shape[1] > 1 else shape
    assert box.width <= max(18 * across, 150) + 45
    assert box.height <= max(18 * down, 36) + 30
    assert min(box.width, box.height) > 20


def test_numbers_that_are_missing_are_no_obstacle(record):
    lost = Score(mean=float("nan"))
    broken = replace(
        record,
        causes=tuple(replace(cause, alone=lost, departure_alone=lost) for cause in record.causes),
        chip_whole=lost,
        departure=lost,
        training=(replace(record.training[0], train=np.full(5, np.nan), validation=None, best_epoch=None),),
    )
    assert "whole chip" not in " ".join(texts(svg(causes(broken), "causes")))
    for name, figure in figures(broken).items():
        png(figure) if name == "causes" else svg(figure, name)
