"""Every block by itself, in each technology: what it does, how far it is from its equation, what it takes.

    python benchmarks/circuit/blocks.py [--technologies generic180,gf180,sky130] [--markdown]

Pairs are swept over their gates, amplifiers over output and load and over frequency, a hold over its range and over
time. Results go to ``blocks.csv`` beside this file, the picture of the curves to ``docs/images/circuit-blocks.png``;
``docs/circuit-blocks.md`` shows both.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from trained import PICTURES, kept, write

from cellwright.circuit import simulate, technologies
from cellwright.circuit.blocks.block import Block
from cellwright.circuit.blocks.pairs import SigmaPair, TanhPair, Translinear
from cellwright.circuit.calibration import Conditions, Laboratory, bias_components
from cellwright.circuit.components import GROUND, MIDDLE, SUPPLY, Capacitor, Instance, Source, line
from cellwright.circuit.design import Design
from cellwright.circuit.hold import follower
from cellwright.files import write_atomically
from cellwright.report.canvas import CHIP, MUTED, SOFTWARE, new_figure, png, style

RESULTS = Path(__file__).with_suffix(".csv")
PAIRS = (SigmaPair, TanhPair, Translinear)
HOT = 85.0
DROOP = 1e-3
"""s, for which a hold is left alone."""


def measure(technology: str) -> Iterable[Mapping[str, object]]:
    """A row a block: a quantity, its unit, its value."""
    laboratory = Laboratory(Design(), Conditions(technologies.find(technology)))
    for block, what, unit, value in (*_pairs(laboratory), *_amplifier(laboratory), *_hold(laboratory)):
        yield {"technology": technology, "block": block, "what": what, "unit": unit, "value": value}


Found = tuple[str, str, str, float]


def _pairs(laboratory: Laboratory) -> Iterable[Found]:
    constants, design = laboratory.constants, laboratory.design
    yield "pairs", "slope of sigma", "mV", 1e3 * constants.sigma_slope
    yield "pairs", "slope of tanh", "mV", 1e3 * constants.tanh_slope
    yield "pairs", "offset of sigma", "mV", 1e3 * constants.sigma_offset
    yield "pairs", "offset of tanh", "mV", 1e3 * constants.tanh_offset
    for kind in PAIRS:
        error = float(np.abs(_measured(laboratory, kind) - _meant(laboratory, kind)).max())
        yield kind.kind, "largest error, of the tail current", "%", 100 * error
        yield kind.kind, "supply current", "nA", 1e9 * kind().supply_current(design.pair_current)
        yield kind.kind, "area of gates", "um2", _gates(kind())


def _volts(kind: type[Block]) -> list[torch.Tensor]:
    """Voltages at the signals' ports, over what circuits use: 6 slopes of sigma and 4 of tanh to either side."""
    ranges = [reach for port, reach in (("sigma", 0.2), ("value", 0.26)) if port in kind.inputs]
    return list(torch.meshgrid(*(torch.linspace(-r, r, 81, dtype=torch.float64) for r in ranges), indexing="ij"))


def _measured(laboratory: Laboratory, kind: type[SigmaPair | TanhPair | Translinear]) -> np.ndarray:
    """The current as ngspice has it, beside the tail and the amplitude."""
    unit = laboratory.design.pair_current * laboratory.constants.amplitude
    return (laboratory.pair(kind, 1, 1)(*_volts(kind)) / unit).numpy()


def _meant(laboratory: Laboratory, kind: type[Block]) -> np.ndarray:
    """The equation that it stands for."""
    constants, volts = laboratory.constants, _volts(kind)
    product = torch.ones_like(volts[0])
    if "sigma" in kind.inputs:
        product = product * torch.sigmoid(volts[0] / constants.sigma_slope)
    if "value" in kind.inputs:
        product = product * torch.tanh(volts[-1] / constants.tanh_slope)
    return product.numpy()


