"""Dates as people write them into ISO 8601: "Tuesday, 3rd of May 1988" is 1988-05-03.

    pip install cellwright
    python examples/date_formats.py [--seeds 3] [--epochs 12]

An encoder-decoder with the attention of Bahdanau, Cho & Bengio (2015) reads the letters of a date in one of twelve
formats and says ten characters. Training has 3000 dates; validation and test have days that are in no training date, in
any format. What is counted is the share of test dates that are right in all ten characters.

What must be beaten: the answer of the nearest training string by edit distance, which is a good guess of the format but
cannot know a day that it has never seen; and the most frequent year, month and day. There is no published figure: the
task is an exercise of Andrew Ng's course on sequence models (2018), where all formats are different ones.

At last the alignment of one date is printed: the day is said last, wherever it stands.
"""

from __future__ import annotations

import argparse
import datetime
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cellwright import Recurrent
from cellwright.layers import AdditiveAttention, Decoder, Markers, Seq2Seq

FORMATS = (
    "{d} {month} {y}", "{month} {d}, {y}", "{weekday}, {d} {month} {y}", "{dd}.{mm}.{y}", "{mm}/{dd}/{y}",
    "{d} {mon} {yy}", "{mon} {d} {y}", "{y}/{mm}/{dd}", "{y}{mm}{dd}", "{weekday}, the {d}{th} of {month} {y}",
    "{d}{th} {month} {y}", "{d}-{mon}-{yy}",
)  # fmt: skip
FIRST_DAY, DAYS = datetime.date(1969, 1, 1), 36_524
"""A century from 1969 on, in which a year of two digits is one year."""

LETTERS = "0123456789-abcdefghijklmnopqrstuvwxyz ,./"
FIRST = 3
MARKERS = Markers()
Pair = tuple[str, str]


@dataclass(frozen=True)
class Sizes:
    """Of the data, of the network and of its training."""

    formats: tuple[str, ...] = FORMATS
    training: int = 3000
    held_out: int = 1000
    units: int = 64
    epochs: int = 12
    batch: int = 50
    learning_rate: float = 0.005


def written(day: datetime.date, form: str) -> str:
    """A date in a format, in small letters."""
    th = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    parts = {"d": day.day, "th": th, "y": day.year, "dd": f"{day:%d}", "mm": f"{day:%m}", "yy": f"{day:%y}"}
    return form.format(**parts, month=f"{day:%B}", mon=f"{day:%b}", weekday=f"{day:%A}").lower()


