"""A seal or an import that a failover forgets would let two databases issue the same numbers.

So the transfer ends only when every standby has received it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.postgres import PostgresServer
from tests.support.stores import Stores
from tracking_service.errors import ExportError, SeriesExhaustedError, StandbyError
from tracking_service.store import transfer


@pytest.fixture
def standby(server: PostgresServer) -> Iterator[PostgresServer]:
    """An asynchronous standby of `server`."""
    with server.base_backup() as started:
        server.wait_for_standby(started)
        yield started


def export(stores: Stores) -> list[str]:
    lines: list[str] = []
    transfer.export(stores.database, lines.append, keep=lambda: None)
    return lines


def test_an_export_is_whole_only_when_its_standbys_have_the_seal(
    server: PostgresServer, standby: PostgresServer
) -> None:
    lines: list[str] = []
    with Stores(server.url("tracking")) as stores:
        standby.pause()
        with pytest.raises(StandbyError, match="could forget it; .* series reopen` takes that"):
            transfer.export(stores.database, lines.append, keep=lambda: None, standby_seconds=0.5)
        assert not any("sealed" in json.loads(line) for line in lines)
        standby.resume()
        transfer.reopen(stores.database)

        assert "sealed" in json.loads(export(stores)[-1])

    server.kill()
    standby.promote()
    with (
        Stores(standby.url("tracking")) as stores,
        pytest.raises(SeriesExhaustedError, match="moved to another database"),
    ):
        stores.store().lease("default", 1)


def test_an_import_is_done_only_when_its_standbys_have_it(
    server: PostgresServer, standby: PostgresServer, migrated_sqlite_url: str
) -> None:
    with Stores(migrated_sqlite_url) as old:
        lines = export(old)
    with Stores(server.url("tracking")) as new:
        standby.pause()
        with pytest.raises(StandbyError, match="start no instance before the standby has received"):
            transfer.import_(new.database, lines, standby_seconds=0.5)
        standby.resume()


def test_a_role_that_cannot_see_the_standbys_exports_nothing(
    server: PostgresServer, standby: PostgresServer
) -> None:
    for statement in (
        "CREATE ROLE clerk LOGIN",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO clerk",
    ):
        server.execute(statement, database="tracking")
    url = server.url("tracking").replace("//postgres@", "//clerk@")
    with Stores(url) as stores:
        with pytest.raises(ExportError, match="GRANT pg_monitor"):
            export(stores)
        server.execute("GRANT pg_monitor TO clerk", database="tracking")

        assert "sealed" in json.loads(export(stores)[-1])
