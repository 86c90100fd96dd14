"""Models and layers out of files of Keras.

Keras lays its gates out as i, f, c, o (LSTM) and z, r, h (GRU), matrices with their inputs first, and gives an LSTM one
bias. Its equations are those of our cells: c is our g, h our n (keras/src/layers/rnn/lstm.py and gru.py, Keras 3.15).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import nn

from cellwright import cells
from cellwright.errors import CellwrightError
from cellwright.layers.gru import GRU
from cellwright.layers.keras_files import Array, KerasFile, StoredLayer, read_keras_file
from cellwright.layers.lstm import LSTM
from cellwright.layers.recurrent import Recurrent

Tensor = torch.Tensor

_GATES: Mapping[str, tuple[str, ...]] = {"LSTM": ("i", "f", "g", "o"), "GRU": ("z", "r", "n")}
"""Keras's order of gates, in our names."""

_STORED_AS: Mapping[str, str] = {
    "Bidirectional": "bidirectional",
    "Dense": "dense",
    "GRU": "gru",
    "LSTM": "lstm",
    "TimeDistributed": "time_distributed",
}
"""The classes that hold weights, and what a file counts them as."""

_CELL_ACTIVATIONS: Mapping[str, cells.lstm.Activation] = {"linear": "identity", "sigmoid": "sigmoid", "tanh": "tanh"}
"""What squashes an LSTM's candidate and cell, in Keras's words and in ours."""

_ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(-1),
    "tanh": nn.Tanh,
}
"""What follows a dense layer, by Keras's name."""

_MERGES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ave": lambda forward, backward: (forward + backward) / 2,
    "concat": lambda forward, backward: torch.cat([forward, backward], -1),
    "mul": torch.mul,
    "sum": torch.add,
}
"""How ``Bidirectional`` joins its directions."""


class KerasRecurrent(nn.Module):
    """A recurrent layer that answers as Keras's do: its outputs without the states.

    Args:
        layer: batch first; a single one, in one direction or both.
        return_sequences: the outputs of all steps (batch, time, units) instead of the last (batch, units). Backward in
            time, the last step is the first of the input.
        merge_mode: how the two directions are joined: ``concat``, ``sum``, ``mul`` or ``ave``.
    """

    def __init__(self, layer: Recurrent, *, return_sequences: bool, merge_mode: str = "concat") -> None:
        super().__init__()
        self.layer, self.return_sequences, self.merge_mode = layer, return_sequences, merge_mode

    def forward(self, input: Tensor) -> Tensor:
        """Run the layer over (batch, time, features)."""
        output, _ = self.layer(input)
        if not self.layer.bidirectional:
            return output if self.return_sequences else output[:, -1]
        forward, backward = output.chunk(2, -1)
        if not self.return_sequences:
            forward, backward = forward[:, -1], backward[:, 0]
        return _MERGES[self.merge_mode](forward, backward)

    def extra_repr(self) -> str:
        return f"return_sequences={self.return_sequences}, merge_mode={self.merge_mode!r}"


def from_keras(path: str | PathLike[str]) -> nn.Sequential:
    """A model that Keras has saved with its architecture, in evaluation mode; it computes what Keras computes.

    Its modules have the names of Keras's layers; inputs are (batch, time, features). LSTM, GRU with either place of
    the reset gate, Bidirectional, Dense, TimeDistributed dense layers, Dropout and Activation, one after the other.
    Dropout *inside* of a recurrent layer, which acts in training alone, is not taken over.

    Args:
        path: a ``.keras`` file, or an ``.h5`` file of ``model.save``.

    Raises:
        CellwrightError: the file is none, or has weights alone; a layer or an option of it has no counterpart here;
            weights are missing or have other shapes than the architecture says. The message names the layer.
    """
    file = read_keras_file(path)
    if file.architecture is None:
        raise CellwrightError(
            f"{path} has weights without an architecture: take its layers with layers_from_keras and put them together"
        )
    try:
        found = OrderedDict(_modules(file, file.architecture))
    except KeyError as missing:
        raise CellwrightError(f"the architecture in {path} is not one of Keras: it lacks {missing}") from None
    if not found:
        raise CellwrightError(f"{path} has an architecture without layers")
    return nn.Sequential(found).eval()


def layers_from_keras(path: str | PathLike[str]) -> dict[str, nn.Module]:
    """The layers of a file by name, for files that have weights alone: ``LSTM``, ``GRU``, ``Recurrent``, ``Linear``.

    What each is, is told by the shapes of its weights; activations are taken to be Keras's own, tanh and sigmoid, and
    dense layers to have none. Layers are batch first and in evaluation mode. Names are the layers' own if the file has
    them, else class and count (``lstm_1``). Their order is the model's in ``.h5`` files of old, by name in others.

    Raises:
        CellwrightError: the file is none; a layer is none of these.
    """
    file = read_keras_file(path)
    taken = Counter(stored.name for stored in file.layers.values())
    return {
        stored.name if taken[stored.name] == 1 else stored.key: _told_by_shapes(stored)
        for stored in file.layers.values()
    }


