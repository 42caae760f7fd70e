"""Jobs of the training process, done one after another: train, resume, race, follow a run of another process."""

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from descenso.api.resume import resume
from descenso.api.train import rows_of, train
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.descent.problem import Own, weights
from descenso.doctor.checks import examine
from descenso.doctor.evidence import Evidence, Rows
from descenso.errors import CheckpointError, DataError, DescensoError
from descenso.lab import planting, races, sweeping, wording
from descenso.lab.faults import FAULTS
from descenso.lab.inspecting import Inspector
from descenso.lab.protocol import Settings, Source
from descenso.lab.rates import Span
from descenso.lab.watching import Watched
from descenso.runs.checkpoints import newest
from descenso.runs.directory import open_directory
from descenso.runs.files import fresh_folder, portable_name
from descenso.training.checkpointing import progress_of
from descenso.training.control import Control

POLL_SECONDS = 0.5  # between two readings of a run of another process


class Shown:
    """A run that the lab shows, with its measurements and what is needed to resume it.

    Attributes:
        settings: as the page set them.
        watched: state of the run, as its callbacks report it.
        inspector: measures it.
        data: its dataset, where it was given in memory; None where it is read by its name.
        model: the model with a fault; None for one of descenso's.
        given: settings of `descenso.train`, without a fault.
        read_only: whether the lab only reads the run, which it did not train.
        active: whether a job trains or follows it, or waits to.
    """

    def __init__(self, settings: Settings, control: Control) -> None:
        self.settings = settings
        self.watched = Watched(settings, control)
        self.inspector = Inspector(self.watched)
        self.data: Dataset | None = None
        self.model: Any = None
        self.given: dict[str, Any] = {}
        self.read_only = self.active = False


def start(shown: Shown, source: Source, out: Path, data: Dataset) -> None:
    """Train a new run with the settings of `shown`, below `out`.

    Raises:
        DescensoError: for invalid settings, or a disk that cannot be written.
    """
    watched = shown.watched
    settings, control = watched.settings, watched.control
    data = _rows(settings, source, data)
    shown.given = wording.arguments(settings, source, data)
    changed, given = planting.planted(settings.fault, shown.given, data)
    watched.settings = planting.settings_of(settings.fault, settings, given)
    given = {**given, "sources": source.sources, "control": control, "callbacks": [watched], "progress": False}
    if not isinstance(given["model"], str):
        shown.model = given["model"]
        watched.own = Own(model=shown.model)
    if changed is not None:
        shown.data = changed
        given = planting.in_memory(given, tuple(name for name, _value in source.reading))
    name = f"{Path(settings.data).name}-{watched.settings.model}" + (f"-{settings.fault}" if settings.fault else "")
    evidence = Evidence(Rows.of(changed or data, given.get("order", "permutation")))
    if settings.fault:  # a finding on the rows, at once
        shown.inspector.findings = tuple(examine(evidence, [FAULTS[settings.fault].rule]))
    path = fresh_folder(out, portable_name(name))
    try:
        train(given.pop("data", changed), out=path, **given)
    except DescensoError:
        with suppress(OSError):  # a folder of a run that was not made
            path.rmdir()
        if shown.watched.run is None:  # the rows were refused
            shown.inspector.findings = tuple(examine(evidence))
        raise


def _rows(settings: Settings, source: Source, data: Dataset) -> Dataset:
    """Return the dataset of `settings`: `data`, which is that of `source`, or the named one that was chosen instead."""
    return data if settings.data == source.data else rows_of(TrainConfig.of(data=settings.data), source.sources)


def go_on(shown: Shown, source: Source) -> None:
    """Resume the run of `shown` from its newest checkpoint.

    Raises:
        DescensoError: where that cannot be done.
    """
    watched = shown.watched
    if watched.run is None:
        return
    given: dict[str, Any] = {} if shown.model is None else {"model": shown.model}
    resume(watched.run, data=shown.data, sources=source.sources, control=watched.control, callbacks=[watched],
           progress=False, **given)  # fmt: skip


def race(settings: Settings, source: Source, data: Dataset, control: Control, tell: races.Tell) -> None:
    """Race the engines with these settings, until they are done or `control` stops them."""
    data = _rows(settings, source, data)
    races.race(wording.arguments(settings, source, data), data, control, tell)


def sweep(
    settings: Settings, span: Span, source: Source, out: Path, data: Dataset, control: Control, tell: sweeping.Tell
) -> None:
    """Train a sweep of learning rates with these settings below `out`, until it is done or `control` stops it."""
    if control.stopped:
        return
    data = _rows(settings, source, data)
    apart = ("engine", "learning_rate", "checkpoint_every")  # lanes are trained by the default engine
    given = {name: value for name, value in wording.arguments(settings, source, data).items() if name not in apart}
    sweeping.Sweeping(given, span, data, tell).run(out, source.sources, control)


def follow(shown: Shown, run: Path, data: Dataset) -> None:
    """Read the history and the checkpoints of a run repeatedly, until it has ended or its control stops it."""
    watched, directory = shown.watched, open_directory(run)
    watched.on_begin(run, directory.config, data)
    while not watched.control.stopped and watched.plan is not None:
        with suppress(DataError):  # a line may be incomplete while it is written
            watched.read(run)
        with suppress(CheckpointError, OSError):  # its process may replace them meanwhile
            checkpoint, _damaged = newest(directory.checkpoints)
            if watched.progress is None or checkpoint.position != watched.progress.position:
                watched.progress = watched.at_epoch = progress = progress_of(checkpoint, watched.plan)
                watched.recorded.add(watched.taken, partial(weights, watched.plan.problem, progress.state))
        if watched.outcome != "running":
            return
        time.sleep(POLL_SECONDS)
