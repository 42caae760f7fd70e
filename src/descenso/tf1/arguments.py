"""Calls of TensorFlow 1 whose function is still there and takes its arguments otherwise."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from descenso.tf1.calls import ARGUMENTS, NOTHING, SUMMARIES
from descenso.tf1.symbols import ARGUMENT, ORDER, changed_arguments

BEFORE_1 = {"concat": ("axis", "values"), "split": ("axis", "num_or_size_splits", "value")}  # an axis came first
LONGEST = 24  # characters of an argument that a replacement shows


class Change(NamedTuple):
    """What a call means otherwise today."""

    argument: str  # "keep_dims"; "…" for the order of all
    instead: str  # code, or a sentence marked for the catalogue
    lesson: str


def changes(symbol: str, call: ast.Call) -> Iterator[Change]:
    """Yield what TensorFlow 2 takes otherwise in a `call` of `symbol`, which it has, written for TensorFlow 1."""
    names = [keyword.arg for keyword in call.keywords if keyword.arg]
    if "lr" in names and symbol.startswith("keras.optimizers."):
        yield Change("lr", "learning_rate", "optimizer-argument")
    if symbol in SUMMARIES and "step" not in names and len(call.args) < 3:
        yield Change("step", f"tf.{symbol}(name, data, step=step)", "summary")
    if symbol in BEFORE_1 and call.args and _is_number(call.args[0]):
        yield Change("…", _named(symbol, BEFORE_1[symbol], call), ORDER.name)
    known = changed_arguments(symbol)
    if not known or not set(names) <= set(known.today):  # with an argument of version 2: written for it
        return
    for name in names:
        if known.today[name] != name:
            yield Change(name, ARGUMENTS.get(name) or known.today[name] or NOTHING, ARGUMENT.name)
    if symbol == "nn.dropout" and len(call.args) > 1:  # its position is that of the rate today
        yield Change("keep_prob", ARGUMENTS["keep_prob"], ARGUMENT.name)
    elif len(call.args) > known.kept:
        yield Change("…", _named(symbol, list(known.today.values()), call), ORDER.name)


def _is_number(node: ast.expr) -> bool:
    try:
        return isinstance(ast.literal_eval(node), int)
    except ValueError:
        return False


def _named(symbol: str, names: Sequence[str], call: ast.Call) -> str:
    """Return the call with the arguments that are given by position given by name."""
    written = [(name, ast.unparse(node)) for name, node in zip(names, call.args, strict=False) if name]
    short = [f"{name}={source if len(source) <= LONGEST else '…'}" for name, source in written]
    return f"tf.{symbol}({', '.join(short)})"
