"""Values as files for other programs hold them: JSON and CSV. Texts stay as they are, to the last sign."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cellwright.report.record import Score


def spread(score: Score) -> dict[str, Any]:
    """The keys are the same for one network and for many: a single value has no spread, so null."""
    return {"std": score.std, "percentiles": dict(score.percentiles)}


def plain(value: Any) -> Any:
    """What JSON can hold: numpy scalars unwrapped, keys as text, null for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_json(result: Mapping[str, Any]) -> str:
    """Results as JSON text: null for what is not a number, arrays as lists."""
    return json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(columns: Mapping[str, Iterable[Any]]) -> str:
    """Columns of equal length by name, numbers to six digits; what is not a number is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(_field, row) for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def _field(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return value
