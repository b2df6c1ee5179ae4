"""Runs the migrations, one host at a time, in one transaction."""

import click
from alembic import context
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from tracking_service.store.database import LEASES

# Any number will do, as long as nothing else that uses the database takes it.
ADVISORY_LOCK = 0x7472_6163_6B69_6E67

# How long to wait for another host's migration, then for a table, then for a statement.
TURN_TIMEOUT = "120s"
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "60s"


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


def run() -> None:
    """Bring the schema to where it is to be; all of it or nothing."""
    if context.is_offline_mode():
        raise click.ClickException(
            "offline SQL is not offered: it would print the number space's key"
        )
    migrate = current_app.extensions["migrate"]
    engine = migrate.db.engine.execution_options(**{LEASES: True})
    with engine.begin() as connection:
        take_turn(connection)
        context.configure(
            connection=connection,
            target_metadata=migrate.db.metadata,
            # SQLite's DDL is transactional where the transaction was begun by hand, as it is.
            transactional_ddl=True,
            **migrate.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


try:
    run()
except OperationalError as error:
    cause = str(error.orig).strip().partition("\n")[0]
    # Click's own, for Flask-Migrate would log Alembic's.
    raise click.ClickException(f"the database does not answer: {cause}") from error
