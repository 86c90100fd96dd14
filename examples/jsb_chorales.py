"""Chorales of Bach, frame by frame: which of 88 keys sound next (Boulanger-Lewandowski, Bengio & Vincent 2012).

    CELLWRIGHT_DATA=FOLDER python examples/jsb_chorales.py [--seeds 3] [--epochs 200]

`cellwright data list jsb_nottingham` says what belongs into the folder.

A network reads a chorale as a piano roll of crotchets and says for every key how probable it is in the next frame. The
measure is the negative log-likelihood of a frame, in nats, summed over the keys and averaged over the frames that have
one before them. Networks have the sizes of Chung, Gulcehre, Cho & Bengio (2014, arXiv:1412.3555, table 2).

What must be beaten: the frequency of each key (the unigram), which knows no time at all; and the last frame once more,
with the frequencies with which a key goes on and a silent one begins, which knows one step and no harmony.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

import torch
from scipy.io import loadmat
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pad_sequence

from cellwright import FitSettings, Recurrent, fit
from cellwright.data.known import data_folder
from cellwright.learning import SequenceData, evaluate

KEYS = 88
NETWORKS = {"rnn": 100, "gru": 46, "lstm": 36}
"""Units of each cell, so that all have about 20,000 weights."""

LEARNING_RATE = 3e-3
"""Of 3e-3 and 1e-2 the better one on the validation part, for each cell."""

PUBLISHED = {
    "rnn": "9.10 (Chung et al. 2014, from memory)",
    "gru": "8.54 (Chung et al. 2014, from memory)",
    "lstm": "8.67 (Chung et al. 2014, from memory); best of Greff et al. 2017: 8.38 (from memory)",
}


class NextFrame(nn.Module):
    """A recurrent layer and a logit for each key."""

    def __init__(self, cell: str, units: int) -> None:
        super().__init__()
        self.layer = Recurrent(cell, KEYS, units, batch_first=True)
        self.dense = nn.Linear(self.layer.output_size, KEYS)

    def forward(self, frames: Tensor) -> Tensor:
        outputs, _ = self.layer(frames)
        logits: Tensor = self.dense(outputs)
        return logits


def read(folder: Path) -> dict[str, list[Tensor]]:
    """Piano rolls (frames, keys) of the parts ``train``, ``valid`` and ``test``."""
    with (folder / "jsb_nottingham/JSB_Chorales.mat").open("rb") as file:
        rolls = loadmat(file)
    parts = {"train": "traindata", "valid": "validdata", "test": "testdata"}
    return {part: [torch.from_numpy(roll).float() for roll in rolls[name][0]] for part, name in parts.items()}


def padded(rolls: Sequence[Tensor]) -> SequenceData:
    """Every frame but the last as input, every one but the first as target."""
    lengths = torch.tensor([len(roll) - 1 for roll in rolls])
    inputs = pad_sequence([roll[:-1] for roll in rolls], batch_first=True)
    targets = pad_sequence([roll[1:] for roll in rolls], batch_first=True)
    return SequenceData(inputs, targets, torch.arange(inputs.shape[1]) < lengths[:, None])


def surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of frames (..., keys), summed over keys, averaged over frames, in nats."""
    return binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1).mean()


def unigram(train: Sequence[Tensor], test: Sequence[Tensor]) -> float:
    """Each key as often as in training, one occurrence added."""
    frames = torch.cat(list(train))
    frequency = (frames.sum(0) + 1) / (len(frames) + 2)
    _, targets = _pairs(test)
    return float(surprise(frequency.logit().expand_as(targets), targets))


def last_frame(train: Sequence[Tensor], test: Sequence[Tensor]) -> float:
    """The last frame again, with the chances in training that a key goes on and that a silent one begins."""
    before, after = _pairs(train)
    goes_on, begins = ((after[before == was].sum() + 1) / ((before == was).sum() + 2) for was in (1, 0))
    frames, targets = _pairs(test)
    return float(surprise(torch.where(frames == 1, goes_on, begins).logit(), targets))


def _pairs(rolls: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Frames and those after them."""
    return torch.cat([roll[:-1] for roll in rolls]), torch.cat([roll[1:] for roll in rolls])


def trained(
    cell: str,
    units: int,
    parts: dict[str, list[Tensor]],
    *,
    epochs: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    batch_size: int = 16,
) -> tuple[float, float]:
    """Train until the validation part gets no better; what a frame of it costs then, and one of the test part."""
    torch.manual_seed(seed)
    model = NextFrame(cell, units)
    data = {part: padded(rolls) for part, rolls in parts.items()}
    settings = FitSettings(
        epochs=epochs, learning_rate=learning_rate, batch_size=batch_size, clip_norm=1.0, patience=10, seed=seed
    )
    fit(model, data["train"], settings, validation=data["valid"], loss=surprise)
    return evaluate(model, data["valid"], surprise), evaluate(model, data["test"], surprise)


def main(folder: Path, *, epochs: int = 200, seeds: int = 3) -> None:
    """Train every network from several seeds and print what it reaches beside the baselines."""
    parts = read(folder)
    print("negative log-likelihood of a frame of the test part, nats")
    print(f"  frequency of each key   {unigram(parts['train'], parts['test']):.2f}")
    print(f"  the last frame again    {last_frame(parts['train'], parts['test']):.2f}")
    for cell, units in NETWORKS.items():
        scores = [trained(cell, units, parts, epochs=epochs, seed=seed) for seed in range(seeds)]
        valid, test = zip(*scores, strict=True)
        spread = f" ± {stdev(test):.2f}" if seeds > 1 else ""
        print(
            f"  {cell + f', {units} units':23s} {mean(test):.2f}{spread} ({seeds} seeds; validation {mean(valid):.2f});"
            f" published: {PUBLISHED[cell]}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=200)
    arguments = parser.parse_args()
    main(data_folder(), epochs=arguments.epochs, seeds=arguments.seeds)
