"""Which history a PostgreSQL server is writing: its system identifier and its timeline.

A standby that is promoted, and a server restored to a point in time, begin a new timeline
(https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES). With
asynchronous replication the new one may lack the last commits of the old one, leases among them;
so a change of timeline is a reason to skip ahead.

The dialect knows the query (`store/database/postgresql.py`); its answer is such as
`7311…/00000002`.
"""

import logging

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tracking_service.store.database import TIMELINE_QUERY

log = logging.getLogger(__name__)

# undefined_function, insufficient_privilege, feature_not_supported, undefined_table
_NO_SUCH_FUNCTION = {"42883", "42501", "0A000", "42P01"}

_TELLS_NONE = "tells_no_timeline"
"""Names, among a pooled connection's facts, whether its server tells no timeline."""


def server_timeline(connection: Connection) -> str | None:
    """The history that the server is writing, such as `7311…/00000002`.

    None where the server has no timelines (SQLite; CockroachDB and YugabyteDB, which agree on
    each commit and lose none) or does not let this role see them; each connection finds that out
    once.
    """
    query = connection.get_execution_options()[TIMELINE_QUERY]
    if query is None or connection.info.get(_TELLS_NONE):
        return None
    if _TELLS_NONE in connection.info:
        return _read(connection, query)
    try:
        # In a savepoint, for a failed statement would end the transaction.
        with connection.begin_nested():
            timeline = _read(connection, query)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _NO_SUCH_FUNCTION:
            raise
        log.warning("the server tells no timeline; a failover that lost commits goes unseen")
        connection.info[_TELLS_NONE] = True
        return None
    connection.info[_TELLS_NONE] = False
    return timeline


def promotions(before: str | None, now: str) -> int:
    """How often a server was promoted or restored between two histories; 1 if that is not known.

    None is before all of them.

    >>> promotions("7311/00000001", "7311/00000003"), promotions(None, "7311/00000003")
    (2, 2)
    >>> promotions("7311/00000009", "7312/0000000A")
    1
    """
    system, _, new = now.partition("/")
    old_system, _, old = (before or f"{system}/1").partition("/")
    return max(1, int(new, 16) - int(old, 16)) if system == old_system else 1


def is_first(timeline: str) -> bool:
    """Whether this is the history that a server begins with: none was promoted, none restored.

    >>> is_first("7311/00000001"), is_first("7311/00000002")
    (True, False)
    """
    return timeline.endswith("/00000001")


def _read(connection: Connection, query: str) -> str:
    timeline: str = connection.exec_driver_sql(query).scalar_one()
    return timeline
