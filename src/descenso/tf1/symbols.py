"""TensorFlow 1's names that TensorFlow 2 has not, and what stands in their place.

A symbol is a dotted name below `tensorflow`, "train.Saver"; () stands for what a call gave, "train.Saver().restore".
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from descenso.text import mark
from descenso.tf1.calls import CALLS
from descenso.tf1.lesson import Lesson
from descenso.tf1.runtime import RUNTIME

PACKAGES = ("app", "contrib", "examples", "flags", "layers", "logging")  # gone with all that is in them
NO_V1 = ("contrib", "examples", "layers")  # which tf.compat.v1 has not either
OTHERS = {  # what has another form today, and no lesson of its own
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
    "to_int32": "tf.cast(x, tf.int32)",
    "to_int64": "tf.cast(x, tf.int64)",
    "unpack": "tf.unstack(value)",
}
MOVED = Lesson(
    "moved",
    mark("tf.{symbol} is written {instead} in TensorFlow 2."),
    mark("TensorFlow 2 tidied its names, and has one for each thing: of log and math.log, say, it kept the second."),
    "{instead}",
)  # fmt: skip
GONE = Lesson(
    "gone",
    mark("tf.{symbol} is not in TensorFlow 2; tf.compat.v1 still has it."),
    mark("It belongs to graphs and sessions, or something better took its place. Under tf.compat.v1 it works within "
         "tf.Graph().as_default()."),
    "tf.compat.v1.{symbol}",
)  # fmt: skip
ARGUMENT = Lesson(
    "argument",
    mark("The argument {symbol} has another name today: {instead}."),
    mark("TensorFlow 1 took the old name and the new one for some years; TensorFlow 2 takes the new one."),
    "total = tf.reduce_sum(x, axis=1, keepdims=True)\nthinned = tf.nn.dropout(x, rate=1 - 0.75)  # keep_prob=0.75",
    (
        r"unexpected keyword argument '(?P<symbol>keep_dims|reduction_indices|dimension|dim|concat_dim|squeeze_dims|"
        r"keep_prob)'",
    ),
)
BY_CALL = {symbol: (lesson, instead) for lesson in (*CALLS, *RUNTIME) for symbol, instead in lesson.calls.items()}


class Found(NamedTuple):
    """A symbol that is gone.

    Attributes:
        lesson: what there is to say of it.
        instead: what stands in its place: code, or a sentence that is marked for the catalogue.
    """

    lesson: Lesson
    instead: str


@lru_cache(maxsize=1)
def moved() -> dict[str, str]:
    """Each name of tf.compat.v1 that tf has not, with the one that tf has for the very same; "" where it has none.

    `tests/tf1/gone.py` writes the file anew from the TensorFlow that is installed.
    """
    lines = (Path(__file__).parent / "symbols.txt").read_text(encoding="ascii").splitlines()
    return {old: new for old, _space, new in (line.partition(" ") for line in lines)}


def find(symbol: str) -> Found | None:
    """What is known of `symbol`; None for one that TensorFlow 2 has, or that nobody ever had.

    >>> find("log").instead
    'tf.math.log'
    >>> find("math.log")
    """
    bare = symbol.removeprefix("compat.v1.")
    if bare != symbol and bare.partition(".")[0] not in NO_V1:
        return None
    if bare in BY_CALL:
        return Found(*BY_CALL[bare])
    if bare in OTHERS or moved().get(bare):
        return Found(MOVED, OTHERS.get(bare) or f"tf.{moved()[bare]}")
    package, _dot, rest = bare.partition(".")
    if rest and package in PACKAGES and ("()" not in rest or package == "examples"):
        return find(package)
    if bare in moved():
        return Found(GONE, f"tf.compat.v1.{bare}")
    method = f"().{bare.rpartition('().')[2]}"
    return Found(*BY_CALL[method]) if "()." in bare and method in BY_CALL else None
