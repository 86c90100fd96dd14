"""MNIST: handwritten digits."""

from __future__ import annotations

from cellwright.data.layouts import Form, Idx, KnownFile, KnownSet

_TEST = (
    KnownFile(
        path="t10k-images-idx3-ubyte",
        content=Idx(shape=(10000, 28, 28)),
        sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    KnownFile(
        path="t10k-labels-idx1-ubyte",
        content=Idx(
            shape=(10000,),
            labels={
                str(digit): cases for digit, cases in enumerate((980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009))
            },
        ),
        sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
_TRAIN = (
    KnownFile(path="train-images-idx3-ubyte", content=Idx(shape=(60000, 28, 28))),
    KnownFile(path="train-labels-idx1-ubyte", content=Idx(shape=(60000,))),
)

SET = KnownSet(
    name="mnist",
    title="handwritten digits, 28 × 28 grey values",
    shape="60000 + 10000 images, 10 classes; the copy: the 10000 of the test half",
    licence="none stated",
    source="http://yann.lecun.com/exdb/mnist/",
    citation="LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE 86, 2278-2324, 1998",
    forms=(
        Form(title="both halves, IDX", folders=("mnist", "MNIST/raw", "mnist_t10k"), files=(*_TRAIN, *_TEST)),
        Form(title="the test half alone, IDX", folders=("mnist_t10k", "mnist", "MNIST/raw"), files=_TEST),
    ),
)
