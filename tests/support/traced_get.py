"""A program that serves on waitress, and writes each file of the package that one GET runs through.

Run as `python -m tests.support.traced_get DATABASE_URL STATE_DIR`.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from benchmarks.traffic import paths
from tests.support.apps import opened_app
from tests.support.commands import ROOT
from tracking_service.serving import serve

PACKAGE = ROOT / "tracking_service"

_paths = iter(paths())

# The thread that reads and accepts, and the one worker.
ANSWERING = ("MainThread", "worker-0")

seen: set[str] = set()
tracing = False


def see(frame: FrameType, event: str, _: object) -> None:
    # Not the thread that leases, which does a round meanwhile.
    if tracing and event == "call" and threading.current_thread().name in ANSWERING:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            seen.add(str(path.relative_to(PACKAGE)))


def get(url: str) -> None:
    server = urlsplit(url)
    connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=30)
    connection.request("GET", next(_paths))
    response = connection.getresponse()
    assert response.status == 200, response.read()
    response.read()
    connection.close()


def ask(url: str) -> None:
    """Trace the second of two requests. The first opens the series, and has other values."""
    global tracing
    try:
        get(url)
        tracing = True
        get(url)
        tracing = False
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    url, state_dir = sys.argv[1:]
    threading.setprofile(see)
    sys.setprofile(see)
    with opened_app(url, Path(state_dir)) as app:
        serve(
            app,
            host="127.0.0.1",
            port=0,
            threads=1,
            drain_seconds=5.0,
            on_listening=lambda url, _: threading.Thread(target=ask, args=(url,)).start(),
            on_draining=lambda: None,
        )
    sys.stdout.write(json.dumps(sorted(seen)))


if __name__ == "__main__":
    main()
