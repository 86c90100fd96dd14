"""Learning: how weights change. ``fit`` trains any torch module on sequences."""

from cellwright.learning.data import Batch, SequenceData, SequenceSource
from cellwright.learning.evaluate import Loss, evaluate
from cellwright.learning.fit import FitResult, fit
from cellwright.learning.progress import Callback, Progress, progress_bar
from cellwright.learning.settings import FitSettings
from cellwright.learning.state import History, own_random_numbers

__all__ = [
    "Batch",
    "Callback",
    "FitResult",
    "FitSettings",
    "History",
    "Loss",
    "Progress",
    "SequenceData",
    "SequenceSource",
    "evaluate",
    "fit",
    "own_random_numbers",
    "progress_bar",
]
