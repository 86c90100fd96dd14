"""What the tests of CTC share: the probability of every string, from every path, one after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch

Enumerated = dict[tuple[int, ...], float]


def enumerated(outputs: torch.Tensor, blank: int = 0) -> Enumerated:
    """p(string) for outputs (time, labels) of one sequence."""
    probabilities = outputs.softmax(-1).tolist()
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(outputs.shape[-1]), repeat=len(probabilities)):
        labelling = []
        for step, label in enumerate(path):
            if label != blank and (step == 0 or path[step - 1] != label):
                labelling.append(label)
        probability = math.prod(row[label] for row, label in zip(probabilities, path, strict=True))
        found[tuple(labelling)] = found.get(tuple(labelling), 0.0) + probability
    return found


@pytest.fixture(scope="session")
def every_string() -> Callable[..., Enumerated]:
    return enumerated
