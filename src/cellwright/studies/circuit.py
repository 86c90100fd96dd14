"""The analog circuit: a trained network's cell as a netlist, run by ngspice beside software and its twin."""

from __future__ import annotations

import json
from pathlib import Path

from rich.text import Text
from torch import nn

from cellwright.program import equations
from cellwright.report.circuit_files import write_circuit_report
from cellwright.report.circuit_record import CircuitReport
from cellwright.report.circuit_table import results_table
from cellwright.studies.circuit_job import CircuitJob, CircuitSettings
from cellwright.studies.circuit_simulation import NETLIST, simulated
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.narration import SILENT, Narration
from cellwright.studies.run import one_thread, train_networks

__all__ = ["CircuitSettings", "run_circuit"]


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
        report = simulated(job, _network(job, folder, narration), folder, narration)
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
