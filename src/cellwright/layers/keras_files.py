"""Where Keras's files keep weights and architecture; read with h5py alone, neither Keras nor TensorFlow is needed.

Three kinds of file hold the same arrays. A recurrent layer has ``kernel`` (inputs, gates * units), ``recurrent_kernel``
(units, gates * units) and ``bias``; a dense one ``kernel`` (inputs, units) and ``bias``.

* ``*.weights.h5`` (Keras 2.12 and later): ``layers/NAME/vars/0, 1`` for a dense layer, ``layers/NAME/cell/vars/0, 1,
  2`` for a recurrent one, ``layers/NAME/forward_layer/cell/...`` and ``backward_layer`` for one in both directions,
  ``layers/NAME/layer/vars/...`` for a layer at every time step. NAME is the class in snake case and a count
  (``lstm``, ``lstm_1``); the layer's own name is an attribute of its ``vars``. Some releases of Keras 2 say
  ``_layer_checkpoint_dependencies`` for ``layers``, on Windows with backslashes inside of the names. A model that is a
  class of its own has its layers under their attributes, without ``layers``. Source: keras/src/saving/saving_lib.py,
  Keras 3.15, ``_save_state``, ``_save_container_state`` and ``H5IOStore``.
* ``*.keras``: a zip archive of ``config.json``, the architecture, and ``model.weights.h5`` as above.
* ``*.h5`` of old: a group a layer, listed by the attribute ``layer_names``, each with its arrays listed by
  ``weight_names`` (``lstm/lstm_cell/kernel:0``; the cell is missing before TensorFlow 2, the ``:0`` in Keras 3). Names
  that take more than 64 kB are cut into ``layer_names0``, ``layer_names1``, ... A whole model has all that in the group
  ``model_weights``, and the attribute ``model_config``. Source: keras/src/legacy/saving/legacy_h5_format.py, Keras
  3.15.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellwright.errors import CellwrightError

Array = NDArray[Any]

_WEIGHTS_OF_ARCHIVE, _ARCHITECTURE_OF_ARCHIVE = "model.weights.h5", "config.json"
_OLDER_LAYERS = "_layer_checkpoint_dependencies"
_NO_WEIGHTS = ("seed_generator", "seed_generator_state")
"""What layers with dropout keep among their weights."""


@dataclass(frozen=True)
class StoredLayer:
    """A layer as a file keeps it.

    Attributes:
        name: the layer's own name where the file has it.
        key: what it is filed under: its class in snake case and a count in ``*.weights.h5``, else its name.
        parts: the arrays by place inside of the layer (``cell``, ``forward_layer/cell``) and by name (``kernel``, or
            ``0`` where the file only counts them); the forward direction comes first.
    """

    name: str
    key: str
    parts: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)

    @property
    def shapes(self) -> str:
        """Of all its arrays, for messages."""
        return ", ".join(str(array.shape) for part in self.parts.values() for array in part.values())


@dataclass(frozen=True)
class KerasFile:
    """What a file of Keras holds.

    Attributes:
        layers: that have weights, by ``key``; in the model's order if the file says it.
        architecture: the configuration of the model; None if the file has weights alone.
        counted: whether keys are class and count, and not the layers' own names.
    """

    layers: Mapping[str, StoredLayer]
    architecture: Mapping[str, Any] | None
    counted: bool


def read_keras_file(path: str | PathLike[str]) -> KerasFile:
    """Read a ``.keras``, ``.weights.h5`` or ``.h5`` file.

    Raises:
        CellwrightError: h5py is missing; there is no such file; it is no file of Keras.
    """
    file = Path(path)
    if not file.is_file():
        raise CellwrightError(
            f"there is no file {str(path)!r}: name one that Keras has written (.keras, .weights.h5, .h5)"
        )
    if zipfile.is_zipfile(file):
        return _read_archive(file)
    return _read_hdf5(file, file.name, None)


def _read_archive(file: Path) -> KerasFile:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if missing := [name for name in (_ARCHITECTURE_OF_ARCHIVE, _WEIGHTS_OF_ARCHIVE) if name not in names]:
            raise CellwrightError(
                f"{file.name} is a zip archive without {' and '.join(missing)}: save the model again with "
                "model.save('NAME.keras')"
            )
        try:
            text, weights = (archive.read(part) for part in (_ARCHITECTURE_OF_ARCHIVE, _WEIGHTS_OF_ARCHIVE))
        except zipfile.BadZipFile as error:
            raise CellwrightError(f"{file.name} is damaged: {error}") from None
    return _read_hdf5(io.BytesIO(weights), file.name, _architecture(text, file.name))


def _read_hdf5(source: Path | io.BytesIO, name: str, architecture: Mapping[str, Any] | None) -> KerasFile:
    try:
        import h5py
    except ImportError:
        raise CellwrightError('reading files of Keras takes h5py: pip install "cellwright[keras]"') from None
    try:
        with h5py.File(source, "r") as file:
            return _read_open(file, name, architecture)
    except OSError:
        raise CellwrightError(
            f"{name} is damaged, or neither an HDF5 file nor an archive of Keras: name one that Keras has written"
        ) from None


def _read_open(file: Any, name: str, architecture: Mapping[str, Any] | None) -> KerasFile:
    weights = file.get("model_weights", file)
    if _listed(weights, "layer_names") is not None:
        config = file.attrs.get("model_config")
        return KerasFile(_layers_of_old(weights, name), _architecture(config, name), False)
    layers = _layers(file)
    if not layers:
        raise CellwrightError(
            f"{name} is an HDF5 file without layers of Keras: write it with model.save or model.save_weights"
        )
    return KerasFile(layers, architecture, True)


def _architecture(text: str | bytes | None, name: str) -> Mapping[str, Any] | None:
    """An architecture from its JSON."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CellwrightError(f"the architecture in {name} is damaged: {error}") from None
    if not isinstance(found, Mapping):
        raise CellwrightError(f"the architecture in {name} is not one of Keras: it is a {type(found).__name__}")
    return found


