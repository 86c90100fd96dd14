"""A trained forecaster of a file's column as files, and again as what it was: for new rows, in another process.

``forecaster.json`` says what it forecasts and from what; ``networks/SEED.safetensors`` are the weights. Reading them
runs no code of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from cellwright.errors import CellwrightError
from cellwright.layers.weights import load_weights
from cellwright.tasks.encoding import Encoding
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval

Floats = NDArray[np.float64]

ABOUT = "forecaster.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class StoredForecaster:
    """Networks with all that they need to forecast new rows.

    Attributes:
        encoding: from rows to features and back.
        interval: for the mean of the networks.
        cell: of the networks: a name, or ``FILE.py:CLASS``.
        hidden_size: units.
        time, delimiter: as the file had them.
        networks: by seed.
    """

    encoding: Encoding
    interval: Interval
    cell: str
    hidden_size: int
    time: str
    delimiter: str
    networks: Mapping[int, nn.Module]

    def files(self) -> dict[str, bytes]:
        """The files by name."""
        about = {
            "format": FORMAT,
            "cell": self.cell,
            "hidden_size": self.hidden_size,
            "time": self.time,
            "delimiter": self.delimiter,
            "seeds": list(self.networks),
            "encoding": self.encoding.plain(),
            "interval": asdict(self.interval),
        }
        files = {_weights(seed): _packed(network) for seed, network in self.networks.items()}
        return files | {ABOUT: (json.dumps(about, indent=2) + "\n").encode()}

    @classmethod
    def read(cls, folder: Path) -> StoredForecaster:
        """What ``files`` has been written to a folder.

        Raises:
            CellwrightError: no such files, or damaged ones.
        """
        about = read_about(folder)
        try:
            encoding, interval = Encoding.of(about["encoding"]), Interval.of(about["interval"])
            cell, hidden_size, seeds = str(about["cell"]), int(about["hidden_size"]), [int(s) for s in about["seeds"]]
            time, delimiter = str(about["time"]), str(about["delimiter"])
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, CellwrightError):
                raise
            raise CellwrightError(f"{folder / ABOUT} is damaged ({error!r}): run the training again") from error
        networks = {}
        for seed in seeds:
            networks[seed] = Forecaster(cell, encoding.features_per_step, hidden_size, encoding.shape.horizon)
            load_weights(networks[seed], folder / _weights(seed))
        return cls(
            encoding=encoding,
            interval=interval,
            cell=cell,
            hidden_size=hidden_size,
            time=time,
            delimiter=delimiter,
            networks=networks,
        )

    def forecast(self, windows: Floats) -> Floats:
        """The mean of the networks' forecasts from ``windows`` (count, reach or more, columns), (count, horizon)."""
        inputs, base = torch.from_numpy(self.encoding.features(windows)), self.encoding.base_forecast(windows)
        with torch.no_grad():
            outputs = [network.eval()(inputs)[0].double().numpy() for network in self.networks.values()]
        return self.encoding.decoded(np.mean(outputs, axis=0), base)


def read_about(folder: Path) -> dict[str, Any]:
    """What a run says of its forecaster.

    Raises:
        CellwrightError: the folder holds none.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CellwrightError(
            f"{folder} has no {ABOUT}: expected the folder of a finished `cellwright run FILE`, as runs/FILE-TARGET"
        ) from error
    except (OSError, ValueError) as error:
        raise CellwrightError(f"{folder / ABOUT} cannot be read ({error}): run the training again") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CellwrightError(f"{folder / ABOUT} is of another version of cellwright: run the training again")
    return about


def _weights(seed: int) -> str:
    return f"networks/{seed}.safetensors"


def _packed(network: nn.Module) -> bytes:
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
