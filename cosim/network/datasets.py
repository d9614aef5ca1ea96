"""Data sets of the published systems: MNIST, War and Peace, and the digits in scikit-learn.

Nothing is downloaded unless it is asked for, by ``download=True`` or by the environment
variable ``COSIM_DOWNLOAD=1``. The folder is the argument, or the
environment variable ``COSIM_DATA``; it holds ``mnist/*.gz`` and ``text/*.gz``.
Files are checked by the SHA-256 of what is inside the compression, so that a copy
packed again still counts as the same data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DataError
from cosim.network.downloads import fetch

_MNIST_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_TEXT_MIRROR = "https://cs.stanford.edu/people/karpathy/char-rnn/"
_TEXT = "warpeace_input.txt"
_TEXT_DIGEST = "b0fc81c399971eaf738c8be89809e6a0d95c151749112b04f06b6af648d8a39f"


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """A labelled set of grey images, split into training and test.

    Parameters
    ----------
    name : str
    train_images, test_images : ndarray of uint8, shape (n, height, width)
        0 (background) to 255.
    train_labels, test_labels : ndarray of int64, shape (n,)
    source : str
        Where it came from, for the attributes of a result.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    source: str

    @property
    def classes(self) -> int:
        """Number of different labels."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Text:
    """A text as a sequence of character numbers.

    Parameters
    ----------
    name : str
    tokens : ndarray of int64, shape (characters,)
        Indices into `vocabulary`.
    vocabulary : tuple of str
        The characters that occur, sorted.
    source : str
    """

    name: str
    tokens: NDArray[np.int64]
    vocabulary: tuple[str, ...]
    source: str

    def split(
        self, *, train: float = 0.8, validation: float = 0.1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Cut into training, validation and test part, in the order of the text."""
        if not (0 < train < 1 and 0 <= validation < 1 and train + validation <= 1):
            raise DataError(
                thing="the parts of a text must be fractions that leave a rest for the test",
                value=(train, validation),
                limit="0 < train, 0 <= validation, train + validation <= 1",
            )
        n = len(self.tokens)
        first, second = int(n * train), int(n * (train + validation))
        return self.tokens[:first], self.tokens[first:second], self.tokens[second:]


def mnist(folder: str | Path | None = None, *, download: bool = False) -> Images:
    """MNIST, 60 000 + 10 000 images of 28 x 28.

    Parameters
    ----------
    folder : path, optional
        Holds ``mnist/`` or the four files themselves, ``*.gz`` or unpacked. Without
        it the environment variable COSIM_DATA, then the cache of a past download.
    download : bool
        Fetch what is missing into the user's cache, once, checked by hash.

    Raises
    ------
    DataError
        If a file is missing, damaged or not the published one.

    Notes
    -----
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
    """
    arrays, places = {}, set()
    for name, digest in _MNIST.items():
        raw, place = fetch(name, digest, "mnist", folder, download, _MNIST_MIRROR)
        arrays[name.split("-idx")[0]] = read_idx(raw, place)
        places.add(str(Path(place).parent))
    return Images(
        name="mnist",
        train_images=arrays["train-images"],
        train_labels=arrays["train-labels"].astype(np.int64),
        test_images=arrays["t10k-images"],
        test_labels=arrays["t10k-labels"].astype(np.int64),
        source="LeCun, Cortes, Burges: MNIST; read from " + ", ".join(sorted(places)),
    )


def digits(*, test_fraction: float = 0.25, seed: int = 0) -> Images:
    """The 1797 digits of 8 x 8 that come with scikit-learn, scaled to 0..255.

    They need no file, for tests and for a first try; they are not MNIST.
    """
    from sklearn.datasets import load_digits

    if not 0 < test_fraction < 1:
        raise DataError(
            thing="the test fraction leaves one part empty",
            value=test_fraction,
            limit="between 0 and 1",
        )
    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(images))
    cut = max(1, int(len(images) * test_fraction))
    test, train = order[:cut], order[cut:]
    return Images(
        name="digits",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        source="scikit-learn load_digits (UCI optical recognition of handwritten digits)",
    )


def war_and_peace(folder: str | Path | None = None, *, download: bool = False) -> Text:
    """War and Peace as characters, the text of the published LSTM.

    The copy in circulation differs in line ends and byte order mark; both are
    normalised before the hash is taken. 82 different characters are then left; the
    published network counts 87 tokens, so an output layer of 87 has 5 that never occur.

    Raises
    ------
    DataError
        If the file is missing, damaged or another text.
    """
    raw, place = fetch(
        _TEXT, _TEXT_DIGEST, "text", folder, download, _TEXT_MIRROR, alias="war_and_peace.txt"
    )
    text = raw.decode("utf-8")
    vocabulary = tuple(sorted(set(text)))
    index = {c: i for i, c in enumerate(vocabulary)}
    tokens = np.fromiter((index[c] for c in text), dtype=np.int64, count=len(text))
    return Text(
        name="war_and_peace",
        tokens=tokens,
        vocabulary=vocabulary,
        source=f"L. Tolstoy, War and Peace (public domain); read from {place}",
    )


def shrink(images: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    """Reduce square images to `side` x `side` by a central crop and block means.

    The crop is the largest multiple of `side` that fits: 28 x 28 to 12 x 12 uses the
    central 24 x 24 (MNIST digits are 20 x 20, centred by mass) and means of 2 x 2.

    Returns
    -------
    ndarray, shape (n, side, side)
        0 to 1.
    """
    height, width = images.shape[1:]
    block = min(height, width) // side if side > 0 else 0
    if block < 1:
        raise DataError(
            thing="images cannot be reduced to that side",
            value=side,
            limit=f"1 to {min(height, width)}",
        )
    crop = block * side
    top, left = (height - crop) // 2, (width - crop) // 2
    part = images[:, top : top + crop, left : left + crop].astype(np.float64) / 255.0
    return part.reshape(len(images), side, block, side, block).mean(axis=(2, 4))


def read_idx(raw: bytes, place: str = "data") -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes: magic 0, 0, 8, dimensions; sizes; data.

    Raises
    ------
    DataError
        If it is no IDX file of bytes, or its length is not what its header says.
    """
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise DataError(
            thing=f"{place} is not an IDX file of bytes",
            value=raw[:4].hex(),
            limit="begins with 000008",
            next_step="Fetch the file again",
        )
    dimensions = raw[3]
    start = 4 + 4 * dimensions
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], dtype=">u4"))
    if len(shape) != dimensions or len(raw) - start != int(np.prod(shape, dtype=np.int64)):
        raise DataError(
            thing=f"{place} is cut short or too long",
            value=f"{len(raw) - start} bytes",
            limit=f"{shape} after its header",
            next_step="Fetch the file again",
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape).copy()
