"""Reverse strings: a decoder that looks back at what was read, beside one that has to keep it in its state.

    pip install cellwright
    python examples/reversing.py [--seeds 3] [--updates 1500]

An encoder-decoder (Sutskever, Vinyals & Le 2014) has to bring a whole string through states of fixed size; with
attention (Bahdanau, Cho & Bengio 2015; here in the form of Luong, Pham & Manning 2015) it looks at the letter that it
is about to say. Both have the same sizes and the same number of updates. Strings are random, 1 to 12 letters of 20; the
share of strings that are reversed without a mistake is counted on strings never seen, also on longer ones than trained.
What must be beaten is the network without attention, and chance, one letter in twenty. There is no published figure:
the task is from the folklore of the field.

At last the alignment of one string is printed: with attention it is the diagonal from the end to the beginning.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cellwright import Recurrent
from cellwright.layers import Decoder, DotAttention, Markers, Seq2Seq

LETTERS = "abcdefghijklmnopqrst"
MARKERS = Markers()
FIRST = 3
"""The token of the first letter, after the markers."""


@dataclass(frozen=True)
class Sizes:
    """Of the networks and their training."""

    letters: int = 20
    units: int = 64
    updates: int = 1500
    batch: int = 64
    longest: int = 12
    learning_rate: float = 0.005


@dataclass(frozen=True)
class Strings:
    """A batch: sources (batch, time), their lengths, and targets with the marker of the end."""

    source: Tensor
    lengths: Tensor
    target: Tensor


def strings(letters: int, count: int, lengths: tuple[int, int], draws: torch.Generator) -> Strings:
    """Random strings of so many different letters, with lengths in a range."""
    sizes = torch.randint(lengths[0], lengths[1] + 1, (count,), generator=draws)
    read = [torch.randint(FIRST, FIRST + letters, (int(size),), generator=draws) for size in sizes]
    said = [torch.cat([one.flip(0), torch.tensor([MARKERS.end])]) for one in read]
    source, target = (pad_sequence(tokens, batch_first=True) for tokens in (read, said))
    return Strings(source, sizes, target)


def network(sizes: Sizes, *, attention: bool) -> Seq2Seq:
    """A bidirectional GRU reads, a GRU of as many units says."""
    tokens = FIRST + sizes.letters
    encoder = Recurrent("gru", sizes.units, sizes.units, bidirectional=True)
    looks = DotAttention(sizes.units, encoder.output_size) if attention else None
    decoder = Decoder("gru", tokens, sizes.units, sizes.units, attention=looks)
    return Seq2Seq(encoder, decoder, source_tokens=tokens)


def trained(sizes: Sizes, seed: int, *, attention: bool) -> Seq2Seq:
    """A network after its updates, each on new strings."""
    torch.manual_seed(seed)
    model, draws = network(sizes, attention=attention), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=sizes.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, sizes.learning_rate, total_steps=sizes.updates)
    for _ in range(sizes.updates):
        batch = strings(sizes.letters, sizes.batch, (1, sizes.longest), draws)
        optimiser.zero_grad()
        model.loss(batch.source, batch.target, batch.lengths).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model.eval()


def accuracy(model: Seq2Seq, letters: int, lengths: tuple[int, int], count: int = 500) -> tuple[float, float]:
    """The shares of strings, and of letters, that are right, on strings of a range of lengths."""
    test = strings(letters, count, lengths, torch.Generator().manual_seed(10_000))
    found = model.greedy(test.source, test.lengths, max_length=2 * lengths[1])
    whole, right, all_ = 0, 0, 0
    for hypothesis, target, length in zip(found, test.target.tolist(), test.lengths.tolist(), strict=True):
        wanted = target[:length]
        whole += list(hypothesis.tokens) == wanted
        right += sum(one == other for one, other in zip(hypothesis.tokens, wanted, strict=False))
        all_ += length
    return whole / count, right / all_


def alignment(model: Seq2Seq, text: str) -> str:
    """Where the network looks when it reverses a text, as a table: what is read beside, what is said above."""
    source = torch.tensor([[FIRST + LETTERS.index(letter) for letter in text]])
    (found,) = model.greedy(source, max_length=2 * len(text))
    said = [LETTERS[token - FIRST] for token in found.tokens] + ["."] * found.ended
    rows = zip(text, found.alignment.T.tolist(), strict=True)
    lines = [f"  {letter}  " + " ".join(_shade(share) for share in shares) for letter, shares in rows]
    return "\n".join(["     " + " ".join(said), *lines])


def _shade(share: float) -> str:
    return " .:*#"[min(4, int(5 * share))]


def main(seeds: Sequence[int] = (0, 1, 2), sizes: Sizes = Sizes()) -> dict[bool, list[float]]:
    """Train both networks with each seed; print, and return the shares of strings that are right, as trained."""
    longest = sizes.longest
    ranges = ((1, longest), (longest + 1, 4 * longest // 3), (4 * longest // 3 + 1, 2 * longest))
    chance = f"{100 / sizes.letters:.0f} % of the letters"
    print(f"strings without a mistake (letters that are right), {len(seeds)} seeds; chance: {chance}")
    result: dict[bool, list[float]] = {}
    for with_attention in (False, True):
        start = time.perf_counter()
        models = [trained(sizes, seed, attention=with_attention) for seed in seeds]
        for lengths in ranges:
            shares = [accuracy(model, sizes.letters, lengths) for model in models]
            result.setdefault(with_attention, [whole for whole, _ in shares])
            told = ", ".join(f"{100 * whole:.1f} % ({100 * right:.1f} %)" for whole, right in shares)
            kind, trained_on = "with" if with_attention else "without", ", as trained" * (lengths == ranges[0])
            print(f"{kind} attention, {lengths[0]} to {lengths[1]} letters{trained_on}: {told}")
        print(f"  {(time.perf_counter() - start) / len(seeds):.0f} s a network")
    print(f"\nwhere it looks:\n{alignment(models[0], LETTERS[: min(10, sizes.letters)])}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=1500)
    arguments = parser.parse_args()
    main(range(arguments.seeds), Sizes(updates=arguments.updates))
