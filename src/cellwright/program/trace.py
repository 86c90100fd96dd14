"""Trace a step function once into a program, with the names that its author gave to the values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Kernel, Program, Value, in_order, primed, with_arguments

_parameters: ContextVar[dict[str, Value] | None] = ContextVar("parameters of the step being traced", default=None)


def trace(step: Callable[..., Any], inputs: Sequence[Value], outputs: Sequence[str]) -> Program:
    """Call ``step`` on input values and return the program of what it returns.

    The local variables of ``step`` name the values: ``i = sigmoid(...)`` becomes the value ``i``, which can be
    printed, recorded and found on a chip by that name. Where a step calls the one that it overrides, the variables of
    both name values, its own first. An output carries its own name from ``outputs``.

    Raises:
        CellwrightError: the step returned something else than one value for each of ``outputs``.
    """
    with _collecting_parameters(), _local_names(step) as names:
        returned = step(*inputs)
    results = returned if isinstance(returned, tuple) else (returned,)
    if len(results) != len(outputs) or not all(isinstance(result, Value) for result in results):
        got = ", ".join("a value" if isinstance(r, Value) else type(r).__name__ for r in results)
        expected = f"{len(outputs)} value(s) ({', '.join(outputs)})"
        raise CellwrightError(f"{step.__qualname__} must return {expected}{_which(results, outputs)}, got: {got}")
    outputs_by_name = dict(zip(outputs, results, strict=True))
    return _named(Program.from_outputs(outputs_by_name, inputs), names)


def _which(results: Sequence[Any], outputs: Sequence[str]) -> str:
    """Which of the outputs a step did not return as it should."""
    for name, result in zip(outputs, results, strict=False):
        if not isinstance(result, Value):
            return f": {name} is nothing that it computed" + " (is there a return?)" * (result is None)
    if len(results) < len(outputs):
        return f": {', '.join(outputs[len(results) :])} is missing"
    return ": what comes after them belongs to no state"


def parameter(
    name: str,
    axes: Axes,
    *,
    family: str,
    part: str,
    symbol: str,
    subscript: str = "",
    columns: Axes | None = None,
    kernel: Kernel | None = None,
) -> Value:
    """The parameter ``name`` of the step being traced, created at its first use.

    Args:
        axes: row axes; ``columns`` are those that a matrix reads from, None for what is no matrix.
        family: the stored tensor it is a part of (``weight_hh``); ``part`` the rows in it (``i``).
        symbol: how equations print it (``U``), with a ``subscript``.
        kernel: what makes the matrix a kernel, whose offsets are the last of ``columns``.

    Raises:
        CellwrightError: outside of a trace; the name is no identifier; it was used with other axes.
    """
    parameters = _parameters.get()
    if parameters is None:
        raise CellwrightError(
            f"{name!r} was used outside of a cell's step: linear, affine and elementwise weights exist only there"
        )
    if not (family.isidentifier() and part.isidentifier()):
        raise CellwrightError(f"{name!r} cannot name a parameter: names are made of letters, digits and _")
    attributes: dict[str, Any] = {"family": family, "part": part, "symbol": symbol, "subscript": subscript}
    attributes |= {"out": in_order(axes), "columns": None if columns is None else in_order(columns)}
    attributes |= {"kernel": kernel} if kernel else {}
    value = Value("parameter", (), in_order((*axes, *primed(columns or ()))), name, attributes)
    known = parameters.setdefault(name, value)
    if known.axes != value.axes or any(known.attributes.get(k) != attributes.get(k) for k in ("columns", "kernel")):
        uses = (
            f"a {'vector' if used.attributes['columns'] is None else 'matrix'} ({', '.join(used.axes)})"
            for used in (known, value)
        )
        raise CellwrightError(f"{name!r} is used as {' and as '.join(uses)}: give one of them another name")
    return known


@contextmanager
def _collecting_parameters() -> Iterator[None]:
    token = _parameters.set({})
    try:
        yield
    finally:
        _parameters.reset(token)


@contextmanager
def _local_names(step: Callable[..., Any]) -> Iterator[dict[str, Value]]:
    """The local variables of ``step`` and of the steps that it overrides, at their return, if they hold values."""
    names: dict[str, Value] = {}
    codes = _codes(step)

    def keep_locals(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and frame.f_code in codes:
            names.update({name: item for name, item in frame.f_locals.items() if isinstance(item, Value)})

    before = sys.getprofile()
    sys.setprofile(keep_locals)
    try:
        yield names
    finally:
        _profile_again(before)


def _codes(step: Callable[..., Any]) -> set[Any]:
    """The code of a function; of a method also that of the methods which it overrides."""
    classes = type(getattr(step, "__self__", None)).__mro__
    overridden = [vars(each).get(getattr(step, "__name__", "")) for each in classes]
    return {code for each in (step, *overridden) if (code := getattr(each, "__code__", None)) is not None}


def _named(program: Program, local: Mapping[str, Value]) -> Program:
    """Give values the names of outputs and local variables; the names of inputs and outputs are not given twice."""
    names = {value.serial: name for name, value in program.outputs.items()}
    taken = {*program.outputs, *(value.name for value in program.inputs)}
    for name, value in local.items():
        if name not in taken:
            names.setdefault(value.serial, name)
    return program.rebuild(lambda value, arguments: with_arguments(value, arguments, names.get(value.serial, "")))


def _profile_again(profiler: Any) -> None:
    """Put back what was profiling before: a function, nothing, or cProfile's own object, which is no function."""
    if profiler is None or callable(profiler):
        sys.setprofile(profiler)
    else:
        sys.setprofile(None)
        profiler.enable()
