"""The public face: load, train, open a run, and look at it."""

import base64
import html
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.catalog import NAMES, load
from descenso.data.checks import check_dataset, check_fit, check_split
from descenso.data.dataset import Dataset
from descenso.data.limits import Limits
from descenso.errors import CheckpointError, DataError
from descenso.runs.checkpoints import Checkpoint, drop_newer, is_empty, newest
from descenso.runs.directory import RunDirectory, create, open_directory, reopen
from descenso.runs.environment import environment
from descenso.runs.history import Epoch, History, finite
from descenso.text import _

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from descenso.descent.problem import Model
    from descenso.training.evaluation import Evaluation
    from descenso.training.observer import Observer

MOST_CLASSES = 2**12  # of a confusion matrix, whose size is their square

__all__ = ["Run", "evaluate", "load", "observer", "open_directory", "open_run", "resume", "train"]


class Run:
    """A run that has ended, or was stopped: what it was asked, how it went, and what it learned.

    Attributes:
        path: its directory.
        config: its settings.
        history: its epochs; `history.costs` are their costs in nats.
        outcome: "completed", "diverged" or "interrupted" ("running", "killed" for one that never said).
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self.path = directory.path
        self.config = directory.config
        self.history: History = directory.history
        self.outcome = directory.outcome
        self.status = directory.status

    @property
    def test_accuracy(self) -> float | None:
        """Fraction of the test rows classified rightly, in [0, 1]; None where it diverged."""
        value = self.status.get("test_accuracy")
        return None if value is None else float(value)

    @property
    def weights(self) -> dict[str, NDArray[np.generic]]:
        """The final parameters by name; for softmax W (num_inputs, num_classes) and b (num_classes,).

        Raises:
            DataError: where none were kept.
        """
        return self._directory.weights()[0]

    def plot(self) -> "Figure":
        """The cost of each epoch as a matplotlib figure."""
        from descenso.reports.figures import loss_figure

        return loss_figure({self.path.name: self.history.costs})

    def summary(self) -> dict[str, Any]:
        """What `descenso train --json` prints: plain values, a cost that is not finite as None."""
        names = ("validation_accuracy", "diverged_at", "compile_seconds", "train_seconds", "exact", "fingerprint")
        return {
            "run": str(self.path),
            "outcome": self.outcome,
            "engine": self.config.engine,
            "dtype": self.config.dtype,
            "seed": self.config.seed,
            "epochs": self.config.epochs,
            "costs": [cost if math.isfinite(cost) else None for cost in self.history.costs],
            "test_accuracy": self.test_accuracy,
            **{name: self.status.get(name) for name in names},
        }

    def __repr__(self) -> str:
        done = f"{len(self.history.epochs)}/{self.config.epochs} epochs"
        return f"<Run {self.path}: {self.outcome}, {done}, test accuracy {self.test_accuracy}>"

    def _repr_html_(self) -> str:
        from descenso.reports.figures import png

        last = self.history.costs[-1] if self.history.costs else math.nan
        rows = {
            _("run"): self.path,
            _("outcome"): _(self.outcome),
            _("engine"): f"{self.config.engine}, {self.config.dtype}",
            _("epochs"): f"{len(self.history.epochs)} / {self.config.epochs}",
            _("last cost"): f"{last:.6f}",
            _("test accuracy"): self.test_accuracy,
        }
        table = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows.items())
        picture = base64.b64encode(png(self.plot())).decode()
        return f'<table>{table}</table><img alt="{_("Training Loss")}" src="data:image/png;base64,{picture}">'


def open_run(path: str | Path) -> Run:
    """The run in the directory `path`.

    Raises:
        DataError: where there is none, or its files are damaged.
    """
    return Run(open_directory(Path(path)))


def train(
    data: Dataset | str = "mnist",
    *,
    out: str | Path | None = None,
    limits: Limits | None = None,
    observer: "Observer | None" = None,
    **settings: Any,
) -> Run:
    """Descend, and keep what came of it in a run directory.

    Args:
        data: a dataset, or what `load` takes.
        out: the run directory itself; by default a new one below `runs/`.
        limits: what to refuse as too large, where `data` is read.
        observer: who hears of each epoch.
        **settings: those of `TrainConfig` (model, rule, learning_rate, epochs, batch_size, engine, …).

    Returns:
        The run, however it ended: see `Run.outcome`.

    Raises:
        ConfigError: for a setting out of range; nothing is written.
        DataError: for data that cannot be learned from; nothing is written.
        DiskError: where the run cannot be written.
    """
    config = TrainConfig.of(**{**settings, "data": _source(data)})
    rows = load(config.data, limits) if isinstance(data, str) else check_dataset(data)
    check_fit(rows, config.validation_size, config.batch_size)
    directory = create(config, environment(), None if out is None else Path(out))
    try:
        from descenso.session import sit

        sit(directory, config, rows, observer or _silent())
    finally:
        directory.close()
    return Run(open_directory(directory.path))


def resume(
    run: str | Path,
    *,
    data: Dataset | None = None,
    limits: Limits | None = None,
    force: bool = False,
    observer: "Observer | None" = None,
    warn: Callable[[str], None] = warnings.warn,
    **changes: Any,
) -> Run:
    """Go on with a run from its newest checkpoint, to the same bits as if it had never stopped.

    Args:
        run: its directory.
        data: its rows, where it was not trained on what `load` finds by name.
        limits: what to refuse as too large.
        force: go on although config, data or versions changed; the run is then no longer exact.
        observer: who hears of each epoch.
        warn: hears of each newer checkpoint that is damaged and passed over.
        **changes: `epochs` extends a run; `engine` goes on with another one (which is then no longer exact, only
            as close as engines are); `checkpoint_every`.

    Raises:
        CheckpointError: where no checkpoint can be believed, or something changed; the difference is named.
        RunInUse: where another process is writing the run.
    """
    directory = reopen(Path(run))
    try:
        checkpoint = None
        if directory.history_bytes or not is_empty(directory.checkpoints):  # else it ended before its first one
            checkpoint, damaged = newest(directory.checkpoints)
            for message in damaged:
                warn(message)
        config = TrainConfig.of(**{**directory.config.model_dump(), **changes})
        rows = check_dataset(data) if data else load(config.data, limits)
        _go_on(directory, checkpoint, config, rows, force, observer)
    finally:
        directory.close()
    return Run(open_directory(directory.path))


def _go_on(
    directory: RunDirectory,
    checkpoint: Checkpoint | None,
    config: TrainConfig,
    data: Dataset,
    force: bool,
    observer: "Observer | None",
) -> None:
    from descenso.session import circumstances, differences, progress_of, sit
    from descenso.training.threads import make_deterministic

    if config.deterministic:  # before the circumstances are looked at, of which the threads are part
        make_deterministic()
    if checkpoint is None:
        directory.write("config.json", config.model_dump())
        sit(directory, config, data, observer or _silent())
        return
    changed = differences(checkpoint.about, circumstances(config, data))
    if changed and not force:
        raise CheckpointError(
            _("{run}: it cannot go on exactly, for this changed: {changed}; try --force to go on all the same").format(
                run=directory.path, changed="; ".join(changed)
            )
        )
    begin = progress_of(checkpoint, config, data)
    exact = bool(directory.status.get("exact", True)) and not changed and config.engine == directory.config.engine
    drop_newer(directory.checkpoints, checkpoint.position)
    directory.cut_history(checkpoint.about["history_bytes"])
    if len(directory.history.epochs) != begin.position.epoch:
        raise CheckpointError(
            _("{path}: {found} epochs, the checkpoint was written after {expected}").format(
                path=directory.path, found=len(directory.history.epochs), expected=begin.position.epoch
            )
        )
    # The status first: a crash between the two must not leave a run of two engines that is called exact.
    directory.write("status.json", {"outcome": "running", "epochs_done": begin.position.epoch, "exact": exact})
    directory.write("config.json", config.model_dump())
    sit(directory, config, data, observer or _silent(), begin, exact)


def _silent() -> "Observer":
    return observer(lambda _: None, lambda _: None)


def _source(data: Dataset | str) -> str:
    """What a config says of `data`: a name, or a folder's full path, so that it may be given back anywhere."""
    if not isinstance(data, str):
        return data.name
    try:
        return str(Path(data).resolve()) if data not in NAMES and Path(data).is_dir() else data
    except OSError:  # a name too long, a folder that may not be entered: `load` says so
        return data


