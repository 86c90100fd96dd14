"""Words of George Washington's letters, written anew with a pen that was followed."""

from __future__ import annotations

from cellwright.data.layouts import Archive, Form, KnownFile, KnownSet, Rows

# The word comes first; then x, y and whether the pen was lifted, a point a line.
_TRAJECTORY = Rows(rows=(2, None), columns=3, separator=None, skipped=1)

SET = KnownSet(
    name="gw_online_handwriting",
    title="online-handwritten George Washington: path of the pen over each word of 20 pages, one writer",
    shape="words of 20 pages, 36 symbols; the copy: 3696 words of 15 pages",
    licence="research and education, not commercial; cite the paper",
    source="https://github.com/cwiep/gw-online-dataset",
    citation="Wieprecht, Rothacker & Fink, Word Spotting in Historical Document Collections with "
    "Online-Handwritten Queries, DAS 2016",
    forms=(
        Form(
            title="the repository: PAGE/TIME_WORD.txt",
            folders=("gw-online-dataset", "gw_online_handwriting"),
            files=(KnownFile(path="[23]??????/*.txt", content=_TRAJECTORY, count=(3697, None)),),
        ),
        Form(
            title="15 of its 20 pages in a zip file",
            folders=("gw_online_handwriting",),
            files=(
                KnownFile(
                    path="gw_online.zip",
                    content=Archive(pattern="[23]??????/*.txt", members=3696, each=_TRAJECTORY),
                    sha256="afeaa8089b133bd4e39af3a3bd9836f3da666533958f464cbd7fb5b7ffb6c8d5",
                ),
            ),
        ),
    ),
)
