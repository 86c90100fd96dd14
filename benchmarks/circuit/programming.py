"""Write-verify in SPICE: an array of 4 by 4 VTEAM memristors to the weights of a trained LSTM, and what V/2 disturbs.

    python benchmarks/circuit/programming.py [--markdown]

The weights are those of one unit of the airline series' LSTM of the survey (one input, four units): the four gates are
bit lines; the input and the unit's own state are two word lines each, the second one with the opposite sign. Thresholds
differ from device to device by 5 %; the select transistor of a 1T1R array has 1 kohm. Results go to ``programming.csv``
beside this file, the figure to ``docs/images/programming.png``; ``docs/circuit.md`` shows both.
"""

from __future__ import annotations

import argparse
import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cellwright.circuit.memristors import VTEAM
from cellwright.circuit.programming import Scheme, Written, write_verify
from cellwright.crossbar.layout import find_layout
from cellwright.crossbar.mapping import conductances
from cellwright.files import write_atomically
from cellwright.report.canvas import CHIP, MUTED, RULE, SOFTWARE, new_figure, png, style
from cellwright.tasks import find, train

RESULTS = Path(__file__).with_suffix(".csv")
FIGURE = Path(__file__).parents[2] / "docs" / "images" / "programming.png"
COLUMNS = ("array", "write_v", "rounds", "pulses_mean", "pulses_most", "worst_error", "disturb", "time_us")
WINDOW = (20e-6, 200e-6)
PASSIVE, SELECTED = "passive", "1T1R"
SCHEMES = (
    *((PASSIVE, Scheme(write=voltage)) for voltage in (0.9, 1.0, 1.1, 1.2, 1.3, 1.5)),
    *((SELECTED, Scheme(write=voltage, select=1e3)) for voltage in (1.0, 1.5)),
)
SHOWN = Scheme(write=1.0)
SPREAD, START = 0.05, 0.2


def trained_targets() -> np.ndarray:
    """(4, 4) siemens: the weights of input and own state of unit 0 to its gates."""
    task = find("airline")
    model = train(task, task.recipes["survey"], seed=0).model
    stored = {name.rpartition(".")[2]: value.detach().double() for name, value in model.named_parameters()}
    hidden = stored["weight_hh_l0"].shape[1]
    gates = torch.arange(0, 4 * hidden, hidden)
    weights = torch.stack([stored["weight_ih_l0"][gates, 0], stored["weight_hh_l0"][gates, 0]])
    pair = conductances(weights, WINDOW)
    return find_layout("rows interleaved").place(pair.positive, pair.negative).numpy()


def devices(shape: tuple[int, ...]) -> np.ndarray:
    """Memristors whose thresholds differ."""
    random, found = np.random.default_rng(0), np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        on, off = 0.6 * (1 + SPREAD * random.normal(size=2))
        found[at] = replace(VTEAM(), on_threshold=-on, off_threshold=off)
    return found


def row(array: str, scheme: Scheme, written: Written, targets: np.ndarray) -> dict[str, str]:
    worst = abs(written.conductances / targets - 1).max()
    values = (
        array,
        f"{scheme.write:g}",
        len(written.reads) - 1,
        f"{written.pulses.mean():.1f}",
        written.pulses.max(),
        f"{100 * worst:.2f}",
        f"{written.disturb.max():.1e}",
        f"{1e6 * written.time:.0f}",
    )
    return dict(zip(COLUMNS, map(str, values), strict=True))


def draw(written: Written, targets: np.ndarray) -> bytes:
    """What each device reads round by round, and the pulses that it took."""
    with style():
        figure = new_figure(760, 300)
        left, right = figure.subplots(1, 2, width_ratios=(2, 1))
        for at, target in np.ndenumerate(targets):
            left.axhline(1e6 * target, color=RULE, zorder=0)
            left.plot(1e6 * written.reads[:, *at], color=SOFTWARE, alpha=0.7, linewidth=1.2)
            left.plot(len(written.reads) - 1, 1e6 * target, "o", color=CHIP, markersize=4)
        left.set(xlabel="round", ylabel="conductance read, uS", title="16 devices and their targets (dots)")
        image = right.imshow(written.pulses, cmap="cividis")
        for at, count in np.ndenumerate(written.pulses):
            dark = count < written.pulses.mean()
            right.text(at[1], at[0], str(count), ha="center", va="center", color="white" if dark else "black")
        right.set(title="pulses of each", xticks=range(4), xticklabels=["i", "f", "g", "o"], yticks=range(4))
        right.set_yticklabels(["x", "-x", "h", "-h"])
        image.axes.spines[:].set_color(MUTED)
        return png(figure)


def markdown(rows: list[dict[str, str]]) -> str:
    """The table of the documentation."""
    lines = ["| array | write | rounds | pulses a device (most) | worst error | largest disturb of a state | time |"]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [
        f"| {each['array']} | {each['write_v']} V | {each['rounds']} | {each['pulses_mean']} "
        f"({each['pulses_most']}) | {each['worst_error']} % | {each['disturb']} | {each['time_us']} us |"
        for each in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    options = parser.parse_args()
    if options.markdown:
        print(markdown(list(csv.DictReader(RESULTS.open(encoding="utf-8")))))
        return
    targets = trained_targets()
    drawn, rows = devices(targets.shape), []
    for array, scheme in SCHEMES:
        written = write_verify(drawn, targets, START, scheme)
        rows.append(row(array, scheme, written, targets))
        print(rows[-1], flush=True)
        if scheme == SHOWN:
            write_atomically(FIGURE, draw(written, targets))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(RESULTS, text.getvalue())


if __name__ == "__main__":
    main()
