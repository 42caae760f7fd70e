"""Seconds an epoch on MNIST takes, on descenso's engines and elsewhere, side by side.

    python benchmarks/epoch.py                softmax regression
    python benchmarks/epoch.py --model mlp    or cnn: the networks of descenso, but with Adam at one rate and no dropout

Each contender runs in a separate process that stays alive. In each round the contenders train in turn: one epoch,
or up to five if an epoch is short. Each round begins with another contender. The epoch in which a contender sets up,
traces and compiles comes before the rounds and is not measured. All train on the same batches, so their costs are
compared with those of a reference in float64 NumPy, or with layers with Keras's: a contender whose costs differ is
marked, and the exit code is 1.

Keras and the article's program run on TensorFlow's defaults, which have oneDNN off on processors without AVX-512;
descenso turns it on, and so do the rows that say so.

The measured time is that of the library's own loop over an epoch. Contenders that are given row numbers gather the rows
in that time; contenders that are given whole arrays (Keras, JAX's scan, scikit-learn) get them in order already.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _contenders import COMPILED, CONTENDERS
from _gemm import EPOCH_GFLOP, GEMM_GFLOP
from _race import FallenError, costs_alone, most_epochs, race, threads
from _report import Result, heading, markdown, verdict
from _work import CONFIGS

__all__ = ["main"]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(model: str, names: Sequence[str], rounds: int) -> tuple[list[Result], list[Result], list[float]]:
    """Measure `names` and the bare matrix product; return results, floors, and the costs of the reference."""
    say("walking the reference")
    reference = (
        costs_alone("reference", most_epochs(rounds)) if model == "softmax" else costs_alone(f"keras-{model}", 1)
    )
    entries = {name: (name, dict[str, str]()) for name in names}
    counts = sorted({1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1})
    products = {f"matrix products, threads: {count}": count for count in counts}
    walked = race(entries | {name: ("gemm", threads(count)) for name, count in products.items()}, rounds, say)
    results = [
        Result.of(CONTENDERS[name].label, walked[name], CONTENDERS[name].precision, CONTENDERS[name].exempt)
        for name in names
    ]
    floors, gflop = [], EPOCH_GFLOP[model]
    for name, count in products.items():
        floor = Result("", [each.seconds * gflop / GEMM_GFLOP for each in walked[name][1:]], [], "float32", "")
        rate = f"{gflop:.2f} GFLOP at {gflop / floor.median:.0f} GFLOP/s"
        floors.append(floor._replace(label=f"arithmetic floor: {rate}, threads: {count}"))
    return results, floors, reference


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--model", choices=CONFIGS, default="softmax", help="what descends [default: softmax]")
    made.add_argument("--rounds", type=int, default=15, help="turns of each contender [default: 15]")
    made.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="NAME", help=f"of {', '.join(CONTENDERS)}")
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there as well")
    return made


def main(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    if given.rounds < 1:
        parser().error(f"--rounds must be at least 1, got {given.rounds}")
    head = heading(["python", "benchmarks/epoch.py", *arguments])
    model, those = given.model, given.only or CONTENDERS
    chosen = [name for name, each in CONTENDERS.items() if each.model == model and name in those]
    names = [name for name in chosen if CONTENDERS[name].installed]
    absent = [CONTENDERS[name].label for name in chosen if name not in names]
    try:
        results, floors, reference = measure(model, names, given.rounds)
    except FallenError as error:
        say(str(error))
        return 2
    compiled = next((result for result in results if result.label.startswith(COMPILED) and not result.exempt), None)
    unit = compiled.median if compiled else 0.0
    print(*head, "", *markdown(results, floors, absent, reference, unit, given.rounds), sep="\n")
    if given.json:
        whole: dict[str, Any] = {"about": head, "reference_costs": reference, "not_installed": absent}
        whole |= {"contenders": [each._asdict() for each in results], "floors": [each._asdict() for each in floors]}
        given.json.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(verdict(result, reference)[0] for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
