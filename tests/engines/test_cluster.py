"""Which processes train together: each source, each mistake, and contradictions between sources."""

import json

import pytest

from descenso.engines import cluster as cluster_module
from descenso.engines.cluster import Cluster, bypass_proxies, cluster_of, exposed
from descenso.engines.slurm import expanded
from descenso.errors import ConfigError

TWO = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
STEP = {
    "SLURM_PROCID": "4", "SLURM_NODEID": "2", "SLURM_STEP_NUM_TASKS": "5", "SLURM_STEP_NODELIST": "n[01-02],m7",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1", "SLURM_JOB_ID": "1234", "SLURM_STEP_ID": "0",
}  # fmt: skip


def by_config(config, **variables):
    return cluster_of(environ={"TF_CONFIG": config if isinstance(config, str) else json.dumps(config), **variables})


def with_task(kind="worker", index=0, **jobs):
    return {"cluster": jobs, "task": {"type": kind, "index": index}}


def test_nothing_names_a_cluster():
    for environ in (
        {},
        {"TF_CONFIG": ""},
        {"TF_CONFIG": "{}"},
        {"SLURM_JOB_ID": "7"},
        {**STEP, "SLURM_STEP_NUM_TASKS": "1"},
    ):
        assert cluster_of(environ=environ) is None


def test_tf_config():
    assert by_config(TWO) == Cluster(("a:1", "b:2"), 1)
    assert by_config(with_task(index="1", worker=["localhost:1", "[::1]:2"])) == Cluster(("127.0.0.1:1", "[::1]:2"), 1)
    chief = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    assert by_config(with_task("chief", 0, **chief)) == Cluster(("a:1", "b:2", "c:3"), 0)
    assert by_config(with_task("worker", 1, **chief)) == Cluster(("a:1", "b:2", "c:3"), 2)


def test_what_a_cluster_says():
    cluster = by_config(TWO)
    assert (cluster.size, cluster.chief, cluster.hosts) == (2, False, ("a", "b"))
    assert cluster.name(0) == "worker 0 (a:1)"
    assert by_config(cluster.tf_config) == cluster


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "TF_CONFIG must be JSON with a cluster and a task, got no JSON .*'{'; expected such as TF_CONFIG='{"),
        ("[1]", r"got \[1\]"),
        ({"cluster": ["a:1"]}, r"got the cluster \['a:1'\]"),
        ({"cluster": {"worker": ["a:1"]}}, "got the task null"),
        (with_task("chief", worker=["a:1"]), 'got the task {"type": "chief", "index": 0}'),
        (with_task(index=True, worker=["a:1", "b:1"]), "got the task .*true"),
        (with_task(worker="a:1"), "got 'a:1' in place of a list of addresses"),
        (with_task(chief=["a:1", "b:1"], worker=["c:1"]), "got 2 chiefs"),
        (with_task(worker=["a:1"], ps=["b:1"]), "ps has no task here: .* leave ps out of the cluster"),
        (with_task(worker=["a:1"], evaluator=["b:1"]), "evaluator has no task here"),
        (with_task(index=2, worker=["a:1", "b:1"]), r"index must be a whole number in \[0, 1\].* of worker, got 2"),
        (with_task(index=-1, worker=["a:1", "b:1"]), r"index must be .* got -1"),
        (with_task(worker=["a:1", "a:1"]), "TF_CONFIG: a:1 is given for two workers"),
        (with_task(worker=["localhost:1", "127.0.0.1:1"]), "127.0.0.1:1 is given for two workers"),
        (
            with_task(worker=["localhost:1", "b:1"]),
            "127.0.0.1:1 is reached on its own machine only, .* in place of 127",
        ),
        (with_task(worker=["0.0.0.0:1", "b:1"]), "0.0.0.0:1 is no address that other workers can reach"),
    ],
)
def test_mistakes_in_tf_config(config, message):
    with pytest.raises(ConfigError, match=message):
        by_config(config)


