"""Runs the migrations, one host at a time, in one transaction."""

import logging
from pathlib import Path
from typing import Any

import click
from alembic import context
from alembic.runtime.migration import MigrationInfo
from flask import current_app
from sqlalchemy import Connection

from tracking_service.errors import StoreError
from tracking_service.store.database import Database
from tracking_service.store.database.errors import with_remedy
from tracking_service.store.models import Base
from tracking_service.store.schema import not_ours, revision_of

log = logging.getLogger("migrations")
# It tells of itself before it tells of what it does; `migrated` tells of that.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)

# Any number will do, as long as nothing else that uses the database takes it.
ADVISORY_LOCK = 0x7472_6163_6B69_6E67

# How long to wait for another host's migration, then for a table, then for a statement; and, in
# seconds, for any answer, should the server not end the wait by itself.
TURN_TIMEOUT = "120s"
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "60s"
ANSWER_SECONDS = 130.0


def take_turn(connection: Connection) -> None:
    """Wait until no other host migrates. On SQLite, BEGIN IMMEDIATE has done so already."""
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(
        f"SET LOCAL lock_timeout = '{TURN_TIMEOUT}'; SET LOCAL statement_timeout = '{TURN_TIMEOUT}'"
    )
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
    # A migration that waits for a busy table makes all who come after it wait as well.
    connection.exec_driver_sql(
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';"
        f" SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
    )


def check_known(connection: Connection) -> None:
    """Raise SchemaError where the schema is at a revision that is none of ours.

    Alembic would say that it cannot locate it, which helps nobody.
    """
    found = revision_of(connection)
    known = {each.revision for each in context.script.walk_revisions()}
    if found is not None and found not in known:
        raise not_ours(found)


def migrated(*, step: MigrationInfo, **_: Any) -> None:
    """Log one migration. It lasts when the command succeeds, and all of its lines then."""
    if not step.is_stamp:
        verb = "up" if step.is_upgrade else "down"
        log.info("migrated", extra={"direction": verb, "revision": step.up_revision_id})


def run() -> None:
    """Bring the schema to where it is to be; all of it or nothing."""
    if context.is_offline_mode():
        raise click.ClickException(
            "offline SQL is not offered: it would print the number space's key"
        )
    migrate = current_app.extensions["migrate"]
    database: Database = migrate.db
    database.create_file(home=Path(current_app.instance_path))
    with database.transaction(write=True, answer_seconds=ANSWER_SECONDS) as connection:
        take_turn(connection)
        check_known(connection)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            # SQLite's DDL is transactional where the transaction was begun by hand, as it is.
            transactional_ddl=True,
            on_version_apply=migrated,  # type: ignore[arg-type]  # is called by keywords
            **migrate.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


try:
    run()
except StoreError as error:
    message = with_remedy(error, current_app.extensions["migrate"].db.backend)
    # Click's own, for Flask-Migrate would log Alembic's.
    raise click.ClickException(message) from error
