"""Train, and save the run."""

import gc
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso.api.run import Run
from descenso.config import TrainConfig, having
from descenso.data.catalog import NAMES, before_data, load, with_model
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.order import BLOCKS
from descenso.data.sources import Sources
from descenso.errors import ConfigError, stopped_by
from descenso.registry import OWN
from descenso.runs.directory import RunDirectory, create, open_directory
from descenso.runs.environment import environment
from descenso.runs.trained import Trained
from descenso.text import _, plural, printable
from descenso.training.control import Callback, Control
from descenso.training.display import displaying, starting

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.descent.problem import Own
    from descenso.engines.cluster import Cluster
    from descenso.hints import Settings
    from descenso.training.plan import Plan
_NOT_NEEDED = ("keras.src.optimizers", "h5py", "scipy")  # what TensorFlow imports where it is there


def train(
    data: Any = "mnist",
    labels: Any = None,
    *,
    model: Any = None,
    out: str | Path | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    sources: Sources | None = None,
    cluster: "Cluster | None" = None,
    **settings: "Unpack[Settings]",
) -> Run:
    """Train a model, save the run, and return it, however it ended (see `Run.outcome`).

    Args:
        data: a dataset, or what `load` takes; or inputs, beside their labels; or a frame of polars or pandas, with the
            column of the labels as the setting `label`. A fifth of rows in memory, or `test_fraction`, is tested on.
        labels: (rows,) the labels of inputs, whole numbers or text.
        model: a name; a keras.Model, which has the final weights afterwards unless training diverged; or a function
            that makes one, to be given again in another process. By default cnn for pictures, mlp for other rows, and
            softmax for a dataset with a name.
        out: the run directory itself; by default a new one below `runs/`.
        progress: whether to show progress on standard error; by default in a terminal or a notebook.
        callbacks: called as training goes.
        control: through which another thread stops, pauses or steers training.
        tensorboard: the folder that TensorBoard shows (extra `tensorboard`), in which the run gets one of its own.
        sources: folder of named datasets, and sizes beyond which data is refused.
        cluster: the processes of the engine `workers`, as `TF_CONFIG` or Slurm name them; the first writes the run.
        **settings: those of `TrainConfig`; for few rows, a batch_size and epochs that are not given are adapted.

    Raises:
        ConfigError, DataError, DiskError: for settings, for data, for a disk that cannot be used; no run is left.
        KeyboardInterrupt: after Ctrl-C has stopped training and the run is saved; its `run` is the directory.
        WorkerError: if another process of the cluster is lost, or is not like this one.
    """
    follower = joined(settings, cluster)
    listeners = _Listeners(progress, checked_callbacks(callbacks, tensorboard), control or Control(), follower)
    return _train(data, labels, {**settings, "model": model}, out, sources, listeners)


class _Listeners(NamedTuple):
    """What watches and steers a training run; see `train`. `follower` is the cluster of a process but the chief."""

    progress: bool | None
    callbacks: Sequence[Callback]
    control: Control
    follower: "Cluster | None"


def _train(
    data: Any,
    labels: Any,
    settings: dict[str, Any],
    out: str | Path | None,
    sources: Sources | None,
    listeners: _Listeners,
) -> Run:
    asked = dict(settings)
    if labels is not None or not isinstance(data, Dataset | str | Path):
        from descenso.data.memory import dataset_of

        data = dataset_of(data, labels, settings)
    named, own = own_of({**settings, "data": source_of(data)})
    config = TrainConfig.of(**before_data(named))
    rows = _read_already(data, config) if isinstance(data, Dataset) else rows_of(config, sources)
    named, rows = with_model(named, rows)
    taken = {name: value for name, value in asked.items() if name not in settings}
    config = check_fit(rows, _with_how_read(TrainConfig.of(**named), taken), settings)
    if config.order.startswith(BLOCKS):
        from descenso.data.streams import with_mixing_noted

        rows = with_mixing_noted(rows, config)
    if listeners.follower:
        from descenso.api.together import follow

        return Run(follow(listeners.follower, pose(config, rows, own), listeners.control))
    with closing(create(config, environment(), None if out is None else Path(out))) as directory:
        try:
            plan = pose(config, rows, own)
            from descenso.training import session
        except BaseException:  # invalid settings, and Ctrl-C before training, leave no run
            directory.discard()
            raise
        with displaying(listeners.progress, listeners.callbacks) as heard:
            session.run(session.Training(directory, plan, rows, heard, listeners.control))
    return result(directory, listeners.control, data, settings)


def joined(settings: Mapping[str, Any], cluster: "Cluster | None") -> "Cluster | None":
    """Join the other processes for the engine `workers`; return their cluster, if this process is not the chief."""
    if settings.get("engine") != "workers" and cluster is None:
        return None
    from descenso.api.together import join

    with starting():
        import_tensorflow()
    return join(settings.get("engine"), cluster, settings.get("deterministic"))


