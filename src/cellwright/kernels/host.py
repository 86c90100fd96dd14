"""The host: its vector width, its target machine, and compiling a module for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

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
        return Shape(precision, self.vector_bytes // precision.bytes, panel, blocks, rows_at_once)

    def machine(self, jit: bool = True) -> llvm.TargetMachine:
        """LLVM's target machine."""
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, jit=jit, codemodel="jitdefault" if jit else "default"
        )

    def compile(self, text: str) -> bytes:
        """Optimise a module's text and return the object file."""
        machine = self.machine()
        module = llvm.parse_assembly(text)
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        return machine.emit_object(module)


@cache
def this_host() -> Host:
    """The processor that this process runs on."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    triple = llvm.get_process_triple()
    if features.get("avx512f") and features.get("avx512vl"):
        width, registers = 64, 32
    elif features.get("avx2") and features.get("fma"):
        width, registers = 32, 16
    else:
        width, registers = 16, 32 if triple.startswith(("aarch64", "arm64")) else 16
    flat = features.flatten()
    # LLVM keeps to half of a register's width where early processors ran hot.
    extra = "" if width < 64 else ",-prefer-256-bit"
    return Host(triple, llvm.get_host_cpu_name(), flat + extra, width, registers)
