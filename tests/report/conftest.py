"""Runs that never happened, with the shapes and sizes of real ones, to draw and print."""

import dataclasses

import numpy as np
import pytest

from cellwright.cells import find
from cellwright.program import counts, equations
from cellwright.report.canvas import svg
from cellwright.report.class_record import ClassBaseline, ClassReport, Decisions
from cellwright.report.figures import figures
from cellwright.report.forecast_record import ForecastReport, Forecasts, Future, Interval, Lead
from cellwright.report.page import html
from cellwright.report.record import (
    ArrayReport,
    Baseline,
    Cause,
    Comparison,
    Cost,
    CostItem,
    Programming,
    Score,
    TrainingCurve,
)

HOSTILE = (
    "<script>ran=1</script><img src=x onerror=ran=1><u>\"'& $\\frac{a}{b}$ a_b [red]\n\x1b[31m\x00\u202eמה😀"
    + " x" * 99
)
"""A name with markup of every kind, a line break, signs that act on a terminal or turn the text, and no end."""

MONTHS, TEST, UNITS, SEEDS, CHIPS = 144, 48, 15, 5, 50


def synthetic_record(seed=0, **changes):
    """A record of a made-up run; fields can be given in ``changes``."""
    draw = np.random.default_rng(seed)
    time = np.arange(MONTHS)
    series = 115 * 1.0102**time * (1 + 0.18 * np.sin(2 * np.pi * (time - 3.5) / 12) + 0.06 * np.cos(np.pi * time / 3))
    observed = series[-TEST:]
    software = observed + draw.normal(0, 14, TEST) + draw.normal(0, 3, (SEEDS, TEST))
    chip = software.mean(axis=0) + draw.normal(4, 9, (SEEDS * CHIPS, 1)) + draw.normal(0, 7, (SEEDS * CHIPS, TEST))
    fields = {
        "unit": "thousand passengers",
        "period": "month",
        "value_range": 518.0,
        "labels": tuple(f"{1949 + month // 12}-{month % 12 + 1:02d}" for month in time),
        "series": series,
        "test": slice(MONTHS - TEST, MONTHS),
        "forecasts": Forecasts(software=software, chip=chip),
        "baselines": (
            Baseline(name="persistence", title="last month", error=48.04),
            Baseline(name="seasonal_naive", title="same month last year", error=41.85),
            Baseline(name="seasonal_product", title="y[t−12]·y[t−1]/y[t−13]", error=15.62),
            Baseline(name="seasonal_sum", title="y[t−12]+y[t−1]−y[t−13]", error=15.36),
        ),
        "software": Score.of(_errors(software, observed)),
        "chip_ideal": Score.of(_errors(software, observed)),
        "chip_whole": Score.of(_errors(chip, observed)),
        "departure": Score.of(np.sqrt(((chip - software.mean(axis=0)) ** 2).mean(axis=1))),
        "departure_ideal": Score.of(draw.uniform(0, 1e-4, SEEDS * CHIPS)),
        "gate_period": slice(0, MONTHS),
    }
    return ForecastReport(**(common_fields(draw) | fields | changes))


def synthetic_leads(horizon=12, seed=0, **changes):
    """The same for forecasts of several leads, with prediction intervals and a forecast beyond the end."""
    one = synthetic_record(seed)
    band = one.forecasts.software_mean
    draw = np.random.default_rng(seed + 1)
    software = one.series[-12:][np.arange(horizon) % 12] * 1.1
    ends = 20 + 4 * np.arange(horizon)
    chip = software + draw.normal(3, 6, (SEEDS * CHIPS, horizon))
    fields = {
        "task": "passengers.csv",
        "title": "passengers",
        "leads": tuple(
            Lead(
                lead=lead,
                software=Score.of(12 + 2 * lead + draw.normal(0, 0.5, SEEDS)),
                chip=Score.of(13 + 2 * lead + draw.normal(0, 1, SEEDS * CHIPS)),
                baselines={baseline.name: baseline.error * (1 + 0.1 * lead) for baseline in one.baselines},
            )
            for lead in range(1, horizon + 1)
        ),
        "interval": Interval(
            level=0.9, coverage=0.873, chip_coverage=0.851, method="validation errors", low=band - 25, high=band + 25
        ),
        "future": Future(
            labels=tuple(f"{1961 + month // 12}-{month % 12 + 1:02d}" for month in range(horizon)),
            software=software,
            low=software - ends,
            high=software + ends,
            chip_low=np.percentile(chip, 5, axis=0),
            chip_median=np.percentile(chip, 50, axis=0),
            chip_high=np.percentile(chip, 95, axis=0),
            past_labels=one.labels[-36:],
            past=one.series[-36:],
        ),
        "test_note": "The last third of the file, which no choice was made by.",
    }
    return dataclasses.replace(one, **(fields | changes))


