"""NSL-KDD: connections in a network, normal or an attack."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows

_PROTOCOL, _SERVICE, _FLAG, _LABEL = 1, 2, 3, 41


def _connections(rows: int, normal: int) -> Rows:
    """41 features, the kind of attack or ``normal``, and how hard it was to tell."""
    words = (_PROTOCOL, _SERVICE, _FLAG, _LABEL)
    return Rows(rows=rows, columns=43, words=words, label=_LABEL, labels={"normal": normal})


_PARTS = (
    KnownFile(
        path="KDDTrain+_20Percent.txt",
        content=_connections(25192, 13449),
        sha256="7ea86479faab5ca2190b7f18b4982fb058ce5bf2b46e0e1017d0d9ef90f9c16e",
    ),
    KnownFile(
        path="KDDTest+.txt",
        content=_connections(22544, 9711),
        sha256="fa46b0935342616aa83b7c2578db355b6a7aaabbc492248172c7a1e8b7ab8f84",
    ),
    KnownFile(
        path="KDDTest-21.txt",
        content=_connections(11850, 2152),
        sha256="746993ac9e25868827cacf09eab450050a2a1056e1ce48a1ad39f5dc801d531d",
    ),
)

SET = KnownSet(
    name="nsl_kdd",
    title="connections in a network, normal or one of many attacks: KDD Cup 1999 without its duplicates",
    shape="125973 + 22544 connections of 41 features; the copy: 25192 of the training half",
    licence="none stated",
    source="https://www.unb.ca/cic/datasets/nsl.html",
    citation="Tavallaee, Bagheri, Lu & Ghorbani, A detailed analysis of the KDD CUP 99 data set, CISDA 2009",
    forms=(
        Form(
            title="as published: the whole training half too",
            folders=("NSL-KDD", "nsl_kdd"),
            files=(KnownFile(path="KDDTrain+.txt", content=_connections(125973, 67343)), *_PARTS),
        ),
        Form(title="a fifth of the training half, both tests", folders=("nsl_kdd", "NSL-KDD"), files=_PARTS),
    ),
)
