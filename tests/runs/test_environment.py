"""The environment of a run."""

import json
import sys
from pathlib import Path

import numpy as np

from descenso.runs.environment import environment


def test_the_environment_is_plain_json():
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == np.__version__
    assert found["cores"] >= 1
    assert all(found[name] for name in ("descenso", "tensorflow", "platform", "processor"))


def test_processors_of_one_name_are_distinguished(monkeypatch):
    """A virtual machine hides the model of the processor, but not its instruction set, which changes sums."""

    read = Path.read_text

    def on(text):
        monkeypatch.setattr(
            Path, "read_text", lambda path, **named: text if path == Path("/proc/cpuinfo") else read(path, **named)
        )
        return environment()

    old = on("processor : 0\nmodel name : AMD EPYC\nflags : fpu avx fma avx2 smep\n\nprocessor : 1\nflags : other\n")
    new = on("model name : AMD EPYC\nflags : fpu avx fma avx2 smep avx512f avx512_bf16\n")
    assert old["processor"] == new["processor"] == "AMD EPYC"
    assert (old["instructions"], new["instructions"]) == ("avx avx2 fma", "avx avx2 avx512_bf16 avx512f fma")
    assert on("CPU implementer : 0x41\nFeatures : fp asimd bf16 sve\n")["instructions"] == "asimd bf16 sve"
