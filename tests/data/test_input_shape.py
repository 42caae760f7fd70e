import numpy as np
import pytest
from PIL import Image

import descenso as ds
from descenso.data.catalog import load
from descenso.errors import ConfigError, DataError
from test_folders import picture, write


@pytest.fixture
def table(tmp_path):
    """CSV files of 16×16 pixels, most of them 0 in every row; `train.csv` with labels, `test.csv` without."""
    rows = [["label", *(f"pixel{place}" for place in range(256))]]
    rows += [[name, *picture(name == "top").ravel().tolist()] for name in ("top", "bottom") * 10]
    (tmp_path / "train.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    (tmp_path / "test.csv").write_text("\n".join(",".join(map(str, row[1:])) for row in rows[:5]))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["16x16", (16, 16)])
def test_rows_of_a_table_are_images(shape, table):
    data = load(str(table / "train.csv"), input_shape=shape)
    assert (data.input_shape, data.train.inputs.dtype, data.stored) == ((16, 16), np.uint8, "uint8")
    settings = {"engine": "eager", "epochs": 60, "learning_rate": 0.1}
    run = ds.train(table / "train.csv", input_shape=shape, out=table / "run", **settings)
    assert run.config.input_shape == "16x16"
    assert list(ds.predict(run, table / "test.csv").labels) == ["top", "bottom"] * 2
    Image.fromarray(picture(True)).save(table / "a.png")
    assert list(ds.predict(run, table / "a.png").labels) == ["top"]
    assert ds.evaluate(run, str(table / "train.csv"))[0].accuracy == 1
    write(table / "photos")
    assert ds.evaluate(run, str(table / "photos"))[0].accuracy == 1
    with pytest.raises(ConfigError, match="the model reads images of 16×16; leave (--)?resize out"):
        ds.evaluate(run, str(table / "photos"), resize="8x8")


def test_flat_arrays_are_images(tmp_path):
    x = np.stack([picture(row % 2 == 0).ravel() for row in range(20)]).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=np.repeat(x, 3, axis=1), y=np.arange(20) % 2)
    assert load(str(tmp_path / "a.npz"), input_shape="16x16x3").input_shape == (16, 16, 3)
    np.savez(tmp_path / "b.npz", x=np.repeat(x, 3, axis=0).reshape(20, -1), y=np.arange(20) % 2)
    notes = load(str(tmp_path / "b.npz"), input_shape="16x16x3").notes
    assert any("as if each row held one channel after the other" in note for note in notes)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("28x28", r"values in a row: 256; pixels of 28×28: 784; what fits: 16x16"),
        ("28", "input_shape must be"),
        ("3x32x32", "the channels, 1, 3 or 4, come last, as in 32x32x3"),
    ],
)
def test_shapes_that_do_not_fit(shape, told, table):
    with pytest.raises((ConfigError, DataError), match=told):
        load(str(table / "train.csv"), input_shape=shape)


def test_columns_that_are_no_pixels(table):
    text = (table / "train.csv").read_text().splitlines()
    (table / "named.csv").write_text("\n".join([f"name,{text[0]}", *(f"n{i},{row}" for i, row in enumerate(text[1:]))]))
    with pytest.raises(DataError, match="'n0' is no number, and so no pixel; try (drop='name'|--drop name)"):
        load(str(table / "named.csv"), label="label", input_shape="16x16")
    (table / "id.csv").write_text("\n".join([f"id,{text[0]}", *(f"{i},{row}" for i, row in enumerate(text[1:]))]))
    with pytest.raises(DataError, match="no shape of an image fits; leave out columns that are no pixels"):
        load(str(table / "id.csv"), label="label", input_shape="16x16")
    assert load(str(table / "id.csv"), label="label", drop="id", input_shape="16x16").input_shape == (16, 16)


def test_rows_in_memory_are_given_their_shape_again(tmp_path):
    x = np.stack([picture(row % 2 == 0).ravel() for row in range(40)]).astype(np.uint8)
    y = np.arange(40) % 2
    run = ds.train(x, y, input_shape=(16, 16), model="softmax", epochs=2, batch_size=8, out=tmp_path / "run")
    assert run.config.input_shape == "16x16"
    assert run.resume(data=(x, y), epochs=3).outcome == "completed"
    assert len(ds.evaluate(run, x, y)[1].labels) == 8, "the test rows alone"
    np.savez(tmp_path / "rows.npz", x=x)
    predicted = ds.predict(run, tmp_path / "rows.npz")
    np.testing.assert_array_equal(predicted.probabilities, ds.predict(run, x).probabilities)


@pytest.mark.slow
def test_a_sweep_reads_flat_rows_as_images(tmp_path):
    x = np.stack([picture(row % 2 == 0).ravel() for row in range(40)]).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    sweep = ds.sweep(str(tmp_path / "a.npz"), learning_rates=[0.01, 0.1], model="softmax", input_shape="16x16",
                     epochs=1, out=tmp_path / "sweep")  # fmt: skip
    assert {lane.config.input_shape for lane in sweep.lanes} == {"16x16"}
    assert len(sweep.records) == 2
