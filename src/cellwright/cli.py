"""The command line. Everything heavy is imported inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellwright.errors import CellwrightError, named
from cellwright.refusals import BAD_INPUT, INTERRUPTED, OneLineGroup, refusal
from cellwright.stopping import TERMINATED, leave

if TYPE_CHECKING:
    from cellwright.cells import Cell
    from cellwright.studies.narration import Narration

__all__ = ["BAD_INPUT", "INTERRUPTED", "app", "main"]

app = typer.Typer(
    name="cellwright",
    cls=OneLineGroup,
    help="Write a recurrent cell once; train it, put it on a memristor chip, and see what the hardware does to it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

devices = typer.Typer(
    cls=OneLineGroup, help="Memristors: list them, look at one, fit one to measured pulses.", no_args_is_help=True
)
app.add_typer(devices, name="device")

data_sets = typer.Typer(
    cls=OneLineGroup, help="Known data sets: list them, check that a copy is whole.", no_args_is_help=True
)
app.add_typer(data_sets, name="data")

command = app.command()

Quiet = Annotated[bool, typer.Option("--quiet", help="say nothing but errors")]
AsJson = Annotated[bool, typer.Option("--json", help="print the results as JSON on stdout; all else is said on stderr")]
Log = Annotated[Path | None, typer.Option(help="append what happens to this file, with times")]


@contextmanager
def _narrated(context: typer.Context, quiet: bool, as_json: bool, log: Path | None) -> Iterator[Narration]:
    """Who hears what a study says; the log has also what was asked and how it ended."""
    from rich.console import Console

    from cellwright.studies.narration import Narration, RunLog

    record = None if log is None else RunLog(log)
    narration = Narration(None if quiet else Console(stderr=as_json), record)
    narration.note(f"begun: {shlex.join(['cellwright', *context.obj])}")
    narration.note(f"process {os.getpid()}, Python {platform.python_version()} on {platform.platform()}")
    try:
        yield narration
    except BaseException as error:
        told = refusal(error)
        with suppress(OSError):
            narration.note(f"ended: {told.line if told else f'{type(error).__name__}: {error}'}")
        raise
    else:
        narration.note("ended: done")
    finally:
        if record is not None:
            record.close()


@command
def run(
    context: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK|FILE", help="what is learnt: airline, or a file of your own")],
    kind: Annotated[
        str, typer.Option("--task", metavar="KIND", help="FILE: forecast (the default) a column, or classify sequences")
    ] = "forecast",
    target: Annotated[str, typer.Option(help="FILE: the column to forecast")] = "",
    inputs: Annotated[str, typer.Option(help="FILE: further columns of which the past is seen, as A,B")] = "",
    known: Annotated[str, typer.Option(help="FILE: columns that are known in the future too, as A,B")] = "",
    time: Annotated[str, typer.Option(help="FILE: the column of times")] = "",
    lookback: Annotated[int, typer.Option(min=0, help="FILE: rows that the network sees; 0 chooses")] = 0,
    horizon: Annotated[int, typer.Option(min=1, help="FILE: rows ahead to forecast")] = 1,
    season: Annotated[int, typer.Option(min=0, help="FILE: rows of a season, 12 for months; 0 is none")] = 0,
    test: Annotated[
        float | None,
        typer.Option(help="FILE: the part to test on: rows at its end, by default 0.2; or of each class, 0.25"),
    ] = None,
    test_file: Annotated[
        str, typer.Option(help="FILE to classify: another file to test on; by default NAME_TEST beside NAME_TRAIN")
    ] = "",
    delimiter: Annotated[str, typer.Option(help="FILE: what separates columns; by default a comma")] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="folder for the results; by default runs/TASK-RECIPE[-CELL][-DEVICE] or runs/FILE-TARGET"),
    ] = None,
    recipe: Annotated[str, typer.Option(help="how it is learnt; airline: best (the default), survey, li2019")] = "",
    cell: Annotated[str, typer.Option(help="a cell of the catalogue, or FILE.py:CLASS")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="networks to train, one a seed")] = 5,
    device: Annotated[
        str,
        typer.Option(
            help="memristors: li2019, li2019-gait, pcm, rram, rram-1t1r, rram-sinh, ideal (converters stay); your own "
            "is FILE.json (from device fit) or FILE.py:NAME"
        ),
    ] = "li2019",
    chips: Annotated[int, typer.Option(min=1, help="chips to program with each network")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="the first seed, of networks and of chips")] = 0,
    no_tiling: Annotated[
        bool, typer.Option("--no-tiling", help="refuse a network whose matrices do not fit one array each")
    ] = False,
    circuit: Annotated[
        bool, typer.Option("--circuit", help="airline: report the first network's analog circuit, too (needs ngspice)")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace results made with other settings")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    log: Log = None,
) -> None:
    """Train on a task or on your own file, program memristor chips, and report what the hardware did to the result."""
    with _narrated(context, quiet, as_json, log) as narration:
        from cellwright.report.result import result_json
        from cellwright.studies.files import own_file
        from cellwright.studies.run import RunSettings, run_study

        file = own_file(
            task,
            kind,
            target=target,
            inputs=inputs,
            known=known,
            time=time,
            lookback=lookback,
            horizon=horizon,
            season=season,
            test=test,
            test_file=test_file,
            delimiter=delimiter,
        )
        settings = RunSettings(
            task=task,
            recipe=recipe,
            cell=cell,
            seeds=seeds,
            device=device,
            chips=chips,
            seed=seed,
            no_tiling=no_tiling,
            circuit=circuit,
            file=file,
        )
        report = run_study(settings, out, overwrite=overwrite, narration=narration)
        if as_json:
            typer.echo(result_json(report), nl=False)


@command
def predict(
    context: typer.Context,
    run: Annotated[
        Path, typer.Argument(help="folder of a finished run on a file, as runs/FILE-TARGET or runs/FILE-classify")
    ],
    file: Annotated[Path, typer.Argument(help="a file with the same columns, or of sequences with as many dimensions")],
    out: Annotated[Path | None, typer.Option(help="CSV to write; by default RUN/predictions/FILE.csv")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    log: Log = None,
) -> None:
    """Forecast what comes after a file's rows, or tell the classes of its sequences, with the networks of a run."""
    with _narrated(context, quiet, as_json, log) as narration:
        from cellwright.studies.predict import predict as predict_rows

        found = predict_rows(run, file, out, narration=narration)
        if as_json:
            typer.echo(json.dumps(found.plain(), indent=2))


