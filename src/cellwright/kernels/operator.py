"""Compiled loops in torch: an ``autograd.Function`` in eager mode, and the tests for what has to be interpreted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch.autograd import forward_ad

from cellwright.program import Program

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop

Tensor: TypeAlias = torch.Tensor
Interpret: TypeAlias = Callable[[Mapping[str, Tensor]], tuple[Tensor, Mapping[str, Tensor]]]
"""The same loop, interpreted: from tensors by name to the output and the final states."""

_log = logging.getLogger("cellwright.kernels")
_said: set[str] = set()


def compiled(
    cell: object, program: Program, ready: Collection[str], sizes: Mapping[str, int], dtype: torch.dtype
) -> CompiledLoop | None:
    """The compiled loop of a recurrent stage; None, said once, where there can be none.

    Args:
        cell: for the message.
        ready: names of inputs that stand for products done before the loop.
    """
    try:
        from cellwright.kernels.loop import CompiledLoop
        from cellwright.kernels.plan import UnsupportedError, plan_loop
    except ImportError as error:
        _say_once(f"all cells are interpreted, because llvmlite cannot be imported ({error})")
        return None
    try:
        return CompiledLoop(plan_loop(program, ready), sizes, dtype)
    except UnsupportedError as reason:
        _say_once(f"{cell} is interpreted, because {reason}")
        return None


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        _log.warning(message)


def is_plain(tensors: Collection[Tensor]) -> bool:
    """Whether a kernel may read these tensors: dense numbers of one type on the CPU, and nothing that watches them.

    Watching are functorch (vmap, grad, jvp), forward mode, compilers and tracers, dispatch modes and autocast.
    """
    if is_watched():
        return False
    dtype = next(iter(tensors)).dtype
    return dtype in (torch.float32, torch.float64) and all(
        type(t) in (Tensor, torch.nn.Parameter)
        and t.dtype == dtype
        and t.is_cpu
        and t.layout == torch.strided
        and torch._C._has_storage(t)
        for t in tensors
    )


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
    tensors: Mapping[str, Tensor],
    valid: Tensor | None,
    resets: Tensor | None,
    interpret: Interpret,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Run a compiled loop: the output (time, batch, size) and the final states.

    Args:
        tensors: by ``loop.names``.
        valid, resets: masks (time, batch).
        interpret: the same loop for derivatives of derivatives.
    """
    given = [tensors[name] for name in loop.names]
    valid, resets = (None if mask is None else mask.contiguous() for mask in (valid, resets))
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
        output, *finals = _Scan.apply(loop, interpret, valid, resets, *given)
        return output, dict(zip(loop.states, finals, strict=True))
    contiguous = {name: tensor.contiguous() for name, tensor in zip(loop.names, given, strict=True)}
    output, states, _ = loop.forward(contiguous, valid, resets, training=False)
    return output, states


class _Scan(torch.autograd.Function):
    """One direction of one layer over time."""

    @staticmethod
    def forward(
        ctx: Any, loop: CompiledLoop, interpret: Interpret, valid: Tensor | None, resets: Tensor | None, *given: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        contiguous = {name: tensor.contiguous() for name, tensor in zip(loop.names, given, strict=True)}
        output, finals, saved = loop.forward(contiguous, valid, resets, training=True)
        ctx.loop, ctx.interpret = loop, interpret
        ctx.save_for_backward(output, saved, valid, resets, *given)
        return (output, *(finals[name] for name in loop.states))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: CompiledLoop = ctx.loop
        output, saved, valid, resets, *given = ctx.saved_tensors
        needed = ctx.needs_input_grad[4:]
        if all(cotangent is None for cotangent in cotangents):
            return (None,) * (4 + len(given))
        if torch.is_grad_enabled() or not is_plain([c for c in cotangents if c is not None]):
            gradients = _interpreted(ctx.interpret, loop.names, given, cotangents, needed)
        else:
            contiguous = {name: tensor.contiguous() for name, tensor in zip(loop.names, given, strict=True)}
            wanted = {name for name, need in zip(loop.names, needed, strict=True) if need}
            finals = dict(zip(loop.states, cotangents[1:], strict=True))
            found = loop.backward(contiguous, output, saved, cotangents[0], finals, valid, resets, wanted)
            gradients = [found.get(name) if need else None for name, need in zip(loop.names, needed, strict=True)]
        return (None, None, None, None, *gradients)


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
        output, finals = interpret(dict(zip(names, aliases, strict=True)))
        pairs = [
            (result, cotangent)
            for result, cotangent in zip((output, *finals.values()), cotangents, strict=True)
            if cotangent is not None and result.requires_grad
        ]
        wanted = [alias for alias, need in zip(aliases, needed, strict=True) if need]
        results, seeds = zip(*pairs, strict=True)
        gradients = iter(torch.autograd.grad(results, wanted, seeds, create_graph=create_graph, allow_unused=True))
    return [next(gradients) if need else None for need in needed]
