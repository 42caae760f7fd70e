"""Models of pixels as stored get other inputs: every format refuses them or predicts correctly."""

import runpy
import subprocess
import sys

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import descenso as ds
from descenso.exporting import export
from takeaway import FAST, assert_same, truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["softmax", "cnn"])
def pixels(request, exported):
    folder = exported[request.param]
    return folder, np.load(folder / "rows.npy"), truth(folder)


def scaled(rows):
    """Return pixels in the scales that users commonly convert them to."""
    return {"in [0, 1]": rows / 255, "in [-1, 1]": rows / 127.5 - 1, "standardised": (rows - rows.mean()) / rows.std()}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_keras_answers_floats_from_0_to_1_and_leaves_no_other_answer(pixels, dtype):
    folder, rows, wanted = pixels
    model = keras.saving.load_model(folder / "model.keras")
    for call in (lambda rows: np.asarray(model(rows)), lambda rows: model.predict(rows, verbose=0)):
        assert_same(call((rows / 255).astype(dtype)), wanted)
        assert_same(call(rows.astype(dtype)), wanted)
        assert_same(call(rows), wanted)
        for name in ("in [-1, 1]", "standardised"):
            assert np.isnan(call(scaled(rows)[name].astype(dtype))).all()
        assert np.isnan(call((rows / 127.5).astype(dtype))).all()


def test_the_model_in_python_is_that_of_keras(pixels):
    folder, rows, wanted = pixels
    model = ds.open_run(folder / "run").model
    assert_same(np.asarray(model(rows / 255)), wanted)
    assert_same(np.asarray(model(rows)), wanted)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_saved_model_refuses_scaled_floats(pixels, dtype):
    folder, rows, wanted = pixels
    model = tf.saved_model.load(str(folder / "model-savedmodel"))
    for kind in ("u1", "i4", "i8", "f4", "f8"):
        assert_same(model.serve(rows.astype(kind)).numpy(), wanted)
        assert_same(model.serve(tf.constant(rows.astype(kind))).numpy(), wanted)
    signature = model.signatures["serving_default"]
    assert_same(signature(inputs=rows.astype("f4"))["probabilities"].numpy(), wanted)
    for given in (*scaled(rows).values(), rows.astype("f4") + 0.5, rows.astype("f4") + 255):
        for call in (model.serve, lambda rows: signature(inputs=rows)):
            with pytest.raises(
                tf.errors.InvalidArgumentError, match="expected pixels as stored, whole numbers from 0 to"
            ):
                call(given.astype(dtype))


def test_a_script_refuses_them_in_one_line(pixels):
    folder, rows, wanted = pixels
    predict = runpy.run_path(str(folder / "model.py"))["predict_proba"]
    for kind in ("u1", "i8", "f4"):
        assert_same(predict(rows.astype(kind)), wanted)
    for name, given in scaled(rows).items():
        with pytest.raises(ValueError, match=r"^values of type float64 that are no pixels as stored, .*; try \(255"):
            predict(given)
    np.save(folder / "scaled.npy", rows / 255)
    ended = subprocess.run(
        [sys.executable, "model.py", "scaled.npy"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("scaled.npy: values of type float64 that are no pixels")


def test_onnx_litert_and_the_call_of_an_npz_refuse_any_float(pixels):
    folder, rows, _wanted = pixels
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    interpreter = Interpreter(str(folder / "model.tflite"))
    [inputs] = interpreter.get_input_details()
    interpreter.resize_tensor_input(inputs["index"], rows.shape)
    interpreter.allocate_tensors()
    with np.load(folder / "model.npz") as arrays:
        assert str(arrays["input_dtype"]) == "uint8"
    for given in scaled(rows).values():
        with pytest.raises(Exception, match="Unexpected input data type"):
            session.run(None, {"inputs": given.astype("f4")})
        with pytest.raises(ValueError, match="Cannot set tensor"):
            interpreter.set_tensor(inputs["index"], given.astype("f4"))
        with pytest.raises(TypeError, match="same_kind"):
            given.astype(inputs["dtype"], casting="same_kind")


def test_pictures_in_black_and_white_are_0_and_1_as_stored(tmp_path):
    """Images of 0 and 1 are the same scaled and unscaled, so both are accepted and neither is multiplied."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    rows = (random.random((60, 6, 6)) < np.where(labels, 0.8, 0.3)[:, None, None]).astype(np.uint8)
    run = ds.train(ds.from_arrays(rows, labels, test_fraction=0.5), out=tmp_path / "run", **{**FAST, "batch_size": 10})
    wanted = np.asarray(run.predict(rows))
    model = keras.saving.load_model(export(run, "keras", tmp_path / "model.keras"))
    loaded = tf.saved_model.load(str(export(run, "savedmodel", tmp_path / "served")))
    predict = runpy.run_path(str(export(run, "numpy-script", tmp_path / "model.py")))["predict_proba"]
    for kind in ("u1", "f4"):
        for call in (model, loaded.serve, predict):
            assert_same(np.asarray(call(rows.astype(kind))), wanted)


def wrong_files(folder, rows):
    """Write files that hold no rows; return the script's error for each."""
    np.save(folder / "flat.npy", rows.reshape(len(rows), -1))
    np.save(folder / "one.npy", rows[0])
    np.save(folder / "words.npy", rows.astype(str))
    np.savez(folder / "archive.npz", rows)
    np.save(folder / "objects.npy", np.array([None, 1], object))
    (folder / "folder.npy").mkdir(exist_ok=True)
    (folder / "text.npy").write_text("1,2,3\n")
    (folder / "empty.npy").write_bytes(b"")
    (folder / "cut.npy").write_bytes((folder / "rows.npy").read_bytes()[:500])
    damaged = "not an array in NumPy's format NPY, or damaged; write one with numpy.save"
    return {
        "absent.npy": "cannot be read (No such file or directory)",
        "folder.npy": "cannot be read (Is a directory)",
        "archive.npz": "an archive of arrays; write the one with the rows with numpy.save",
        "flat.npy": f"an array of shape ({len(rows)}, 64), expected (rows, 8, 8)",
        "one.npy": "an array of shape (8, 8), expected (rows, 8, 8)",
        "words.npy": "values of type <U3, expected numbers",
        **dict.fromkeys(("text.npy", "empty.npy", "cut.npy", "objects.npy"), damaged),
    }


def test_files_that_are_no_rows_are_answered_in_one_line(exported):
    folder = exported["softmax"]
    for name, told in wrong_files(folder, np.load(folder / "rows.npy")).items():
        ended = subprocess.run(
            [sys.executable, "model.py", name], cwd=folder, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{name}: {told}\n")


def test_a_table_with_a_hole_is_refused(exported):
    folder = exported["table"]
    rows = np.load(folder / "rows.npy")
    rows[7, 1] = np.nan
    with pytest.raises(ValueError, match="^row 7 holds a value that is not finite$"):
        runpy.run_path(str(folder / "model.py"))["predict_proba"](rows)
