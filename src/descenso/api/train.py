"""Train, and resume a run."""

import gc
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.run import Run
from descenso.config import TrainConfig, having
from descenso.data.catalog import NAMES, load
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import ConfigError
from descenso.registry import MODELS
from descenso.runs.checkpoints import Checkpoint, is_empty, newest
from descenso.runs.directory import RunDirectory, create, open_directory, reopen
from descenso.runs.environment import environment
from descenso.text import _, printable
from descenso.training.control import Callback, Control

if TYPE_CHECKING:
    from descenso.descent.problem import Model
    from descenso.training.plan import Plan

_KERAS = "keras.src.optimizers"  # what TensorFlow imports of Keras at its end, if it is there


def train(
    data: Dataset | str | Path = "mnist",
    *,
    model: Any = "softmax",
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    sources: Sources | None = None,
    **settings: Any,
) -> Run:
    """Train a model, save the run, and return it, however it ended (see `Run.outcome`).

    Args:
        data: a dataset, or what `load` takes.
        model: a name, a keras.Model, or a function that makes one, which is given again to resume or use the run.
        out: the run directory itself; by default a new one below `runs/`.
        callbacks: called as training goes.
        control: through which another thread stops, pauses or steers training.
        tensorboard: the folder that TensorBoard shows (extra `tensorboard`), in which the run gets one of its own.
        sources: folder of named datasets, and sizes beyond which data is refused.
        **settings: those of `TrainConfig`; for few rows, a batch_size and epochs that are not given are adapted.

    Raises:
        ConfigError, DataError, DiskError: for settings, for data, for a disk that cannot be used; no run is left.
    """
    name, given = model_of(model, str(settings.get("dtype", "float32")))
    config = TrainConfig.of(**{**settings, "data": _source(data), "model": name})
    rows = _read_already(data, config) if isinstance(data, Dataset) else rows_of(config, sources)
    config, callbacks = check_fit(rows, config, settings), _with_board(callbacks, tensorboard)
    with closing(create(config, environment(), None if out is None else Path(out))) as directory:
        try:
            plan = _pose(config, rows, given)
            from descenso.training import session
        except (ConfigError, KeyboardInterrupt):  # settings that cannot be meant, or Ctrl-C by now, leave no run
            directory.discard()
            raise
        session.run(session.Training(directory, plan, rows, callbacks, control or Control()))
    return Run(open_directory(directory.path))


def _pose(config: TrainConfig, data: Dataset, model: "Model | None") -> "Plan":
    import_tensorflow()
    from descenso.training.plan import Plan
    from descenso.training.session import make_deterministic

    if config.deterministic:
        make_deterministic()
    return Plan.of(config, data, model)


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


def model_of(model: Any, dtype: str) -> tuple[str, "Model | None"]:
    """Return the name of `model` for a config, and the model itself where it is the user's."""
    if isinstance(model, str):
        return model, None
    from descenso.descent.keras_models import as_model

    own = as_model(model, TrainConfig.of(dtype=dtype).dtype)
    return "python:" + re.sub(r"\W|^(?=\d)", "_", own.name, flags=re.ASCII), own


def resume(
    run: str | Path,
    *,
    data: Dataset | None = None,
    model: Any = None,
    force: bool = False,
    callbacks: Sequence[Callback] = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    warn: Callable[[str], None] = warnings.warn,
    sources: Sources | None = None,
    **changes: Any,
) -> Run:
    """Resume a run from its newest checkpoint, to the same bits as if it had never stopped.

    Args:
        run: the run directory.
        data, model: rows and model, where the run was trained with the user's.
        callbacks, control, tensorboard, sources: as of `train`.
        force: go on although config, data or versions changed; the run is then no longer exact.
        warn: called with a message for each newer checkpoint that is damaged and passed over.
        **changes: `epochs` extends a run; `engine` (no longer exact); `patience`; `checkpoint_every`.

    Raises:
        CheckpointError: where no checkpoint is valid, or something changed; the difference is named.
        RunInUse: where another process is writing the run.
    """
    callbacks = _with_board(callbacks, tensorboard)
    with closing(reopen(Path(run))) as directory:
        checkpoint = _newest(directory, warn)
        config = TrainConfig.of(**{**directory.config.model_dump(), **changes})
        rows = check_dataset(data) if data else rows_of(config, sources)
        plan = _pose(config, rows, _own(config, model))
        from descenso.training import session

        training = session.Training(directory, plan, rows, callbacks, control or Control())
        rate = config.learning_rate if "learning_rate" in changes else None
        session.resume(training, checkpoint, force, rate)
    return Run(open_directory(directory.path))


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


def _with_board(callbacks: Sequence[Callback], tensorboard: str | Path | None) -> Sequence[Callback]:
    if tensorboard is None:
        return callbacks
    from descenso.training.tensorboard import Board

    return [*callbacks, Board(Path(tensorboard))]


def _own(config: TrainConfig, model: Any) -> "Model | None":
    if model is None and config.model in MODELS:
        return None
    from descenso.descent.keras_models import own_model

    return own_model(config, model)


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
            _("data must be a Dataset, a name or a path, got {kind}; try descenso.from_arrays(X, y)").format(
                kind=type(data).__name__
            )
        )
    data = str(data)
    try:
        return str(Path(data).resolve()) if data not in NAMES and Path(data).exists() else data
    except (OSError, ValueError):  # a name too long, a folder that may not be entered: `load` says so
        return data
