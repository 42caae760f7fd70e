"""`descenso port --out`: scripts for plain TensorFlow 2; their text, and runs of them in a plain Python."""

import ast
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tokenize

import pytest

import programs
import scripts
from command import run
from descenso.data import named
from descenso.errors import ConfigError, DiskError
from descenso.text import use
from descenso.tf1.program import read_programs
from descenso.tf1.rewrite import write_script
from test_run_programs import DIGITS, write_notebook


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(here, text, name="old.py"):
    """Port a program with `--out`; return the script and the output."""
    (here / name).write_text(text, encoding="utf-8")
    ended = run("port", name, "--out", "new.py")
    assert ended.exit_code == 0, ended.output
    return (here / "new.py").read_text(encoding="utf-8"), ended.output


def test_imports_are_those_of_compat_v1(here):
    old = (
        "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n'''Told: ñ.'''\nfrom __future__ import division\n"
        "import tensorflow as tf, numpy as np; import tensorflow\n"
        "from tensorflow import placeholder, Session as S\nfrom tensorflow.train import (\n    Saver,\n)\n"
        "import tensorflow.losses as L\nimport tensorflow.keras as K\nfrom tensorflow.python.framework import ops\n"
        "if tf:\n    from tensorflow.examples.tutorials.mnist import input_data as d\n"
        "from tensorflow.contrib.learn.python.learn.datasets.mnist import read_data_sets\n"
        "ñ = tf.placeholder(tf.float32)  # ñ\n"
    )
    (here / "old.py").write_bytes(old.encode("latin-1"))
    assert run("port", "old.py", "--out", "new.py").exit_code == 0
    text = (here / "new.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[:4] == [
        "#!/usr/bin/env python", "# -*- coding: utf-8 -*-", "'''Told: ñ.'''", "from __future__ import division",
    ]  # fmt: skip
    assert lines[4] == "# Written by `descenso port` from old.py, for TensorFlow 2."
    assert text[text.index("\npass\n") :] == (
        "\npass\nimport tensorflow.compat.v1 as tf; import numpy as np; import tensorflow.compat.v1 as tensorflow\n"
        "from tensorflow.compat.v1 import placeholder, Session as S\nfrom tensorflow.compat.v1.train import Saver\n\n\n"
        "L = _v1.losses\nimport tensorflow.keras as K\nfrom tensorflow.python.framework import ops\n"
        "if tf:\n    d = _input_data()\nread_data_sets = _input_data().read_data_sets\n"
        "ñ = tf.placeholder(tf.float32)  # ñ\n"
    )
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert "_layers" not in names
    assert "descenso" not in text.replace("`descenso port`", "")


def test_contrib_and_colab_in_a_script(here):
    old = "from tensorflow.contrib.layers import xavier_initializer as start, flatten\nimport google.colab\n"
    text, said = written(here, old)
    assert "\nstart = _v1.contrib.layers.xavier_initializer; flatten = _v1.contrib.layers.flatten\n" in text
    assert "def _contrib():" in text
    assert "new.py: google.colab is not outside of Colab; replace what is read through it\n" in said


def test_cells_in_their_order_without_magics(here):
    cells = [
        "%matplotlib inline\nfrom __future__ import print_function\nimport matplotlib.pyplot as plt",
        "if True:\n    %time plt.plot([1])\n    !ls\nget_ipython().magic('x')\nplt.ylabel(\n  'ñ')",
        "%%bash\nls",
        "files = !ls\nfiles, 2",
        "3;",
    ]
    write_notebook(here / "old.ipynb", *cells)
    ended = run("port", "old.ipynb", "--out", "new.py")
    assert "descenso: old.ipynb: cell 2, line 3 is left out: !ls\n" in ended.output
    text = (here / "new.py").read_text(encoding="utf-8")
    assert text[text.index("# cell 1") :] == (
        "# cell 1\n# %matplotlib inline\npass\nimport matplotlib.pyplot as plt\n_save_figures()\n\n"
        "# cell 2\nif True:\n    plt.plot([1])  # %time\n    pass  # !ls\npass\n_show(plt.ylabel(\n  'ñ'))\n"
        "_save_figures()\n\n# cell 3\n# %%bash\n# ls\n\n# cell 4\nfiles = None  # files = !ls\n_show((files, 2))\n\n"
        "# cell 5\n3;\n\n_save_figures()\n"
    )
    assert text.startswith("from __future__ import print_function\n# Written by")
    assert "compat" not in text


