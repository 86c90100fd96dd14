"""Makers of files that text cannot be."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors.torch
import torch

from cellwright.learning.checkpoint import encode

CANARY = "canary"
"""The file that code in a pickle would write."""


class _Code:
    """Pickled, it runs code wherever it is unpickled without care."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return exec, (f"import pathlib; pathlib.Path('{CANARY}').write_text('ran')",)  # type: ignore[return-value]


def _good_rows() -> str:
    return Path("good.csv").read_text(encoding="utf-8")


def png(path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = (("IHDR", header), ("IDAT", zlib.compress(b"\0\0")), ("IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind.encode(), data) for kind, data in parts))


def zip_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.csv", _good_rows())


def folder(path: Path) -> None:
    path.mkdir()


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere.csv")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def null_device(path: Path) -> None:
    path.symlink_to(os.devnull)


def without_permission(path: Path) -> None:
    path.write_text(_good_rows(), encoding="utf-8")
    path.chmod(0)


def folder_without_permission(path: Path) -> None:
    path.mkdir()
    path.chmod(0o500)


def utf16(path: Path) -> None:
    path.write_bytes(_good_rows().encode("utf-16"))


def latin1(path: Path) -> None:
    path.write_bytes(_good_rows().replace("price", "größe").encode("latin-1"))


def nul_far_in(path: Path) -> None:
    rows = _good_rows().splitlines()
    path.write_text("\n".join([*rows[:40], "\0\0\0", *rows[40:]]) + "\n", encoding="utf-8")


def binary_far_in(path: Path) -> None:
    """Where the first piece of the file looks well."""
    path.write_bytes((_good_rows() + "2024-12-01,1,2,3\n" * 400).encode() + b"\xff\xfe\xfd\n")


def long_field(path: Path) -> None:
    path.write_text(_good_rows() + f"2024-12-01,{'9' * 200_000},1,0\n", encoding="utf-8")


def quoted_to_the_end(path: Path) -> None:
    rows = _good_rows().splitlines()
    path.write_text("\n".join([*rows[:10], '2024-12-01,"5,1,0', *rows[10:]]) + "\n", encoding="utf-8")


def many_columns(path: Path) -> None:
    path.write_text(",".join(f"c{index}" for index in range(300)) + "\n", encoding="utf-8")


def old_mac_lines(path: Path) -> None:
    """CR alone ends a line."""
    path.write_bytes(_good_rows().replace(",", ";").replace("\n", "\r").encode())


def cut_gzip(path: Path) -> None:
    packed = gzip.compress(_good_rows().encode(), mtime=0)
    path.write_bytes(packed[: len(packed) // 2])


def gzip_with_a_wrong_sum(path: Path) -> None:
    packed = bytearray(gzip.compress(_good_rows().encode(), mtime=0))
    packed[-6] ^= 0xFF
    path.write_bytes(bytes(packed))


def gzip_of_no_text_with_a_wrong_sum(path: Path) -> None:
    """What is no text is met first; looking for its line meets the wrong sum."""
    packed = bytearray(gzip.compress((_good_rows() + "2024-12-01,1,2,3\n" * 200).encode() + b"\xff", mtime=0))
    packed[-6] ^= 0xFF
    path.write_bytes(bytes(packed))


def gzip_of_nothing(path: Path) -> None:
    path.write_bytes(gzip.compress(b"", mtime=0))


def gzip_that_swells(path: Path) -> None:
    """A few kilobytes that unpack to many megabytes of one line."""
    path.write_bytes(gzip.compress(b"a\t" + b"1" * 30_000_000, mtime=0))


def gzip_of_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.compress(_good_rows().encode(), mtime=0), mtime=0))


def _parquet(path: Path, **columns: object) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)


def parquet_nested(path: Path) -> None:
    _parquet(path, sales=[{"shop": 1.0, "web": float(index)} for index in range(60)])


def parquet_list(path: Path) -> None:
    _parquet(path, sales=[[1.0, float(index)] for index in range(60)])


def parquet_gaps(path: Path) -> None:
    _parquet(path, sales=[None if index in (3, 7) else float(index % 9) for index in range(60)])


def parquet_text(path: Path) -> None:
    _parquet(path, sales=["12 kg"] * 60)


def parquet_bytes(path: Path) -> None:
    _parquet(path, sales=[b"\0\1"] * 60)


def parquet_truths(path: Path) -> None:
    _parquet(path, sales=[True, False] * 30, day=list(range(60)))


def parquet_times_as_target(path: Path) -> None:
    from datetime import date, timedelta

    _parquet(path, sales=[date(2024, 1, 1) + timedelta(days=index) for index in range(60)])


def parquet_zones(path: Path) -> None:
    """Times that repeat."""
    from datetime import UTC, datetime

    _parquet(path, day=[datetime(2024, 1, 1, tzinfo=UTC)] * 60, sales=[float(index % 7) for index in range(60)])


def parquet_empty(path: Path) -> None:
    _parquet(path, sales=[])


def parquet_twins(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    column = pyarrow.array([float(index) for index in range(60)])
    parquet.write_table(pyarrow.Table.from_arrays([column, column], names=["sales", "sales"]), path)


def parquet_cut(path: Path) -> None:
    whole = path.with_suffix(".whole")
    _parquet(whole, sales=[float(index) for index in range(60)])
    path.write_bytes(whole.read_bytes()[:-20])
    whole.unlink()


def parquet_footer_alone(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"\0" * 40 + struct.pack("<I", 40) + b"PAR1")


def _network() -> dict[str, torch.Tensor]:
    return safetensors.torch.load(Path("runs/good-sales/networks/0.safetensors").read_bytes())


def weights_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def weights_header_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def weights_with_a_huge_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**62) + path.read_bytes()[8:])


def weights_that_overlap(path: Path) -> None:
    head = (
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'
    )
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"\0" * 12)


