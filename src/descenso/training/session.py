"""One sitting of a descent in its run directory: from the start or from a checkpoint, to what is kept of it."""

import math
import time
from contextlib import closing, suppress
from typing import Any

import numpy as np

from descenso.config import FREE, TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.fingerprint import data_fingerprint, fingerprint
from descenso.descent.problem import Model
from descenso.errors import CheckpointError, ConfigError, DescensoError
from descenso.registry import SCHEDULES, parse
from descenso.reports.figures import curves, loss_figure, save_figure, templates_figure
from descenso.runs.checkpoints import Checkpoint, drop_newer
from descenso.runs.directory import RunDirectory
from descenso.runs.environment import environment
from descenso.runs.history import History
from descenso.runs.trained import Trained
from descenso.text import _
from descenso.training.checkpointing import BEST, restore
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.journal import COSTS, RunJournal
from descenso.training.loop import Descent, Progress, descend_all, problem_of
from descenso.training.observer import Observer
from descenso.training.outcome import Outcome
from descenso.training.threads import make_deterministic, onednn, threads

DECIDING = (  # of the environment: what bits hang on
    "descenso", "tensorflow", "keras", "numpy", "processor", "instructions", "cores", "xla_flags",
)  # fmt: skip


def circumstances(config: TrainConfig, data: Dataset) -> dict[str, Any]:
    """What must be the same for a descent to go on to the same bits."""
    found = environment()
    free = set(FREE) if parse(config.schedule, SCHEDULES)[0] == "constant" else set(FREE) - {"epochs"}
    return {
        "config": config.model_dump(exclude=free),  # other schedules hang on how many epochs there will be
        "data": data_fingerprint(data),
        "versions": {name: found[name] for name in DECIDING},
        "threads": threads(),
        "kernels": {"onednn": onednn()},
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


def progress_of(checkpoint: Checkpoint, config: TrainConfig, data: Dataset, own: Model | None = None) -> Progress:
    """The progress that `checkpoint` holds.

    Raises:
        CheckpointError: where it is of another model, or of no run of `config` at all.
        ConfigError: where it lies beyond the epochs of `config`.
    """
    (epoch, step), about = checkpoint.position, checkpoint.about
    data, _validation = data.hold_back(config.validation_rows(len(data.train.labels)))
    least = epoch + (step > 0)
    if config.epochs < least:
        raise ConfigError(
            _("epochs must be at least {least}, which are walked, got {epochs}; try --epochs {least}").format(
                least=least, epochs=config.epochs
            )
        )
    arrays, best = dict(checkpoint.arrays), about.get("best")
    costs = arrays.pop(COSTS, None)
    if costs is None:
        raise CheckpointError(_("the checkpoint holds no {name}").format(name=COSTS))
    rows = len(data.train.labels)
    steps = -(-rows // config.batch_rows(rows))
    seconds, size = about.get("seconds"), about.get("history_bytes")
    told = isinstance(seconds, float) and math.isfinite(seconds) and isinstance(size, int) and size >= 0
    told = told and (best is None or set(best) == {"epoch", "cost"})
    if not told or step >= steps or costs.shape != (step,) or costs.dtype != np.float64:
        raise CheckpointError(
            _("the checkpoint stands at epoch {epoch}, step {step}, where no run of these settings ever stands").format(
                epoch=epoch, step=step
            )
        )
    if not config.patience:  # nobody asks any more what was best
        best, arrays = None, {name: array for name, array in arrays.items() if not name.startswith(f"{BEST}/")}
    seen = (int(best["epoch"]), float(best["cost"])) if best else None
    state, kept = restore(problem_of(config, data, own), config.seed, arrays, seen)
    return Progress(checkpoint.position, state, costs.astype(np.float64), float(about["seconds"]), kept)


def sit(
    directory: RunDirectory,
    config: TrainConfig,
    data: Dataset,
    observer: Observer,
    begin: Progress | None = None,
    exact: bool = True,
    own: Model | None = None,
) -> None:
    """Descend from `begin`, and keep what comes of it in `directory`; `own` in place of the config's model."""
    if config.deterministic:
        make_deterministic()
    train_data, validation = data.hold_back(config.validation_rows(len(data.train.labels)))
    started = time.time()
    try:
        observer.begun(directory.path, config, data)
        now = circumstances(config, data)
        with closing(RunJournal(directory, now)) as journal:
            descent = descend_all(config, train_data, observer, journal, begin, validation, own)
        status = _told(descent, directory.history, started) | {"exact": exact, "data": now["data"]}
        if descent.outcome is Outcome.DIVERGED and not descent.best:
            directory.drop_weights()
        else:
            status |= _keep(directory, descent, data, validation)
    except BaseException:  # a second Ctrl-C, a full disk, or a fault: say so in the run, and let it pass
        with suppress(DescensoError):
            done = len(directory.history.epochs)
            told = {"outcome": Outcome.INTERRUPTED.value, "epochs_done": done, "exact": exact}
            directory.write("status.json", told)
        raise
    directory.write("status.json", status)  # before anything is drawn: no picture is worth a run
    _draw(directory, descent, data)
    observer.ended(status)


def go_on(
    directory: RunDirectory,
    checkpoint: Checkpoint | None,
    config: TrainConfig,
    data: Dataset,
    force: bool,
    observer: Observer,
    own: Model | None,
) -> None:
    """Descend from `checkpoint`, or from the start where a run ended before it had one; see `api.train`."""
    if config.deterministic:  # before the circumstances are looked at, of which the threads are part
        make_deterministic()
    if checkpoint is None:
        directory.write("config.json", config.model_dump())
        sit(directory, config, data, observer, own=own)
        return
    changed = differences(checkpoint.about, circumstances(config, data))
    if changed and not force:
        raise CheckpointError(
            _("{run}: it cannot go on exactly, for this changed: {changed}; try --force to go on all the same").format(
                run=directory.path, changed="; ".join(changed)
            )
        )
    begin = progress_of(checkpoint, config, data, own)
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
    sit(directory, config, data, observer, begin, exact, own)


def _told(descent: Descent, history: History, started: float) -> dict[str, Any]:
    return {
        "outcome": descent.outcome.value,
        "epochs_done": len(history.epochs) - (descent.outcome is Outcome.DIVERGED),
        "signal": descent.signal or None,
        "diverged_at": descent.diverged_at,
        "started_unix_seconds": started,
        "compile_seconds": descent.compile_seconds,
        "train_seconds": sum(epoch.seconds for epoch in history.epochs) + descent.unfinished_seconds,
    }


def _keep(directory: RunDirectory, descent: Descent, data: Dataset, validation: Split) -> dict[str, Any]:
    """Write the weights, the best ones where there was a patience, and what they come to on rows never learned from."""
    best = descent.best
    params, carried = (best.params, best.model_state) if best else (descent.params, descent.model_state)
    scaling = data.input_scale, data.input_shift
    trained = Trained(params, carried, data.input_shape, data.class_names, *scaling, data.stored, data.columns)
    directory.write_weights(*trained.packed())
    predictor = Predictor.of_weights(descent.problem.model, params, carried, *scaling)
    test = evaluate(predictor, data.test)
    kept = {"test_accuracy": test.accuracy, "test_cost": test.cost, "fingerprint": fingerprint({**params, **carried})}
    if best:
        kept |= {"best_epoch": best.epoch}
    if len(validation.labels):
        kept["validation_accuracy"] = evaluate(predictor, validation).accuracy
    return kept


def _draw(directory: RunDirectory, descent: Descent, data: Dataset) -> None:
    save_figure(loss_figure(curves(directory.path.name, directory.history)), directory.plot_path("loss.png"))
    images = len(data.input_shape) == 2
    if descent.problem.model.name == "softmax" and images and descent.outcome is not Outcome.DIVERGED:
        figure = templates_figure(descent.params["W"], data.input_shape, data.class_names)
        save_figure(figure, directory.plot_path("templates.png"))
