"""Values that are read from a script: symbols, and nodes of a graph of operations."""

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
    """Result of a call or an operation.

    `op` is the sign of the operator, the last part of a TensorFlow name, ".name" for an attribute or a method (whose
    object is the first argument), "[]", "row" for the variable of a loop, or "?" if it cannot be read.
    """

    op: str
    place: Place
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    symbol: str = ""  # full TensorFlow name
    written: ast.AST | None = None  # expression, for messages


class Event(NamedTuple):
    """A call or a subtraction, in the order of the script."""

    node: Node  # its result
    loops: tuple[Any, ...]  # iterables of the surrounding loops, outermost first
    traced: bool  # whether it is in a @tf.function


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number of usual size."""
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() <= MOST_BITS
    return isinstance(value, float) and math.isfinite(value)
