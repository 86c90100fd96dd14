"""Penn Treebank as a text of words, the language models' yardstick."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, KnownSet, Sentences

_TEXTS = {  # lines, words, different words, sha256; with the end of each line as a word, 929589, 73760 and 82430
    "ptb.train.txt": (42068, 887521, 9999, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
    "ptb.valid.txt": (3370, 70390, 6021, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
    "ptb.test.txt": (3761, 78669, 6048, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
}

SET = KnownSet(
    name="ptb_words",
    title="Penn Treebank (Wall Street Journal) as words, in Mikolov's preparation; 10000 different with the end of "
    "a line",
    shape="929589 + 73760 + 82430 words",
    licence="free for research, as its README says; the text is LDC's and must not be passed on",
    source="http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
    citation="Marcus, Marcinkiewicz & Santorini, Computational Linguistics 19, 313-330, 1993; preparation: Mikolov "
    "et al., Recurrent neural network based language model, Interspeech 2010",
    forms=(
        Form(
            title="as in simple-examples.tgz: a sentence a line",
            folders=("simple-examples/data", "ptb_words", "ptb"),
            files=tuple(
                KnownFile(path=path, content=Sentences(lines=lines, words=words, vocabulary=vocabulary), sha256=sha256)
                for path, (lines, words, vocabulary, sha256) in _TEXTS.items()
            ),
        ),
    ),
)
