"""Compiled loops in torch: an ``autograd.Function`` in eager mode, and the tests for what has to be interpreted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch.autograd import forward_ad

from cellwright.program import Program

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop, MasksOfRows

Tensor: TypeAlias = torch.Tensor
Interpret: TypeAlias = Callable[[Mapping[str, Tensor]], Sequence[Tensor]]
"""The same loop, interpreted: from tensors by name to the output, the final states and the signals."""

_log = logging.getLogger("cellwright.kernels")
_said: set[str] = set()


def compiled(
    cell: object, program: Program, sizes: Mapping[str, int], dtype: torch.dtype, recompute: bool = False
) -> CompiledLoop | None:
    """The compiled loop of a step; None, said once, where there can be none.

    Args:
        cell: for the message.
        program: of the step; its outputs are the states, and after them signals to record.
        recompute: keep the states alone for the backward pass.
    """
    try:
        from cellwright.kernels.loop import CompiledLoop
        from cellwright.kernels.plan import plan_loop
        from cellwright.kernels.schedule import UnsupportedError
    except ImportError as error:
        say_once(f"all cells are interpreted, because llvmlite cannot be imported ({error})")
        return None
    try:
        return CompiledLoop(plan_loop(program, recompute), sizes, dtype)
    except UnsupportedError as reason:
        say_once(f"{cell} is interpreted, because {reason}")
        return None


def say_once(message: str) -> None:
    """Log that something is interpreted, the first time."""
    if message not in _said:
        _said.add(message)
        _log.warning(message)


def is_plain(tensors: Iterable[Tensor]) -> bool:
    """Whether a kernel may read these tensors: dense numbers of one type on the CPU, and nothing that watches them.

    Watching are functorch (vmap, grad, jvp), forward mode, compilers and tracers, dispatch modes and autocast.
    """
    if is_watched():
        return False
    dtype = None
    for tensor in tensors:
        if type(tensor) not in _PLAIN or not tensor.is_cpu or not torch._C._has_storage(tensor):
            return False
        if dtype is None:
            dtype = tensor.dtype
        elif tensor.dtype is not dtype:
            return False
    return dtype in (torch.float32, torch.float64)


_PLAIN = (Tensor, torch.nn.Parameter)


def is_watched() -> bool:
    """Whether torch is doing more than computing values and recording a tape."""
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
        or torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._len_torch_dispatch_stack() > 0
        or torch.is_autocast_enabled("cpu")
    )


def run(
    loop: CompiledLoop,
    given: Sequence[Tensor | None],
    masks: MasksOfRows,
    interpret: Interpret,
    packed: Tensor | None = None,
) -> Sequence[Tensor]:
    """Run a compiled loop: the output (time, batch, size), the final states, and the signals.

    Args:
        given: tensors in the order of ``loop.names``, contiguous or not; None for initial states that are zero.
        masks: lengths and resets.
        interpret: the same loop for derivatives of derivatives.
        packed: matrices that were packed before.
    """
    lengths, resets = contiguous(masks)
    masks = (lengths, resets)
    if torch.is_grad_enabled():
        for tensor in given:
            if tensor is not None and tensor.requires_grad:
                return _Scan.apply(loop, interpret, masks, packed, *given)
    return loop.forward(contiguous(given), masks, False, packed)[0]


def contiguous(tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Each tensor as one block of memory, itself where it is one."""
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


_OTHERS = 4  # arguments of a scan that are no tensors to differentiate by


class _Scan(torch.autograd.Function):
    """One direction of one layer over time."""

    @staticmethod
    def forward(
        ctx: Any,
        loop: CompiledLoop,
        interpret: Interpret,
        masks: MasksOfRows,
        packed: Tensor | None,
        *given: Tensor | None,
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        results, saved = loop.forward(contiguous(given), masks, True, packed)
        ctx.loop, ctx.interpret, ctx.masks = loop, interpret, masks
        ctx.save_for_backward(results[0], saved, *given)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: CompiledLoop = ctx.loop
        output, saved, *given = ctx.saved_tensors
        needed = ctx.needs_input_grad[_OTHERS:]
        known = [cotangent for cotangent in cotangents if cotangent is not None]
        if not known:
            return (None,) * (_OTHERS + len(given))
        if torch.is_grad_enabled() or not is_plain(known):
            gradients = _interpreted(ctx.interpret, loop.names, given, cotangents, needed)
        else:
            gradients = loop.backward(contiguous(given), (output, saved), cotangents, ctx.masks, needed)
        return (*(None,) * _OTHERS, *gradients)


def _interpreted(
    interpret: Interpret,
    names: Sequence[str],
    given: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients by torch's own tape, which can be differentiated again."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, so that a tensor that others of them were made from gets what is its own.
        aliases = [tensor.view_as(tensor) if need else tensor for tensor, need in zip(given, needed, strict=True)]
        named = zip(names, aliases, strict=True)
        computed = interpret({name: alias for name, alias in named if alias is not None})
        pairs = [
            (result, cotangent)
            for result, cotangent in zip(computed, cotangents, strict=True)
            if cotangent is not None and result.requires_grad
        ]
        wanted = [alias for alias, need in zip(aliases, needed, strict=True) if need]
        if not pairs:
            return [None] * len(needed)
        results, seeds = zip(*pairs, strict=True)
        gradients = iter(torch.autograd.grad(results, wanted, seeds, create_graph=create_graph, allow_unused=True))
    return [next(gradients) if need else None for need in needed]
