"""What a kernel cannot do is noticed first and interpreted; the cache of compiled code is safe to lose."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.func import functional_call, grad, jvp, vmap

from cellwright import LSTM, kernels
from cellwright.cells import Cell, affine, tanh
from cellwright.kernels import cache as code
from cellwright.kernels.host import Host, this_host
from cellwright.kernels.loop import CompiledLoop
from cellwright.kernels.loop_ir import print_loop
from cellwright.kernels.plan import plan_loop
from cellwright.kernels.vector_ir import FLOAT32
from cellwright.layers.compiled import compiled_step


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The compiled calls that were made."""
    made: list[str] = []
    for name in ("forward", "backward"):
        real = getattr(CompiledLoop, name)

        def counted(self, *args, _real=real, _name=name, **options):
            made.append(_name)
            return _real(self, *args, **options)

        monkeypatch.setattr(CompiledLoop, name, counted)
    return made


def layer(**options: object) -> tuple[LSTM, torch.Tensor]:
    torch.manual_seed(0)
    return LSTM(3, 4, dtype=torch.float64, **options), torch.randn(3, 5, 3, dtype=torch.float64)


def test_eager_calls_are_compiled(calls: list[str]) -> None:
    model, x = layer(bidirectional=True, num_layers=2)
    model(x)[0].sum().backward()
    assert calls == ["forward"] * 4 + ["backward"] * 4
    with torch.no_grad():
        model(x)
    assert calls[8:] == ["forward"] * 4


def test_kernels_can_be_switched_off(calls: list[str]) -> None:
    model, x = layer()
    with kernels.switched(False):
        model(x)
        assert not kernels.enabled()
    assert kernels.enabled()
    assert not calls


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_forward_mode_and_functorch_are_interpreted(calls: list[str]) -> None:
    model, x = layer()
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    jvp(lambda x: model(x)[0], (x,), (x,))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x)
        assert torch.autograd.forward_ad.unpack_dual(model(dual)[0]).tangent is not None
    vmap(lambda x: model(x)[0])(x.expand(2, 3, 5, 3))
    grad(lambda w: functional_call(model, w, (x,))[0].sum())(weights)
    assert not calls


def test_other_types_and_modes_are_interpreted(calls: list[str]) -> None:
    model, x = layer()
    model.bfloat16()(x.bfloat16())
    model.float()
    with torch.autocast("cpu"):
        model(x.float())
    model.to("meta")(x.float().to("meta"))
    model(x.float().to("meta"), None)
    assert not calls


def test_recorded_signals_are_compiled(calls: list[str]) -> None:
    model, x = layer()
    _, _, signals = model(x, record=("i", "c"))
    (signals["i_l0"].sum() + signals["c_l0"].square().sum()).backward()
    assert calls == ["forward", "backward"]


def test_a_backward_that_is_differentiated_is_interpreted(calls: list[str]) -> None:
    model, x = layer()
    x.requires_grad_()
    both = []
    for on in (True, False):
        with kernels.switched(on):
            (gradient,) = torch.autograd.grad(model(x)[0].square().sum(), x, create_graph=True)
            both.append(torch.autograd.grad(gradient.square().sum(), [x, *model.parameters()]))
    assert calls == ["forward", "backward"]  # the second through the output, which the loss squares
    for one, other in zip(*both, strict=True):
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


def test_a_backward_under_vmap_is_interpreted(calls: list[str]) -> None:
    model, x = layer()
    x.requires_grad_()
    output = model(x)[0]
    seeds = torch.stack([torch.ones_like(output), 2 * torch.ones_like(output)])
    (together,) = torch.autograd.grad(output, x, seeds, is_grads_batched=True, retain_graph=True)
    assert calls == ["forward"]
    (alone,) = torch.autograd.grad(output, x, seeds[1])
    assert (together[1] - alone).abs().max() <= 1e-12 * alone.abs().max()


def test_without_llvmlite_all_is_interpreted_and_said_so_once() -> None:
    program = """
import sys, logging, torch
sys.modules["llvmlite"] = None
logging.basicConfig(stream=sys.stdout, format="%(message)s")
from cellwright import LSTM, Recurrent
LSTM(3, 4)(torch.zeros(2, 1, 3)); Recurrent("peephole", 3, 4)(torch.zeros(2, 1, 3))
"""
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert len(out.splitlines()) == 1
    assert out.startswith("all cells are interpreted, because llvmlite cannot be imported")


def test_importing_layers_does_not_import_llvmlite() -> None:
    program = "import sys, cellwright.layers; sys.exit('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new process begins."""
    monkeypatch.setattr(code, "_engines", {})


TEXT = 'define void @"nothing"(ptr %x) { ret void }'


def test_compiled_code_is_read_from_disk_and_mended(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "new"))
    compilations = []
    real = Host.compile
    monkeypatch.setattr(Host, "compile", lambda self, text: compilations.append(text) or real(self, text))
    for damage in (None, lambda b: b[:-1], lambda b: b"", lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:]):
        for kept in (*tmp_path.glob("new/*"),):
            kept.write_bytes(damage(kept.read_bytes()))
        before = len(compilations)
        for _ in range(2):
            forget(monkeypatch)
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address(TEXT, "nothing", this_host()))(0)
        assert len(compilations) == before + 1


def test_a_cache_that_cannot_be_written_costs_only_time(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "file" / "folder"))
    forget(monkeypatch)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address(TEXT, "nothing", this_host()))(0)


def test_a_new_length_or_batch_compiles_nothing(monkeypatch) -> None:
    model, x = layer()
    model(x)[0].sum().backward()
    monkeypatch.setattr(Host, "compile", None)
    forget(monkeypatch)
    for steps, rows in ((1, 4), (7, 9), (2, 33)):
        model(torch.randn(steps, rows, 3, dtype=torch.float64))[0].sum().backward()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_threads_and_a_forked_child(calls: list[str]) -> None:
    model, x = layer()
    with torch.no_grad():
        expected = model(x)[0]
        barrier = threading.Barrier(2)

        def run(_: int) -> bool:
            barrier.wait()
            with torch.no_grad():
                return all(torch.equal(model(x)[0], expected) for _ in range(50))

        with ThreadPoolExecutor(2) as pool:
            assert all(pool.map(run, range(2)))
        child = os.fork()
        if child == 0:
            os._exit(0 if torch.equal(model(x)[0], expected) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Unit(Cell):
    """One gate."""

    def step(self, x, h):
        return tanh(affine("u", x, h))


def test_the_code_of_a_small_cell(golden) -> None:
    """The loop for the 128-bit vectors that every x86-64 has, without the product that it calls."""
    cell = Unit()
    plan = plan_loop(compiled_step(cell, tuple(sorted(cell.sizes(3, 4).items()))).step.program)
    host = Host("x86_64-unknown-linux-gnu", "x86-64", "", 16, 16)
    text = print_loop(plan, plan.forward, host.shape(FLOAT32)).text
    golden("unit_kernel.ll", text)
