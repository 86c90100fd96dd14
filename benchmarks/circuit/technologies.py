"""The technologies side by side: how well a pair of transistors is a tanh, and how long ngspice takes to read models.

    python benchmarks/circuit/technologies.py [--markdown]

Those whose models are not here are left out. Results go to ``technologies.csv`` beside this file;
``docs/technologies.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

from cellwright.circuit import simulate
from cellwright.circuit.technologies import Technology, catalogue
from cellwright.errors import CellwrightError

TABLE = Path(__file__).with_suffix(".csv")
CURRENTS = ((100e-9, 0.2), (20e-6, 0.6))
"""Tails of the pair, A, and how far its input goes, V."""

TRANSISTORS = 600
TURNS = 5
# The five transistors of a pair: two inputs, two of a mirror as load, and the tail, whose own reference is not counted.
PAIR = """\
Vcm middle 0 {middle}
Vs input 0 0
Ep left middle input 0 0.5
En right middle input 0 -0.5
Ib vdd bias {current}
Xbias bias bias 0 0 nmos w=4u l=1u
X1 tail bias 0 0 nmos w=4u l=1u
X2 load left tail 0 nmos w=4u l=1u
X3 out right tail 0 nmos w=4u l=1u
X4 load load vdd vdd pmos w=4u l=1u
X5 out load vdd vdd pmos w=4u l=1u
Vo out 0 {middle}
.dc Vs {low} {high} {step}
"""


def pair(technology: Technology, current: float, reach: float) -> dict[str, float]:
    """The pair's differential current over -reach to reach V, against the tanh that fits it best."""
    sweep = PAIR.format(middle=technology.middle, current=current, low=-reach, high=reach, step=reach / 50)
    done = simulate(f"* pair\n{technology.models()}\nVdd vdd 0 {technology.supply}\n{sweep}.end\n")
    voltage, found = done["input"], done["i(vo)"] / current

    def curve(v: np.ndarray, amplitude: float, scale: float, offset: float) -> np.ndarray:
        return amplitude * np.tanh((v - offset) / scale)

    fitted, _ = curve_fit(curve, voltage, found, p0=[1, 0.07, 0])
    error = np.abs(found - curve(voltage, *fitted)).max()
    return {"current": current, "scale_mv": 1e3 * fitted[1], "offset_mv": 1e3 * fitted[2], "error": error}


def start_up(technology: Technology) -> float:
    """Seconds of a run of many transistors' operating point: the least of a few turns."""
    diodes = [
        f"Xn{index} d{index} d{index} 0 0 nmos w={4 + index % 3}u l=1u vt={index % 7 * 1e-3:g}\n"
        f"Xp{index} d{index} d{index} vdd vdd pmos w={4 + index % 3}u l=1u vt={index % 5 * 1e-3:g}"
        for index in range(TRANSISTORS // 2)
    ]
    netlist = "\n".join(["* diodes", technology.models(), f"Vdd vdd 0 {technology.supply}", *diodes, ".op", ".end", ""])
    taken = []
    for _ in range(TURNS):
        start = time.perf_counter()
        simulate(netlist)
        taken.append(time.perf_counter() - start)
    return min(taken)


def measured() -> Iterator[dict[str, str]]:
    """A row a technology and current."""
    for name, technology in catalogue().items():
        try:
            technology.models()
        except CellwrightError as error:
            print(f"left out: {error}")
            continue
        seconds = start_up(technology)
        for current, reach in CURRENTS:
            found = {key: f"{value:.4g}" for key, value in pair(technology, current, reach).items()}
            yield {"technology": name, **found, "start_up_s": f"{seconds:.2f}"}


def markdown() -> str:
    """The errors as a table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    heads = [f"{1e6 * current:g} uA, over {reach:g} V either way" for current, reach in CURRENTS]
    lines = [f"| | {' | '.join(heads)} |", "|---|---|---|"]
    for name in dict.fromkeys(row["technology"] for row in rows):
        errors = [f"{100 * float(row['error']):.1f} %" for row in rows if row["technology"] == name]
        lines.append(f"| `{name}` | {' | '.join(errors)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured, and stop")
    if parser.parse_args().markdown:
        print(markdown())
        return
    rows = []
    for row in measured():
        print(*row.values(), flush=True)
        rows.append(row)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
