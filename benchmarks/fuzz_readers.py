"""Fuzz the readers of files that people bring: whatever is in a file, there is an answer or a CellwrightError.

    python benchmarks/fuzz_readers.py [--minutes 10] [--seed 0] [--only NAME] [--keep FOLDER] [--markdown]

Valid files of every format are changed at random: bytes, lines, fields, numbers, headers, lengths. The readers take
turns, each for the same part of the time. Any exception but CellwrightError is a failure, and so are a warning, more
than `LONGEST` seconds on an input, and more than `LARGEST` bytes of memory on top of what the process took before; the
input is kept, with what happened. Equal seeds give equal inputs, as many of them as the time allows.
Results go to ``fuzz_readers.csv`` beside this file, a row a reader and outcome; ``docs/bad-input.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from common.mutations import BYTES, TEXT, Mutation, flipped, header_changed, json_changed, length_changed

from cellwright.data import read_labelled, read_table
from cellwright.errors import CellwrightError
from cellwright.files import write_atomically
from cellwright.layers.weights import read_weights
from cellwright.learning.checkpoint import encode, read_checkpoint
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.classifier import Classifier
from cellwright.tasks.encoding import Encoding, WindowShape
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval
from cellwright.tasks.stored import ABOUT, Stored, StoredClassifier, StoredForecaster, read_stored

RESULTS = Path(__file__).with_suffix(".csv")
LONGEST, LARGEST = 5, 2**30
READ, REFUSED = "read", "refused"
WEIGHTS = "networks/0.safetensors"
COLUMNS = ("reader", "outcome", "inputs", "seconds", "seed")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A reader with what it is fed.

    Attributes:
        ending: of the file.
        valid: whole files, from which all inputs come.
        mutations: what is done to them.
        read: the reader; given the file.
        packed: whether the changed file is packed by gzip, most of the time.
        sealed: what makes a changed content into a file again, where a digest would refuse it at once.
    """

    name: str
    ending: str
    valid: Sequence[bytes]
    mutations: Sequence[Mutation]
    read: Callable[[Path], object]
    packed: bool = False
    sealed: Callable[[bytes], bytes] | None = None

    def input(self, draw: random.Random) -> bytes:
        """A changed file."""
        data = draw.choice(self.valid)
        for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
            data = draw.choice(self.mutations)(data, draw)
        if self.packed:
            packed = gzip.compress(data, mtime=0)
            return flipped(packed, draw) if draw.random() < 0.3 else packed
        return self.sealed(data) if self.sealed and draw.random() < 0.7 else data


