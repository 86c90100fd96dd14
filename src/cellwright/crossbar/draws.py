"""Random draws by key: a draw depends on (seed, place, chip, cause, step, element) and on nothing else.

Switching one cause of error off therefore leaves the draws of every other as they were, chip 3 is the same chip in a
batch of 5 or of 50, and the order in which things are drawn does not matter. The generator is counter-based
(Philox4x32-10: Salmon, Moraes, Dror & Shaw 2011, SC'11, "Parallel random numbers: as easy as 1, 2, 3"), written on
torch integers so that a whole batch of chips is drawn at once on any device. Normal numbers on the CPU are drawn by
compiled code, which rounds differently in the last places.
"""

from __future__ import annotations

from hashlib import blake2b
from math import ceil, pi

import torch

from cellwright.crossbar.draws_ir import PHILOX_MULTIPLIERS, PHILOX_ROUNDS, PHILOX_WEYL, fill_normals

Tensor = torch.Tensor

_MASK = 0xFFFFFFFF


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Philox4x32-10: four 32-bit words (in int64 tensors) for each counter and key; shapes broadcast."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for index in range(PHILOX_ROUNDS):
        if index:
            k0, k1 = (k0 + PHILOX_WEYL[0]) & _MASK, (k1 + PHILOX_WEYL[1]) & _MASK
        # The product wraps modulo 2^64, so that the mask after the arithmetic shift leaves its true upper half.
        p0, p1 = c0 * PHILOX_MULTIPLIERS[0], c2 * PHILOX_MULTIPLIERS[1]
        c0, c1, c2, c3 = ((p1 >> 32) & _MASK) ^ c1 ^ k0, p1 & _MASK, ((p0 >> 32) & _MASK) ^ c3 ^ k1, p0 & _MASK
    return c0, c1, c2, c3


def key_words(*names: int | str) -> tuple[int, int]:
    """The two 32-bit words of a Philox key for a tuple of names and numbers."""
    digest = blake2b("\x1f".join(f"{type(name).__name__}:{name}" for name in names).encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


class Draws:
    """The draws of one place (an array, a tile) on every chip of a batch.

    Args:
        seed: of the whole study.
        chips: number of chips; chip k has the number k.
        place: what tells this place from others, such as the names of an array and a tile.
    """

    def __init__(self, seed: int, chips: int, *place: int | str, device: torch.device | str = "cpu") -> None:
        self.seed = seed
        self.chips = chips
        self.place = place
        self.device = torch.device(device)
        self._keys: dict[str, tuple[Tensor, Tensor]] = {}
        self._joined: dict[str, Tensor] = {}

    def at(self, *place: int | str) -> Draws:
        """The draws of a place inside this one."""
        return Draws(self.seed, self.chips, *self.place, *place, device=self.device)

    def normal(self, cause: str, step: int, count: int) -> Tensor:
        """Standard normal numbers, (chips, count); element e is the same for any count."""
        return self.normal_steps(cause, range(step, step + 1), count)[0]

    def normal_steps(self, cause: str, steps: range, count: int) -> Tensor:
        """The same for several steps at once, (steps, chips, count)."""
        if self.device.type == "cpu":
            drawn = torch.empty(len(steps), self.chips, ceil(count / 4), 4, dtype=torch.float64)
            fill_normals(drawn, self.keys(cause), steps.start)
            return drawn.flatten(-2)[..., :count]
        words = self._words(cause, steps, ceil(count / 4))
        pairs = [*_box_muller(words[0], words[1]), *_box_muller(words[2], words[3])]
        return torch.stack(pairs, -1).flatten(-2)[..., :count]

    def uniform(self, cause: str, step: int, count: int) -> Tensor:
        """Uniform numbers inside (0, 1), (chips, count); element e is the same for any count."""
        words = self._words(cause, range(step, step + 1), ceil(count / 4))
        return torch.stack([_unit(word) for word in words], -1).flatten(-2)[0, :, :count]

    def normal_pairs(self, cause: str, step: int, chip: Tensor, element: Tensor) -> tuple[Tensor, Tensor]:
        """Two standard normal numbers for each (chip, element): for draws that few elements need."""
        k0, k1 = self._key(cause)
        zero = torch.zeros_like(element)
        words = philox((element, zero, zero + step, zero + 1), (k0[chip, 0], k1[chip, 0]))
        return _box_muller(words[0], words[1])

    def keys(self, cause: str) -> Tensor:
        """(chips, 2): the two words of each chip's key, for compiled code."""
        if cause not in self._joined:
            self._joined[cause] = torch.cat(self._key(cause), 1)
        return self._joined[cause]

    def _words(self, cause: str, steps: range, counters: int) -> tuple[Tensor, ...]:
        element = torch.arange(counters, device=self.device)
        step = torch.tensor(steps, device=self.device)[:, None, None]
        zero = torch.zeros_like(element)
        return philox((element, zero, step, zero), self._key(cause))

    def _key(self, cause: str) -> tuple[Tensor, Tensor]:
        if cause not in self._keys:
            words = [key_words(self.seed, *self.place, chip, cause) for chip in range(self.chips)]
            both = torch.tensor(words, dtype=torch.int64, device=self.device).reshape(-1, 2)
            self._keys[cause] = both[:, :1], both[:, 1:]
        return self._keys[cause]


def _unit(word: Tensor) -> Tensor:
    return (word.to(torch.float64) + 0.5) * 2.0**-32


def _box_muller(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    radius = torch.sqrt(-2 * torch.log(_unit(first)))
    angle = 2 * pi * _unit(second)
    return radius * torch.cos(angle), radius * torch.sin(angle)
