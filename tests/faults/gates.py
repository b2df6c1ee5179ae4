"""A gate in the midst of the lease transaction: what waits there can be cut off there."""

from __future__ import annotations

import psycopg

from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

# The lock that is the gate: closed while somebody holds it.
GATE = 4

# Where a lease waits: when it records its block, or when it commits.
STAGES = {
    "insert": "CREATE TRIGGER gate BEFORE INSERT ON block",
    "commit": "CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON block DEFERRABLE INITIALLY DEFERRED",
}


def hold_leases_up(server: PostgresServer, *, at: str) -> None:
    """Put a gate into every lease from now on."""
    with psycopg.connect(server.url("tracking"), autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NEW; END $$
            """
        )
        connection.execute(f"{STAGES[at]} FOR EACH ROW EXECUTE FUNCTION wait_for_gate()")


def cut_leases_off(server: PostgresServer, load: Load, *, times: int) -> int:
    """Close the gate, end the server's side of all that wait there, open it; return how many."""
    cut = 0
    with psycopg.connect(server.url("tracking"), autocommit=True) as gate:
        for _ in range(times):
            gate.execute("SELECT pg_advisory_lock(%s)", [GATE])
            cut += wait_until(lambda: _end_waiting(server), seconds=20, what="a lease at the gate")
            gate.execute("SELECT pg_advisory_unlock(%s)", [GATE])
            load.wait_for(200)
    return cut


def _end_waiting(server: PostgresServer) -> int:
    ended = server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE wait_event = 'advisory' AND application_name = 'tracking-service'"
    )
    return len(ended)