@pytest.mark.parametrize(
    ("address", "example"),
    [("a", "a:2222"), ("a:", "a:2222"), ("a:0", "a:2222"), ("a:65536", "a:2222"), ("grpc://a:1", "a:2222"),
     ("a:1/b", "a:2222"), (":1", "host0:2222"),
     ("::1:1", "host0:2222"), ("[a::x]:1", "host0:2222"), (7, "7:2222"), (None, "None:2222")],
)  # fmt: skip
def test_mistakes_in_addresses(address, example):
    with pytest.raises(
        ConfigError, match=f"TF_CONFIG: an address must be HOST:PORT .* got .*; expected such as {example}"
    ):
        by_config(with_task(worker=["z:1", address]))


def test_options():
    here = Cluster(("127.0.0.1:2222", "127.0.0.1:2223", "127.0.0.1:2224"), 2)
    assert cluster_of("localhost:2222", 3, 2, environ={}) == here
    assert cluster_of("a:1, b:2", index=1, environ={}) == Cluster(("a:1", "b:2"), 1)
    assert cluster_of("a:1,b:2", 2, 0, environ={}) == Cluster(("a:1", "b:2"), 0)
    assert cluster_of("[::1]:5", 2, 0, environ={}).addresses == ("[::1]:5", "[::1]:6")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ("", 2, 0),
            "--workers and --index need the address of the chief, HOST:PORT; try --coordinator 127.0.0.1:2222",
        ),
        (("", 0, 1), "try --coordinator 127.0.0.1:2222"),
        (("a:1", 0, 0), r"workers must be a whole number in \[1, inf\), got none; try --workers 2"),
        (("a:1", -2, 0), "got -2"),
        (("a:1,b:1", 3, 0), "coordinator has 2 addresses for 3 workers, .* try --workers 2"),
        (("a:1", 2, None), r"index must be that of this process, a whole number in \[0, 1\], got none; try --index 0"),
        (("a:1", 2, 2), "got 2; try --index 0"),
        (("a:1", 2, -1), "got -1"),
        (("a:65535", 2, 0), r"worker 1 would listen at port 65535 \+ 1, above 65535; try --coordinator a:2222"),
        (("a", 2, 0), "coordinator: an address must be HOST:PORT"),
        (("a:1,a:1", 0, 0), "coordinator: a:1 is given for two workers"),
    ],
)
def test_mistakes_in_options(given, message):
    with pytest.raises(ConfigError, match=message):
        cluster_of(*given, environ={})


def test_a_job_step_of_slurm():
    first = 20000 + 64 * (1234 % 192)
    addresses = (f"n01:{first}", f"n01:{first + 1}", f"n02:{first}", f"n02:{first + 1}", f"m7:{first}")
    for task, node in enumerate((0, 0, 1, 1, 2)):
        environ = {**STEP, "SLURM_PROCID": str(task), "SLURM_NODEID": str(node)}
        assert cluster_of(environ=environ) == Cluster(addresses, task)
    reserved = cluster_of(environ={**STEP, "SLURM_STEP_RESV_PORTS": "12000,12005-12006"})
    assert reserved.addresses == ("n01:12000", "n01:12005", "n02:12000", "n02:12005", "m7:12000")
    assert cluster_of(environ={**STEP, "SLURM_STEP_ID": "1"}).addresses[0] != addresses[0]


def test_one_task_on_each_node():
    environ = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_STEP_NODELIST": "n[1-2]", "SLURM_JOB_ID": "1"}
    assert cluster_of(environ=environ) == Cluster(("n1:20064", "n2:20064"), 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"SLURM_PROCID": "x"}, "SLURM_PROCID must be as srun sets it, such as 0, got 'x'"),
        ({"SLURM_STEP_NUM_TASKS": "many"}, "SLURM_STEP_NUM_TASKS must be as srun sets it"),
        ({"SLURM_STEP_NODELIST": "n[1-"}, r"SLURM_STEP_NODELIST must be .* such as node\[1-3,7\].* got 'n\[1-'"),
        ({"SLURM_STEP_NODELIST": "n[1-999999999]"}, "SLURM_STEP_NODELIST must be"),
        ({"SLURM_STEP_NODELIST": "n[1-9999]m[1-9999]"}, "SLURM_STEP_NODELIST must be"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2(x"}, r"SLURM_STEP_TASKS_PER_NODE must be .* such as 2\(x3\),1, got '2\(x'"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2(x3)"}, "contradict each other"),
        ({"SLURM_PROCID": "5"}, "contradict each other"),
        ({"SLURM_NODEID": "0"}, "task 4 is on node 0, .* try srun --distribution=block"),
        ({"SLURM_STEP_RESV_PORTS": "12000"}, "has 1 ports for 2 tasks on a node; try srun --resv-ports=2"),
        ({"SLURM_STEP_RESV_PORTS": "a"}, "SLURM_STEP_RESV_PORTS must be"),
        ({"SLURM_JOB_ID": ""}, "SLURM_JOB_ID must be"),
    ],
)
def test_mistakes_in_slurms_variables(changed, message):
    with pytest.raises(ConfigError, match=message):
        cluster_of(environ={**STEP, **changed})


