"""What a run ran on. Reads package metadata only; imports none of the packages."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from descenso._version import __version__

__all__ = ["environment"]

PACKAGES = ("tensorflow", "keras", "numpy", "safetensors", "matplotlib", "pillow", "pydantic", "typer")


def environment() -> dict[str, object]:
    """Versions, processor and platform, as plain values."""
    return {
        "descenso": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "byte_order": sys.byteorder,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
