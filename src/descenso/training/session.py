"""Train in a run directory, from the start or from a checkpoint, and save the results there."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port  # only this knows whether oneDNN is in use

from descenso.config import BEFORE, FREE, TrainConfig
from descenso.data.dataset import Dataset, data_fingerprint, fingerprint
from descenso.descent.problem import Arrays, weights
from descenso.engines import base as programs
from descenso.engines.base import Runner
from descenso.errors import CheckpointError, ConfigError, DescensoError, Interruption
from descenso.runs.checkpoints import Checkpoint
from descenso.runs.directory import RunDirectory
from descenso.runs.environment import environment
from descenso.runs.trained import Trained
from descenso.text import _
from descenso.training.checkpointing import Checkpointing, cut_to, progress_of
from descenso.training.control import Callback, Control, Outcome, Progress
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.loop import beginning, trained_weights, walk, with_rate
from descenso.training.plan import Plan

LATER = (  # settings that checkpoints of earlier versions lack
    "decimal", "encoding", "header", "numeric_only", "input_shape", "skip_unreadable",
)  # fmt: skip
DECIDING = (  # parts of the environment that must match for a bit-exact resume
    "descenso", "tensorflow", "keras", "numpy", "processor", "instructions", "cores", "xla_flags",
)  # fmt: skip


class Training(NamedTuple):
    """A training run to carry out in a run directory.

    Attributes:
        directory: where the run is saved; locked.
        plan: the training run.
        data: its dataset.
        callbacks: called as it goes.
        control: stops, pauses or steers it.
    """

    directory: RunDirectory
    plan: Plan
    data: Dataset
    callbacks: Sequence[Callback]
    control: Control


def circumstances(config: TrainConfig, data: Dataset, sources: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Collect what must match for a bit-exact resume; `sources` are the digests of the user's own code."""
    found = environment()
    later = {name for name in LATER if not getattr(config, name)}
    free = set(FREE) if config.schedule.partition(":")[0] == "constant" else set(FREE) - {"epochs"}
    return {
        **({"source": dict(sources)} if sources else {}),
        "config": config.model_dump(exclude=free | later),  # other schedules depend on the number of epochs
        "data": data_fingerprint(data),
        "versions": {name: found[name] for name in DECIDING},
        "threads": threads(),
        "kernels": {"onednn": onednn()},
    }


