"""Translates the errors of a database driver into this service's, without secrets."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tracking_service.errors import (
    ConflictError,
    SchemaError,
    StoreError,
    StoreFailedError,
    StoreUnavailableError,
)
from tracking_service.installation import program

UPGRADE = f"run `{program()} db upgrade`"

_IF_AWAY = {
    "sqlite": "check DATABASE_URL, and that this user may write the file and its folder",
    "postgresql": "check DATABASE_URL, and that the database runs and lets this user in",
}
_IF_IT_FAILS = {
    "sqlite": "check DATABASE_URL, and the disk that the file lies on",
    "postgresql": "check DATABASE_URL, and what the database logs",
}

# undefined_table, undefined_column
_UNDEFINED = {"42P01", "42703"}
_SQLITE_UNDEFINED = ("no such table", "no such column", "has no column")

# SQLSTATE codes and classes (https://www.postgresql.org/docs/current/errcodes-appendix.html) of a
# server that answers and cannot do what is asked: disk_full, out_of_memory, a column too small,
# insufficient_privilege, an I/O error, damaged data.
_FAILED = ("53100", "53200", "22", "42", "58", "XX")

# The file cannot be opened, or another process has it locked for too long; the low byte of
# SQLite's extended result codes (https://www.sqlite.org/rescode.html).
_SQLITE_UNAVAILABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def with_remedy(error: StoreError, backend: str) -> str:
    """Say what is wrong with a database of this kind, and what an operator should check.

    For the terminal and the log: HTTP answers do not mention settings.
    """
    match error:
        case StoreUnavailableError():
            return f"{error}; {_IF_AWAY[backend]}"
        case StoreFailedError():
            return f"{error}; {_IF_IT_FAILS[backend]}"
        case _:
            return str(error)


class SequenceBehindError(ConflictError):
    """The sequence of a table's ids is behind the table."""

    def __init__(self, message: str, table: str) -> None:
        super().__init__(message)
        self.table = table


@contextmanager
def translated() -> Iterator[None]:
    """Raise a StoreError for every error of SQLAlchemy in the block.

    A message is the driver's first line. It names hosts, and never the URL or its password.
    """
    try:
        yield
    except IntegrityError as error:
        message = f"the database refuses a row: {_first_line(error)}"
        if table := _table_with_this_id(error):
            raise SequenceBehindError(message, table) from error
        raise ConflictError(message) from error
    except DBAPIError as error:
        raise _translate(error) from error
    except PoolTimeoutError as error:
        raise StoreUnavailableError("every connection to the database is in use") from error
    except SQLAlchemyError as error:
        raise StoreFailedError(f"the database failed: {type(error).__name__}") from error


def _translate(error: DBAPIError) -> StoreError:
    cause = _first_line(error)
    state = getattr(error.orig, "sqlstate", None)
    if state in _UNDEFINED or (
        isinstance(error.orig, sqlite3.Error) and any(text in cause for text in _SQLITE_UNDEFINED)
    ):
        return SchemaError(f"the schema is not the right one ({cause}): {UPGRADE}")
    if isinstance(error.orig, sqlite3.Error):
        # An error of the module itself has no code.
        code = getattr(error.orig, "sqlite_errorcode", None)
        unavailable = code is None or code & 0xFF in _SQLITE_UNAVAILABLE
    else:
        unavailable = state is None or not state.startswith(_FAILED)
    what = "the database fails" if state or isinstance(error.orig, sqlite3.Error) else ""
    message = f"{what or 'the database does not answer'}: {cause}"
    return StoreUnavailableError(message) if unavailable else StoreFailedError(message)


def _table_with_this_id(error: IntegrityError) -> str | None:
    """The table in which PostgreSQL drew an id for a new row that another row has, or None."""
    facts = getattr(error.orig, "diag", None)
    if facts is not None and facts.constraint_name == f"pk_{facts.table_name}":
        return str(facts.table_name)
    return None


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