@command
def sweep(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="what is learnt: airline")],
    over: Annotated[list[str], typer.Option(help="what to vary, as bits=4,6,8; given again, all combinations are run")],
    out: Annotated[Path | None, typer.Option(help="folder for the results; by default runs/sweep-TASK-RECIPE")] = None,
    recipe: Annotated[str, typer.Option(help="how it is learnt, as in run")] = "",
    cell: Annotated[str, typer.Option(help="a cell of the catalogue, or FILE.py:CLASS")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="networks to train, one a seed; all points share them")] = 5,
    device: Annotated[str, typer.Option(help="memristors of the base chip, as in run")] = "li2019",
    chips: Annotated[int, typer.Option(min=1, help="chips to program with each network at each point")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="the first seed, of networks and of chips")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="how many points and networks at a time")] = 1,
    backend: Annotated[str, typer.Option(help="what runs them: loky (processes of this machine), dask, ray")] = "loky",
    scheduler: Annotated[str, typer.Option(help="address of a Dask or Ray cluster; by default a local one")] = "",
    table: Annotated[
        str, typer.Option("--format", help="csv, parquet (beside CSV); by default both where pyarrow is installed")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace results made with other settings")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    log: Log = None,
) -> None:
    """Vary the settings of the chip, and report what each does to the error and what a smaller error costs."""
    with _narrated(context, quiet, as_json, log) as narration:
        from cellwright.report.sweep_result import result_json
        from cellwright.studies.job import RunSettings
        from cellwright.studies.plan import SweepSettings
        from cellwright.studies.sweep import run_sweep

        run = RunSettings(task=task, recipe=recipe, cell=cell, seeds=seeds, device=device, chips=chips, seed=seed)
        report = run_sweep(
            SweepSettings(run=run, over=tuple(over)),
            out,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            table_format=table,
            overwrite=overwrite,
            narration=narration,
        )
        if as_json:
            typer.echo(result_json(report), nl=False)


