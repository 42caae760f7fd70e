"""Read which tasks of Slurm train together, from the environment that `srun` sets for each task of a job step."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

from descenso.errors import ConfigError
from descenso.text import _

MOST_NODES = 100_000  # a longer list is a mistake, or would take all memory
FIRST_PORT, SLOTS, PORTS_OF_A_STEP = 20_000, 192, 64  # up to 32,287: below the ports that Linux gives to connections


class Step(NamedTuple):
    """A job step.

    Attributes:
        addresses: HOST:PORT of each task, in order.
        task: number of this task among them.
    """

    addresses: tuple[str, ...]
    task: int


def step_of(environ: Mapping[str, str]) -> Step | None:
    """Return the job step that this process is a task of; None outside of a step and in a step of one task.

    The port of a task is one of `SLURM_STEP_RESV_PORTS` (`srun --resv-ports`), or follows from the numbers of job and
    step: 20000 + 64 × ((job + step) mod 192) + the number of the task on its node.

    Raises:
        ConfigError: if a variable is malformed, if tasks are not numbered node by node, or if the process was started
            in a job of several tasks without `srun`.
    """
    tasks = _number(environ, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", default=1)
    if tasks == 1:
        return None
    if "SLURM_STEP_NODELIST" not in environ and "SLURM_STEP_NUM_TASKS" not in environ:
        message = _(
            "Slurm has {tasks} tasks for this job, and this process is none of them; start it by srun: srun descenso …"
        )
        raise ConfigError(message.format(tasks=tasks))
    index = _number(environ, "SLURM_PROCID")
    nodes = list(_nodes(environ, "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"))
    counts = list(_counts(environ, tasks, len(nodes)))
    if len(counts) != len(nodes) or sum(counts) != tasks or index >= tasks:
        message = _("Slurm: {tasks} tasks on {nodes} nodes, {counts} of them on each, of which this one is {index}: "
                    "the variables of the step contradict each other")  # fmt: skip
        raise ConfigError(message.format(tasks=tasks, nodes=len(nodes), counts=counts, index=index))
    places = [(node, local) for node, count in enumerate(counts) for local in range(count)]
    if places[index][0] != _number(environ, "SLURM_NODEID", default=places[index][0]):
        message = _(
            "Slurm: task {index} is on node {node}, expected tasks that are numbered node by node; try srun {option}"
        )
        node, option = environ["SLURM_NODEID"], "--distribution=block"
        raise ConfigError(message.format(index=index, node=node, option=option))
    ports = _ports(environ, max(counts))
    return Step(tuple(f"{nodes[node]}:{ports[local]}" for node, local in places), index)


def expanded(nodes: str) -> Iterator[str]:
    """Yield the names in a list of nodes, as Slurm writes it.

    Raises:
        ValueError: if it is no such list.

    >>> list(expanded("node[1-3,7],gpu-[01-02]"))
    ['node1', 'node2', 'node3', 'node7', 'gpu-01', 'gpu-02']
    """
    part = r"[\w.-]+|\[[\d,-]+\]"
    if not re.fullmatch(rf"(?:{part})+(?:,(?:{part})+)*", nodes, re.ASCII):
        raise ValueError(f"no list of nodes: {nodes}")
    yielded = 0
    for name in re.findall(rf"(?:{part})+", nodes, re.ASCII):
        for letters in product(*(_choices(each) for each in re.findall(part, name, re.ASCII))):
            yielded += 1
            if yielded > MOST_NODES:
                raise ValueError(f"more than {MOST_NODES} nodes: {nodes}")
            yield "".join(letters)


def _choices(part: str) -> list[str]:
    """Return what a part of a name stands for: itself, or the numbers of a bracket, with their leading zeros."""
    if not part.startswith("["):
        return [part]
    found = list[str]()
    for each in part.strip("[]").split(","):
        first, dash, last = each.partition("-")
        low, high = int(first), int(last if dash else first)
        if not low <= high < low + MOST_NODES:
            raise ValueError(f"no range: {each}")
        found += [str(number).zfill(len(first)) for number in range(low, high + 1)]
    return found


def _nodes(environ: Mapping[str, str], *names: str) -> list[str]:
    name = next((name for name in names if environ.get(name)), names[0])
    try:
        return list(expanded(environ.get(name, "")))
    except ValueError:
        raise _malformed(environ, name, "node[1-3,7],gpu-[01-02]") from None


def _counts(environ: Mapping[str, str], tasks: int, nodes: int) -> Iterator[int]:
    """Yield the number of tasks on each node, of which Slurm writes 2(x3),1 for 2, 2, 2, 1."""
    names = "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"
    name = next((name for name in names if environ.get(name)), "")
    if not name and tasks == nodes:
        yield from [1] * nodes
        return
    for part in environ.get(name, "").split(","):
        found = re.fullmatch(r"([0-9]{1,6})(?:\(x([0-9]{1,6})\))?", part, re.ASCII)
        if not found or int(found[2] or 1) > MOST_NODES:
            raise _malformed(environ, name or names[0], "2(x3),1")
        yield from [int(found[1])] * int(found[2] or 1)


def _ports(environ: Mapping[str, str], most: int) -> list[int]:
    """Return a port for each of the `most` tasks of a node."""
    reserved = environ.get("SLURM_STEP_RESV_PORTS", "")
    if reserved:
        try:
            ports = [int(port) for port in _choices(f"[{reserved}]")]
        except ValueError:
            raise _malformed(environ, "SLURM_STEP_RESV_PORTS", "12000-12003") from None
        if len(ports) < most:
            message = _("SLURM_STEP_RESV_PORTS has {ports} ports for {most} tasks on a node; try srun {option}")
            raise ConfigError(message.format(ports=len(ports), most=most, option=f"--resv-ports={most}"))
        return ports
    job, step = _number(environ, "SLURM_JOB_ID"), _number(environ, "SLURM_STEP_ID", default=0)
    first = FIRST_PORT + PORTS_OF_A_STEP * ((job + step) % SLOTS)
    return list(range(first, first + most))


def _number(environ: Mapping[str, str], *names: str, default: int | None = None) -> int:
    """Read the first of some variables that is set."""
    name = next((name for name in names if environ.get(name)), names[0])
    if name not in environ and default is not None:
        return default
    if not re.fullmatch("[0-9]{1,12}", environ.get(name, ""), re.ASCII):
        raise _malformed(environ, name, "0")
    return int(environ[name])


def _malformed(environ: Mapping[str, str], name: str, example: str) -> ConfigError:
    message = _("{name} must be as srun sets it, such as {example}, got {got!r}; start the process by srun")
    return ConfigError(message.format(name=name, example=example, got=environ.get(name, "")))
