"""The tutorials' helper: what it returns, and the order of its batches, computed here with NumPy's generator."""

import numpy as np
import pytest
import tensorflow as tf

from descenso.tf1.running import input_data

ROWS = 203


@pytest.fixture(autouse=True)
def tiny_is_mnist(tiny_folder, monkeypatch):
    monkeypatch.setattr(input_data, "MNIST", str(tiny_folder))


def read(**options):
    return input_data.read_data_sets("nowhere", validation_size=20, **options)


def test_what_it_returns(tiny):
    data = read()
    assert data._fields == ("train", "validation", "test")
    assert [part.num_examples for part in data] == [ROWS - 20, 20, 61]
    for part, pixels, labels in (
        (data.train, tiny.train.inputs[20:], tiny.train.labels[20:]),
        (data.validation, tiny.train.inputs[:20], tiny.train.labels[:20]),
        (data.test, tiny.test.inputs, tiny.test.labels),
    ):
        assert part.images.dtype == np.float32
        np.testing.assert_array_equal(
            part.images, pixels.reshape(len(pixels), -1).astype("float32") * np.float32(1 / 255)
        )
        assert part.labels.dtype == np.uint8
        np.testing.assert_array_equal(part.labels, labels)
    hot = read(one_hot=True, reshape=False, dtype=tf.uint8).test
    assert (hot.images.dtype, hot.images.shape) == (np.uint8, (61, 8, 8, 1))
    assert (hot.labels.dtype, hot.labels.shape) == (np.float64, (61, 10))
    assert (hot.labels.argmax(axis=1) == tiny.test.labels).all()
    assert (hot.labels.sum(axis=1) == 1).all()


def test_no_rows_for_validation():
    data = input_data.read_data_sets("nowhere", validation_size=0)
    assert (data.train.num_examples, data.validation.images.shape) == (ROWS, (0, 64))


def test_batches_go_on_over_the_end_of_an_epoch():
    data = input_data.DataSet(np.arange(10).reshape(10, 1), np.arange(10), dtype="uint8", seed=5)
    taken = [data.next_batch(4) for _ in range(5)]
    assert all((images[:, 0] == labels).all() and len(labels) == 4 for images, labels in taken)
    assert data.epochs_completed == 1  # the fifth batch ends the second epoch; the next call starts the third
    generator = np.random.RandomState(5)
    epochs = []
    rows = np.arange(10)
    for _ in range(2):  # each epoch shuffles the order of the previous one
        order = np.arange(10)
        generator.shuffle(order)
        rows = rows[order]
        epochs.append(rows)
    np.testing.assert_array_equal(np.concatenate([labels for _images, labels in taken]), np.concatenate(epochs))
    np.testing.assert_array_equal(data.labels, epochs[1])  # in the epoch's order, as in the original
    data.next_batch(4)
    assert data.epochs_completed == 2


def test_without_shuffling_the_order_is_that_of_the_file():
    data = input_data.DataSet(np.zeros((5, 2)), np.arange(5))
    taken = [data.next_batch(2, shuffle=False)[1].tolist() for _ in range(5)]
    assert taken == [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4]]


def test_seeds():
    def first(**options):
        return read(**options).train.next_batch(10)[1].tolist()

    assert first(seed=1) == first(seed=1) != first(seed=2)
    with tf.Graph().as_default():
        tf.compat.v1.set_random_seed(4)
        graph = first()
        assert graph == first(seed=4)
    np.random.seed(9)  # NumPy's global seed is used if no other is given
    own = first()
    np.random.seed(9)
    assert own == first() != graph


def test_fake_data():
    images, labels = read(fake_data=True, one_hot=True).train.next_batch(3)
    assert (images, labels) == ([[1] * 784] * 3, [[1] + [0] * 9] * 3)
    assert read(fake_data=True).train.num_examples == 10000


def test_files_in_its_folder_come_first(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(input_data, "MNIST", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"MNIST=.*none holds none of train-images-idx3-ubyte, .* \(.gz\)"):
        read()
    assert input_data.read_data_sets(tiny_folder, validation_size=3).train.num_examples == ROWS - 3
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes((tiny_folder / "train-images-idx3-ubyte.gz").read_bytes())
    with pytest.raises(FileNotFoundError, match="train-labels-idx1-ubyte, t10k-images-idx3-ubyte, .* missing; put all"):
        input_data.read_data_sets(tmp_path)
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), input_data._idx_files(tiny_folder), strict=True))
    np.savez(tmp_path / "mnist.npz", **arrays)
    monkeypatch.setattr(input_data, "MNIST", str(tmp_path / "mnist.npz"))
    assert read().test.num_examples == 61


def test_what_it_refuses(tmp_path):
    with pytest.raises(ValueError, match="Validation size should be between 0 and 203. Received: 204."):
        input_data.read_data_sets("nowhere", validation_size=204)
    with pytest.raises(
        ValueError, match="https://example.org/fashion/ is not downloaded; put train-images.*into nowhere"
    ):
        read(source_url="https://example.org/fashion/")
    assert read(source_url="https://example.org/mnist/").test.num_examples == 61
    with pytest.raises(TypeError, match="Invalid image dtype .*float64.*, expected uint8 or float32"):
        read(dtype=np.float64)
    for name in input_data.FILES:
        (tmp_path / name).write_bytes(b"\0\0\x0d\x03")
    with pytest.raises(ValueError, match="train-images-idx3-ubyte: not an IDX file of images or labels"):
        input_data.read_data_sets(tmp_path)
