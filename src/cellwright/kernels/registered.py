"""Compiled loops as operators of torch's library, for graphs that ``torch.compile`` and ``torch.export`` make.

In eager mode ``operator.run`` is quicker, and notices what an operator of the library would get wrong in silence.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cellwright.kernels.operator import contiguous

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop

_loops: list[CompiledLoop] = []
_numbers: dict[CompiledLoop, int] = {}
_lock = threading.Lock()


def number_of(loop: CompiledLoop) -> int:
    """What stands for a loop in a graph, in this process."""
    with _lock:
        if loop not in _numbers:
            _numbers[loop] = len(_loops)
            _loops.append(loop)
        return _numbers[loop]


@torch.library.custom_op("cellwright::scan", mutates_args=(), device_types="cpu")
def scan(
    given: list[Tensor], places: list[int], lengths: Tensor | None, resets: Tensor | None, loop: int, training: bool
) -> list[Tensor]:
    """A call of ``CompiledLoop.forward``: its results, and with ``training`` what the backward pass needs.

    Args:
        given: tensors; ``places`` says where each stands among the names of the loop. Others are zero.
    """
    own = _loops[loop]
    tensors = _in_places(own, given, places)
    steps, rows = tensors[own.first_sequence].shape[:2]  # type: ignore[union-attr]
    saved = own.new_empty(own.saved_size(steps, rows)) if training else None
    results, _ = own.forward(tensors, _masks(lengths, resets), training, saved=saved)
    return results if saved is None else [*results, saved]


@scan.register_fake
def _(
    given: list[Tensor], places: list[int], lengths: Tensor | None, resets: Tensor | None, loop: int, training: bool
) -> list[Tensor]:
    own = _loops[loop]
    x = given[places.index(own.first_sequence)]
    steps, rows = x.shape[:2]
    shapes = own.result_shapes(steps, rows)
    if training:
        shapes.append((own.saved_size(steps, rows),))
    return [x.new_empty(shape) for shape in shapes]


def _masks(*masks: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    lengths, resets = contiguous(masks)
    return lengths, resets


def _in_places(loop: CompiledLoop, given: Sequence[Tensor], places: Sequence[int]) -> list[Tensor | None]:
    tensors: list[Tensor | None] = [None] * len(loop.names)
    for tensor, place in zip(given, places, strict=True):
        tensors[place] = tensor.contiguous()
    return tensors


@torch.library.custom_op("cellwright::scan_backward", mutates_args=(), device_types="cpu")
def scan_backward(
    given: list[Tensor],
    places: list[int],
    output: Tensor,
    saved: Tensor,
    cotangents: list[Tensor],
    present: list[int],
    lengths: Tensor | None,
    resets: Tensor | None,
    loop: int,
    needed: list[int],
) -> list[Tensor]:
    """A call of ``CompiledLoop.backward``: the gradients of the given tensors ``needed``, in order.

    Args:
        cotangents: those that there are; ``present`` says of which results.
        needed: their numbers among the given.
    """
    own = _loops[loop]
    tensors = _in_places(own, given, places)
    wanted = {places[number] for number in needed}
    seeds: list[Tensor | None] = [None] * (1 + len(own.states) + len(own.signals))
    for tensor, result in zip(cotangents, present, strict=True):
        seeds[result] = tensor
    kept, flags = (output.contiguous(), saved), tuple(place in wanted for place in range(len(own.names)))
    found = own.backward(tensors, kept, seeds, _masks(lengths, resets), flags)
    gradients = [found[places[number]] for number in needed]
    return [gradient for gradient in gradients if gradient is not None]


@scan_backward.register_fake
def _(
    given: list[Tensor],
    places: list[int],
    output: Tensor,
    saved: Tensor,
    cotangents: list[Tensor],
    present: list[int],
    lengths: Tensor | None,
    resets: Tensor | None,
    loop: int,
    needed: list[int],
) -> list[Tensor]:
    return [given[number].new_empty(given[number].shape) for number in needed]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    given, places, lengths, resets, loop, training = inputs
    ctx.places, ctx.loop, ctx.training = places, loop, training
    ctx.needed = [number for number, tensor in enumerate(given) if tensor.requires_grad]
    kept = (output[0], output[-1]) if training else ()
    ctx.save_for_backward(*kept, lengths, resets, *given)


def _differentiate(ctx: Any, cotangents: Sequence[Tensor | None]) -> tuple[Any, ...]:
    if not ctx.training:
        raise RuntimeError("a scan that kept nothing for its backward pass is differentiated: call it with training")
    output, saved, lengths, resets, *given = ctx.saved_tensors
    seeds = cotangents[:-1]  # of what was kept for this there is none
    present = [number for number, cotangent in enumerate(seeds) if cotangent is not None]
    found = torch.ops.cellwright.scan_backward(
        given,
        ctx.places,
        output,
        saved,
        [cotangent for cotangent in seeds if cotangent is not None],
        present,
        lengths,
        resets,
        ctx.loop,
        ctx.needed,
    )
    gradients: list[Tensor | None] = [None] * len(given)
    for number, gradient in zip(ctx.needed, found, strict=True):
        gradients[number] = gradient
    return gradients, None, None, None, None, None


scan.register_autograd(_differentiate, setup_context=_keep)
