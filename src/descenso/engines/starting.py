"""Bound the time in which all workers must have started: a small process ends a worker that waits in vain.

TensorFlow waits for an hour for the others, and holds Python's lock meanwhile, so that no thread of the worker runs.
"""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from descenso.engines.cluster import Cluster, cluster_of
from descenso.text import _, language


def watch(cluster: Cluster, seconds: float) -> "subprocess.Popen[bytes]":
    """Start the process that ends this one after so many seconds; it is to be terminated before, and ends with it."""
    command = [sys.executable, "-m", __name__, str(seconds), str(os.getpid())]
    told = {"TF_CONFIG": cluster.tf_config, "LANGUAGE": language()}
    shown = None
    with suppress(OSError):  # of a notebook, or a test
        shown = sys.stderr.fileno()  # file descriptor 2 may be held back
    return subprocess.Popen(  # noqa: S603 - descenso itself
        command, env={**os.environ, **told}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=shown
    )


def main(seconds: float, process: int) -> None:
    """Wait, then name the workers that have not started, and end `process`."""
    cluster = cluster_of()
    if cluster is None or select.select([sys.stdin], [], [], seconds)[0]:  # the end of the worker closes the pipe
        return
    missing = [cluster.name(index) for index in range(cluster.size) if not _listens(cluster, index)]
    message = _("not all workers have started within {seconds:.0f} s; missing: {workers}")
    workers = ", ".join(missing) or _("none that does not listen; look at their logs")
    sys.stderr.write(f"descenso: {message.format(seconds=seconds, workers=workers)}\n")
    sys.stderr.flush()
    os.kill(process, signal.SIGKILL)


def _listens(cluster: Cluster, index: int) -> bool:
    port = int(cluster.addresses[index].rpartition(":")[2])
    try:
        socket.create_connection((cluster.hosts[index], port), timeout=2.0).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
