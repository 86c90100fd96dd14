"""What the networks of the tasks share: a recurrent layer of any cell, batch first."""

from __future__ import annotations

from cellwright.cells import Cell, find
from cellwright.layers import Recurrent, checks


def recurrent_layer(cell: Cell | str, input_size: int, hidden_size: int, *, bidirectional: bool = False) -> Recurrent:
    """A layer of ``cell`` (or its name, or ``FILE.py:CLASS``), batch first.

    A cell that projects its output projects it to half of the units.

    Raises:
        CellwrightError: a size or a cell that makes no sense.
    """
    own = checks.cell(find(cell) if isinstance(cell, str) else cell)
    projection = hidden_size // 2 if own.projects else 0
    return Recurrent(own, input_size, hidden_size, batch_first=True, bidirectional=bidirectional, proj_size=projection)
