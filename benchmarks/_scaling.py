"""Report what `workers.py` has measured: the tables and the picture of docs/scaling.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from _formula import LOCAL, LOOPBACK, Costs, Link, Measured, Point, Prediction, fit, link_of, points
from _network import Shape
from _report import row

__all__ = ["report"]

MANY, BATCHES = (8, 64, 512), (100, 10_000)
LINKS = {LOCAL: LOOPBACK, "10 Gbit/s": Link(50e-6, 0.8e-9), "1 Gbit/s": Link(100e-6, 8e-9)}  # that are predicted for


def shown(network: str) -> str:
    """Return the name of a network for a table."""
    return LOCAL if network == LOCAL else str(Shape.of(network))


def told_models(runs: Sequence[Measured], prediction: Prediction | None) -> list[str]:
    """Make the table of the measured steps of two workers, in milliseconds, beside the formula."""
    titles = ["model, batch", "one process", "halves, no exchange", "network", "two workers", "formula"]
    lines = [row([*titles, "all-reduce of the gradient", "times as fast"])]
    lines.append(row(["---", "---:", "---:", "---", *["---:"] * 4]))
    for name, of_model, networks in (
        (name, of_model, run["networks"]) for run in runs for name, of_model in run["models"].items()
    ):
        seconds = {key: [1e3 * each for each in told] for key, told in of_model["seconds"].items()}
        alone, halves = seconds["one process"], seconds["halves, no exchange"]
        for network in (LOCAL, *networks):
            step, exchange = seconds[f"two workers, {network}"], seconds[f"all-reduce, {network}"]
            ratios = [one / two for one, two in zip(alone, step, strict=False)]  # of each round
            shared = prediction and 1e3 * prediction.shared(name, of_model["rows"], 2, link_of(network))
            formula = "–" if shared is None else f"{median(halves) + shared:.3g}"
            first = [f"{name}, {of_model['rows']:,}", _cell(alone), _cell(halves), shown(network)]
            lines.append(row([*first, _cell(step), formula, _cell(exchange), _cell(ratios)]))
    return lines


def _cell(values: Sequence[float]) -> str:
    return f"{median(values):.3g} ({min(values):.3g}–{max(values):.3g})"


def _times(speed: float) -> str:
    return f"{speed:.2g}" if speed >= 0.001 else "< 0.001"


def told_reduces(by_network: Mapping[str, Sequence[Point]], costs: Costs) -> list[str]:
    """Make the table of the all-reduces: measured milliseconds, and those of the formula."""
    sizes = sorted({each.size for measured in by_network.values() for each in measured})
    lines = [row(["network", "workers", *[f"{each / 1000:g} KB" for each in sizes]])]
    lines.append(row(["---", *["---:"] * (1 + len(sizes))]))
    for network, measured in by_network.items():
        for workers in sorted({each.workers for each in measured}):
            these = [each for each in measured if each.workers == workers]
            cells = [f"{1e3 * each.seconds:.3g} / {1e3 * costs.seconds(*each[:3]):.3g}" for each in these]
            lines.append(row([shown(network), workers, *cells]))
    return lines


def told_predictions(prediction: Prediction) -> list[str]:
    """Make the table of how many times as fast as one process more workers are predicted to be."""
    titles = ["model", "batch", "one process, ms"]
    titles += [f"{network}: {' / '.join(map(str, MANY))}" for network in LINKS] + ["most at 1 Gbit/s"]
    lines = [row(titles), row(["---", *["---:"] * (len(titles) - 1)])]
    powers = [2**power for power in range(13)]
    for name in prediction.besides:
        for batch in BATCHES:
            cells: list[Any] = [name, f"{batch:,}", f"{1e3 * prediction.step(name, batch, 1, LOOPBACK):.4g}"]
            for link in LINKS.values():
                cells.append(" / ".join(_times(prediction.speed(name, batch, each, link)) for each in MANY))
            link = LINKS["1 Gbit/s"]
            best = max(powers, key=lambda each: prediction.speed(name, batch, each, link))
            cells.append(f"{best}: {_times(prediction.speed(name, batch, best, link))}")
            lines.append(row(cells))
    return lines


def report(runs: Sequence[Measured], picture: Path | None) -> None:
    """Print the tables of docs/scaling.md, fit the formula where the first run has measured all, and draw."""
    found = runs[0]
    if not {"reduce", "arithmetic"} <= set(found) or not found["models"]:
        print("", *told_models(runs, None), sep="\n")
        return
    by_network = points(found)
    measured = [each for of_network in by_network.values() for each in of_network]
    costs = fit(measured)
    prediction = Prediction(runs, costs)
    for lines in (told_models(runs, prediction), told_reduces(by_network, costs), told_predictions(prediction)):
        print("", *lines, sep="\n")
    off = [abs(costs.seconds(*each[:3]) / each.seconds - 1) for each in measured]
    speed = f"{1e-6 / costs.per_byte:.0f} MB/s" if costs.per_byte else "no time for bytes"
    message = f"a message {1e3 * costs.message:.3g} ms and {costs.delays:.2g} delays"
    print(f"\nan all-reduce: fixed {1e3 * costs.fixed:.3g} ms, {message}, {speed};", end=" ")
    print(f"the formula is off by {100 * median(off):.0f} % (median), at most {100 * max(off):.0f} %")
    for name, besides in prediction.besides.items():
        told = ", ".join(f"{1e3 * seconds:.3g} ms on {rows:,.0f} rows" for rows, seconds in besides.items())
        print(f"a step of a worker besides arithmetic and all-reduces, {name}: {told}")
    if picture:
        powers = [2**power for power in range(10)]
        speeds = {
            f"{network}, formula": {
                f"{name}, batch of {batch:,}": (powers, [prediction.speed(name, batch, each, link) for each in powers])
                for name in prediction.besides for batch in BATCHES
            }
            for network, link in LINKS.items() if network != LOCAL
        }  # fmt: skip
        draw(picture, by_network, costs, speeds)


def draw(
    path: Path,
    points: Mapping[str, Sequence[Point]],
    costs: Costs,
    speeds: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]],
) -> None:
    """Draw the measured all-reduces beside the formula, and how many times faster than one process workers train.

    Args:
        path: of the PNG file.
        points: measured all-reduces, by network.
        costs: of the formula.
        speeds: by title, by curve: numbers of workers, and how many times faster.
    """
    from descenso.reports.figures import SMALL, Picture, add_legend, save_figure

    figure = Picture(figsize=(4.2 * (1 + len(speeds)), 3.8), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(speeds))
    sizes, lines = np.geomspace(3e3, 1e7, 60), {}
    for number, (network, measured) in enumerate(points.items()):
        for workers in sorted({each.workers for each in measured}):
            these = [each for each in measured if each.workers == workers]
            style = {"color": f"C{number}", "linestyle": "-" if workers == 2 else "--"}
            (line,) = first.plot(
                sizes, [1e3 * costs.seconds(workers, int(size), these[0].link) for size in sizes], **style
            )
            first.plot(
                [each.size for each in these], [1e3 * each.seconds for each in these], linestyle="none",
                color=style["color"], marker="o" if workers == 2 else "s", markersize=4,
            )  # fmt: skip
            lines[f"{shown(network)}, {workers} workers"] = line
    first.set(xscale="log", yscale="log", xlabel="bytes", ylabel="milliseconds")
    first.set_title("All-reduce: measured (dots), formula (lines)", fontsize="medium")
    add_legend(first, lines, SMALL)
    for axes, (title, curves) in zip(others, speeds.items(), strict=True):
        lines = {
            name: axes.plot(*curve, color=f"C{number // 2}", linestyle="-" if number % 2 else "--")[0]
            for number, (name, curve) in enumerate(curves.items())
        }
        lines["ideal"] = axes.axline((1, 1), (2, 2), color="grey", linewidth=0.8)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="workers", ylabel="times as fast as one process", ylim=(1e-3, 1e3))
        axes.set_xticks(ticks := [1, 2, 8, 64, 512], labels=map(str, ticks))
        axes.minorticks_off()
        axes.set_title(title, fontsize="medium")
    add_legend(others[-1], lines, SMALL)
    for axes in (first, *others):
        axes.grid(alpha=0.3)
    save_figure(figure, path)
