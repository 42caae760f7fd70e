import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from descenso.data.catalog import load
from descenso.data.digits import as_mnist
from descenso.data.inputs import how_prepared, read_inputs
from descenso.data.sources import Expected, Limits
from descenso.errors import DataError, DataNote

DIGITS = Expected((28, 28), like_mnist=True)
TABLE = Expected((2,), ("a", "b"), "float64")


def refused(path, told):
    return pytest.raises(DataError, match=f"^{re.escape(f'{path}{told}')}")


@pytest.fixture(scope="module")
def digits():
    return load("mnist").test.inputs[:200]


@pytest.fixture
def seen(tmp_path):
    """A function that returns the input that a model trained on MNIST gets for an image."""

    def seen(pixels, **options):
        Image.fromarray(np.asarray(pixels)).save(tmp_path / "a.png", **options)
        inputs, names = read_inputs([tmp_path / "a.png"], DIGITS, Limits())
        assert (inputs.shape, inputs.dtype, names) == ((1, 28, 28), np.uint8, [str(tmp_path / "a.png")])
        return inputs[0].astype(int)

    return seen


def test_digits_of_mnist_stay_as_they_are(digits, seen):
    for digit in digits[:40]:
        np.testing.assert_array_equal(seen(digit), digit)
    inputs = load("mnist").test.inputs
    fields, refused = as_mnist(inputs)
    assert not refused
    np.testing.assert_array_equal(fields, inputs)


@pytest.mark.parametrize("corner", [(slice(0, 60), slice(0, 30)), (slice(219, 280), slice(249, 280))])
def test_ink_that_touches_the_border_is_no_uneven_light(corner, seen):
    drawn = np.zeros((280, 280), np.uint8)
    drawn[corner] = 255
    middle = np.roll(drawn, (100, 100), axis=(0, 1))
    np.testing.assert_array_equal(seen(drawn), seen(middle))
    np.testing.assert_array_equal(as_mnist(drawn[None], photo=False)[0][0], seen(middle))


def test_strokes_of_a_canvas_may_stand_apart(digits):
    two = np.hstack([digits[0], digits[1]])[None]
    assert list(as_mnist(two)[1]) == [0]
    assert as_mnist(two, photo=False)[1] == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda digit: 255 - digit,
        lambda digit: np.pad(digit, ((40, 3), (0, 60))),
        lambda digit: np.pad(255 - digit, ((2, 30), (50, 9)), constant_values=255),
        lambda digit: digit[:, np.flatnonzero(digit.any(0))[0] : np.flatnonzero(digit.any(0))[-1] + 1],
        lambda digit: np.stack([255 - digit] * 3, axis=-1),
        lambda digit: np.stack([digit * 0] * 3 + [digit], axis=-1),
        lambda digit: 60 + digit // 2,
        lambda digit: (110 - digit // 2.5).astype(np.uint8),
        lambda digit: (140 + digit // 2.5).astype(np.uint8),
    ],
    ids=[
        "inverted",
        "off the middle",
        "on paper",
        "cut close",
        "in colour",
        "ink on nothing",
        "faint",
        "ink on dark",
        "chalk on light",
    ],
)
def test_however_it_was_drawn_the_model_sees_the_digit(change, digits, seen):
    for digit in digits[:40]:
        assert np.abs(seen(change(digit)) - seen(digit)).mean() < 1.5


def test_a_folder_is_what_is_in_it(digits, tmp_path):
    with refused(tmp_path, ": no images in it"):
        read_inputs([tmp_path], DIGITS, Limits())
    for name in ("b.png", "a.png"):
        Image.fromarray(digits[0]).save(tmp_path / name)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    with pytest.warns(UserWarning, match="are left out: 1"):
        rows, names = read_inputs([tmp_path], DIGITS, Limits())
    assert (len(rows), names) == (2, [str(tmp_path / "a.png"), str(tmp_path / "b.png")])


@pytest.mark.parametrize(
    ("turn", "inverted"), [(0, False), (1, False), (2, True), (3, False)], ids=["left", "up", "right, inverted", "down"]
)
def test_light_that_falls_off_to_a_side_is_taken_out(turn, inverted, digits, seen):
    light = np.rot90(np.broadcast_to(np.linspace(1, 0.5, 84), (84, 84)), turn)
    differences = []
    for digit in digits[:40]:
        even = np.asarray(Image.fromarray(digit).resize((84, 84), Image.Resampling.BICUBIC)) / 255
        photo = 210 * light * (1 - 0.6 * even)
        photo = 255 - photo if inverted else photo
        differences.append(np.abs(seen(photo.astype(np.uint8)) - digit.astype(int)).mean())
    assert np.mean(differences) < 9, "of 34, the mean of a digit"


