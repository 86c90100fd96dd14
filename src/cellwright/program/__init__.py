"""The typed program: a cell's step traced once, and the passes over it."""

from cellwright.program.counts import Counts, counts
from cellwright.program.equations import Equation, equations
from cellwright.program.interpret import Arithmetic, BoundProgram, GroupFunction, Interpreter, evaluate
from cellwright.program.passes import LinearGroup, Stages, from_zero_states, linear_groups, merge_sums, split_stages
from cellwright.program.reverse import reverse
from cellwright.program.storage import Family, families
from cellwright.program.trace import trace
from cellwright.program.values import Program, Value, linear_terms

__all__ = [
    "Arithmetic",
    "BoundProgram",
    "Counts",
    "Equation",
    "Family",
    "GroupFunction",
    "Interpreter",
    "LinearGroup",
    "Program",
    "Stages",
    "Value",
    "counts",
    "equations",
    "evaluate",
    "families",
    "from_zero_states",
    "linear_groups",
    "linear_terms",
    "merge_sums",
    "reverse",
    "split_stages",
    "trace",
]