def observer(bound: Callable[[float], None], epoch: Callable[[Epoch], None]) -> "Observer":
    """Who hears of a descent: `bound` once, of the seconds that compiling took; `epoch` after each epoch."""
    from descenso.training.observer import Observer

    return Observer(bound, epoch)


def evaluate(run: str | Path, data: Dataset | str | None = None, limits: Limits | None = None) -> "Evaluation":
    """Evaluate the run in directory `run` on the test rows of `data`, by default of the data it learned from.

    Raises:
        DataError: where the run kept no weights, or the rows do not fit its model.
    """
    directory = open_directory(Path(run))
    params, about = directory.weights()

    from descenso.descent.models import MODELS
    from descenso.training.evaluation import evaluate as measure

    try:
        shape = tuple(int(size) for size in about["input_shape"].split("×"))
        class_names = tuple(about["class_names"].split("\n"))
        if len(class_names) > MOST_CLASSES:
            raise ValueError(f"{len(class_names)} classes")
        model, scale = MODELS[about["model"]](shape, len(class_names)), finite(about["input_scale"])
    except (KeyError, ValueError) as error:
        raise DataError(
            _("{path}: weights that do not say what they are of ({reason})").format(path=run, reason=error)
        ) from None
    rows = load(data or directory.config.data, limits) if not isinstance(data, Dataset) else data
    check_split(rows.test, len(class_names), shape, _("{name}, test rows").format(name=rows.name))
    _check_params(Path(run), model, params)
    return measure(model, params, rows.test, scale)


def _check_params(run: Path, model: "Model", params: dict[str, NDArray[np.generic]]) -> None:
    """Hold them against the model before TensorFlow sees them, which ends in a traceback."""
    found = {name: array.shape for name, array in params.items()}
    wanted = {name: array.shape for name, array in model.init(0)[0].items()}
    if found != wanted:
        raise DataError(
            _("{path}: weights of shapes {found}, the model has {wanted}").format(path=run, found=found, wanted=wanted)
        )
    dtypes = {array.dtype for array in params.values()}
    if dtypes not in ({np.dtype("f4")}, {np.dtype("f8")}) or not all(np.isfinite(a).all() for a in params.values()):
        raise DataError(_("{path}: weights that are not finite numbers of one type").format(path=run))
