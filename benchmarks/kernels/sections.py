"""The sections of the benchmark by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench import Bench
from calls import first, overhead
from memory import memory
from speed import extras, further, gru, interpreted, normalised, projection, ragged, rnn, vanilla, variants

SECTION_FUNCTIONS: Mapping[str, Callable[[Bench], None]] = {
    "vanilla": vanilla,
    "gru": gru,
    "rnn": rnn,
    "projection": projection,
    "ragged": ragged,
    "variants": variants,
    "interpreted": interpreted,
    "further": further,
    "normalised": normalised,
    "extras": extras,
    "overhead": overhead,
    "first": first,
    "memory": memory,
}
