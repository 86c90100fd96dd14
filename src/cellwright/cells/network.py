"""The size of a whole network: a hidden layer of a cell and the output units that read it."""

from __future__ import annotations

from cellwright.cells.notation import Cell
from cellwright.program import counts


def network_weights(
    cell: Cell,
    input_size: int,
    hidden_size: int,
    outputs: int,
    *,
    output_bias: bool = True,
    shortcuts: bool = False,
    projection_size: int = 0,
) -> int:
    """All weights of a hidden layer and of output units that are connected to every cell.

    This is how networks were counted when they were published: Hochreiter & Schmidhuber (1997, Neural Computation 9,
    1735, tables 1 to 9) with gates that receive from cells and gates, ``LSTM(gate_recurrence="units", ...)``.

    Args:
        input_size: input units.
        hidden_size: memory cells (not blocks).
        outputs: output units; each reads every cell's output, not the gates.
        output_bias: the output units have biases.
        shortcuts: the output units read the input units, too.
        projection_size: of a cell that projects its output.

    Raises:
        CellwrightError: sizes that do not fit the cell.
    """
    sizes = cell.sizes(input_size, hidden_size, projection_size)
    read = next(iter(cell.state_sizes(sizes).values())) + (input_size if shortcuts else 0)
    return counts(cell.program()).parameters(sizes) + outputs * (read + output_bias)
