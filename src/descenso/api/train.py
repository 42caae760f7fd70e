"""Train, and resume a run."""

import re
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.run import Run
from descenso.config import TrainConfig, having
from descenso.data.catalog import NAMES, load
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.limits import Limits
from descenso.errors import ConfigError
from descenso.registry import MODELS
from descenso.runs.checkpoints import is_empty, newest
from descenso.runs.directory import RunDirectory, create, open_directory, reopen
from descenso.runs.environment import environment
from descenso.text import _, printable
from descenso.training.observer import Observer, both

if TYPE_CHECKING:
    from descenso.descent.problem import Model


def train(
    data: Dataset | str | Path = "mnist",
    *,
    model: Any = "softmax",
    out: str | Path | None = None,
    limits: Limits | None = None,
    data_dir: Path | None = None,
    observer: Observer | None = None,
    tensorboard: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Descend, and keep what came of it in a run directory.

    Args:
        data: a dataset, or what `load` takes.
        model: a name; or a keras.Model, or what makes one: whoever resumes or uses such a run gives it again.
        out: the run directory itself; by default a new one below `runs/`.
        limits: what to refuse as too large, where `data` is read.
        data_dir: where named datasets are looked for first.
        observer: who hears of each epoch.
        tensorboard: the folder that TensorBoard is to show (extra `tensorboard`), in which the run gets one of its own.
        **settings: those of `TrainConfig`; for few rows, a batch_size and epochs that are not given are made to suit.

    Returns:
        The run, however it ended: see `Run.outcome`.

    Raises:
        ConfigError, DataError: for a setting out of range, for data that cannot be learned from; nothing is written.
        DiskError: where the run cannot be written.
    """
    name, own = model_of(model, str(settings.get("dtype", "float32")))
    config = TrainConfig.of(**{**settings, "data": _source(data), "model": name})
    rows = _read_already(data, config) if isinstance(data, Dataset) else rows_of(config, limits, data_dir)
    config, heard = check_fit(rows, config, settings), _heard(observer, tensorboard)
    with closing(create(config, environment(), None if out is None else Path(out))) as directory:
        _check_problem(directory, rows, config, own)
        from descenso.training.session import sit

        sit(directory, config, rows, heard, own=own)
    return Run(open_directory(directory.path))


def _read_already(data: Dataset, config: TrainConfig) -> Dataset:
    """`data`, checked; settings that say how data is read are refused here, rather than left without effect."""
    for name in having("reads data"):
        if getattr(config, name):
            raise ConfigError(
                _("{name}: the data is in memory already; leave {name} out, or give it to what made the data").format(
                    name=name
                )
            )
    return check_dataset(data)


def _check_problem(directory: RunDirectory, data: Dataset, config: TrainConfig, own: "Model | None") -> None:
    """Pose the problem once before anything is begun: where it cannot be meant, no run is left behind."""
    from descenso.training.loop import problem_of
    from descenso.training.threads import make_deterministic

    try:
        if config.deterministic:
            make_deterministic()
        problem_of(config, data.hold_back(config.validation_rows(len(data.train.labels)))[0], own)
    except ConfigError:
        directory.discard()
        raise


def model_of(model: Any, dtype: str) -> tuple[str, "Model | None"]:
    """The name of `model` in a config, and itself where it is one's own."""
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
    limits: Limits | None = None,
    data_dir: Path | None = None,
    force: bool = False,
    observer: Observer | None = None,
    tensorboard: str | Path | None = None,
    warn: Callable[[str], None] = warnings.warn,
    **changes: Any,
) -> Run:
    """Go on with a run from its newest checkpoint, to the same bits as if it had never stopped.

    Args:
        run: its directory.
        data, model: its rows and its model, where it was trained with one's own.
        limits, data_dir, observer, tensorboard: as of `train`.
        force: go on although config, data or versions changed; the run is then no longer exact.
        warn: hears of each newer checkpoint that is damaged and passed over.
        **changes: `epochs` extends a run; `engine` goes on with another one (no longer exact); `patience`;
            `checkpoint_every`.

    Raises:
        CheckpointError: where no checkpoint can be believed, or something changed; the difference is named.
        RunInUse: where another process is writing the run.
    """
    heard = _heard(observer, tensorboard)
    with closing(reopen(Path(run))) as directory:
        checkpoint = None
        if directory.history_bytes or not is_empty(directory.checkpoints):  # else it ended before its first one
            checkpoint, damaged = newest(directory.checkpoints)
            list(map(warn, map(printable, damaged)))
        config = TrainConfig.of(**{**directory.config.model_dump(), **changes})
        rows = check_dataset(data) if data else rows_of(config, limits, data_dir)
        from descenso.training.session import go_on

        go_on(directory, checkpoint, config, rows, force, heard, _own(config, model))
    return Run(open_directory(directory.path))


def _heard(observer: Observer | None, tensorboard: str | Path | None) -> Observer:
    if tensorboard is None:
        return observer or Observer()
    from descenso.training.tensorboard import Board

    return both(observer or Observer(), Observer(**Board(Path(tensorboard)).hears))


def _own(config: TrainConfig, model: Any) -> "Model | None":
    if model is None and config.model in MODELS:
        return None
    from descenso.descent.keras_models import own_model

    return own_model(config, model)


def rows_of(config: TrainConfig, limits: Limits | None, data_dir: Path | None = None) -> Dataset:
    """The dataset that `config` names, read as it says."""
    asked = config.model_dump(include={*having("reads data"), "seed"})
    return load(config.data, limits, **asked, data_dir=data_dir)


def _source(data: Dataset | str | Path) -> str:
    """What a config says of `data`: a name, or a full path, so that it may be given back anywhere."""
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
