"""The child of a fork has connections of its own, whatever its parent was doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import text

from tests.support.fakes import InThreads
from tests.support.proxy import Proxy
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service.errors import StoreUnavailableError

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

DONE = 7
# Seconds; a child that is at it for longer hangs.
BOUND = 20


def in_child(work: Callable[[], object]) -> int:
    """Do this in the child of a fork; return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(BOUND)
            work()
            os._exit(DONE)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ask(stores: Stores) -> int:
    with stores.database.transaction() as connection:
        answer: int = connection.execute(text("SELECT 1")).scalar_one()
    return answer


def test_a_fork_amid_the_first_connection_leaves_the_child_free(postgres: Stores) -> None:
    """SQLAlchemy asks a server what it is on an engine's first connection, and only then."""

    def ask_what_it_is() -> None:
        ask(stores)
        version = stores.engine.dialect.server_version_info
        assert version is not None
        assert version >= (12,)

    parts = urlsplit(postgres.text)
    with Proxy(parts.port or 5432) as proxy:
        here = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{proxy.port}"))
        with Stores(here, timeout_seconds=3.0) as stores:
            proxy.mute(after=1)
            first = InThreads(1, lambda: ask(stores))
            wait_until(lambda: proxy.unanswered > 0, seconds=20, what="the server to be asked")
            proxy.forward()
            code = in_child(ask_what_it_is)
            first.join()

    assert DONE == code
    assert [StoreUnavailableError] == [type(error) for error in first.errors]


def test_a_fork_amid_a_transaction_leaves_both_free(postgres: Stores) -> None:
    """On SQLite a fork waits for transactions instead."""
    with postgres.database.transaction(write=True) as connection:
        code = in_child(lambda: ask(postgres))
        answer = connection.execute(text("SELECT 1")).scalar_one()

    assert (DONE, 1) == (code, answer)


def test_parent_and_child_go_on_after_a_fork(stores: Stores) -> None:
    before = ask(stores)
    code = in_child(lambda: ask(stores))

    assert (1, DONE, 1) == (before, code, ask(stores))


def test_the_tables_are_mapped_before_any_thread_asks() -> None:
    """SQLAlchemy maps them under a lock, which a fork in that moment would leave held for ever."""
    program = (
        "from tracking_service.store.models import Base\n"
        "assert {True} == {mapper.configured for mapper in Base.registry.mappers}\n"
    )

    assert 0 == subprocess.run([sys.executable, "-c", program], timeout=60).returncode
