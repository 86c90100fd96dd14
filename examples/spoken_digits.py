"""Spell what was said: strings of spoken digits, labelled with letters of which nobody says where they are.

    CELLWRIGHT_DATA=FOLDER python examples/spoken_digits.py [--seeds 3]

Recordings of one speaker (Free Spoken Digit Dataset) are put one after the other, without a pause. The target is their
names in letters, "two nine six"; where a letter is in the sound is in no data, so that the network is trained by
connectionist temporal classification (Graves, Fernández, Gomez & Schmidhuber 2006). It is a pyramid of two
bidirectional LSTM layers: 10 ms a step below, 20 ms above.

Recordings 0 to 4 of each speaker and digit are the test half, as the data set's README has it; 5 to 9 choose the epoch,
and the settings of baseline and decoders; the others train. What must be beaten: the string that is most frequent, and
the label of the nearest frame, which is told in training what CTC is not: where each digit begins and ends.

In the paper, on the phonemes of TIMIT (data that is not public), prefix search had 30.51 % label errors and best path
31.47 %: the search is worth a percent. Here it is set beside a language model of letters and a list of the ten words.
"""

from __future__ import annotations

import argparse
import functools
import io
import itertools
import math
import statistics
import time
import wave
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from cellwright.data.known import data_folder
from cellwright.layers import PyramidalRecurrent
from cellwright.layers.ctc import (
    Labelling,
    LabelNGram,
    WordList,
    best_path,
    ctc_loss,
    label_error_rate,
    prefix_beam_search,
    word_error_rate,
)

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ALPHABET = ("", " ", *sorted(set("".join(NAMES))))
"""The blank, the space between words, the letters."""

BLANK, SPACE, LABELS = 0, 1, len(ALPHABET)
RATE, WINDOW, HOP, CHANNELS = 8000, 200, 80, 26

TEST, VALIDATION, TRAINING = range(5), range(5, 10), range(10, 50)


@dataclass(frozen=True)
class Recording:
    """Logarithms of energies in bands of frequency (steps, channels), 100 steps a second."""

    digit: int
    speaker: str
    number: int
    frames: Tensor


@dataclass(frozen=True)
class Spoken:
    """Recordings one after the other, and what they say."""

    recordings: tuple[Recording, ...]

    @property
    def frames(self) -> Tensor:
        return torch.cat([one.frames for one in self.recordings])

    @property
    def target(self) -> Labelling:
        return spelled(one.digit for one in self.recordings)


def spelled(digits: Sequence[int] | itertools.chain[int]) -> Labelling:
    """The names of digits as labels, with spaces between them."""
    return tuple(ALPHABET.index(letter) for letter in " ".join(NAMES[digit] for digit in digits))


def written(string: Labelling) -> str:
    return "".join(ALPHABET[label] for label in string)