# An architecture


def _modules(file: KerasFile, architecture: Mapping[str, Any]) -> Iterator[tuple[str, nn.Module]]:
    counts: Counter[str] = Counter()
    for entry in _chain(architecture):
        kind, options = entry["class_name"], entry["config"]
        name = str(options["name"])
        key = _key(file, kind, name, counts)
        build = _BUILDERS.get(kind)
        if build is None:
            raise CellwrightError(
                f"layer {name!r} is of the class {kind}, which is not read; known are {', '.join(_BUILDERS)}"
            )
        stored = file.layers.get(key, StoredLayer(name, key))
        for suffix, module in build(_Named(name, options, stored)):
            yield (name + suffix).replace(".", "_"), module


def _key(file: KerasFile, kind: str, name: str, counts: Counter[str]) -> str:
    """What a layer is filed under: its class, and from the second of a class on, a count."""
    if not file.counted:
        return name
    stem = _STORED_AS.get(kind, kind)
    counts[stem] += 1
    return stem if counts[stem] == 1 else f"{stem}_{counts[stem] - 1}"


def _chain(architecture: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The layers of a model whose layers follow one another.

    Raises:
        CellwrightError: they do not; the model is a class of its own.
    """
    kind, options = architecture.get("class_name"), architecture.get("config", {})
    # Keras 2.2 and older have the layers of a Sequential without a name around them.
    layers = options if isinstance(options, list) else options.get("layers")
    if not isinstance(layers, list):
        raise CellwrightError(
            f"the model is a {kind} of its own, whose code the file does not hold: take its layers with "
            "layers_from_keras and put them together"
        )
    previous = None
    for layer in layers:
        sources = list(_sources(layer.get("inbound_nodes") or []))
        if sources and sources != [previous]:
            raise CellwrightError(
                f"layer {layer['config']['name']!r} reads {', '.join(map(repr, sources))}: models are read in which "
                "every layer reads the one before; take the layers with layers_from_keras and put them together"
            )
        previous = layer["config"]["name"]
    return layers


def _sources(nodes: Any) -> Iterator[str]:
    """The layers that a layer reads, by name, as Keras 3 or Keras 2 write them."""
    if isinstance(nodes, Mapping):
        history = (
            nodes.get("config", {}).get("keras_history") if nodes.get("class_name") == "__keras_tensor__" else None
        )
        if history:
            yield str(history[0])
        else:
            for value in nodes.values():
                yield from _sources(value)
    elif isinstance(nodes, list):
        if len(nodes) > 2 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
            yield nodes[0]
        else:
            for value in nodes:
                yield from _sources(value)


@dataclass(frozen=True)
class _Named:
    """A layer of an architecture: its name and options, and what the file keeps of it."""

    name: str
    options: Mapping[str, Any]
    stored: StoredLayer

    def parts(self, count: int) -> list[_Part]:
        """Its arrays, in so many parts: one a direction."""
        if len(self.stored.parts) != count:
            has = f"has the shapes {self.stored.shapes}" if self.stored.parts else "has none"
            raise CellwrightError(f"the weights of layer {self.name!r} are missing: the file {has}")
        return [_part(self.name, arrays) for arrays in self.stored.parts.values()]

    def choice(self, option: str, known: Iterable[str], default: str) -> str:
        """The value of an option that is one of some names."""
        value = self.options.get(option, default)
        known = tuple(known)
        if value not in known:
            written = value.get("class_name", "a function of its own") if isinstance(value, Mapping) else value
            raise CellwrightError(
                f"layer {self.name!r} has {option}={written!r}, which is not read; known are {', '.join(known)}"
            )
        return str(value)

    def refuse(self, *options: str) -> None:
        """Options that change what the layer computes, and that no layer here has."""
        for option in options:
            if self.options.get(option):
                raise CellwrightError(
                    f"layer {self.name!r} has {option}=True, which is not read: leave it out in Keras"
                )

    def inner(self, options: Mapping[str, Any]) -> _Named:
        """The same, with the options of the layer that it wraps."""
        return _Named(self.name, options, self.stored)


_Built = Iterator[tuple[str, nn.Module]]


def _dense(layer: _Named) -> _Built:
    activation = layer.choice("activation", _ACTIVATIONS, "linear")
    (part,) = layer.parts(1)
    linear = _linear(layer.name, part)
    _check_size(layer, "units", linear.out_features)
    yield "", linear
    if activation != "linear":
        yield "_activation", _ACTIVATIONS[activation]()


def _recurrent(kind: str) -> Callable[[_Named], _Built]:
    def build(layer: _Named) -> _Built:
        layer.refuse("go_backwards")
        yield "", KerasRecurrent(_cell_layer(layer, kind, 1), return_sequences=bool(layer.options["return_sequences"]))

    return build


def _bidirectional(layer: _Named) -> _Built:
    merge_mode = layer.choice("merge_mode", _MERGES, "concat")
    inner = [layer.options["layer"], layer.options.get("backward_layer") or layer.options["layer"]]
    kind = inner[0]["class_name"]
    if kind not in _GATES:
        raise CellwrightError(f"layer {layer.name!r} is a Bidirectional {kind}, which is not read; known are {_KINDS}")
    forward, backward = (layer.inner(entry["config"]) for entry in inner)
    differing = [
        option
        for option in ("activation", "recurrent_activation", "reset_after", "units", "use_bias", "return_sequences")
        if forward.options.get(option) != backward.options.get(option)
    ]
    if differing or kind != inner[1]["class_name"]:
        raise CellwrightError(
            f"the directions of layer {layer.name!r} differ in {', '.join(differing) or 'class'}, which is not read"
        )
    forward.refuse("go_backwards")
    sequences = bool(forward.options["return_sequences"])
    yield "", KerasRecurrent(_cell_layer(forward, kind, 2), return_sequences=sequences, merge_mode=merge_mode)


def _time_distributed(layer: _Named) -> _Built:
    inner = layer.options["layer"]
    if inner["class_name"] != "Dense":
        raise CellwrightError(f"layer {layer.name!r} is a TimeDistributed {inner['class_name']}; known is Dense")
    return _dense(layer.inner(inner["config"]))


def _dropout(layer: _Named) -> _Built:
    yield "", nn.Dropout(layer.options["rate"])


def _activation(layer: _Named) -> _Built:
    yield "", _ACTIVATIONS[layer.choice("activation", _ACTIVATIONS, "linear")]()


def _input(layer: _Named) -> _Built:
    return iter(())


_BUILDERS: Mapping[str, Callable[[_Named], _Built]] = {
    "LSTM": _recurrent("LSTM"),
    "GRU": _recurrent("GRU"),
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Dropout": _dropout,
    "Activation": _activation,
    "InputLayer": _input,
}
_KINDS = " and ".join(_GATES)


def _cell_layer(layer: _Named, kind: str, directions: int) -> Recurrent:
    layer.refuse("stateful", "return_state")
    layer.choice("recurrent_activation", ("sigmoid",), "sigmoid")
    activation = layer.choice("activation", _CELL_ACTIVATIONS if kind == "LSTM" else ("tanh",), "tanh")
    parts = layer.parts(directions)
    reset_after = layer.options.get("reset_after", False)  # Keras before 2.1.5 had no such option, and reset before
    found = _recurrent_layer(layer.name, kind, parts, activation=activation, reset_after=reset_after)
    _check_size(layer, "units", found.hidden_size)
    return found


def _check_size(layer: _Named, option: str, size: int) -> None:
    if layer.options.get(option, size) != size:
        raise CellwrightError(
            f"layer {layer.name!r} has {option}={layer.options[option]}, but its weights in the file are of {size}"
        )


# Layers from arrays


@dataclass(frozen=True)
class _Part:
    """The arrays of a dense layer, or of one direction of a recurrent one."""

    kernel: Array
    recurrent_kernel: Array | None
    bias: Array | None


_NAMES = ({"kernel", "recurrent_kernel", "bias"}, {"0", "1", "2"})


def _part(layer: str, arrays: Mapping[str, Array]) -> _Part:
    shapes = ", ".join(f"{array.dtype} {array.shape}" for array in arrays.values())
    refused = CellwrightError(f"layer {layer!r} has weights {shapes}: it is neither a Dense nor one of {_KINDS}")
    if not any(arrays.keys() <= names for names in _NAMES):
        raise refused
    if "kernel" in arrays:
        found = _Part(arrays["kernel"], arrays.get("recurrent_kernel"), arrays.get("bias"))
    else:
        kernel, *others = (arrays[name] for name in sorted(arrays))
        recurrent = others.pop(0) if others and others[0].ndim == 2 else None
        found = _Part(kernel, recurrent, others.pop(0) if others else None)
        if others:
            raise refused
    if found.kernel.ndim != 2 or any(array.dtype.kind != "f" for array in arrays.values()):
        raise refused
    return found


def _told_by_shapes(stored: StoredLayer) -> nn.Module:
    parts = [_part(stored.name, arrays) for arrays in stored.parts.values()]
    first = parts[0]
    if first.recurrent_kernel is None and len(parts) == 1:
        if first.bias is None and "kernel" not in next(iter(stored.parts.values())) and "dense" not in stored.key:
            raise CellwrightError(
                f"layer {stored.name!r} has one matrix {first.kernel.shape}, of a Dense without bias or of an Embedding"
            )
        return _linear(stored.name, first).eval()
    if first.recurrent_kernel is None or len(parts) > 2:
        raise CellwrightError(f"layer {stored.name!r} has weights of the shapes {stored.shapes}: it is no single layer")
    units, columns = (*first.recurrent_kernel.shape, 0)[:2]
    kinds = {len(gates) * units: kind for kind, gates in _GATES.items()}
    if columns not in kinds:
        raise CellwrightError(
            f"layer {stored.name!r} has weights of the shapes {stored.shapes}: it is none of {_KINDS}"
        )
    kind = kinds[columns]
    if kind == "GRU" and first.bias is None:
        raise CellwrightError(
            f"layer {stored.name!r} is a GRU without biases, and weights alone do not say where its reset gate acts: "
            "save the whole model with model.save('NAME.keras')"
        )
    reset_after = first.bias is not None and first.bias.ndim == 2
    return _recurrent_layer(stored.name, kind, parts, activation="tanh", reset_after=reset_after)


def _linear(layer: str, part: _Part) -> nn.Linear:
    inputs, units = part.kernel.shape
    if part.recurrent_kernel is not None or (part.bias is not None and part.bias.shape != (units,)):
        raise CellwrightError(
            f"layer {layer!r} is a Dense, but has a kernel {part.kernel.shape} and further weights of other shapes"
        )
    linear = nn.Linear(inputs, units, bias=part.bias is not None, dtype=_dtype(part))
    with torch.no_grad():
        linear.weight.copy_(_tensor(part.kernel.T))
        if part.bias is not None:
            linear.bias.copy_(_tensor(part.bias))
    return linear


def _recurrent_layer(layer: str, kind: str, parts: Sequence[_Part], *, activation: str, reset_after: bool) -> Recurrent:
    """A layer with the weights of each direction.

    Raises:
        CellwrightError: shapes that do not fit.
    """
    gates, bias = len(_GATES[kind]), parts[0].bias
    inputs, units = parts[0].kernel.shape[0], parts[0].kernel.shape[1] // gates
    bias_shape = (2, gates * units) if kind == "GRU" and reset_after else (gates * units,)
    for part in parts:
        expected = [(inputs, gates * units), (units, gates * units), None if bias is None else bias_shape]
        got = [None if array is None else array.shape for array in (part.kernel, part.recurrent_kernel, part.bias)]
        if got != expected:
            raise CellwrightError(
                f"layer {layer!r} is of the class {kind}, with kernel, recurrent kernel and bias of the shapes "
                f"{', '.join(map(str, got))}; expected {', '.join(map(str, expected))}"
            )
    found = _empty_layer(
        kind, activation, reset_after, bias is not None, inputs, units, len(parts) == 2, _dtype(parts[0])
    )
    for part, suffix in zip(parts, ("_l0", "_l0_reverse"), strict=False):
        _fill(found, suffix, _GATES[kind], part)
    return found.eval()


def _empty_layer(
    kind: str, activation: str, reset_after: bool, bias: bool, inputs: int, units: int, both: bool, dtype: torch.dtype
) -> Recurrent:
    options: dict[str, Any] = {"batch_first": True, "bidirectional": both, "dtype": dtype}
    if kind == "GRU":
        if reset_after:
            return GRU(inputs, units, bias=bias, **options)
        return Recurrent(cells.GRU(reset="before", bias=bias), inputs, units, **options)
    if activation == "tanh":
        return LSTM(inputs, units, bias=bias, **options)
    squash = _CELL_ACTIVATIONS[activation]
    cell = cells.LSTM(input_activation=squash, output_activation=squash, biases="all" if bias else "none")
    return Recurrent(cell, inputs, units, **options)


def _fill(layer: Recurrent, suffix: str, order: Sequence[str], part: _Part) -> None:
    """Give a direction its weights, gate by gate."""
    stored = {"weight_ih": part.kernel, "weight_hh": part.recurrent_kernel} | _biases(part.bias)
    with torch.no_grad():
        for name, array in stored.items():
            parameter = getattr(layer, name + suffix, None)
            if parameter is not None and array is not None:  # to some cells one bias is enough
                blocks = dict(zip(order, np.split(array, len(order), -1), strict=True))
                parameter.copy_(_tensor(np.concatenate([blocks[gate] for gate in layer.cell.gates], -1).T))


def _biases(bias: Array | None) -> dict[str, Array]:
    """One bias goes with the input, two are those of input and state."""
    if bias is None:
        return {}
    of_input, of_state = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    return {"bias_ih": of_input, "bias_hh": of_state}


def _dtype(part: _Part) -> torch.dtype:
    return torch.from_numpy(np.empty(0, part.kernel.dtype)).dtype


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