def test_a_batch_script_of_several_tasks_needs_srun():
    environ = {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "n1"}
    with pytest.raises(ConfigError, match="Slurm has 4 tasks for this job, .* start it by srun: srun descenso"):
        cluster_of(environ=environ)
    assert cluster_of("a:1,b:1", index=0, environ=environ).size == 2


def test_node_lists():
    assert list(expanded("n1")) == ["n1"]
    assert list(expanded("n[1-3,7],gpu-[08-11]")) == ["n1", "n2", "n3", "n7", "gpu-08", "gpu-09", "gpu-10", "gpu-11"]
    assert list(expanded("r[1-2]n[1,3].net")) == ["r1n1.net", "r1n3.net", "r2n1.net", "r2n3.net"]
    for wrong in ("", "n[]", "n[a]", "n[3-1]", "n1,", "n[1]]", "n 1", "n[1-2"):
        with pytest.raises(ValueError, match="no list of nodes|no range"):
            list(expanded(wrong))


@pytest.mark.parametrize(
    ("config", "given", "variables", "message"),
    [
        (TWO, ("a:1,b:2", 0, 0), {}, "TF_CONFIG names index 1 of 2 workers .*a:1, b:2.* name index 0 of 2 workers"),
        (TWO, ("a:1", 2, 1), {}, "leave out the three, or unset TF_CONFIG"),
        (TWO, ("", 0, None), {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}, "leave out TF_CONFIG"),
        (None, ("a:1", 5, 0), STEP, "SLURM_PROCID is 4, .* leave out --coordinator"),
    ],
)  # fmt: skip
def test_sources_that_contradict_each_other(config, given, variables, message):
    environ = {**variables, **({"TF_CONFIG": json.dumps(config)} if config else {})}
    with pytest.raises(ConfigError, match=message):
        cluster_of(*given, environ=environ)


def test_sources_that_agree():
    assert cluster_of("a:1,b:2", 2, 1, environ={"TF_CONFIG": json.dumps(TWO)}).index == 1
    assert by_config(TWO, SLURM_PROCID="1", SLURM_STEP_NUM_TASKS="2").index == 1
    assert by_config(TWO, **STEP).index == 1  # of another number of tasks: a launcher in one of them
    assert cluster_of("a:1", 5, 4, environ=STEP).addresses[4] == "a:5"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "a:1"])  # TensorFlow listens on all devices anyway
def test_a_warning_says_that_other_machines_reach_the_workers(address, monkeypatch):
    monkeypatch.setattr(cluster_module, "isolated", lambda: False)
    warning = exposed(cluster_of(address, 2, 0, environ={}))
    assert warning.startswith(f"TensorFlow exchanges data at {address}, ")
    assert "neither authentication nor encryption" in warning
    monkeypatch.setattr(cluster_module, "isolated", lambda: True)
    assert exposed(cluster_of(address, 2, 0, environ={})) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, "a,b"), ({"no_proxy": "x,a"}, "x,a,b"), ({"no_grpc_proxy": "y", "no_proxy": "x"}, "y,a,b")],
    ids=["none", "no_proxy", "no_grpc_proxy"],
)
def test_proxies_are_bypassed(before, after):
    environ = dict(before)
    bypass_proxies(by_config(TWO), environ)
    assert environ == {**before, "no_grpc_proxy": after}


def test_proxies_of_ipv6_addresses_are_bypassed():
    environ = {}
    bypass_proxies(cluster_of("[::1]:5", 1, 0, environ={}), environ)
    assert environ == {"no_grpc_proxy": "::1"}
