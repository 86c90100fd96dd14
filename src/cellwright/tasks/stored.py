"""Trained networks of a person's own file as files, and again as what they were: for new data, in another process.

``networks.json`` says what they answer, and from what; ``networks/SEED.safetensors`` are their weights. Reading them
runs no code of theirs.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cellwright.cells import describe
from cellwright.errors import CellwrightError, as_clause, named, one_line, shown
from cellwright.layers.weights import check_fit, packed_weights, read_weights
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.classifier import Classifier, Pooling
from cellwright.tasks.encoding import Encoding
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval
from cellwright.tasks.plain_values import PlainValues

Floats = NDArray[np.float64]

ABOUT = "networks.json"
FORMAT = 1
MOST_NETWORKS = 10_000


@dataclass(frozen=True, kw_only=True)
class Stored(ABC):
    """Networks with all that they need to answer.

    Attributes:
        cell: of the networks: a name, or ``FILE.py:CLASS``.
        hidden_size: units.
        networks: by seed.
    """

    kind: ClassVar[str]

    cell: str
    hidden_size: int
    networks: Mapping[int, nn.Module]

    @abstractmethod
    def blank(self) -> nn.Module:
        """A network of this kind with any weights."""

    def network(self, file: Path) -> nn.Module:
        """A network with the weights in a file.

        Raises:
            CellwrightError: there are no such weights, or those of another network.
        """
        stored = read_weights(file)
        # Sizes are compared before there is a network: absurd ones would fill the memory.
        with torch.device("meta"):
            check_fit(self.blank(), stored.tensors, file.name)
        if not all(bool(tensor.isfinite().all()) for tensor in stored.tensors.values()):
            raise CellwrightError(f"{file} has weights that are no finite numbers: run the training again")
        network = self.blank()
        network.load_state_dict(dict(stored.tensors))
        return network.eval()

    @abstractmethod
    def _plain(self) -> dict[str, Any]:
        """What the kind needs besides, as numbers, text, lists and dicts."""

    def files(self) -> dict[str, bytes]:
        """The files by name, the description last."""
        about = {
            "format": FORMAT,
            "kind": self.kind,
            "cell": self.cell,
            "hidden_size": self.hidden_size,
            "seeds": list(self.networks),
        } | self._plain()
        files = {_weights(seed): packed_weights(network) for seed, network in self.networks.items()}
        return files | {ABOUT: (json.dumps(about, indent=2) + "\n").encode()}


@dataclass(frozen=True, kw_only=True)
class StoredForecaster(Stored):
    """Forecasters of a column: ``interval`` is for their mean; ``time`` and ``delimiter`` are as the file had them."""

    kind = "forecast"

    encoding: Encoding
    interval: Interval
    time: str
    delimiter: str

    def _plain(self) -> dict[str, Any]:
        return {
            "time": self.time,
            "delimiter": self.delimiter,
            "encoding": self.encoding.plain(),
            "interval": asdict(self.interval),
        }

    @classmethod
    def of(cls, about: PlainValues, folder: Path) -> StoredForecaster:
        """From the description in a folder, without its networks."""
        encoding = Encoding.of(about.part("encoding").values)
        shape = encoding.shape
        # A feature that there is not is told here, not at the first forecast.
        encoding.features(np.zeros((1, shape.length, len(shape.columns))))
        return cls(
            encoding=encoding,
            interval=Interval.of(about.part("interval"), shape.horizon),
            time=about.text("time"),
            delimiter=about.text("delimiter"),
            **_of_every_kind(about, folder),
        )

    def blank(self) -> Forecaster:
        return Forecaster(self.cell, self.encoding.features_per_step, self.hidden_size, self.encoding.shape.horizon)

    def forecast(self, windows: Floats) -> Floats:
        """The mean of the networks' forecasts from ``windows`` (count, reach or more, columns), (count, horizon).

        Raises:
            CellwrightError: it is not finite.
        """
        inputs, base = torch.from_numpy(self.encoding.features(windows)), self.encoding.base_forecast(windows)
        with torch.no_grad():
            outputs = [network.eval()(inputs)[0].double().numpy() for network in self.networks.values()]
        with np.errstate(over="ignore"):
            found = np.asarray(np.mean([self.encoding.decoded(output, base) for output in outputs], axis=0))
        if not np.isfinite(found).all():
            raise CellwrightError("the networks forecast no finite numbers: run the training again")
        return found


@dataclass(frozen=True, kw_only=True)
class StoredClassifier(Stored):
    """Classifiers of sequences with the ``channels`` that they were trained on."""

    kind = "classify"

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    chunks: Chunks
    bidirectional: bool
    pooling: str

    def _plain(self) -> dict[str, Any]:
        chunks = {name: value.tolist() for name, value in vars(self.chunks).items() if isinstance(value, np.ndarray)}
        return {
            "classes": list(self.classes),
            "channels": list(self.channels),
            "chunks": chunks | {"width": self.chunks.width},
            "bidirectional": self.bidirectional,
            "pooling": self.pooling,
        }

    @classmethod
    def of(cls, about: PlainValues, folder: Path) -> StoredClassifier:
        """From the description in a folder, without its networks."""
        classes, channels = about.texts("classes"), about.texts("channels")
        if len(set(classes)) < max(len(classes), 2):
            raise about.wrong("classes", "two or more different ones")
        if not channels:
            raise about.wrong("channels", "one or more")
        pooling = about.text("pooling")
        if pooling not in get_args(Pooling):
            raise about.wrong("pooling", f"one of {', '.join(map(repr, get_args(Pooling)))}")
        return cls(
            classes=classes,
            channels=channels,
            chunks=_chunks(about.part("chunks"), len(channels)),
            bidirectional=about.flag("bidirectional"),
            pooling=pooling,
            **_of_every_kind(about, folder),
        )

    def blank(self) -> Classifier:
        return Classifier(
            self.cell,
            self.chunks.features,
            self.hidden_size,
            len(self.classes),
            bidirectional=self.bidirectional,
            pooling=self.pooling,  # type: ignore[arg-type]  # it is one of them
        )

    def probabilities(self, sequences: tuple[Floats, ...]) -> Floats:
        """The mean of the networks' probabilities, (sequences, classes)."""
        inputs = self.chunks.encode(sequences)
        with torch.no_grad():
            found = [network.eval()(inputs)[0].double().softmax(-1) for network in self.networks.values()]
        return torch.stack(found).mean(0).numpy()