@dataclass
class Findings:
    """What came of the inputs of a reader, by outcome; ``failures``: what happened, with the input."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    failures: list[tuple[str, bytes]] = field(default_factory=list)


class TooLongError(BaseException):
    """An input took more than `LONGEST` seconds. No reader may catch it."""


def table_files() -> list[bytes]:
    rows = [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d},{i % 7 + 0.25},{i % 3}" for i in range(60)]
    plain = "day,sales,price\n" + "\n".join(rows) + "\n"
    quoted = '"day","sales","price"\r\n' + "\r\n".join('"' + row.replace(",", '","') + '"' for row in rows)
    numbered = "day,sales,price\n" + "\n".join(f"{i},{i * i},{-i}" for i in range(40))
    return [plain.encode(), quoted.encode(), numbered.encode()]


def ts_files() -> list[bytes]:
    head = "# made by hand\n@problemName x\n@timeStamps false\n@missing true\n"
    one = head + "@univariate true\n@equalLength true\n@seriesLength 4\n@classLabel true a b\n@data\n"
    two = head + "@univariate false\n@dimensions 2\n@equalLength false\n@classLabel true a b\n@data\n"
    return [
        (one + "1,2,3,4:a\n2,3,4,5:b\n3,4,5,6.5e-3:a\n4,5,6,7:b\n").encode(),
        (two + "1,2,3:4,5,6:a\n2,3:4,5:b\n3,4,5,?:1,1,1,?:a\n4,5,6:7,8,9:b\n").encode(),
    ]


def ucr_files(mark: str) -> list[bytes]:
    lines = [mark.join([str(i % 2), *(f"{i + j / 7:.6e}" for j in range(5))]) for i in range(8)]
    return ["\n".join(lines).encode() + b"\n", "\n".join([*lines, mark.join(["1", "2", "NaN", "NaN"])]).encode()]


def stored_forecaster() -> StoredForecaster:
    """A small one, with a season."""
    shape = WindowShape(target="sales", inputs=("price",), known=("holiday",), lookback=3, horizon=2, season=4)
    encoding = Encoding.fit(shape, np.random.default_rng(0).normal(size=(20, shape.length, 3)) + 50)
    torch.manual_seed(0)
    return StoredForecaster(
        encoding=encoding,
        interval=Interval(level=0.9, low=(-1.0, -1.0), high=(1.0, 1.0)),
        cell="lstm",
        hidden_size=2,
        time="day",
        delimiter="",
        networks={0: Forecaster("lstm", encoding.features_per_step, 2, 2)},
    )


def stored_classifier() -> StoredClassifier:
    """A small one, of sequences with two channels."""
    chunks = Chunks.fit(list(np.random.default_rng(0).normal(size=(6, 8, 2))), 4, differences=True)
    torch.manual_seed(0)
    return StoredClassifier(
        classes=("a", "b"),
        channels=("p", "q"),
        chunks=chunks,
        bidirectional=False,
        pooling="mean",
        cell="lstm",
        hidden_size=2,
        networks={0: Classifier("lstm", chunks.features, 2, 2, bidirectional=False, pooling="mean")},
    )


@dataclass(frozen=True)
class RunFolder:
    """A folder with the networks of a run, in which a file is replaced and read."""

    path: Path
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, path: Path, stored: Stored) -> RunFolder:
        found = cls(path, stored.files())
        for name in found.files:
            found.put(name, found.files[name])
        return found

    def put(self, name: str, content: bytes) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_bytes(content)

    def read_with(self, name: str, content: bytes) -> object:
        """What the networks answer, with other content in a file."""
        self.put(name, content)
        try:
            stored = read_stored(self.path)
            if isinstance(stored, StoredClassifier):
                return stored.probabilities((np.zeros((8, len(stored.channels))),))
            shape = stored.encoding.shape
            return stored.forecast(np.full((1, shape.length, len(shape.columns)), 3.0))
        finally:
            self.put(name, self.files[name])


def readers(folder: Path) -> list[Reader]:
    """All readers; ``folder`` takes what some of them need beside the file."""
    forecaster = RunFolder.of(folder / "forecaster", stored_forecaster())
    classifier = RunFolder.of(folder / "classifier", stored_classifier())
    weights = forecaster.files[WEIGHTS]
    torch_file = io.BytesIO()
    torch.save({"weight": torch.zeros(2, 3), "bias": torch.ones(2)}, torch_file)
    checkpoint = encode({"settings": {"seed": 1}}, {"model": {"weight": torch.zeros(2)}, "epoch": 3})

    def table(path: Path) -> object:
        return read_table(path, ["sales", "price"], unfinished=["price"])

    def timed_table(path: Path) -> object:
        found = read_table(path, ["sales"], time="day")
        return found.labels(np.arange(found.rows + 2)), found.period

    head = checkpoint.index(b"\n") + 1

    def resealed(data: bytes) -> bytes:
        """With the digest that the changed content has."""
        import hashlib

        payload = data[head + 65 :]
        return data[:head] + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload

    tree = (*[json_changed] * 6, *BYTES)
    safetensors = (*BYTES, length_changed, header_changed, header_changed)
    return [
        Reader(name="CSV", ending=".csv", valid=table_files(), mutations=TEXT, read=table),
        Reader(name="CSV with times", ending=".csv", valid=table_files(), mutations=TEXT, read=timed_table),
        Reader(name="CSV, gzip", ending=".csv.gz", valid=table_files(), mutations=TEXT, read=table, packed=True),
        Reader(name=".ts", ending=".ts", valid=ts_files(), mutations=TEXT, read=read_labelled),
        Reader(name=".tsv", ending=".tsv", valid=ucr_files("\t"), mutations=TEXT, read=read_labelled),
        Reader(name=".txt", ending=".txt", valid=ucr_files("  "), mutations=TEXT, read=read_labelled),
        Reader(name=".safetensors", ending=".safetensors", valid=[weights], mutations=safetensors, read=read_weights),
        Reader(name=".pt", ending=".pt", valid=[torch_file.getvalue()], mutations=BYTES, read=read_weights),
        Reader(name="networks.json, forecasts", ending=".json", valid=[forecaster.files[ABOUT]], mutations=tree,
               read=lambda path: forecaster.read_with(ABOUT, path.read_bytes())),
        Reader(name="networks.json, classes", ending=".json", valid=[classifier.files[ABOUT]], mutations=tree,
               read=lambda path: classifier.read_with(ABOUT, path.read_bytes())),
        Reader(name="weights of a forecaster", ending=".safetensors", valid=[weights], mutations=safetensors,
               read=lambda path: forecaster.read_with(WEIGHTS, path.read_bytes())),
        Reader(name="checkpoint", ending=".checkpoint", valid=[checkpoint], mutations=BYTES, read=read_checkpoint,
               sealed=resealed),
    ]  # fmt: skip


@contextmanager
def guarded() -> Iterator[None]:
    """Within: warnings are errors, long inputs are interrupted, and so much memory is all that there is."""

    def late(*_: object) -> None:
        raise TooLongError

    before, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + LARGEST, limits[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _lacked_memory(error: BaseException | None) -> bool:
    """Whether a refusal stands for a lack of memory."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def outcome(reader: Reader, path: Path) -> tuple[str, str]:
    """What a reader makes of a file, and in what words where it fails."""
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        reader.read(path)
    except CellwrightError as error:
        message = str(error)
        if _lacked_memory(error):
            return "MemoryError", traceback.format_exc()
        if len(message.splitlines()) != 1 or len(message) > 2000:
            return "message not a line", message
        return REFUSED, ""
    except TooLongError:
        return "too long", traceback.format_exc()
    except Exception as error:
        return type(error).__name__, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return READ, ""


