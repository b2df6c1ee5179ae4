"""Whether the database's schema is the one that this version needs."""

from sqlalchemy import Connection, inspect, text

from tracking_service.errors import SchemaError
from tracking_service.store.database import Database
from tracking_service.store.database.errors import UPGRADE

REVISION = "0006"
"""The newest migration. Written down here, so that a start need not load Alembic; a test holds it
to `migrations/`. Revisions are numbers of one width, so that their order is that of their text."""


def check_schema(database: Database) -> None:
    """Raise SchemaError, which says what to do, if the schema is missing or not at head."""
    with database.transaction() as connection:
        found = revision_of(connection)
    if found is None:
        raise SchemaError(f"the database has no schema yet: {UPGRADE}")
    if found == REVISION:
        return
    if not (found.isdecimal() and found < REVISION):
        raise not_ours(found)
    raise SchemaError(
        f"the database's schema is {found} and this version needs {REVISION}: {UPGRADE}"
    )


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema; None if there is no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def not_ours(found: str) -> SchemaError:
    """The error for a schema at a revision that this version has no migration to or from."""
    if found.isdecimal() and found > REVISION:
        return SchemaError(
            f"the database's schema is {found}, newer than {REVISION}, the newest that this version"
            " knows: run the newer version of the service"
        )
    return SchemaError(
        f"the database's schema is {found!r}, which no version of this service has: check that"
        " DATABASE_URL names the right database"
    )
