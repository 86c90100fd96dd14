from dataclasses import replace

import pytest
from rich.console import Console

from cellwright.report import results_table, wording


def printed(record, width=100):
    console = Console(width=width, file=None, record=True, quiet=False, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(results_table(record))
    return capture.get()


@pytest.fixture(scope="module")
def text(record):
    return printed(record)


def test_everything_that_forecasts_has_its_error(record, text):
    for baseline in record.baselines:
        row = next(line for line in text.splitlines() if line.startswith(wording.formula(baseline.title)))
        assert wording.error(baseline.rmse) in row
        assert wording.percent(record.percent_of_range(baseline.rmse)) in row
    for name, score in (("software", record.software), ("ideal chip", record.chip_ideal), ("whole", record.chip_whole)):
        row = next(line for line in text.splitlines() if line.startswith(name))
        assert wording.with_std(score) in row
        assert wording.spread(score.percentiles) in row


def test_every_cause_is_shown_alone_and_taken_away(record, text):
    for cause in record.causes:
        row = next(line for line in text.splitlines() if line.startswith(cause.title))
        for score in (cause.alone, cause.without, cause.departure_alone, cause.departure_without):
            assert wording.with_std(score) in row


def test_the_cost_stands_beside_other_systems(record, text):
    cost = record.cost
    assert wording.quantity(cost.power_w, "W") in text
    assert wording.quantity(cost.energy_per_step_j, "J") in text
    assert wording.quantity(cost.latency_per_step_s, "s") in text
    assert wording.area(cost.area_m2) in text
    for system in (record.digital, *record.published):
        assert system.name in text
        assert wording.quantity(system.power_w, "W") in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(record, width):
    assert max(map(len, printed(record, width).splitlines())) <= width


def test_markup_in_names_stays_text(record):
    named = replace(record, causes=(replace(record.causes[0], name="[bold red]x[/] [/y]"),))
    assert "[bold red]x[/] [/y]" in printed(named)
