"""The file ``cell.cir``: its text, and that ngspice plots the states where a person runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cellwright.cells import find
from cellwright.circuit import simulate, technologies
from cellwright.circuit.by_hand import by_hand
from cellwright.circuit.calibration import Conditions, Laboratory, PairConstants
from cellwright.circuit.design import Design
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.schematic import schematic
from cellwright.circuit.wiring import wire


@pytest.fixture(scope="module")
def netlist() -> Netlist:
    """An LSTM of one unit over two steps, with pairs as a textbook has them: no ngspice measures anything."""
    laboratory = Laboratory(Design(), Conditions(technologies.find("generic180")))
    laboratory.__dict__["constants"] = PairConstants(1.0, 0.033, 0.066, 0.0001, -0.0002, 0.01)
    stored = {"weight_ih": (4, 1), "weight_hh": (4, 1), "bias_ih": (4,), "bias_hh": (4,)}
    weights = {
        name: torch.linspace(-0.8, 0.9, 4, dtype=torch.float64).reshape(shape) * (index + 1) / 4
        for index, (name, shape) in enumerate(stored.items())
    }
    sizes = {"feature": 1, "unit": 1}
    wiring = wire(schematic(find("lstm")), weights, sizes, laboratory.design, laboratory.constants)
    return Netlist(wiring, laboratory, {"x": np.array([[0.5], [-1.0]])})


def test_the_text_of_a_small_cell(netlist: Netlist, golden: Callable[[str, str], None]) -> None:
    golden("lstm_1_unit.cir", by_hand(netlist, "an LSTM of one unit"))


@pytest.fixture(scope="module")
def resistors(netlist: Netlist) -> str:
    """The file with a resistor in the place of all transistors, so that it takes no time."""
    head, control, rest = by_hand(netlist, "plots").partition("\n.control")
    saved = [line for line in head.splitlines() if line.startswith((".save v(sample)", ".tran"))]
    watched = [line for line in head.splitlines() if line.startswith(".save v(o_in0)")]
    nodes = [word[2:-1] for word in watched[0].split() if word.startswith("v(")]
    stand_ins = [f"V{node} {node} 0 {0.9 + 0.1 * index}" for index, node in enumerate(nodes)]
    clocks = ["Vsample sample 0 0", "Vtransfer transfer 0 1", "Vsupply vdd 0 1.8"]
    return "\n".join(["* stand-ins", *stand_ins, *clocks, *watched, *saved]) + control + rest


def test_by_hand_ngspice_plots_states_and_clocks(resistors: str, needs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    program = needs.program("ngspice", remedy="apt install ngspice")
    plots = [line.split() for line in resistors.splitlines() if line.startswith("  plot ")]
    assert [words[1] for words in plots] == ["(v(h0)-0.9)/0.1", "(v(c0)-0.9)/0.1", "v(sample)"]
    # In the place of windows there are files: the same vectors, written out.
    written = [f"  wrdata {index}.data {words[1]}" for index, words in enumerate(plots)]
    shown = iter(written)
    lines = [next(shown) if line.startswith("  plot ") else line for line in resistors.splitlines()]
    (tmp_path / "cell.cir").write_text("\n".join(lines) + "\n", encoding="utf-8")
    subprocess.run([program, "cell.cir"], cwd=tmp_path, input="quit\n", text=True, capture_output=True, check=False)
    volts = simulate(resistors)
    for index, node in enumerate(("h0", "c0")):
        numbers = np.loadtxt(tmp_path / f"{index}.data")[:, 1]
        assert numbers[-1] == pytest.approx((volts[node][-1] - 0.9) / 0.1)


def test_batch_mode_opens_no_window(resistors: str, needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    done = simulate(resistors)
    assert "viewport" not in done.log
    assert {"v(sample)", "v(transfer)", "v(h0)", "v(c0)"} <= set(done.analyses[-1].vectors)
    assert len(done.analyses) == 1
