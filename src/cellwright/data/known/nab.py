"""The Numenta Anomaly Benchmark: streams with labelled anomalies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.data.layouts import Form, Json, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import as_numbers, first_of, read_rows
from cellwright.data.series import Series

_STREAMS = {  # rows, sha256
    "realKnownCause/nyc_taxi": (10320, "d8fa6f7f0734bf5c8be12c52a94e20a82664c397d9dec4449156bd453d32856d"),
    "realKnownCause/ambient_temperature_system_failure": (
        7267,
        "230b68ccca20f59d562afd5d24ad52939c9b784386bed0054018358bf9120581",
    ),
    "realKnownCause/cpu_utilization_asg_misconfiguration": (
        18050,
        "58ba65dc0737cfbac11b51514476d50c438d44011232144bb8d93f392df58f9f",
    ),
    "realKnownCause/ec2_request_latency_system_failure": (
        4032,
        "98378580aa80157e057c61d59d81daddccc6c65a2c0c800e3f01f603b8215c3f",
    ),
    "realKnownCause/machine_temperature_system_failure": (
        22695,
        "92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4",
    ),
    "realKnownCause/rogue_agent_key_hold": (1882, "47b110baa8e3636574c1033dda1cce780873647fab58223d159d4fee6f180e86"),
    "realKnownCause/rogue_agent_key_updown": (5315, "9797cfef477c13306f7a33874ab4d6cf700f8f2c7e5825a2a5bc02004370909a"),
    "realTraffic/TravelTime_387": (2500, "38e70e9ead8227fd023bff6e93247d5bc01ee008f781b921a156962419b399bb"),
    "realTraffic/occupancy_6005": (2380, "cd357d7820d675074270fd976d4af1fc1e7854ecb764783028cbcb18d980c91d"),
    "realTraffic/speed_7578": (1127, "15ba994384730cb5a2e6818f17ded1430b40d92eb7a08e5b1a48a445c8c350f6"),
    "artificialNoAnomaly/art_daily_small_noise": (
        4032,
        "c4b304229f69f108eaa024fb2406fcd4510c5c5d95cd0053e2da6989682e4e6d",
    ),
    "artificialWithAnomaly/art_daily_flatmiddle": (
        4032,
        "ea5df125947e9ee2b977ac3d341f3c2a029588862af97cae4a654fc56e838702",
    ),
    "artificialWithAnomaly/art_daily_jumpsup": (
        4032,
        "f79f92b93ee4f9c10e2dc552505e8880b0c618639ed5e0f9816e044b75c26456",
    ),
}
_LABELS = {
    "combined_windows.json": "1e1fbc4601321aad8d0f8b3784c8134299379f68f6c1f7777565f8ffd57ab6b1",
    "combined_labels.json": "98724014c162fcfd4be605683517f194051a54e98756c53667bd33ddbc644d9b",
}
_TIMES = (
    "machine_temperature_system_failure goes back an hour once; 11 times of ec2_request_latency_system_failure repeat"
)


def _stream(rows: int | tuple[int, None]) -> Rows:
    return Rows(rows=rows, columns=2, header=("timestamp", "value"), words=(0,))


def _files(data: str, labels: str) -> tuple[KnownFile, ...]:
    streams = (
        KnownFile(path=f"{data}{name}.csv", content=_stream(rows), sha256=sha256)
        for name, (rows, sha256) in _STREAMS.items()
    )
    known = (KnownFile(path=labels + name, content=Json(entries=58), sha256=sum_) for name, sum_ in _LABELS.items())
    return (*streams, *known)


def _series(folder: Path, part: str) -> Series:
    rows = read_rows(first_of(folder, f"*/{part}.csv", f"data/*/{part}.csv"), skipped=1)
    times = np.array([time for time, _ in rows], dtype="datetime64[s]")
    return Series(columns={"value": as_numbers(value for _, value in rows)}, times=times)


def _streams(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("data/*/*.csv"))


SET = KnownSet(
    name="nab",
    title="Numenta Anomaly Benchmark: taxi rides, machine temperature, server load, traffic, with labelled anomalies",
    shape="58 series; the copy: 13 of 1127 to 22695 rows",
    licence="MIT-style, in its LICENSE.txt",
    source="https://github.com/numenta/NAB",
    citation="Ahmad, Lavin, Purdy & Agha, Unsupervised real-time anomaly detection for streaming data, "
    "Neurocomputing 262, 134-147, 2017",
    forms=(
        Form(
            title="the repository",
            folders=("NAB", "nab"),
            files=(
                KnownFile(path="data/*/*.csv", content=_stream((1, None)), count=58),
                *_files("data/", "labels/"),
            ),
            note=_TIMES,
        ),
        Form(title="13 of the 58 series", folders=("nab",), files=_files("", ""), note=_TIMES),
    ),
    series=_series,
    parts=tuple(name.split("/")[1] for name in _STREAMS),
    parts_in=_streams,
)
