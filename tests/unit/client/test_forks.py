"""A fork amid a call, as by a signal's handler: parent and child have no number in common."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.service_stand_in import SHIPMENT, ServiceStandIn
from tracking_service.client import Client

# From 3.12 Python warns of a fork amid threads, which is what is tried here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class ForkOnce:
    """Forks where it is called first; `both` then has what parent and child made of it."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        self._child: int | None = None

    def __call__(self) -> None:
        if self._child is None:
            self._child = os.fork()

    def both(self, action: Callable[[], list[str]]) -> tuple[list[str], list[str]]:
        """What `action`, amid which it is called, returns in the parent and in the child."""
        try:
            mine = action()
            if self._child == 0:
                os.write(self._write_end, json.dumps(mine).encode())
        finally:
            if self._child == 0:
                os._exit(0)
        os.close(self._write_end)
        with os.fdopen(self._read_end, encoding="ascii") as answer:
            theirs = json.loads(answer.read() or "null")
        assert self._child is not None
        os.waitpid(self._child, 0)
        assert theirs is not None, "the child failed"
        return mine, theirs


def one(client: Client) -> list[str]:
    return [client.next(SHIPMENT).tracking_number]


def three(client: Client) -> list[str]:
    return list(client.batch(SHIPMENT, 3).tracking_numbers)


@pytest.mark.parametrize("call", [one, three])
def test_a_child_forked_amid_a_call_asks_for_numbers_of_its_own(
    call: Callable[[Client], list[str]],
) -> None:
    service = ServiceStandIn()
    client = service.client()
    service.on_the_way = fork = ForkOnce()

    mine, theirs = fork.both(lambda: call(client))

    assert len(mine) == len(theirs)
    assert set() == {*mine} & {*theirs}


def test_a_child_forked_amid_a_spools_write_has_none_of_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = ServiceStandIn()
    # Two are taken from the spool at a time.
    buffer = service.client().buffered(SHIPMENT, 20, spool=tmp_path / "spool")
    first = buffer.next()
    issued = list(service.issued)
    sync, fork = os.fsync, ForkOnce()

    def synced(descriptor: int) -> None:
        sync(descriptor)
        fork()

    monkeypatch.setattr(os, "fsync", synced)

    mine, theirs = fork.both(lambda: [buffer.next(), buffer.next()])
    monkeypatch.undo()

    assert issued[:3] == [first, *mine]
    # The first of them was in memory before the fork, and handed out before it.
    assert mine[0] == theirs[0]
    assert theirs[1] not in issued
    assert issued[3:] == list(buffer.close().unused)[:17]


def test_the_first_call_imports_nothing() -> None:
    """A child that is forked amid an import waits for ever for who imports."""
    code = """
import sys
from tests.support.service_stand_in import SHIPMENT
from tracking_service.client import Client
before = set(sys.modules)
try:
    Client("http://127.0.0.1:9", give_up_after=0.01).next(SHIPMENT)
except Exception as error:
    assert "did not answer" in str(error), error
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (0, "[]\n") == (done.returncode, done.stdout), done.stderr
