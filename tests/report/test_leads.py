"""Forecasts of a person's own file: several leads, prediction intervals, and what is beyond the end."""

import csv
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from cellwright.report import Forecasts, Score, forecast_story, results_table, wording
from cellwright.report.canvas import svg
from cellwright.report.figures import figures
from cellwright.report.forecast_figures import forecast, future, leads
from cellwright.report.forecast_result import files
from cellwright.report.page import html
from cellwright.report.result import result_json

NUMBERS = wording.Numbers()
SVG = "{http://www.w3.org/2000/svg}"


def printed(record, width=100):
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(results_table(record))
    return capture.get()


@pytest.fixture(scope="module")
def drawn(several):
    """The figures, drawn once: they are the same to the words around them."""
    return {name: svg(figure, name) for name, figure in figures(several).items()}


@pytest.fixture(scope="module")
def page(several, drawn):
    return html(several, drawn)


@pytest.fixture(scope="module")
def once(make, several, replace):
    """One lead, with a future of one step."""
    ahead = several.future
    arrays = {name: getattr(ahead, name)[:1] for name in ("software", "low", "high", "chip_low", "chip_median")}
    ahead = replace(ahead, labels=ahead.labels[:1], chip_high=ahead.chip_high[:1], **arrays)
    return replace(several, leads=(), future=ahead)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_headline_says_how_far_ahead(several, once):
    assert "the network forecasts 1 to 12 months ahead with an error of" in forecast_story.headline(several)
    assert "the network forecasts with an error of" in forecast_story.headline(once)
    assert "one month ahead" in forecast_story.leads(once)


def test_every_lead_has_its_errors_on_the_page(several, page):
    for lead in several.leads:
        for error in (lead.software.mean, lead.chip.mean, *lead.baselines.values()):
            assert f"<td>{NUMBERS.error(error)}</td>" in page
    assert "Error by lead" in page


def test_the_coverage_stands_beside_its_level(several, page):
    sentence = forecast_story.interval(several).replace("\u202f", " ")
    assert "that are to hold 90 % of the values hold 87.3 % of the test values" in sentence
    assert "around the chips' forecasts 85.1 %" in sentence
    assert forecast_story.interval(several) in page.replace("&#39;", "'")
    assert "hold 87.3 % of the" in " ".join(printed(several, 200).replace("\u202f", " ").split())


def test_a_run_without_them_says_nothing_of_them(record, source):
    for words in ("Error by lead", "Beyond the end", "interval", "test.csv"):
        assert words not in source
    assert forecast_story.interval(record) == ""


def test_what_is_to_come_is_on_the_page(several, page):
    ahead = several.future
    for at, label in enumerate(ahead.labels):
        row = page[page.index(f'<th scope="row">{label}</th>') :].split("</tr>")[0]
        for number in (ahead.software[at], ahead.low[at], ahead.high[at], ahead.chip_median[at], ahead.chip_high[at]):
            assert NUMBERS.error(number) in row
    assert several.test_note in page


def test_without_intervals_there_are_no_ends(several, replace):
    lost = np.full(12, np.nan)
    bare = replace(several, interval=None, future=replace(several.future, low=lost, high=lost))
    assert "interval" not in html(bare)
    assert rows(files(bare)["forecast.csv"])[0]["low"] == ""


@pytest.mark.parametrize("number", [24, 25])
def test_a_long_table_is_folded(several, replace, number, drawn):
    leads = tuple(replace(several.leads[0], lead=lead + 1) for lead in range(number))
    page = html(replace(several, leads=leads), drawn)
    assert (f"Error by lead, {number} rows" in page) == (number > 24)


def test_a_terminal_shows_some_of_many_leads(several, replace):
    many = replace(several, leads=tuple(replace(several.leads[0], lead=lead + 1) for lead in range(96)))
    shown = [lead.lead for lead in forecast_story.some_leads(many, 12)]
    assert (len(shown), shown[0], shown[-1]) == (12, 1, 96)
    assert shown == sorted(set(shown))
    assert forecast_story.some_leads(several, 12) == several.leads


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_the_errors_by_lead_fit_a_terminal(several, width):
    text = printed(several, width)
    assert max(map(len, text.splitlines())) <= width
    if width > 40:
        assert NUMBERS.mean(several.leads[6].software) in text
        assert NUMBERS.mean(several.leads[6].chip) in text


def test_the_files_hold_the_future_and_the_test_period(several):
    written = files(several)
    assert written.keys() == {"forecast.csv", "test.csv"}
    ahead = rows(written["forecast.csv"])
    assert list(ahead[0]) == ["time", "lead", "forecast", "low", "high", "chip_p5", "chip_p50", "chip_p95"]
    assert [row["time"] for row in ahead] == list(several.future.labels)
    assert [row["lead"] for row in ahead] == [str(lead) for lead in range(1, 13)]
    for name, values in (("forecast", several.future.software), ("chip_p95", several.future.chip_high)):
        np.testing.assert_allclose([float(row[name]) for row in ahead], values, rtol=1e-5)
    assert [row["label"] for row in rows(written["test.csv"])] == list(several.test_labels)


