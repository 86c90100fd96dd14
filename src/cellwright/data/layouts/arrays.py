"""Arrays in binary files: IDX, NumPy, MATLAB, HDF5, sound."""

from __future__ import annotations

import math
import wave
import zipfile
from dataclasses import dataclass, field
from typing import IO, Any

from cellwright.data.layouts.content import (
    Content,
    Count,
    Examined,
    UnreadableError,
    classes,
    counted,
    labels_differ,
    matches,
    miscounted,
    small,
)

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Idx(Content):
    """The IDX format of MNIST: unsigned bytes of some shape; where given, how often each value occurs."""

    shape: tuple[int, ...]
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        return f"{_shaped(self.shape)} bytes{classes(self.labels)}"

    def examine(self, stream: IO[bytes]) -> Examined:
        head = stream.read(4)
        if len(head) < 4 or head[:3] != b"\0\0\x08":
            raise UnreadableError("it does not begin as an IDX file of unsigned bytes does")
        sizes = stream.read(4 * head[3])
        shape = tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, len(sizes), 4))
        length, counts = 0, [0] * 256
        while chunk := stream.read(_CHUNK):
            length += len(chunk)
            if self.labels:
                for value in chunk:
                    counts[value] += 1
        labels = {str(value): count for value, count in enumerate(counts) if count}
        wrong = "" if shape == self.shape else f"its shape is {_shaped(shape)}, expected {_shaped(self.shape)}"
        wrong = wrong or miscounted(length, math.prod(self.shape), "values") or labels_differ(labels, self.labels)
        return Examined(found=f"{_shaped(shape)} bytes", wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Npz(Content):
    """NumPy arrays by name, of some shapes; where given, how often each value of one occurs. No code is ever loaded."""

    arrays: dict[str, tuple[int, ...]]
    labels: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        return ", ".join(f"{name} {_shaped(shape)}" for name, shape in self.arrays.items())

    def examine(self, stream: IO[bytes]) -> Examined:
        import numpy as np

        shapes: dict[str, tuple[int, ...]] = {}
        wrong = ""
        with zipfile.ZipFile(stream) as archive:
            if damaged := archive.testzip():
                raise UnreadableError(f"its array {damaged} is damaged")
            for member in archive.namelist():
                with archive.open(member) as inner:
                    shapes[member.removesuffix(".npy")] = _npy_shape(inner)
            for name, expected in self.arrays.items():
                if shapes.get(name) != expected:
                    found = _shaped(shapes[name]) if name in shapes else "missing"
                    wrong = wrong or f"its array {name} is {found}, expected {_shaped(expected)}"
            for name, counts in self.labels.items():
                if not wrong:
                    with archive.open(f"{name}.npy") as inner:
                        values, cases = np.unique(np.lib.format.read_array(small(inner)), return_counts=True)
                    labels = {f"{float(value):g}": int(count) for value, count in zip(values, cases, strict=True)}
                    wrong = labels_differ(labels, counts)
        return Examined(found=", ".join(f"{name} {_shaped(shape)}" for name, shape in shapes.items()), wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class PianoRolls(Content):
    """MATLAB file of piano rolls: ``traindata``, ``validdata``, ``testdata``, lists of steps × keys of 0 and 1."""

    sequences: tuple[int, int, int]
    length: Count
    keys: int = 88

    @property
    def expected(self) -> str:
        return f"{'/'.join(map(str, self.sequences))} rolls of {self.keys} keys"

    def examine(self, stream: IO[bytes]) -> Examined:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        try:
            read = loadmat(small(stream))
        except (MatReadError, TypeError) as error:
            raise UnreadableError(f"it is no whole MATLAB file: {error}") from None
        counts, wrong = [], ""
        for name, expected in zip(("traindata", "validdata", "testdata"), self.sequences, strict=True):
            rolls = read[name].reshape(-1) if name in read else []
            counts.append(len(rolls))
            wrong = wrong or miscounted(len(rolls), expected, f"rolls in {name}")
            for roll in rolls:
                wrong = wrong or self._fault(name, roll)
        return Examined(found=f"{'/'.join(map(str, counts))} rolls", wrong=wrong)

    def _fault(self, name: str, roll: Any) -> str:
        steps, keys = roll.shape
        if keys != self.keys:
            return f"a roll of {name} has {keys} keys, expected {self.keys}"
        if not matches(steps, self.length):
            return f"a roll of {name} has {steps} steps, expected {counted(self.length, 'steps')}"
        return "" if ((roll == 0) | (roll == 1)).all() else f"a roll of {name} has values other than 0 and 1"


@dataclass(frozen=True, kw_only=True)
class Hdf5(Content):
    """An HDF5 file (needs h5py) with an array of some shape under a path within it."""

    array: str
    shape: tuple[int, ...]

    @property
    def expected(self) -> str:
        return f"{self.array} {_shaped(self.shape)}"

    def examine(self, stream: IO[bytes]) -> Examined:
        from cellwright.data.layouts.hdf5 import hdf5

        with hdf5(stream) as file:
            if self.array not in file:
                return Examined(found=", ".join(file), wrong=f"it has no array {self.array}")
            shape = tuple(file[self.array].shape)
        wrong = "" if shape == self.shape else f"its shape is {_shaped(shape)}, expected {_shaped(self.shape)}"
        return Examined(found=f"{self.array} {_shaped(shape)}", wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Sound(Content):
    """A WAV file of one channel of 16 bits; ``rate`` is in Hz, ``samples`` its length."""

    rate: int
    samples: Count

    @property
    def expected(self) -> str:
        return f"WAV, {self.rate} Hz, {counted(self.samples, 'samples')}"

    def examine(self, stream: IO[bytes]) -> Examined:
        try:
            with wave.open(stream) as sound:
                rate, samples = sound.getframerate(), sound.getnframes()
                form = (sound.getnchannels(), 8 * sound.getsampwidth())
                length = len(sound.readframes(samples)) // sound.getsampwidth() // form[0]
        except wave.Error as error:
            raise UnreadableError(f"it is no WAV file: {error}") from None
        found = f"WAV, {rate} Hz, {length} samples"
        if (rate, *form) != (self.rate, 1, 16):
            return Examined(
                found=found,
                wrong=f"it has {form[0]} channels of {form[1]} bits at {rate} Hz, expected 1 of 16 at {self.rate}",
            )
        wrong = miscounted(length, samples, "samples") or miscounted(length, self.samples, "samples")
        return Examined(found=found, wrong=wrong)


def _npy_shape(stream: IO[bytes]) -> tuple[int, ...]:
    import numpy as np

    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return tuple(read(stream)[0])


def _shaped(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one value"
