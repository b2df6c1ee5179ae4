"""Moving every series to another database: an export that seals, and an import into a fresh one.

An export is JSON Lines: a heading, a line for each row of each table, a line that counts them, and
one that says that the seal is committed; without these last two it is not imported. It holds the
keys of the number spaces.

No number repeats, because the two databases never have the same serials to give. The transaction
that reads the rows also seals the series: all serials that no lease had taken, and all tails that
had been handed back, belong to the export from its commit on and are left out here. What was
leased before stays with the instances that hold it, whatever becomes of it, and the importing
database knows those blocks as leased.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from tracking_service.allocation import Block
from tracking_service.errors import ExportError, MovedError
from tracking_service.installation import program
from tracking_service.store.database import Database
from tracking_service.store.export_lines import Row, line, parsed, read
from tracking_service.store.models import (
    Base,
    BatchRecord,
    BlockRecord,
    NumberSpace,
    Series,
)
from tracking_service.store.schema import REVISION
from tracking_service.store.skipping import LEASES_AHEAD, skip
from tracking_service.store.timeline import server_timeline

FORMAT = "tracking-service export 1"

ROWS = 1000
"""Rows read or written by one statement, so that none reaches the time-out."""

ANSWER_SECONDS = 60.0
"""How long the database may take for one answer; the whole may take longer."""

_SEALED_BY = "export:"
_NOT_WHOLE = "the export is not whole: its last line does not say that it sealed"


def tables() -> list[Table]:
    """Every table, those first that others refer to."""
    return Base.metadata.sorted_tables


def export(
    database: Database, write: Callable[[str], object], *, keep: Callable[[], None], now: datetime
) -> dict[str, int]:
    """Write an export, line by line, and seal every series; return the counts of rows.

    `keep` returns when what was written is safe; it is called before the seal is committed, and
    after the last line, which says that it was. Where any of this raises, what was written is no
    use to anybody. Raises MovedError where this was done before.
    """
    name = _SEALED_BY + secrets.token_hex(8)
    counts: dict[str, int] = {}
    # Here and below: however long the whole takes, it must not be cut off.
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        _lock(connection, now)
        write(line({"format": FORMAT, "schema": REVISION, "name": name, "at": now.isoformat()}))
        for table in tables():
            counts[table.name] = 0
            for row in _rows(connection, table, now):
                counts[table.name] += 1
                write(line({"table": table.name, "row": row}))
        write(line({"rows": counts}))
        _seal(connection, name, now)
        keep()
    # Only here is the commit known.
    write(line({"sealed": name}))
    keep()
    return counts


def reopen(database: Database) -> list[str]:
    """Take the seal off every series again; return their names.

    Only where the export was never imported, or the two databases give the same serials. Tails
    that had been handed back before it stay left out. Raises MovedError where nothing is sealed.
    """
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        moved = connection.execute(
            update(NumberSpace).where(NumberSpace.moved_at.is_not(None)).values(moved_at=None)
        )
        if not moved.rowcount:
            raise MovedError("no series of this database is sealed")
        sealed = connection.execute(
            select(BlockRecord.id, BlockRecord.start, Series.id, Series.name)
            .join(Series, BlockRecord.series_id == Series.id)
            .where(
                BlockRecord.state == "skipped",
                BlockRecord.instance.startswith(_SEALED_BY),
                BlockRecord.end == Series.end_serial,
            )
            .order_by(Series.name)
        ).all()
        for block_id, start, series_id, _ in sealed:
            connection.execute(delete(BlockRecord).where(BlockRecord.id == block_id))
            connection.execute(
                update(Series).where(Series.id == series_id).values(next_serial=start)
            )
        return [name for *_, name in sealed]


def import_(database: Database, lines: Iterable[str]) -> dict[str, int]:
    """Put the rows of an export in the place of a fresh database's own; return their counts.

    All or nothing. Raises ExportError if the export is damaged, cut short or of another version,
    and if the database is not fresh: something was leased, or an instance is connected. The latter
    only PostgreSQL can tell; with SQLite, every instance must have been stopped.
    """
    reading = iter(lines)
    heading = read(next(reading, ""))
    if heading.get("format") != FORMAT:
        raise ExportError("this is not an export of this service")
    if heading.get("schema") != REVISION:
        raise ExportError(
            f"the export's schema is {heading.get('schema')} and this version needs {REVISION}:"
            " export and import with the same version"
        )
    known = {table.name: table for table in tables()}
    counts = dict.fromkeys(known, 0)
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        _empty(connection)
        while facts := [read(text_line) for text_line in islice(reading, ROWS)]:
            ending = next((n for n, fact in enumerate(facts) if "rows" in fact), None)
            _insert(connection, known, facts[:ending], counts)
            if ending is not None:
                rest = [*facts[ending + 1 :], *map(read, reading)]
                if facts[ending]["rows"] != counts:
                    raise ExportError("the export is damaged: its rows are not those it counted")
                if rest != [{"sealed": heading.get("name")}]:
                    raise ExportError(_NOT_WHOLE)
                _adopt(connection)
                return counts
        raise ExportError(_NOT_WHOLE)


def _lock(connection: Connection, now: datetime) -> None:
    """Let nobody lease, skip, hand back or make anything until the export has ended."""
    if connection.dialect.name == "postgresql":
        # The tables, for a series that is made meanwhile has no row yet that could be locked; it
        # would be exported as it began, and leased from here. SQLite has locked the whole file.
        names = ", ".join(table.name for table in tables())
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    if connection.execute(select(NumberSpace.id).where(NumberSpace.moved_at.is_not(None))).first():
        raise MovedError(
            f"the series of this database were exported before; `{program()} series reopen` takes"
            " that back if the export was never imported"
        )
    connection.execute(update(NumberSpace).values(moved_at=now))


def _seal(connection: Connection, name: str, now: datetime) -> None:
    for series_id, start, end in connection.execute(
        select(Series.id, Series.next_serial, Series.end_serial)
    ).all():
        # A series with nothing left has its tails sealed, too; `skip` stops at its end.
        skip(connection, series_id, Block(start, max(end, start + 1)), instance=name, now=now)


def _rows(connection: Connection, table: Table, now: datetime) -> Iterator[Row]:
    chosen: Select[Any] = select(table).order_by(table.c.id).limit(ROWS)
    if table.name == BatchRecord.__tablename__:
        # A claim that was not made good belongs to a request under way, which ends here.
        chosen = chosen.where(table.c.ranges.is_not(None), table.c.expires_at > now)
    last = 0
    while rows := connection.execute(chosen.where(table.c.id > last)).mappings().all():
        for row in rows:
            yield dict(row)
        last = rows[-1]["id"]


def _empty(connection: Connection) -> None:
    """Make room in a database whose series nobody has used; else raise ExportError."""
    # Locks the rows, so that a lease that begins now waits, and then finds others.
    connection.execute(update(Series).values(lease_count=Series.lease_count))
    used = connection.execute(select(func.sum(Series.lease_count))).scalar_one()
    blocks = connection.execute(select(func.count()).select_from(BlockRecord)).scalar_one()
    if used or blocks:
        raise ExportError("serials of this database have been leased: an export is for a fresh one")
    if connection.dialect.name == "postgresql" and _others(connection):
        # Such an instance would go on with the key that it has read, under the imported serials.
        raise ExportError("an instance is connected to this database: stop it first")
    for table in reversed(tables()):
        connection.execute(delete(table))


def _others(connection: Connection) -> int:
    others: int = connection.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'tracking-service' AND pid <> pg_backend_pid()"
        )
    ).scalar_one()
    return others


def _insert(
    connection: Connection, known: Mapping[str, Table], facts: list[Any], counts: dict[str, int]
) -> None:
    rows: dict[str, list[Row]] = {}
    for fact in facts:
        table = known.get(fact.get("table"))
        if table is None or not isinstance(fact.get("row"), dict):
            raise ExportError("the export is damaged: a line is no row of a known table")
        rows.setdefault(table.name, []).append(parsed(table, fact["row"]))
    for name, values in rows.items():
        try:
            connection.execute(insert(known[name]), values)
        except IntegrityError as error:
            raise ExportError("the export is damaged: its rows contradict one another") from error
        counts[name] += len(values)


def _adopt(connection: Connection) -> None:
    """Make the imported rows this database's own."""
    connection.execute(update(NumberSpace).values(moved_at=None))
    connection.execute(
        # The old server's history is not this one's; none was forgotten in between. It may yet
        # lease tails that its instances hand back, which this database will not have counted.
        update(Series).values(
            timeline=server_timeline(connection), lease_count=Series.lease_count + LEASES_AHEAD
        )
    )
    if connection.dialect.name == "postgresql":
        # The rows brought their ids; the sequences behind go on after them.
        for table in tables():
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608
                    f" greatest((SELECT max(id) FROM {table.name}), 1))"
                )
            )