def synthetic_classes(classes=("normal", "abnormal"), seed=0, tested=100, **changes):
    """A record of a made-up run that classifies sequences."""
    draw = np.random.default_rng(seed)
    number = len(classes)
    truth = np.minimum(draw.geometric(0.4, tested) - 1, number - 1)
    truth[:number] = np.arange(number)

    def decided(rows, share):
        return np.where(draw.random((rows, tested)) < share, draw.integers(0, number, (rows, tested)), truth)

    def balanced(decisions):
        recalls = [(decisions == truth)[:, truth == index].mean(axis=1) for index in range(number)]
        return 100 - 100 * np.mean(recalls, axis=0)

    software = decided(SEEDS, 0.12)
    changed = draw.random((SEEDS * CHIPS, tested)) < draw.uniform(0, 0.2, (SEEDS * CHIPS, 1))
    origin = software.repeat(CHIPS, axis=0)
    chip = np.where(changed, draw.integers(0, number, changed.shape), origin)
    neighbour, largest = decided(1, 0.2), np.zeros((1, tested), dtype=int)
    fields = common_fields(draw) | {
        "task": "heartbeats.tsv",
        "title": "heartbeats",
        "classes": tuple(classes),
        "truth": truth,
        "sequences": tuple(str(place + 1) for place in range(tested)),
        "training_counts": tuple(range(40, 40 + number)),
        "decisions": Decisions(software=software, chip=chip),
        "baselines": tuple(
            ClassBaseline(name=title.replace(" ", "_"), title=title, error=float(balanced(made)[0]), decisions=made[0])
            for title, made in (("largest class", largest), ("1-nearest-neighbour", neighbour))
        ),
        "software": Score.of(balanced(software)),
        "chip_ideal": Score.of(balanced(origin)),
        "chip_whole": Score.of(balanced(chip)),
        "departure": Score.of(100 * (chip != origin).mean(axis=1)),
        "departure_ideal": Score.of(np.zeros(SEEDS * CHIPS)),
        "gate_sequence": "1",
        "note": "The test sequences are those of the file's own split.",
    }
    return ClassReport(**(fields | changes))


