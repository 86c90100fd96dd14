"""What is left to do after a reverse loop, as tables of jobs: products over all steps at once for the gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cellwright.kernels.jobs_ir import DEPTH, KINDS
from cellwright.kernels.places import Given, Places, owner_of
from cellwright.kernels.plan import Group, is_given
from cellwright.kernels.schedule import Kernel
from cellwright.program import Value

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop


class GradientJobs:
    """Lists the jobs of a reverse loop.

    Attributes:
        found: the jobs, by the names of their fields.
        copies: gradients of biases that equal others, by name.
        covered: rows of each stored tensor's gradient that something is written to.
        totals: of what the loop adds up by itself, the numbers of a block of rows.
    """

    def __init__(
        self,
        loop: CompiledLoop,
        kernel: Kernel,
        given: Given,
        places: Places,
        pack_rows: Callable[[Group, int, int], str],
    ) -> None:
        self.loop, self.kernel, self.given, self.plan = loop, kernel, given, loop.plan
        self.places, self._pack_rows = places, pack_rows
        self.found: list[dict[str, Any]] = []
        self.copies: dict[str, str] = {}
        self.covered: dict[str, int] = {}
        self.totals: dict[str, int] = {}

    def list_all(self) -> None:
        rows = self.given.rows
        blocks = -(-rows // self.loop.shape.granule)
        for name in sorted(self.plan.sums):
            if name in self.loop.parts:
                family, part = self.loop.parts[name]
                owner, start, total = family.name, part.rows.start, family.shape[0]
                self._cover(owner, part.rows.stop - start)
            else:
                leaf = next(value for value in self.plan.inputs if value.name == name)
                owner, start, total = name, 0, self.loop.units(leaf)
            self.places.set(f"d_sum {name}", start, 0, total)
            self.places.sizes[f"@sums {owner}"] = (blocks * total, 0)
            self.totals[owner] = total
        written = set(self.plan.with_cotangent)
        for group in self.plan.groups:
            widths = [self.loop.units(node) for node in group.nodes]
            for n in range(len(widths)):
                self.places.set(f"d_product {group.index}.{n}", sum(widths[:n]), rows * sum(widths), sum(widths))
            self.places.sizes[f"@d_product {group.index}"] = (0, rows * sum(widths))
            for k, term in enumerate(group.terms):
                if is_given(term) and term.name in self.given.needed:
                    self._input_job(group, k, sum(widths), term.name in written)
                    written.add(term.name)
                self._outer_jobs(group, k, widths)
            self._sum_jobs(group, widths)

    def _cover(self, family: str, rows: int) -> None:
        self.covered[family] = self.covered.get(family, 0) + rows

    def _job(self, kind: str, group: Group, first: int, depth: int, total: int) -> dict[str, Any]:
        return {
            "kind": KINDS.index(kind),
            "rows": self.given.rows,
            "cotangent": f"@d_product {group.index}",
            "cotangent_offset": first * self.loop.shape.precision.bytes,
            "cotangent_row": total,
            "depth": depth,
        }

    def _input_job(self, group: Group, k: int, total: int, add: bool) -> None:
        width = self.loop.units(group.terms[k])
        key = self._pack_rows(group, k, width)
        self.found.append(
            self._job("input", group, 0, total, total)
            | {
                "columns": width,
                "target": f"@d_input {group.terms[k].name}",
                "target_row": width,
                "add": int(add),
                "packed": "@packed",
                "packed_offset": self.places.offset[key] * self.loop.shape.precision.bytes,
            }
        )

    def _outer_jobs(self, group: Group, k: int, widths: Sequence[int]) -> None:
        shape, term, bytes_ = self.loop.shape, group.terms[k], self.loop.shape.precision.bytes
        columns = self.loop.units(term)
        operand = self._operand(term)
        for family, row, first, depth in self._segments(list(enumerate(group.weights[k])), widths):
            if family not in self.given.needed:
                continue
            self._cover(family, depth)
            self.found.append(
                self._job("outer", group, first, depth, sum(widths))
                | operand
                | {
                    "columns": columns,
                    "target": f"@d {family}",
                    "target_offset": row * columns * bytes_,
                    "target_row": columns,
                    "lengths": "@lengths",
                    "lengths_row": int(self.given.lengths),
                    "scratch": "@work",
                    "scratch_slice": DEPTH * (shape.blocks[0] + shape.padded(columns)),
                }
            )

    def _operand(self, term: Value) -> dict[str, Any]:
        """Where what a product read lies at the first step and at later ones."""
        source = self.kernel.memory.get(term.serial)
        never = {"resets": "@never"}
        if source is not None and source.kind == "current":
            key = source.keys[0]
            first = {"first": term.name, "first_row": self.places.numbers[f"{key}.initial.row"]}
            masks = {"resets": "@resets", "resets_time": self.given.rows, "resets_row": 1}
            return first | self._later(key, 0) | (masks if self.given.resets else never)
        key = self.loop.operand_keys[term.serial] if source is None or self._is_kept(term) else source.keys[0]
        first = {
            "first": owner_of(self.plan, self.kernel, key),
            "first_offset": self.places.offset[key] * self.loop.shape.precision.bytes,
            "first_row": self.places.numbers[f"{key}.row"],
        }
        return first | self._later(key, 1) | never

    def _is_kept(self, term: Value) -> bool:
        return term.serial in self.loop.operand_keys

    def _later(self, key: str, steps: int) -> dict[str, Any]:
        """Where it lies at the second step, from which the others follow."""
        tensor = owner_of(self.plan, self.kernel, key)
        time = self.places.numbers[f"{key}.time"]
        time = self.places.sizes[tensor][1] if time == -1 else time
        offset = (self.places.offset[key] + steps * time) * self.loop.shape.precision.bytes
        row = self.places.numbers[f"{key}.row"]
        return {"later": tensor, "later_offset": offset, "later_time": time, "later_row": row}

    def _segments(
        self, parameters: Sequence[tuple[int, Value]], widths: Sequence[int]
    ) -> list[tuple[str, int, int, int]]:
        """(stored tensor, its first row, first unit of the cotangent, units): neighbours in both are one.

        Args:
            parameters: with the number of the node that each belongs to.
        """
        found: list[tuple[str, int, int, int]] = []
        for n, parameter in parameters:
            family, part = self.loop.parts[parameter.name]
            first, width = sum(widths[:n]), widths[n]
            if found:
                name, row, start, depth = found[-1]
                if (name, row + depth, start + depth) == (family.name, part.rows.start, first):
                    found[-1] = (name, row, start, depth + width)
                    continue
            found.append((family.name, part.rows.start, first, width))
        return found

    def _sum_jobs(self, group: Group, widths: Sequence[int]) -> None:
        """The gradients of biases. torch's second bias has that of the first."""
        known: dict[tuple[tuple[int, ...], ...], str] = {}
        most = max((len(biases) for biases in group.biases), default=0)
        for k in range(most):
            column = [(n, biases[k]) for n, biases in enumerate(group.biases) if len(biases) > k]
            segments = [s for s in self._segments(column, widths) if s[0] in self.given.needed]
            families = {family for family, *_ in segments}
            shape = tuple(tuple(segment[1:]) for segment in segments)
            if len(families) == 1 and sum(segment[3] for segment in segments) == self._rows_of(*families):
                if shape in known:
                    self.copies[families.pop()] = known[shape]
                    continue
                (known[shape],) = families
            for family, row, first, depth in segments:
                self._cover(family, depth)
                self.found.append(
                    self._job("sum", group, first, depth, sum(widths))
                    | {"target": f"@d {family}", "target_offset": row * self.loop.shape.precision.bytes}
                )

    def _rows_of(self, family: str) -> int:
        return self.loop.families[family].shape[0]
