"""MultiLoc: where in the cell a protein belongs."""

from __future__ import annotations

from cellwright.data.layouts import Fasta, Form, KnownFile, KnownSet

_LOCATIONS = {  # proteins, their lengths, sha256
    "ER": (198, (134, 1548), "fc18cb9acaee46bd7706c4c2e613a43486f1450b3c3e94b265e8b84f2cedee06"),
    "Golgi": (150, (185, 1579), "b2212ab516c14b31b73ed2142048b749c404aa6236b1bfd4dae6a0d4163f3287"),
    "chloroplast": (449, (97, 1783), "7d5cd40b494e764549afdb438fd706bc9f21c7c2571b6785569dba9c19b8ce02"),
    "cytoplasmic": (1411, (13, 5430), "e5ea8fd4d23ed283c29bbb42a187011955be58b0ffe7b4c9fbf7bb8650e890d3"),
    "extracellular": (843, (55, 4563), "3206687b2765d3f520b09cea72e7d29f885aea86ccd51960a38a3c07922ba750"),
    "lysosomal": (103, (154, 2491), "8e47090270ae7d109f624e0f4b62ac58d2b24ccc941dab2bbf83fccba0978cb6"),
    "mitochondrial": (510, (31, 1500), "b2eb51a178e4eff310443ec2ab7ec3a8ff911e6479a667cb753c2708c0934f93"),
    "nuclear": (837, (25, 3210), "b35316170d1afe7977d11cc79c5c911f465e1edd87be3b03623fdc5c9e2903bd"),
    "peroxisomal": (157, (33, 1363), "502deef9860319d1ccbde1fc13d7c46cd36aa414a06737947f2d4d428b8fc818"),
    "plasma_membrane": (1238, (78, 5376), "bf60ba8b52831ebf8367124ec871373632b889fb381e7190021ec70fb4a707b5"),
    "vacuolar": (63, (78, 1002), "3ccb4e2de4d726dff53e693dd4cd1123cd774867cfd2647845afd5e5b467ce26"),
}

SET = KnownSet(
    name="protein_multiloc",
    title="MultiLoc: sequences of amino acids, and which of 11 places in the cell the protein belongs to",
    shape="5959 proteins of 13 to 5430 amino acids, 11 classes",
    licence="none stated; the sequences are from Swiss-Prot",
    source="https://github.com/KohlbacherLab/MultiLoc2",
    citation="Höglund, Dönnes, Blum, Adolph & Kohlbacher, MultiLoc: prediction of protein subcellular localization "
    "using N-terminal targeting sequences, sequence motifs and amino acid composition, Bioinformatics 22, "
    "1158-1165, 2006",
    forms=(
        Form(
            title="the repository: a FASTA file a place",
            folders=("MultiLoc2/MultiLoc2/data/datasets/multiloc", "protein_multiloc"),
            files=tuple(
                KnownFile(path=f"{place}.fasta", content=Fasta(sequences=proteins, length=length), sha256=sha256)
                for place, (proteins, length, sha256) in _LOCATIONS.items()
            ),
        ),
    ),
)
