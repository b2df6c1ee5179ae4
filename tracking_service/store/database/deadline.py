"""A bound on how long a conversation with PostgreSQL may take, whatever has become of the server.

The server's own time-outs end a statement only while the server lives, and TCP's only where the
other kernel does not answer. A server that is stopped, or a proxy that swallows everything, leaves
a client waiting for ever. So the client hangs up by itself: its socket is shut down, and the wait
ends with a lost connection.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine

from tracking_service.store.database.bulkhead import TURNS, Turns
from tracking_service.store.database.fork_guard import GATE, Gate

DEADLINE = "deadline_seconds"
"""Names, among an engine's execution options, how long one transaction may take; not there where
calls return by themselves, as SQLite's do: its busy time-out bounds the only wait there is."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction on a connection of its own, committed or cut off within the deadline.

    The outcome of a commit that is cut off is unknown, as with any lost connection. An engine of
    requests has turns; raises StoreUnavailableError where there is none to be had.
    """
    options = engine.get_execution_options()
    turns: Turns | None = options.get(TURNS)
    gate: Gate | None = options.get(GATE)
    with (
        turns.turn() if turns else nullcontext(),
        gate.passing() if gate else nullcontext(),
        engine.connect() as connection,
    ):
        seconds = connection.get_execution_options().get(DEADLINE)
        if seconds is None:
            with connection.begin():
                yield connection
            return
        with deadline(connection.connection.dbapi_connection, seconds), connection.begin():
            yield connection


@contextmanager
def deadline(connection: Any, seconds: float) -> Iterator[None]:
    """Hang up a driver's connection where the body takes longer than `seconds`."""
    # A duplicate of its own, so that a number that was closed and given to another is not hit.
    line = os.dup(connection.fileno())
    timer = threading.Timer(seconds, _hang_up, [line])
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        # An interpreter that ends starts no thread; whoever ends it bounds the wait.
        os.close(line)
        yield
        return
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        os.close(line)


def _hang_up(line: int) -> None:
    with socket.socket(fileno=os.dup(line)) as end:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Gone already.
            return
