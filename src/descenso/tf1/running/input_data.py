"""Read MNIST as the helper of TensorFlow 1's tutorials did."""

# Of descenso: `port --out` writes this text into scripts, so nothing of descenso is imported.

import gzip
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MNIST = os.environ.get("MNIST", "")  # folder of the four IDX files, or mnist.npz; empty: tf.keras.datasets.mnist
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class DataSet:
    """Images, labels, and batches of them in a random order that is drawn anew for each epoch."""

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = np.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        import tensorflow as tf

        graph_seed, own_seed = tf.compat.v1.get_seed(seed)
        chosen = graph_seed if seed is None else own_seed
        if chosen is not None:  # without a seed, NumPy's generator stays as the program has seeded it
            np.random.seed(chosen)
        kind = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
        if kind not in (np.uint8, np.float32):
            raise TypeError(f"Invalid image dtype {dtype!r}, expected uint8 or float32")
        self.one_hot, self._fake = one_hot, fake_data
        self._num_examples = 10000 if fake_data else len(images)
        if not fake_data:
            if len(images) != len(labels):
                raise ValueError(f"{len(images)} images for {len(labels)} labels")
            images = images.reshape(len(images), int(np.prod(images.shape[1:]))) if reshape else images
            if kind == np.float32:
                images = images.astype(np.float32)
                images *= np.float32(1.0 / 255.0)
        self._images, self._labels = images, labels
        self._epochs_completed = self._index_in_epoch = 0

    @property
    def images(self) -> Any:
        return self._images

    @property
    def labels(self) -> Any:
        return self._labels

    @property
    def num_examples(self) -> int:
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """Return the next images and labels; a batch may end one epoch and begin the next."""
        if fake_data or self._fake:
            label = [1, *[0] * 9] if self.one_hot else 0
            return [[1] * 784 for _ in range(batch_size)], [label for _ in range(batch_size)]
        start, rows = self._index_in_epoch, self._num_examples
        if start == 0 and self._epochs_completed == 0 and shuffle:
            self._shuffle()
        self._index_in_epoch = start + batch_size
        if self._index_in_epoch <= rows:
            return self._images[start : start + batch_size], self._labels[start : start + batch_size]
        self._epochs_completed += 1
        rest = self._images[start:], self._labels[start:]
        if shuffle:
            self._shuffle()
        self._index_in_epoch = end = batch_size - (rows - start)
        return np.concatenate([rest[0], self._images[:end]]), np.concatenate([rest[1], self._labels[:end]])

    def _shuffle(self) -> None:
        order = np.arange(self._num_examples)
        np.random.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]


class Datasets(NamedTuple):
    """The three parts of MNIST."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: Any,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = "",
) -> Datasets:
    """Read the four files in `train_dir`, or MNIST if they are not there; keep the first training rows for validation.

    Images are float32 in [0, 1], labels class numbers (uint8) or, with `one_hot`, rows of 0 and 1 (float64).
    """
    if fake_data:
        return Datasets(*(DataSet([], [], True, one_hot, dtype, seed=seed) for _ in Datasets._fields))
    images, labels, test_images, test_labels = _arrays(train_dir, source_url)
    if not 0 <= validation_size <= len(images):
        raise ValueError(f"Validation size should be between 0 and {len(images)}. Received: {validation_size}.")
    if one_hot:
        labels, test_labels = np.eye(10)[labels], np.eye(10)[test_labels]
    first = validation_size
    parts = (images[first:], labels[first:]), (images[:first], labels[:first]), (test_images, test_labels)
    return Datasets(*(DataSet(*part, dtype=dtype, reshape=reshape, seed=seed) for part in parts))


def _arrays(train_dir: Any, source_url: str) -> list[Any]:
    """Return training images, training labels, test images and test labels: (rows, 28, 28, 1) and (rows,), uint8."""
    found = _idx_files(train_dir)
    if not found and source_url and source_url.rstrip("/").rpartition("/")[2] != "mnist":
        raise ValueError(f"{source_url} is not downloaded; put {', '.join(FILES)} (.gz) into {train_dir}")
    if not found and MNIST.endswith(".npz"):
        with np.load(MNIST) as arrays:
            found = [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    elif not found and MNIST:
        found = _idx_files(MNIST)
        if not found:
            raise FileNotFoundError(f"MNIST={MNIST} holds none of {', '.join(FILES)} (.gz)")
    elif not found:
        import tensorflow as tf

        train, test = tf.keras.datasets.mnist.load_data()
        found = [*train, *test]
    return [array if array.ndim == 1 else array.reshape(*array.shape[:3], 1) for array in found]


def _idx_files(folder: Any) -> list[Any]:
    """Return the arrays of the four files in `folder`, gzipped or not; none if there is no such file."""
    paths = [[Path(folder, f"{name}.gz"), Path(folder, name)] for name in FILES]
    present = [next((path for path in pair if path.is_file()), None) for pair in paths]
    missing = [name for name, path in zip(FILES, present, strict=True) if path is None]
    if missing and len(missing) < len(FILES):
        raise FileNotFoundError(f"{folder}: {', '.join(missing)} missing; put all four files there, or none")
    return [_idx(path) for path in present if path]


def _idx(path: Path) -> Any:
    """Return the array of an IDX file of bytes: the number of axes is its fourth byte, their lengths follow."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = file.read()
    axes = content[3] if content[:3] == b"\0\0\x08" else 0
    if axes not in (1, 3):
        raise ValueError(f"{path}: not an IDX file of images or labels")
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