def dates(sizes: Sizes) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Training, validation and test: what is written and what it means. No day is in two of them."""
    draws = random.Random(0)
    days = [FIRST_DAY + datetime.timedelta(k) for k in draws.sample(range(DAYS), sizes.training + 2 * sizes.held_out)]
    pairs = [(written(day, draws.choice(sizes.formats)), day.isoformat()) for day in days]
    ends = sizes.training, sizes.training + sizes.held_out
    return pairs[: ends[0]], pairs[ends[0] : ends[1]], pairs[ends[1] :]


def tokens(text: str) -> Tensor:
    return torch.tensor([FIRST + LETTERS.index(letter) for letter in text])


def text(said: Sequence[int]) -> str:
    return "".join(LETTERS[token - FIRST] if token >= FIRST else "?" for token in said)


def batch(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor, Tensor]:
    """Sources and targets (batch, time), and the lengths of the sources."""
    read = [tokens(source) for source, _ in pairs]
    said = [torch.cat([tokens(target), torch.tensor([MARKERS.end])]) for _, target in pairs]
    lengths = torch.tensor([len(one) for one in read])
    return pad_sequence(read, batch_first=True), pad_sequence(said, batch_first=True), lengths


def network(units: int) -> Seq2Seq:
    """A bidirectional LSTM reads, an LSTM that looks before it steps says."""
    encoder = Recurrent("lstm", 32, units, bidirectional=True)
    looks = AdditiveAttention(units, encoder.output_size, units)
    count = FIRST + len(LETTERS)
    return Seq2Seq(encoder, Decoder("lstm", count, 32, units, attention=looks, query="previous"), source_tokens=count)


def exact(model: Seq2Seq, pairs: Sequence[Pair]) -> float:
    """The share of dates that are right in all characters."""
    source, _, lengths = batch(pairs)
    found = model.greedy(source, lengths, max_length=12)
    return sum(text(one.tokens) == target for one, (_, target) in zip(found, pairs, strict=True)) / len(pairs)


def trained(sizes: Sizes, seed: int, training: Sequence[Pair], validation: Sequence[Pair]) -> Seq2Seq:
    """A network with the weights of the epoch that was best on the validation dates."""
    torch.manual_seed(seed)
    model, order = network(sizes.units), random.Random(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=sizes.learning_rate)
    best, weights = -1.0, model.state_dict()
    for _ in range(sizes.epochs):
        model.train()
        shuffled = order.sample(list(training), len(training))
        for start in range(0, len(shuffled), sizes.batch):
            source, target, lengths = batch(shuffled[start : start + sizes.batch])
            optimiser.zero_grad()
            model.loss(source, target, lengths).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        share = exact(model.eval(), validation)
        if share > best:
            best, weights = share, {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(weights)
    return model


def of_the_nearest(training: Sequence[Pair], pairs: Sequence[Pair]) -> float:
    """The share of dates for which the training string at the least edit distance has the right answer."""
    known = np.array([list(source.ljust(40, "\0")) for source, _ in training])
    ends = np.array([len(source) for source, _ in training])
    right = 0
    for source, target in pairs:
        distances = np.tile(np.arange(known.shape[1] + 1), (len(known), 1))
        for letter in source:  # a row of the table of Wagner & Fischer (1974), for all training strings at once
            above, distances = distances, np.empty_like(distances)
            distances[:, 0] = above[:, 0] + 1
            for place in range(known.shape[1]):
                changed = above[:, place] + (known[:, place] != letter)
                kept = np.minimum(above[:, place + 1], distances[:, place]) + 1
                distances[:, place + 1] = np.minimum(changed, kept)
        nearest = int(distances[np.arange(len(known)), ends].argmin())
        right += training[nearest][1] == target
    return right / len(pairs)


def of_the_most_frequent(training: Sequence[Pair], pairs: Sequence[Pair]) -> float:
    """The share of dates that are the most frequent year, month and day."""
    fields = zip(*(target.split("-") for _, target in training), strict=True)
    guess = "-".join(Counter(field).most_common(1)[0][0] for field in fields)
    return sum(target == guess for _, target in pairs) / len(pairs)


def alignment(model: Seq2Seq, source: str) -> str:
    """Where the network looks: what is read from left to right, what is said from top to bottom."""
    (found,) = model.greedy(tokens(source).unsqueeze(0), max_length=12)
    rows = zip([*text(found.tokens), "."][: len(found.alignment)], found.alignment.tolist(), strict=True)
    lines = [f"  {letter}  " + "".join(" .:*#"[min(4, int(5 * share))] for share in shares) for letter, shares in rows]
    return "\n".join([f"     {source}", *lines])


def main(seeds: Sequence[int] = (0, 1, 2), sizes: Sizes = Sizes(), nearest: int = 200) -> dict[str, list[float]]:
    """Train with each seed; print, and return by method, the shares of test dates that are right."""
    training, validation, test = dates(sizes)
    result = {
        "most frequent year, month and day": [of_the_most_frequent(training, test)],
        f"nearest training string (on {nearest} dates)": [of_the_nearest(training, test[:nearest])],
    }
    models = [trained(sizes, seed, training, validation) for seed in seeds]
    result["attention, greedy"] = [exact(model, test) for model in models]
    print(f"test dates that are right, of {len(test)}; {len(training)} training dates, {len(seeds)} seeds")
    for name, shares in result.items():
        print(f"  {name}: " + ", ".join(f"{100 * share:.1f} %" for share in shares))
    print(f"\nwhere it looks:\n{alignment(models[0], 'tuesday, the 3rd of may 1988')}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    main(range(arguments.seeds), Sizes(epochs=arguments.epochs))
