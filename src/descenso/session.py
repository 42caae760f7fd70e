"""One sitting of a descent in its run directory: from the start or from a checkpoint, to what is kept of it."""

import math
import time
from contextlib import closing, suppress
from typing import Any

import numpy as np

from descenso.config import FREE, TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.fingerprint import data_fingerprint, fingerprint
from descenso.errors import CheckpointError, ConfigError, DescensoError
from descenso.reports.figures import loss_figure, save_figure, templates_figure
from descenso.runs.checkpoints import Checkpoint
from descenso.runs.directory import RunDirectory
from descenso.runs.environment import environment
from descenso.text import _
from descenso.training.evaluation import evaluate
from descenso.training.journal import COSTS, RunJournal
from descenso.training.loop import Descent, Progress, descend_all, problem_of
from descenso.training.observer import Observer
from descenso.training.outcome import Outcome
from descenso.training.snapshot import restore
from descenso.training.threads import make_deterministic, threads

__all__ = ["circumstances", "differences", "progress_of", "sit"]

DECIDING = ("descenso", "tensorflow", "keras", "numpy", "processor", "cores")  # of the environment: what bits hang on


def circumstances(config: TrainConfig, data: Dataset) -> dict[str, Any]:
    """What must be the same for a descent to go on to the same bits."""
    found = environment()
    return {
        "config": config.model_dump(exclude=set(FREE)),
        "data": data_fingerprint(data),
        "versions": {name: found[name] for name in DECIDING},
        "threads": threads(),
    }


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What changed between two circumstances, a line each."""
    lines = []
    for part, value in now.items():
        before = then.get(part)
        pairs = value if isinstance(value, dict) else {"": value}
        olds = before if isinstance(before, dict) else {"": before}
        for name in sorted({*pairs, *olds}):
            old, new = olds.get(name), pairs.get(name)
            if old != new:
                lines.append(f"{part} {name}: {old} → {new}".replace(" :", ":"))
    return lines


def progress_of(checkpoint: Checkpoint, config: TrainConfig, data: Dataset) -> Progress:
    """The progress that `checkpoint` holds.

    Raises:
        CheckpointError: where it is of another model, or of no run of `config` at all.
        ConfigError: where it lies beyond the epochs of `config`.
    """
    (epoch, step), about = checkpoint.position, checkpoint.about
    least = epoch + (step > 0)
    if config.epochs < least:
        raise ConfigError(
            _("epochs must be at least {least}, which are walked, got {epochs}; try --epochs {least}").format(
                least=least, epochs=config.epochs
            )
        )
    arrays = dict(checkpoint.arrays)
    costs = arrays.pop(COSTS, None)
    if costs is None:
        raise CheckpointError(_("the checkpoint holds no {name}").format(name=COSTS))
    steps = -(-(len(data.train.labels) - config.validation_size) // config.batch_size)
    seconds, size = about.get("seconds"), about.get("history_bytes")
    told = isinstance(seconds, float) and math.isfinite(seconds) and isinstance(size, int) and size >= 0
    if not told or step >= steps or costs.shape != (step,) or costs.dtype != np.float64:
        raise CheckpointError(
            _("the checkpoint stands at epoch {epoch}, step {step}, where no run of these settings ever stands").format(
                epoch=epoch, step=step
            )
        )
    state = restore(problem_of(config, data), config.seed, arrays)
    return Progress(checkpoint.position, state, costs.astype(np.float64), float(about["seconds"]))


def sit(
    directory: RunDirectory,
    config: TrainConfig,
    data: Dataset,
    observer: Observer,
    begin: Progress | None = None,
    exact: bool = True,
) -> None:
    """Descend from `begin`, and keep what comes of it in `directory`."""
    if config.deterministic:
        make_deterministic()
    train_data, validation = data.hold_back(config.validation_size)
    started = time.time()
    try:
        with closing(RunJournal(directory, circumstances(config, data))) as journal:
            descent = descend_all(config, train_data, observer, journal, begin)
    except BaseException:  # a second Ctrl-C, a full disk, or a fault: say so in the run, and let it pass
        with suppress(DescensoError):
            done = len(directory.history.epochs)
            told = {"outcome": Outcome.INTERRUPTED.value, "epochs_done": done, "exact": exact}
            directory.write("status.json", told)
        raise
    epochs = directory.history.epochs
    status: dict[str, Any] = {
        "outcome": descent.outcome.value,
        "epochs_done": len(epochs),
        "signal": descent.signal or None,
        "diverged_at": descent.diverged_at,
        "started_unix_seconds": started,
        "compile_seconds": descent.compile_seconds,
        "train_seconds": sum(epoch.seconds for epoch in epochs),
        "exact": exact,
    }
    if descent.outcome is Outcome.DIVERGED:
        directory.drop_weights()
    else:
        status |= _keep(directory, descent, data, validation)
    _draw(directory, descent, data)
    directory.write("status.json", status)


def _keep(directory: RunDirectory, descent: Descent, data: Dataset, validation: Split) -> dict[str, Any]:
    """Write the weights, and what they come to on rows never learned from."""
    about = {
        "model": descent.problem.model.name,
        "input_shape": "×".join(map(str, data.input_shape)),
        "class_names": "\n".join(data.class_names),
        "input_scale": repr(data.input_scale),
    }
    directory.write_weights(descent.params, about)
    model, params = descent.problem.model, descent.params
    test = evaluate(model, params, data.test, data.input_scale)
    kept = {"test_accuracy": test.accuracy, "test_cost": test.cost, "fingerprint": fingerprint(params)}
    if len(validation.labels):
        kept["validation_accuracy"] = evaluate(model, params, validation, data.input_scale).accuracy
    return kept


def _draw(directory: RunDirectory, descent: Descent, data: Dataset) -> None:
    save_figure(loss_figure({directory.path.name: directory.history.costs}), directory.plot_path("loss.png"))
    if descent.problem.model.name == "softmax" and descent.outcome is not Outcome.DIVERGED:
        figure = templates_figure(descent.params["W"], data.input_shape, data.class_names)
        save_figure(figure, directory.plot_path("templates.png"))
