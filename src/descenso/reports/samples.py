"""Write example files of a dataset of pictures: those that the README trains on, predicts and reads."""

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from descenso.data.dataset import Dataset, Split
from descenso.errors import ConfigError
from descenso.files import make_folder, write_folder
from descenso.runs.files import portable_name
from descenso.text import _

PER_CLASS = 30  # pictures in each folder of photos/
ROWS, TEST_ROWS = 2000, 500  # of the table and of the arrays
BLOCK = 4  # pixels along each side of the squares whose means are the columns of the table
ENLARGED = 4  # how many pixels digit.png has for each of the dataset's, along each side
PROGRAM = '''"""A program for TensorFlow 1: softmax regression on MNIST."""

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("data", one_hot=True)
images = tf.placeholder(tf.float32, [None, 784])
labels = tf.placeholder(tf.float32, [None, 10])
weights = tf.Variable(tf.zeros([784, 10]))
biases = tf.Variable(tf.zeros([10]))
probabilities = tf.nn.softmax(tf.matmul(images, weights) + biases)
loss = tf.reduce_mean(-tf.reduce_sum(labels * tf.log(probabilities), axis=1))
train = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
right = tf.equal(tf.argmax(probabilities, 1), tf.argmax(labels, 1))
accuracy = tf.reduce_mean(tf.cast(right, tf.float32))

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for epoch in range(3):
        for step in range(550):
            batch = mnist.train.next_batch(100)
            session.run(train, {images: batch[0], labels: batch[1]})
    print("accuracy:", session.run(accuracy, {images: mnist.test.images, labels: mnist.test.labels}))
'''


def write_samples(data: Dataset, folder: Path) -> list[Path]:
    """Write example files of `data` into the new folder `folder`, and return their paths.

    `digit.png` is the first test picture, in dark ink on light paper; `photos/` has a folder of pictures for each
    class; `digits.csv` has a row for each picture, its means over squares of 4×4 pixels, and the class; `digits.npz`
    has training and test pictures as arrays; `tutorial.py` is a program for TensorFlow 1.

    Args:
        data: grey pictures in uint8.
        folder: does not exist yet.

    Raises:
        ConfigError: if the dataset has no such pictures, or the folder exists.
        DiskError: if the folder cannot be written; nothing of it is left.
    """
    if len(data.input_shape) != 2 or data.train.inputs.dtype != np.uint8:
        message = _("{name} has no grey pictures of 8 bits to write; try `descenso data mnist --samples {folder}`")
        raise ConfigError(message.format(name=data.name, folder=folder))
    if folder.exists():
        message = _("{path} exists already, and nothing is overwritten; try --samples {path}-2")
        raise ConfigError(message.format(path=folder))
    contents = {
        "digit.png": _png((255 - data.test.inputs[0]).repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)),
        "digits.csv": _table(data.train.rows(slice(ROWS)), data.class_names),
        "digits.npz": _arrays(data),
        "tutorial.py": PROGRAM.encode(),
        **_photos(data.train, data.class_names),
    }
    make_folder(folder.parent)
    write_folder(folder, contents)
    return [folder / name for name in ("digit.png", "photos", "digits.csv", "digits.npz", "tutorial.py")]


def _png(image: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def _photos(train: Split, class_names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the first pictures of each class by path."""
    photos = {}
    for label, name in enumerate(class_names):
        for row in np.flatnonzero(train.labels == label)[:PER_CLASS]:
            photos[f"photos/{portable_name(name)}/{row:05}.png"] = _png(train.inputs[row])
    return photos


def _table(rows: Split, class_names: tuple[str, ...]) -> bytes:
    """Return a table of a number for each row, the means of each picture's squares, and its class."""
    height, width = (size // BLOCK for size in rows.inputs.shape[1:])
    squares = rows.inputs[:, : height * BLOCK, : width * BLOCK].reshape(-1, height, BLOCK, width, BLOCK)
    means = squares.mean(axis=(2, 4)).reshape(len(squares), -1)  # (rows, columns)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["id", *(f"r{row}c{column}" for row in range(height) for column in range(width)), "digit"])
    for number, (values, label) in enumerate(zip(means.round(1).tolist(), rows.labels, strict=True)):
        writer.writerow([f"D{number:04}", *values, class_names[label]])
    return stream.getvalue().encode()


def _arrays(data: Dataset) -> bytes:
    train, test = data.train.rows(slice(ROWS)), data.test.rows(slice(TEST_ROWS))
    stream = io.BytesIO()
    np.savez_compressed(stream, x_train=train.inputs, y_train=train.labels, x_test=test.inputs, y_test=test.labels)
    return stream.getvalue()
