"""TensorFlow is imported without Keras, h5py and SciPy, which can be imported later, or before."""

import os
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
loaded = [name for name in sys.modules if name.partition(".")[0] in ("keras", "tf_keras", "h5py", "scipy")]
assert not loaded, loaded
"""
LATER = """
import h5py, scipy.sparse
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


@pytest.mark.slow
def test_training_softmax_imports_no_keras_and_keras_works_afterwards(tmp_path):
    folder = write_folder(tmp_path / "tiny", tiny_dataset())
    run(TRAINED + LATER, str(folder), cwd=tmp_path)


@pytest.mark.parametrize("module", ["tensorflow", "keras"])
def test_nothing_changes_where_one_of_them_is_imported(module, tmp_path):
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text("")
    run(BEFORE.format(module=module), cwd=tmp_path)


@pytest.mark.parametrize(
    "begins",
    ["import scipy", "import keras.src.optimizers", "try:\n    import keras.src.optimizers\nfinally:\n    pass"],
)
def test_a_tensorflow_that_needs_one_of_them_is_imported_with_it(begins, tmp_path):
    """Dummy packages stand for a version of TensorFlow that cannot be imported without one of them."""
    for package in ("tensorflow", "scipy", "keras", "keras/src"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "keras" / "src" / "optimizers.py").write_text("")
    (tmp_path / "tensorflow" / "__init__.py").write_text(f"{begins}\nbegun = True")
    code = "import sys; from descenso.api.train import import_tensorflow; import_tensorflow(); "
    run(code + "assert sys.modules['tensorflow'].begun and None not in sys.modules.values()", cwd=tmp_path)


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


CHATTER = 'import os; os.write(2, b"chatter")'
IMPORTS = "import descenso, {module}; assert 'tensorflow' in __import__('sys').modules"


@pytest.mark.parametrize("module", ["tensorflow", "keras"])
@pytest.mark.parametrize(
    ("level", "said"), [(None, ""), ("3", ""), ("0", "chatter")], ids=["by default", "as by default", "asked for"]
)
def test_an_import_after_descenso_says_nothing(module, level, said, tmp_path):
    """Also if Keras imports TensorFlow, an import that descenso does not start."""
    write_package(tmp_path / "tensorflow", CHATTER)
    write_package(tmp_path / "keras", "import tensorflow")
    assert ended(IMPORTS.format(module=module), tmp_path, level=level).stderr == said


def test_an_import_that_fails_says_all(tmp_path):
    write_package(tmp_path / "tensorflow", f"{CHATTER}; import a_library_that_is_missing")
    stopped = ended("import descenso, tensorflow", tmp_path)
    assert stopped.stderr.startswith("chatter")
    assert "ModuleNotFoundError: No module named 'a_library_that_is_missing'" in stopped.stderr


def test_looking_for_tensorflow_imports_nothing(tmp_path):
    write_package(tmp_path / "tensorflow", CHATTER)
    looks = "import descenso, sys; from importlib.util import find_spec; assert find_spec('tensorflow').name"
    assert ended(f"{looks}; assert 'tensorflow' not in sys.modules; import tensorflow", tmp_path).stderr == ""
    assert ended(f"{looks}; assert find_spec('tensorflow.absent') is None", tmp_path).stderr == ""


PRESSED = """
import sys
from descenso.training.display import starting
try:
    with starting():
        import tensorflow
except KeyboardInterrupt:
    print("interrupted", "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize(("times", "whole"), [(1, True), (2, False)])
def test_one_ctrl_c_does_not_tear_the_import_and_a_second_one_ends_it(times, whole, tmp_path):
    press = "import signal\n" + "signal.raise_signal(signal.SIGINT)\n" * times
    write_package(tmp_path / "tensorflow", press)
    stopped = ended(PRESSED, tmp_path)
    assert (stopped.stdout, stopped.stderr) == (f"interrupted {whole}\n", "")


def write_package(folder, code):
    folder.mkdir()
    (folder / "__init__.py").write_text(code)


def ended(code, folder, level=None):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
