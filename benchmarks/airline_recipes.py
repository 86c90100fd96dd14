"""The airline recipes, every seed of each: errors in software and on the chip, time and memory.

    python benchmarks/airline_recipes.py

Each recipe runs in a process of its own. Results go to files beside this one: ``airline_recipes.csv``, a row a recipe
and seed; ``airline_chips.csv``, a row a recipe, over all its chips; ``airline_causes.csv``, a row a recipe and cause,
with percentiles over the chips of how far they depart from software. ``docs/airline.md`` shows them.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RECIPES = ("best", "survey", "li2019")

MEASURE = """
import json, resource, sys, time
start = time.perf_counter()
import numpy as np
from cellwright.studies import RunSettings, run_study
report = run_study(RunSettings(task="airline", recipe=sys.argv[1]), sys.argv[2])
seconds = time.perf_counter() - start
scale = 1 if sys.platform == "darwin" else 1024
observed = report.series[report.test]
rmse = lambda forecasts: np.sqrt(np.mean((forecasts - observed) ** 2, axis=-1))
spread = lambda name, score: {f"{name}_p{p}": score.percentiles[p] for p in (5, 50, 95)}
software = rmse(report.forecasts.software)
chips = rmse(report.forecasts.chip).reshape(len(report.seeds), -1)
print(json.dumps({
    "seeds": [
        {"seed": seed, "software": s, "chip": c.mean(), "chip_std": c.std(ddof=1)}
        for seed, s, c in zip(report.seeds, software.tolist(), chips)
    ],
    "causes": [
        {"cause": c.name, **spread("alone", c.departure_alone), **spread("without", c.departure_without)}
        for c in report.causes
    ] + [{"cause": "all", **spread("alone", report.departure)}],
    "whole": {"software": report.software.mean, "software_std": report.software.std,
              **spread("chip", report.chip_whole)},
    "seconds": seconds,
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale,
}))
"""


def main() -> None:
    seeds, chips, causes = [], [], []
    for recipe in RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", MEASURE, recipe, folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        measured = json.loads(done.stdout.splitlines()[-1])
        print(f"{recipe}: {measured['seconds']:.0f} s, peak {measured['peak_bytes'] / 2**20:.0f} MiB")
        seeds += [{"recipe": recipe, **row} for row in measured["seeds"]]
        causes += [{"recipe": recipe, **row} for row in measured["causes"]]
        chips.append({"recipe": recipe, **measured["whole"]})
    write(HERE / "airline_recipes.csv", seeds)
    write(HERE / "airline_chips.csv", chips)
    write(HERE / "airline_causes.csv", causes)


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: f"{item:.4f}" if isinstance(item, float) else item for name, item in row.items()})


if __name__ == "__main__":
    main()
