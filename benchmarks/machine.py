"""Where a figure was measured: what anyone needs to compare it, and nothing that names a machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import psutil

PACKAGES = (
    "flask",
    "marshmallow",
    "waitress",
    "gunicorn",
    "granian",
    "django",
    "djangorestframework",
    "fastapi",
    "uvicorn",
    "uvloop",
    "asyncpg",
)


def conditions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The machine, the Python, and the versions of what was measured."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return {
        "processor": _processor(),
        "processors": f"{len(os.sched_getaffinity(0))} usable",
        "memory": f"{memory} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def load() -> float:
    """The load average of the last minute: above 1 before a run, others use the machine too."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
