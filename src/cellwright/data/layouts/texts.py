"""Texts: sentences, sequences of letters, trees."""

from __future__ import annotations

import json
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
    lines,
    matches,
    miscounted,
    small,
    tally,
)


@dataclass(frozen=True, kw_only=True)
class Sentences(Content):
    """Lines of words between blanks; where given, the number of words (no ends of lines) and of different ones."""

    lines: int
    words: int | None = None
    vocabulary: int | None = None

    @property
    def expected(self) -> str:
        parts = [f"{self.lines} lines"]
        parts += [f"{self.words} words"] if self.words is not None else []
        parts += [f"{self.vocabulary} different"] if self.vocabulary is not None else []
        return ", ".join(parts)

    def examine(self, stream: IO[bytes]) -> Examined:
        count = words = 0
        vocabulary: set[str] = set()
        for line in lines(stream):
            split = line.split()
            count, words = count + 1, words + len(split)
            if self.vocabulary is not None:
                vocabulary.update(split)
        wrong = miscounted(count, self.lines, "lines")
        if not wrong and self.words is not None:
            wrong = miscounted(words, self.words, "words")
        if not wrong and self.vocabulary is not None:
            wrong = miscounted(len(vocabulary), self.vocabulary, "different words")
        return Examined(found=f"{count} lines, {words} words", wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Letters(Content):
    """A text of so many characters, so many of them different."""

    characters: int
    alphabet: int

    @property
    def expected(self) -> str:
        return f"{self.characters} characters, {self.alphabet} different"

    def examine(self, stream: IO[bytes]) -> Examined:
        characters = 0
        alphabet: set[str] = set()
        for line in lines(stream):
            characters += len(line) + 1
            alphabet.update(line)
        found = len(alphabet) + 1  # the end of a line
        wrong = miscounted(characters, self.characters, "characters") or miscounted(
            found, self.alphabet, "different characters"
        )
        return Examined(found=f"{characters} characters, {found} different", wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Trees(Content):
    """Trees of words, one a line, ``(3 (2 a) (4 word))``; ``labels`` counts the labels of the roots."""

    trees: int
    labels: dict[str, int]

    @property
    def expected(self) -> str:
        return f"{self.trees} trees{classes(self.labels)}"

    def examine(self, stream: IO[bytes]) -> Examined:
        trees, fault = 0, ""
        labels: dict[str, int] = {}
        for number, line in enumerate(lines(stream), start=1):
            if not line.strip():
                continue
            trees += 1
            if not line.startswith("(") or line.count("(") != line.count(")"):
                fault = fault or f"line {number} is no tree: its brackets do not close"
                continue
            tally(labels, line[1 : line.find(" ")], self.labels)
        wrong = miscounted(trees, self.trees, "trees") or fault or labels_differ(labels, self.labels)
        return Examined(found=f"{trees} trees, {len(labels)} classes", wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Fasta(Content):
    """Sequences of letters in FASTA, each after a line ``>name``."""

    sequences: int
    length: Count
    alphabet: str = "ACDEFGHIKLMNPQRSTVWYBXZU"

    @property
    def expected(self) -> str:
        return f"{self.sequences} sequences of {counted(self.length, 'letters')}"

    def examine(self, stream: IO[bytes]) -> Examined:
        lengths: list[int] = []
        fault = ""
        letters = set(self.alphabet)
        for number, line in enumerate(lines(stream), start=1):
            if line.startswith(">"):
                lengths.append(0)
            elif not lengths and line.strip():
                raise UnreadableError(f"line {number} comes before the first name of a sequence (>name)")
            elif line.strip():
                lengths[-1] += len(line.strip())
                if other := set(line.strip().upper()) - letters:
                    fault = fault or f"line {number} has the letter {min(other)!r}, which stands for no amino acid"
        odd = [length for length in lengths if not matches(length, self.length)]
        wrong = miscounted(len(lengths), self.sequences, "sequences") or fault
        if not wrong and odd:
            wrong = f"a sequence has {odd[0]} letters, expected {counted(self.length, 'letters')}"
        return Examined(found=f"{len(lengths)} sequences", wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Json(Content):
    """A JSON object; where given, the entries of some of its members (``train``: 229), or of itself."""

    entries: int | None = None
    members: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        parts = [f"{self.entries} entries"] if self.entries is not None else []
        return "JSON: " + ", ".join(parts + [f"{name} {count}" for name, count in self.members.items()])

    def examine(self, stream: IO[bytes]) -> Examined:
        try:
            read: Any = json.load(small(stream))
        except ValueError as error:
            raise UnreadableError(f"it is no whole JSON: {error}") from None
        if not isinstance(read, dict):
            raise UnreadableError("it is JSON, but no object with names")
        wrong = "" if self.entries is None else miscounted(len(read), self.entries, "entries")
        sizes = {name: len(value) for name, value in read.items() if isinstance(value, list | dict)}
        for name, count in self.members.items():
            wrong = wrong or miscounted(sizes.get(name, 0), count, f"entries of {name!r}")
        return Examined(found=f"JSON: {len(read)} entries", wrong=wrong)
