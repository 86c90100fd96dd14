"""Where the buffers of a compiled loop lie: which tensor holds each, at which offset, with which strides.

Nothing of it depends on the number of steps: what is kept for every step lies together, step after step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cellwright.kernels.plan import LoopPlan
from cellwright.kernels.schedule import Kernel

_LARGE = 256  # from so many numbers on, a buffer begins at the edge of a cache line
LINE = 16


def owner_of(plan: LoopPlan, kernel: Kernel, key: str) -> str:
    """The tensor in which a buffer lies: one that the caller gives, by its name, or one of the loop's own, with @."""
    kind, _, rest = key.partition(" ")
    if kind == "state":
        name, _, part = rest.partition(".")
        if part:
            return name if part == "initial" else "@scratch"
        if name == plan.states[0]:
            return "@output"
        return "@scratch" if kernel.name == "forward" else "@saved"
    if kind == "value":
        return _owner_of_value(plan, kernel, key)
    if kind == "input":
        return rest
    if kind in ("parameter", "d_sum"):
        families = {value.name: value.attributes["family"] for value in plan.program.parameters}
        name = families.get(rest, rest)
        return name if kind == "parameter" else f"@sums {name}"
    if kind == "d_product":
        return f"@d_product {rest.partition('.')[0]}"
    if kind == "matrix" or key.startswith("transposed matrix"):
        return "@packed"
    if kind in ("final", "signal", "d_final", "d_signal", "d_input", "d_output", "lengths", "resets"):
        return f"@{key}"
    return "@carry" if kind == "carry" else "@scratch"


def _owner_of_value(plan: LoopPlan, kernel: Kernel, key: str) -> str:
    if kernel.name == "forward":
        return "@scratch"
    if key in plan.operands and plan.recompute:
        return "@operands" if kernel.backward else "@scratch"
    return "@saved" if key in plan.saved or key in plan.operands else "@scratch"


@dataclass(frozen=True)
class Given:
    """What a call has of what it may have; absent tensors are stood in for by constants.

    Attributes:
        rows: of the batch.
        lengths, resets: whether there are such masks.
        present: names of initial states, and of cotangents, that there are.
        needed: names of given tensors that need a gradient.
    """

    rows: int
    lengths: bool = False
    resets: bool = False
    present: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


@dataclass
class Places:
    """Offsets and strides of buffers, as they are handed out.

    Attributes:
        offset: of each buffer in its tensor, in numbers; of one with room for every step, within a step.
        numbers: strides by the names that a loop's table has for them. A time stride of -1 stands for the size of a
            step, which is known when all buffers of the tensor are.
        sizes: of the tensors: fixed, and for each step.
    """

    offset: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def set(self, key: str, offset: int, time: int, row: int) -> None:
        self.offset[key] = offset
        self.numbers |= {f"{key}.time": time, f"{key}.row": row}

    def once(self, key: str, tensor: str, count: int, row: int, time: int = 0) -> None:
        """A buffer for one step, or a few."""
        fixed, each = self.sizes.get(tensor, (0, 0))
        self.set(key, fixed, time, row)
        self.sizes[tensor] = (fixed + _rounded(count), each)

    def each_step(self, key: str, tensor: str, count: int, row: int) -> None:
        """A buffer with room for every step."""
        fixed, each = self.sizes.get(tensor, (0, 0))
        self.set(key, each, -1, row)
        self.sizes[tensor] = (fixed, each + _rounded(count))


def _rounded(count: int) -> int:
    return -(-count // LINE) * LINE if count >= _LARGE else count
