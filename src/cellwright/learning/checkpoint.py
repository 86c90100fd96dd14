"""Checkpoint files: written whole or not at all, checked by a digest, read without running any code from them."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from typing import Any

import torch

from cellwright.errors import CellwrightError, one_line
from cellwright.files import write_atomically
from cellwright.layers.weights import code_asked_for

_MAGIC = b"cellwright checkpoint 1\n"
_DIGEST_LENGTH = 64
_NAMED, _SHOWN = 5, 60
"""How many settings a message has, and how many characters of a value."""


def write_checkpoint(path: Path, made_with: dict[str, Any], state: dict[str, Any]) -> None:
    """Write ``state`` (plain values and tensors) with the settings that it was made with.

    Raises:
        CellwrightError: ``state`` holds something that could not be read back safely.
    """
    write_atomically(path, encode(made_with, state))


def encode(made_with: dict[str, Any], state: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint: a line that names the format, a SHA-256 of the rest, the rest."""
    buffer = io.BytesIO()
    torch.save({"made_with": made_with, "state": state}, buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``write_checkpoint`` wrote: (made_with, state), all tensors on the CPU.

    Raises:
        CellwrightError: no checkpoint, a damaged one, or one that asks for code to be run.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CellwrightError(f"{path} cannot be read as a checkpoint: {error.strerror}") from error
    return decode(raw, str(path))


def decode(raw: bytes, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inverse of ``encode``; ``name`` is for the error's text."""
    if not raw.startswith(_MAGIC):
        raise CellwrightError(f"{name} is no cellwright checkpoint: name another file, or delete it to start anew")
    head = len(_MAGIC) + _DIGEST_LENGTH + 1
    digest, payload = raw[len(_MAGIC) : head - 1], raw[head:]
    if hashlib.sha256(payload).hexdigest().encode() != digest:
        raise CellwrightError(f"{name} is damaged (its digest does not match): delete it to start anew")
    try:
        tree = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        made_with, state = tree["made_with"], tree["state"]
    except Exception as error:
        asked = code_asked_for(error)
        what = f"asks for code to be run ({asked}), which is never done" if asked else "holds what no checkpoint does"
        raise CellwrightError(f"{name} {what}: delete it to start anew") from error
    if not isinstance(made_with, dict) or not isinstance(state, dict):
        raise CellwrightError(f"{name} holds what no checkpoint does: delete it to start anew")
    return made_with, state


def check_same_settings(name: str, made_with: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a checkpoint that was made with other settings; more epochs than it was made with are welcome.

    Raises:
        CellwrightError: naming the settings that differ, with both values.
    """
    before, now = _flat(made_with), _flat(wanted)
    differing = {
        key: (before.get(key, "nothing"), now.get(key, "nothing"))
        for key in sorted(before.keys() | now.keys())
        if key != "settings.epochs" and before.get(key) != now.get(key)
    }
    if differing:
        listed = [f"{key} was {_short(old)}, is now {_short(new)}" for key, (old, new) in differing.items()]
        more = [f"{len(listed) - _NAMED} more differ"] if len(listed) > _NAMED else []
        told = "; ".join(listed[:_NAMED] + more)
        raise CellwrightError(f"{name} was made with other settings: {told}. Delete it or use another path")


class Checkpointer:
    """Keeps one checkpoint file of a run up to date; without a path it does nothing."""

    def __init__(self, path: Path | None, made_with: dict[str, Any], seconds_between: float) -> None:
        self.path, self.made_with, self.seconds_between = path, made_with, seconds_between
        self._last = time.monotonic()

    def resume(self) -> dict[str, Any] | None:
        """The state in the file, or None if there is no file yet."""
        if self.path is None or not self.path.exists():
            return None
        made_with, state = read_checkpoint(self.path)
        check_same_settings(str(self.path), made_with, self.made_with)
        return state

    def check_readable(self, state: dict[str, Any]) -> None:
        """Fail before the training, not after it, if this run's state could not be read back."""
        if self.path is None:
            return
        try:
            decode(encode(self.made_with, state), "the checkpoint")
        except Exception as error:
            raise CellwrightError(
                f"this run cannot be kept in a checkpoint ({_first_line(error)}): train without one, "
                "or use an optimiser and a schedule whose state is numbers and tensors"
            ) from error

    def due(self) -> bool:
        """Whether the file is older than it should be."""
        return self.path is not None and time.monotonic() - self._last >= self.seconds_between

    def write(self, state: dict[str, Any]) -> None:
        """Bring the file up to date."""
        if self.path is not None:
            write_checkpoint(self.path, self.made_with, state)
            self._last = time.monotonic()


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _short(value: Any) -> str:
    text = one_line(str(value))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
