"""The training loop: a generator of progress, one record a chunk. It knows no signals, files or screens."""

import re
from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
import tensorflow as tf

from descenso.data.order import Order
from descenso.descent.problem import Arrays, TrainState, weights
from descenso.engines.base import Runner, Trace
from descenso.errors import ConfigError
from descenso.runs.checkpoints import Position
from descenso.runs.history import Epoch, RateChange
from descenso.text import _
from descenso.training.control import Best, Control, Outcome, Progress
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan

FIRST_STEPS = 8  # of the first chunk, before it is known how long a step takes
CHUNK_SECONDS = 1.0  # length of a chunk, about: a signal waits for its end


def beginning(plan: Plan) -> Progress:
    """Return the progress before the first step."""
    return Progress(Position(0, 0), plan.start(), np.empty(0), 0.0)


def walk(
    plan: Plan, runner: Runner, begin: Progress | None = None, control: Control | None = None
) -> Generator[Progress, None, None]:
    """Train, and yield the progress after each chunk; the last one says the outcome, but after `control.undo`.

    Args:
        plan: the training run.
        runner: from `plan.bind()`.
        begin: the progress to go on from; by default the beginning.
        control: through which another thread, or a signal, stops, pauses or steers.
    """
    progress, control = begin or beginning(plan), control or Control()
    if outcome := _ended(plan, progress):
        yield progress._replace(outcome=outcome)
        return
    chunks = Chunks(plan, control)
    while progress.outcome is None:
        control._wait()
        if control._undone:
            return
        progress = _commanded(plan, progress._replace(trace=None, ended=None, changed=None), control)
        if progress.outcome or progress.changed:
            yield progress
        if progress.outcome:
            return
        chunks.begin, chunks.end = progress.position, control._take_end(progress.position)
        with closing(runner.walk(progress.state, chunks)) as walked:
            for state, trace in walked:
                chunks.pace(trace.seconds, len(trace.costs))
                progress = _advanced(plan, progress, state, trace)
                if chunks.end and progress.position >= chunks.end:
                    control._reached(progress.position)
                progress = _commanded(plan, progress, control)
                yield progress
                if progress.outcome or progress.changed or (plan.alone and control._commanded):
                    break


def train(plan: Plan, control: Control | None = None) -> tuple[list[Epoch], Progress]:
    """Train to the end without saving anything; return the record of each epoch, and the last progress."""
    epochs, begin = list[Epoch](), beginning(plan)
    with closing(plan.bind()) as runner:
        for progress in walk(plan, runner, begin, control):
            epochs += [progress.ended] if progress.ended else []
    return epochs, progress


def trained_weights(plan: Plan, progress: Progress) -> tuple[Arrays, Arrays]:
    """Return params in the user's form and the model's state: those that did best on validation where there was a
    patience, else the last.
    """
    if progress.best:
        return progress.best.params, progress.best.model_state
    carried = {name: np.asarray(value) for name, value in progress.state.model_state.items()}
    return weights(plan.problem, progress.state), carried


def _advanced(plan: Plan, progress: Progress, state: TrainState, trace: Trace) -> Progress:
    """Return the progress after a chunk."""
    epoch, step = progress.position
    progress = progress._replace(
        position=Position(epoch, step + len(trace.costs)),
        state=state,
        costs=np.concatenate([progress.costs, trace.costs]),
        seconds=progress.seconds + trace.seconds,
        trace=trace,
        ended=None,
        changed=None,
    )
    if not (trace.finite and finite(state)):
        return progress._replace(ended=_record(plan, progress), outcome=Outcome.DIVERGED)
    return _with_epoch_ended(plan, progress) if progress.position.step == plan.steps_per_epoch else progress


def finite(state: TrainState) -> bool:
    """Whether all parameters are finite."""
    return all(np.isfinite(np.asarray(value)).all() for value in state.params.values())


