"""Pieces of the scripts that `port --out` writes, in code that imports nothing of descenso."""

from descenso.text import _, mark

OLD = "import tensorflow.compat.v1 as _v1\n"
GRAPHS = "_v1.disable_v2_behavior()\n"
CONTRIB = """\
import types as _types

_v1.contrib = _types.SimpleNamespace(layers=_contrib())
"""
LOADED = """\
_data = _input_data()
if _data.MNIST:
    import keras as _keras
    import tensorflow as _tf

    def _load_data(path="mnist.npz"):
        images, labels, test_images, test_labels = _data._arrays("", "")
        return (images[..., 0], labels), (test_images[..., 0], test_labels)

    _tf.keras.datasets.mnist.load_data = _keras.datasets.mnist.load_data = _load_data
"""
FIGURES = """\
import pathlib as _pathlib

import matplotlib as _matplotlib

_matplotlib.use("Agg")
import matplotlib.pyplot as _pyplot

_figures = []


def _save_figures(*_words, **_options):
    # %s
    folder = _pathlib.Path(__file__).with_name(_pathlib.Path(__file__).stem + "-figures")
    for number in _pyplot.get_fignums():
        folder.mkdir(exist_ok=True)
        _figures.append(folder / f"figure-{len(_figures) + 1}.png")
        _pyplot.figure(number).savefig(_figures[-1])
        print("figure:", _figures[-1])
        _pyplot.close(number)


_pyplot.show = _save_figures
"""
SHOW = """\
def _show(value):
    # %s
    if value is not None:
        print(repr(value))
"""
DISPLAY = """\
def display(*values):
    # %s
    print(*values, sep="\\n")
"""


COMMENTS = {
    FIGURES: mark("Save the figures as figure-1.png … in a folder beside this script, and close them."),
    SHOW: mark("Print the value of a cell's last line, as a notebook does."),
    DISPLAY: mark("Print values, which a notebook shows."),
}
MODULES = {  # of `running`, as functions of a script
    "input_data": mark("Read MNIST as the helper of TensorFlow 1's tutorials did; MNIST=FOLDER names its files."),
    "layers": mark("Functions of tf.layers, which TensorFlow no longer has with Keras 3."),
    "contrib": mark("Functions of tf.contrib.layers that the functions of tf.layers can stand for."),
}


def commented(code: str) -> str:
    """Return a piece with its comment, in the language in use."""
    return code.replace("%s", _(COMMENTS[code]), 1)
