"""The migrations: up, down and up again, by many hosts at once, to what the models say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, event, inspect

from tests.support.apps import opened_app
from tests.support.commands import ROOT, environment, flask
from tests.support.databases import DatabaseServer
from tests.support.stores import Stores
from tracking_service.cli.schema import prepare_migrations
from tracking_service.container import services_of
from tracking_service.errors import ConflictError, SchemaError
from tracking_service.numbering.builtin import ROUTED
from tracking_service.store import schema
from tracking_service.store.database import Database
from tracking_service.store.database import database_url as parsed
from tracking_service.store.models import Base

TABLES = set(Base.metadata.tables)
HOSTS = 10


@pytest.fixture
def app(empty_database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The app over a database without a schema."""
    with opened_app(empty_database_url, tmp_path) as opened, opened.app_context():
        prepare_migrations(opened)
        yield opened


@pytest.fixture
def database(app: Flask) -> Database:
    return services_of(app).database


@pytest.fixture
def engine(database: Database) -> Engine:
    """What the database's transactions run on; for events and inspection alone."""
    return database.engine()


def stated(fact: Any) -> str:
    """As text: a condition of an index is an object that equals no other."""
    if isinstance(fact, dict):
        return str({str(key): stated(value) for key, value in sorted(fact.items())})
    return str(fact)


def described(engine: Engine) -> dict[str, Any]:
    """All that the database tells of its tables, in an order of no account."""
    inspector = inspect(engine)
    found = {}
    for table in TABLES:
        facts = {
            "columns": inspector.get_columns(table),
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": inspector.get_foreign_keys(table),
            "unique": inspector.get_unique_constraints(table),
            "checks": inspector.get_check_constraints(table),
            "indexes": inspector.get_indexes(table),
        }
        found[table] = {
            name: sorted(map(stated, fact)) if isinstance(fact, list) else stated(fact)
            for name, fact in facts.items()
        }
    return found


def test_up_down_and_up_again(database: Database, engine: Engine) -> None:
    flask_migrate.upgrade()
    first = described(engine)
    schema.check_schema(database)
    flask_migrate.downgrade(revision="base")

    assert {"alembic_version"} == set(inspect(engine).get_table_names())
    with pytest.raises(SchemaError, match="no schema yet: run `flask db upgrade`"):
        schema.check_schema(database)

    flask_migrate.upgrade()

    assert first == described(engine)
    schema.check_schema(database)


def test_up_twice_changes_nothing(database: Database) -> None:
    flask_migrate.upgrade()
    with database.transaction() as connection:
        before = connection.exec_driver_sql("SELECT key FROM number_space").all()
    flask_migrate.upgrade()
    with database.transaction() as connection:
        assert before == connection.exec_driver_sql("SELECT key FROM number_space").all()


def test_autogenerate_finds_no_difference(database: Database) -> None:
    flask_migrate.upgrade()
    with database.transaction() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)

        assert [] == compare_metadata(context, Base.metadata)


def test_the_models_would_build_the_same(
    engine: Engine, postgres_server: DatabaseServer, tmp_path: Path
) -> None:
    """Autogenerate looks at neither checks nor the conditions of indexes."""
    flask_migrate.upgrade()
    name = None
    url = f"sqlite:///{tmp_path / 'models.sqlite3'}"
    if engine.dialect.name == "postgresql":
        name = postgres_server.create_database()
        url = postgres_server.url(name)
    models = create_engine(parsed(url))
    Base.metadata.create_all(models)
    expected = described(models)
    models.dispose()
    if name is not None:
        postgres_server.drop_database(name)

    assert expected == described(engine)


def test_the_newest_migration_is_the_one_that_the_start_asks_for() -> None:
    scripts = ScriptDirectory(str(ROOT / "migrations"))

    assert [schema.REVISION] == scripts.get_heads()
    assert 1 == len(scripts.get_bases())


