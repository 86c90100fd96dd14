"""Weights from files, ``.safetensors`` and torch's ``.pt``: checked whole before a module sees them; no code is run."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from cellwright.errors import CellwrightError, in_words, one_line

_ZIP, _PICKLE, _CHECKPOINT = b"PK\x03\x04", b"\x80", b"cellwright checkpoint"
_STATE_DICTS = ("state_dict", "model_state_dict")
_SHOWN = 3
"""How many names a message has."""


@dataclass(frozen=True)
class StoredWeights:
    """What a file holds: tensors by name, on the CPU, and what was written about them (safetensors alone has that)."""

    tensors: Mapping[str, Tensor]
    about: Mapping[str, str] = field(default_factory=dict)


def load_weights(module: nn.Module, file: str | Path) -> StoredWeights:
    """Give a module the weights in a file: all of them, or none.

    Args:
        module: its parameters and buffers are written to in place; their types stay.
        file: ``.safetensors``, or what ``torch.save(module.state_dict(), file)`` wrote. Known by its content.

    Returns:
        what the file holds.

    Raises:
        CellwrightError: see ``read_weights``; a tensor is missing, belongs to nothing, or has another shape.
    """
    stored = read_weights(file)
    check_fit(module, stored.tensors, Path(file).name)
    module.load_state_dict(dict(stored.tensors), strict=False)
    return stored


def packed_weights(module: nn.Module, about: Mapping[str, str] | None = None) -> bytes:
    """The weights of a module as a ``.safetensors`` file, with what is to be known about them.

    Several entries of ``about`` come in an order that changes from run to run: give one.
    """
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    return safetensors.torch.save(tensors, metadata=dict(about) if about else None)


def check_fit(module: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Whether a module can take tensors as its own.

    Raises:
        CellwrightError: naming the tensors that are missing, that belong to nothing, or that have another shape.
    """
    wanted = {key: value for key, value in module.state_dict().items() if isinstance(value, Tensor)}
    missing = [key for key in wanted if key not in tensors]
    unexpected = [key for key in tensors if key not in wanted]
    if missing or unexpected:
        parts = (("lacks", missing), ("has unknown", unexpected))
        told = " and ".join(f"{what} {_some(names)}" for what, names in parts if names)
        raise CellwrightError(
            f"{name} {told}: it holds the weights of another network; this one is a {type(module).__name__} with "
            f"{_some(list(wanted))}"
        )
    for key, value in wanted.items():
        if tensors[key].shape != value.shape:
            raise CellwrightError(
                f"{name} has {key} of the shape {tuple(tensors[key].shape)}, expected {tuple(value.shape)}: it holds "
                "the weights of a network of other sizes"
            )
        if tensors[key].is_complex() and not value.is_complex():
            raise CellwrightError(f"{name} has {key} in complex numbers, expected real ones")


def read_weights(file: str | Path) -> StoredWeights:
    """The tensors in a file.

    A file is read whole into memory first: one that is cut off or changed meanwhile is an error, never a crash. Of a
    file of torch only tensors and plain containers are read (``weights_only``).

    Raises:
        CellwrightError: there is no such file; it is empty, damaged or something else; it asks for code to be run.
    """
    path = Path(file)
    if not path.is_file():
        raise CellwrightError(f"no file {str(file)!r}: weights are a file .safetensors, or a state_dict of torch")
    try:
        raw = path.read_bytes()
    except OSError as error:
        error.filename = str(path)
        raise CellwrightError(f"weights cannot be read: {in_words(error)}") from error
    if not raw:
        raise CellwrightError(f"{path.name} is empty: expected weights, .safetensors or a state_dict of torch")
    if raw.startswith(_CHECKPOINT):
        raise CellwrightError(
            f"{path.name} is a checkpoint of a training, not weights: name model.safetensors of the finished run"
        )
    # A header of 128 bytes has a length that begins like a pickle: what follows the length tells the two apart.
    if raw.startswith((_ZIP, _PICKLE)) and raw[8:9] != b"{":
        return StoredWeights(_of_torch(raw, path.name))
    return _of_safetensors(raw, path.name)


def _of_safetensors(raw: bytes, name: str) -> StoredWeights:
    """From the layout of safetensors: the length of a header, the header as JSON, the numbers."""
    begin, length = 8, int.from_bytes(raw[:8], "little")
    if raw[begin : begin + 1] != b"{":
        raise CellwrightError(
            f"{name} holds no weights: expected .safetensors, or what torch.save(module.state_dict(), FILE) writes"
        )
    if begin + length > len(raw):
        raise CellwrightError(
            f"{name} is cut off: its header takes {length} bytes, the file has {len(raw)}; copy it anew"
        )
    try:
        # Every other way to read such a file maps it to memory, where a file that is cut short ends the process.
        tensors = safetensors.torch.load(raw)
        about = json.loads(raw[begin : begin + length]).get("__metadata__", {})
    except Exception as error:
        raise CellwrightError(f"{name} is damaged ({one_line(str(error))}): copy it anew, or save it again") from error
    return StoredWeights(tensors, about)


def _of_torch(raw: bytes, name: str) -> dict[str, Tensor]:
    """From a state_dict that torch saved, or from a mapping that has one, such as a checkpoint of Lightning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged files torch supposes all sorts of things
            content = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:
        raise CellwrightError(_why_not(error, name)) from error
    if isinstance(content, Mapping):
        content = next((content[key] for key in _STATE_DICTS if isinstance(content.get(key), Mapping)), content)
    return _only_tensors(content, name)


def _only_tensors(content: Any, name: str) -> dict[str, Tensor]:
    save = "save it with torch.save(module.state_dict(), FILE)"
    if not isinstance(content, Mapping):
        raise CellwrightError(f"{name} holds a {type(content).__name__}, expected tensors by name: {save}")
    others = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if others:
        raise CellwrightError(f"{name} holds what is no tensor ({_some(others)}): {save}")
    return dict(content)


def _why_not(error: Exception, name: str) -> str:
    if asked := code_asked_for(error):
        return (
            f"{name} asks for code to be run ({asked}), which is never done: save the weights alone, with "
            "torch.save(module.state_dict(), FILE)"
        )
    reason = one_line(str(error)).partition(". ")[0][:120].strip() or type(error).__name__
    return f"{name} is damaged, or holds more than tensors ({reason}): copy it anew, or save it again"


def code_asked_for(error: Exception) -> str:
    """What a file of torch wanted to have run, from the error of ``torch.load``; empty where it is another error."""
    asked = re.search(r"GLOBAL ([\w.]+)", str(error))
    return asked[1] if asked else ""


def _some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
