"""The processes that train together: TensorFlow's strategy between them, and what they agree on.

All that passes between processes passes through TensorFlow: tensors through its collective operations, and all else
through the key-value store of its coordination service, which the chief serves.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median
from time import monotonic, sleep
from typing import Any, NoReturn

import tensorflow as tf
from tensorflow.python.eager import context  # only this reaches the coordination service

from descenso.engines import starting
from descenso.engines.cluster import Cluster, bypass_proxies, cluster_of
from descenso.errors import WorkerError
from descenso.text import _

START_SECONDS = 60.0  # within which all workers must have started
HEARTBEAT_SECONDS = 10.0  # after which TensorFlow takes a worker that does not answer for dead
STUCK_SECONDS, STUCK_TIMES = 60.0, 10  # a chunk that takes longer, and so many times the median one, has hung
FIRST_CHUNK_SECONDS = 600.0  # the same for the first chunks, before a median is known
POLL_SECONDS = 5.0
GRACE_SECONDS = 2.0  # that the chief still serves the others, which ask it who has died
JOB, ALIVE = "worker", "alive"  # name of the workers' job; key of the store that the chief sets


class Team:
    """The processes that train together, of which this is one; or the devices of this process alone.

    Args:
        cluster: the processes; None for this one alone.

    Attributes:
        strategy: TensorFlow's, which runs a step on each device.
        parts: number of devices of all processes: of parts of a batch.
        mine: range of the parts that this process computes.
    """

    def __init__(self, cluster: Cluster | None) -> None:
        self.cluster = cluster
        self._exchanged, self._finished, self._chunks = 0, 0, list[float]()
        self._since: float | None = None  # when the chunk began that is being computed
        if cluster is None:
            self.strategy = tf.distribute.MirroredStrategy()
        else:
            self.strategy = _strategy(cluster)
            if cluster.chief:
                context.context().set_config_key_value(ALIVE, "")
            threading.Thread(target=self._watch, daemon=True).start()
        self.parts = self.strategy.num_replicas_in_sync
        count = self.parts // self.size
        self.mine = range(self.index * count, (self.index + 1) * count)

    @property
    def size(self) -> int:
        """The number of processes."""
        return self.cluster.size if self.cluster else 1

    @property
    def index(self) -> int:
        """The number of this process; 0 is the chief's."""
        return self.cluster.index if self.cluster else 0

    def exchange(self, value: Any) -> list[Any]:
        """Send `value`, of JSON, to all processes; return those of all of them, in order. Every process must call this.

        Raises:
            WorkerError: if a process has died, or does not call it within the time that a chunk may take.
        """
        if (cluster := self.cluster) is None:
            return [value]
        self._exchanged += 1
        store, number = context.context(), self._exchanged
        with self._losing():
            store.set_config_key_value(f"{number}/{self.index}", json.dumps(value))
            if number > 2:  # all have read what came before the last exchange
                store.delete_config_key_value(f"{number - 2}/{self.index}")
            return [self._received(cluster, number, index) for index in range(cluster.size)]

    def _received(self, cluster: Cluster, number: int, index: int) -> Any:
        end = monotonic() + self._patience()
        while True:
            try:
                found = context.context().get_config_key_value(f"{number}/{index}", int(1000 * POLL_SECONDS))
                return json.loads(found)
            except tf.errors.DeadlineExceededError:
                if monotonic() > end:
                    message = _("{worker} answers, but has not come as far as this one within {seconds:.0f} s")
                    seconds = self._patience()
                    raise WorkerError(message.format(worker=cluster.name(index), seconds=seconds)) from None

    def finish(self, value: str) -> list[str]:
        """Send a text to all processes, and return those of all of them, in order, however long this takes.

        Every process must call this at its end, since an exchange with one that has left would fail.

        Raises:
            WorkerError: if a process has died.
        """
        if self.cluster is None:
            return [value]
        self._finished += 1
        with self._losing():
            context.context().set_config_key_value(f"end {self._finished}/{self.index}", value)
            return [_waited_for(f"end {self._finished}/{index}") for index in range(self.size)]

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Watch over what is computed together: end the process if it hangs; raise WorkerError if another one dies."""
        self._since = monotonic()
        try:
            with self._losing():
                yield
        finally:
            self._chunks, self._since = [*self._chunks[-20:], monotonic() - self._since], None

    def _patience(self) -> float:
        """Return how many seconds a chunk may take."""
        return max(STUCK_SECONDS, STUCK_TIMES * median(self._chunks)) if len(self._chunks) > 2 else FIRST_CHUNK_SECONDS

    def _watch(self) -> None:
        """End the process if a chunk hangs: what TensorFlow computes cannot be interrupted otherwise."""
        while True:
            sleep(1.0)
            since = self._since
            if since is not None and monotonic() - since > self._patience():
                message = _("no step has ended for {seconds:.0f} s, although all workers answer; look at their logs")
                _end(message.format(seconds=monotonic() - since))

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Raise a WorkerError that names the process which died, where TensorFlow raises that one did."""
        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.CancelledError, tf.errors.AbortedError,
                tf.errors.InternalError, tf.errors.DeadlineExceededError, tf.errors.FailedPreconditionError,
                tf.errors.UnknownError) as error:  # fmt: skip
            if self.cluster is None:
                raise
            raise WorkerError(_lost(self.cluster)) from error


