"""Memory for calls, used again: the system charges for every page of new memory, as much as a small loop costs."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import torch

Tensor = torch.Tensor

SMALL = 1 << 14  # below so many numbers the allocator is quicker
_KEPT = 64 << 20  # bytes that are kept at most, in use or not, of each dtype
_PIECES = 8  # tensors that are kept at most
_HUGE = 4 << 20  # from so many bytes on, large pages pay
_MADV_HUGEPAGE = 14

_kept: dict[torch.dtype, list[Tensor]] = {torch.float32: [], torch.float64: []}
_use_count: Any = getattr(torch._C, "_storage_Use_Count", None)
_madvise: Any = None
if sys.platform == "linux":
    _madvise = ctypes.CDLL(None).madvise
    _madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def take(numbers: int, dtype: torch.dtype) -> Tensor:
    """A flat tensor of unset numbers. Its memory serves another call when nothing refers to it any more."""
    bytes_ = numbers * dtype.itemsize
    # In its deterministic mode torch fills new memory with NaN, which shows what is read before it is written.
    if bytes_ > _KEPT or _use_count is None or torch.are_deterministic_algorithms_enabled():
        return _new(numbers, dtype)
    kept = _kept[dtype]
    aside = []
    found = None
    while found is None:
        try:
            candidate = kept.pop()  # while it is out of the list, no other thread sees it
        except IndexError:
            break
        aside.append(candidate)
        if candidate.numel() >= numbers and _use_count(candidate.untyped_storage()._cdata) <= 2:
            found = candidate[:numbers]
    if found is None:
        found = _new(numbers, dtype)
        aside.insert(0, found)
        while len(aside) > _PIECES or sum(tensor.numel() for tensor in aside) * dtype.itemsize > _KEPT:
            aside.pop()
        found = found[:]
    kept.extend(reversed(aside))
    return found


def _new(numbers: int, dtype: torch.dtype) -> Tensor:
    """New memory; the system is told that large pages would serve it well, where it takes such advice."""
    with torch.inference_mode(False):  # it may serve a backward pass later
        tensor = torch.empty(numbers, dtype=dtype, device="cpu")
    if _madvise is not None and (size := numbers * dtype.itemsize) >= _HUGE:
        start = -(-tensor.data_ptr() // 4096) * 4096
        _madvise(start, (size - 4096) // 4096 * 4096, _MADV_HUGEPAGE)
    return tensor
