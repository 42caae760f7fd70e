"""What was read of a script: numbers, texts, and nodes that say how a tensor is made."""

import ast
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from descenso.tf1.source import Place

MOST_BITS = 48  # of a whole number


class Symbol(NamedTuple):
    """A name below `tensorflow`, "nn.relu"."""

    name: str


@dataclass(eq=False, slots=True)
class Node:
    """What a call or an operation gives.

    Attributes:
        op: an operator's sign, the last part of a TensorFlow name, ".name" of an attribute or a method (whose object is
            the first argument), "[]", "row" of what is looped over, or "?" for what cannot be read.
        place: where it stands.
        args, keywords: values.
        symbol: the whole TensorFlow name.
        written: the expression, to be shown.
    """

    op: str
    place: Place
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    symbol: str = ""
    written: ast.AST | None = None


class Event(NamedTuple):
    """A call or a difference, in the order of the script.

    Attributes:
        node: what it gives.
        loops: what is looped over around it, outermost first.
        traced: whether it stands in a @tf.function.
    """

    node: Node
    loops: tuple[Any, ...]
    traced: bool


def is_number(value: Any) -> bool:
    """Whether `value` is a number that was read, of a usual size."""
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() <= MOST_BITS
    return isinstance(value, float) and math.isfinite(value)
