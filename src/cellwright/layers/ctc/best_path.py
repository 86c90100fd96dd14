"""Best path decoding: the most probable label of each step, without repeats and blanks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias

import torch

from cellwright.layers.ctc import checks
from cellwright.layers.ctc.checks import Labelling

Tensor: TypeAlias = torch.Tensor


def collapse(path: Iterable[int], blank: int = 0) -> Labelling:
    """The labelling of a path, a label a step: repeats become one, then blanks go (2006, the map B of section 3.1)."""
    return tuple(label for label, _ in groupby(checks.string(path)) if label != blank)


def best_path(outputs: Tensor, lengths: Tensor | Sequence[int] | None = None, *, blank: int = 0) -> list[Labelling]:
    """The labelling of the most probable path of each sequence (Graves et al. 2006, section 3.2, equation 4).

    It need not be the most probable labelling: that one's probability may be spread over many paths.

    Args:
        outputs: (time, batch, labels), before the softmax or logarithms of probabilities.
        lengths: steps of each sequence; all of them by default.
        blank: which label is the blank.

    Returns:
        a string of labels for each sequence. Of labels that are equally probable the first counts.

    Raises:
        CellwrightError: shapes that do not fit, NaN among the outputs.
    """
    logarithms, steps = checks.log_probabilities(outputs, lengths)
    checks.no_nan(logarithms)
    own = checks.blank(blank, outputs.shape[-1])
    paths = logarithms.argmax(-1).T.tolist()
    return [collapse(path[:length], own) for path, length in zip(paths, steps.tolist(), strict=True)]