@command
def circuit(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="what is learnt: airline")],
    cell: Annotated[
        str, typer.Option(help="a cell of the catalogue, or FILE.py:CLASS; by default the recipe's, lstm")
    ] = "",
    recipe: Annotated[str, typer.Option(help="how it is learnt, as in run")] = "",
    model: Annotated[
        str, typer.Option(metavar="FILE", help="weights of a run, as runs/airline-best/model.safetensors; else trains")
    ] = "",
    steps: Annotated[int, typer.Option(min=0, help="time steps to simulate; 0: as many as the recipe has")] = 0,
    technology: Annotated[str, typer.Option(help="of the transistors: generic180, gf180, sky130")] = "generic180",
    corner: Annotated[
        str, typer.Option(help="of the process: typical, fast, slow, fast-slow (n, p), slow-fast")
    ] = "typical",
    temperature: Annotated[float, typer.Option(help="degrees Celsius")] = 27.0,
    monte_carlo: Annotated[int, typer.Option(min=0, help="chips with mismatch, through the twin")] = 0,
    trim: Annotated[bool, typer.Option("--trim", help="trim those chips, too, and show both")] = False,
    seed: Annotated[int, typer.Option(min=0, help="of the network and of mismatch")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="folder for the results; by default runs/circuit-TASK-RECIPE-TECHNOLOGY")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace results made with other settings")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    log: Log = None,
) -> None:
    """Make an analog circuit of a trained network's cell, run it in ngspice, and compare it with software and twin."""
    with _narrated(context, quiet, as_json, log) as narration:
        from cellwright.report.circuit_result import result_json
        from cellwright.studies.circuit import CircuitSettings, run_circuit

        settings = CircuitSettings(
            task=task,
            recipe=recipe,
            cell=cell,
            model=model,
            steps=steps,
            monte_carlo=monte_carlo,
            trim=trim,
            technology=technology,
            corner=corner,
            temperature=temperature,
            seed=seed,
        )
        report = run_circuit(settings, out, overwrite=overwrite, narration=narration)
        if as_json:
            typer.echo(result_json(report), nl=False)


@command
def cells() -> None:
    """List the cells of the catalogue, and the ways to connect them."""
    from rich.console import Console
    from rich.table import Table

    from cellwright.report.catalogue import overview

    listed, ways = overview()
    for headings, rows in ((("cell", "what it is", "matrix weights"), listed), (("topology", "what it is", ""), ways)):
        table = Table(box=None, pad_edge=False)
        for heading in headings:
            table.add_column(heading)
        for row in rows:
            table.add_row(*row)
        Console().print(table, "")


