"""How fast layers are: beside torch's, beside our own vanilla LSTM, and beside the interpreted loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from bench import (
    MODES,
    TORCH_GRU,
    TORCH_LSTM,
    TORCH_RNN,
    VANILLA,
    Bench,
    Work,
    has_cell,
    missing,
    multiplications,
    recurrent,
    work_of,
)
from measuring import side_by_side
from rows import Row, Size
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import cellwright
from cellwright import cells, kernels

NORMALISED = "lnlstm"
RESET_SHARE = 0.03
GATES = ("i", "f", "g", "o", "c")
INTERPRETED_REPEATS = 3
"""Few, because the interpreter takes long and its factor is large."""


def vanilla(bench: Bench) -> None:
    """The LSTM that torch has tuned: our drop-in, which has its parameters, and the cell of the catalogue."""

    def works(size: Size) -> dict[str, Work]:
        return {
            "cellwright.LSTM": work_of(cellwright.LSTM(size.features, size.units), size),
            VANILLA: recurrent("lstm", size),
            TORCH_LSTM: work_of(nn.LSTM(size.features, size.units), size),
        }

    _beside_torch(bench, "vanilla", works, TORCH_LSTM)


def gru(bench: Bench) -> None:
    """GRU in torch's form, whose reset gate acts after the recurrent matrix."""
    if not has_cell("gru"):
        bench.report(missing("gru", 'Recurrent("gru")'))
        return

    def works(size: Size) -> dict[str, Work]:
        return {
            "cellwright.GRU": work_of(cellwright.GRU(size.features, size.units), size),
            'Recurrent("gru")': recurrent("gru", size),
            TORCH_GRU: work_of(nn.GRU(size.features, size.units), size),
        }

    _beside_torch(bench, "gru", works, TORCH_GRU)


def rnn(bench: Bench) -> None:
    """Simple recurrent networks in torch's form, with either nonlinearity."""

    def works(size: Size) -> dict[str, Work]:
        return {
            "cellwright.RNN": work_of(cellwright.RNN(size.features, size.units), size),
            'Recurrent("rnn")': recurrent("rnn", size),
            'Recurrent("rnn-relu")': recurrent("rnn-relu", size),
            TORCH_RNN: work_of(nn.RNN(size.features, size.units), size),
        }

    _beside_torch(bench, "rnn", works, TORCH_RNN)


def projection(bench: Bench) -> None:
    """LSTM with its output projected to half of its units."""

    def works(size: Size) -> dict[str, Work]:
        half = size.units // 2
        return {
            "cellwright.LSTM": work_of(cellwright.LSTM(size.features, size.units, proj_size=half), size),
            TORCH_LSTM: work_of(nn.LSTM(size.features, size.units, proj_size=half), size),
        }

    _beside_torch(bench, "projection", works, TORCH_LSTM)


def ragged(bench: Bench) -> None:
    """Sequences of random lengths, given as torch packs them and as a padded batch with its lengths.

    The mean of squares of a padded output reads the padding too.
    """

    def works(size: Size) -> dict[str, Work]:
        lengths = random_lengths(size)
        padded = torch.randn(size.steps, size.rows, size.features)
        packed = pack_padded_sequence(padded, lengths, enforce_sorted=False)
        layer = cellwright.LSTM(size.features, size.units)
        steps = int(lengths.sum())
        return {
            "LSTM, packed": Work(layer, packed, steps),
            "LSTM, lengths": Work(layer, padded, steps, {"lengths": lengths}),
            TORCH_LSTM: Work(nn.LSTM(size.features, size.units), packed, steps),
        }

    _beside_torch(bench, "ragged", works, TORCH_LSTM)


def random_lengths(size: Size) -> torch.Tensor:
    """Lengths from 1 to all steps, evenly; the first sequence has all, so that every size keeps its meaning."""
    lengths = torch.randint(1, size.steps + 1, (size.rows,))
    lengths[0] = size.steps
    return lengths


def _beside_torch(bench: Bench, section: str, works: Callable[[Size], Mapping[str, Work]], peer: str) -> None:
    """Rows whose ratio says how many times as fast as torch's layer ours are."""
    for size in bench.sizes:
        torch.manual_seed(0)
        built = works(size)
        for mode in MODES:
            timings = bench.timed(built, mode)
            for subject in [name for name in built if name != peer]:
                ours = timings.microseconds(subject)
                row = Row(
                    section,
                    subject,
                    str(size),
                    mode,
                    "µs",
                    ours,
                    peer,
                    timings.microseconds(peer),
                    timings.ratio(peer, over=subject),
                    bench.share_of_peak(built[subject], mode, ours.median),
                    timings.disturbed,
                )
                bench.report(row)


