"""The tables in docs/digital.md say what the program and the measurements say."""

import csv
import statistics
from pathlib import Path

import pytest

from cellwright import LSTM
from cellwright.digital import CHIPMUNK, CHIPMUNK_FAST, SUN_2018, Plan, Table, comparisons
from cellwright.digital.fpga import SUN_2018_PEAK
from cellwright.units import area as square_metres
from cellwright.units import quantity

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "digital.md"
RANGE = 518 / 100  # of the airline series, in thousand passengers a per cent
NETWORKS = {"airline `best`": (2, 4), "airline `li2019`": (1, 15), "fills one Chipmunk": (96, 96)}


def table(*rows):
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def activations():
    ways = {
        "table, 64 entries": Table(entries=64),
        "table, 256 entries": Table(entries=256),
        "table, 64 straight lines": Table(entries=64, interpolate=True),
        "table, 256 straight lines": Table(entries=256, interpolate=True),
        "PLAN": Plan(),
    }
    return table(
        ("activation", "largest error, sigmoid", "tanh"),
        *(
            (name, *(f"{way.maximum_error(function):.2g}" for function in ("sigmoid", "tanh")))
            for name, way in ways.items()
        ),
    )


def measured():
    errors = {}
    with (ROOT / "benchmarks/fixed_point.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            errors.setdefault(row["arithmetic"], {}).setdefault(row["recipe"], []).append(float(row["rmse"]))
    recipes = ("best", "survey", "li2019")
    return table(
        ("arithmetic", "`best`", "% of range", "`survey`", "`li2019`"),
        *(
            (
                name,
                f"{statistics.mean(found['best']):.2f} ± {statistics.stdev(found['best']):.2f}",
                f"{statistics.mean(found['best']) / RANGE:.2f}",
                *(f"{statistics.mean(found[r]):.2f} ± {statistics.stdev(found[r]):.2f}" for r in recipes[1:]),
            )
            for name, found in errors.items()
        ),
    )


def published():
    return table(
        ("machine", "network", "figure", "published", "ours", "difference"),
        *(
            (
                found.machine,
                found.network,
                found.quantity,
                ("< " if found.is_bound else "") + quantity(found.published, found.unit, 4),
                quantity(found.ours, found.unit, 4),
                "bound kept"
                if found.is_bound
                else f"{100 * found.difference:+.1f} %" + (", fitted" if found.is_fitted else ""),
            )
            for found in comparisons()
        ),
    )


def constants():
    machines = {"Chipmunk": CHIPMUNK, CHIPMUNK_FAST.name: CHIPMUNK_FAST, SUN_2018.name: SUN_2018}
    return table(
        ("machine", "constant", "value", "source"),
        *(
            (machine, name, shown(constant), constant.source)
            for machine, accelerator in machines.items()
            for name, constant in accelerator.constants.items()
            if accelerator is not CHIPMUNK_FAST or constant != CHIPMUNK.constants[name]
        ),
    )


def shown(constant):
    if constant.unit == "m2":
        return square_metres(constant.value)
    if constant.unit in ("Hz", "W"):
        return quantity(constant.value, constant.unit, 4)
    return f"{constant.value:g} {constant.unit}".strip()


def costs():
    rows = []
    for name, (inputs, hidden) in NETWORKS.items():
        for accelerator in (CHIPMUNK, CHIPMUNK_FAST, SUN_2018):
            cost = accelerator.step_cost(LSTM(inputs, hidden))
            rows.append((
                f"{name}: {inputs} in, {hidden} units",
                cost.name,
                f"{cost.operations:,}",
                str(cost.cycles),
                quantity(cost.latency_s, "s"),
                f"{100 * cost.utilisation:.1f} %",
                quantity(cost.throughput, "op/s"),
                quantity(cost.energy_per_step_j, "J"),
            ))  # fmt: skip
    head = ("LSTM", "machine", "operations", "cycles", "latency", "utilisation", "throughput", "energy a step")
    return table(head, *rows)


@pytest.mark.parametrize("expected", [activations, measured, published, constants, costs])
def test_the_tables_are_those_of_the_program(expected):
    assert f"\n\n{expected()}\n\n" in PAGE.read_text(encoding="utf-8")


def test_the_cpu_of_the_comparison_is_the_quotient():
    page = PAGE.read_text(encoding="utf-8")
    assert f"13.45 / 28.76 = {SUN_2018_PEAK.value / 28.76 / 1e9:.3f} Gop/s" in page
    assert all(machine.citation in " ".join(page.split()) for machine in (CHIPMUNK, SUN_2018))
