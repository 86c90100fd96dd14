"""Shakespeare, letter by letter."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, KnownSet, Letters

SET = KnownSet(
    name="tinyshakespeare",
    title="40000 lines of Shakespeare, for models of letters",
    shape="1115394 characters, 65 different",
    licence="text: public domain; the repository: MIT",
    source="https://github.com/karpathy/char-rnn",
    citation="Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015, karpathy.github.io",
    forms=(
        Form(
            title="one text",
            folders=("char-rnn/data/tinyshakespeare", "tinyshakespeare"),
            files=(
                KnownFile(
                    path="input.txt",
                    content=Letters(characters=1115394, alphabet=65),
                    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                ),
            ),
        ),
    ),
)
