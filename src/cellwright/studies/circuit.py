"""The analog circuit: a trained network's cell as a netlist, run by ngspice beside software and its twin."""

from __future__ import annotations

import json
from pathlib import Path

from rich.text import Text
from torch import nn

from cellwright.circuit.by_hand import by_hand
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.ngspice import TIMEOUT, simulate
from cellwright.program import equations
from cellwright.report.circuit_files import write_circuit_report
from cellwright.report.circuit_record import CircuitReport
from cellwright.report.circuit_table import results_table
from cellwright.report.wording import counted
from cellwright.studies.circuit_job import CircuitJob, CircuitSettings, circuit_of
from cellwright.studies.circuit_summary import built, summarise
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.narration import SILENT, Narration
from cellwright.studies.run import one_thread, train_networks
from cellwright.units import clock

__all__ = ["CircuitSettings", "run_circuit"]

NETLIST = "cell.cir"


def run_circuit(
    settings: CircuitSettings, out: str | Path | None = None, *, overwrite: bool = False, narration: Narration = SILENT
) -> CircuitReport:
    """Make a circuit of a trained network's cell, simulate it, and compare it with software and twin.

    Args:
        settings: what to make.
        out: folder for the results; ``runs/circuit-TASK-RECIPE-TECHNOLOGY`` by default.
        overwrite: replace results in the folder that other settings made.
        narration: who is told of progress and results; by default nobody.

    Returns:
        what the page shows. The folder then has ``cell.cir``, ``circuit.html``, ``result.json``, ``waveforms.csv``,
        ``steps.csv``, the figures, and the checkpoints of a training.

    Raises:
        CellwrightError: an unknown name; a cell without a circuit; no ngspice, or none of its runs finds a solution; a
            folder that holds something else.
    """
    job = CircuitJob(settings)
    path = Path(out) if out else job.default_folder
    with ResultsFolder(path, job.described(), overwrite=overwrite) as folder, one_thread():
        _introduce(job, folder, narration)
        problem = job.problem(_network(job, folder, narration))
        narration.say("measuring the blocks of the circuit, each once and kept")
        circuit = circuit_of(problem, job.conditions)
        waveforms = _simulated(job, circuit, folder, narration)
        narration.say("comparing with software and twin")
        report = summarise(job, problem, circuit, waveforms)
        write_circuit_report(report, folder.path)
    narration.say(results_table(report))
    narration.say(f"page: {path / 'circuit.html'}; by hand: ngspice {path / NETLIST}")
    return report


def _introduce(job: CircuitJob, folder: ResultsFolder, narration: Narration) -> None:
    narration.note(f"folder: {folder.path.resolve()}")
    narration.note(f"settings: {json.dumps(job.described())}")
    narration.say(Text(f"{job.run.cell_name}: {job.run.listed.title}"))
    for equation in equations(job.run.listed.cell.program()):
        narration.say(Text(f"  {equation.unicode}"))


def _network(job: CircuitJob, folder: ResultsFolder, narration: Narration) -> nn.Module:
    """The network of the file that was named, or one that is trained here."""
    if job.weights is not None:
        narration.say(f"weights: {job.weights}")
        return job.network
    return train_networks(job.run, folder.path / "checkpoints", narration)[0].model


def _simulated(job: CircuitJob, circuit: Circuit, folder: ResultsFolder, narration: Narration) -> Waveforms:
    """What ngspice computes of the netlist, which lies in the folder before it is run."""
    netlist = circuit.netlist({circuit.wiring.schematic.inputs[0].name: job.sequence.numpy()})
    text = by_hand(netlist, f"{job.run.cell_name} of {job.task.name}, recipe {job.recipe.name}, by cellwright")
    folder.write(NETLIST, text)
    parts = ", ".join(f"{count:,} {name}" for name, count in built(netlist).items())
    narration.say(f"{parts}, over {counted(job.steps, 'step')}")
    with narration.work("ngspice") as tell:
        simulation = simulate(text, timeout=TIMEOUT * job.steps, waiting=lambda seconds: tell(0.0, clock(seconds)))
    return Waveforms(netlist, simulation)
