"""Asks flat out over a few kept connections with wrk, and reads how many answers a second came.

wrk is a program of its own, in C: a client in Python would be slower than what it measures.
https://github.com/wg/wrk
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).with_name("paths.lua")
HOW_TO_INSTALL = "wrk is missing: `apt-get install wrk` on Debian and Ubuntu, `brew install wrk`"

_RATE = re.compile(r"^Requests/sec:\s*([\d.]+)", re.MULTILINE)
_COUNT = re.compile(r"^\s*(\d+) requests in ", re.MULTILINE)
_FAULTS = re.compile(r"^\s*(Non-2xx or 3xx responses|Socket errors): (.*)$", re.MULTILINE)


class LoadError(Exception):
    """The load did not run, or was not answered as it should be."""


def program() -> str:
    """Where wrk is; LoadError with how to install it where it is not."""
    found = shutil.which("wrk")
    if found is None:
        raise LoadError(HOW_TO_INSTALL)
    return found


def requests_per_second(
    url: str, paths: Sequence[str], *, seconds: float, connections: int
) -> float:
    """Answers a second. LoadError where one of them was no success: errors are quick to give."""
    # wrk takes whole seconds only. One thread: it is not what bounds a server in Python, and
    # takes less of a small machine.
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths))
        file.flush()
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
        done = subprocess.run(
            [program(), *options, url, "--", file.name],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
    return read(done.stdout, done.stderr)


def read(output: str, errors: str = "") -> float:
    """The rate that wrk's output tells. LoadError where there is none, or a request failed."""
    rate, count, fault = _RATE.search(output), _COUNT.search(output), _FAULTS.search(output)
    if rate is None or count is None or not int(count[1]):
        raise LoadError(f"wrk got no answers: {(errors or output).strip()}")
    if fault is not None and set(re.findall(r"\d+", fault[2])) != {"0"}:
        raise LoadError(f"wrk: {fault[1].lower()}: {fault[2]}, of {count[1]} requests")
    return float(rate[1])
