"""Train, and resume a run."""

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso.api.run import Run
from descenso.config import TrainConfig, having
from descenso.data.catalog import NAMES, load
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import ConfigError, stopped_by
from descenso.registry import OWN, is_own
from descenso.runs.checkpoints import Checkpoint, is_empty, newest
from descenso.runs.directory import RunDirectory, create, open_directory, reopen
from descenso.runs.environment import environment
from descenso.runs.trained import Trained
from descenso.text import _, plural, printable
from descenso.training.control import Callback, Control
from descenso.training.display import displaying, starting

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.descent.problem import Own
    from descenso.hints import RunPath, Settings
    from descenso.training.plan import Plan
_KERAS = "keras.src.optimizers"  # what TensorFlow imports of Keras at its end, if it is there


def train(
    data: Any = "mnist",
    labels: Any = None,
    *,
    model: Any = "softmax",
    out: str | Path | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Settings]",
) -> Run:
    """Train a model, save the run, and return it, however it ended (see `Run.outcome`).

    Args:
        data: a dataset, or what `load` takes; or inputs, beside their labels; or a frame of polars or pandas, with the
            column of the labels as the setting `label`. A fifth of rows in memory, or `test_fraction`, is tested on.
        labels: (rows,) the labels of inputs, whole numbers or text.
        model: a name; a keras.Model, which has the final weights afterwards unless training diverged; or a function
            that makes one. To use the run in another process, a model that is no name is given again.
        out: the run directory itself; by default a new one below `runs/`.
        progress: whether to show progress on standard error; by default in a terminal or a notebook.
        callbacks: called as training goes.
        control: through which another thread stops, pauses or steers training.
        tensorboard: the folder that TensorBoard shows (extra `tensorboard`), in which the run gets one of its own.
        sources: folder of named datasets, and sizes beyond which data is refused.
        **settings: those of `TrainConfig`; for few rows, a batch_size and epochs that are not given are adapted.

    Raises:
        ConfigError, DataError, DiskError: for settings, for data, for a disk that cannot be used; no run is left.
        KeyboardInterrupt: after Ctrl-C has stopped training and the run is saved; its `run` is the directory.
    """
    listeners = _Listeners(progress, _heard(callbacks, tensorboard), control or Control())
    return _train(data, labels, {**settings, "model": model}, out, sources, listeners)


class _Listeners(NamedTuple):
    """What watches and steers a training run; see `train`."""

    progress: bool | None
    callbacks: Sequence[Callback]
    control: Control


def _train(
    data: Any,
    labels: Any,
    settings: dict[str, Any],
    out: str | Path | None,
    sources: Sources | None,
    listeners: _Listeners,
) -> Run:
    if labels is not None or not isinstance(data, Dataset | str | Path):
        from descenso.data.memory import dataset_of

        data = dataset_of(data, labels, settings)
    named, own = own_of(settings)
    config = TrainConfig.of(**{**named, "data": _source(data)})
    rows = _read_already(data, config) if isinstance(data, Dataset) else rows_of(config, sources)
    config = check_fit(rows, config, settings)
    with closing(create(config, environment(), None if out is None else Path(out))) as directory:
        try:
            plan = _pose(config, rows, own)
            from descenso.training import session
        except BaseException:  # settings that cannot be meant, or Ctrl-C by now, leave no run
            directory.discard()
            raise
        with displaying(listeners.progress, listeners.callbacks) as heard:
            session.run(session.Training(directory, plan, rows, heard, listeners.control))
    return _result(directory, listeners.control, data, settings)


def _result(directory: RunDirectory, control: Control, data: Any, own: dict[str, Any]) -> Run:
    """Return the run, after leaving its weights in the user's model.

    Raises:
        KeyboardInterrupt, SystemExit: where a signal has stopped it, which is meant for more than this run.
    """
    brought = {kind: own[kind] for kind in OWN if not isinstance(own.get(kind), str | None)}
    run = Run(open_directory(directory.path), data if isinstance(data, Dataset) else None, brought)
    if "model" in brought and run.test_accuracy is not None:
        from descenso.descent.keras_models import keep_weights

        weights = Trained.unpacked(*directory.weights(), directory.path)
        keep_weights(brought["model"], {**weights.params, **weights.model_state})
    if control.signal:
        epochs = plural("{count} epoch", "{count} epochs", run.config.epochs).format(count=run.config.epochs)
        message = _("interrupted after {done} of {epochs}, and saved; to go on: descenso resume {run}")
        told = message.format(done=run.status["epochs_done"], epochs=epochs, run=printable(str(run.path)))
        raise stopped_by(control.signal, told, run.path)
    return run


def _pose(config: TrainConfig, data: Dataset, own: "Own | None") -> "Plan":
    with starting():
        import_tensorflow()
        from descenso.training.plan import Plan
        from descenso.training.session import make_deterministic, onednn

    if config.deterministic:
        make_deterministic()
    plan = Plan.of(config, data, own)
    if plan.problem.model.layers is not None and "TF_ENABLE_ONEDNN_OPTS" not in os.environ and not onednn():
        from descenso.descent.keras_models import convolves

        if convolves(plan.problem.model.layers):
            message = _(
                "TensorFlow was imported before descenso, and has left oneDNN off, without which convolutions take "
                "twice as long; import descenso first, or set TF_ENABLE_ONEDNN_OPTS=1"
            )
            warnings.warn(message, stacklevel=3)
    return plan


def _read_already(data: Dataset, config: TrainConfig) -> Dataset:
    """Check a dataset in memory, and refuse settings that say how data is read, which would have no effect."""
    for name in having("reads data"):
        if getattr(config, name):
            raise ConfigError(
                _("{name}: the data is in memory already; leave {name} out, or give it to what made the data").format(
                    name=name
                )
            )
    return check_dataset(data)


