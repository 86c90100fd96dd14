"""A trained cell over temperature and corners: designed at 27 degrees and typical, operated elsewhere.

    python benchmarks/circuit/temperature.py [--technology generic180] [--seeds 3] [--ends] [--markdown]

With constant references, and with references proportional to absolute temperature. The twin runs all test sequences of
the survey's airline networks; ngspice runs the first of one network at the ends. Results go to ``temperature.csv``
beside this file, the picture to ``docs/images/circuit-temperature.png``; ``docs/circuit-cost.md`` shows them. A sweep
of the blocks for each new condition takes most of the time; they are kept in the folder for caches.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from trained import PICTURES, circuit_of, judged, kept, network, simulated, write

from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.design import Design
from cellwright.circuit.technologies import CORNERS, ROOM_TEMPERATURE, Corner
from cellwright.files import write_atomically
from cellwright.report.canvas import CHIP, SOFTWARE, new_figure, png, style

RESULTS = Path(__file__).with_suffix(".csv")
TEMPERATURES = (-40.0, 0.0, ROOM_TEMPERATURE, 55.0, 85.0)
SIMULATED = (-40.0, 85.0)
LABELS = {"constant": "constant references", "proportional": "references follow temperature"}
BIASES = tuple(LABELS)

Row = dict[str, str]


def conditions() -> Iterator[tuple[str, Corner, float]]:
    """References, corner, temperature."""
    for bias in BIASES:
        yield from ((bias, "typical", temperature) for temperature in TEMPERATURES)
    yield from (("constant", corner, ROOM_TEMPERATURE) for corner in CORNERS if corner != "typical")


def ends() -> Iterator[tuple[str, Corner, float]]:
    """Those in which ngspice runs, and room temperature."""
    for condition in conditions():
        if condition[1] == "typical" and condition[2] in (*SIMULATED, ROOM_TEMPERATURE):
            yield condition


def measure(technology: str, seeds: int, chosen: Iterable[tuple[str, Corner, float]]) -> None:
    """Rows of other technologies stay in the file."""
    rows: list[Mapping[str, object]] = [row for row in kept(RESULTS) if row["technology"] != technology]
    for bias, corner, temperature in chosen:
        operated = Conditions(technologies.find(technology), corner, temperature)
        for seed in range(seeds):
            circuit = circuit_of(seed, technology, Design(proportional=bias == "proportional"), operated)
            row: dict[str, object] = {"technology": technology, "references": bias, "corner": corner}
            row |= {"temperature": f"{temperature:g}", "seed": seed, "software_rmse": network(seed).software()["rmse"]}
            row |= judged(seed, circuit)
            row |= dict.fromkeys(("spice_to_twin", "spice_to_software"), "")
            if seed == 0 and corner == "typical" and temperature in SIMULATED:
                row |= simulated(seed, circuit)
            rows.append(row)
            print(", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
            write(RESULTS, rows)


def among(rows: Sequence[Row], technology: str, bias: str, corner: str, temperature: float) -> list[Row]:
    wanted = technology, bias, corner, f"{temperature:g}"
    return [row for row in rows if (row["technology"], row["references"], row["corner"], row["temperature"]) == wanted]


def mean(rows: Sequence[Row], column: str) -> float:
    return float(np.mean([float(row[column]) for row in rows]))


def largest(rows: Sequence[Row], column: str) -> float:
    return max(float(row[column]) for row in rows)


def picture(rows: Sequence[Row]) -> None:
    with style():
        figure = new_figure(640, 340)
        axes = figure.subplots()
        for bias, mark, colour in zip(BIASES, "os", (CHIP, SOFTWARE), strict=True):
            found = [among(rows, "generic180", bias, "typical", temperature) for temperature in TEMPERATURES]
            largest_errors = [largest(each, "h_max") for each in found]
            axes.plot(TEMPERATURES, largest_errors, f"{mark}-", color=colour, label=f"{LABELS[bias]}: largest")
            axes.plot(TEMPERATURES, [mean(each, "h_rms") for each in found], f"{mark}--", color=colour, label="rms")
        axes.set(xlabel="temperature in °C, designed at 27", ylabel="error of h beside software", ylim=(0, None))
        axes.set_xticks(TEMPERATURES)
        axes.grid(visible=True)
        axes.legend()
    write_atomically(PICTURES / "circuit-temperature.png", png(figure))


def markdown(rows: Sequence[Row]) -> str:
    """The table of the documentation: the largest over the networks, and means."""
    lines = [
        "| technology | references | corner | temperature | h, largest | h, rms | RMSE | software | ngspice to twin |"
    ]
    lines.append("|---" * 9 + "|")
    for technology in dict.fromkeys(row["technology"] for row in rows):
        for bias, corner, temperature in conditions():
            if found := among(rows, technology, bias, corner, temperature):
                spice = "".join(f"{float(row['spice_to_twin']):.4f}" for row in found if row["spice_to_twin"])
                lines.append(
                    f"| {technology} | {bias} | {corner} | {temperature:g} °C | {largest(found, 'h_max'):.4f} "
                    f"| {mean(found, 'h_rms'):.4f} | {mean(found, 'rmse'):.2f} | {mean(found, 'software_rmse'):.2f} "
                    f"| {spice} |"
                )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technology", default="generic180", help="name of a technology")
    parser.add_argument("--seeds", type=int, default=3, help="trained networks")
    parser.add_argument("--ends", action="store_true", help="typical at -40, 27 and 85 degrees alone")
    parser.add_argument("--markdown", action="store_true", help="print the kept results as a table, measure nothing")
    arguments = parser.parse_args()
    if not arguments.markdown:
        measure(arguments.technology, arguments.seeds, ends() if arguments.ends else conditions())
        picture(kept(RESULTS))
    print(markdown(kept(RESULTS)))


if __name__ == "__main__":
    main()
