"""Reverse mode as a pass: the program of the cotangents of a program."""

from __future__ import annotations

from cellwright.errors import CellwrightError
from cellwright.program.operators import adjoint_of
from cellwright.program.values import Program, Value, reduction


def reverse(program: Program, prefix: str = "d_") -> Program:
    """The program from inputs, parameters and output cotangents to the cotangents of inputs and parameters.

    It contains the forward values that the adjoints need. Inputs and parameters on which no output depends
    (through anything with a derivative) have no output in the result. The result can be reversed again.

    Args:
        prefix: of a cotangent's name: ``d_h`` goes in for the output h, ``d_weight_hh.i`` comes out for that
            parameter.

    Raises:
        CellwrightError: an input has the name of a cotangent already, as in a third derivative with one prefix.
    """
    cotangents: dict[int, Value] = {}
    seeds = []
    taken = {value.name for value in program.inputs}
    for name, output in program.outputs.items():
        if prefix + name in taken:
            raise CellwrightError(f"the program has an input {prefix + name!r}: reverse it with another prefix")
        seeds.append(Value("input", (), output.axes, prefix + name, {"role": "cotangent"}))
        _accumulate(cotangents, output, seeds[-1])
    for value in reversed(program.values):
        if value.serial not in cotangents or not value.arguments:
            continue
        adjoints = adjoint_of(value.operator)(value, cotangents[value.serial])
        for argument, cotangent in zip(value.arguments, adjoints, strict=True):
            if cotangent is not None and argument.operator != "constant":
                _accumulate(cotangents, argument, cotangent)
    leaves = (*program.inputs, *program.parameters)
    outputs = {prefix + leaf.name: cotangents[leaf.serial] for leaf in leaves if leaf.serial in cotangents}
    return Program.from_outputs(outputs, (*program.inputs, *seeds), program.parameters)


def _accumulate(cotangents: dict[int, Value], value: Value, cotangent: Value) -> None:
    """Add a cotangent, summed over the axes along which the value was repeated."""
    for axis in cotangent.axes:
        if axis not in value.axes:
            cotangent = reduction("sum", cotangent, axis)
    known = cotangents.get(value.serial)
    cotangents[value.serial] = cotangent if known is None else known + cotangent