def _layers(file: Any) -> dict[str, StoredLayer]:
    """Of the layout by class and count, or by attributes of a model's own class."""
    arrays, names = _contents(file)
    in_container = any(place.startswith("layers/") for place in arrays)
    found: dict[str, dict[str, dict[str, Array]]] = {}
    for place, array in arrays.items():
        steps = place.split("/")
        if in_container != (steps[0] == "layers") or steps[0] == "optimizer" or _is_no_weight(steps):
            continue
        key, *inside = steps[1:] if in_container else steps
        if len(inside) > 1 and inside[-2] == "vars":
            found.setdefault(key, {}).setdefault("/".join(inside[:-2]), {})[inside[-1]] = array
    prefix = "layers/" if in_container else ""
    return {
        key: StoredLayer(names.get(f"{prefix}{key}/vars", key), key, dict(sorted(parts.items(), reverse=True)))
        for key, parts in found.items()
    }


def _contents(file: Any) -> tuple[dict[str, Array], dict[str, str]]:
    """All arrays, and what layers are called, by place."""
    arrays: dict[str, Array] = {}
    names: dict[str, str] = {}

    def visit(place: str, found: Any) -> None:
        place = place.replace("\\", "/").replace(_OLDER_LAYERS, "layers")
        if hasattr(found, "shape"):
            arrays[place] = np.asarray(found[()])
        elif "name" in found.attrs:
            names[place] = _text(found.attrs["name"])

    file.visititems(visit)
    return arrays, names


def _layers_of_old(weights: Any, file_name: str) -> dict[str, StoredLayer]:
    """Of the layout by lists of names."""
    arrays, _ = _contents(weights)
    layers: dict[str, StoredLayer] = {}
    for layer in _listed(weights, "layer_names") or ():
        parts: dict[str, dict[str, Array]] = {}
        for path in _listed(weights.get(layer, weights), "weight_names") or ():
            if f"{layer}/{path}" not in arrays:
                raise CellwrightError(
                    f"{file_name} lists {path!r} among the weights of {layer!r}, but does not hold it"
                )
            *place, leaf = path.split("/")
            if not _is_no_weight([*place, leaf.partition(":")[0]]):
                parts.setdefault("/".join(place), {})[leaf.partition(":")[0]] = arrays[f"{layer}/{path}"]
        if parts:
            layers[layer] = StoredLayer(layer, layer, parts)
    return layers


def _listed(group: Any, name: str) -> list[str] | None:
    """A list of names among the attributes, whole or in numbered pieces; None if there is none."""
    if name in group.attrs:
        return [_text(entry) for entry in group.attrs[name]]
    pieces = list(_pieces(group, name))
    return [_text(entry) for piece in pieces for entry in piece] if pieces else None


def _pieces(group: Any, name: str) -> Iterator[Any]:
    count = 0
    while f"{name}{count}" in group.attrs:
        yield group.attrs[f"{name}{count}"]
        count += 1


def _is_no_weight(steps: list[str]) -> bool:
    return any(step in _NO_WEIGHTS for step in steps)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
