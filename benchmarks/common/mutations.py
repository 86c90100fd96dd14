"""Files changed at random, as damage, other programs and people change them. Equal draws give equal files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

TOKENS = (
    b"", b"0", b"-1", b"1e400", b"-1e-400", b"1e99", b"nan", b"-inf", b"NaN", b"1_0", b"0x10", b"?", b"NA", b"\0",
    b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b'"', b'""', b"'", b",", b";", b"\t", b":", b"\r", b"\n", b"\r\n", b" ",
    b"#", b"@", b"@data", b"@classLabel true a", b"@timeStamps true", b"@dimensions 3", b"@seriesLength 2",
    b"2024-01-01", b"2024-02-30", b"0000-00-00", b"9999-12-31T23:59:59.999999Z", b"99999999999999999999", b"{",
    b"}", b"[", b"[[[[",
    b"null", b"true", b"-0.0", b"1" * 400, b"x" * 5000, "٣".encode(), b"\x1f\x8b", b"PK\x03\x04", b"\x80\x02",
    b"<html>",
)  # fmt: skip
"""What is put into files, whole."""

VALUES = (
    None, True, False, 0, 1, -1, 2, 3.5, -0.0, 10**6, 10**9, 10**30, -(10**30), 1e100, 1e308,
    float("nan"), float("inf"), "", "x", "0", "lstm", "gru", "../x", "\0", [], {}, [1], [[1]], {"a": 1},
    ["x"], [None], [1e308, 1e308],
)  # fmt: skip
"""What is put into JSON in the place of other values."""


def flipped(data: bytes, draw: random.Random) -> bytes:
    raw = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8, 40))):
        if raw:
            raw[draw.randrange(len(raw))] = draw.choice((draw.randrange(256), 0, 255, 0x80))
    return bytes(raw)


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def without_a_piece(data: bytes, draw: random.Random) -> bytes:
    start, stop = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[stop:]


def with_a_piece_again(data: bytes, draw: random.Random) -> bytes:
    start, stop = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    place = draw.randrange(len(data) + 1)
    return data[:place] + data[start:stop] * draw.choice((1, 2, 30)) + data[place:]


def with_a_token(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    return data[:start] + draw.choice(TOKENS) + data[start + draw.choice((0, 0, 1, 4)) :]


def with_noise(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    return data[:start] + draw.randbytes(draw.choice((1, 8, 300))) + data[start:]


def lines_changed(data: bytes, draw: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    for _ in range(draw.choice((1, 1, 3))):
        one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
        kind = draw.randrange(4)
        if kind == 0:
            lines[one], lines[other] = lines[other], lines[one]
        elif kind == 1:
            lines.insert(one, lines[other])
        elif kind == 2 and len(lines) > 1:
            del lines[one]
        else:
            lines[one] = draw.choice(TOKENS) + b"\n"
    return b"".join(lines)


def fields_changed(data: bytes, draw: random.Random) -> bytes:
    """A field of a line becomes another, or one more, or none."""
    lines = data.split(b"\n")
    mark = draw.choice((b",", b"\t", b":", b" "))
    index = draw.randrange(len(lines))
    cells = lines[index].split(mark)
    place = draw.randrange(len(cells))
    cells[place : place + draw.choice((0, 1, 1, 1))] = [draw.choice(TOKENS)] * draw.choice((0, 1, 1, 2))
    lines[index] = mark.join(cells)
    return b"\n".join(lines)


def everywhere(data: bytes, draw: random.Random) -> bytes:
    """One token in the place of another throughout: another delimiter, other line ends, another encoding."""
    if draw.random() < 0.2:
        return data.decode("utf-8", "replace").encode(draw.choice(("utf-16", "utf-8-sig", "utf-32-le", "utf-7")))
    return data.replace(draw.choice((b",", b"\t", b"\n", b".", b":", b"-", b"0", b" ")), draw.choice(TOKENS))


def length_changed(data: bytes, draw: random.Random) -> bytes:
    """The first eight bytes as a length: of the header of safetensors."""
    length = int.from_bytes(data[:8], "little")
    new = draw.choice((0, 1, length - 1, length + 1, len(data), 2**31, 2**63, 2**64 - 1, draw.randrange(2**16)))
    return (new % 2**64).to_bytes(8, "little") + data[8:]


def header_changed(data: bytes, draw: random.Random) -> bytes:
    """A value in the header of safetensors, whose length stays right."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError:
        return flipped(data, draw)
    text = json.dumps(replaced(header, draw)).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def json_changed(data: bytes, draw: random.Random) -> bytes:
    try:
        tree = json.loads(data)
    except ValueError:
        return with_a_token(data, draw)
    for _ in range(draw.choice((1, 1, 2))):
        tree = replaced(tree, draw)
    return json.dumps(tree).encode()


def replaced(tree: object, draw: random.Random) -> object:
    """A value somewhere in a tree becomes another, is taken out, or gets a neighbour."""
    if not isinstance(tree, dict | list) or not tree or draw.random() < 0.1:
        return draw.choice(VALUES)
    if isinstance(tree, list):
        place = draw.randrange(len(tree))
        if draw.random() < 0.1:
            return tree[:place] + tree[place + 1 :]
        return [*tree[:place], replaced(tree[place], draw), *tree[place + 1 :]]
    name = draw.choice(list(tree))
    rest = {key: value for key, value in tree.items() if key != name}
    chance = draw.random()
    if chance < 0.1:
        return rest
    if chance < 0.15:
        return tree | {"more": draw.choice(VALUES)}
    return tree | {name: replaced(tree[name], draw)}


BYTES = (flipped, cut, without_a_piece, with_a_piece_again, with_a_token, with_noise)
TEXT = (*BYTES, lines_changed, lines_changed, fields_changed, fields_changed, fields_changed, everywhere)
Mutation = Callable[[bytes, random.Random], bytes]
