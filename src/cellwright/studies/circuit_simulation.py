"""A trained network's cell through ngspice, and what comes out of it as a record."""

from __future__ import annotations

from torch import nn

from cellwright.circuit.by_hand import by_hand
from cellwright.circuit.circuit import Circuit, Waveforms, run
from cellwright.circuit.ngspice import TIMEOUT
from cellwright.circuit.starting_point import starting_point
from cellwright.report.circuit_record import CircuitReport
from cellwright.report.wording import counted
from cellwright.studies.circuit_job import CircuitJob, circuit_of
from cellwright.studies.circuit_summary import built, summarise
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.narration import Narration
from cellwright.units import clock

NETLIST = "cell.cir"


def simulated(job: CircuitJob, network: nn.Module, folder: ResultsFolder, narration: Narration) -> CircuitReport:
    """The circuit of a trained network beside software and twin; its netlist is written to the folder.

    Raises:
        CellwrightError: a weight is too large for a memristor; ngspice finds no solution.
    """
    problem = job.problem(network)
    narration.say("measuring the blocks of the circuit, each once and kept")
    circuit = circuit_of(problem, job.conditions)
    waveforms = _simulated(job, circuit, folder, narration)
    narration.say("comparing the circuit with software and twin")
    doing = "drawing and trimming" if job.settings.trim else "drawing"
    with narration.steps(f"{doing} {job.settings.monte_carlo} chips with mismatch", len(job.draws)) as advance:
        return summarise(job, problem, circuit, waveforms, advance)


def _simulated(job: CircuitJob, circuit: Circuit, folder: ResultsFolder, narration: Narration) -> Waveforms:
    """What ngspice computes of the netlist, which lies in the folder before it is run."""
    netlist = circuit.netlist({circuit.wiring.schematic.inputs[0].name: job.sequence.numpy()}, measured_supplies=True)
    title = f"{job.run.cell_name} of {job.task.name}, recipe {job.recipe.name}, by cellwright"
    text = by_hand(netlist, title, starting_point(netlist, circuit.twin))
    folder.write(NETLIST, text)
    parts = ", ".join(f"{count:,} {name}" for name, count in built(netlist).items())
    narration.say(f"{parts}, over {counted(job.steps, 'step')}")
    with narration.work("ngspice") as tell:
        return run(netlist, text, TIMEOUT * job.steps, lambda seconds: tell(0.0, clock(seconds)))
