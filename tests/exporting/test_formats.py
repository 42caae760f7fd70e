"""Each format predicts what the run predicts, read in a new process by its own library."""

import json
import runpy
import subprocess
import sys

import numpy as np
import pytest

import descenso as ds
from descenso.exporting import FORMATS, export
from takeaway import LIGHT, RUNS, assert_same, export_all, read_again, snippets, train, truth

READ = [to for to in FORMATS if to != "npz"]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("to", READ)
def test_it_says_what_the_run_says(exported, name, to):
    assert_same(np.load(exported[name] / f"seen-{to}.npy"), truth(exported[name]))


def test_every_format_has_a_snippet():
    assert list(snippets()) == list(FORMATS)


@pytest.mark.slow
def test_npz_of_softmax(exported):
    assert_same(np.load(exported["softmax"] / "seen-npz.npy"), truth(exported["softmax"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "cnn", "table"])
def test_npz_holds_all_that_a_forward_pass_needs(exported, name):
    """The layers of the NumPy script give the same probabilities with the arrays of the NPZ file."""
    script = runpy.run_path(str(exported[name] / "model.py"))
    with np.load(exported[name] / "model.npz") as arrays:
        script["W"].clear()
        script["W"].update(arrays)
        assert tuple(arrays["class_names"]) == script["CLASS_NAMES"]
        assert tuple(arrays["columns"]) == script.get("COLUMNS", ())
    assert_same(script["predict_proba"](np.load(exported[name] / "rows.npy")), truth(exported[name]))


@pytest.mark.slow
def test_onnx_knows_the_names(exported):
    import onnx

    model = onnx.load(exported["table"] / "model.onnx")
    about = {each.key: json.loads(each.value) for each in model.metadata_props}
    assert about == {"class_names": ["á", "b", "c"], "columns": ["year", "share", "amount"]}
    [inputs], [outputs] = model.graph.input, model.graph.output
    assert (inputs.name, outputs.name) == ("inputs", "probabilities")
    assert inputs.type.tensor_type.shape.dim[0].dim_param == "rows"


@pytest.mark.slow
def test_the_script_is_a_command(exported):
    folder = exported["table"]
    command = [sys.executable, "-W", "error", "model.py", "rows.npy"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=True)
    wanted = truth(folder)
    said = [line.split("\t") for line in ended.stdout.splitlines()]
    assert [label for label, _ in said] == [("á", "b", "c")[place] for place in wanted.argmax(axis=1)]
    np.testing.assert_allclose([float(share) for _, share in said], wanted.max(axis=1), atol=1e-4)
    ended = subprocess.run(command[:-1], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert (ended.returncode, ended.stderr) == (1, "usage: python model.py rows.npy\n")


@pytest.mark.slow
def test_the_script_takes_no_rows_and_many(exported):
    script = runpy.run_path(str(exported["cnn"] / "model.py"))
    rows = np.load(exported["cnn"] / "rows.npy")
    assert script["predict_proba"](rows[:0]).shape == (0, 4)
    np.testing.assert_allclose(script["predict_proba"](rows[:250]), truth(exported["cnn"])[:250], atol=1e-5)
    with pytest.raises(ValueError, match=r"^an array of shape \(1000, 64\), expected \(rows, 8, 8\)$"):
        script["predict_proba"](rows.reshape(-1, 64))


@pytest.mark.slow
def test_nothing_is_pickled(exported):
    for folder in exported.values():
        for path in folder.rglob("model*"):
            content = path.read_bytes() if path.is_file() else b""
            assert b"pickle" not in content, path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "table"])
def test_float64_keeps_its_precision(name, tmp_path):
    folder = train(tmp_path, name, dtype="float64", activation="tanh")  # TensorFlow's gelu has only float32 accuracy
    script = runpy.run_path(str(export(folder / "run", "numpy-script", folder / "model.py")))
    shares = script["predict_proba"](np.load(folder / "rows.npy"))
    assert shares.dtype == np.float64
    np.testing.assert_allclose(shares, truth(folder), rtol=0, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "table"])
def test_other_precisions(name, dtype, tmp_path):
    folder = train(tmp_path, name, dtype=dtype)
    export_all(folder)
    formats = [to for to in READ if to in LIGHT], [to for to in READ if to not in LIGHT]
    for some in formats:
        read_again(tuple(some), folder)
    found = {to: np.load(folder / f"seen-{to}.npy") for to in READ}
    for seen in found.values():
        assert_same(seen, found["numpy-script"])
    difference = np.abs(found["keras"] - truth(folder)).max()
    assert difference < (1e-14 if dtype == "float64" else 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "mlp", "cnn"])
def test_mnist(model, tmp_path):
    data = ds.load("mnist")
    ds.train(data, model=model, epochs=1, out=tmp_path / "run")
    np.save(tmp_path / "rows.npy", data.test.inputs[:1_000])
    export_all(tmp_path)
    read_again(tuple(to for to in READ if to in LIGHT), tmp_path)
    read_again(("keras", "savedmodel"), tmp_path)
    for to in READ:
        assert_same(np.load(tmp_path / f"seen-{to}.npy"), truth(tmp_path))