def test_a_program_for_tensorflow_2_stays_one(here):
    text, _said = written(here, scripts.TAPE)
    assert text.startswith("# Written by `descenso port` from old.py, for TensorFlow 2.\n")
    assert text.endswith("\n\n" + scripts.TAPE)  # unchanged, after the code that reads MNIST offline
    assert "compat.v1.Session" not in text


def test_modules_beside_it_are_named(here):
    (here / "network").mkdir()
    (here / "network" / "deep.py").write_text("import tensorflow as tf\ntf.Session()\nimport old")
    _text, said = written(here, "from network.deep import x\nimport numpy")
    assert "new.py: network/deep.py is imported as it is; if it needs TensorFlow 1, port it, too\n" in said


def test_what_it_refuses(here):
    (here / "old.py").write_text("x = 1")
    (here / "new.py").write_text("kept")
    with pytest.raises(ConfigError, match=r"^new.py is there already, and is not replaced; give another name$"):
        run("port", "old.py", "--out", "new.py")
    assert (here / "new.py").read_text() == "kept"
    with pytest.raises(DiskError, match=r"^no/new.py cannot be written \(No such file or directory\)$"):
        run("port", "old.py", "--out", "no/new.py")
    (here / "both.py").write_text("%tensorflow_version 1.x\nx = 1\n%tensorflow_version 2.x\nx = 2\n")
    with pytest.raises(ConfigError, match=r"^both.py: programs for both versions of TensorFlow .* a file of its own$"):
        run("port", "both.py", "--out", "another.py")
    (here / "dead.py").write_text("import tensorflow as tf\ntf.Session()\ntf.contrib.learn\n")
    ended = run("port", "dead.py", "--out", "another.py", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["cannot_work"][0]["line"]) == (1, 3)
    assert not (here / "another.py").exists()
    ended = run("port", "dead.py", "--out", "another.py", "--json", "--anyway")
    assert json.loads(ended.stdout) == {"file": "dead.py", "out": "another.py", "notes": []}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["contrib", "layers", "saver", "iterators", "tutorial"])
def test_it_runs_in_a_plain_python(name, here):
    text = {**programs.PROGRAMS, "tutorial": scripts.SOFTMAX.replace("epochs = 100", "epochs = 1")}[name]
    written(here, text + "\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('ended')\n")
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    block = "import sys; sys.modules['descenso'] = None; import runpy; runpy.run_path('new.py', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", block], env={**plain, "MNIST": str(DIGITS)}, capture_output=True,
                           encoding="utf-8", check=False)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "ended"
    assert re.search(r"^figure: .*new-figures/figure-1.png$", ended.stdout, re.MULTILINE)
    assert (here / "new-figures" / "figure-1.png").is_file()
    if name == "tutorial":
        assert float(re.search(r"\[0\] cost: (.*)", ended.stdout)[1]) == pytest.approx(1.184, abs=4e-3)


LOADS = """
from tensorflow.keras.datasets import mnist
import tensorflow as tf

for load in (mnist.load_data, tf.keras.datasets.mnist.load_data):
    (x, y), (x_test, y_test) = load()
    print(x.shape, x.dtype, y.shape, x_test.shape, y_test.shape)
"""


@pytest.mark.slow
def test_a_script_with_the_data_of_keras_reads_the_folder_that_mnist_names(tmp_path):
    (tmp_path / "old.py").write_text(LOADS)
    notes = write_script(tmp_path / "old.py", read_programs(tmp_path / "old.py"), tmp_path / "new.py")
    assert any(f"MNIST={shlex.quote(str(named.BUNDLED))} python {tmp_path / 'new.py'}" in note for note in notes)
    environment = {**os.environ, "MNIST": str(named.BUNDLED), "KERAS_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "new.py"], cwd=tmp_path, env=environment, capture_output=True, text=True,
                           check=False)  # fmt: skip
    assert ended.stdout == "(60000, 28, 28) uint8 (60000,) (10000, 28, 28) (10000,)\n" * 2, ended.stderr


def test_comments_of_a_script_are_in_the_language_in_use(tmp_path):
    (tmp_path / "old.py").write_text("import input_data\nimport matplotlib.pyplot as plt\n" + LOADS)
    use("es")
    write_script(tmp_path / "old.py", read_programs(tmp_path / "old.py"), tmp_path / "new.py")
    text = (tmp_path / "new.py").read_text(encoding="utf-8")
    words = {word for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
             for word in token.string.lower().split()}  # fmt: skip
    assert not words & {"the", "of", "as", "and", "is"}
    assert "Lee MNIST" in text
    assert ast.get_docstring(ast.parse(text)) is None
