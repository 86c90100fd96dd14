"""The airline recipes in fixed point: errors of the forecasts by number of bits.

    python benchmarks/fixed_point.py

Five networks a recipe are trained in software and then rounded, calibrated on the training inputs. Results go to
``fixed_point.csv`` beside this file, a row a recipe, arithmetic and seed; ``docs/digital.md`` shows them.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

import torch

from cellwright.digital import CHIPMUNK, FixedPoint, Plan, fixed_point
from cellwright.tasks import find
from cellwright.tasks.training import train

HERE = Path(__file__).parent
RECIPES = ("best", "survey", "li2019")
BITS = (4, 5, 6, 8, 10, 12, 16)
ARITHMETICS = {
    **{f"{bits} bits": FixedPoint(bits=bits) for bits in BITS},
    "16 bits, headroom 2": FixedPoint(bits=16, headroom=2.0),
    "8 bits, floor": FixedPoint(bits=8, rounding="floor"),
    "8 bits, narrow accumulator": FixedPoint(bits=8, accumulator="narrow"),
    "16 bits, PLAN": FixedPoint(bits=16, activation=Plan()),
    "8-bit weights, 16-bit states": CHIPMUNK.arithmetic,
}


def main() -> None:
    task, rows = find("airline"), []
    for name in RECIPES:
        recipe = task.recipe(name)
        inputs, calibration = task.test_inputs(recipe), task.training_data(recipe).everything.inputs
        start = time.perf_counter()

        def error(model: torch.nn.Module) -> float:
            with torch.no_grad():
                forecast = task.forecast(model.eval()(inputs)[0], recipe)  # noqa: B023  (used in this round alone)
            return float(task.metrics(forecast)[task.metric][0])

        for seed in recipe.seeds:
            model = train(task, recipe, seed).model
            rows.append({"recipe": name, "arithmetic": "software", "seed": seed, "rmse": error(model)})
            for arithmetic, settings in ARITHMETICS.items():
                rounded = fixed_point(model, settings, calibration=calibration)
                rows.append({"recipe": name, "arithmetic": arithmetic, "seed": seed, "rmse": error(rounded)})
        print(f"{name}: {time.perf_counter() - start:.0f} s")
    with (HERE / "fixed_point.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "rmse": f"{row['rmse']:.4f}"} for row in rows)


if __name__ == "__main__":
    main()
