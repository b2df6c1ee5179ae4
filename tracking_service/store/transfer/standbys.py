"""Whether the standbys of a PostgreSQL server have received what was committed.

If a failover forgot an export or an import, two databases would issue the same numbers. With
asynchronous replication a commit does not wait for standbys, so the transfer waits. Columns:
https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW
"""

import time

from sqlalchemy import Connection, text

from tracking_service.errors import ExportError, StandbyError
from tracking_service.store.database import Database

PAUSE_SECONDS = 0.1

# Without the privilege a role sees a standby's row, but not its columns.
_HIDDEN = text(
    "SELECT count(*) FROM pg_stat_replication"
    " WHERE NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
)
_HERE = text("SELECT pg_current_wal_insert_lsn()::text")
# A base backup has a row as well, but is no standby yet.
_BEHIND = text(
    "SELECT application_name, host(client_addr) FROM pg_stat_replication"
    " WHERE state IN ('catchup', 'streaming')"
    " AND (flush_lsn IS NULL OR flush_lsn < cast(:here AS pg_lsn)) ORDER BY 1, 2 LIMIT 1"
)


def check_standbys(connection: Connection) -> None:
    """Raise ExportError if this role cannot see how far the standbys are."""
    if connection.dialect.name != "postgresql":
        return
    if connection.execute(_HIDDEN).scalar_one():
        raise ExportError(
            "standbys follow this server, and this role cannot see whether they receive what it"
            " commits: GRANT pg_monitor to it first"
        )


def await_standbys(database: Database, seconds: float, *, consequence: str) -> None:
    """Wait until every standby has on its disk what is committed now.

    Raises StandbyError, which states the `consequence`, after `seconds`.
    """
    if database.backend != "postgresql":
        return
    give_up_at = time.monotonic() + seconds
    with database.transaction() as connection:
        here = connection.execute(_HERE).scalar_one()
    while True:
        with database.transaction() as connection:
            behind = connection.execute(_BEHIND, {"here": here}).first()
        if behind is None:
            return
        if time.monotonic() >= give_up_at:
            raise StandbyError(
                f"the standby {behind[0]} at {behind[1]} has not received it within {seconds:g} s, so a failover"
                f" could forget it; {consequence}"
            )
        time.sleep(PAUSE_SECONDS)
