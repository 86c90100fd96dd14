"""The default forecaster on real series that it was not made for, beside the naive forecasts.

    python benchmarks/own_data.py [--only NAME] [--data FOLDER] [--markdown]

Each series is written to a CSV file and forecast as `cellwright run FILE --target ...` does it: the last fifth is the
test, five networks, nothing chosen by hand but the season and the columns that stand below. Results go to
``own_data.csv`` beside this file, a row a series, horizon, method and seed; ``docs/own-data.md`` shows them.

Data: the folder of data sets (see docs/data-sets.md); sunspots and co2 also from an installed statsmodels.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cellwright.data.known import data_folder, read_series
from cellwright.files import write_atomically
from cellwright.tasks import ForecastFile, TableTask, train

HERE = Path(__file__).parent
RESULTS = HERE / "own_data.csv"
COLUMNS = ("series", "rows", "season", "horizon", "method", "seed", "rmse", "coverage")
SEEDS = range(5)
HORIZONS = (1, 12)
CLEAR = 0.995
"""Below this part of the best naive error a network is said to win: less is a tie."""

WEATHER = ("prcp", "srad", "tmax", "tmin", "vp")


@dataclass(frozen=True)
class Case:
    """A series: of which known set, which part and column, with which other columns and season."""

    name: str
    known: str
    part: str = ""
    target: str = ""
    inputs: tuple[str, ...] = ()
    season: int = 0


CASES = (
    Case("sunspots, yearly", "sunspots"),
    Case("CO2 over Mauna Loa, weekly", "co2", season=52),
    Case("river 01022500, daily", "camels_us", "01022500", "streamflow", WEATHER),
    Case("river 01547700, daily", "camels_us", "01547700", "streamflow", WEATHER),
    Case("river 02064000, daily", "camels_us", "02064000", "streamflow", WEATHER),
    Case("river 03015500, daily", "camels_us", "03015500", "streamflow", WEATHER),
    Case("traffic 773869, 5 minutes", "traffic", target="773869", season=288),
    Case("traffic 767541, 5 minutes", "traffic", target="767541", season=288),
    Case("traffic 767542, 5 minutes", "traffic", target="767542", season=288),
    Case("Australian dollar, daily", "fx_exchange_rate", target="australia"),
    Case("British pound, daily", "fx_exchange_rate", target="britain"),
    Case("Japanese yen, daily", "fx_exchange_rate", target="japan"),
    Case("New York taxis, half hours", "nab", "nyc_taxi", season=48),
    Case("Dutch power, quarter hours", "anomaly_discords", "dutch_power_demand", season=96),
    Case("airline passengers, monthly", "airline", season=12),
)


def write_series(case: Case, folder: Path, data: Path) -> ForecastFile:
    """The series as a file; gaps on the straight line between their neighbours."""
    series = read_series(case.known, _place(case.known, data), case.part).filled()
    target = case.target or next(iter(series.columns))
    path = folder / "series.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = (target, *case.inputs)
        writer.writerow(names)
        writer.writerows(zip(*(map(repr, series.columns[name].tolist()) for name in names), strict=True))
    return ForecastFile(path=str(path), target=target, inputs=case.inputs, season=case.season)


def _place(known: str, data: Path) -> Path:
    """The folder of data sets, or that of statsmodels for what it has."""
    if (data / known).exists() or known not in ("sunspots", "co2"):
        return data
    found = importlib.util.find_spec("statsmodels")
    return data if found is None or found.origin is None else Path(found.origin).parents[1]


def measured(case: Case, horizon: int, file: ForecastFile) -> Iterator[dict[str, object]]:
    """All rows of a series at one horizon."""
    task = TableTask(ForecastFile(**{**vars(file), "horizon": horizon}))
    about = {"series": case.name, "rows": task.table.rows, "season": case.season or "", "horizon": horizon}
    recipe = task.recipe()

    def row(method: str, seed: object, forecasts: torch.Tensor, coverage: object = "") -> dict[str, object]:
        rmse = float(task.metrics(forecasts)["rmse"])
        return about | {"method": method, "seed": seed, "rmse": f"{rmse:.6g}", "coverage": coverage}

    for baseline in task.baselines().values():
        yield row(baseline.name, "", baseline.forecasts)
    forecasts, unseen = [], []
    for seed in SEEDS:
        trained = train(task, recipe, seed)
        with torch.no_grad():
            outputs, _ = trained.model.eval()(task.test_inputs(recipe))
        forecasts.append(task.forecast(outputs, recipe)[0])
        unseen.append(trained.unseen)
        yield row("network", seed, forecasts[-1])
    mean = torch.stack(forecasts).mean(0)
    covered = task.interval(unseen).coverage(task.observed, mean.reshape(-1, horizon).numpy())
    yield row("mean forecast", "", mean, f"{covered:.4f}")


def markdown(rows: list[dict[str, str]]) -> str:
    """The table of the documentation, and its count of wins."""
    lines = [
        (
            "| series | rows | season | rows ahead | best naive forecast | its RMSE | network, mean of 5 "
            "| of the naive | mean of 5 forecasts | 90 % interval holds |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    wins = dict.fromkeys(HORIZONS, 0)
    total = dict(wins)
    for horizon in HORIZONS:
        for case in CASES:
            own = [row for row in rows if row["series"] == case.name and row["horizon"] == str(horizon)]
            if not own:
                continue
            networks = [float(row["rmse"]) for row in own if row["method"] == "network"]
            mean = next(row for row in own if row["method"] == "mean forecast")
            naive = min(
                (row for row in own if row["method"] not in ("network", "mean forecast")),
                key=lambda row: float(row["rmse"]),
            )
            ratio = float(np.mean(networks)) / float(naive["rmse"])
            wins[horizon] += ratio < CLEAR
            total[horizon] += 1
            cells = [
                case.name, f"{int(own[0]['rows']):,}", own[0]["season"] or "–", str(horizon),
                naive["method"].replace("_", " "), f"{float(naive['rmse']):.4g}",
                f"{np.mean(networks):.4g} ± {np.std(networks, ddof=1):.2g}",
                f"**{ratio:.3f}**" if ratio < CLEAR else f"{ratio:.3f}",
                f"{float(mean['rmse']):.4g}", f"{100 * float(mean['coverage']):.0f} %",
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    counted = "; ".join(
        f"{wins[horizon]} of {total[horizon]} series {'one row' if horizon == 1 else f'{horizon} rows'} ahead"
        for horizon in HORIZONS
    )
    return "\n".join(
        [*lines, "", f"The network beats every naive forecast, by more than half a per cent, on {counted}."]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="series whose name has this")
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of data sets")
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    options = parser.parse_args()
    kept = list(csv.DictReader(RESULTS.open())) if RESULTS.exists() else []
    if options.markdown:
        print(markdown(kept))
        return
    torch.set_num_threads(1)
    for case in CASES:
        if options.only not in case.name:
            continue
        kept = [row for row in kept if row["series"] != case.name]
        with tempfile.TemporaryDirectory() as folder:
            file = write_series(case, Path(folder), options.data)
            for horizon in HORIZONS:
                kept += [{name: str(row[name]) for name in COLUMNS} for row in measured(case, horizon, file)]
        print(markdown([row for row in kept if row["series"] == case.name]).splitlines()[-4:-2], flush=True)
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        write_atomically(RESULTS, text.getvalue())


if __name__ == "__main__":
    main()