def result(directory: RunDirectory, control: Control, data: Any, own: dict[str, Any]) -> Run:
    """Return the run, after leaving its weights in the user's model.

    Raises:
        KeyboardInterrupt, SystemExit: where a signal has stopped it, which is meant for more than this run.
    """
    if directory.config.engine == "workers":
        from descenso.api.together import finish

        finish(directory.path)
    brought = {kind: own[kind] for kind in OWN if not isinstance(own.get(kind), str | None)}
    run = Run(open_directory(directory.path), data if isinstance(data, Dataset) else None, brought)
    if "model" in brought and run.test_accuracy is not None:
        from descenso.descent.keras_models import keep_weights

        weights = Trained.unpacked(*directory.weights(), directory.path)
        keep_weights(brought["model"], {**weights.params, **weights.model_state})
    if control.signal:
        from descenso.data.memory import call_with_data, was_in_memory

        epochs = plural("{count} epoch", "{count} epochs", run.config.epochs).format(count=run.config.epochs)
        message, line = _("interrupted after {done} of {epochs}, and saved; to go on: descenso resume {run}"), ""
        if isinstance(data, Dataset) and was_in_memory(data.name):
            message = _("interrupted after {done} of {epochs}, and saved; to go on: {line}")
            line = printable(call_with_data("resume", run.path, run.config.data))
        done = run.status["epochs_done"]
        told = message.format(done=done, epochs=epochs, run=printable(str(run.path)), line=line)
        raise stopped_by(control.signal, told, run.path)
    return run


def pose(config: TrainConfig, data: Dataset, own: "Own | None") -> "Plan":
    """Import TensorFlow, and pose the training run; the first import of TensorFlow takes seconds."""
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
            message = _("TensorFlow was imported before descenso, and has left oneDNN off, without which convolutions "
                        "take twice as long; import descenso first, or set TF_ENABLE_ONEDNN_OPTS=1")  # fmt: skip
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


def _with_how_read(config: TrainConfig, taken: dict[str, Any]) -> TrainConfig:
    """Record the settings by which rows in memory became a dataset, so that they can be split in that way again."""
    drop = taken.get("drop", "")
    names = [drop] if isinstance(drop, str) else [*map(str, drop)]
    if any("," in name for name in names) and not isinstance(drop, str):  # a setting cannot hold such a name
        names = []
    shape = taken.get("input_shape", "")
    how = {
        "label": str(taken.get("label", "")),
        "drop": ",".join(names),
        "decimal": taken.get("decimal", ""),
        "test_fraction": taken.get("test_fraction", 0),
        "input_shape": shape if isinstance(shape, str) else "x".join(map(str, shape)),
    }
    return TrainConfig.of(**{**config.model_dump(), **{name: how[name] for name in taken}})


def own_of(settings: dict[str, Any]) -> tuple[dict[str, Any], "Own | None"]:
    """Return settings for a config, and the user's own model, rule, schedule and loss where these are no names."""
    if all(isinstance(settings.get(kind), str | None) for kind in OWN):
        return settings, None
    with starting():
        import_tensorflow()
        from descenso.descent.own import taken_from

    return taken_from(settings)


def import_tensorflow() -> None:
    """Import TensorFlow without what softmax regression does not need: Keras, half of the time, and h5py and SciPy.

    TensorFlow does without these where they cannot be imported, and `tf.keras` imports Keras at its first use. So they
    are marked as not importable (None in `sys.modules`, as Python documents) for as long as TensorFlow's import lasts.
    Python's garbage collector rests meanwhile: it would search the new modules, which stay, again and again.
    """
    if "tensorflow" in sys.modules or "keras" in sys.modules:
        return
    marked = [name for name in _NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(marked))  # type: ignore[arg-type]
    collects = gc.isenabled()
    gc.disable()
    try:
        with suppress(ImportError):  # of a version that needs one of them at once
            import_module("tensorflow")
    finally:
        for name in marked:
            del sys.modules[name]
        if collects:
            gc.enable()
    import_module("tensorflow")


def checked_callbacks(callbacks: Sequence[Callback] | Callback, tensorboard: str | Path | None) -> Sequence[Callback]:
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
    if not isinstance(tensorboard, str | os.PathLike):
        message = _("tensorboard must be a folder, got {given!r}; try tensorboard='logs'")
        raise ConfigError(message.format(given=tensorboard))
    from descenso.training.tensorboard import Board

    return [*callbacks, Board(Path(tensorboard))]


def rows_of(config: TrainConfig, sources: Sources | None = None) -> Dataset:
    """Read the dataset that `config` names."""
    asked = config.model_dump(include={*having("reads data"), "seed"})
    return load(config.data, **asked, sources=sources)


def source_of(data: Dataset | str | Path) -> str:
    """Return the entry of `data` in a config: a name, or a full path, so that it can be used from anywhere."""
    if isinstance(data, Dataset):
        return data.name
    if not isinstance(data, str | Path):
        raise ConfigError(
            _("data must be a Dataset, a name, a path, or inputs and labels, got {kind}; try data=(X, y)").format(
                kind=type(data).__name__
            )
        )
    data = str(data)
    try:
        return str(Path(data).resolve()) if data not in NAMES and Path(data).exists() else data
    except (OSError, ValueError):  # a name too long, a folder that may not be entered: `load` says so
        return data
