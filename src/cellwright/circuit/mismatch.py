"""Mismatch: what sets each transistor of each chip apart from its drawing.

Draws are keyed, as those of crossbars: one depends on (seed, chip, block in its place, transistor) and on nothing else.
The same draws therefore serve the netlist and its twin, and a transistor more leaves all others as they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cellwright.circuit.components import Mosfet
from cellwright.circuit.technologies import Technology, find
from cellwright.crossbar.draws import key_words, philox
from cellwright.crossbar.draws_ir import NORMALS_A_COUNTER, fill_normals
from cellwright.errors import CellwrightError


class Mismatch:
    """The departures of transistors, normally distributed by Pelgrom's law (Pelgrom, Duinmaijer & Welbers 1989).

    The difference of two neighbours has the standard deviation A / sqrt(area), so that each has that over sqrt(2).
    Copies side by side depart on their own: they are one transistor with the area of all.

    Args:
        technology: with the coefficients A, or its name.
        seed: of the whole study.
    """

    def __init__(self, technology: str | Technology, seed: int) -> None:
        self.technology = find(technology)
        self.seed = seed

    def draw(self, chip: int, instance: str, transistors: Sequence[Mosfet]) -> dict[str, float]:
        """The parameters of a block in its place on a chip: ``vt_<transistor>`` in V, ``mu_<transistor>`` a factor."""
        return {name: float(drawn[0, 0]) for name, drawn in self.draw_many([chip], [instance], transistors).items()}

    def draw_many(
        self, chips: Sequence[int], instances: Sequence[str], transistors: Sequence[Mosfet]
    ) -> dict[str, np.ndarray]:
        """The same numbers for many chips and all places of a block at once, each (chips, instances).

        Raises:
            CellwrightError: two transistors have the same name, by which they are told apart.
        """
        names = [each.name for each in transistors]
        if twice := {name for name in names if names.count(name) > 1}:
            raise CellwrightError(f"the block has more than one transistor {', '.join(sorted(twice))}: rename one")
        normal = self._normals(chips, [key_words(place, name) for place in instances for name in names])
        normal = normal.reshape(len(chips), len(instances), len(names), 2)
        drawn: dict[str, np.ndarray] = {}
        for index, each in enumerate(transistors):
            vt, mu = self.deviations(each)
            drawn[f"vt_{each.name}"] = vt * normal[:, :, index, 0]
            drawn[f"mu_{each.name}"] = 1 + mu * normal[:, :, index, 1]
        return drawn

    def deviations(self, transistor: Mosfet) -> tuple[float, float]:
        """Standard deviations of a transistor's threshold, V, and of its current factor, relative."""
        own = self.technology
        area = own.matched_area(transistor.width, transistor.length) * transistor.copies
        root = float(np.sqrt(2 * area))
        return own.threshold_spread[transistor.polarity] / root, own.gain_spread[transistor.polarity] / root

    def _normals(self, chips: Sequence[int], places: Sequence[tuple[int, int]]) -> np.ndarray:
        """Two standard normal numbers for each chip and place, (chips, places, 2)."""
        key = torch.tensor([key_words(self.seed, "mismatch", chip) for chip in chips]).reshape(-1, 1, 2)
        counter = torch.tensor(places).reshape(1, -1, 2)
        zero = torch.zeros_like(counter[..., 0])
        words = philox((counter[..., 0], counter[..., 1], zero, zero), (key[..., 0], key[..., 1]))
        # Each place of each chip has a generator of its own, of which a few numbers are used.
        keys = torch.stack(words[:2], -1).reshape(-1, 2).contiguous()
        drawn = torch.empty(1, len(keys), 1, NORMALS_A_COUNTER, dtype=torch.float64)
        fill_normals(drawn, keys, 0)
        return drawn.reshape(len(chips), -1, NORMALS_A_COUNTER)[..., :2].numpy()