def weights_of_a_huge_shape(path: Path) -> None:
    head = b'{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}'
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"\0" * 8)


def weights_header_no_json(path: Path) -> None:
    head = b'{"a": nothing at all'
    path.write_bytes(struct.pack("<Q", len(head)) + head)


def weights_of_another_kind(path: Path) -> None:
    path.write_bytes(safetensors.torch.save({"embedding": torch.zeros(3)}))


def weights_of_another_size(path: Path) -> None:
    found = _network()
    found["dense.weight"] = torch.zeros(2, 7)
    path.write_bytes(safetensors.torch.save(found))


def weights_lacking_one(path: Path) -> None:
    found = _network()
    del found["dense.bias"]
    path.write_bytes(safetensors.torch.save(found))


def weights_not_a_number(path: Path) -> None:
    found = _network()
    found["dense.bias"] = torch.full_like(found["dense.bias"], torch.nan)
    path.write_bytes(safetensors.torch.save(found))


def weights_complex(path: Path) -> None:
    torch.save({name: tensor.to(torch.complex64) for name, tensor in _network().items()}, path)


def weights_pickled_code(path: Path) -> None:
    torch.save({"dense.weight": _Code()}, path)


def weights_old_pickled_code(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Code(), protocol=2))


def weights_whole_module(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


def weights_a_list(path: Path) -> None:
    torch.save([torch.zeros(2)], path)


def weights_numbers_alone(path: Path) -> None:
    torch.save({"dense.weight": 3.0}, path)


def weights_cut_torch(path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(_network(), buffer)
    path.write_bytes(buffer.getvalue()[:-200])


def checkpoint_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def checkpoint_one_bit_wrong(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-30] ^= 1
    path.write_bytes(bytes(raw))


def checkpoint_of_torch(path: Path) -> None:
    torch.save({"model": torch.zeros(3)}, path)


def checkpoint_with_code(path: Path) -> None:
    """The digest is right: who can write the file can write that, too."""
    path.write_bytes(encode({}, {"model": _Code()}))


def checkpoint_of_something_else(path: Path) -> None:
    path.write_bytes(encode({"settings": {"seed": 7}}, {}))


def checkpoint_not_a_tree(path: Path) -> None:
    import hashlib

    buffer = io.BytesIO()
    torch.save([1, 2, 3], buffer)
    magic, payload = encode({}, {}).partition(b"\n")[0] + b"\n", buffer.getvalue()
    path.write_bytes(magic + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)


def checkpoint_of_a_later_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"checkpoint 1\n", b"checkpoint 9\n", 1))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def pickle_of_code(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Code()))


MAKERS: Mapping[str, Callable[[Path], None]] = {
    name.replace("_", " "): value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and not name.startswith("_")
}
"""Every maker by its name, with blanks."""
