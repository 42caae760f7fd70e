import json

import numpy as np
import pytest
from PIL import Image

import descenso as ds
from descenso.data.catalog import load
from descenso.errors import DataError
from test_folders import picture, write

QUICK = {"model": "softmax", "engine": "eager", "epochs": 60, "learning_rate": 0.1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "suffix", "most", "high"),
    [
        (np.uint16, "png", 255, 255), (np.uint16, "png", 200, 255), (np.uint16, "png", 4000, 4095),
        (np.uint16, "png", 65535, 65535), (np.uint16, "tif", 900, 1023), (np.float32, "tif", 0.9, 1),
        (np.float32, "tif", 3.5, 255), (np.float32, "tif", 1e6, 1e6), (np.uint8, "png", 16, 16),
        (np.int32, "tif", 70000, 70000), (np.uint16, "pgm", 65535, 65535),
    ],
)  # fmt: skip
def test_the_range_of_a_folder_is_recorded_and_applied(kind, suffix, most, high, tmp_path):
    folder = write(tmp_path / "photos", suffix=suffix, kind=kind, most=most)
    high = most if kind == np.float32 and most == 3.5 else high
    data = load(str(folder))
    assert data.pixel_range == (0, high)
    scaled = (data.train.inputs.astype(float) - data.scaling.shift) * data.scaling.scale
    assert scaled.max() == pytest.approx(most / high)
    run = ds.train(folder, out=tmp_path / "run", **QUICK)
    assert json.loads((run.path / "data.json").read_text())["pixel_range"] == [0, high]
    predicted = ds.predict(run, sorted(folder.glob("*/*")))
    assert [name.split("/")[-2] for name in predicted.names] == list(predicted.labels)
    assert ds.evaluate(run, str(folder))[0].accuracy == 1
    assert run.resume(epochs=61).config.epochs == 61


def test_whole_numbers_and_floats_do_not_mix(tmp_path):
    write(tmp_path, suffix="tif", kind=np.float32, most=1)
    Image.fromarray(picture(True, np.uint16)).save(tmp_path / "top" / "x.png")
    with pytest.raises(DataError, match="floats, but .*x.png: whole numbers; bring all to one type"):
        load(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("most", "right"), [(65535, True), (255, True), (4095, False)])
def test_pictures_of_8_bits_for_a_model_of_16(most, right, tmp_path):
    run = ds.train(write(tmp_path / "wide", kind=np.uint16, most=most), out=tmp_path / "run", **QUICK)
    Image.fromarray(picture(True)).save(tmp_path / "a.png")
    if right:
        predicted = ds.predict(run, tmp_path / "a.png")
        np.testing.assert_allclose(predicted.inputs.max(), most)
        assert list(predicted.labels) == ["top"]
    else:
        with pytest.raises(DataError, match=r"pixels of 8 bits, where the others are in \[0, 4095\]; which of these"):
            ds.predict(run, tmp_path / "a.png")


@pytest.mark.slow
@pytest.mark.parametrize(("most", "right"), [(65535, True), (255, False), (4095, False)])
def test_pictures_of_16_bits_for_a_model_of_8(most, right, tmp_path):
    run = ds.train(write(tmp_path / "narrow"), out=tmp_path / "run", **QUICK)
    Image.fromarray(picture(True, np.uint16, most)).save(tmp_path / "a.png")
    if right:
        predicted = ds.predict(run, tmp_path / "a.png")
        np.testing.assert_array_equal(predicted.inputs[0], picture(True))
    else:
        with pytest.raises(DataError, match=r"values from 0 to .*, the model learned from pictures in \[0, 255\]"):
            ds.predict(run, tmp_path / "a.png")


def test_values_beyond_the_range_are_refused(tmp_path):
    run = ds.train(write(tmp_path / "wide", kind=np.uint16, most=4000), out=tmp_path / "run", **QUICK)
    Image.fromarray(picture(True, np.uint16, 50000)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"values from 0 to 50000, the model learned from pictures in \[0, 4095\]"):
        ds.predict(run, tmp_path / "a.png")
    Image.fromarray(picture(True, np.float32, 1)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"values from 0 to 1, the model learned from pictures in \[0, 4095\]"):
        ds.predict(run, tmp_path / "a.tif")
