"""Trained networks of a person's own file as files, and again as what they were: for new data, in another process.

``networks.json`` says what they answer, and from what; ``networks/SEED.safetensors`` are their weights. Reading them
runs no code of theirs.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from cellwright.errors import CellwrightError
from cellwright.layers import load_weights
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.classifier import Classifier
from cellwright.tasks.encoding import Encoding
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval

Floats = NDArray[np.float64]

ABOUT = "networks.json"
FORMAT = 1
MOST_UNITS, MOST_ROWS = 4096, 10**6
"""The most units or features, and rows, that a description is believed: a damaged one may have any number."""


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
        files = {_weights(seed): _packed(network) for seed, network in self.networks.items()}
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
    def of(cls, about: Mapping[str, Any], folder: Path) -> StoredForecaster:
        encoding = Encoding.of(about["encoding"])
        shape = encoding.shape
        for number in (shape.lookback, shape.horizon, shape.season + 1):
            _believed(number, MOST_ROWS)
        interval = Interval.of(about["interval"])
        # What does not fit together fails here, and is told as damage.
        encoding.decoded(np.zeros(shape.horizon), interval.around(np.zeros(shape.horizon))[0])
        encoding.features(np.zeros((1, shape.length, len(shape.columns))))

        def build(cell: str, hidden_size: int) -> nn.Module:
            return Forecaster(cell, encoding.features_per_step, hidden_size, shape.horizon)

        return cls(
            encoding=encoding,
            interval=interval,
            time=str(about["time"]),
            delimiter=str(about["delimiter"]),
            **_networks(about, folder, build),
        )

    def forecast(self, windows: Floats) -> Floats:
        """The mean of the networks' forecasts from ``windows`` (count, reach or more, columns), (count, horizon)."""
        inputs, base = torch.from_numpy(self.encoding.features(windows)), self.encoding.base_forecast(windows)
        with torch.no_grad():
            outputs = [network.eval()(inputs)[0].double().numpy() for network in self.networks.values()]
        return np.asarray(np.mean([self.encoding.decoded(output, base) for output in outputs], axis=0))


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
    def of(cls, about: Mapping[str, Any], folder: Path) -> StoredClassifier:
        written = about["chunks"]
        arrays: dict[str, Any] = {
            name: np.array(written[name], dtype=np.float64) if name in written else None
            for name in ("mean", "scale", "difference")
        }
        chunks = Chunks(**arrays, width=_believed(written["width"], MOST_ROWS))
        divisors = np.concatenate([values for name, values in arrays.items() if name != "mean" and values is not None])
        if not (np.isfinite(chunks.mean).all() and np.isfinite(divisors).all() and (divisors > 0).all()):
            raise ValueError("a scale that is not above 0")
        chunks.encode([np.zeros((1, len(about["channels"])))])
        classes = tuple(map(str, about["classes"]))
        bidirectional, pooling = bool(about["bidirectional"]), str(about["pooling"])

        def build(cell: str, hidden_size: int) -> nn.Module:
            return Classifier(
                cell, _believed(chunks.features), hidden_size, len(classes), bidirectional=bidirectional,
                pooling=pooling,  # type: ignore[arg-type]  # refused if it is none
            )  # fmt: skip

        return cls(
            classes=classes,
            channels=tuple(map(str, about["channels"])),
            chunks=chunks,
            bidirectional=bidirectional,
            pooling=pooling,
            **_networks(about, folder, build),
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
    about = _read_about(folder)
    kinds: dict[object, type[StoredForecaster] | type[StoredClassifier]] = {
        known.kind: known for known in (StoredForecaster, StoredClassifier)
    }
    try:
        return kinds[about["kind"]].of(about, folder)
    except CellwrightError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise CellwrightError(f"{folder / ABOUT} is damaged ({reason}): run the training again") from error


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CellwrightError(
            f"{folder} has no {ABOUT}: expected the folder of a finished `cellwright run FILE`, as runs/FILE-TARGET"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise CellwrightError(f"{folder / ABOUT} cannot be read ({reason}): run the training again") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CellwrightError(f"{folder / ABOUT} is of another version of cellwright: run the training again")
    return about


def _networks(about: Mapping[str, Any], folder: Path, build: Callable[[str, int], nn.Module]) -> dict[str, Any]:
    """The fields that every kind has."""
    cell, hidden_size = str(about["cell"]), _believed(about["hidden_size"])
    networks = {}
    for seed in map(int, about["seeds"]):
        networks[seed] = build(cell, hidden_size)
        load_weights(networks[seed], folder / _weights(seed))
    if not networks:
        raise ValueError("no networks")
    return {"cell": cell, "hidden_size": hidden_size, "networks": networks}


def _believed(number: Any, most: int = MOST_UNITS) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
        raise ValueError(f"{number!r}, expected 1 to {most}")
    return number


def _weights(seed: int) -> str:
    return f"networks/{seed}.safetensors"


def _packed(network: nn.Module) -> bytes:
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