def test_result_json_adds_leads_and_interval(several, record):
    result = json.loads(result_json(several))
    assert [lead["lead"] for lead in result["leads"]] == list(range(1, 13))
    for entry, lead in zip(result["leads"], several.leads, strict=True):
        assert entry["software"]["rmse"] == lead.software.mean
        assert entry["chip"]["percentiles"]["95"] == lead.chip.percentiles[95]
        assert {name: error["rmse"] for name, error in entry["baselines"].items()} == dict(lead.baselines)
    assert result["interval"] == {
        "level": 0.9, "coverage": 0.873, "chip_coverage": 0.851, "method": several.interval.method,
    }  # fmt: skip
    assert result.keys() - json.loads(result_json(record)).keys() == {"leads", "interval"}


def test_the_figures_are_those_of_the_leads(several, once):
    assert {"forecast", "forecast-narrow", "leads", "future"} <= figures(several).keys()
    one = figures(once)
    assert "leads" not in one
    svg(one["future"], "future")


def test_a_line_of_every_system_by_lead(several):
    axes = leads(several).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_array_equal(lines["software"], [lead.software.mean for lead in several.leads])
    np.testing.assert_array_equal(lines["chips"], [lead.chip.mean for lead in several.leads])
    np.testing.assert_array_equal(lines["last month"], [lead.baselines["persistence"] for lead in several.leads])


def test_the_future_goes_on_from_the_last_value(several):
    axes = future(several, several.future).axes[0]
    line = next(line for line in axes.lines if line.get_label() == "software")
    np.testing.assert_array_equal(line.get_ydata(), [several.future.past[-1], *several.future.software])
    assert line.get_xdata()[0] == len(several.future.past) - 1


def test_the_future_is_drawn_at_the_end_of_a_series_beside_which_it_is_seen(several, replace, drawn):
    right = forecast(several).axes[0].get_xlim()[1]
    assert right > len(several.series) + 10
    short = replace(several, future=replace(several.future, **_first(several.future, 3)))
    thinned = replace(several, test_size=480)
    assert "over the 480 months from 1957-01 to 1960-12" in html(thinned, drawn)
    for run in (short, thinned):
        assert forecast(run).axes[0].get_xlim()[1] < len(several.series) + 3


def _first(ahead, number):
    names = ("labels", "software", "low", "high", "chip_low", "chip_median", "chip_high")
    return {name: getattr(ahead, name)[:number] for name in names}


@pytest.mark.parametrize(
    ("shift", "from_zero"),
    [(0.0, True), (-400.0, False), (5000.0, False)],
)
def test_the_axis_begins_at_zero_where_that_does_not_flatten(record, replace, shift, from_zero):
    """Also where values are negative, or far from zero: 5000 to 5600 would be a line at the top."""
    moved = Forecasts(software=record.forecasts.software + shift, chip=record.forecasts.chip + shift)
    axes = forecast(replace(record, series=record.series + shift, forecasts=moved)).axes[0]
    low, high = axes.get_ylim()
    assert (low == 0) == from_zero
    assert low <= (record.series + shift).min()
    assert high - low < 2 * np.ptp(record.series)


def test_a_long_series_is_drawn_in_a_small_figure_with_its_peaks(record, replace):
    draw = np.random.default_rng(0)
    values = draw.normal(0, 1, 50_000)
    values[31_234] = 40.0
    tested = values[40_000:]
    made = Forecasts(software=tested + draw.normal(0, 0.1, (5, 10_000)), chip=tested + draw.normal(0, 1, (4, 10_000)))
    labels = [str(row) for row in range(50_000)]
    long = replace(record, series=values, labels=labels, test=slice(40_000, 50_000), forecasts=made)
    document = svg(forecast(long), "forecast")
    assert len(document) < 400_000
    line = next(line for line in forecast(long).axes[0].lines if line.get_label() == "observed")
    assert line.get_ydata().max() == 40.0
    assert line.get_ydata().min() == values.min()
    assert len(line.get_xdata()) < 3000


def test_small_numbers_keep_their_digits(record, replace, documents):
    """Exchange rates err by thousandths: two decimals would make zeros of them."""
    small = replace(record, value_range=0.05, software=Score(mean=0.00123), chip_whole=Score(mean=0.00125), unit="")
    sentence = forecast_story.headline(small).replace("\u202f", " ")
    assert "error of 0.001250 (2.50 % of the range)" in sentence
    assert "in software (0.001230)" in sentence
    page = html(small, documents)
    assert "0.001230" in page
    assert "RMSE in the unit of the series" in page


def test_the_time_axis_has_fewer_labels_the_longer_they_are(record, replace):
    hours = [f"2013-02-{1 + hour // 24:02d} {hour % 24:02d}:00" for hour in range(len(record.series))]
    axes = forecast(replace(record, labels=hours)).axes[0]
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert set(shown) <= set(hours)
    assert 2 <= len(shown) <= 4


def test_names_in_a_file_are_text_in_every_figure(hostile):
    for name, figure in figures(hostile).items():
        if name.startswith("array"):
            continue
        root = ElementTree.fromstring(svg(figure, name))
        shown = "".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert ("<script>" in shown) == (name in {"forecast", "forecast-narrow", "leads", "future", "causes", "gates"})
        assert not list(root.iter("script"))


def test_names_in_a_file_do_not_act_on_a_terminal(hostile, hostile_classes):
    for record in (hostile, hostile_classes):
        text = printed(record)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert max(map(len, text.splitlines())) <= 100
