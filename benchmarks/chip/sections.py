"""The sections of the benchmark by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench import Bench
from forward import aihwkit, chips, lstm_with_wires
from programming import programming
from wires import badcrossbar, wires

SECTION_FUNCTIONS: Mapping[str, Callable[[Bench], None]] = {
    "wires": wires,
    "badcrossbar": badcrossbar,
    "lstm": lstm_with_wires,
    "chips": chips,
    "aihwkit": aihwkit,
    "programming": programming,
}
