"""Made-up sequences whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rising():
    """(sequences, labels): noisy lines (40, 12) that rise or fall, by an outcome as people write it."""
    draws = np.random.default_rng(0)
    labels = np.repeat(["falls", "rises"], 20)
    slopes = np.where(labels == "rises", 1.0, -1.0)
    return 30 + 5 * slopes[:, None] * np.linspace(-1, 1, 12) + draws.normal(0, 1, (40, 12)), labels


@pytest.fixture
def ragged():
    """(sequences, targets): 40 arrays (3 to 9 steps, 2 features); the target is the last value of the first."""
    draws = np.random.default_rng(1)
    sequences = [draws.normal(5, 3, (length, 2)) for length in draws.integers(3, 10, 40)]
    return sequences, np.array([one[-1, 0] for one in sequences])
