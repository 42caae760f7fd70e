"""Which processes train together: their addresses, from TF_CONFIG, from Slurm or from options. Without TensorFlow."""

import ipaddress
import json
import os
import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from descenso.engines import slurm
from descenso.engines.isolation import isolated
from descenso.errors import ConfigError
from descenso.text import _

EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
LAST_PORT = 65535
LOCAL = "127.0.0.1"  # in place of localhost, which may stand for ::1 on one machine and for 127.0.0.1 on another


@dataclass(frozen=True)
class Cluster:
    """Processes that train together, called workers.

    Attributes:
        addresses: HOST:PORT of each worker, in order; the first one is the chief, which writes the run.
        index: of this process in `addresses`.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def size(self) -> int:
        """The number of workers."""
        return len(self.addresses)

    @property
    def chief(self) -> bool:
        """Whether this process is the chief."""
        return self.index == 0

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host of each worker, IPv6 addresses without brackets."""
        return tuple(address.rpartition(":")[0].strip("[]") for address in self.addresses)

    @property
    def tf_config(self) -> str:
        """The cluster as TensorFlow reads it from the environment variable TF_CONFIG."""
        return json.dumps(
            {"cluster": {"worker": list(self.addresses)}, "task": {"type": "worker", "index": self.index}}
        )

    def name(self, index: int) -> str:
        """Name a worker for a message, such as "worker 1 (127.0.0.1:2223)"."""
        return _("worker {index} ({address})").format(index=index, address=self.addresses[index])


def cluster_of(
    coordinator: str = "", workers: int = 0, index: int | None = None, environ: Mapping[str, str] = os.environ
) -> Cluster | None:
    """Find the cluster that this process belongs to, by `TF_CONFIG`, by Slurm's variables, or by the arguments.

    The first of these that names a cluster is used, and those after it must not contradict it.

    Args:
        coordinator: HOST:PORT of the chief; worker I then listens at PORT + I of the same host. Or, for workers on
            several hosts, HOST:PORT of every worker, with commas between them, the chief first.
        workers: number of workers; 0 if `coordinator` lists them all.
        index: of this process, in [0, workers).
        environ: the environment.

    Returns:
        The cluster, or None where nothing names one.

    Raises:
        ConfigError: if what names a cluster is malformed or incomplete, or if two sources contradict each other.
    """
    by_config, by_options = _of_tf_config(environ.get("TF_CONFIG", "")), _of_options(coordinator, workers, index)
    if by_config and by_options and by_config != by_options:
        message = _(
            "TF_CONFIG names {one}, and --coordinator, --workers and --index name {other}; leave out the three, or "
            "unset TF_CONFIG"
        )
        raise ConfigError(message.format(one=_described(by_config), other=_described(by_options)))
    named = by_config or by_options
    if named is None:
        step = slurm.step_of(environ)
        return step and _checked([_address(each, "Slurm") for each in step.addresses], step.task, "Slurm")
    task = environ.get("SLURM_PROCID", ""), environ.get("SLURM_STEP_NUM_TASKS", "")
    if named.size > 1 and task[1] == str(named.size) and task[0] != str(named.index):
        message = _(
            "{source} names {named}, and SLURM_PROCID is {task}, of as many tasks; leave out {source}: Slurm names the "
            "workers, too"
        )
        source = "TF_CONFIG" if by_config else "--coordinator"
        raise ConfigError(message.format(source=source, named=_described(named), task=task[0]))
    return named


def exposed(cluster: Cluster) -> str:
    """Return a warning if other machines can reach this worker, else an empty text.

    They can at any address, 127.0.0.1 too, unless the process is in a network of its own: see `isolation`.
    """
    if isolated():
        return ""
    message = _(
        "TensorFlow exchanges data at {addresses} by gRPC, which has neither authentication nor encryption, and "
        "listens on all network devices: any machine that reaches these ports can read and change what is trained, and "
        "run TensorFlow operations here; use a private network, or a firewall"
    )
    return message.format(addresses=", ".join(cluster.addresses))


def bypass_proxies(cluster: Cluster, environ: MutableMapping[str, str] = os.environ) -> None:
    """Let gRPC connect the workers directly, whatever proxy the environment names; call it before TensorFlow starts.

    gRPC connects through `grpc_proxy`, `https_proxy` or `http_proxy`, but for the hosts in `no_grpc_proxy`, or in
    `no_proxy` if that is not set (grpc/doc/environment_variables.md).
    """
    known = environ.get("no_grpc_proxy") or environ.get("no_proxy") or ""
    environ["no_grpc_proxy"] = ",".join(dict.fromkeys([*filter(None, known.split(",")), *cluster.hosts]))


def _described(cluster: Cluster) -> str:
    message = _("index {index} of {size} workers ({addresses})")
    return message.format(index=cluster.index, size=cluster.size, addresses=", ".join(cluster.addresses))


