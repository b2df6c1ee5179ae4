"""Whether the database's schema is the one that this version needs."""

from sqlalchemy import Engine, inspect, text

from tracking_service.errors import SchemaError
from tracking_service.store.deadline import transaction
from tracking_service.store.failures import translated

REVISION = "0004"
"""The newest migration. Written down here, so that a start need not load Alembic; a test holds it
to `migrations/`."""

ADVICE = "run `flask db upgrade`"


def check_schema(engine: Engine) -> None:
    """Raise SchemaError, which says what to do, where the schema is missing or not at head."""
    with translated(), transaction(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            raise SchemaError(f"the database has no schema yet: {ADVICE}")
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is None:
        raise SchemaError(f"the database has no schema yet: {ADVICE}")
    if found != REVISION:
        raise SchemaError(
            f"the database's schema is {found} and this version needs {REVISION}: {ADVICE}"
        )
