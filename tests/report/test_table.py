from dataclasses import replace

import pytest
from rich.console import Console

from cellwright import units
from cellwright.report import Score, results_table, story, wording

NUMBERS = wording.Numbers()


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
        assert NUMBERS.error(baseline.error) in row
        assert wording.percent(record.percent_of_range(baseline.error)) in row
    for name, score in (("software", record.software), ("ideal chip", record.software), ("whole", record.chip_whole)):
        row = next(line for line in text.splitlines() if line.startswith(name))
        assert NUMBERS.with_std(score) in row
        assert NUMBERS.spread(score.percentiles) in row


def test_every_cause_is_shown_alone_and_taken_away(record, text):
    for cause in record.causes:
        row = next(line for line in text.splitlines() if line.startswith(f"{cause.title} "))
        for score in (cause.alone, cause.without):
            assert NUMBERS.with_std(score) in row
        for score in (cause.departure_alone, cause.departure_without):
            assert NUMBERS.with_range(score) in row


def test_a_long_tail_is_no_plus_or_minus(record):
    """Departures are never negative: 1.49 ± 10.66 would say that some are."""
    tail = Score.of([0.1] * 19 + [40.1])
    text = printed(replace(record, causes=(replace(record.causes[0], departure_alone=tail),), departure=tail))
    assert NUMBERS.with_std(tail) not in text
    assert text.count("0.10 (0.10–2.10)") == 2  # interpolated between the last two: 0.1 + 0.05 * 40


def test_an_ideal_chip_with_other_forecasts_has_its_own_error(record):
    assert "ideal chip, the same forecasts" in printed(record)
    text = printed(replace(record, departure_ideal=Score(mean=0.5), chip_ideal=Score(mean=77.0)))
    assert "the same forecasts" not in text
    assert "77.00" in next(line for line in text.splitlines() if line.startswith("ideal chip, 50 a network"))


def test_a_system_without_numbers_has_no_row_and_the_survey_one_line(record, text):
    assert "circuit of words alone" not in text
    assert "from notes" not in text
    assert text.count("read in the survey only") == 1
    assert "taken as" not in text


def test_the_cost_stands_beside_other_systems(record, text):
    cost = record.cost
    assert units.quantity(cost.power_w, "W") in text
    assert units.quantity(cost.energy_per_step_j, "J") in text
    assert units.quantity(cost.latency_per_step_s, "s") in text
    assert units.area(cost.area_m2) in text
    assert " ".join(story.cost(record).split()) in " ".join(text.split())
    for system in (record.digital, *record.published[:2]):
        assert system.name in text
        assert units.quantity(system.power_w, "W") in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(record, width):
    assert max(map(len, printed(record, width).splitlines())) <= width


def test_eighty_columns_cut_nothing(record):
    text = printed(record, 80)
    assert "…" not in text
    for cause in record.causes:
        row = next(line for line in text.splitlines() if line.startswith(f"{cause.title} "))
        for score in (cause.departure_alone, cause.departure_without):
            assert NUMBERS.with_range(score) in row
        for score in (cause.alone, cause.without):
            assert NUMBERS.error(score.mean) in row
    for system in (record.digital, *record.published[:2]):
        row = next(line for line in text.splitlines() if line.startswith(system.name) and ":" not in line)
        assert units.quantity(system.power_w, "W") in row


def test_sixty_columns_drop_the_spreads_first(record):
    text = printed(record, 60)
    assert "…" not in text
    for cause in record.causes:
        row = next(line for line in text.splitlines() if line.startswith(f"{cause.title} "))
        for score in (cause.departure_alone, cause.departure_without):
            assert f" {NUMBERS.median(score)} " in row
        for score in (cause.alone, cause.without):
            assert NUMBERS.error(score.mean) in row


@pytest.mark.parametrize("width", [10, 20, 40])
def test_a_very_narrow_terminal_is_no_error(record, width):
    assert max(map(len, printed(record, width).splitlines())) <= width


def test_a_run_with_little_in_it_has_a_table(bare):
    text = printed(bare)
    assert "software, 1 network " in text
    assert "Not on the chip, besides activations and products: recurrent.weight_peephole_l0." in text
    assert "±" not in text
    assert not [word for word in ("nan", "None") if word in text]


HOSTILE = r"[bold red]x[/] [/y] [link=a]b :smile: \["


def test_what_looks_like_markup_is_shown_as_it_is(record):
    cause = replace(record.causes[0], name=HOSTILE, setting=HOSTILE)
    system = replace(record.digital, name=HOSTILE, set_up=HOSTILE, certainty=HOSTILE)
    circuit = replace(system, error=HOSTILE, reading=HOSTILE)
    baseline = replace(record.baselines[0], title=HOSTILE)
    named = replace(
        record,
        unit=HOSTILE,
        causes=(cause,),
        digital=system,
        published=(circuit,),
        baselines=(baseline,),
        left_digital=(HOSTILE,),
    )
    # The headline, the errors' heading, and the departure each name the unit; then every text of its own.
    assert printed(named, 400).count(HOSTILE) >= 14
