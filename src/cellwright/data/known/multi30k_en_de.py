"""Multi30k: captions of photographs in English and German."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, KnownSet, Sentences

_SENTENCES = {  # lines, sha256
    "train.en": (29000, "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6"),
    "train.de": (29000, "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72"),
    "val.en": (1014, "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227"),
    "val.de": (1014, "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660"),
    "test_2016_flickr.en": (1000, "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182"),
    "test_2016_flickr.de": (1000, "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16"),
    "test_2017_flickr.en": (1000, "ce1450ddc5ab0834502579d77a170849952e15a2938b34cc503bdc25ebb4fb98"),
    "test_2017_flickr.de": (1000, "c3078bc3b36808bf9d20eb2347ed6137016179ef59ec0d2b9b8ecc3fb2880081"),
}

SET = KnownSet(
    name="multi30k_en_de",
    title="Multi30k, task 1: captions of photographs in English, translated into German",
    shape="29000 + 1014 + 1000 + 1000 pairs of sentences",
    licence="research and education, not commercial; the photographs are under Flickr's terms",
    source="https://github.com/multi30k/dataset",
    citation="Elliott, Frank, Sima'an & Specia, Multi30K: Multilingual English-German Image Descriptions, 5th "
    "Workshop on Vision and Language, 2016; test 2017: Elliott et al., Second Conference on Machine Translation, "
    "2017",
    forms=(
        Form(
            title="the repository's raw text, a sentence a line",
            folders=("multi30k-dataset/data/task1/raw", "multi30k/data/task1/raw", "multi30k_en_de"),
            files=tuple(
                KnownFile(path=path, content=Sentences(lines=lines), sha256=sha256)
                for path, (lines, sha256) in _SENTENCES.items()
            ),
        ),
    ),
)
