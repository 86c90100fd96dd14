"""Beam search with all hypotheses of all samples in one call a step, beside one hypothesis at a time.

    python benchmarks/layers/decoding.py [--turns 3]

An LSTM of 128 units with attention over 20 places, 1000 tokens, random weights, 20 steps. The peers run the same model:
``hypothesis`` steps each hypothesis of each sample by itself, ``sample`` searches each sample by itself with its
hypotheses in one call. Both must find the same sequences. The last rows are the attention alone, 20 queries of each of
32 samples at once, beside torch's ``scaled_dot_product_attention``, which does not return the alignment.

Works take turns, and ratios are of one turn each: the median and the quartiles. Results go to ``decoding.csv`` beside
this file; a row that says ``disturbed`` was measured while others used the machine.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from measuring import Cores, side_by_side

from cellwright import Recurrent
from cellwright.files import write_atomically
from cellwright.layers import Decoder, DotAttention, Seq2Seq

HERE = Path(__file__).parent
TOKENS, UNITS, PLACES, STEPS = 1000, 128, 20, 20
SIZES = ((1, 5), (16, 5))
"""Samples, and the width of the beam."""


def network() -> Seq2Seq:
    torch.manual_seed(0)
    encoder = Recurrent("lstm", 64, UNITS)
    decoder = Decoder("lstm", TOKENS, 64, UNITS, attention=DotAttention(UNITS, UNITS), input_feeding=True)
    return Seq2Seq(encoder, decoder, source_tokens=TOKENS).eval()


@torch.no_grad()
def one_by_one(model: Seq2Seq, source: Tensor, width: int) -> list[tuple[int, ...]]:
    """The search by hand: a list of hypotheses, each with a state of its own."""
    end, found = model.decoder.markers.end, []
    for sample in source:
        live = [((), 0.0, model.start(sample.unsqueeze(0)), model.decoder.markers.start)]
        ended: list[tuple[tuple[int, ...], float]] = []
        for _ in range(STEPS):
            following = []
            for tokens, score, state, last in live:
                logits, new = model.decoder.step(torch.tensor([last]), state)
                best = torch.log_softmax(logits[0], -1).topk(width)
                for gain, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                    following.append((tokens, score + gain, new, token))
            following.sort(key=lambda one: -one[1])
            live = []
            for tokens, score, state, token in following[: width - len(ended)]:
                if token == end:
                    ended.append((tokens, score))
                else:
                    live.append(((*tokens, token), score, state, token))
        every = ended + [(tokens, score) for tokens, score, _, _ in live]
        found.append(max(every, key=lambda one: one[1])[0])
    return found


def searches(model: Seq2Seq, source: Tensor, width: int) -> dict[str, Callable[[], list[tuple[int, ...]]]]:
    def batched(some: Tensor) -> list[tuple[int, ...]]:
        return [found.tokens for (found,) in model.beam_search(some, width=width, max_length=STEPS)]

    return {
        "batched": lambda: batched(source),
        "sample": lambda: [tokens for one in source.split(1) for tokens in batched(one)],
        "hypothesis": lambda: one_by_one(model, source, width),
    }


def measured(threads: int, samples: int, width: int, turns: int) -> list[dict[str, str]]:
    """A row for each peer."""
    model, source = network(), torch.randint(3, TOKENS, (samples, PLACES))
    works = searches(model, source, width)
    first, *others = (work() for work in works.values())
    assert all(other == first for other in others)
    timings = side_by_side(works, turns, Cores())
    about = {"work": "beam search", "samples": str(samples), "width": str(width), "threads": str(threads)}
    return [
        about | row(timings, "batched", peer) for peer in ("sample", "hypothesis") if samples > 1 or peer != "sample"
    ]


def attention(threads: int, turns: int) -> list[dict[str, str]]:
    """Scaled products for many queries at once, without and with gradients."""
    torch.manual_seed(0)
    look = DotAttention(UNITS, UNITS, "scaled")
    query, values = (torch.randn(32, places, UNITS, requires_grad=True) for places in (STEPS, PLACES))

    def ours() -> Tensor:
        return look(query, look.memory(values))[0]

    def theirs() -> Tensor:
        return scaled_dot_product_attention(query, values, values)

    torch.testing.assert_close(ours(), theirs())
    rows = []
    for mode in ("forward", "training step"):
        works: dict[str, Callable[[], object]] = {
            name: (lambda work=work: work().sum().backward()) if mode == "training step" else work
            for name, work in (("batched", ours), ("torch", theirs))
        }
        timings = side_by_side(works, turns, Cores())
        about = {"work": f"attention, {mode}", "samples": "32", "width": "", "threads": str(threads)}
        rows.append(about | row(timings, "batched", "torch"))
    return rows


def row(timings, ours: str, peer: str) -> dict[str, str]:
    """Milliseconds of both, and how many times longer the peer takes."""
    ratio = timings.ratio(peer, over=ours)
    median = {name: timings.microseconds(name).median / 1000 for name in (ours, peer)}
    told = {"ms": f"{median[ours]:.3g}", "peer": peer, "peer_ms": f"{median[peer]:.3g}"}
    told |= {"ratio": f"{ratio.median:.2f}", "low": f"{ratio.low:.2f}", "high": f"{ratio.high:.2f}"}
    return told | {"disturbed": timings.disturbed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="turns of each row")
    turns = parser.parse_args().turns
    rows: list[dict[str, str]] = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for samples, width in SIZES:
            rows += measured(threads, samples, width, turns)
            write(rows)
        rows += attention(threads, turns)
        write(rows)


def write(rows: Sequence[dict[str, str]]) -> None:
    """What was measured so far."""
    print(*rows[-1].values(), flush=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(HERE / "decoding.csv", text.getvalue())


if __name__ == "__main__":
    main()
