"""The nodal matrix of a crossbar, solved by a sparse direct solver: what one does without a solver for crossbars."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

Array = NDArray[np.float64]


def effective_matrix(conductances: Array, segment: float) -> Array:
    """(word lines, bit lines) siemens from the sparse LU factors of Kirchhoff's current law at every crossing.

    Every wire, the drivers' and the senses' too, has one resistance. The matrix is symmetric, so that a solution for
    each bit line gives as much as one for each word line.

    Args:
        segment: in ohms.
    """
    rows, columns = conductances.shape
    word = np.arange(conductances.size).reshape(rows, columns)
    bit = word + conductances.size
    sense = bit[-1]
    factors = splu(
        _nodal(conductances, word, bit, 1 / segment),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0,
        options={"SymmetricMode": True},
    )
    injected = np.zeros((2 * conductances.size, columns))
    injected[sense, np.arange(columns)] = 1 / segment
    return factors.solve(injected)[word[:, 0]] / segment


def _nodal(conductances: Array, word: NDArray[np.int64], bit: NDArray[np.int64], wire: float) -> Any:
    """Devices between the two nodes of a crossing, wires between neighbours, and wires to the terminals."""
    pairs = ((word, bit), (word[:, :-1], word[:, 1:]), (bit[:-1], bit[1:]))
    first, second = (np.concatenate([pair[end].ravel() for pair in pairs]) for end in (0, 1))
    values = np.full(len(first), wire)
    values[: conductances.size] = conductances.ravel()
    terminals = np.concatenate([word[:, 0], bit[-1]])
    entries = np.concatenate([values, values, -values, -values, np.full(len(terminals), wire)])
    at = (np.concatenate([first, second, first, second, terminals]),
          np.concatenate([first, second, second, first, terminals]))  # fmt: skip
    return sparse.csc_matrix((entries, at))
