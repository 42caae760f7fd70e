"""Run one contender: for each line of standard input train an epoch, and answer with a line of JSON."""

import json
import math
import os
import sys
from importlib import import_module

from _contenders import CONTENDERS, GEMM, REFERENCE

__all__: list[str] = []


def serve(name: str, epochs: int) -> None:
    """Answer until standard input ends. Output of libraries goes to standard error, not among the answers."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    contender = {**CONTENDERS, "gemm": GEMM, "reference": REFERENCE}[name]
    if contender.as_it_comes:
        import_module("tensorflow")  # before descenso, which turns oneDNN on

    from _work import Clock, Rows, orders

    clock = Clock()
    walk = contender.walk()(Rows.load(), iter(orders(epochs, contender.model)), clock)
    for _ in sys.stdin:
        cost = next(walk)
        answer = {"seconds": clock.seconds, "cost": cost if math.isfinite(cost) else None}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
