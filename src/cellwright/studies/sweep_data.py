"""The results of a sweep as tables for other programs: a row a point, and a row a chip; CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from cellwright.errors import CellwrightError
from cellwright.report.record import PERCENTILES
from cellwright.studies.axes import Axis, PointSettings, text_of
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.plan import Sweeps
from cellwright.studies.point import PointJob, PointResult

Columns = dict[str, list[Any]]
Results = Mapping[PointJob, PointResult]

MEANS = (
    "energy_per_step_j", "latency_per_step_s", "area_m2", "pulses", "yield_fraction", "programming_energy_j",
    "programming_time_s",
)  # fmt: skip
"""What a row of a point has as the mean over its networks."""


@dataclass(frozen=True)
class Measured:
    """A point with the results of its networks."""

    point: PointSettings
    jobs: Sequence[PointJob]
    results: Sequence[PointResult]

    def pooled(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The values of all chips of all networks."""
        return np.concatenate([getattr(result, name) for result in self.results])

    @property
    def not_costed(self) -> tuple[str, ...]:
        """What the costs leave out at this point."""
        return tuple(dict.fromkeys(name for result in self.results for name in result.not_costed))

    def mean(self, name: str) -> float:
        """Over the networks."""
        return float(np.mean([getattr(result, name) for result in self.results]))


def by_point(results: Results) -> list[Measured]:
    """The results point by point, in the order of the sweeps."""
    found: dict[str, list[PointJob]] = {}
    for job in results:
        settings = {name: value for name, value in job.described.items() if name != "network_seed"}
        found.setdefault(repr(settings), []).append(job)
    return [Measured(jobs[0].point, jobs, [results[job] for job in jobs]) for jobs in found.values()]


def check_format(table_format: str) -> None:
    """Raise a CellwrightError for a format that is not there, before anything is computed."""
    if table_format not in ("", "csv", "parquet"):
        raise CellwrightError(f"--format {table_format}: expected csv or parquet")
    if table_format == "parquet" and not find_spec("pyarrow"):
        raise CellwrightError("Parquet needs the package pyarrow: pip install 'cellwright[sweep]', or --format csv")


def write_tables(sweeps: Sweeps, results: Results, folder: ResultsFolder, table_format: str) -> None:
    """Write ``sweep.csv`` and ``sweep-chips.csv``, and the same as Parquet unless only CSV is wanted or possible."""
    measured = by_point(results)
    for name, columns in (
        ("sweep", point_columns(sweeps.axes, measured)),
        ("sweep-chips", chip_columns(sweeps.axes, measured)),
    ):
        folder.write(f"{name}.csv", as_csv(columns))
        if table_format != "csv" and find_spec("pyarrow"):
            folder.write(f"{name}.parquet", as_parquet(columns))


def point_columns(axes: Sequence[Axis], measured: Sequence[Measured]) -> Columns:
    """A row a point: its values, the spread of its chips, what a step and programming cost. SI units."""
    columns: Columns = {axis.name: [axis.setting.read(one.point) for one in measured] for axis in axes}
    columns["networks"] = [len(one.jobs) for one in measured]
    columns["chips"] = [one.pooled("errors").size for one in measured]
    columns["software_error"] = [one.mean("software") for one in measured]
    for name, field in (("error", "errors"), ("departure", "departures")):
        pooled = [one.pooled(field) for one in measured]
        columns[f"{name}_mean"] = [float(values.mean()) for values in pooled]
        columns |= {f"{name}_p{p}": [float(np.percentile(values, p)) for values in pooled] for p in PERCENTILES}
    columns |= {name: [one.mean(name) for one in measured] for name in MEANS}
    return columns | {"not_costed": ["; ".join(one.not_costed) for one in measured]}


def chip_columns(axes: Sequence[Axis], measured: Sequence[Measured]) -> Columns:
    """A row a chip of a network: the values of its point, the seed of the network, its error and its departure."""
    rows = [
        (one.point, job.seed, chip, error, departure, result.software)
        for one in measured
        for job, result in zip(one.jobs, one.results, strict=True)
        for chip, (error, departure) in enumerate(zip(result.errors, result.departures, strict=True))
    ]
    columns: Columns = {axis.name: [axis.setting.read(point) for point, *_ in rows] for axis in axes}
    names = ("network_seed", "chip", "error", "departure", "software_error")
    return columns | {name: [row[index] for row in rows] for index, name in enumerate(names, 1)}


def as_csv(columns: Columns) -> str:
    """Values as they are typed on the command line, numbers to the last bit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([text_of(value) for value in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def as_parquet(columns: Columns) -> bytes:
    """Numbers as numbers and what is left out as null; a column of anything else as text."""
    import pyarrow
    import pyarrow.parquet

    buffer = pyarrow.BufferOutputStream()
    table = pyarrow.table({name: _one_type(values) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue().to_pybytes()


def _one_type(values: list[Any]) -> list[Any]:
    plain = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    return values if plain else [text_of(value) for value in values]
