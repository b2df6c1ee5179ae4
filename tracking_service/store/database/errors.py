"""Turns what a database driver raises into this service's errors, without secrets."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tracking_service.errors import SchemaError, StoreUnavailableError
from tracking_service.installation import program

_UNDEFINED_TABLE = {"42P01", "42703"}
_UNDEFINED = ("no such table", "no such column", "has no column")

ADVICE = f"run `{program()} db upgrade`"

_REMEDIES = {
    "sqlite": "check DATABASE_URL, and that this user may write the file and its folder",
    "postgresql": "check DATABASE_URL, and that the database runs and lets this user in",
}


def remedy(backend: str) -> str:
    """What an operator is to do where the database of this kind fails: not for callers over HTTP,
    for whom it would follow an address.
    """
    return _REMEDIES[backend]


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailableError or SchemaError for whatever the database raises within.

    The message is the driver's first line. It names hosts, and never the URL or its password.
    """
    try:
        yield
    except DBAPIError as error:
        cause = str(error.orig).strip().partition("\n")[0]
        if getattr(error.orig, "sqlstate", None) in _UNDEFINED_TABLE or any(
            text in cause for text in _UNDEFINED
        ):
            raise SchemaError(f"the schema is not the right one ({cause}): {ADVICE}") from error
        # A server that answers gives a code, and a file has nobody who would not answer.
        answered = getattr(error.orig, "sqlstate", None) or isinstance(error.orig, sqlite3.Error)
        what = "the database fails" if answered else "the database does not answer"
        raise StoreUnavailableError(f"{what}: {cause}") from error
    except PoolTimeoutError as error:
        raise StoreUnavailableError("every connection to the database is in use") from error
    except SQLAlchemyError as error:
        raise StoreUnavailableError(f"the database failed: {type(error).__name__}") from error
