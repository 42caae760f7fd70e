"""Describe the environment of a run from package metadata, without importing the packages."""

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from descenso._version import __version__

VECTORS = re.compile(
    r"(avx|fma|f16c|amx|asimd|sve|sme(?!p)|bf16|i8mm)\w*"
)  # vector instructions: the order of a sum depends on them
PACKAGES = ("tensorflow", "keras", "numpy", "safetensors", "matplotlib", "pillow", "pydantic", "typer")


def environment() -> dict[str, object]:
    """Return versions, processor and platform as plain values."""
    cpu = _cpuinfo()
    return {
        "descenso": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "instructions": _vectors(cpu.get("flags") or cpu.get("Features") or ""),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "byte_order": sys.byteorder,
        "xla_flags": " ".join(filter(None, map(os.environ.get, ("XLA_FLAGS", "TF_XLA_FLAGS")))),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpuinfo() -> dict[str, str]:
    """Read the fields of the first processor from /proc/cpuinfo; empty on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _colon, value in pairs}


def _vectors(flags: str) -> str:
    """Select the vector instructions, by which kernels are chosen: processors of one name may differ in them.

    >>> _vectors("fpu sse2 avx512f fma avx")
    'avx avx512f fma'
    """
    return " ".join(sorted(filter(VECTORS.fullmatch, flags.split())))
