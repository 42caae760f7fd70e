"""Time a step of several workers against one of a single process, and predict that of many.

Run: python benchmarks/workers.py [--only softmax,mlp,cnn,arithmetic,reduce] [--rounds 5] [--minutes 15]
     [--batch 1000] [--network 1gbit,100us] [--save measured.json] [--load measured.json] [--picture docs/scaling.png]

- softmax, mlp, cnn: a step on a batch of the model's default size or of `--batch` rows, by one process on all
  cores (engine compiled); by two workers of half the cores each (engine workers); by two processes of half the cores
  each, which take half the batch each and exchange nothing; and, of the workers' step, the all-reduce alone, of as many
  floats. The processes stay alive and take turns, round by round; each round begins with another one.
- arithmetic: a step of one process on all cores, on batches of 1 to 10,000 rows.
- reduce: all-reduces alone, of 4 KB to 4 MB, by 2 and by 4 workers.

Workers are on the loopback device of this machine, and for each `--network`, on one of that bandwidth and delay (one
way), which a process emulates between network namespaces of Linux (`_network.py`; it needs root, and leaves nothing
behind). From all this, the formula of docs/scaling.md is fitted, and the time of a step of more workers predicted.
Ratios are comparable between machines, milliseconds are not. A process that ends or is stuck ends the benchmark.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from _formula import LOCAL, Measured
from _group import Group
from _network import Network, NetworkError, Shape
from _race import FallenError
from _report import heading
from _scaling import report
from descenso.engines.isolation import isolate

MODELS = ("softmax", "mlp", "cnn")
PARTS = (*MODELS, "arithmetic", "reduce")
TURN_SECONDS, FEWEST, MOST = 1.0, 3, 20_000  # of a turn, about; steps of it
ROWS = {"softmax": (1, 10, 100, 1000, 10000), "mlp": (1, 10, 100, 1000, 10000), "cnn": (1, 10, 100, 1000)}
FLOATS, MOST_WORKERS = (1_000, 10_000, 100_000, 1_000_000), 4


def turns(entries: Mapping[str, Callable[[int], float]], rounds: int, until: float) -> Measured:
    """Call each entry once a round with a number of steps; return the seconds of a step that each told.

    Args:
        entries: functions of a number of steps, which return the seconds that these took.
        rounds: how many; after the first round, only what ends in time by its slowest turn is measured again.
        until: the time to end.
    """
    told: Measured = {name: [] for name in entries}
    steps, slowest = dict[str, int](), dict[str, float]()
    for name, entry in entries.items():  # the first steps warm up, and say how many make a turn
        entry(FEWEST)
        steps[name] = max(FEWEST, min(MOST, int(TURN_SECONDS * 2 * FEWEST / entry(2 * FEWEST))))
        slowest[name] = 0.0
    for turn in range(rounds):
        names = list(entries)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            then = time.monotonic()
            if turn == 0 or then + slowest[name] < until:
                told[name].append(entries[name](steps[name]) / steps[name])
                slowest[name] = max(slowest[name], time.monotonic() - then)
    for name, seconds in told.items():
        print(f"  {name:42} {milliseconds(seconds)}, {steps[name]} steps a turn", flush=True)
    return told


def milliseconds(seconds: Sequence[float]) -> str:
    """Show the median and the spread."""
    least, middle, most = (1e3 * each for each in (min(seconds), median(seconds), max(seconds)))
    return f"{middle:.3g} ms ({least:.3g} to {most:.3g}, {len(seconds)} turns)"


def walking(group: Group) -> Callable[[int], float]:
    return lambda steps: float(group.call(what="walk", steps=steps)["seconds"])


def reducing(group: Group, floats: int) -> Callable[[int], float]:
    return lambda times: float(group.call(what="reduce", floats=floats, times=times)["seconds"])


def model(
    name: str, batch: int, one: Group, halves: Group, teams: Mapping[str, Group], rounds: int, until: float
) -> Measured:
    """Compare a step of workers with that of one process."""
    bound = one.call(what="bind", model=name, engine="compiled", rows=batch)
    rows, floats = bound["rows"], bound["floats"]
    halves.call(what="bind", model=name, engine="compiled", rows=rows // 2)
    entries = {"one process": walking(one), "halves, no exchange": walking(halves)}
    for network, team in teams.items():
        reduces = team.call(what="bind", model=name, engine="workers", rows=batch)["reduces"]
        entries |= {f"two workers, {network}": walking(team), f"all-reduce, {network}": reducing(team, floats)}
    print(f"  batch of {rows} rows, {reduces} all-reduces a step, one of {floats} floats")
    told = turns(entries, rounds, until)
    for network in teams:
        ratio = median(told["one process"]) / median(told[f"two workers, {network}"])
        print(f"  two workers, {network}: {ratio:.2f} times as fast as one process")
    return {"rows": rows, "floats": floats, "reduces": reduces, "seconds": told}


def arithmetics(one: Group, rounds: int, until: float) -> Measured:
    """Measure a step of one process on batches of several sizes."""
    found: Measured = {}
    for name in MODELS:
        found[name] = {}
        for rows in ROWS[name]:
            one.call(what="bind", model=name, engine="compiled", rows=rows)
            label = f"{name}, {rows} rows"
            found[name][rows] = turns({label: walking(one)}, rounds, until)[label]
    return found


def reduces(networks: Mapping[str, Network | None], rounds: int, until: float) -> list[Measured]:
    """Measure all-reduces of several sizes, by 2 and by more workers."""
    found = list[Measured]()
    for network, made in networks.items():
        for workers in (2, MOST_WORKERS):
            cores = max(1, count_cores() // workers)
            with closing(Group(f"{workers} workers, {network}", workers, cores, True, made)) as team:
                entries = {f"{workers} workers, {network}, {each} floats": reducing(team, each) for each in FLOATS}
                told = turns(entries, rounds, until)
            for floats, seconds in zip(FLOATS, told.values(), strict=True):
                found.append({"network": network, "workers": workers, "floats": floats, "seconds": seconds})
    return found


def count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measure(asked: argparse.Namespace, parts: Sequence[str]) -> Measured:
    """Measure the parts that are asked for, each in its share of the time."""
    found: Measured = {"heading": heading(["python", *sys.argv]), "models": {}, "networks": {}}
    print(*found["heading"], sep="\n", flush=True)
    isolate()  # before there are threads: no other program reaches the workers' ports, where the system permits it
    begun, half = time.monotonic(), max(1, count_cores() // 2)
    with ExitStack() as stack:
        networks: dict[str, Network | None] = {LOCAL: None}
        for each in asked.network:
            made = networks[each] = stack.enter_context(closing(Network(MOST_WORKERS, Shape.of(each))))
            found["networks"][each] = {"round_trip": made.round_trip, "bits": made.bits}
            print(f"- network {each}: a round trip of {1e3 * made.round_trip:.3g} ms and {made.bits / 1e6:.0f} Mbit/s "
                  "were measured by TCP alone", flush=True)  # fmt: skip

        def start(name: str, size: int, cores: int, joined: bool, network: Network | None = None) -> Group:
            return stack.enter_context(closing(Group(name, size, cores, joined, network)))

        one = start("one process", 1, count_cores(), joined=False)
        if set(parts) & set(MODELS):
            halves = start("halves", 2, half, joined=False)
            teams = {name: start(f"workers, {name}", 2, half, True, made) for name, made in networks.items()}
        for place, name in enumerate(parts):
            print(name, flush=True)
            until = time.monotonic() + (begun + 60 * asked.minutes - time.monotonic()) / (len(parts) - place)
            if name in MODELS:
                found["models"][name] = model(name, asked.batch, one, halves, teams, asked.rounds, until)
            elif name == "arithmetic":
                found[name] = arithmetics(one, asked.rounds, until)
            else:
                found[name] = reduces(networks, asked.rounds, until)
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    return found


def main() -> None:
    """Measure, or read what was measured, and report it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=15.0, help="of all parts, about; one round is always taken")
    parser.add_argument("--batch", type=int, default=0, help="rows of the models' batches; by default each model's own")
    parser.add_argument("--network", action="append", default=[], help="such as 1gbit,1ms; may be given several times")
    parser.add_argument("--save", type=Path, help="file for what was measured")
    load = "file of what was measured before: nothing is measured now; further ones add to the table of steps"
    parser.add_argument("--load", action="append", type=Path, help=load)
    parser.add_argument("--picture", type=Path, help="PNG file to draw")
    asked = parser.parse_args()
    names = asked.only.split(",")
    if not set(names) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}, got {asked.only}")
    try:
        for each in asked.network:
            Shape.of(each)
        loaded = [json.loads(path.read_text(encoding="utf-8")) for path in asked.load or []]
        runs = loaded or [measure(asked, names)]
    except (FallenError, NetworkError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    if asked.save:
        asked.save.write_text(json.dumps(runs[0]), encoding="utf-8")
    report(runs, asked.picture)


if __name__ == "__main__":
    main()