def _of_options(coordinator: str, workers: int, index: int | None) -> Cluster | None:
    if not coordinator and not workers and index is None:
        return None
    if not coordinator:
        message = _("--workers and --index need the address of the chief, HOST:PORT; try --coordinator 127.0.0.1:2222")
        raise ConfigError(message)
    first, *others = [_address(each, "coordinator") for each in coordinator.split(",")]
    count = workers or len(others) + 1
    if count < 1 or (not workers and not others):
        message = _("workers must be a whole number in [1, inf), got {got}; try --workers 2")
        raise ConfigError(message.format(got=workers or _("none")))
    if others and count != len(others) + 1:
        message = _(
            "coordinator has {addresses} addresses for {count} workers, expected one, or that of each worker; try "
            "--workers {addresses}"
        )
        raise ConfigError(message.format(addresses=len(others) + 1, count=count))
    if not others:
        host, _colon, port = first.rpartition(":")
        if int(port) + count - 1 > LAST_PORT:
            message = _(
                "coordinator: worker {last} would listen at port {port} + {last}, above {most}; try --coordinator "
                "{host}:2222"
            )
            raise ConfigError(message.format(last=count - 1, port=port, most=LAST_PORT, host=host))
        others = [f"{host}:{int(port) + each}" for each in range(1, count)]
    if index is None or not 0 <= index < count:
        message = _("index must be that of this process, a whole number in [0, {last}], got {got}; try --index 0")
        raise ConfigError(message.format(last=count - 1, got=_("none") if index is None else index))
    return _checked([first, *others], index, "coordinator")


def _of_tf_config(text: str) -> Cluster | None:
    if not text.strip():
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _malformed(_("no JSON ({reason}), {text!r}").format(reason=error, text=text[:200])) from None
    if not isinstance(config, dict):
        raise _malformed(repr(config))
    jobs = config.get("cluster") or {}
    if not jobs:  # TensorFlow takes it for no cluster, too
        return None
    if not isinstance(jobs, dict):
        raise _malformed(_("the cluster {got!r}").format(got=jobs))
    refused = [name for name in jobs if name not in ("chief", "worker")]
    if refused:
        message = _(
            "TF_CONFIG: {name} has no task here: the chief evaluates, and every worker keeps the parameters; leave "
            "{name} out of the cluster, which may hold worker and chief"
        )
        raise ConfigError(message.format(name=refused[0]))
    if len(_listed(jobs, "chief")) > 1:
        raise _malformed(_("{count} chiefs").format(count=len(jobs["chief"])))
    addresses = [_address(each, "TF_CONFIG") for name in ("chief", "worker") for each in _listed(jobs, name)]
    return _checked(addresses, _task(config.get("task"), jobs), "TF_CONFIG")


def _listed(jobs: dict[str, Any], name: str) -> Sequence[Any]:
    listed = jobs.get(name, [])
    if not isinstance(listed, list):
        raise _malformed(_("{got!r} in place of a list of addresses").format(got=listed))
    return listed


def _task(task: Any, jobs: dict[str, Any]) -> int:
    """Return the index of a task of TF_CONFIG among the chief and the workers."""
    kind, index = (task.get("type"), task.get("index")) if isinstance(task, dict) else (None, None)
    if isinstance(index, str) and re.fullmatch("[0-9]{1,6}", index):
        index = int(index)
    if kind not in jobs or not isinstance(index, int) or isinstance(index, bool):
        raise _malformed(_("the task {task}").format(task=json.dumps(task)))
    if not 0 <= index < len(jobs[kind]):
        message = _(
            "TF_CONFIG: index must be a whole number in [0, {last}], since it lists so many of {kind}, got {got}"
        )
        raise ConfigError(message.format(last=len(jobs[kind]) - 1, kind=kind, got=index))
    return index + (len(jobs.get("chief", [])) if kind == "worker" else 0)


def _malformed(got: str) -> ConfigError:
    message = _("TF_CONFIG must be JSON with a cluster and a task, got {got}; expected such as {example}")
    return ConfigError(message.format(got=got, example=f"TF_CONFIG='{EXAMPLE}'"))


def _address(text: Any, source: str) -> str:
    """Check an address HOST:PORT; localhost becomes 127.0.0.1."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+):([0-9]{1,5})", str(text).strip(), re.ASCII)
    host = found[1] if found else ""
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host.strip("[]"))
        except ValueError:
            found = None
    if not found or not 1 <= int(found[2]) <= LAST_PORT:
        message = _(
            "{source}: an address must be HOST:PORT with a port in [1, {most}], an IPv6 address in brackets, got "
            "{got!r}; expected such as {example}"
        )
        guess = re.sub(r"^\w+://|/.*$|[^\w.-].*$", "", str(text).strip()) or "host0"
        raise ConfigError(message.format(source=source, most=LAST_PORT, got=text, example=f"{guess}:2222"))
    if host in ("0.0.0.0", "[::]"):  # noqa: S104 - refused
        message = _(
            "{source}: {got} is no address that other workers can reach; expected the name of the machine, or {local} "
            "where all workers are on this one"
        )
        raise ConfigError(message.format(source=source, got=text, local=f"{LOCAL}:{found[2]}"))
    return f"{LOCAL if host.lower() == 'localhost' else host}:{int(found[2])}"


def _checked(addresses: Sequence[str], index: int, source: str) -> Cluster:
    """Make a cluster of addresses that differ and that all workers can reach."""
    twice = [each for place, each in enumerate(addresses) if each in addresses[:place]]
    if twice:
        message = _("{source}: {address} is given for two workers; give each a host or a port of its own")
        raise ConfigError(message.format(source=source, address=twice[0]))
    cluster = Cluster(tuple(addresses), index)
    local = [each for each, host in zip(addresses, cluster.hosts, strict=True) if _is_loopback(host)]
    if local and len(local) < len(addresses):
        message = _(
            "{source}: {address} is reached on its own machine only, and other workers are elsewhere; give the name of "
            "the machine in place of {host}"
        )
        raise ConfigError(message.format(source=source, address=local[0], host=local[0].rpartition(":")[0]))
    return cluster


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False