def read_stored(folder: Path) -> StoredForecaster | StoredClassifier:
    """What ``Stored.files`` has been written to a folder.

    Raises:
        CellwrightError: no such files, or damaged ones.
    """
    if not (folder / ABOUT).is_file():
        raise CellwrightError(
            f"{folder} has no {ABOUT}: expected the folder of a finished `cellwright run FILE`, as runs/FILE-TARGET"
        )
    kinds: dict[str, type[StoredForecaster] | type[StoredClassifier]] = {
        known.kind: known for known in (StoredForecaster, StoredClassifier)
    }
    try:
        about = PlainValues(_read_about(folder))
        described = named("kind of networks", about.text("kind"), kinds).of(about, folder)
        seeds = about.wholes("seeds", MOST_NETWORKS)
    except CellwrightError as error:
        raise CellwrightError(f"{folder / ABOUT}: {error}; run the training again") from error
    return replace(described, networks={seed: described.network(folder / _weights(seed)) for seed in seeds})


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CellwrightError(f"this is no JSON ({as_clause(one_line(str(error)))})") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CellwrightError("this is of another version of cellwright")
    return about


def _of_every_kind(about: PlainValues, folder: Path) -> dict[str, Any]:
    """The fields that every kind has."""
    cell = _own_cell(about.text("cell"), folder)
    return {"cell": cell, "hidden_size": about.whole("hidden_size", 1), "networks": {}}


def _own_cell(name: str, folder: Path) -> str:
    """
    Raises:
        CellwrightError: no cell has that name; a file of it came with the run: code that comes with a run is not run.
    """
    file = Path(name.partition(":")[0])
    if file.suffix == ".py" and file.resolve().is_relative_to(folder.resolve()):
        raise CellwrightError(f"cell is {shown(name)}, a file of the run itself, whose code is not run")
    describe(name)
    return name


def _chunks(given: PlainValues, channels: int) -> Chunks:
    numbers = {"mean": given.numbers("mean", channels), "scale": given.numbers("scale", channels, above_zero=True)}
    if "difference" in given.values:
        numbers["difference"] = given.numbers("difference", channels, above_zero=True)
    arrays = {name: np.array(values) for name, values in numbers.items()}
    return Chunks(
        mean=arrays["mean"], scale=arrays["scale"], difference=arrays.get("difference"), width=given.whole("width", 1)
    )


def _weights(seed: int) -> str:
    return f"networks/{seed}.safetensors"
