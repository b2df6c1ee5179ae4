"""The command lines of the servers that use all cores, as docs/servers.md gives them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

COMMANDS: Mapping[str, Sequence[str]] = {
    "gunicorn": (
        *(sys.executable, "-m", "gunicorn", "--no-control-socket", "--worker-class=gthread"),
        *("--workers=2", "--threads=4", "--bind=127.0.0.1:{port}", "wsgi:app"),
    ),
    "granian": (
        *(sys.executable, "-m", "granian", "--interface=wsgi", "--workers=2"),
        *("--blocking-threads=4", "--host=127.0.0.1", "--port={port}", "wsgi:app"),
    ),
}
