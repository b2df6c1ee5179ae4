"""The import: replaces a fresh database's rows by an export's."""

from collections.abc import Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tracking_service.errors import ExportError
from tracking_service.store.database import Database
from tracking_service.store.models import BlockRow, NumberSpaceRow, SeriesRow
from tracking_service.store.schema import REVISION
from tracking_service.store.skipping import LEASES_AHEAD
from tracking_service.store.timeline import server_timeline
from tracking_service.store.transfer.checks import check_rows
from tracking_service.store.transfer.lines import ANSWER_SECONDS, ROWS, Reader, Row, tables
from tracking_service.store.transfer.standbys import await_standbys, check_standbys


def import_(
    database: Database, lines: Iterable[str], *, standby_seconds: float = 60.0
) -> dict[str, int]:
    """Replace a fresh database's rows by those of an export; return their counts.

    All or nothing. Raises ExportError if the export is damaged, cut short or of another version, if
    its rows are not safe to issue from, and if the database is not fresh: something was leased, or
    an instance is connected. Only PostgreSQL can tell the latter; with SQLite, every instance must
    have been stopped. Raises StandbyError if a standby has not received the import within
    `standby_seconds`.
    """
    reader = Reader(lines)
    reader.heading(REVISION)
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        check_standbys(connection)
        _empty(connection)
        _insert(connection, reader)
        check_rows(connection)
        _adopt(connection)
    await_standbys(
        database,
        standby_seconds,
        consequence="the import is done here: start no instance before the standby has received it",
    )
    return reader.counts


def _empty(connection: Connection) -> None:
    """Delete a fresh database's rows. Raises ExportError if it is not fresh."""
    # Locks the rows, so that a lease that begins now waits, and then reads the new ones.
    connection.execute(update(SeriesRow).values(lease_count=SeriesRow.lease_count))
    used = connection.execute(select(func.sum(SeriesRow.lease_count))).scalar_one()
    blocks = connection.execute(select(func.count()).select_from(BlockRow)).scalar_one()
    if used or blocks:
        raise ExportError("serials of this database have been leased: an export is for a fresh one")
    if connection.dialect.name == "postgresql" and _others(connection):
        # It would go on with the old key, under the imported serials.
        raise ExportError("an instance is connected to this database: stop it first")
    for table in reversed(tables().values()):
        connection.execute(delete(table))


def _others(connection: Connection) -> int:
    others: int = connection.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'tracking-service' AND pid <> pg_backend_pid()"
        )
    ).scalar_one()
    return others


def _insert(connection: Connection, reader: Reader) -> None:
    for table, rows in _in_parts(reader.rows()):
        try:
            connection.execute(insert(table), rows)
        except IntegrityError as error:
            cause = str(error.orig).strip().partition("\n")[0]
            raise ExportError(
                f"the export is damaged: its rows contradict one another ({cause})"
            ) from error


def _in_parts(rows: Iterator[tuple[Table, Row]]) -> Iterator[tuple[Table, list[Row]]]:
    while part := list(islice(rows, ROWS)):
        for table in dict.fromkeys(table for table, _ in part):
            yield table, [row for other, row in part if other is table]


def _adopt(connection: Connection) -> None:
    """Make the imported rows this database's own."""
    connection.execute(update(NumberSpaceRow).values(moved_at=None))
    # The exporting database may have been restored without the lease of a tail. By the counts below
    # no high-water mark would show that here.
    connection.execute(update(BlockRow).where(BlockRow.state == "returned").values(state="skipped"))
    connection.execute(
        # This server has another history, and has forgotten no lease. The old one may still lease
        # tails that its instances hand back, which this database has not counted.
        update(SeriesRow).values(
            timeline=server_timeline(connection),
            lease_count=SeriesRow.lease_count + LEASES_AHEAD,
            returned_blocks=0,
        )
    )
    if connection.dialect.name == "postgresql":
        # The rows have ids; the sequences must go on after them.
        for name in tables():
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"  # noqa: S608
                    f" greatest((SELECT max(id) FROM {name}), 1))"
                )
            )