def test_every_database_gets_a_key_of_its_own(database: Database) -> None:
    keys = []
    for _ in range(2):
        flask_migrate.upgrade()
        with database.transaction() as connection:
            keys.append(connection.exec_driver_sql("SELECT key FROM number_space").scalar_one())
        flask_migrate.downgrade(revision="base")

    assert [32, 32] == [len(key) for key in keys]
    assert keys[0] != keys[1]


def test_what_is_made_next_gets_an_id_of_its_own(database_url: str) -> None:
    """The first rows brought their ids with them; the database's own counting goes on after."""
    with Stores(database_url) as stores:
        stores.create("next", number_space="next")

        assert [(1,), (2,)] == stores.rows("SELECT id FROM series ORDER BY id")
        assert [(1,), (2,)] == stores.rows("SELECT id FROM number_space ORDER BY id")


def test_a_migration_that_fails_leaves_nothing(engine: Engine) -> None:
    def fail(*arguments: Any) -> None:
        if arguments[2].lstrip().startswith("CREATE INDEX"):
            raise RuntimeError("the disk is full, say")

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(SystemExit):
        flask_migrate.upgrade()
    event.remove(engine, "before_cursor_execute", fail)

    assert not TABLES & set(inspect(engine).get_table_names())

    flask_migrate.upgrade()

    assert set(inspect(engine).get_table_names()) >= TABLES


def test_a_migration_waits_neither_for_a_lock_nor_for_a_statement_for_ever(
    engine: Engine,
) -> None:
    shown: dict[str, Any] = {}

    def ask(*arguments: Any) -> None:
        if not arguments[2].lstrip().startswith("CREATE TABLE block"):
            return
        if engine.dialect.name == "sqlite":
            row = arguments[1].connection.execute("PRAGMA busy_timeout").fetchone()
            shown["busy_timeout"] = row[0]
            shown["in_transaction"] = arguments[1].connection.in_transaction
            return
        with arguments[1].connection.cursor() as cursor:
            for name in ("lock_timeout", "statement_timeout"):
                shown[name] = cursor.execute(f"SHOW {name}").fetchone()[0]
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            shown["advisory locks"] = cursor.fetchone()[0]

    event.listen(engine, "before_cursor_execute", ask)
    flask_migrate.upgrade()
    event.remove(engine, "before_cursor_execute", ask)

    if engine.dialect.name == "sqlite":
        assert {"busy_timeout": 5000, "in_transaction": True} == shown
    else:
        assert 1 <= shown.pop("advisory locks")
        assert {"lock_timeout": "10s", "statement_timeout": "1min"} == shown


def test_ten_hosts_may_migrate_at_once(empty_database_url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "flask", "db", "upgrade"],
            cwd=ROOT,
            env=environment(DATABASE_URL=empty_database_url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(HOSTS)
    ]
    try:
        said = [process.communicate(timeout=100)[0] for process in started]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    assert [0] * HOSTS == [process.returncode for process in started], "\n".join(said)
    with Stores(empty_database_url) as stores:
        assert [("default",)] == stores.rows("SELECT name FROM series")
        assert [(ROUTED.text,)] == stores.rows("SELECT name FROM number_space")
        assert [(schema.REVISION,)] == stores.rows("SELECT version_num FROM alembic_version")


def test_the_database_keeps_no_migration_from_a_lease(database_url: str) -> None:
    """Another host may lease while this one finds that there is nothing to do."""
    with Stores(database_url) as stores:
        store = stores.store()
        store.lease("default", 1)
        done = flask("db", "upgrade", env={"DATABASE_URL": database_url})
        store.lease("default", 1)

        assert 0 == done.returncode, done.stderr
        assert [(0, 10_000, "leased"), (10_000, 20_000, "leased")] == stores.states("default")


def test_the_tables_refuse_a_series_without_a_space(database_url: str) -> None:
    with Stores(database_url) as stores, pytest.raises(ConflictError, match="(?i)foreign key"):
        stores.change("UPDATE series SET number_space_id = 99")
