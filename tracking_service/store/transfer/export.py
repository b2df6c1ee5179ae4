"""The export: writes every row and seals what is left of each series; `reopen` removes the seal."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, select, text, update

from tracking_service.errors import ExportError, MovedError
from tracking_service.installation import program
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database
from tracking_service.store.models import BatchRow, BlockRow, NumberSpaceRow, SeriesRow
from tracking_service.store.schema import REVISION
from tracking_service.store.skipping import RandBelow, skip, skip_if_forgotten
from tracking_service.store.transfer.lines import ANSWER_SECONDS, ROWS, Row, Writer, tables
from tracking_service.store.transfer.standbys import await_standbys, check_standbys

_SEALED_BY = "export:"


def export(
    database: Database,
    write: Callable[[str], object],
    *,
    keep: Callable[[], None],
    standby_seconds: float = 60.0,
    randbelow: RandBelow = secrets.randbelow,
) -> dict[str, int]:
    """Write an export, line by line, and seal every series; return the counts of rows.

    `keep` returns when what was written is safe. It is called before the seal is committed, and
    again after the last line, which says that it was; that line is written once every standby of
    this server has received the seal. If any of this raises, do not import what was written. Raises
    MovedError if the series are sealed already, and StandbyError if a standby takes longer than
    `standby_seconds`. `randbelow` draws the export's name, and the random part of skips.
    """
    name = f"{_SEALED_BY}{randbelow(2**64):016x}"
    writer = Writer(write)
    # However long the whole takes, it must not be cut off.
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        check_standbys(connection)
        _lock(connection)
        _leave_out_forgotten(connection, name, randbelow)
        writer.heading(schema=REVISION, name=name)
        for table in tables().values():
            for row in _rows(connection, table):
                writer.row(table.name, row)
        writer.end_rows()
        _seal(connection, name)
        keep()
    # Only here is the commit known.
    remedy = f"the series are sealed here; `{program()} series reopen` takes that back"
    await_standbys(database, standby_seconds, consequence=remedy)
    try:
        writer.sealed(name)
        keep()
    except OSError as error:
        raise ExportError(
            f"the last line cannot be written ({error.strerror}); {remedy}"
        ) from error
    return writer.counts


def reopen(database: Database) -> list[str]:
    """Remove the seal from every series; return their names.

    Safe only if the export was never imported: else both databases give the same serials. Tails
    that had been handed back before the export stay left out. Raises MovedError if nothing is
    sealed.
    """
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        moved = connection.execute(
            update(NumberSpaceRow).where(NumberSpaceRow.moved_at.is_not(None)).values(moved_at=None)
        )
        if not moved.rowcount:
            raise MovedError("no series of this database is sealed")
        sealed = connection.execute(
            select(BlockRow.id, BlockRow.start, SeriesRow.id, SeriesRow.name)
            .join(SeriesRow, BlockRow.series_id == SeriesRow.id)
            .where(
                BlockRow.state == "skipped",
                BlockRow.instance.startswith(_SEALED_BY),
                BlockRow.end == SeriesRow.end_serial,
            )
            .order_by(SeriesRow.name)
        ).all()
        for block_id, start, series_id, _ in sealed:
            connection.execute(delete(BlockRow).where(BlockRow.id == block_id))
            connection.execute(
                update(SeriesRow).where(SeriesRow.id == series_id).values(next_serial=start)
            )
        return [name for *_, name in sealed]


def _lock(connection: Connection) -> None:
    """Stop every lease, skip, release and new series until the export has ended."""
    if connection.dialect.name == "postgresql":
        # The tables, for a series that is made meanwhile has no row yet that could be locked; it
        # would be exported as it began, and leased from here. SQLite has locked the whole file.
        names = ", ".join(tables())
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    if connection.execute(
        select(NumberSpaceRow.id).where(NumberSpaceRow.moved_at.is_not(None))
    ).first():
        raise MovedError(
            f"the series of this database were exported before; `{program()} series reopen` takes"
            " that back if the export was never imported"
        )
    connection.execute(update(NumberSpaceRow).values(moved_at=DatabaseTime()))


def _leave_out_forgotten(connection: Connection, name: str, randbelow: RandBelow) -> None:
    """Skip each series past leases that a failover has forgotten, as the next lease would do.

    The importing database could not tell that there were any.
    """
    for series_id, timeline in connection.execute(select(SeriesRow.id, SeriesRow.timeline)).all():
        skip_if_forgotten(
            # Not in the seal's name, which `reopen` takes back.
            connection,
            series_id,
            timeline,
            instance=f"failover before {name}",
            randbelow=randbelow,
        )


def _seal(connection: Connection, name: str) -> None:
    for series_id, start, end in connection.execute(
        select(SeriesRow.id, SeriesRow.next_serial, SeriesRow.end_serial)
    ).all():
        # A series with nothing left has its tails sealed, too.
        skip(connection, series_id, start, end, instance=name)


def _rows(connection: Connection, table: Table) -> Iterator[Row]:
    chosen: Select[Any] = select(table).order_by(table.c.id).limit(ROWS)
    if table.name == BatchRow.__tablename__:
        # A claim that was not made good belongs to a request under way, which ends here.
        chosen = chosen.where(table.c.ranges.is_not(None), table.c.expires_at > DatabaseTime())
    last = 0
    while rows := connection.execute(chosen.where(table.c.id > last)).mappings().all():
        for row in rows:
            yield dict(row)
        last = rows[-1]["id"]
