"""Exchange rates of eight countries, the set of the LSTNet paper."""

from __future__ import annotations

from pathlib import Path

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows
from cellwright.data.layouts.reading import first_of, read_numbers
from cellwright.data.series import Series

_FILE = "exchange_rate.txt"
_COUNTRIES = ("australia", "britain", "canada", "switzerland", "china", "japan", "new_zealand", "singapore")


def _series(folder: Path, part: str) -> Series:
    """The names are those of the authors' README in its order: the file has none, and no dates."""
    rates = read_numbers(first_of(folder, _FILE))
    return Series(columns={country: rates[:, at] for at, country in enumerate(_COUNTRIES)})


SET = KnownSet(
    name="fx_exchange_rate",
    title="daily exchange rates of Australia, Britain, Canada, Switzerland, China, Japan, New Zealand, Singapore",
    shape="8 series of 7588 days, 1990 to 2016",
    licence="none stated",
    source="https://github.com/laiguokun/multivariate-time-series-data",
    citation="Lai, Chang, Yang & Liu, Modeling Long- and Short-Term Temporal Patterns with Deep Neural Networks, "
    "SIGIR 2018",
    forms=(
        Form(
            title="text without header or dates, as published",
            folders=("exchange_rate", "fx_exchange_rate", "multivariate-time-series-data/exchange_rate"),
            files=(
                KnownFile(
                    path=_FILE,
                    content=Rows(rows=7588, columns=8, lowest=0.006, highest=2.11),
                    sha256="0127465b51e3cd3c360f8eb2be30cfd294689a2a55903eb8245aafc396626c7f",
                ),
            ),
            note="the order of the columns is known from the README alone",
        ),
    ),
    series=_series,
)
