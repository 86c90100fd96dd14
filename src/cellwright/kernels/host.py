"""The processor that code is compiled for: its vector width, its registers, its target machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

from cellwright.errors import named
from cellwright.kernels.product_ir import Shape
from cellwright.kernels.vector_ir import Precision


@dataclass(frozen=True)
class Host:
    """A processor as LLVM names it, and the bytes of its widest vectors.

    ``registers`` holds how many vectors the processor has names for.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int

    def shape(self, precision: Precision) -> Shape:
        """How numbers of a precision are laid into this host's registers: as many sums as they hold, with operands."""
        many = self.registers >= 32
        panel, blocks, rows_at_once = (3, (8, 4, 2, 1), 2) if many else (2, (4, 2, 1), 1)
        return Shape(precision, self.vector_bytes // precision.bytes, panel, blocks, rows_at_once=rows_at_once)

    def machine(self, jit: bool = True) -> llvm.TargetMachine:
        """LLVM's target machine."""
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, jit=jit, codemodel="jitdefault" if jit else "default"
        )

    def compile(self, text: str) -> bytes:
        """Optimise a module's text and return the object file."""
        machine = self.machine()
        return machine.emit_object(_optimised(text, machine))

    def assembly(self, text: str) -> str:
        """The same as assembly, for any processor that LLVM knows."""
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        machine = self.machine(jit=False)
        return machine.emit_assembly(_optimised(text, machine))


def _optimised(text: str, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


_LINUX = "x86_64-unknown-linux-gnu"
# LLVM keeps to half of a register's width where early processors ran hot.
_WIDE = "-prefer-256-bit"

VECTORS: Mapping[str, Host] = {
    "avx512": Host(_LINUX, "skylake-avx512", _WIDE, 64, 32),
    "avx2": Host(_LINUX, "haswell", "", 32, 16),
    "sse": Host(_LINUX, "nehalem", "", 16, 16),
    "neon": Host("aarch64-unknown-linux-gnu", "generic", "", 16, 32),
}
"""Processors by their vectors. NEON's code has been looked at, and run by nobody."""


def host_named(name: str) -> Host:
    """A processor by the name of its vectors, or ``this`` one.

    Raises:
        CellwrightError: no such name.
    """
    return this_host() if name == "this" else named("set of vectors", name, VECTORS, "; this is the processor at hand")


@cache
def this_host() -> Host:
    """The processor that this process runs on; with ``CELLWRIGHT_VECTORS`` as one of ``VECTORS``, narrower ones too.

    Raises:
        CellwrightError: that variable names no vectors.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    if forced := os.environ.get("CELLWRIGHT_VECTORS"):
        other = named("set of vectors", forced, VECTORS, ": CELLWRIGHT_VECTORS is set to it")
        return Host(triple, other.cpu, other.features, other.vector_bytes, other.registers)
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512vl"):
        width, registers = 64, 32
    elif features.get("avx2") and features.get("fma"):
        width, registers = 32, 16
    else:
        width, registers = 16, 32 if triple.startswith(("aarch64", "arm64")) else 16
    flat = features.flatten()
    return Host(triple, llvm.get_host_cpu_name(), flat + ("," + _WIDE if width == 64 else ""), width, registers)