def test_pictures_without_a_single_digit_are_refused(digits, tmp_path):
    def drawn(digit):
        return 255 - np.asarray(Image.fromarray(digit).resize((84, 84))).astype(np.uint8)

    two = np.hstack([drawn(digits[0]), drawn(digits[1])])
    ruled, framed, strip = (drawn(digits[0]).copy() for _ in range(3))
    ruled[10::20], strip[:, :8] = 90, 40
    framed[:3] = framed[-3:] = framed[:, :3] = framed[:, -3:] = 60
    for pixels, told in ((two, "two digits"), (ruled, "lines go from edge to edge"), (framed, "something runs along"),
                         (strip, "something runs along")):  # fmt: skip
        Image.fromarray(pixels).save(tmp_path / "a.png")
        with refused(tmp_path / "a.png", f": {told}"):
            read_inputs([tmp_path / "a.png"], DIGITS, Limits())


def test_images_of_several_sizes_and_modes_together_are_what_each_is_alone(digits, tmp_path):
    shapes = [digit if place % 3 else np.pad(255 - digit, place) for place, digit in enumerate(digits[:9])]
    paths = [tmp_path / f"{place}.png" for place in range(9)]
    for path, pixels in zip(paths, shapes, strict=True):
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    together, names = read_inputs(paths, DIGITS, Limits())
    assert names == list(map(str, paths))
    for path, seen in zip(paths, together, strict=True):
        np.testing.assert_array_equal(read_inputs([path], DIGITS, Limits())[0][0], seen)


def test_size_does_not_matter(digits, seen):
    for size in (56, 140, 333):
        large = (Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC) for digit in digits[:40])
        differences = [np.abs(seen(image) - digit).mean() for image, digit in zip(large, digits, strict=False)]
        assert np.mean(differences) < 8, "of 34, the mean of a digit"


def test_grain_of_the_paper_is_no_ink(digits, seen):
    random = np.random.default_rng(0)
    differences = []
    for digit in digits[:40]:
        paper = np.pad(255 - digit.astype(int) * 0.8, 30, constant_values=255) - 20 + random.normal(0, 12, (88, 88))
        differences.append(np.abs(seen(np.clip(paper, 0, 255).astype(np.uint8)) - digit).mean())
    assert np.mean(differences) < 9, "seed 0; of 34, the mean of a digit"


@pytest.mark.parametrize("pixels", [np.zeros((9, 9)), np.full((30, 20), 255), np.full((1, 1), 7)])
def test_nothing_is_drawn(pixels, tmp_path):
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "a.png")
    with refused(tmp_path / "a.png", ": nothing is drawn on it, every pixel is nearly the same"):
        read_inputs([tmp_path / "a.png"], DIGITS, Limits())


@pytest.mark.parametrize("shape", [(300, 2), (2, 300), (1, 500), (3, 3)])
def test_a_line_of_any_form(shape, seen):
    pixels = np.pad(np.full(shape, 255, np.uint8), 5)
    ink = seen(pixels) > 100
    height, width = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(height), np.ptp(width)) + 1 == 20
    assert abs(np.mean(height) - 14) <= 0.5
    assert abs(np.mean(width) - 14) <= 0.5


@pytest.mark.parametrize(
    ("like", "shape", "dtype"),
    [
        (Expected((8, 6)), (8, 6), np.uint8),
        (Expected((8, 6, 1)), (8, 6, 1), np.uint8),
        (Expected((8, 6, 3)), (8, 6, 3), np.uint8),
        (Expected((28, 28)), (28, 28), np.uint8),
    ],
)
def test_images_are_brought_to_what_the_model_reads(like, shape, dtype, tmp_path):
    Image.new("RGB", (31, 17), (200, 100, 50)).save(tmp_path / "a.png")
    Image.new("L", (3, 4), 124).save(tmp_path / "b.jpg")
    told = "in grey, though the model learned from pictures in colour: 1$"
    if shape[2:] != (3,):
        told = "in colour are read in grey, as the model learned from them: 1$"
    with pytest.warns(DataNote, match=told):
        inputs, names = read_inputs([tmp_path / "a.png", tmp_path / "b.jpg"], like, Limits())
    assert (inputs.shape, inputs.dtype) == ((2, *shape), dtype)
    assert names == [str(tmp_path / "a.png"), str(tmp_path / "b.jpg")]
    expected = [200, 100, 50] if shape[2:] == (3,) else 124
    assert np.abs(inputs.astype(int) - [np.full(shape, expected), np.full(shape, 124)]).max() <= 1


@pytest.mark.parametrize(
    ("like", "mode", "colours"),
    [
        (Expected((8, 6)), "L", 124),
        (Expected((8, 6)), "RGB", (120, 124, 128)),  # grey, stored in three channels
        (Expected((8, 6, 3)), "RGB", (200, 100, 50)),
        (Expected((8, 6, 3)), "RGB", (90, 90, 90)),
        (Expected((28, 28), like_mnist=True), "RGB", (200, 100, 50)),  # a photo of a digit
    ],
)
def test_colours_like_those_of_the_training_data_are_not_mentioned(like, mode, colours, tmp_path):
    image = Image.new(mode, (31, 17), colours)
    image.paste(tuple(255 for _band in image.getbands()) if mode == "RGB" else 255, (12, 4, 16, 12))
    image.save(tmp_path / "a.png")
    read_inputs([tmp_path / "a.png"], like, Limits())  # a warning would be an error