def _waited_for(key: str) -> str:
    while True:
        try:
            return str(context.context().get_config_key_value(key, int(1000 * POLL_SECONDS)))
        except tf.errors.DeadlineExceededError:
            continue


def _lost(cluster: Cluster) -> str:
    """Name the workers that died, once the coordination service knows them."""
    others = [index for index in range(cluster.size) if index != cluster.index]
    end, names = monotonic() + HEARTBEAT_SECONDS + POLL_SECONDS, list[str]()
    while not names and monotonic() < end:
        sleep(0.5)
        if not cluster.chief and not _chief_answers():
            names = [cluster.name(0)]
            break
        with suppress(tf.errors.OpError):
            states = context.context().get_task_states([(JOB, cluster.size)])
            names = [cluster.name(index) for index in others if states[index] is not None]
    if cluster.chief:
        sleep(GRACE_SECONDS)
    if not names:
        return _("the connection to another worker was lost")
    return _("lost {workers}: ended, stopped, or out of reach").format(workers=", ".join(names))


def _chief_answers() -> bool:
    """Tell whether the chief serves the store, within some seconds; a stopped one would keep this process waiting."""
    answers = list[str]()

    def ask() -> None:
        with suppress(tf.errors.OpError):
            answers.append(context.context().get_config_key_value(ALIVE, int(1000 * POLL_SECONDS)))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(POLL_SECONDS)
    return bool(answers)


def _strategy(cluster: Cluster) -> Any:
    """Start this worker, and wait for the others."""
    bypass_proxies(cluster)
    addresses = tf.train.ClusterSpec({JOB: list(cluster.addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        addresses, task_type=JOB, task_id=cluster.index, rpc_layer="grpc"
    )
    ring = tf.distribute.experimental.CommunicationImplementation.RING  # the same bits for a number of workers
    options = tf.distribute.experimental.CommunicationOptions(implementation=ring)
    bound = starting.watch(cluster, START_SECONDS)  # in a process: TensorFlow lets no thread of this one run meanwhile
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver, communication_options=options)
    except tf.errors.OpError as error:
        message = _("{worker} cannot start: {reason}; is its port free?")
        raise WorkerError(message.format(worker=cluster.name(cluster.index), reason=error.message)) from error
    except RuntimeError as error:
        message = _("TensorFlow has already started in this process; begin with engine='workers' in a new one")
        raise WorkerError(message) from error
    finally:
        bound.terminate()
        bound.wait()


def _end(message: str) -> NoReturn:
    """End the process at once, since TensorFlow cannot be interrupted."""
    sys.stderr.write(f"descenso: {message}\n")
    sys.stderr.flush()
    os._exit(WorkerError.exit_code)


_team: Team | None = None


def team(cluster: Cluster | None = None) -> Team:
    """Return the team of this process; at first, start its worker and wait for the others.

    Args:
        cluster: the processes; by default those of the team that there is, or that `TF_CONFIG` or Slurm name.

    Raises:
        WorkerError: if TensorFlow has started already, or the worker cannot; or for another cluster than at first.
    """
    global _team  # a second strategy in a process computes wrong numbers (tensorflow issue 121429)
    if _team is None:
        _team = Team(cluster or cluster_of())
    if cluster is not None and cluster != _team.cluster:
        raise WorkerError(_("this process trains with other workers already; begin in a new one"))
    return _team
