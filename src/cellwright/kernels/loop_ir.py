"""A planned time loop as vector LLVM IR: one function of a table of sizes and a list of addresses.

``loop(numbers, addresses, steps, first, last)`` runs all steps for the rows [first, last). Rows do not meet, so that
several threads may share a batch. ``PrintedLoop.numbers`` and ``PrintedLoop.tensors`` name the integers of the table
and the addresses. A buffer ``k`` lies at ``k.offset`` bytes in its tensor, with strides ``k.time`` and ``k.row`` in
numbers: a stride of 0 repeats a step or a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from cellwright.kernels.pass_ir import Passes
from cellwright.kernels.plan import LoopPlan
from cellwright.kernels.product_ir import PRODUCT, Shape
from cellwright.kernels.schedule import Kernel, Pass, Product, Source, lanes
from cellwright.kernels.vector_ir import BYTE, INDEX, Vector, constant, counted


@dataclass(frozen=True)
class PrintedLoop:
    """The text of a module with one function ``name``, and what its table and its list of addresses hold."""

    name: str
    text: str
    numbers: tuple[str, ...]
    tensors: tuple[str, ...]


def print_loop(plan: LoopPlan, kernel: Kernel, shape: Shape) -> PrintedLoop:
    """Print one loop of a plan for vectors of a shape."""
    module = ir.Module(name="cellwright")
    printer = _Printer(module, plan, kernel, shape)
    printer.print()
    return PrintedLoop(kernel.name, str(module), tuple(printer.numbers), tuple(printer.tensors))


class _Printer(Passes):
    """Prints a loop: what happens before the first step, at each step, and after the last."""

    def __init__(self, module: ir.Module, plan: LoopPlan, kernel: Kernel, shape: Shape) -> None:
        super().__init__(module, plan, kernel, shape)
        self.initial = {v.name: v for v in plan.program.inputs_with_role("state")}
        current = {value.serial for value in self.initial.values()}
        reads = any(self._is_forward(action) for action in kernel.actions)
        terms = (term for group in plan.groups for term in group.terms)
        self.entered = sorted({term.name for term in terms if term.serial in current}) if reads else []

    @staticmethod
    def _is_forward(action: Product | Pass) -> bool:
        return isinstance(action, Product) and action.matrix.startswith("matrix")

    def print(self) -> None:
        start, b = self.b.block, self.b
        self.chunk = self.number("chunk")
        self.product = self.entry.inttoptr(self.number("product function"), ir.PointerType(PRODUCT))
        self.has_lengths = b.icmp_signed("!=", self.number("lengths.row"), constant(0))
        self._begin()
        with counted(b, constant(0), self.steps, 1) as (turn, _, _):
            self.turn = turn
            self.time = b.sub(b.sub(self.steps, constant(1)), turn) if self.kernel.backward else turn
            self.inside = b.srem(turn, self.chunk)
            self._enter_step()
            self._products_ahead()
            for action in self.kernel.actions:
                if isinstance(action, Pass):
                    self.print_pass(action)
                elif not action.ahead:
                    self._product(action, self.b.sub(self.top, self.first), self.inside)
        self._end()
        b.ret_void()
        self.entry.branch(start)

    # Before the first step and after the last

    def _begin(self) -> None:
        """Cotangents of the final states are where the loop carries them; what is added up begins at zero."""
        if not self.kernel.backward:
            return
        b = self.b
        for state in self.kernel.states:
            axes = lanes(self.initial[state])
            source = (self.address(f"d_final {state}"), self.number(f"d_final {state}.row"))
            target = (self.address(f"carry {state}"), self.number(f"carry {state}.row"))
            with counted(b, self.first, self.last) as (row, _, _):
                self.copy_row(self.at(*source, row), self.at(*target, row), self.units(axes))
        high = constant(self.shape.granule)
        for name in sorted(self.plan.sums):
            leaf = next(v for v in (*self.plan.inputs, *self.plan.parameters) if v.name == name)
            stop = b.sdiv(b.add(self.last, b.sub(high, constant(1))), high)
            with counted(b, b.sdiv(self.first, high), stop) as (block, _, _):
                key = f"d_sum {name}"
                place = self.at(self.address(key), self.number(f"{key}.row"), block)
                self.zero_row(place, self.units(lanes(leaf)))

    def _end(self) -> None:
        """The final states: those after each row's last step."""
        if self.kernel.backward:
            return
        b = self.b
        for state in self.kernel.states:
            with counted(b, self.first, self.last) as (row, _, _):
                length = self.length(row)
                stop = b.select(b.icmp_signed("<", length, self.steps), length, self.steps)
                place, stride = self._state_before(state, stop)
                target = self.at(self.address(f"final {state}"), self.number(f"final {state}.row"), row)
                self.copy_row(self.at(place, stride, row), target, self.units(lanes(self.initial[state])))

    def length(self, row: Vector) -> Vector:
        place = self.b.gep(self.address("lengths"), [self.b.mul(row, self.number("lengths.row"))], source_etype=INDEX)
        return self.b.load(place, typ=INDEX, align=8)

    def _state_before(self, state: str, time: Vector) -> tuple[Vector, Vector]:
        """Where a state lies before the step at a time, and the stride of its rows."""
        b, key = self.b, f"state {state}"
        is_first = b.icmp_signed("<=", time, constant(0))
        index = b.and_(b.sub(time, constant(1)), self.number(f"{key}.mask"))
        earlier = self.at(self.address(key), self.number(f"{key}.time"), index)
        initial = self.address(f"{key}.initial")
        stride = b.select(is_first, self.number(f"{key}.initial.row"), self.number(f"{key}.row"))
        return b.select(is_first, initial, earlier), stride

    def _enter_step(self) -> None:
        """The states before and after this step, and their cotangents: pointers to the first row, and strides."""
        b, one = self.b, constant(1)
        self.now: dict[tuple[str, str], tuple[Vector, Vector]] = {}
        for state in self.kernel.states:
            key = f"state {state}"
            self.now[key, "current"] = self._state_before(state, self.time)
            time = b.and_(self.time, self.number(f"{key}.mask"))
            place = self.at(self.address(key), self.number(f"{key}.time"), time)
            self.now[key, "next"] = (place, self.number(f"{key}.row"))
            if self.kernel.backward:
                carry = f"carry {state}"
                stride, row = self.number(f"{carry}.time"), self.number(f"{carry}.row")
                following = b.and_(b.add(self.turn, one), one)
                self.now[state, "seed"] = (self.at(self.address(carry), stride, b.and_(self.turn, one)), row)
                self.now[state, "carry"] = (self.at(self.address(carry), stride, following), row)
        self._find_top()
        self._enter_resets()

    def _find_top(self) -> None:
        """The row behind the last one that has not ended, at the edge of a block of rows."""
        b = self.b
        top = self.entry.alloca(INDEX)
        b.store(self.last, top, align=8)
        with b.if_then(self.has_lengths):
            head, body, after = (b.append_basic_block(name) for name in ("top", "lower", "found"))
            b.branch(head)
            b.position_at_end(head)
            row = b.sub(b.load(top, typ=INDEX, align=8), constant(1))
            b.cbranch(b.icmp_signed(">=", row, self.first), body, after)
            b.position_at_end(body)
            has_ended = b.icmp_signed("<=", self.length(row), self.time)
            lower = b.append_basic_block("lowered")
            b.cbranch(has_ended, lower, after)
            b.position_at_end(lower)
            b.store(row, top, align=8)
            b.branch(head)
            b.position_at_end(after)
        high = constant(self.shape.granule)
        count = b.sub(b.load(top, typ=INDEX, align=8), self.first)
        rounded = b.mul(b.sdiv(b.add(count, b.sub(high, constant(1))), high), high)
        edge = b.add(self.first, rounded)
        self.top = b.select(b.icmp_signed("<", edge, self.last), edge, self.last)

    def _enter_resets(self) -> None:
        """A step at which a row starts anew reads copies of the states that products need, with zeros in that row."""
        b = self.b
        if not self.entered:
            return
        any_reset = self.entry.alloca(ir.IntType(1))
        b.store(ir.Constant(ir.IntType(1), 0), any_reset)
        has_resets = b.icmp_signed("!=", self.number("resets.row"), constant(0))
        with b.if_then(has_resets), counted(b, self.first, self.last) as (row, _, _):
            b.store(b.or_(b.load(any_reset, typ=ir.IntType(1)), self.reset_flag(row)), any_reset)
        is_any = b.load(any_reset, typ=ir.IntType(1))
        for state in self.entered:
            key = f"state {state}"
            place, stride = self.now[key, "current"]
            copy, own = self.address(f"{key}.entered"), self.number(f"{key}.entered.row")
            with b.if_then(is_any), counted(b, self.first, self.last) as (row, _, _):
                flag = self.reset_flag(row)

                def put(at: Callable[[Vector], Vector], exists: Vector | None) -> None:
                    value = self.load_some(at(self.at(place, stride, row)), exists)  # noqa: B023
                    value = b.select(flag, self.v.number(0.0), value)  # noqa: B023
                    self.store_some(value, at(self.at(copy, own, row)), exists)  # noqa: B023

                self.over(self.units(lanes(self.initial[state])), put)
            self.now[key, "entered"] = (b.select(is_any, copy, place), b.select(is_any, own, stride))

    def reset_flag(self, row: Vector) -> Vector:
        b = self.b
        index = b.add(b.mul(self.time, self.number("resets.time")), b.mul(row, self.number("resets.row")))
        byte = b.load(b.gep(self.address("resets"), [index], source_etype=BYTE), typ=BYTE, align=1)
        return b.icmp_unsigned("!=", byte, ir.Constant(BYTE, 0))

    def base(self, source: Source) -> tuple[Vector, Vector]:
        """The first row of a buffer at this step, and the stride of its rows."""
        key = source.keys[0]
        if source.kind == "current":
            return self.now.get((key, "entered"), self.now[key, "current"])
        if source.kind == "next":
            return self.now[key, "next"]
        index = self.inside if key.startswith("product ") else self.time
        return self.at(self.address(key), self.number(f"{key}.time"), index), self.number(f"{key}.row")

    # Products

    def _products_ahead(self) -> None:
        """Products with sequences, for as many steps at once as fill the registers with rows."""
        b = self.b
        ahead = [action for action in self.kernel.actions if isinstance(action, Product) and action.ahead]
        if not ahead:
            return
        with b.if_then(b.icmp_signed("==", self.inside, constant(0))):
            left = b.sub(self.steps, self.turn)
            count = b.select(b.icmp_signed("<", left, self.chunk), left, self.chunk)
            # Few rows of several steps fill a block together; they are never shared among threads.
            are_joined = b.icmp_signed("!=", self.number("joined"), constant(0))
            rows = b.select(are_joined, b.mul(count, self.last), b.sub(self.top, self.first))
            times = b.select(are_joined, constant(1), count)
            for action in ahead:
                key = action.source.keys[0]
                strides = (times, self.number(f"{key}.time"), self.number(f"{action.target}.time"))
                self._product(action, rows, constant(0), strides)

    def _product(
        self, action: Product, rows: Vector, inside: Vector, strides: tuple[Vector, Vector, Vector] | None = None
    ) -> None:
        b = self.b
        start, row = self.base(action.source)
        target = self.at(self.address(action.target), self.number(f"{action.target}.time"), inside)
        stride = self.number(f"{action.target}.row")
        arguments = [
            rows,
            self.at(start, row, self.first),
            row,
            constant(1),
            self.number(f"{action.matrix}.depth"),
            self.number(f"{action.matrix}.columns"),
            self.address(action.matrix),
            self.at(target, stride, self.first),
            stride,
            constant(int(action.add)),
            *(strides or (constant(1), constant(0), constant(0))),
        ]
        b.call(self.product, arguments)