def _with_epoch_ended(plan: Plan, progress: Progress) -> Progress:
    epoch, best = progress.position.epoch, progress.best
    validated: tuple[float, ...] = ()
    if len(plan.validation.labels):
        measured = evaluate(Predictor.of_state(plan.problem, progress.state), plan.validation)
        validated = tuple(plan.exchange([measured.cost, measured.accuracy])[0])
        if plan.config.patience and (best is None or validated[0] < best.cost):
            carried = {name: np.asarray(value) for name, value in progress.state.model_state.items()}
            best = Best(epoch, validated[0], weights(plan.problem, progress.state), carried)
    record = _record(plan, progress, *validated)
    progress = progress._replace(
        position=Position(epoch + 1, 0), costs=np.empty(0), seconds=0.0, best=best, ended=record
    )
    return progress._replace(outcome=_ended(plan, progress))


def _record(plan: Plan, progress: Progress, *validated: float) -> Epoch:
    cost = float(np.average(progress.costs, weights=plan.step_rows[: len(progress.costs)]))
    return Epoch(progress.position.epoch, cost, progress.seconds, *validated)


def _ended(plan: Plan, progress: Progress) -> Outcome | None:
    """Return how training has ended at the end of an epoch, or None."""
    epoch, best, patience = progress.position.epoch, progress.best, plan.config.patience
    if epoch >= plan.config.epochs:
        return Outcome.COMPLETED
    return Outcome.STOPPED_EARLY if best and 0 < patience <= epoch - 1 - best.epoch else None


def _commanded(plan: Plan, progress: Progress, control: Control) -> Progress:
    """Apply the commands of `control`, or of that of each process: another learning rate, the end.

    Every process calls this at the same positions, and finds the same commands.
    """
    if progress.outcome:
        return progress
    if not plan.alone and control.steps_apart:
        raise ConfigError(_("engine: training with workers cannot be paused, taken by steps or undone; only stopped"))
    commands = plan.exchange([control.stopped, control.signal, control._take_rate()])
    rates = [rate for _stopped, _signal, rate in commands if rate is not None]
    progress = with_rate(progress, rates[0]) if rates else progress
    signals = [signal for stopped, signal, _rate in commands if stopped]
    if not signals:
        return progress
    control.stop(max(signals))  # the one that was sent, of 0 where a process was not sent any
    return progress._replace(outcome=Outcome.INTERRUPTED)


def with_rate(progress: Progress, rate: float) -> Progress:
    """Change the learning rate, and record the change."""
    state = progress.state._replace(rate=tf.constant(rate, tf.float64))
    return progress._replace(state=state, changed=RateChange(*progress.position, rate))


class Chunks:
    """Slices of the epochs' orders, of about a second or `control.chunk_seconds`, which end where a checkpoint is due.

    Cutting changes no number. An engine draws chunks in a thread of its own, while `pace` is called in the trainer's:
    an int is all that they share.

    Args:
        plan: the training run.
        control: of it.

    Attributes:
        begin: position of the first chunk.
        end: position of the end of the last one; None for that of training.
    """

    begin = Position(0, 0)
    end: Position | None = None

    def __init__(self, plan: Plan, control: Control) -> None:
        self._plan, self._control = plan, control
        self._every = steps_between_checkpoints(plan.config.checkpoint_every)
        self._steps = FIRST_STEPS

    def pace(self, seconds: float, steps: int) -> None:
        """Set the length of the next chunks, by one of `steps` that took `seconds`."""
        wanted = self._control.chunk_seconds or CHUNK_SECONDS
        self._steps = max(1, int(wanted * steps / max(seconds, 1e-9)))

    def __iter__(self) -> Iterator[Order]:
        (epoch, step), end = self.begin, self.end or Position(self._plan.config.epochs, 0)
        steps_per_epoch = self._plan.steps_per_epoch
        while (epoch, step) < min(end, (self._plan.config.epochs, 0)):
            between = self._plan.steps(epoch)
            before = min(steps_per_epoch, end.step) if epoch == end.epoch else steps_per_epoch
            while step < before:
                taken = epoch * steps_per_epoch + step
                until_due = self._every - taken % self._every if self._every else self._steps
                last = min(step + min(self._steps, until_due), before)
                yield between(step, last)
                step = last
            epoch, step = (epoch + 1, 0) if step == steps_per_epoch else (epoch, step)


def steps_between_checkpoints(every: str) -> int | None:
    """Number of steps in the setting `checkpoint_every`; None where it is in seconds ("10s")."""
    return None if re.fullmatch(r".*s", every) else int(every)