def fuzz(
    seed: int, folder: Path, *, seconds: float = float("inf"), inputs: int = sys.maxsize, only: str = ""
) -> Mapping[str, Findings]:
    """Every reader in turn on inputs of its own, for so many seconds in all, or so many inputs each.

    Args:
        folder: where inputs are written, one over the other.
        only: what the names of the readers begin with; each has no more time than among all.
    """
    found: dict[str, Findings] = {}
    chosen = readers(folder)
    with guarded():
        for reader in (reader for reader in chosen if reader.name.startswith(only)):
            draw, mine = random.Random(f"{seed}/{reader.name}"), Findings()
            begun = time.monotonic()
            for _ in range(inputs):
                if time.monotonic() - begun > seconds / len(chosen):
                    break
                path = folder / f"input{reader.ending}"
                data = reader.input(draw)
                path.write_bytes(data)
                kind, words = outcome(reader, path)
                mine.outcomes[kind] += 1
                if kind not in (READ, REFUSED):
                    mine.failures.append((words, data))
            mine.seconds = time.monotonic() - begun
            found[reader.name] = mine
    return found


def as_csv(found: Mapping[str, Findings], seed: int, names: Sequence[str]) -> str:
    """The results of the readers of those names; of those that were not run now, the ones that there are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    kept = list(csv.reader(RESULTS.open(encoding="utf-8", newline=""))) if RESULTS.exists() else []
    for name in names:
        if name not in found:
            writer.writerows(row for row in kept if row[0] == name)
            continue
        mine = found[name]
        failed = sum(mine.outcomes.values()) - mine.outcomes[READ] - mine.outcomes[REFUSED]
        for kind, count in ((READ, mine.outcomes[READ]), (REFUSED, mine.outcomes[REFUSED]), ("failed", failed)):
            writer.writerow((name, kind, count, f"{mine.seconds:.1f}", seed))
    return text.getvalue()


def markdown() -> str:
    """The table of the documentation, from the results."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["| what is read | inputs | read | refused | failed | seconds |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row["reader"] for row in rows):
        counts = {row["outcome"]: int(row["inputs"]) for row in rows if row["reader"] == name}
        seconds = float(next(row["seconds"] for row in rows if row["reader"] == name))
        cells = [f"{sum(counts.values()):,}", *(f"{counts[kind]:,}" for kind in (READ, REFUSED, "failed"))]
        lines.append(" | ".join(["| " + name, *cells, f"{seconds:.0f} |"]))
    total = sum(int(row["inputs"]) for row in rows)
    failed = sum(int(row["inputs"]) for row in rows if row["outcome"] == "failed")
    refused = sum(int(row["inputs"]) for row in rows if row["outcome"] == REFUSED)
    seconds = sum(float(row["seconds"]) for row in rows if row["outcome"] == READ)
    lines.append(f"| all | {total:,} | {total - refused - failed:,} | {refused:,} | {failed:,} | {seconds:.0f} |")
    return "\n".join(lines)


def _keep(found: Mapping[str, Findings], folder: Path) -> None:
    """The failures, the first twenty of each reader: the input, and beside it what happened."""
    for reader, mine in found.items():
        for number, (words, data) in enumerate(mine.failures[:20]):
            name = f"{''.join(letter if letter.isalnum() else '-' for letter in reader)}-{number}"
            write_atomically(folder / f"{name}.input", data)
            write_atomically(folder / f"{name}.txt", words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers whose names begin so; the results of the others are kept")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for inputs that failed")
    parser.add_argument("--markdown", action="store_true", help="print the table of the results that there are")
    given = parser.parse_args()
    if given.markdown:
        print(markdown())
        return
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(given.seed, Path(folder), seconds=60 * given.minutes, only=given.only)
        names = [reader.name for reader in readers(Path(folder))]
    for name, mine in found.items():
        print(f"{name}: {dict(mine.outcomes)} in {mine.seconds:.0f} s")
    _keep(found, given.keep)
    write_atomically(RESULTS, as_csv(found, given.seed, names))


if __name__ == "__main__":
    main()
