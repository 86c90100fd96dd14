"""Sequences to learn from: tensors with a batch axis and a time axis, and what to count of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from cellwright.errors import CellwrightError


@dataclass(frozen=True)
class Batch:
    """Some sequences, ready for the model: inputs, targets, and the mask of targets that count (None: all)."""

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        mask = None if self.mask is None else self.mask.to(device)
        return Batch(self.inputs.to(device), self.targets.to(device), mask)


@runtime_checkable
class SequenceSource(Protocol):
    """What ``fit`` reads: anything with a length that hands out batches by index.

    A source may also have ``digest() -> str``; a checkpoint then knows its data and refuses other data.
    """

    @property
    def batch_first(self) -> bool:
        """Whether the batch is the first axis (else the second, after time)."""

    def __len__(self) -> int:
        """The number of sequences."""

    def select(self, indices: Tensor) -> Batch:
        """The sequences at ``indices`` (an int64 tensor), in that order."""


@dataclass(frozen=True)
class SequenceData:
    """Sequences held as tensors.

    Shapes, with ``batch_first`` (else the first two axes change places):

    - ``inputs`` (batch, time, features...)
    - ``targets`` (batch, time, ...) for a target a step, or (batch, ...) for one target a sequence
    - ``mask`` bool, (batch, time) or (batch,), as the targets: which of them count (padding and warm-up do not).

    Raises:
        CellwrightError: empty, or shapes that do not fit each other.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None = None
    batch_first: bool = True

    def __post_init__(self) -> None:
        for name in ("inputs", "targets", "mask"):
            value = getattr(self, name)
            if not isinstance(value, Tensor) and not (name == "mask" and value is None):
                raise CellwrightError(f"{name} must be a tensor, not {type(value).__name__}: use torch.as_tensor")
        if self.inputs.dim() < 2 or self.inputs.numel() == 0:
            raise CellwrightError(
                f"inputs of shape {tuple(self.inputs.shape)} hold no sequences: "
                "expected (batch, time, features) with at least one element"
            )
        if self.targets.dim() <= self._batch_axis(self.targets) or self._size(self.targets) != len(self):
            raise CellwrightError(
                f"targets of shape {tuple(self.targets.shape)} do not fit inputs of shape {tuple(self.inputs.shape)}: "
                f"expected {len(self)} sequences (batch_first={self.batch_first})"
            )
        if self.mask is not None:
            self._check_mask(self.mask)

    def _check_mask(self, mask: Tensor) -> None:
        if mask.dtype != torch.bool or mask.shape != self.targets.shape[: mask.dim()] or mask.dim() not in (1, 2):
            raise CellwrightError(
                f"mask is {mask.dtype} of shape {tuple(mask.shape)}: expected bool with the leading axes of the "
                f"targets, {tuple(self.targets.shape[:2])}"
            )
        if not mask.any():
            raise CellwrightError("mask counts no target at all: at least one element must be True")

    def _batch_axis(self, tensor: Tensor) -> int:
        # A target a sequence has no time axis, so the batch stands first in either layout.
        time_major = not self.batch_first and tensor.shape[:2] == self.inputs.shape[:2]
        return 1 if time_major else 0

    def _size(self, tensor: Tensor) -> int:
        return tensor.shape[self._batch_axis(tensor)]

    def __len__(self) -> int:
        return self.inputs.shape[0 if self.batch_first else 1]

    def select(self, indices: Tensor) -> Batch:
        """The sequences at ``indices``, in that order."""

        def pick(tensor: Tensor) -> Tensor:
            return tensor.index_select(self._batch_axis(tensor), indices.to(tensor.device))

        return Batch(pick(self.inputs), pick(self.targets), None if self.mask is None else pick(self.mask))

    def digest(self) -> str:
        """SHA-256 over shapes, dtypes and values: two equal digests mean the same data."""
        total = hashlib.sha256(str(self.batch_first).encode())
        for tensor in (self.inputs, self.targets, self.mask):
            if tensor is not None:
                total.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
                total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return total.hexdigest()


def as_source(data: Any, what: str = "data") -> SequenceSource:
    """``data`` as a source: itself if it is one, or a pair (inputs, targets) with the batch first.

    Raises:
        CellwrightError: neither a pair of tensors nor a source, or an empty one.
    """
    if isinstance(data, (tuple, list)) and len(data) == 2:
        data = SequenceData(*data)
    if not isinstance(data, SequenceSource):
        raise CellwrightError(
            f"{what} is a {type(data).__name__}: expected (inputs, targets) or a cellwright.learning.SequenceData"
        )
    if len(data) == 0:
        raise CellwrightError(f"{what} is empty: it needs at least one sequence")
    return data