def test_images_are_not_for_every_model(tmp_path):
    Image.new("L", (3, 4)).save(tmp_path / "a.png")
    for shape, told in (((20,), "20"), ((8, 8, 4), "8×8×4"), ((2, 2, 2, 2), "2×2×2×2")):
        with refused(
            tmp_path / "a.png", f": the model reads rows of {told}, and no images; give it a file of rows: IDX, NPZ"
        ):
            read_inputs([tmp_path / "a.png"], Expected(shape), Limits())


@pytest.mark.parametrize("name", ["x", "x_test", "whatever"])
def test_npz(name, tiny, tmp_path):
    path = tmp_path / "a.npz"
    others = {} if name == "whatever" else {"y_test": np.zeros(3)}
    np.savez(path, **{name: tiny.test.inputs}, **others)
    inputs, names = read_inputs([path], Expected((8, 8)), Limits())
    np.testing.assert_array_equal(inputs, tiny.test.inputs, strict=True)
    assert (names[0], names[60], len(names)) == (f"{path}:1", f"{path}:61", 61)


def test_pictures_as_stored_are_not_for_a_model_of_floats(tiny, tmp_path):
    """The scale of the floats in training, [0, 1] or [0, 255], is unknown: predictions could be confidently wrong."""
    floats = Expected((8, 8), stored="float64")
    np.savez(tmp_path / "a.npz", x=tiny.test.inputs)
    Image.fromarray(tiny.test.inputs[0]).save(tmp_path / "a.png")
    for name in ("a.npz", "a.png"):
        with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path / name))}: .*the model learned from floats"):
            read_inputs([tmp_path / name], floats, Limits())
    np.savez(tmp_path / "a.npz", x=tiny.test.inputs.astype(np.int16))
    inputs, _names = read_inputs([tmp_path / "a.npz"], floats, Limits())
    np.testing.assert_array_equal(inputs, tiny.test.inputs.astype(np.float64), strict=True)


@pytest.mark.parametrize(
    ("arrays", "stored", "told"),
    [
        (
            {"a": np.zeros((2, 8, 8)), "b": np.zeros(2)},
            "float64",
            ": its arrays are a (2, 8, 8) float64, b (2,) float64; which holds the inputs? call it x",
        ),
        ({"x": np.zeros((2, 8, 7))}, "float64", ": inputs of shape 8×7, expected 8×8"),
        ({"x": np.zeros((0, 8, 8))}, "float64", ": no rows; give at least one"),
        ({"x": np.float64(0)}, "float64", ": inputs of shape (), expected 8×8"),
        ({"x": np.zeros((2, 8, 8))}, "uint8", ": values of type float64, the model reads pixels as stored, whole"),
        ({"x": np.full((2, 8, 8), "1")}, "float64", ": values of type <U1, the model reads numbers"),
        ({"x": np.full((2, 8, 8), np.nan)}, "float64", ": row 1 holds a value that is not finite"),
    ],
)
def test_npz_that_does_not_fit(arrays, stored, told, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with refused(tmp_path / "a.npz", told):
        read_inputs([tmp_path / "a.npz"], Expected((8, 8), stored=stored), Limits())


def test_tables_by_name_whatever_else_they_hold(tmp_path):
    csv, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    csv.write_text("species,b,a,note\nsetosa,1,2,x\n,3,4,\n")
    pl.DataFrame({"a": [5.0], "b": [6]}).write_parquet(parquet)
    inputs, names = read_inputs([csv, parquet], TABLE, Limits())
    np.testing.assert_array_equal(inputs, [[2.0, 1.0], [4.0, 3.0], [5.0, 6.0]], strict=True)
    assert names == [f"{csv}:1", f"{csv}:2", f"{parquet}:1"]
    with refused(csv, ": the columns c are missing, which the model reads; its columns are species, b, a, note"):
        read_inputs([csv], TABLE._replace(input_shape=(3,), columns=("a", "b", "c")), Limits())
    with refused(parquet, ": inputs of shape 2, expected 3"):
        read_inputs([parquet], Expected((3,), (), "float64"), Limits())


def test_all_files_count_together(tiny, tmp_path):
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", x=tiny.test.inputs)
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    like = Expected((8, 8))
    assert len(read_inputs(paths, like, Limits(rows=122, array_bytes=122 * 64))[0]) == 122
    with refused(paths[1], ": rows would be 122, the limit is 121"):
        read_inputs(paths, like, Limits(rows=121))
    with refused(paths[1], ": array_bytes would be 7808, the limit is 7807"):
        read_inputs(paths, like, Limits(array_bytes=7807))


@pytest.mark.parametrize(
    ("names", "expected", "said"),
    [
        (["a.png", "b.npz"], DIGITS, "Prepared as MNIST's digits were: light on dark"),
        (["a.jpg"], Expected((32, 48, 3)), "Resized to 32×48 pixels in colour."),
        (["a.png"], Expected((32, 48)), "Resized to 32×48 pixels in grey."),
        (["a.npz", "b.csv"], DIGITS, ""),
    ],
)
def test_how_images_were_prepared_is_said(names, expected, said):
    told = how_prepared([Path(name) for name in names], expected)
    assert told.startswith(said)
    assert bool(told) == bool(said)