def common_fields(draw):
    """What a run of every kind has."""
    program = find("lstm").program()
    sizes = {"feature": 1, "unit": UNITS}
    return {
        "task": "airline",
        "title": "Airline passengers, 1949–1960",
        "data_source": "Box & Jenkins (1976), Time Series Analysis: Forecasting and Control, series G",
        "cell": "lstm",
        "recipe": "best",
        "recipe_description": "15 units over the whole sequence, a linear layer to one output; Adam, early stopping",
        "seeds": tuple(range(SEEDS)),
        "device": "li2019",
        "device_source": "Li et al. (2019), Nature Machine Intelligence 1, 49–57: Ta/HfO₂ 1T1R array",
        "device_assumed": "read noise 0.5 % of G, 10 um x 10 um a cell",
        "chip_settings": {
            "read noise": "0.5 % of the conductance; assumed",
            "headroom": "2 times; chosen with the test months in view",
            "largest array": "128 × 64 devices; cited",
        },
        "settings": {"device": "li2019", "chips": CHIPS, "chip_seed": 0, "chip": {"tile": (128, 64), "wires": None}},
        "chips": CHIPS,
        "chip_seed": 0,
        "command": "cellwright run airline --recipe best --seeds 5 --chips 50 --seed 0",
        "left_digital": (),
        "causes": _causes(draw),
        "training": tuple(_curve(draw, number) for number in range(SEEDS)),
        "loss": "mean squared error (scaled)",
        "gates": _gates(draw),
        "arrays": (
            _array(draw, "lstm", 34, 60, (("x", 2), ("h", 30), ("b", 2)), tuple((gate, 15) for gate in "ifgo")),
            _array(draw, "dense", 32, 1, (("h", 30), ("b", 2)), ()),
        ),
        "cost": _cost(),
        "digital": Comparison(
            name="digital multiply-accumulate, 8 bit, 45 nm",
            energy_per_step_j=2.1e-9,
            latency_per_step_s=1.9e-6,
            power_w=1.1e-3,
            source="Horowitz (2014), ISSCC, 10–14",
            certainty="factor 3: energy of the arithmetic and of 8 KB of SRAM alone",
            factor=3.0,
        ),
        "published": (
            Comparison(
                name="current-based LSTM circuit",
                power_w=105.9e-3,
                area_m2=77.33e-12,
                error="software 55.26 %, circuit 47.33 %",
                reading="taken as thousand passengers: 10.67 % and 9.14 % of the range",
                source="Smagulova & James (2019), Table 4",
                certainty="read in the survey only",
                set_up="180 nm CMOS with memristors, simulated",
            ),
            Comparison(
                name="voltage-based LSTM circuit",
                power_w=225.67e-3,
                area_m2=108.60e-12,
                error="software 10.05 %, circuit 10.99 %",
                reading="taken as per cent of the range",
                source="Smagulova & James (2019), Table 4",
                certainty="read in the survey only",
            ),
            Comparison(name="circuit of words alone", source="Nobody (2021)", certainty="from notes", set_up="34 × 60"),
        ),
        "equations": equations(program),
        "counts": counts(program).at(sizes),
        "counts_formula": str(counts(program)),
        "sizes": sizes,
        "citation": "Gers, Schmidhuber & Cummins (2000), Learning to forget, Neural Computation 12(10), 2451–2471",
        "versions": {"cellwright": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.3.1"},
    }


def _errors(forecasts, observed):
    return np.sqrt(((forecasts - observed) ** 2).mean(axis=1))


def _causes(draw):
    effects = {
        "programming": (17.9, 15.9, "what write-verify leaves: each conductance stops within its tolerance"),
        "stuck_devices": (16.4, 17.6, "devices that no pulse moves"),
        "read_noise": (15.9, 18.0, "fluctuation of every conductance at every read"),
        "DAC": (15.45, 18.3, "inputs rounded to 8 bit"),
        "ADC": (15.8, 18.0, "column currents rounded to 8 bit within a calibrated range"),
        "wires": (15.7, 18.1, "voltage lost along word lines, bit lines, drivers and sense amplifiers"),
    }
    return tuple(
        Cause(
            name=name,
            description=text,
            setting=f"{len(name)} % of {name}; assumed",
            alone=Score.of(alone + abs(draw.normal(0, 0.5, SEEDS * CHIPS))),
            without=Score.of(without + draw.normal(0, 0.9, SEEDS * CHIPS)),
            departure_alone=Score.of(alone - 14 + abs(draw.normal(0, 0.3, SEEDS * CHIPS))),
            departure_without=Score.of(without - 12 + abs(draw.normal(0, 0.5, SEEDS * CHIPS))),
        )
        for name, (alone, without, text) in effects.items()
    )


def _curve(draw, seed):
    epochs = np.arange(400)
    train = 0.04 * np.exp(-epochs / 40) + 0.0008 + 0.0002 * draw.random(400)
    validation = 0.06 * np.exp(-epochs / 45) + 0.0012 + 4e-9 * epochs**2 + 0.0003 * draw.random(400)
    return TrainingCurve(seed=seed, train=train, validation=validation, best_epoch=int(validation.argmin()))


def _gates(draw):
    time = np.arange(MONTHS)[:, None]
    wave = np.sin(2 * np.pi * time / 12 + draw.uniform(0, 6, UNITS)) * draw.uniform(0.2, 2, UNITS) + time / 150
    gates = {name: 1 / (1 + np.exp(-wave - draw.normal(0, 1, UNITS))) for name in "ifo"}
    return gates | {"g": np.tanh(wave), "c": wave, "h": gates["o"] * np.tanh(wave)}


def _array(draw, name, rows, columns, row_groups, column_groups):
    target = draw.choice([0.0, 1.0], (rows, columns)) * draw.uniform(188e-6, 277e-6, (rows, columns))
    programmed = np.where(target > 0, target + draw.normal(0, 3e-6, target.shape), 0.0)
    row, column = np.mgrid[1 : rows + 1, 1 : columns + 1]
    return ArrayReport(
        name=name,
        rows=rows,
        columns=columns,
        tiles=1,
        target=target,
        programmed=programmed,
        wire_loss=1 / (1 + 4e-4 * (column + rows - row)),
        programming=Programming(
            convergence=1 - 0.5 * np.exp(-np.arange(12) / 2.5),
            pulses=12_345,
            yield_fraction=0.9834,
            energy_j=4.2e-6,
            time_s=0.0321,
        ),
        row_groups=row_groups,
        column_groups=column_groups,
    )


def _cost():
    return Cost(
        power_w=1.234e-3,
        energy_per_step_j=2.468e-9,
        latency_per_step_s=2e-6,
        area_m2=5.432e-8,
        items=(
            CostItem(item="arrays", energy_j=1.1e-9, latency_s=1e-8, area_m2=5.1e-9,
                     value="V·I at the drivers, from the conductances as programmed", uncertainty="±5 %"),
            CostItem(item="ADC", energy_j=9.4e-10, latency_s=1.6e-6, area_m2=3.7e-8, value="20 fJ a conversion step",
                     source="Murmann (2023), ADC Performance Survey 1997–2023", uncertainty="factor 2"),
            CostItem(item="DAC", energy_j=3.1e-10, latency_s=2e-8, area_m2=1.1e-8, value="50 fF switched at 0.2 V",
                     source="Saberi et al. (2011), IEEE TCAS-I 58(8)", uncertainty="factor 3"),
            CostItem(item="gates, in digital logic", energy_j=1.2e-10, latency_s=3.7e-7, area_m2=1.2e-9,
                     value="0.2 pJ an 8-bit multiplication", source="Horowitz (2014), ISSCC, 10–14",
                     uncertainty="factor 2", outside_crossbar=True),
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def record():
    """One made-up run, shared by the tests that only read it."""
    return synthetic_record()


@pytest.fixture(scope="session")
def several():
    """One made-up run of twelve leads."""
    return synthetic_leads()


@pytest.fixture(scope="session")
def classified():
    """One made-up run that classifies, with two classes."""
    return synthetic_classes()


@pytest.fixture(scope="session")
def hostile(several):
    """A file whose names are anything but names."""
    texts = dict.fromkeys("task title unit quantity period test_note data_source command".split(), HOSTILE)
    ahead = {name: (HOSTILE,) * len(getattr(several.future, name)) for name in ("labels", "past_labels")}
    return dataclasses.replace(
        several,
        **texts,
        labels=(HOSTILE,) * MONTHS,
        future=dataclasses.replace(several.future, **ahead),
        interval=dataclasses.replace(several.interval, method=HOSTILE),
        gates={HOSTILE: several.gates["i"]},
    )


@pytest.fixture(scope="session")
def hostile_classes():
    """The same for classes."""
    texts = dict.fromkeys("task title note gate_sequence".split(), HOSTILE)
    return synthetic_classes((HOSTILE, f"{HOSTILE}2", "=1+1"), sequences=(HOSTILE,) * 100, **texts)


@pytest.fixture(scope="session")
def documents(record):
    """The figures of that run, by name, as SVG documents."""
    return {name: svg(figure, name) for name, figure in figures(record).items()}


@pytest.fixture(scope="session")
def source(record, documents):
    """The page of that run as HTML."""
    return html(record, documents)


@pytest.fixture(scope="session")
def bare():
    """A run with as little in it as can be: one network on one ideal chip."""
    full = synthetic_record()
    single = Score(mean=16.0)
    return synthetic_record(
        seeds=(0,),
        chips=1,
        causes=(),
        left_digital=("recurrent.weight_peephole_l0",),
        forecasts=Forecasts(software=full.forecasts.software[:1], chip=full.forecasts.chip[:1]),
        software=single,
        chip_ideal=single,
        chip_whole=single,
        departure=Score(mean=0.0),
        departure_ideal=Score(mean=0.0),
        training=(dataclasses.replace(full.training[0], validation=None, best_epoch=None),),
        gates={"i": full.gates["i"][:, :1]},
        arrays=(),
        published=(),
        cost=dataclasses.replace(full.cost, items=()),
    )


@pytest.fixture(scope="session")
def make():
    """Make a run with other fields: ``make(cell="gru")``."""
    return synthetic_record


@pytest.fixture(scope="session")
def classify():
    """Make a run that classifies: ``classify(("a", "b"), tested=100)``."""
    return synthetic_classes


@pytest.fixture(scope="session")
def replace():
    """`dataclasses.replace`, for parts of a record."""
    return dataclasses.replace
