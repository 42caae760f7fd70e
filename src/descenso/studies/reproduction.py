"""Run the tutorial's two programs, as published and compiled, and report whether its claims hold."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descenso.config import TrainConfig
from descenso.data.catalog import load
from descenso.files import make_folder, write_file
from descenso.reports.comparison import comparison_figure
from descenso.reports.document import Part, Picture, Table, Text, as_html, as_markdown
from descenso.reports.figures import png
from descenso.runs.directory import RunDirectory, create, open_directory
from descenso.runs.environment import environment
from descenso.runs.files import fresh_folder, refuse_full
from descenso.runs.history import History
from descenso.studies import cell, plain
from descenso.studies.paths import SAME_PATH, relative
from descenso.text import _, language, plural, prose
from descenso.training.control import Callback, Control
from descenso.training.plan import Plan
from descenso.training.session import Training, run

EPOCHS = 100
ACCURACY, WITHIN = 0.9225, 0.002  # the tutorial's test accuracy, and the tolerance for another order of the rows
SAME_COST = 0.01  # tolerance of the costs on the test rows, of two programs that reach the same place
SHARED: dict[str, Any] = {"model": "softmax", "rule": "sgd", "learning_rate": 0.01, "batch_size": 100, "loss": "naive"}
FIRST = {**SHARED, "engine": "graph", "dtype": "float32", "order": "permutation", "validation_size": 5000}
SECOND = {**SHARED, "engine": "eager", "dtype": "float64", "order": "buffer:10000"}
PROGRAMS = {"program-1": FIRST, "program-2": SECOND}
COMPILED = "-compiled"  # after the name of a program: the same training run on that engine
PICTURE = "costs.png"
PROGRAM_RESULTS = ("rows", "test_accuracy", "test_cost", "seconds", "compile_seconds")  # of Finished, in JSON

Watch = Callable[[str, TrainConfig], AbstractContextManager[Callback]]


class Finished(NamedTuple):
    """A training run of the reproduction."""

    name: str  # of the run directory: "program-1", or "program-1-compiled"
    config: TrainConfig
    history: History
    weights: dict[str, Any]  # by name; empty if training diverged
    test_accuracy: float | None  # in [0, 1]; None if training diverged
    test_cost: float | None  # mean cross-entropy of the test rows, in nats; None if training diverged
    compile_seconds: float
    rows: int  # number of training rows

    @property
    def seconds(self) -> float:
        """Seconds of all epochs."""
        return sum(epoch.seconds for epoch in self.history.epochs)

    @property
    def step_seconds(self) -> float:
        """Mean seconds of a step."""
        return self.seconds / (len(self.history.epochs) * -(-self.rows // self.config.batch_rows(self.rows)))


class Twins(NamedTuple):
    """A program and its compiled training run: relative differences, and how many times as fast the latter is."""

    name: str
    cost: float
    weights: float
    speed_up: float


class Claim(NamedTuple):
    """A claim of the tutorial."""

    name: str  # for other programs to read: "accuracy", "same place", "second slower", "same path"
    text: str
    measured: str
    holds: bool | None  # None if it was not measured, or not under the claim's conditions


class Reproduction(NamedTuple):
    """Result of the reproduction."""

    folder: Path
    epochs: int
    finished: dict[str, Finished]
    twins: tuple[Twins, ...]
    claims: tuple[Claim, ...]

    @property
    def holds(self) -> bool:
        """Whether no claim failed."""
        return all(claim.holds is not False for claim in self.claims)

    def tables(self) -> list[list[list[str]]]:
        """The one table: a head, then a row per training run."""
        rows = [["", _("engine"), _("dtype"), _("rows"), _("last cost"), _("accuracy"), _("seconds")]]
        for program in self.finished.values():
            cost, accuracy = cell(program.history.costs[-1], ".6f"), cell(program.test_accuracy)
            rows.append([program.name, program.config.engine, program.config.dtype, str(program.rows), cost, accuracy])
            rows[-1].append(f"{program.seconds:.2f}")
        return [rows]

    def claim_rows(self) -> list[list[str]]:
        """The claims: a head, then a row per claim."""
        holds = {None: _("not measured"), True: _("yes"), False: _("no")}
        rows = [[claim.text, claim.measured, holds[claim.holds]] for claim in self.claims]
        return [[_("claim"), _("measured"), _("holds")], *rows]

    def sentences(self) -> list[str]:
        """The claims, a line each: whether it holds, the claim, and what was measured."""
        return [f"{holds}: {claim} ({measured})" for claim, measured, holds in self.claim_rows()[1:]]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        programs = [
            {
                "name": program.name,
                **{name: getattr(program.config, name) for name in ("engine", "dtype", "order")},
                "costs": program.history.costs,
                **{name: getattr(program, name) for name in PROGRAM_RESULTS},
            }
            for program in self.finished.values()
        ]
        twins = [
            {"name": name, "max_cost_difference": cost, "max_weight_difference": weights, "speed_up": speed_up}
            for name, cost, weights, speed_up in self.twins
        ]
        answer: dict[str, Any] = {"folder": str(self.folder), "epochs": self.epochs, "holds": self.holds}
        return {**answer, **plain({"programs": programs, "twins": twins, "claims": self.claims})}


def reproduce(out: Path | None, epochs: int, fast: bool, watch: Watch) -> Reproduction:
    """Train the two programs, and both again on the compiled engine, each as a run in one new folder.

    Args:
        out: the folder; by default a new one in `runs/`.
        epochs: number of epochs; the tutorial's is 100.
        fast: leave out the programs as published, which take minutes.
        watch: (name, settings) -> the callback of a training run.

    Raises:
        ConfigError: if `out` is not empty; nothing is ever overwritten.
        KeyboardInterrupt: if a training run was interrupted; the runs so far are kept.
    """
    settings = {name: TrainConfig.of(**chosen, epochs=epochs) for name, chosen in PROGRAMS.items()}
    compiled = {name + COMPILED: each.model_copy(update={"engine": "compiled"}) for name, each in settings.items()}
    data = load("mnist")
    folder = out or fresh_folder(Path("runs"), "reproduce")
    make_folder(folder)
    refuse_full(folder)
    finished: dict[str, Finished] = {}
    for name, config in (compiled if fast else {**settings, **compiled}).items():
        with closing(create(config, environment(), folder / name)) as directory, watch(name, config) as callback:
            run(Training(directory, Plan.of(config, data), data, [callback], Control()))
        finished[name] = _finished(name, open_directory(folder / name), len(data.train.labels))
    twins = tuple(_twins(finished[name], finished[name + COMPILED]) for name in PROGRAMS if name in finished)
    return Reproduction(folder, epochs, finished, twins, tuple(_claims(finished, twins, epochs)))


def _finished(name: str, directory: RunDirectory, rows: int) -> Finished:
    status = directory.status
    if status["outcome"] == "interrupted":
        raise KeyboardInterrupt
    diverged = status["outcome"] == "diverged"
    return Finished(
        name=name,
        config=directory.config,
        history=directory.history,
        weights={} if diverged else directory.weights()[0],
        test_accuracy=status.get("test_accuracy"),
        test_cost=status.get("test_cost"),
        compile_seconds=status["compile_seconds"],
        rows=rows - directory.config.validation_rows(rows),
    )


def _twins(program: Finished, twin: Finished) -> Twins:
    costs = relative(np.array(twin.history.costs), np.array(program.history.costs))
    weights = max((relative(twin.weights[name], array) for name, array in program.weights.items()), default=np.inf)
    return Twins(program.name, costs, weights, program.seconds / twin.seconds)


def _claims(finished: dict[str, Finished], twins: Sequence[Twins], epochs: int) -> list[Claim]:
    first, second = (finished.get(name) or finished[name + COMPILED] for name in PROGRAMS)
    accuracies = [each.test_accuracy or 0.0 for each in (first, second)]
    costs = [each.test_cost or np.inf for each in (first, second)]
    apart = abs(costs[0] - costs[1]) / min(costs) if np.isfinite(costs).all() else np.inf
    near = all(abs(accuracy - ACCURACY) <= WITHIN for accuracy in accuracies)
    distance = abs(accuracies[0] - accuracies[1])
    place = distance <= WITHIN and apart <= SAME_COST
    accuracy_text = _("test accuracy {accuracy} ± {within}, after {epochs} epochs")
    place_text = _("both reach the same place: accuracies within {within}, costs on the test rows within {share:.0%}")
    place_text = prose(place_text, within=WITHIN, share=SAME_COST)
    return [
        Claim(
            "accuracy",
            prose(accuracy_text, accuracy=ACCURACY, within=WITHIN, epochs=EPOCHS),
            prose(_("{one:.4f} and {other:.4f}"), one=accuracies[0], other=accuracies[1]),
            near if epochs == EPOCHS else None,
        ),
        Claim(
            "same place",
            place_text,
            prose(_("{accuracy:.4f} and {cost:.2%} apart"), accuracy=distance, cost=apart),
            place if epochs == EPOCHS else None,
        ),
        _speed(finished),
        *map(_path, twins),
    ]


def _speed(finished: dict[str, Finished]) -> Claim:
    text = _("the second program is slower")
    if "program-1" not in finished:
        return Claim("second slower", text, _("left out"), None)
    first, second = finished["program-1"], finished["program-2"]
    measured = prose(
        _("{first:.3g} s and {second:.3g} s: {ratio:.2f} times as long, {step:.2f} times a step"),
        first=first.seconds,
        second=second.seconds,
        ratio=second.seconds / first.seconds,
        step=second.step_seconds / first.step_seconds,
    )
    return Claim("second slower", text, measured, second.seconds > first.seconds)


def _path(twins: Twins) -> Claim:
    limit = SAME_PATH[str(PROGRAMS[twins.name]["dtype"])]
    text = prose(_("{name} walks the same path compiled, to within {limit:g}"), name=twins.name, limit=limit)
    measured = _("costs {cost:.1e} apart, weights {weights:.1e}; {speed_up:.1f} times as fast")
    return Claim("same path", text, prose(measured, **twins._asdict()), max(twins.cost, twins.weights) <= limit)


def write_report(result: Reproduction) -> Path:
    """Write report.md, its picture and report.html into the folder; return the path of the last.

    Raises:
        DiskError: if one cannot be written.
    """
    costs = {program.name: program.history.costs for program in result.finished.values()}
    seconds = {
        program.name: [epoch.seconds for epoch in program.history.epochs] for program in result.finished.values()
    }
    image = png(comparison_figure(costs, seconds, {}, (), ()))
    picture = Picture(PICTURE, _("Training loss of each descent, and how long its epochs take"), image)
    title, page = _("The tutorial's two programs, reproduced"), result.folder / "report.html"
    parts = [Text("h1", title), *_parts(result, picture)]
    write_file(result.folder / PICTURE, image)
    write_file(result.folder / "report.md", as_markdown(parts).encode())
    write_file(page, as_html(parts, title, language()).encode())
    return page


def _parts(result: Reproduction, picture: Picture) -> list[Part]:
    machine = environment()
    epochs = plural("{count} epoch", "{count} epochs", result.epochs).format(count=result.epochs)
    about = _(
        "Softmax regression on MNIST by gradient descent, rate 0.01, batches of 100, the logarithm of softmax"
        " taken literally, {epochs} of the tutorial's {all}. Program 1 learns from 55,000 rows, permuted"
        " anew in each epoch; program 2 from 60,000, through a shuffle buffer of 10,000. Each descent is also a"
        " run in this folder."
    ).format(epochs=epochs, all=EPOCHS)
    note = _(
        "Differences are relative to the largest value of what they are of. Made with TensorFlow {tf} on {cpu}."
    ).format(tf=machine["tensorflow"], cpu=machine["processor"])
    parts: list[Part] = [Text("p", about), *map(Table, result.tables()), picture]
    parts += [Text("h2", _("What was claimed")), Table(result.claim_rows()), Text("p", note)]
    parts.append(Text("h2", _("What each printed")))
    for program in result.finished.values():
        lines = [f"[{epoch.epoch}] cost: {epoch.cost:.10g}" for epoch in program.history.epochs]
        parts += [Text("p", program.name), Text("pre", "\n".join(lines))]
    return parts
