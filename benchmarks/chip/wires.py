"""Exact wires: one array, 1 ohm in every segment, driver and sense."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nodal
import numpy as np
import torch
from bench import Bench, apart, milliseconds
from rows import Row, Spread

from cellwright.crossbar.devices import find
from cellwright.crossbar.wires import Wires, effective_matrix

SHAPES = ((128, 64), (128, 128), (256, 256))
OHM = 1.0
WIRES = Wires(row_segment=OHM, column_segment=OHM, driver=OHM, sense=OHM)
SPARSE_LU = "sparse LU"
VECTORS = (1, 64)
ONCE = 1


def wires(bench: Bench) -> None:
    """The effective matrix of an array, beside SciPy's sparse LU factors of its nodal matrix.

    The sparse factors are taken in symmetric mode, ordered by minimum degree; one solution a bit line.
    """
    for rows, columns in SHAPES:
        conductances = drawn(rows, columns)
        tensor = torch.from_numpy(conductances)
        ours = bench.timed({"ours": lambda tensor=tensor: effective_matrix(tensor, WIRES)})
        theirs = bench.timed({SPARSE_LU: lambda values=conductances: nodal.effective_matrix(values, OHM)}, ONCE)
        mine, other = (milliseconds(timings.seconds[name]) for timings, name in ((ours, "ours"), (theirs, SPARSE_LU)))
        size = f"{rows} x {columns}"
        disturbed = ours.disturbed or theirs.disturbed
        bench.report(Row("wires", "effective matrix", size, "", "ms", mine, SPARSE_LU, other, apart(mine, other),
                         disturbed=disturbed))  # fmt: skip
        exact = nodal.effective_matrix(conductances, OHM)
        difference = relative_difference(effective_matrix(tensor, WIRES).numpy(), exact)
        bench.report(
            Row("wires", "largest difference", size, unit="of the largest entry", ours=Spread.of([difference]),
                peer=SPARSE_LU)
        )  # fmt: skip


def badcrossbar(bench: Bench) -> None:
    """Sensed currents for some input vectors, the solve included, beside badcrossbar in a Python of its own.

    badcrossbar factors its nodal matrix at each call; that takes most of its time for 64 vectors too.
    """
    for rows, columns in SHAPES:
        conductances = drawn(rows, columns)
        for count in VECTORS:
            volts = np.random.default_rng(1).normal(size=(rows, count))
            tensor, inputs = torch.from_numpy(conductances), torch.from_numpy(volts)
            ours = bench.timed({"ours": lambda t=tensor, v=inputs: v.T @ effective_matrix(t, WIRES)})
            with tempfile.TemporaryDirectory() as folder:
                given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npy"
                np.savez(given, conductances=conductances, volts=volts, ohm=OHM, repeats=bench.repeats)
                said = bench.peer("badcrossbar", str(given), str(answer))
                currents = np.load(answer)
            difference = relative_difference((inputs.T @ effective_matrix(tensor, WIRES)).numpy(), currents)
            mine, other = milliseconds(ours.seconds["ours"]), milliseconds(said["seconds"])
            vectors = f"{count} vector" + ("s" if count > 1 else "")
            peer = f"badcrossbar {said['version']}"
            bench.report(Row("badcrossbar", vectors, f"{rows} x {columns}", "", "ms", mine, peer, other,
                             apart(mine, other), disturbed=ours.disturbed,
                             note=f"currents differ by {difference:.1g} of the largest"))  # fmt: skip


def drawn(rows: int, columns: int) -> np.ndarray:
    """Conductances from the window of Li et al.'s device, in siemens."""
    return np.random.default_rng(0).uniform(*find("li2019").window, (rows, columns))


def relative_difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference over the largest entry."""
    return float(abs(found - wanted).max() / abs(wanted).max())
