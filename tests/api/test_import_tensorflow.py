"""TensorFlow is imported without Keras, which is there for whoever asks for it later, or has before."""

import subprocess
import sys

import pytest

from samples import tiny_dataset, write_folder

TRAINED = """
import sys
import descenso as ds

settings = dict(engine="eager", epochs=1, batch_size=50)
ds.train(sys.argv[1], model="softmax", out="softmax", **settings)
assert "tensorflow" in sys.modules
loaded = [name for name in sys.modules if name.partition(".")[0] in ("keras", "tf_keras")]
assert not loaded, loaded
"""
LATER = """
import tensorflow as tf

assert tf.keras.__version__.startswith("3."), tf.keras.__version__
import keras
from tensorflow.keras.layers import Dense

assert tf.keras.Sequential is keras.Sequential
assert Dense is keras.layers.Dense is tf.keras.layers.Dense
assert tf.optimizers.Adam is keras.optimizers.Adam
model = tf.keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), Dense(4)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
run = ds.train(sys.argv[1], model=model, out="own", **settings)
assert ds.train(sys.argv[1], model="mlp", hidden="5", out="mlp", **settings).outcome == run.outcome == "completed"
"""
BEFORE = """
import sys
import {module}
from descenso.api.train import import_tensorflow

before = dict(sys.modules)
import_tensorflow()
assert dict(sys.modules) == before
"""


def run(code, *arguments, cwd):
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_training_softmax_imports_no_keras_and_keras_works_afterwards(tmp_path):
    folder = write_folder(tmp_path / "tiny", tiny_dataset())
    run(TRAINED + LATER, str(folder), cwd=tmp_path)


@pytest.mark.parametrize("module", ["tensorflow", "keras"])
def test_nothing_changes_where_one_of_them_is_imported(module, tmp_path):
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text("")
    run(BEFORE.format(module=module), cwd=tmp_path)


@pytest.mark.parametrize(
    "begins", ["import keras.src.optimizers", "try:\n    import keras.src.optimizers\nfinally:\n    pass"]
)
def test_a_tensorflow_that_needs_keras_is_imported_with_it(begins, tmp_path):
    """Made-up packages: one stands for a version of TensorFlow that does not do without."""
    for package in ("tensorflow", "keras", "keras/src"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "keras" / "src" / "optimizers.py").write_text("")
    (tmp_path / "tensorflow" / "__init__.py").write_text(begins)
    code = "import sys; from descenso.api.train import import_tensorflow; import_tensorflow(); "
    run(code + "assert sys.modules['keras.src.optimizers'] is sys.modules['keras'].src.optimizers", cwd=tmp_path)


def test_an_environment_without_tensorflow_says_so(tmp_path):
    (tmp_path / "tensorflow.py").write_text("import a_library_that_is_missing")
    code = """
import sys
from descenso.api.train import import_tensorflow
try:
    import_tensorflow()
except ModuleNotFoundError as error:
    assert error.name == "a_library_that_is_missing", error
else:
    raise AssertionError
assert "keras.src.optimizers" not in sys.modules
"""
    run(code, cwd=tmp_path)