@functools.cache
def mel_bands(size: int = 256) -> np.ndarray:
    """Triangles that are evenly spaced in mel (channels, size / 2 + 1), from 60 Hz to half the rate."""
    mel = np.linspace(*(2595 * np.log10(1 + hertz / 700) for hertz in (60, RATE / 2)), CHANNELS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, size // 2 + 1)
    rising = (hertz - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - hertz) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


def log_mel(samples: np.ndarray) -> Tensor:
    """Energies of windows of 25 ms, every 10 ms, as logarithms (steps, channels)."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hamming(WINDOW)
    energies = np.abs(np.fft.rfft(windows, 256)) ** 2 @ mel_bands().T
    return torch.from_numpy(np.log(energies + 1e-6)).float()


def read_recordings(folder: Path, speakers: Sequence[str] = ()) -> list[Recording]:
    """The recordings of some speakers, or of all; each channel with mean 0 and variance 1 over those that train."""
    found = []
    with zipfile.ZipFile(folder / "fsdd" / "fsdd.zip") as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(".wav"):
                continue
            digit, speaker, number = Path(name).stem.split("_")
            if speakers and speaker not in speakers:
                continue
            with wave.open(io.BytesIO(archive.read(name))) as sound:
                samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 2**15
            found.append(Recording(int(digit), speaker, int(number), log_mel(samples)))
    frames = torch.cat([one.frames for one in found if one.number in TRAINING])
    mean, spread = frames.mean(0), frames.std(0)
    return [Recording(one.digit, one.speaker, one.number, (one.frames - mean) / spread) for one in found]


def strings(recordings: Sequence[Recording], half: range, count: int, longest: int, seed: int) -> list[Spoken]:
    """Strings of 1 to ``longest`` recordings of one speaker each, drawn from a part of the recordings."""
    draws = np.random.default_rng(seed)
    own = [one for one in recordings if one.number in half]
    speakers = sorted({one.speaker for one in own})
    by_speaker = [[one for one in own if one.speaker == speaker] for speaker in speakers]
    made = []
    for _ in range(count):
        pool = by_speaker[draws.integers(len(by_speaker))]
        made.append(Spoken(tuple(pool[place] for place in draws.integers(len(pool), size=draws.integers(longest) + 1))))
    return made


def validation(recordings: Sequence[Recording], longest: int) -> list[Spoken]:
    """The strings that settings are chosen on."""
    return strings(recordings, VALIDATION, 250, longest, seed=1)


class Speller(nn.Module):
    """A pyramid of two bidirectional LSTM layers, and a label for every second step."""

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = PyramidalRecurrent("lstm", CHANNELS, hidden_size, 2, remainder="pad", dropout=dropout)
        self.readout = nn.Linear(self.layers.output_size, LABELS)

    def forward(self, frames: Sequence[Tensor], noise: float = 0.0) -> tuple[Tensor, Tensor]:
        """Outputs (time, batch, labels) and their lengths."""
        x = pad_sequence(list(frames))
        if noise:
            x = x + noise * torch.randn_like(x)
        output, _, lengths = self.layers(x, lengths=[len(one) for one in frames])
        return self.readout(output), lengths

    @torch.no_grad()
    def read(self, spoken: Sequence[Spoken]) -> tuple[Tensor, Tensor]:
        """The outputs for strings that are not trained on."""
        training = self.training
        outputs = self.eval()([one.frames for one in spoken])
        self.train(training)
        return outputs


def train(
    recordings: Sequence[Recording],
    *,
    seed: int,
    hidden_size: int = 48,
    epochs: int = 14,
    strings_an_epoch: int = 1200,
    longest: int = 3,
    rate: float = 6e-3,
    batch_size: int = 32,
    dropout: float = 0.2,
    noise: float = 0.4,
    say: Callable[[str], None] = lambda line: None,
) -> Speller:
    """A speller with the weights of the epoch whose best paths are best on the validation recordings."""
    torch.manual_seed(seed)
    model = Speller(hidden_size, dropout)
    held_out = validation(recordings, longest)
    targets = [one.target for one in held_out]
    optimiser = torch.optim.Adam(model.parameters(), rate)
    batches = math.ceil(strings_an_epoch / batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, epochs * batches, pct_start=0.2)
    best, kept = math.inf, model.state_dict()
    for epoch in range(epochs):
        drawn = strings(recordings, TRAINING, strings_an_epoch, longest, seed=1000 * (seed + 1) + epoch)
        for start in range(0, strings_an_epoch, batch_size):
            batch = drawn[start : start + batch_size]
            outputs, lengths = model([one.frames for one in batch], noise)
            loss = ctc_loss(outputs, [one.target for one in batch], lengths)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        error = label_error_rate(best_path(*model.read(held_out)), targets)
        say(f"  epoch {epoch + 1}: loss {loss.item():.3f}, label errors on validation {100 * error:.1f} %")
        if error < best:
            best, kept = error, {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept)
    return model


LANGUAGE_MODEL = "with a 4-gram of letters"
Decoder = Callable[[Tensor, Tensor], list[Labelling]]


def decoders(longest: int, alpha: float, beta: float) -> dict[str, Decoder]:
    """Ways to make a string of the outputs. The language model has read all strings of one and two digits."""
    texts = [
        spelled(digits) for n in range(1, min(longest, 2) + 1) for digits in itertools.product(range(10), repeat=n)
    ]
    letters = LabelNGram(texts, 4, LABELS)
    words = WordList([spelled([digit]) for digit in range(10)], LABELS, SPACE)

    def search(**options: object) -> Decoder:
        def decode(outputs: Tensor, lengths: Tensor) -> list[Labelling]:
            beams = prefix_beam_search(outputs, lengths, **options)  # type: ignore[arg-type]  # options of all kinds
            return [beam[0].labels if beam else () for beam in beams]

        return decode

    return {
        "best path": best_path,
        "prefix search": search(),
        LANGUAGE_MODEL: search(language_model=letters, alpha=alpha, beta=beta),
        "with the list of words": search(word_list=words),
    }


def most_frequent(recordings: Sequence[Recording], longest: int) -> Labelling:
    """The string that has the fewest label errors on strings of the training recordings, of those of equal digits."""
    seen = [one.target for one in strings(recordings, TRAINING, 100, longest, seed=2)]
    known = [spelled([digit] * count) for digit in range(10) for count in range(1, longest + 1)]
    return min(known, key=lambda string: label_error_rate([string] * len(seen), seen))


class NearestFrames:
    """The digit of the nearest frame of training, by 5 frames together; a digit counts after a run of some frames.

    It is told where the digits of training begin and end, which CTC is not.
    """

    def __init__(self, recordings: Sequence[Recording], most: int = 8000) -> None:
        own = [one for one in recordings if one.number in TRAINING]
        frames = torch.cat([self._together(one.frames) for one in own])
        digits = torch.cat([torch.full((len(one.frames),), one.digit) for one in own])
        chosen = torch.randperm(len(frames), generator=torch.Generator().manual_seed(0))[:most]
        self._frames, self._digits = frames[chosen], digits[chosen]
        self._found: dict[tuple[int, str, int], list[int]] = {}

    @staticmethod
    def _together(frames: Tensor) -> Tensor:
        padded = nn.functional.pad(frames, (0, 0, 2, 2))
        return torch.cat([padded[shift : shift + len(frames)] for shift in range(5)], 1)

    def _frame_by_frame(self, recording: Recording) -> list[int]:
        key = recording.digit, recording.speaker, recording.number
        if key not in self._found:
            nearest = torch.cdist(self._together(recording.frames), self._frames).topk(9, largest=False).indices
            self._found[key] = self._digits[nearest].mode(1).values.tolist()
        return self._found[key]

    def read(self, spoken: Spoken, run: int) -> Labelling:
        """The string of digits whose runs last for at least so many frames."""
        path = [digit for one in spoken.recordings for digit in self._frame_by_frame(one)]
        runs = [(digit, len(list(group))) for digit, group in itertools.groupby(path)]
        return spelled([digit for digit, _ in itertools.groupby(digit for digit, length in runs if length >= run)])


def nearest_frames(recordings: Sequence[Recording], test: Sequence[Spoken], longest: int) -> list[Labelling]:
    """Strings read by the nearest frames; how long a run counts is chosen on the validation recordings."""
    reader = NearestFrames(recordings)
    held_out = validation(recordings, longest)
    targets = [one.target for one in held_out]
    run = min(range(2, 16), key=lambda run: label_error_rate([reader.read(one, run) for one in held_out], targets))
    return [reader.read(one, run) for one in test]


def rates(decoded: Sequence[Labelling], targets: Sequence[Labelling]) -> tuple[float, float]:
    """Label and word errors in per cent."""
    return 100 * label_error_rate(decoded, targets), 100 * word_error_rate(decoded, targets, SPACE)


def baselines(recordings: Sequence[Recording], test: Sequence[Spoken], longest: int) -> dict[str, tuple[float, float]]:
    """Label and word errors of what needs no network."""
    targets = [one.target for one in test]
    return {
        "always the same string": rates([most_frequent(recordings, longest)] * len(test), targets),
        "nearest frames": rates(nearest_frames(recordings, test, longest), targets),
    }


def results(
    model: Speller, recordings: Sequence[Recording], test: Sequence[Spoken], longest: int
) -> dict[str, tuple[float, float]]:
    """Label and word errors of a trained speller by decoder; weights are chosen on the validation recordings."""
    held_out = validation(recordings, longest)
    outputs, targets = model.read(held_out), [one.target for one in held_out]

    def error(weights: tuple[float, float]) -> float:
        return label_error_rate(decoders(longest, *weights)[LANGUAGE_MODEL](*outputs), targets)

    weights = min(itertools.product((0.25, 0.5, 1.0), (0.0, 0.5, 1.0)), key=error)
    outputs, targets = model.read(test), [one.target for one in test]
    return {name: rates(decode(*outputs), targets) for name, decode in decoders(longest, *weights).items()}


def printed(found: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """A line for each: mean and spread over seeds."""
    for name, pairs in found.items():
        columns = []
        for values in zip(*pairs, strict=True):
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            columns.append(f"{statistics.mean(values):.2f}{spread}")
        print(f"{name:<26} label errors {columns[0]:>14} %   word errors {columns[1]:>14} %")


def main(seeds: int = 3, longest: int = 3, epochs: int = 14) -> None:
    recordings = read_recordings(data_folder())
    test = strings(recordings, TEST, 400, longest, seed=3)
    print(f"{len(test)} strings of up to {longest} digits, of recordings 0 to 4; {seeds} seeds")
    printed({name: [pair] for name, pair in baselines(recordings, test, longest).items()})
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        start = time.perf_counter()
        model = train(recordings, seed=seed, epochs=epochs, longest=longest, say=print)
        print(f"seed {seed}: trained in {time.perf_counter() - start:.0f} s")
        for name, pair in results(model, recordings, test, longest).items():
            found.setdefault(name, []).append(pair)
    printed(found)
    decoded = best_path(*model.read(test[:4]))
    for spoken, string in zip(test, decoded, strict=False):
        print(f"{written(spoken.target)!r} was read as {written(string)!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=14)
    arguments = parser.parse_args()
    main(arguments.seeds, epochs=arguments.epochs)