def _amplifier(laboratory: Laboratory) -> Iterable[Found]:
    design = laboratory.design
    table = laboratory.virtual_ground
    yield "opamp", "input error without load, in the middle", "mV", 1e3 * float(table.values[len(table.values) // 2, 4])
    yield (
        "opamp",
        "most input error, to two thirds of the way to the rails and 32 uA",
        "mV",
        1e3 * np.abs(table.values).max(),
    )
    gain, unity, margin = _frequency_response(laboratory)
    yield "opamp", "gain at low frequency", "dB", gain
    yield "opamp", "unity-gain frequency", "MHz", unity / 1e6
    yield "opamp", "phase margin", "degrees", margin
    yield "opamp", "supply current", "uA", 1e6 * design.opamp.supply_current(design.amplifier_current)
    yield "opamp", "area of gates", "um2", _gates(design.opamp)


def _frequency_response(laboratory: Laboratory) -> tuple[float, float, float]:
    """Gain (dB), unity-gain frequency (Hz) and phase margin (degrees) with 100 kohm and 1 pF at the output."""
    components = [
        *bias_components(laboratory.design),
        Instance("1", "opamp", (MIDDLE, "minus", "out", "opamp_bias", SUPPLY), {}),
        Capacitor("load", "out", GROUND, 1e-12),
        Capacitor("signal", "minus", "signal", 1.0),
        Source("signal", "V", "signal", GROUND, "0 ac 1", "input"),
    ]
    # The inductor closes the loop for the operating point and opens it for every frequency.
    netlist = [*map(line, components), "Rload out vcm 100k", "Lloop out minus 1meg", ".ac dec 40 1 1g"]
    response = _run(laboratory, "gain of an amplifier", netlist, [laboratory.design.opamp], ("frequency", "v(out)"))
    frequency, out = response["frequency"].real, -response["v(out)"]
    gain, phase = 20 * np.log10(np.abs(out)), np.degrees(np.unwrap(np.angle(out)))
    crossing = int(np.argmax(gain < 0))
    return float(gain[0]), float(frequency[crossing]), float(180 + phase[crossing] - phase[0])


def _hold(laboratory: Laboratory) -> Iterable[Found]:
    design = laboratory.design
    table = laboratory.hold
    levels = np.linspace(*table.axes[0], len(table.values))
    moved = table.values - levels
    inner = np.abs(levels) < 0.21
    yield "hold", "moves a zero by", "mV", 1e3 * float(moved[len(levels) // 2])
    yield "hold", "spread of that within 0.2 V", "mV", 1e3 * float(np.ptp(moved[inner]))
    for temperature in (laboratory.conditions.temperature, HOT):
        yield (
            "hold",
            f"droop at {temperature:g} C, 0.2 V from the middle",
            "mV/ms",
            1e3 * _droop(laboratory, temperature),
        )
    yield "hold", "supply current of its amplifiers", "uA", 2e6 * design.opamp.supply_current(design.amplifier_current)
    density = laboratory.conditions.technology.capacitor_density
    yield "hold", "area of its capacitors", "um2", 2e12 * design.hold_capacitance / density


def _droop(laboratory: Laboratory, temperature: float) -> float:
    """How far a voltage 0.2 V above the middle has moved a millisecond after its switch opened, V.

    ngspice's own conductance of 1 pS at every junction would be most of it.
    """
    technology = laboratory.conditions.technology
    hot = Laboratory(laboratory.design, Conditions(technology, temperature=temperature))
    step, end = 20e-6, 20e-6 + DROOP
    clock, complement = ((f"pulse({a:g} {b:g} {step:g} 40n 40n 1 2)", name) for a, b, name in (
        (technology.supply, 0, "on"), (0, technology.supply, "off"))
    )  # fmt: skip
    components = [
        *bias_components(laboratory.design),
        Source("level", "V", "level", GROUND, f"{technology.middle + 0.2:g}", "input"),
        *(Source(name, "V", name, GROUND, value, "clock") for value, name in (clock, complement)),
        Instance("1", "switch", ("on", "off", "level", "held", SUPPLY), {}),
        Capacitor("held", "held", GROUND, laboratory.design.hold_capacitance),
        follower("out", "held", "out"),
    ]
    transient = f".tran 1u {end:g} 0 10u"
    blocks = [laboratory.design.opamp, laboratory.design.switch]
    found = _run(
        hot,
        "droop",
        [*map(line, components), ".options method=gear gmin=1e-16", transient],
        blocks,
        ("time", "v(held)"),
    )
    begun, ended = np.interp([step + 5e-6, end], found["time"], found["v(held)"])
    return float(abs(ended - begun))


def _run(
    laboratory: Laboratory, title: str, lines: Sequence[str], blocks: Sequence[Block], names: Sequence[str]
) -> dict[str, np.ndarray]:
    head = [*laboratory.conditions.header(title), *(block.subcircuit() for block in blocks)]
    done = simulate("\n".join([*head, *lines, ".end"]) + "\n")
    return {name: done[name] for name in names}


def _gates(block: Block) -> float:
    return 1e12 * sum(each.gate_area for each in block.transistors)


def picture(names: Sequence[str]) -> None:
    """The curves of each block, a line a technology; a second row has what they depart by."""
    laboratories = {name: Laboratory(Design(), Conditions(technologies.find(name))) for name in names}
    with style():
        figure = new_figure(900, 520)
        panels = figure.subplots(2, 4)
        for (name, laboratory), colour in zip(laboratories.items(), (CHIP, SOFTWARE, MUTED), strict=False):
            for kind, above, below in zip(PAIRS, panels[0], panels[1], strict=False):
                _draw_pair(laboratory, kind, above, below, name, colour)
            table = laboratory.hold
            volts = np.linspace(*table.axes[0], len(table.values))
            panels[0, 3].plot(volts, 1e3 * (table.values - volts), color=colour, label=name)
            errors = laboratory.virtual_ground
            out = np.linspace(*errors.axes[0], len(errors.values))
            panels[1, 3].plot(out, 1e3 * errors.values[:, 4], color=colour, label=name)
        titles = [f"{kind.kind}: current / tail" for kind in PAIRS]
        for panel, title in zip(panels[0], [*titles, "hold: moved by, mV"], strict=True):
            panel.set_title(title, loc="left")
        for panel, title in zip(panels[1], [*["departs by, % of tail"] * 3, "amplifier: input error, mV"], strict=True):
            panel.set_title(title, loc="left")
            panel.set_xlabel("V from half the supply")
        panels[0, 3].set_xlim(-0.4, 0.4)
        for panel in panels.flat:
            panel.grid(visible=True)
        panels[0, 0].legend()
    write_atomically(PICTURES / "circuit-blocks.png", png(figure))


def _draw_pair(
    laboratory: Laboratory,
    kind: type[SigmaPair | TanhPair | Translinear],
    above: Axes,
    below: Axes,
    name: str,
    colour: str,
) -> None:
    """Over the last of its ports; of a product at three voltages of its gate."""
    measured, meant, volts = _measured(laboratory, kind), _meant(laboratory, kind), _volts(kind)[-1].numpy()
    if measured.ndim == 1:
        measured, meant, volts = measured[None], meant[None], volts[None]
    rows = (0,) if len(measured) == 1 else (20, 40, 60)
    for row in rows:
        label = name if row == rows[0] else None
        above.plot(volts[row], measured[row], color=colour, label=label)
        below.plot(volts[row], 100 * (measured[row] - meant[row]), color=colour)


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """The table of the documentation."""
    names = list(dict.fromkeys(row["technology"] for row in rows))
    lines = [f"| block | | unit | {' | '.join(names)} |", "|---" * (3 + len(names)) + "|"]
    values = {(row["block"], row["what"], row["unit"], row["technology"]): float(row["value"]) for row in rows}
    for block, what, unit in dict.fromkeys(key[:3] for key in values):
        shown = [
            f"{values[block, what, unit, name]:.3g}" if (block, what, unit, name) in values else "" for name in names
        ]
        lines.append(f"| {block} | {what} | {unit} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technologies", default="generic180,gf180,sky130", help="names with commas between them")
    parser.add_argument("--markdown", action="store_true", help="print the kept results as a table, measure nothing")
    options = parser.parse_args()
    if not options.markdown:
        names = options.technologies.split(",")
        write(RESULTS, [row for name in names for row in measure(name)])
        picture(names)
    print(markdown(kept(RESULTS)))


if __name__ == "__main__":
    main()
