"""The axis of an image's channels: moved to the end if it can only be the first, never taken for the height."""

import numpy as np
import pytest

import descenso as ds
from descenso.data.arrays import as_pixels, as_shape, channels_last
from descenso.data.dataset import PIXELS, Scaling, is_mapped
from descenso.errors import DataError, DataNote

PICTURES = np.random.default_rng(0).integers(256, size=(20, 3, 8, 6), dtype=np.uint8)
LABELS = np.arange(20) % 2


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 28, 28), (3, 5, 4), (1, 9, 4), (4, 8, 8), (3, 2, 64)])
def test_channels_that_can_only_be_first(shape):
    assert channels_last(np.zeros((2, *shape))).shape == (2, *shape[1:], shape[0])


@pytest.mark.parametrize("shape", [(8, 8, 3), (28, 28, 1), (3, 8, 3), (1, 8, 1), (8, 8, 4), (4, 4, 4), (2, 8, 8),
                                   (16, 8, 8), (8, 8), (3, 64), (3,), (3, 4, 5, 6)])  # fmt: skip
def test_others_stay_where_they_are(shape):
    rows = np.zeros((2, *shape))
    assert channels_last(rows) is rows


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_said_and_each_pixel_is_where_it_was(channels, tmp_path):
    rows = PICTURES[:, :channels]
    np.savez(tmp_path / "rows.npz", x_train=rows, y_train=LABELS, x_test=rows, y_test=LABELS)
    data = ds.load(str(tmp_path / "rows.npz"))
    np.testing.assert_array_equal(data.train.inputs, rows.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(data.test.inputs, data.train.inputs)
    said = f"pictures of shape {channels}×8×6, channels first, are read as 8×6×{channels}, channels last"
    assert data.notes == (said,)


def test_test_rows_follow_the_training_rows():
    first = PICTURES[:, :1]
    for train, test in ((first, first[:, 0]), (first[:, 0], first), (first[:, 0], first.transpose(0, 2, 3, 1))):
        data = ds.from_arrays(train, LABELS, test=(test, LABELS))
        np.testing.assert_array_equal(data.train.inputs.reshape(20, -1), data.test.inputs.reshape(20, -1))
        assert data.test.inputs.shape[1:] == data.input_shape


def test_memory_mapped_pictures_are_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", PICTURES)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert is_mapped(channels_last(mapped))
    np.testing.assert_array_equal(channels_last(mapped), channels_last(PICTURES))


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((8, 6), (8, 6, 1)), ((8, 6, 1), (8, 6)), ((48,), (8, 6)), ((48,), (8, 6, 1)), ((3, 8, 6), (8, 6, 3)),
     ((1, 8, 6), (8, 6)), ((1, 8, 6), (8, 6, 1))],
)  # fmt: skip
def test_rows_in_the_shape_that_a_model_reads(shape, wanted):
    rows = np.arange(2 * np.prod(shape)).reshape(2, *shape)
    made = as_shape(rows, wanted)
    assert made.shape == (2, *wanted)
    np.testing.assert_array_equal(made if shape[0] != 3 else made.transpose(0, 3, 1, 2), rows.reshape(
        made.shape if shape[0] != 3 else rows.shape))  # fmt: skip


@pytest.mark.parametrize("shape", [(144,), (6, 8, 3), (8, 6), (8, 6, 4)])
def test_rows_that_may_be_read_in_two_ways_are_not(shape):
    rows = np.zeros((2, *shape))
    assert as_shape(rows, (8, 6, 3)) is rows


def test_a_model_predicts_and_is_evaluated_on_either_order(tmp_path):
    run = ds.train(ds.from_arrays(PICTURES, LABELS, test=(PICTURES, LABELS)), epochs=1, engine="eager",
                   model="softmax", out=tmp_path / "run")  # fmt: skip
    wanted = np.asarray(run.predict(PICTURES.transpose(0, 2, 3, 1)))
    np.testing.assert_array_equal(np.asarray(run.predict(PICTURES)), wanted)
    np.savez(tmp_path / "first.npz", x=PICTURES, y=LABELS)
    np.save(tmp_path / "first.npy", PICTURES)
    for name in ("first.npz", "first.npy"):
        np.testing.assert_array_equal(np.asarray(run.predict(tmp_path / name)), wanted)
    with pytest.warns(DataNote, match="channels first, are read as 8×6×3"):
        assert run.evaluate(tmp_path / "first.npz").accuracy == run.evaluate().accuracy
    with pytest.raises(DataError, match="inputs of shape 144, expected 8×6×3"):
        run.predict(PICTURES.reshape(20, -1))


class Tensor:
    """Stand-in for a PyTorch tensor that requires a gradient, which `numpy.asarray` refuses."""

    def __init__(self, values, bare=False):
        self.values, self.bare, self.shape = values, bare, values.shape

    def detach(self):
        return Tensor(self.values, True)

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        if not self.bare:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return np.asarray(self.values, dtype)


def test_tensors_of_both_libraries():
    import tensorflow as tf

    wanted = ds.from_arrays(PICTURES, LABELS, test=(PICTURES, LABELS))
    for inputs, labels in (
        (Tensor(PICTURES), Tensor(LABELS)),
        (tf.constant(PICTURES), tf.constant(LABELS)),
    ):
        data = ds.from_arrays(inputs, labels, test=(inputs, labels))
        np.testing.assert_array_equal(data.train.inputs, wanted.train.inputs)
        np.testing.assert_array_equal(data.test.labels, wanted.test.labels)


def test_pictures_in_black_and_white_are_scaled_already():
    rows = (PICTURES[:, 0] > 127).astype(np.uint8)
    assert ds.from_arrays(rows, LABELS, test_fraction=0.5).scaling == Scaling(0.0, 1.0)
    rows[19, 0, 0] = 255
    assert ds.from_arrays(rows, LABELS, test=(rows, LABELS)).scaling == PIXELS


@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "f8"])
def test_pixels_of_any_type(dtype):
    np.testing.assert_array_equal(as_pixels("made", PICTURES.astype(dtype)), PICTURES, strict=True)


@pytest.mark.parametrize(
    ("rows", "mend"),
    [(PICTURES / 255, r"try \(255 \* X\)"), (PICTURES / 127.5 - 1, "give them before any scaling"),
     (PICTURES.astype(int) + 1, "give them"), (np.where(PICTURES > 9, np.nan, 0.0), "give them")],
)  # fmt: skip
def test_what_holds_no_pixels_is_refused(rows, mend):
    with pytest.raises(DataError, match=rf"made: values of type \w+, the model reads pixels as stored, .*; {mend}"):
        as_pixels("made", rows)