def own_of(settings: dict[str, Any]) -> tuple[dict[str, Any], "Own | None"]:
    """Return settings for a config, and the user's own model, rule, schedule and loss where these are no names."""
    if all(isinstance(settings.get(kind), str | None) for kind in OWN):
        return settings, None
    with starting():
        import_tensorflow()
        from descenso.descent.own import taken_from

    return taken_from(settings)


def resume(
    run: "RunPath",
    *,
    data: Dataset | None = None,
    model: Any = None,
    force: bool = False,
    progress: bool | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    warn: Callable[[str], None] = warnings.warn,
    sources: Sources | None = None,
    **changes: "Unpack[Settings]",
) -> Run:
    """Resume a run from its newest checkpoint, to the same bits as if it had never stopped.

    Args:
        run: the run, or its directory.
        data, model, and so `rule`, `schedule`, `loss`: where they were the user's own; the method of a Run has them.
        progress, callbacks, control, tensorboard, sources: as of `train`.
        force: go on although config, data or versions changed; the run is then no longer exact.
        warn: called with a message for each newer checkpoint that is damaged and passed over.
        **changes: `epochs` extends a run; `engine` (no longer exact); `patience`; `checkpoint_every`.

    Raises:
        CheckpointError: where no checkpoint is valid, or something changed; the difference is named.
        RunInUse: where another process is writing the run. KeyboardInterrupt: as of `train`.
    """
    callbacks, control, given = _heard(callbacks, tensorboard), control or Control(), {**changes, "model": model}
    with closing(reopen(Path(run))) as directory:
        checkpoint, (changed, own) = _newest(directory, warn), _given_again(directory.config, given)
        config = TrainConfig.of(**{**directory.config.model_dump(), **changed})
        rows = check_dataset(data) if data else rows_of(config, sources)
        plan = _pose(config, rows, own)
        from descenso.training import session

        rate = config.learning_rate if "learning_rate" in changes else None
        with displaying(progress, callbacks) as heard:
            session.resume(session.Training(directory, plan, rows, heard, control), checkpoint, force, rate)
    return _result(directory, control, data, given)


def _newest(directory: RunDirectory, warn: Callable[[str], None]) -> Checkpoint | None:
    """Read the newest valid checkpoint; None where the run ended before its first one."""
    if not directory.history_bytes and is_empty(directory.checkpoints):
        return None
    checkpoint, damaged = newest(directory.checkpoints)
    for message in damaged:
        warn(printable(message))
    return checkpoint


def import_tensorflow() -> None:
    """Import TensorFlow without Keras, which is half of the time and is not needed for softmax regression.

    TensorFlow does without Keras where it cannot be imported, and `tf.keras` imports it at its first use. So Keras is
    marked as not importable (None in `sys.modules`, as Python documents) for as long as TensorFlow's import lasts.
    Python's garbage collector rests meanwhile: it would search the new modules, which stay, again and again.
    """
    if "tensorflow" in sys.modules or "keras" in sys.modules:
        return
    sys.modules[_KERAS] = None  # type: ignore[assignment]
    collects = gc.isenabled()
    gc.disable()
    try:
        with suppress(ImportError):  # of a version that needs Keras at once
            import_module("tensorflow")
    finally:
        del sys.modules[_KERAS]
        if collects:
            gc.enable()
    import_module("tensorflow")


def _heard(callbacks: Sequence[Callback] | Callback, tensorboard: str | Path | None) -> Sequence[Callback]:
    """Check the callbacks, and add that of TensorBoard."""
    callbacks = [callbacks] if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable) else callbacks
    for each in callbacks:
        never_called = [name for name in dir(each) if name.startswith("on_") and not hasattr(Callback, name)]
        if not isinstance(each, Callback) or never_called:
            from descenso.guesses import refused_callback, refused_methods

            ours = isinstance(each, Callback)
            raise ConfigError(refused_methods(each, never_called, dir(Callback)) if ours else refused_callback(each))
    if tensorboard is None:
        return list(callbacks)
    from descenso.training.tensorboard import Board

    return [*callbacks, Board(Path(tensorboard))]


def _given_again(config: TrainConfig, changes: dict[str, Any]) -> tuple[dict[str, Any], "Own | None"]:
    """Return the changes of settings, and the user's own code, of which the run of `config` may need some again."""
    needed = [kind for kind in OWN if is_own(kind, getattr(config, kind))]
    again = {kind: changes[kind] for kind in needed if changes.get(kind) is not None}
    rest = {name: value for name, value in changes.items() if name not in needed and value is not None}
    changes, own = own_of(rest)
    if needed:
        from descenso.descent.own import given_again

        own = given_again(config, again, own=own)
    return changes, own


def rows_of(config: TrainConfig, sources: Sources | None = None) -> Dataset:
    """Read the dataset that `config` names."""
    asked = config.model_dump(include={*having("reads data"), "seed"})
    return load(config.data, **asked, sources=sources)


def _source(data: Dataset | str | Path) -> str:
    """Return the entry of `data` in a config: a name, or a full path, so that it can be used from anywhere."""
    if isinstance(data, Dataset):
        return data.name
    if not isinstance(data, str | Path):
        raise ConfigError(
            _(
                "data must be a Dataset, a name, a path, or inputs and labels, got {kind}; try descenso.train(X, y)"
            ).format(kind=type(data).__name__)
        )
    data = str(data)
    try:
        return str(Path(data).resolve()) if data not in NAMES and Path(data).exists() else data
    except (OSError, ValueError):  # a name too long, a folder that may not be entered: `load` says so
        return data
