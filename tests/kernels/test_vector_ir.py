"""Every operator of the table as vector code, against torch, at ordinary and at extreme arguments."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
import torch
from llvmlite import ir

from cellwright.kernels.cache import address
from cellwright.kernels.host import Host, this_host
from cellwright.kernels.vector_ir import EMITTERS, FLOAT32, FLOAT64, INDEX, POINTER, Precision, Vectors, counted
from cellwright.program.operators import OPERATORS

EXTREME = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 0.5, 1e-30, -1e-30, 1e-40, 3e-310, 700.0, -700.0]
EXTREME += [
    88.5,
    89.5,
    -87.5,
    -88.5,
    -95.0,
    -103.5,
    -110.0,
    709.5,
    711.0,
    -708.5,
    -740.0,
    -750.0,
    1e30,
    -1e30,
    9.2,
    20.5,
]


def hosts() -> list[Host]:
    """This host at every vector width that it has."""
    full = this_host()
    found = [full]
    if full.triple.startswith("x86_64"):
        if full.vector_bytes >= 64:
            found.append(Host(full.triple, "haswell", "", 32, 16))
        if full.vector_bytes >= 32:
            found.append(Host(full.triple, "nehalem", "", 16, 16))
    return found


def compiled(operator: str, count: int, precision: Precision, host: Host):
    """The operator over arrays of a whole number of vectors."""
    shape = host.shape(precision)
    module = ir.Module("operator")
    kernel = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "apply")
    b = ir.IRBuilder(kernel.append_basic_block())
    v = Vectors(b, precision, shape.width)
    numbers = [
        b.load(b.gep(kernel.args[0], [ir.Constant(INDEX, k)], source_etype=INDEX), typ=INDEX) for k in range(count + 2)
    ]
    places = [b.inttoptr(number, POINTER) for number in numbers[1:]]
    with counted(b, ir.Constant(INDEX, 0), numbers[0], shape.width) as (at, _, _):
        parts = [b.gep(place, [at], source_etype=precision.type) for place in places]
        arguments = [b.load(part, typ=v.type, align=precision.bytes) for part in parts[:-1]]
        if operator == "where":
            arguments[0] = v.less(v.number(0.0), arguments[0])
        result = EMITTERS[operator](v, *arguments)
        if operator in ("less", "equal"):
            result = v.select(result, v.number(1.0), v.number(0.0))
        b.store(result, parts[-1], align=precision.bytes)
    b.ret_void()
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address(str(module), "apply", host))


def apply(operator: str, arguments: list[torch.Tensor], host: Host) -> torch.Tensor:
    precision = FLOAT32 if arguments[0].dtype == torch.float32 else FLOAT64
    result = torch.empty_like(arguments[0])
    addresses = [tensor.data_ptr() for tensor in (*arguments, result)]
    numbers = np.array([result.numel(), *addresses], np.int64)
    compiled(operator, len(arguments), precision, host)(numbers.ctypes.data)
    return result


ROUNDED = "sigmoid log_sigmoid tanh exp log sqrt".split()


def arity(operator: str) -> int:
    return 3 if operator == "where" else 2 if operator in BINARY else 1


BINARY = "add subtract multiply divide maximum minimum mod floor_divide less equal".split()


def arguments_of(operator: str, dtype: torch.dtype) -> list[torch.Tensor]:
    torch.manual_seed(0)
    ordinary = torch.cat([torch.randn(4096) * scale for scale in (1e-6, 0.1, 1.0, 10.0)])
    extreme = torch.tensor(EXTREME, dtype=torch.float64)
    pairs = torch.cartesian_prod(extreme, extreme).T
    if operator in {"mod", "floor_divide"}:  # torch's remainder of a divisor below the normal numbers is NaN
        pairs = pairs[:, (pairs[1].abs() >= torch.finfo(dtype).tiny) | (pairs[1] == 0)]
        pairs = pairs[:, (pairs[0] / pairs[1]).to(dtype).isfinite()]  # nor of a quotient that is none
    columns = [torch.cat([ordinary, pairs[0]]), torch.cat([ordinary.flip(0), pairs[1]])]
    padded = [torch.cat([c, torch.ones(-len(c) % 64)]).to(dtype) for c in columns]
    return {1: padded[:1], 2: padded, 3: [padded[0], padded[1], padded[0]]}[arity(operator)]


@pytest.mark.parametrize("host", hosts(), ids=lambda host: f"{8 * host.vector_bytes} bits")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_is_torchs(operator: str, dtype: torch.dtype, host: Host) -> None:
    arguments = arguments_of(operator, dtype)
    given = [arguments[0] > 0, *arguments[1:]] if operator == "where" else arguments
    ours = apply(operator, arguments, host)
    theirs = OPERATORS[operator].evaluate(*given).to(dtype)
    assert torch.equal(ours.isnan(), theirs.isnan()), arguments[0][ours.isnan() != theirs.isnan()]
    assert torch.equal(ours.isinf(), theirs.isinf()), arguments[0][ours.isinf() != theirs.isinf()]
    assert torch.equal(ours[ours.isinf()], theirs[ours.isinf()])
    finite = theirs.isfinite()
    info = torch.finfo(dtype)
    # Below, numbers lose their bits on the way to the smallest ones.
    error = (ours - theirs)[finite].abs() / theirs[finite].abs().clamp_min(info.tiny / info.eps)
    assert error.max() <= (8 * info.eps if operator in ROUNDED else 0), arguments[0][finite][error.argmax()]


def test_every_operator_has_an_emitter() -> None:
    assert EMITTERS.keys() == OPERATORS.keys()
