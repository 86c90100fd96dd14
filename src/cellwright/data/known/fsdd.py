"""Spoken digits."""

from __future__ import annotations

from cellwright.data.layouts import Archive, Form, KnownFile, KnownSet, Sound

_RECORDING = Sound(rate=8000, samples=(1148, 18262))

SET = KnownSet(
    name="fsdd",
    title="Free Spoken Digit Dataset: ten digits, six speakers, 50 recordings of each; numbers 0 to 4 are the test "
    "half",
    shape="3000 recordings of 0.14 to 2.28 s, 10 classes",
    licence="CC BY-SA 4.0",
    source="https://github.com/Jakobovski/free-spoken-digit-dataset",
    citation="Jackson et al., Free Spoken Digit Dataset, version 1.0.8, Zenodo 2018, doi:10.5281/zenodo.1342401",
    forms=(
        Form(
            title="the repository: recordings/DIGIT_SPEAKER_NUMBER.wav",
            folders=("free-spoken-digit-dataset", "fsdd"),
            files=(KnownFile(path="recordings/*.wav", content=_RECORDING, count=3000),),
        ),
        Form(
            title="its recordings in a zip file",
            folders=("fsdd",),
            files=(
                KnownFile(
                    path="fsdd.zip",
                    content=Archive(pattern="recordings/*.wav", members=3000, each=_RECORDING),
                    sha256="34723099be0c9e1ca965ea06bf1a3dbe59df2e2e326a24be734dda8485574f16",
                ),
            ),
        ),
    ),
)
