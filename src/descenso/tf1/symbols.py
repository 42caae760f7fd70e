"""Symbols of TensorFlow 1 that TensorFlow 2 does not have, and their replacements.

A symbol is a dotted name below `tensorflow`, "train.Saver"; () is the result of a call, "train.Saver().restore".
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from descenso.text import mark
from descenso.tf1.calls import ARGUMENTS, CALLS
from descenso.tf1.lesson import Lesson, lesson, named
from descenso.tf1.messages import MESSAGES

PACKAGES = ("app", "contrib", "estimator", "examples", "flags", "layers", "logging")  # removed with all that is in them
NO_V1 = ("contrib", "estimator", "examples", "layers")  # not in tf.compat.v1 either
OTHERS = {  # symbols with another form today, and without a lesson
    "Print": "tf.print(x)",
    "VERSION": "tf.__version__",
    "arg_max": "tf.argmax(x, axis)",
    "arg_min": "tf.argmin(x, axis)",
    "bincount": "tf.math.bincount(x)",
    "concat_v2": "tf.concat(values, axis)",
    "confusion_matrix": "tf.math.confusion_matrix(labels, predictions)",
    "count_nonzero": "tf.math.count_nonzero(x)",
    "div": "x / y",
    "gfile": "tf.io.gfile",
    "image.resize_images": "tf.image.resize(images, size)",
    "logging": "tf.get_logger()",
    "logging.set_verbosity": 'tf.get_logger().setLevel("ERROR")',
    "mul": "tf.multiply(x, y)",
    "multinomial": "tf.random.categorical(logits, count)",
    "neg": "tf.negative(x)",
    "nn.xw_plus_b": "tf.matmul(x, W) + b",
    "pack": "tf.stack(values)",
    "py_func": "tf.numpy_function(function, inputs, types)",
    "set_random_seed": "tf.random.set_seed(seed)",
    "sub": "tf.subtract(x, y)",
    "to_double": "tf.cast(x, tf.float64)",
    "to_float": "tf.cast(x, tf.float32)",
    **{f"to_{name}": f"tf.cast(x, tf.{name})" for name in ("int32", "int64")},
    "unpack": "tf.unstack(value)",
}
MOVED, GONE, ARGUMENT = named({
    "moved": lesson(
        mark("tf.{symbol} is written {instead} in TensorFlow 2."),
        mark("TensorFlow 2 keeps one name for each function: of log and math.log, the second."),
        "{instead}",
    ),
    "gone": lesson(
        mark("tf.{symbol} is not in TensorFlow 2; tf.compat.v1 still has it."),
        mark("It belongs to graphs and sessions, or was replaced. In tf.Graph().as_default(), tf.compat.v1 has it."),
        "tf.compat.v1.{symbol}",
    ),
    "argument": lesson(
        mark("The argument {symbol} has another name today: {instead}."),
        mark("TensorFlow 1 took the old name and the new one for some years; TensorFlow 2 takes the new one."),
        "total = tf.reduce_sum(x, axis=1, keepdims=True)\n"
        "thinned = tf.nn.dropout(x, rate=1 - 0.75)  # keep_prob=0.75",
        rf"unexpected keyword argument '(?P<symbol>{'|'.join(ARGUMENTS)})'",
    ),
})  # fmt: skip


class Replacement(NamedTuple):
    """Replacement of a removed symbol."""

    lesson: Lesson
    instead: str  # code, or a sentence marked for the catalogue


BY_CALL = {
    symbol: Replacement(lesson, instead) for lesson in (*CALLS, *MESSAGES) for symbol, instead in lesson.calls.items()
}


@lru_cache(maxsize=1)
def moved() -> dict[str, str]:
    """Return the names of tf.compat.v1 that tf does not have, with the name of the same object in tf, or "".

    `tests/tf1/gone.py` writes the file `symbols.txt` from the installed TensorFlow.
    """
    lines = (Path(__file__).parent / "symbols.txt").read_text(encoding="ascii").splitlines()
    return {old: new for old, _space, new in (line.partition(" ") for line in lines)}


def find(symbol: str) -> Replacement | None:
    """Return the replacement of `symbol`; None if TensorFlow 2 has it, or it never existed.

    >>> find("log").instead
    'tf.math.log'
    >>> find("math.log")
    """
    bare = symbol.removeprefix("compat.v1.")
    if bare != symbol and bare.partition(".")[0] not in NO_V1:
        return None
    if bare in BY_CALL:
        return BY_CALL[bare]
    if bare in OTHERS or moved().get(bare):
        return Replacement(MOVED, OTHERS.get(bare) or f"tf.{moved()[bare]}")
    package, _dot, rest = bare.partition(".")
    if rest and package in PACKAGES and ("()" not in rest or package == "examples"):
        return find(package)
    if bare in moved():
        return Replacement(GONE, f"tf.compat.v1.{bare}")
    method = f"().{bare.rpartition('().')[2]}"
    return BY_CALL.get(method) if "()." in bare else None
