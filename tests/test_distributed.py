"""The files of docs/distributed: their structure, and what their shell code starts for each worker."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from descenso.engines.cluster import cluster_of

FOLDER = Path(__file__).parents[1] / "docs" / "distributed"
STUB = '#!/bin/sh\nprintf "%s\\n%s" "${TF_CONFIG:-}" "$*"\n'
POD = {"subdomain", "restartPolicy", "terminationGracePeriodSeconds", "automountServiceAccountToken", "containers",
       "volumes"}  # fmt: skip
CONTAINER = {"name", "image", "command", "args", "env", "ports", "resources", "volumeMounts"}
KINDS = {  # the keys that each object may have, of the reference of the API
    "Service": {"clusterIP", "publishNotReadyAddresses", "selector", "ports"},
    "NetworkPolicy": {"podSelector", "policyTypes", "ingress"},
    "Job": {"completionMode", "completions", "parallelism", "backoffLimit", "template"},
}
VERSIONS = {"Service": "v1", "NetworkPolicy": "networking.k8s.io/v1", "Job": "batch/v1"}


class Unique(yaml.SafeLoader):
    """A loader that refuses a key which is given twice, as Kubernetes does and PyYAML does not."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


@pytest.fixture(scope="module")
def objects():
    with (FOLDER / "indexed-job.yaml").open(encoding="utf-8") as file:
        return {each["kind"]: each for each in yaml.load_all(file, Unique)}


@pytest.fixture(scope="module")
def pod(objects):
    return objects["Job"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def values(pod):
    return {each["name"]: each["value"] for each in pod["containers"][0]["env"] if "value" in each}


def test_each_object_has_only_keys_of_its_kind(objects, pod):
    assert set(objects) == set(KINDS)
    for kind, each in objects.items():
        assert set(each) == {"apiVersion", "kind", "metadata", "spec"}
        assert (each["apiVersion"], set(each["metadata"]), set(each["spec"])) == (VERSIONS[kind], {"name"}, KINDS[kind])
    assert set(objects["Job"]["spec"]["template"]) == {"spec"}
    assert set(pod) == POD
    assert [set(each) for each in pod["containers"]] == [CONTAINER]
    assert pod["restartPolicy"] in ("OnFailure", "Never")  # a Job takes no other


def test_the_objects_fit_each_other(objects, pod, values):
    label = {"batch.kubernetes.io/job-name": objects["Job"]["metadata"]["name"]}
    service, policy, job = (objects[kind]["spec"] for kind in ("Service", "NetworkPolicy", "Job"))
    assert service["clusterIP"] == "None"  # a text: headless
    assert service["selector"] == policy["podSelector"]["matchLabels"] == label
    assert policy["ingress"] == [{"from": [{"podSelector": {"matchLabels": label}}]}]
    assert pod["subdomain"] == objects["Service"]["metadata"]["name"]
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == int(values["WORKERS"])
    container = pod["containers"][0]
    assert service["ports"][0]["port"] == container["ports"][0]["containerPort"]
    assert [each["name"] for each in container["volumeMounts"]] == [each["name"] for each in pod["volumes"]]
    assert values["RUN"].startswith(container["volumeMounts"][0]["mountPath"] + "/")


def started(command, folder, stub, **variables):
    """Run a command of shell whose program `stub` prints TF_CONFIG and its arguments; return these two."""
    (folder / stub).write_text(STUB, encoding="utf-8")
    (folder / stub).chmod(0o755)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), **variables}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return ended.stdout.split("\n")


def test_each_pod_finds_its_place(objects, pod, values, tmp_path):
    container, name = pod["containers"][0], objects["Job"]["metadata"]["name"]
    port, command = container["ports"][0]["containerPort"], [*container["command"], *container["args"]]
    hosts = [f"{name}-{index}.{pod['subdomain']}:{port}" for index in range(int(values["WORKERS"]))]
    values = {**values, "RUN": str(tmp_path / "run")}
    for index in range(len(hosts)):
        config, line = started(command, tmp_path, "descenso", **values, JOB_COMPLETION_INDEX=str(index))
        cluster = cluster_of(environ={"TF_CONFIG": config})
        assert (list(cluster.addresses), cluster.index) == (hosts, index)
        assert line == f"train mnist --engine workers --out {tmp_path}/run"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text("{}")
    _, line = started(command, tmp_path, "descenso", **values, JOB_COMPLETION_INDEX="0")
    assert line == f"resume {tmp_path}/run --engine workers"
    alone = started(command, tmp_path, "descenso", **{**values, "WORKERS": "1"}, JOB_COMPLETION_INDEX="0")
    assert json.loads(alone[0])["cluster"] == {"worker": hosts[:1]}


def test_the_batch_script(tmp_path):
    script, environ = FOLDER / "train.sbatch", {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "8"}
    directives = re.findall(r"^#SBATCH (--[a-z-]+)(?:=(\S+))?$", script.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(directives) == script.read_text(encoding="utf-8").count("#SBATCH")
    assert dict(directives)["--ntasks-per-node"] == "1"
    options = "--distribution=block --cpus-per-task=8 --wait=120 descenso"
    _, line = started(["bash", script], tmp_path, "srun", **environ)
    assert line == f"{options} train mnist --out {tmp_path}/runs/mnist-7 --engine workers"
    (tmp_path / "runs" / "mnist-7").mkdir(parents=True)
    (tmp_path / "runs" / "mnist-7" / "status.json").write_text("{}")
    _, line = started(["bash", script], tmp_path, "srun", **environ)
    assert line == f"{options} resume {tmp_path}/runs/mnist-7 --engine workers"


def test_the_directives_of_the_batch_script_come_first():
    """Slurm reads no directive after the first command."""
    lines = (FOLDER / "train.sbatch").read_text(encoding="utf-8").splitlines()
    command = next(place for place, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(not line.startswith("#SBATCH") for line in lines[command:])
