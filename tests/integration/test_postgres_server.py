"""The PostgreSQL servers that the fault tests stand on do what those tests believe."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.databases import DatabaseServer
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer.create({"log_min_duration_statement": "1234"}) as server:
        server.execute("CREATE TABLE word (text text)")
        yield server


def test_a_parameter_is_the_servers(server: PostgresServer) -> None:
    assert [("1234ms",)] == server.execute("SHOW log_min_duration_statement")


def test_a_server_restarts_on_its_port_with_its_data(server: PostgresServer) -> None:
    before = server.port
    server.execute("INSERT INTO word VALUES ('kept')")
    server.stop("immediate")

    assert not server.running
    with pytest.raises(psycopg.OperationalError):
        server.execute("SELECT 1")

    server.start()

    assert before == server.port
    assert [("kept",)] == server.execute("SELECT text FROM word WHERE text = 'kept'")


def test_a_killed_server_starts_again(server: PostgresServer) -> None:
    server.kill()

    assert not server.running

    server.start()

    assert [(1,)] == server.execute("SELECT 1")


def test_a_paused_server_hangs_and_goes_on(server: PostgresServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        server.pause()
        try:
            # The kernel accepts, nobody answers.
            with pytest.raises(psycopg.errors.ConnectionTimeout):
                psycopg.connect(server.url(), connect_timeout=2)
        finally:
            server.resume()

        assert (2,) == connection.execute("SELECT 2").fetchone()


def test_a_paused_server_can_be_stopped(server: PostgresServer) -> None:
    server.pause()
    server.stop("fast")

    assert not server.running

    server.start()


def test_a_database_is_a_copy_of_its_template(server: PostgresServer) -> None:
    template = server.create_database()
    server.execute("CREATE TABLE thing ()", database=template)
    copy = server.create_database(template=template)

    assert [(0,)] == server.execute("SELECT count(*) FROM thing", database=copy)

    with psycopg.connect(server.url(copy)):
        server.drop_database(copy)
    server.drop_database(template)
    left = server.execute("SELECT 1 FROM pg_database WHERE datname IN (%s, %s)", [copy, template])

    assert [] == left


def test_a_standby_follows_and_takes_over_without_what_it_never_received(
    server: PostgresServer,
) -> None:
    with server.base_backup(apply_delay="1h") as standby:
        server.execute("INSERT INTO word VALUES ('received')")
        server.wait_for_standby(standby)

        # Received and not yet shown: the delay.
        assert [] == standby.execute("SELECT text FROM word WHERE text = 'received'")

        standby.stop_receiving()
        server.execute("INSERT INTO word VALUES ('forgotten')")
        server.kill()
        standby.promote()
        words = standby.execute("SELECT text FROM word WHERE text IN ('received', 'forgotten')")

        assert [("received",)] == words
        assert 2 == standby.timeline()

        standby.execute("INSERT INTO word VALUES ('later')")

    server.start()

    assert 1 == server.timeline()


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="no_such_parameter"):
        PostgresServer.create({"no_such_parameter": "on"})


def test_a_destroyed_server_leaves_nothing() -> None:
    server = PostgresServer.create()
    server.pause()
    server.close()

    assert not server.running
    assert not server.folder.exists()


def test_each_test_has_an_empty_database_of_its_own(
    postgres_url: str, postgres_server: DatabaseServer
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE thing ()")
        found = connection.execute("SELECT current_database()").fetchone()

    assert postgres_url == postgres_server.url(found[0] if found else None)
    assert [(0,)] == postgres_server.execute("SELECT count(*) FROM pg_class WHERE relname='thing'")
