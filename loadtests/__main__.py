"""`python -m loadtests`, or `make load`: Locust without its web interface, for a short while.

LOAD_USERS (20) and LOAD_SECONDS (20) say how much. LOAD_HOST is the service to ask, such as
http://127.0.0.1:8000; without it one is started on an SQLite file, and ended afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.support.commands import ROOT, migrate
from tests.support.instance import Instance

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


def main() -> int:
    """The exit code: that of Locust, 1 where an answer was wrong or a number came twice."""
    users = os.environ.get("LOAD_USERS") or "20"
    seconds = os.environ.get("LOAD_SECONDS") or "20"
    with ExitStack() as stack:
        host = os.environ.get("LOAD_HOST") or _own(stack)
        options = ["--headless", "--only-summary", f"--users={users}", f"--spawn-rate={users}"]
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", host]
        command += [*options, f"--run-time={seconds}s", "--stop-timeout=10s"]
        # Locust finds the project's packages by the folder that it is started in.
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def _own(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tracking-load-"))
    url = f"sqlite:///{folder}/load.sqlite3"
    migrate(url)
    return stack.enter_context(Instance({"DATABASE_URL": url})).url


if __name__ == "__main__":
    sys.exit(main())