def variants(bench: Bench) -> None:
    """Each variant of the LSTM beside our vanilla, whose time is scaled by what the variant multiplies."""
    for cell in elementwise_variants():
        for size in bench.sizes:
            torch.manual_seed(0)
            works = {cell: recurrent(cell, size), VANILLA: recurrent("lstm", size)}
            for mode in MODES:
                scale = multiplications(works[cell].layer, mode) / multiplications(works[VANILLA].layer, mode)
                _report_cost(bench, "variants", cell, size, mode, works, VANILLA, scale)


def interpreted(bench: Bench) -> None:
    """Each variant of the LSTM compiled beside the same interpreted."""
    _beside_interpreted(bench, "interpreted", elementwise_variants())


def further(bench: Bench) -> None:
    """Every other cell that reads one sequence compiled beside the same interpreted.

    Units without memory are left out: they have no loop, and the interpreter takes all steps at once, too.
    """
    variants = (*elementwise_variants(), "lstm", NORMALISED, "lstmp")
    found = {name: cell for name, cell in cells.catalogue("sequence").items() if len(cell.sequences) == 1}
    rest = [name for name, cell in found.items() if name not in variants and not isinstance(cell, cells.FeedForward)]
    _beside_interpreted(bench, "further", rest)


def _beside_interpreted(bench: Bench, section: str, names: Sequence[str]) -> None:
    """Rows whose ratio says how many times as fast as the interpreter the compiled loop of a cell is."""
    for cell in names:
        for size in bench.sizes:
            torch.manual_seed(0)
            work = recurrent(cell, size)
            for mode in MODES:
                compiled = work.in_mode(mode)
                runs = {cell: compiled, "interpreted": _interpreted(compiled)}
                timings = side_by_side(runs, min(INTERPRETED_REPEATS, bench.repeats), bench.cores)
                row = Row(
                    section,
                    cell,
                    str(size),
                    mode,
                    "µs",
                    timings.microseconds(cell),
                    "interpreted",
                    timings.microseconds("interpreted"),
                    timings.ratio("interpreted", over=cell),
                    disturbed=timings.disturbed,
                )
                bench.report(row)


def elementwise_variants() -> list[str]:
    """The catalogue's LSTMs that differ from vanilla in what stands between the matrices."""
    found = {name: cell for name, cell in cells.catalogue().items() if type(cell) is cells.LSTM}
    return [name for name, cell in found.items() if name not in ("lstm", NORMALISED) and not cell.projection]


def _interpreted(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with kernels.switched(False):
            work()

    return run


def normalised(bench: Bench) -> None:
    """The layer-normalised LSTM beside our vanilla."""
    if not has_cell(NORMALISED):
        bench.report(missing("normalised", NORMALISED))
        return
    for size in bench.sizes:
        torch.manual_seed(0)
        works = {NORMALISED: recurrent(NORMALISED, size), VANILLA: recurrent("lstm", size)}
        for mode in MODES:
            _report_cost(bench, "normalised", NORMALISED, size, mode, works, VANILLA)


def extras(bench: Bench) -> None:
    """Lengths, resets, and gates on request, beside the same layer without."""
    for size in bench.sizes:
        torch.manual_seed(0)
        plain = recurrent("lstm", size)
        options: dict[str, dict[str, Any]] = {
            "lengths": {"lengths": random_lengths(size)},
            "3 % resets": {"resets": torch.rand(size.steps, size.rows) < RESET_SHARE},
            "gates on request": {"record": GATES},
        }
        for subject, option in options.items():
            works = {subject: Work(plain.layer, plain.x, plain.steps, option), "without": plain}
            for mode in MODES:
                _report_cost(bench, "extras", subject, size, mode, works, "without")


def _report_cost(
    bench: Bench,
    section: str,
    subject: str,
    size: Size,
    mode: str,
    works: Mapping[str, Work],
    peer: str,
    scale: float = 1.0,
) -> None:
    """A row whose ratio says how many times as long as ``scale`` times its peer a layer takes."""
    timings = bench.timed(works, mode)
    row = Row(
        section,
        subject,
        str(size),
        mode,
        "µs",
        timings.microseconds(subject),
        peer,
        timings.microseconds(peer),
        timings.ratio(subject, over=peer, scale=scale),
        disturbed=timings.disturbed,
        note="" if scale == 1.0 else f"{scale:.3f} of vanilla's multiplications",
    )
    bench.report(row)