def about_data(data: Dataset) -> dict[str, Any]:
    """Return how the data was read, in sentences and as values."""
    encoding = None if data.encoding is None else data.encoding.plain()
    pixel_range = None if data.pixel_range is None else list(data.pixel_range)
    return {"notes": list(data.notes), "inputs": list(data.columns), "encoding": encoding, "pixel_range": pixel_range}


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Describe what changed between two circumstances, a line each."""
    lines = []
    for part, value in now.items():
        before = then.get(part, value if part == "source" else None)  # which checkpoints of 0.1.0 lack
        pairs = value if isinstance(value, dict) else {"": value}
        olds = before if isinstance(before, dict) else {"": before}
        olds = {**BEFORE, **olds} if part == "config" else olds
        for name in sorted({*pairs, *olds}):
            old, new = olds.get(name), pairs.get(name)
            if old != new:
                lines.append(f"{part} {name}: {old} → {new}".replace(" :", ":"))
    return lines


def run(training: Training, begin: Progress | None = None, exact: bool = True) -> None:
    """Train, and save history, checkpoints, weights, status and pictures in the run directory.

    Args:
        training: the run.
        begin: the progress to go on from; by default the beginning.
        exact: whether it went on bit for bit so far.
    """
    directory, plan, data, callbacks = training[:4]
    started = time.time()
    try:
        if data.notes or data.encoding:
            directory.write("data.json", about_data(data))
        for callback in callbacks:
            callback.on_begin(directory.path, plan.config, data)
        now = circumstances(plan.config, data, plan.own.sources)
        status, progress = _train(training, now, begin)
        status |= {"started_unix_seconds": started, "exact": exact, "data": now["data"]}
        if progress.outcome is Outcome.DIVERGED and not progress.best:
            directory.drop_weights()
        else:
            status |= _save_weights(training, progress, *trained_weights(plan, progress))
    except BaseException:  # a second Ctrl-C, a full disk, or a fault: the status says that the run has stopped
        with suppress(DescensoError):
            done = len(directory.history.epochs)
            directory.write("status.json", {"outcome": Outcome.INTERRUPTED.value, "epochs_done": done, "exact": exact})
        raise
    directory.write("status.json", status)  # before anything is drawn: a failed picture loses no run
    _draw(training, progress)
    for callback in callbacks:
        callback.on_end(status)


def _train(training: Training, now: dict[str, Any], begin: Progress | None) -> tuple[dict[str, Any], Progress]:
    """Train; return the status so far and the last progress."""
    directory, plan, _data, callbacks, control = training
    begin, waits = begin or beginning(plan), list[tuple[float, float]]()
    with (
        closing(Checkpointing(directory, plan, now)) as checkpointing,
        Interruption(control),
        closing(plan.bind()) as runner,
    ):
        for callback in callbacks:
            callback.on_compiled(runner.compile_seconds)
        for progress in _walked(training, runner, begin, checkpointing):
            checkpointing.append(progress)
            if progress.trace and progress.trace.waited is not None:
                waits.append((progress.trace.waited, progress.trace.seconds))
            for callback in callbacks:
                callback.on_chunk(progress, plan.problem)
                if progress.ended:
                    callback.on_epoch(progress.ended)
            diverged = progress.outcome is Outcome.DIVERGED
            due = progress.outcome or progress.position == (0, 0) or checkpointing.is_due(progress)
            if due and not diverged:
                checkpointing.commit(progress)
        compile_seconds = runner.compile_seconds
    epochs, (epoch, step) = directory.history.epochs, progress.position
    status: dict[str, Any] = {
        "outcome": str(progress.outcome.value) if progress.outcome else None,
        "epochs_done": len(epochs) - diverged,
        "signal": control.signal or None,
        "diverged_at": (epoch, step - 1) if diverged else None,
        "compile_seconds": compile_seconds,
        "train_seconds": sum(epoch.seconds for epoch in epochs) + (0.0 if diverged else progress.seconds),
        "waiting_share": sum(waited for waited, _s in waits) / sum(s for _w, s in waits) if waits else None,
    }
    return status, progress


def _walked(training: Training, runner: Runner, begin: Progress, checkpointing: Checkpointing) -> Iterator[Progress]:
    """Yield `begin`, and the progress of `walk`; on `Control.undo`, go back to a checkpoint and continue from it."""
    while True:
        yield (progress := begin)
        begin = begin._replace(changed=None)
        for progress in walk(training.plan, runner, begin, training.control):
            yield progress
        if not training.control._take_undo():
            return
        begin = checkpointing.back(progress.position)


def resume(training: Training, checkpoint: Checkpoint | None, force: bool, rate: float | None = None) -> None:
    """Train from `checkpoint`, or from the start where a run ended before it had one; see `descenso.resume`.

    `rate` is the learning rate to continue with, where it is given anew; else that of the checkpoint is kept.
    """
    directory, plan, data = training[:3]
    config = plan.config
    if checkpoint is None:
        directory.write("config.json", config.model_dump())
        run(training)
        return
    changed = changed_since(checkpoint, plan, data)
    _refuse(training, changed, force)
    begin, changed = begin_again(plan, checkpoint, changed, rate)
    _refuse(training, changed, force)
    alike = config.engine == directory.config.engine and checkpoint.about.get("parts", 1) == plan.parts
    exact = bool(directory.status.get("exact", True)) and not changed and alike
    cut_to(directory, checkpoint)
    # The status first: a crash between the two must not leave a run of two engines that is called exact.
    directory.write("status.json", {"outcome": "running", "epochs_done": begin.position.epoch, "exact": exact})
    directory.write("config.json", config.model_dump())
    run(training, begin, exact)


def changed_since(checkpoint: Checkpoint, plan: Plan, data: Dataset) -> list[str]:
    """Describe what has changed since `checkpoint`, a line each."""
    return differences(checkpoint.about, circumstances(plan.config, data, plan.own.sources))


def begin_again(
    plan: Plan, checkpoint: Checkpoint, changed: list[str], rate: float | None
) -> tuple[Progress, list[str]]:
    """Return the progress to go on from, and what has changed with its learning rate; `rate` is as of `resume`."""
    begin = progress_of(checkpoint, plan)
    if any(line.startswith("config learning_rate:") for line in changed):  # edited, and forced
        rate = plan.config.learning_rate
    if rate is not None and rate != float(begin.state.rate):  # of the config, or as it was steered since
        changed = [*changed, f"learning rate: {float(begin.state.rate)} → {rate}"]
        begin = with_rate(begin, rate)
    return begin, changed


def _refuse(training: Training, changed: list[str], force: bool) -> None:
    if changed and not force:
        message = _("{run}: it cannot go on exactly, for this changed: {changed}; try --force to go on all the same")
        if all(line.startswith("config epochs:") for line in changed):
            message = _(
                "{run}: the schedule {schedule} depends on the number of epochs, so that the rates of the epochs done "
                "were those of a shorter or longer run ({changed}); try --force to go on all the same, not exactly"
            )
        schedule = training.plan.config.schedule
        raise CheckpointError(
            message.format(run=training.directory.path, schedule=schedule, changed="; ".join(changed))
        )


def _save_weights(training: Training, progress: Progress, params: Arrays, carried: Arrays) -> dict[str, Any]:
    """Save the weights; return what they achieve on rows that were not trained on."""
    directory, plan, data = training[:3]
    trained = Trained(
        params, carried, data.input_shape, data.class_names, data.scaling, data.stored, data.columns, data.encoding,
        data.pixel_range,
    )  # fmt: skip
    directory.write_weights(*trained.packed())
    predictor = Predictor.of_weights(plan.problem.model, params, carried, data.scaling)
    test = evaluate(predictor, data.test)
    status = {"test_accuracy": test.accuracy, "test_cost": test.cost, "fingerprint": fingerprint({**params, **carried})}
    if progress.best:
        status |= {"best_epoch": progress.best.epoch}
    if len(plan.validation.labels):
        status["validation_accuracy"] = evaluate(predictor, plan.validation).accuracy
    return status


def _draw(training: Training, progress: Progress) -> None:
    from descenso.reports.figures import curves, loss_figure, save_figure, templates_figure  # half a second

    directory, plan, data = training[:3]
    save_figure(loss_figure(curves(directory.path.name, directory.history)), directory.plot_path("loss.png"))
    images = len(data.input_shape) == 2
    if plan.problem.model.name == "softmax" and images and progress.outcome is not Outcome.DIVERGED:
        last = weights(plan.problem, progress.state)
        figure = templates_figure(last["W"], data.input_shape, data.class_names)
        save_figure(figure, directory.plot_path("templates.png"))


def make_deterministic() -> None:
    """One thread for each kind of work, and deterministic operations only, for this whole process.

    Raises:
        ConfigError: where TensorFlow has already started with other threads.
    """
    if threads() != {"intra_op": 1, "inter_op": 1}:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            raise ConfigError(
                _("deterministic must be set before TensorFlow has started; try it first in a new process")
            ) from None
    tf.config.experimental.enable_op_determinism()
    programs.clear()


def threads() -> dict[str, int]:
    """How many threads TensorFlow uses within and between operations; 0 is one a core."""
    return {
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
    }


def onednn() -> bool:
    """Whether TensorFlow's kernels on the processor are those of oneDNN, which add up in another order than its own."""
    return bool(_pywrap_util_port.IsMklEnabled())
