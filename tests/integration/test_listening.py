"""What `flask serve --host` listens on: the families of addresses that a caller reaches it by."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.client import Client
from tests.support.commands import ROOT, environment


def reached(port: int, address: str) -> bool:
    """Whether a server answers at `address`."""
    client = Client(address, port)
    try:
        return client.get("/healthz").status == 200
    except ConnectionRefusedError:
        return False
    finally:
        client.close()


@pytest.mark.parametrize(
    "host, expected",
    [
        ("*", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("::", {"::1"}),
    ],
)
def test_a_host_stands_for_one_family_of_addresses_or_for_both(
    host: str, expected: set[str], migrated_sqlite_url: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "serve", "--host", host, "--port", "0"],
        cwd=ROOT,
        env=environment(DATABASE_URL=migrated_sqlite_url),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            heard = (re.search(r"Listening on \S+:(\d+)", line) for line in process.stderr)
            port = int(next(found for found in heard if found)[1])
            answers = {each for each in ("127.0.0.1", "::1") if reached(port, each)}
        finally:
            process.kill()

    assert expected == answers
