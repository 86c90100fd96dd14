"""ItalyPowerDemand: days of winter and of summer."""

from __future__ import annotations

from cellwright.data.known.ucr import ARCHIVE, LICENCE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "ItalyPowerDemand_TRAIN.tsv",
    24,
    {"1": 34, "2": 33},
    "fab46ef99232ada65773ed89b131954a91ec1da69803159cb1566f320dbaf22e",
)
_TEST = half(
    "ItalyPowerDemand_TEST.tsv",
    24,
    {"1": 513, "2": 516},
    "ab22aa53de4ef55f2e2bcbf0518565704aeec8d76f48ef1180903bf5814c47fc",
)

SET = KnownSet(
    name="ItalyPowerDemand",
    title="electrical demand of Italy over a day, October to March against April to September",
    shape="67 + 1029 cases of 24 values, 2 classes",
    licence=LICENCE,
    source=SOURCE,
    citation="Keogh et al., Intelligent Icons: Integrating Lite-weight Data Mining and Visualization into GUI "
    f"Operating Systems, ICDM 2006; {ARCHIVE}",
    forms=(official("ItalyPowerDemand", _TRAIN, _TEST, "ucr_small"),),
    halves=(_TRAIN.path, _TEST.path),
)
