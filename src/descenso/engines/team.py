"""The processes that train together: TensorFlow's strategy between them, and what they agree on.

All that passes between processes passes through TensorFlow: tensors through its collective operations, and all else
through the key-value store of its coordination service, which the chief serves.
"""

import json
import math
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

START_SECONDS = 50.0  # within which all workers must have started
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
        self.cluster, self._store = cluster, _Store()
        self._exchanged, self._finished, self._chunks = 0, 0, list[float]()
        self._since: float | None = None  # when the chunk began that is being computed
        if cluster is None:
            self.strategy = tf.distribute.MirroredStrategy()
        else:
            self.strategy = _strategy(cluster)
            if cluster.chief:
                self._store.put(ALIVE, "")
            threading.Thread(target=self._watch, args=(cluster,), daemon=True).start()
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
        number, end = self._exchanged, monotonic() + self._patience()
        with self._losing():
            self._store.put(f"{number}/{cluster.index}", json.dumps(value))
            if number > 2:  # all have read what came before the last exchange
                self._store.drop(f"{number - 2}/{cluster.index}")
            return [json.loads(self._received(cluster, index, f"{number}/{index}", end)) for index in range(self.size)]

    def finish(self, value: str) -> list[str]:
        """Send a text to all processes, and return those of all of them, in order, however long this takes.

        Every process must call this at its end, since an exchange with one that has left would fail.

        Raises:
            WorkerError: if a process has died.
        """
        if (cluster := self.cluster) is None:
            return [value]
        self._finished += 1
        with self._losing():
            self._store.put(f"end {self._finished}/{cluster.index}", value)
            keys = [f"end {self._finished}/{index}" for index in range(self.size)]
            return [self._received(cluster, index, key, math.inf) for index, key in enumerate(keys)]

    def _received(self, cluster: Cluster, index: int, key: str, end: float) -> str:
        """Wait until the worker `index` has put the value of `key`, or the time `end`."""
        begun = monotonic()
        while (found := self._store.get(key)) is None:
            if self._store.get(ALIVE) is None:
                raise WorkerError(_lost_are([cluster.name(0)]))
            if monotonic() > end:
                message = _("{worker} answers, but has not come as far as this one within {seconds:.0f} s")
                raise WorkerError(message.format(worker=cluster.name(index), seconds=monotonic() - begun))
        return found

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

    def _watch(self, cluster: Cluster) -> None:
        """End the process if a chunk hangs, or the chief: what TensorFlow does then cannot be interrupted otherwise."""
        while True:
            sleep(1.0)
            since, asked = self._since, self._store.asked
            if asked is not None and monotonic() - asked > POLL_SECONDS + HEARTBEAT_SECONDS:
                _end(_lost_are([cluster.name(0)]))
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
            names = self.cluster and _lost(self.cluster)
            if not names:
                raise
            raise WorkerError(_lost_are(names)) from error


class _Store:
    """The key-value store of TensorFlow's coordination service, which the chief serves.

    Attributes:
        asked: when the present call began; None if there is none. The chief answers each within `POLL_SECONDS`.
    """

    def __init__(self) -> None:
        self.asked: float | None = None

    def put(self, key: str, value: str) -> None:
        with self._asking():
            context.context().set_config_key_value(key, value)

    def drop(self, key: str) -> None:
        with self._asking():
            context.context().delete_config_key_value(key)

    def get(self, key: str) -> str | None:
        """Return the value of `key`, once it has one; None if it has none within `POLL_SECONDS`."""
        with self._asking(), suppress(tf.errors.DeadlineExceededError):
            return str(context.context().get_config_key_value(key, int(1000 * POLL_SECONDS)))
        return None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self.asked = monotonic()
        try:
            yield
        finally:
            self.asked = None


def _lost(cluster: Cluster) -> list[str]:
    """Name the workers that died, once the coordination service knows them; none if it does not."""
    others = [index for index in range(cluster.size) if index != cluster.index]
    end, names = monotonic() + HEARTBEAT_SECONDS + POLL_SECONDS, list[str]()
    while not names and monotonic() < end:
        sleep(0.5)
        if not cluster.chief and not _chief_answers():
            return [cluster.name(0)]
        with suppress(tf.errors.OpError):
            states = context.context().get_task_states([(JOB, cluster.size)])
            names = [cluster.name(index) for index in others if states[index] is not None]
    if cluster.chief:
        sleep(GRACE_SECONDS)
    return names


def _lost_are(names: list[str]) -> str:
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