@command
def show(
    name: Annotated[str, typer.Argument(help="a cell or topology of the catalogue, or FILE.py:CLASS")],
    latex: Annotated[bool, typer.Option("--latex", help="print the equations as LaTeX")] = False,
    picture: Annotated[Path | None, typer.Option(help="draw what is computed from what, as SVG, to this file")] = None,
    kernel: Annotated[bool, typer.Option("--kernel", help="print the compiled loops and their code")] = False,
    vectors: Annotated[
        str, typer.Option(help="with --kernel, for which processor: this, avx512, avx2, sse, neon (untested)")
    ] = "this",
    assembly: Annotated[bool, typer.Option("--assembly", help="with --kernel, assembly instead of LLVM IR")] = False,
) -> None:
    """Print a cell's equations, what a step costs, and where it was published; or the code of its kernels."""
    from cellwright.cells import Listed, describe, entries
    from cellwright.cells.listing import is_file
    from cellwright.files import write_atomically
    from cellwright.layers import Topology, topologies
    from cellwright.report import catalogue

    known: dict[str, Listed | Topology] = {**entries(), **topologies()}
    entry = describe(name) if is_file(name) else named("cell or topology", name, known, "; your own is FILE.py:CLASS")
    _check_kernel_options(kernel=kernel, latex=latex, vectors=vectors, assembly=assembly)
    if picture is not None and picture.is_dir():
        raise CellwrightError(f"--picture {picture} is a folder: name a file in it, such as {name}.svg")
    if picture is not None:
        write_atomically(picture, catalogue.picture(entry))
    elif kernel and isinstance(entry, Listed):
        typer.echo(_kernel(entry.cell, vectors, assembly))
    elif kernel:
        raise CellwrightError(f"{name} connects cells, and has no loop of its own: name a cell")
    else:
        typer.echo(catalogue.latex(entry) if latex else catalogue.described(name, entry))


@devices.command("list")
def list_devices() -> None:
    """List the memristors of the catalogue."""
    from rich.console import Console

    from cellwright.studies import devices as study

    study.list_devices(Console())


@devices.command("show")
def show_device(
    name: Annotated[str, typer.Argument(help="a device of the catalogue, FILE.json or FILE.py:NAME")],
) -> None:
    """Print a device's numbers with their units, where they come from, and what is assumed."""
    from rich.console import Console

    from cellwright.studies import devices as study

    study.show_device(name, Console())


@devices.command("fit")
def fit_device(
    pulses: Annotated[
        Path, typer.Argument(help="CSV: pulse, voltage or gate_voltage, conductance (or conductance_uS), device")
    ],
    out: Annotated[Path, typer.Option(help="folder for NAME.json, its residuals and its picture")] = Path("devices"),
    name: Annotated[str, typer.Option(help="of the device; by default that of the file")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a device of that name")] = False,
) -> None:
    """Fit a device to measured pulses: its numbers with their errors, the residual, and a picture."""
    from rich.console import Console

    from cellwright.studies import devices as study

    study.fit_device(pulses, out, name, overwrite=overwrite, console=Console())


@data_sets.command("list")
def list_data_sets(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, with citations, layouts and checksums")] = False,
) -> None:
    """List the known data sets: what each is, its licence, where it comes from."""
    from rich.console import Console

    from cellwright.data.console import list_datasets

    list_datasets(Console(), as_json=as_json)


@data_sets.command("check")
def check_data_set(
    name: Annotated[str, typer.Argument(help="a known data set; or a folder that holds several, as ucr_small")],
    path: Annotated[
        Path | None,
        typer.Option(help="folder with the data sets, or of this one; by default $CELLWRIGHT_DATA, else data"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a JSON list instead of tables")] = False,
) -> None:
    """Check a copy of a data set: every file's layout, content and checksum."""
    from rich.console import Console

    from cellwright.data.console import check_datasets

    check_datasets(name, path, Console(), as_json=as_json)


def _check_kernel_options(*, kernel: bool, latex: bool, vectors: str, assembly: bool) -> None:
    if kernel and latex:
        raise CellwrightError("--latex prints equations, --kernel prints code: give one of them")
    if not kernel and (assembly or vectors != "this"):
        raise CellwrightError(f"{'--assembly' if assembly else '--vectors'} says how to print a kernel: add --kernel")


def _kernel(cell: Cell, vectors: str, assembly: bool) -> str:
    from cellwright.kernels.explained import explain
    from cellwright.kernels.host import host_named
    from cellwright.layers.compiled import compiled_step

    sizes = cell.sizes(2, 4 * getattr(cell, "cells_per_block", 1), 3 if cell.projects else 0)
    step = compiled_step(cell, tuple(sorted(sizes.items())))
    return explain(step.step.program, host_named(vectors), assembly=assembly)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        from cellwright import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the ``cellwright`` command."""
    try:
        app(args=arguments)
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            leave(int(end.code))
        raise


if __name__ == "__main__":
    main()
