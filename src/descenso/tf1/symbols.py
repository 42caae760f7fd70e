"""Symbols of TensorFlow 1 that TensorFlow 2 does not have, and their replacements.

A symbol is a dotted name below `tensorflow`, "train.Saver"; () is the result of a call, "train.Saver().restore".
"""

from collections.abc import Mapping
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
    "concat_v2": "tf.concat(values, axis)",
    "div": "x / y",
    "gfile": "tf.io.gfile",
    "logging": "tf.get_logger()",
    "logging.set_verbosity": 'tf.get_logger().setLevel("ERROR")',
    "mul": "tf.multiply(x, y)",
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
MOVED, GONE, ARGUMENT, ORDER = named({
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
    "order": lesson(
        mark("The arguments of this function have another order than in TensorFlow 1: give them by name."),
        mark("By position, one is taken for another, often without an error: in_top_k took predictions first, and "
             "takes targets first."),
        "logits = tf.matmul(x, W) + b\n"
        "correct = tf.nn.in_top_k(predictions=logits, targets=labels, k=1)\n"
        "costs = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)",
    ),
})  # fmt: skip


class Replacement(NamedTuple):
    """Replacement of a removed symbol."""

    lesson: Lesson
    instead: str  # code, or a sentence marked for the catalogue


BY_CALL = {
    symbol: Replacement(lesson, instead) for lesson in (*CALLS, *MESSAGES) for symbol, instead in lesson.calls.items()
}


class Arguments(NamedTuple):
    """How TensorFlow 1 called a function that is still there."""

    today: Mapping[str, str]  # by the old name, in the old order: the name today, "" for an argument that is gone
    kept: int  # how many of them have the same position today


@lru_cache(maxsize=1)
def _listed() -> tuple[dict[str, str], dict[str, Arguments]]:
    """Return what `symbols.txt` lists: new names of symbols by old ones, and the changed arguments of functions.

    `tests/tf1/gone.py` writes the file from the installed TensorFlow, and says how to read it.
    """
    names, arguments = {}, {}
    for line in (Path(__file__).parent / "symbols.txt").read_text(encoding="ascii").splitlines():
        symbol, bracket, listed = line.rstrip(")").partition("(")
        if bracket:
            before, _bar, after = (part.split() for part in listed.partition("|"))
            pairs = [one.partition(":") for one in (*before, *after)]
            today = {old: new if colon else old for old, colon, new in pairs}
            arguments[symbol] = Arguments(today, len(before))
        else:
            old, _space, new = line.partition(" ")
            names[old] = new
    return names, arguments


def moved() -> dict[str, str]:
    """Return the names of TensorFlow 1 that tf does not have, with the name in tf of the same function, or ""."""
    return _listed()[0]


def changed_arguments(symbol: str) -> Arguments | None:
    """Return how TensorFlow 1 called `symbol`, where TensorFlow 2 has it and takes its arguments otherwise.

    >>> changed_arguments("nn.in_top_k").kept
    0
    """
    return _listed()[1].get(symbol)


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
    package, dot, _rest = bare.partition(".")
    if dot and package in PACKAGES and ("()" not in bare or package == "examples"):
        return find(bare.rpartition(".")[0])
    if bare in moved():
        return Replacement(GONE, f"tf.compat.v1.{bare}")
    method = f"().{bare.rpartition('().')[2]}"
    return BY_CALL.get(method) if "()." in bare else None
